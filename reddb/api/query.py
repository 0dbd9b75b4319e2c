"""Queries: what to look for, and the two ways of asking for it.

A query is a value that says what is wanted; every step gives a new one. A handle's `Query` looks
at the newest state when its terminal is awaited; a snapshot's `SnapshotQuery` has plain terminals
and always looks at that snapshot. Predicates and keys are given the documents' data.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import partial
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

import trio
from attrs import evolve, field, frozen

from reddb.actor.document import Document, uuid_of
from reddb.actor.scan import scan, sliced
from reddb.actor.sorting import RUN_ITEMS, sorted_by
from reddb.actor.state import State
from reddb.actor.steps import run_at_once, run_cooperatively
from reddb.api.config import is_whole_number
from reddb.api.feed import Feed
from reddb.errors import DatabaseBroken, DatabaseClosed, DecodeError

T = TypeVar("T")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


@frozen
class Plan:
    """What a query wants."""

    filters: tuple[Callable[[Any], object], ...] = ()
    orders: tuple[tuple[Callable[[Any], Any], bool], ...] = ()
    """Sort keys, the most important first, each with whether it is reversed."""
    skip: int = 0
    limit: int | None = None

    def where(self, predicate: Callable[[Any], object]) -> Plan:
        """Give this plan with one more filter."""
        return evolve(self, filters=(*self.filters, predicate))

    def accepts(self, data: Any) -> bool:
        """Tell whether every filter accepts a document's data."""
        return all(predicate(data) for predicate in self.filters)

    @property
    def end(self) -> int | None:
        """Behind how many matches nothing more is wanted; None where all are."""
        return None if self.limit is None else self.skip + self.limit

    @property
    def enough(self) -> int | None:
        """How many matches are enough; None where all must be seen."""
        return None if self.orders else self.end


@frozen
class Collected(Generic[T]):
    """What a query found, and what it could not read. `Query.collect` gives it.

    Example:
        >>> found = await db.query().collect()
        >>> for error in found.errors:
        ...     print(error.id, error)
    """

    documents: list[Document[T]]
    """The documents that match."""
    errors: list[DecodeError]
    """An error for each document that could not be read, with its id, in insertion order."""


def select(
    state: State[T], plan: Plan, unreadable: list[DecodeError] | None = None
) -> Generator[None, None, list[Document[T]]]:
    """Give the documents that `plan` wants; yield where others may run.

    Args:
        state: Where to look.
        plan: What is wanted.
        unreadable: Where to note the documents that cannot be read; without it they are errors.

    Raises:
        DecodeError: A stored document does not fit the document type.
        Exception: Whatever a predicate or key raises.
    """
    found: list[Document[T]] = []
    most = plan.end if plan.orders else None
    for matches in _matches(state, plan, unreadable):
        found += matches
        if plan.enough is not None and len(found) >= plan.enough:
            break
        if most is not None and len(found) > most + RUN_ITEMS:
            found = (yield from _ordered(found, plan))[:most]
        yield
    found = yield from _ordered(found, plan)
    _cut(found, plan)
    return found


def _cut(found: list[Any], plan: Plan) -> None:
    """Take off what skip and limit leave out. A copy of a million would take 20 milliseconds."""
    if plan.end is not None:
        del found[plan.end :]
    del found[: plan.skip]


def _matches(
    state: State[T], plan: Plan, unreadable: list[DecodeError] | None = None
) -> Iterator[list[Document[T]]]:
    """Give the documents that the filters of `plan` accept, a slice of all at a time."""
    for documents in scan(state, unreadable):
        matches = documents
        for predicate in plan.filters:
            matches = [document for document in matches if predicate(document.data)]
        yield matches


def _ordered(found: list[Document[T]], plan: Plan) -> Generator[None, None, list[Document[T]]]:
    for key, reverse in reversed(plan.orders):
        found = yield from sorted_by(found, partial(_key_of, key), reverse)
    return found


def _key_of(key: Callable[[Any], Any], document: Document[Any]) -> Any:
    return key(document.data)


def count(state: State[Any], plan: Plan) -> Generator[None, None, int]:
    """Give how many documents `plan` wants; yield where others may run.

    Raises:
        DecodeError: A stored document does not fit the document type.
        Exception: Whatever a predicate raises.
    """
    found = 0
    for matches in _matches(state, plan):
        found += len(matches)
        if plan.end is not None and found >= plan.end:
            found = plan.end
            break
        yield
    return max(found - plan.skip, 0)


