"""Queries: what to look for, and the two ways of asking for it.

A query is a value that says what is wanted; every step gives a new one. A handle's `Query` looks
at the newest state when its terminal is awaited; a snapshot's `SnapshotQuery` has plain terminals
and always looks at that snapshot. Predicates and keys are given the documents' data.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

import trio
from attrs import evolve, field, frozen

from reddb.actor.document import Document
from reddb.actor.scan import scan
from reddb.actor.state import State
from reddb.actor.steps import run_at_once, run_cooperatively

T = TypeVar("T")


@frozen
class Plan:
    """What a query wants."""

    filters: tuple[Callable[[Any], object], ...] = ()
    orders: tuple[tuple[Callable[[Any], Any], bool], ...] = ()
    """Sort keys, the most important first, each with whether it is reversed."""
    skip: int = 0
    limit: int | None = None

    @property
    def enough(self) -> int | None:
        """How many matches are enough; None where all must be seen."""
        return None if self.orders or self.limit is None else self.skip + self.limit


def select(state: State[T], plan: Plan) -> Generator[None, None, list[Document[T]]]:
    """Give the documents that `plan` wants; yield where others may run.

    Raises:
        DecodeError: A stored document does not fit the document type.
        Exception: Whatever a predicate or key raises.
    """
    found: list[Document[T]] = []
    for documents in scan(state):
        matches = documents
        for predicate in plan.filters:
            matches = [document for document in matches if predicate(document.data)]
        found += matches
        if plan.enough is not None and len(found) >= plan.enough:
            break
        yield
    for key, reverse in reversed(plan.orders):
        _sort(found, key, reverse)
    end = None if plan.limit is None else plan.skip + plan.limit
    return found[plan.skip : end]


def _sort(found: list[Document[Any]], key: Callable[[Any], Any], reverse: bool) -> None:
    found.sort(key=lambda document: key(document.data), reverse=reverse)


def whole_number(count: object, what: str) -> int:
    """Give `count`, an argument of `what`, if it is a whole number of at least 0.

    Raises:
        ValueError: It is not.
    """
    if not isinstance(count, int) or count < 0:
        raise ValueError(f"{what} takes a whole number of at least 0, not {count!r}")
    return count


@frozen(eq=False)
class _QueryBuilder(Generic[T]):
    """The steps that both kinds of query share."""

    _state: Callable[[], State[T]]
    _plan: Plan = field(factory=Plan)

    def filter(self, predicate: Callable[[T], object]) -> Self:
        """Keep the documents whose data `predicate` accepts; several filters are and-ed.

        Args:
            predicate: Given a document's data; a true result keeps the document.
        """
        return evolve(self, plan=evolve(self._plan, filters=(*self._plan.filters, predicate)))

    def order_by(self, key: Callable[[T], Any], reverse: bool = False) -> Self:
        """Sort by `key`, in place of insertion order; a later order_by breaks ties of this one.

        Args:
            key: Given a document's data; gives something that sorts.
            reverse: Whether the greatest comes first. Equal ones keep their order either way.
        """
        return evolve(self, plan=evolve(self._plan, orders=(*self._plan.orders, (key, reverse))))

    def skip(self, n: int) -> Self:
        """Leave out the first `n` documents.

        Raises:
            ValueError: `n` is negative.
        """
        return evolve(self, plan=evolve(self._plan, skip=whole_number(n, "skip")))

    def limit(self, n: int) -> Self:
        """Give at most `n` documents.

        Raises:
            ValueError: `n` is negative.
        """
        return evolve(self, plan=evolve(self._plan, limit=whole_number(n, "limit")))

    def _first(self) -> Plan:
        limit = 1 if self._plan.limit is None else min(1, self._plan.limit)
        return evolve(self._plan, limit=limit)


class Query(_QueryBuilder[T]):
    """A lazy query on a handle: it runs, on the newest state, when a terminal is awaited.

    Every terminal is a checkpoint and raises what a predicate or key raises, `DecodeError` for a
    stored document that does not fit the type, `DatabaseClosed` and `DatabaseBroken`.

    Example:
        >>> done = db.query().filter(lambda note: note.done)
        >>> page = await done.order_by(lambda note: note.due).limit(10).all()
    """

    __slots__ = ()

    async def all(self) -> list[Document[T]]:
        """Give all documents that match."""
        return await self._select(self._plan)

    async def first(self) -> Document[T] | None:
        """Give the first document that matches, or None."""
        return next(iter(await self._select(self._first())), None)

    async def count(self) -> int:
        """Give how many documents match, after skip and limit."""
        return len(await self._select(self._plan))

    async def ids(self) -> list[UUID]:
        """Give the ids of the documents that match."""
        return [document.id for document in await self._select(self._plan)]

    async def _select(self, plan: Plan) -> list[Document[T]]:
        await trio.lowlevel.checkpoint()
        return await run_cooperatively(select(self._state(), plan))


class SnapshotQuery(_QueryBuilder[T]):
    """A lazy query on a snapshot; its terminals are plain calls.

    Every terminal raises what a predicate or key raises, and `DecodeError` for a stored document
    that does not fit the type.

    Example:
        >>> snapshot.query().filter(lambda note: note.done).count()
        3
    """

    __slots__ = ()

    def all(self) -> list[Document[T]]:
        """Give all documents that match."""
        return self._select(self._plan)

    def first(self) -> Document[T] | None:
        """Give the first document that matches, or None."""
        return next(iter(self._select(self._first())), None)

    def count(self) -> int:
        """Give how many documents match, after skip and limit."""
        return len(self._select(self._plan))

    def ids(self) -> list[UUID]:
        """Give the ids of the documents that match."""
        return [document.id for document in self._select(self._plan)]

    def _select(self, plan: Plan) -> list[Document[T]]:
        return run_at_once(select(self._state(), plan))
