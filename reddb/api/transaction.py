"""Transactions: writes that are staged here and applied by the writer as one commit, or not at all.

A transaction belongs to its object, not to the handle, so any number may be under way on one
handle. What it reads is the state at its beginning with its own writes on top, which is a state
like any other; nothing of it is seen elsewhere before the commit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from enum import Enum
from types import TracebackType
from typing import Generic, Self, TypeVar
from uuid import UUID

import trio
from attrs import define, field

from reddb.actor.commands import CommitTransaction, Record
from reddb.actor.document import Document
from reddb.actor.state import Change, State
from reddb.api.query import SnapshotQuery
from reddb.api.snapshot import Snapshot, key_of
from reddb.errors import TransactionClosed

T = TypeVar("T")


class TransactionStatus(Enum):
    """Where a transaction is in its life."""

    OPEN = "open"
    """It takes reads and writes."""
    COMMITTED = "committed"
    """`commit` was called, whatever came of it."""
    ROLLED_BACK = "rolled back"
    """`rollback` was called, or its block raised."""


@define(eq=False)
class Transaction(Generic[T]):
    """A transaction on one handle. Get one from `RedDb.begin`.

    Example:
        >>> async with db.begin() as tx:
        ...     account = tx.find_one(id)
        ...     tx.update_one(id, evolve(account.data, balance=0))
    """

    _began: State[T]
    _record: Callable[[UUID | None, T], Record]
    _ask: Callable[[CommitTransaction], Awaitable[None]]
    status: TransactionStatus = field(default=TransactionStatus.OPEN, init=False)
    _staged: dict[int, Record | None] = field(factory=dict, init=False)
    """The newest value of each id that was written; None where it was deleted."""
    _missing: list[int] = field(factory=list, init=False)
    _view: State[T] = field(init=False)
    _unseen: dict[int, Record | None] = field(factory=dict, init=False)
    """What was staged since `_view` was made."""

    def __attrs_post_init__(self) -> None:
        self._view = self._began.branch()

    # Writes.

    def insert_one(self, value: T) -> Document[T]:
        """Stage a new document; give it with its id.

        Raises:
            EncodeError: The value does not fit the document type or the format.
            TransactionClosed: The transaction was committed or rolled back.
        """
        self._check_open()
        record = self._record(None, value)
        self._stage(record.entry.key, record)
        return record.document

    def update_one(self, id: UUID, value: T) -> None:  # noqa: A002
        """Stage a new value for a document. A missing one makes the commit fail.

        Raises:
            EncodeError: The value does not fit the document type or the format.
            TransactionClosed: The transaction was committed or rolled back.
            TypeError: The id is no UUID.
        """
        self._check_open()
        key = key_of(id)
        record = self._record(id, value)
        if self._is_there(key):
            self._stage(key, record)
        else:
            self._missing.append(key)

    def delete_one(self, id: UUID) -> None:  # noqa: A002
        """Stage the removal of a document. A missing one makes the commit fail.

        Raises:
            TransactionClosed: The transaction was committed or rolled back.
            TypeError: The id is no UUID.
        """
        self._check_open()
        key = key_of(id)
        if self._is_there(key):
            self._stage(key, None)
        else:
            self._missing.append(key)

    # Reads.

    def get(self, id: UUID) -> Document[T] | None:  # noqa: A002
        """Give the document with this id as the transaction sees it, or None.

        Raises:
            DecodeError: It does not fit the document type.
            TransactionClosed: The transaction was committed or rolled back.
        """
        return self._reads().get(id)

    def find_one(self, id: UUID) -> Document[T]:  # noqa: A002
        """Give the document with this id as the transaction sees it.

        Raises:
            DocumentNotFound: There is none.
            DecodeError: It does not fit the document type.
            TransactionClosed: The transaction was committed or rolled back.
        """
        return self._reads().find_one(id)

    def find(self, value: T) -> list[Document[T]]:
        """Give the documents equal to `value` as the transaction sees them.

        Raises:
            DecodeError: A document does not fit the document type.
            TransactionClosed: The transaction was committed or rolled back.
        """
        return self._reads().find(value)

    def query(self) -> SnapshotQuery[T]:
        """Begin a query on what the transaction sees now.

        Raises:
            TransactionClosed: The transaction was committed or rolled back.
        """
        return self._reads().query()

    def using_index(self, name: str, key: Hashable) -> list[Document[T]]:
        """Give the documents that have `key` in an index, as the transaction sees them.

        Raises:
            IndexNotFound: There was no such index when the transaction began.
            DecodeError: A document does not fit the document type.
            TransactionClosed: The transaction was committed or rolled back.
        """
        return self._reads().using_index(name, key)

    # The end.

    async def commit(self) -> None:
        """Apply all that was staged as one commit, or nothing of it.

        Raises:
            TransactionConflict: A document that it writes was changed since it began.
            DocumentNotFound: It updates or deletes a document that is not there.
            TransactionClosed: The transaction was committed or rolled back already.
            PersistFailed: The log could not be written.
            DatabaseClosed: The database is closed.
            DatabaseBroken: The writer has died.
        """
        self._check_open()
        self.status = TransactionStatus.COMMITTED
        changes = _changes(self._began, self._staged)
        if changes or self._missing:
            await self._ask(CommitTransaction(changes, self._missing))
        else:
            await trio.lowlevel.checkpoint()

    def rollback(self) -> None:
        """Forget all that was staged.

        Raises:
            TransactionClosed: The transaction was committed or rolled back already.
        """
        self._check_open()
        self.status = TransactionStatus.ROLLED_BACK

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Commit or, if the block raised, roll back; nothing if the block did either itself."""
        if self.status is not TransactionStatus.OPEN:
            return
        if error is None:
            await self.commit()
        else:
            self.rollback()

    # Inside.

    def _check_open(self) -> None:
        if self.status is not TransactionStatus.OPEN:
            raise TransactionClosed(f"the transaction was {self.status.value}; begin another")

    def _is_there(self, key: int) -> bool:
        if key in self._staged:
            return self._staged[key] is not None
        return key in self._began

    def _stage(self, key: int, record: Record | None) -> None:
        self._staged[key] = self._unseen[key] = record

    def _reads(self) -> Snapshot[T]:
        """Give what the transaction sees: its beginning with its own writes on top."""
        self._check_open()
        if self._unseen:
            changes = _changes(self._view, self._unseen)
            self._view = self._view.apply(changes, self._began.seq)
            self._unseen = {}
        return Snapshot(self._view)


def _changes(state: State[T], staged: dict[int, Record | None]) -> list[Change]:
    """Give what `staged` changes in `state`."""
    changes: list[Change] = []
    for key, record in staged.items():
        before = state.entry(key)
        if record is not None:
            changes.append(Change(key, before, record.entry, record.document))
        elif before is not None:
            changes.append(Change(key, before, None))
    return changes