def ids(state: State[T], plan: Plan) -> Generator[None, None, list[UUID]]:
    """Give the ids of the documents that `plan` wants; yield where others may run.

    Raises:
        DecodeError: A stored document does not fit the document type.
        Exception: Whatever a predicate or key raises.
    """
    keys: list[int] = []
    if plan.orders:
        for documents in sliced((yield from select(state, plan)), RUN_ITEMS):
            keys += [document.key for document in documents]
            yield
    else:
        for matches in _matches(state, plan):
            keys += [document.key for document in matches]
            if plan.end is not None and len(keys) >= plan.end:
                break
            yield
        _cut(keys, plan)
    found: list[UUID] = []
    for part in sliced(keys, RUN_ITEMS):
        found += map(uuid_of, part)
        yield
    return found


def equal_to(value: object) -> Callable[[object], bool]:
    """Give the predicate that accepts data equal to `value`."""
    return lambda data: bool(data == value)


def whole_number(count: object, what: str) -> int:
    """Give `count`, an argument of `what`, if it is a whole number of at least 0.

    Raises:
        ValueError: It is not.
    """
    if not is_whole_number(count) or count < 0:
        raise ValueError(f"{what} takes a whole number of at least 0, not {count!r}")
    return count


def plain_function(fn: F, what: str) -> F:
    """Give `fn`, an argument of `what`, if it can be called, and is no async function.

    What an async function gives is a coroutine, which is as good as True wherever it is asked.

    Raises:
        TypeError: It cannot, or it is.
    """
    if not callable(fn):
        raise TypeError(f"{what} takes a function, not {fn!r}")
    call = fn if inspect.isroutine(fn) or isinstance(fn, partial) else type(fn).__call__
    if inspect.iscoroutinefunction(call):
        raise TypeError(f"{what} takes a plain function, not an async one")
    return fn


@frozen(eq=False)
class _QueryBuilder(Generic[T]):
    """The steps that both kinds of query share."""

    _source: Callable[[Plan], State[T]]
    """Gives the state to look at, and may take note of what is asked."""
    _plan: Plan = field(factory=Plan)

    def filter(self, predicate: Callable[[T], object]) -> Self:
        """Keep the documents whose data `predicate` accepts; several filters are and-ed.

        Args:
            predicate: Given a document's data; a true result keeps the document.

        Raises:
            TypeError: The predicate is no function, or an async one.
        """
        return evolve(self, plan=self._plan.where(plain_function(predicate, "filter")))

    def order_by(self, key: Callable[[T], Any], reverse: bool = False) -> Self:
        """Sort by `key`, in place of insertion order; a later order_by breaks ties of this one.

        Args:
            key: Given a document's data; gives something that sorts.
            reverse: Whether the greatest comes first. Equal ones keep their order either way.

        Raises:
            TypeError: The key is no function, or an async one.
        """
        order = (plain_function(key, "order_by"), reverse)
        return evolve(self, plan=evolve(self._plan, orders=(*self._plan.orders, order)))

    def skip(self, n: int) -> Self:
        """Leave out the first `n` documents.

        Raises:
            ValueError: `n` is no whole number of at least 0.
        """
        return evolve(self, plan=evolve(self._plan, skip=whole_number(n, "skip")))

    def limit(self, n: int) -> Self:
        """Give at most `n` documents.

        Raises:
            ValueError: `n` is no whole number of at least 0.
        """
        return evolve(self, plan=evolve(self._plan, limit=whole_number(n, "limit")))

    def _first(self) -> Plan:
        limit = 1 if self._plan.limit is None else min(1, self._plan.limit)
        return evolve(self._plan, limit=limit)


