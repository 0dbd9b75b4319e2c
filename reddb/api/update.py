"""Updating by predicate: one atomic commit, decided in the writer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from uuid import UUID

from attrs import evolve, frozen

from reddb.actor.commands import Record, UpdateWhere
from reddb.actor.document import Document
from reddb.api.query import plain_function, whole_number

T = TypeVar("T")


@frozen(eq=False)
class Update(Generic[T]):
    """An update that is being described. Get one from `RedDb.update_where`.

    Example:
        >>> await db.update_where(lambda n: n.due < today).exec(lambda n: evolve(n, late=True))
        2
    """

    _ask: Callable[[UpdateWhere], Awaitable[list[Document[T]]]]
    _record: Callable[[UUID | None, T], Record]
    _predicate: Callable[[T], object]
    _limit: int | None = None

    def limit(self, n: int) -> Update[T]:
        """Update at most the first `n` documents that match, in insertion order.

        Raises:
            ValueError: `n` is no whole number of at least 0.
        """
        return evolve(self, limit=whole_number(n, "limit"))

    async def exec(self, transform: Callable[[T], T]) -> int:
        """Replace each match's data by what `transform` makes of it; give how many there were.

        Args:
            transform: Given a document's data; gives its new data. It runs in the writer, at the
                command's turn, so it must be quick, and plain code.

        Raises:
            EncodeError: A new value does not fit the document type or the format.
            DecodeError: A stored document does not fit the document type.
            UniqueViolation: Two documents would share a key of a unique index.
            PersistFailed: The log could not be written.
            DatabaseClosed: The database is closed.
            DatabaseBroken: The writer has died.
            TypeError: `transform` is no function, or an async one.
            Exception: Whatever the predicate or `transform` raises; nothing is changed then.
        """
        return len(await self.returning(transform))

    async def returning(self, transform: Callable[[T], T]) -> list[Document[T]]:
        """Do as `exec`, but give the updated documents, in insertion order."""
        plain_function(transform, "update_where")

        def rewrite(document: Document[T]) -> Record:
            return self._record(document.id, transform(document.data))

        return await self._ask(UpdateWhere(self._predicate, self._limit, rewrite))