@frozen(eq=False)
class Query(_QueryBuilder[T]):
    """A lazy query on a handle: it runs, on the newest state, when a terminal is awaited.

    Every terminal is a checkpoint and raises what a predicate or key raises, `DecodeError` for a
    stored document that does not fit the type, `DatabaseClosed` and `DatabaseBroken`.

    Example:
        >>> done = db.query().filter(lambda note: note.done)
        >>> page = await done.order_by(lambda note: note.due).limit(10).all()
    """

    _watch: Callable[..., contextlib.AbstractAsyncContextManager[Feed[T]]] = field(kw_only=True)
    _kept: Callable[[], State[T]] = field(kw_only=True)
    """Gives the newest state that cannot be taken back, which is what `live` shows."""

    async def all(self) -> list[Document[T]]:
        """Give all documents that match."""
        return await self._select(self._plan)

    async def first(self) -> Document[T] | None:
        """Give the first document that matches, or None."""
        return next(iter(await self._select(self._first())), None)

    async def count(self) -> int:
        """Give how many documents match, after skip and limit."""
        return await self._run(count)

    async def ids(self) -> list[UUID]:
        """Give the ids of the documents that match."""
        return await self._run(ids)

    async def collect(self) -> Collected[T]:
        """Give all documents that match among those that can be read, and the errors of the others.

        Where every other call raises `DecodeError` for a stored document that does not fit the
        type, this one passes it over. No filter is asked of it, so that it counts for no limit.

        Example:
            >>> found = await db.query().filter(lambda note: note.done).collect()
            >>> [error.id for error in found.errors]
            []
        """
        await trio.lowlevel.checkpoint()
        errors: list[DecodeError] = []
        steps = select(self._source(self._plan), self._plan, errors)
        return Collected(await run_cooperatively(steps), errors)

    @contextlib.asynccontextmanager
    async def live(self) -> AsyncIterator[LiveResults[T]]:
        """Follow the result of this query: iterate to get it now and after every change to it.

        Raises:
            DatabaseClosed: The database is closed.
            DatabaseBroken: The writer has died.

        Example:
            >>> async with db.query().filter(lambda job: job.waiting).live() as results:
            ...     async for jobs in results:
            ...         show(jobs)
        """
        watch = self._watch(self._plan.accepts, buffer_commits_max=1, coalesce=True)
        async with watch as feed:
            results = LiveResults(self._kept, self._plan, feed)
            try:
                yield results
            finally:
                results._closed = True  # noqa: SLF001  # An object of our own making.

    async def _run(self, terminal: Callable[[State[T], Plan], Generator[None, None, R]]) -> R:
        await trio.lowlevel.checkpoint()
        return await run_cooperatively(terminal(self._source(self._plan), self._plan))

    async def _select(self, plan: Plan) -> list[Document[T]]:
        await trio.lowlevel.checkpoint()
        return await run_cooperatively(select(self._source(plan), plan))


class LiveResults(Generic[T]):
    """An asynchronous iterator of a query's newest whole result. Get one from `Query.live`.

    It gives the result as it is at first, and again after each commit that touches a document which
    the query's filters accept. To a slow reader it gives the newest result, not those in between.
    It ends when the database is closed.
    """

    def __init__(self, kept: Callable[[], State[T]], plan: Plan, feed: Feed[T]) -> None:
        self._kept = kept
        self._plan = plan
        self._feed = feed
        self._seq = 0
        """The number of the commit that the last result was of."""
        self._is_due = True
        """Whether the result may have changed since; stays so if the reader is cancelled."""
        self._is_read = False
        """Whether a task is waiting for the next result."""
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Document[T]]:
        """Wait until the result may have changed, and give it.

        Raises:
            DecodeError: A stored document does not fit the document type.
            DatabaseBroken: The writer has died.
            DatabaseClosed: The block that the live query belongs to has been left.
            trio.BusyResourceError: Another task is waiting for its next result.
            StopAsyncIteration: The database was closed.
            Exception: Whatever a predicate or key raises.
        """
        if self._closed:
            raise DatabaseClosed("the live query is closed: its block has been left")
        if self._is_read:
            raise trio.BusyResourceError("another task is reading this live query")
        self._is_read = True
        try:
            return await self._next_result()
        finally:
            self._is_read = False

    async def _next_result(self) -> list[Document[T]]:
        while not self._is_due:
            self._is_due = await self._next_seq() > self._seq
        state = self._kept()
        documents = await run_cooperatively(select(state, self._plan))
        self._seq, self._is_due = state.seq, False
        return documents

    async def _next_seq(self) -> int:
        """Wait for the next commit that matters, and give its number."""
        try:
            return (await anext(self._feed)).seq
        except (StopAsyncIteration, DatabaseBroken, DatabaseClosed):
            raise
        except Exception:  # A filter's, so nobody knows: the next one to ask sees for itself.
            self._is_due = True
            raise


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
        return run_at_once(count(self._source(self._plan), self._plan))

    def ids(self) -> list[UUID]:
        """Give the ids of the documents that match."""
        return run_at_once(ids(self._source(self._plan), self._plan))

    def collect(self) -> Collected[T]:
        """Give all documents that match and can be read, and the errors of those that cannot.

        See `Query.collect`. This one raises no `DecodeError`.
        """
        errors: list[DecodeError] = []
        return Collected(run_at_once(select(self._source(self._plan), self._plan, errors)), errors)

    def _select(self, plan: Plan) -> list[Document[T]]:
        return run_at_once(select(self._source(plan), plan))
