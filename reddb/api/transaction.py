"""Transactions: writes that are staged here and applied by the writer as one commit, or not at all.

A transaction belongs to its object, not to the handle, so any number may be under way on one
handle. What it reads is the state at its beginning with its own writes on top, which is a state
like any other; nothing of it is seen elsewhere before the commit.

It notes which ids it read and what its queries asked. At its commit the writer refuses it if any
commit since its beginning touched one of those, or what it writes; so transactions that succeed
might as well have run one after the other, in the order of their commits.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Hashable, Iterable
from enum import Enum
from types import TracebackType
from typing import Generic, Self, TypeVar
from uuid import UUID

import trio
from attrs import define, field

from reddb.actor.changes import Change
from reddb.actor.commands import CommitTransaction, Record, Staged
from reddb.actor.document import Document
from reddb.actor.state import State
from reddb.api.query import Plan, SnapshotQuery, equal_to
from reddb.api.snapshot import Snapshot, key_of
from reddb.errors import RedDbError, TransactionClosed

T = TypeVar("T")


class TransactionStatus(Enum):
    """Where a transaction is in its life."""

    OPEN = "open"
    """It takes reads and writes."""
    COMMITTING = "being committed"
    """A task waits in `commit`; no other may use the transaction."""
    COMMITTED = "handed in for commit"
    """`commit` was called, whatever came of it."""
    ROLLED_BACK = "rolled back"
    """`rollback` was called, or its block raised."""


_OPEN = TransactionStatus.OPEN  # Quicker to look up than an enum's attribute.


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
    _staged: dict[int, Change] = field(factory=dict, init=False)
    """The net change to each id that was written, which may be none."""
    _missing: list[int] = field(factory=list, init=False)
    _view: State[T] | None = field(default=None, init=False)
    """What the transaction sees, but for `_unseen`; None as long as that is its beginning."""
    _unseen: list[int] = field(factory=list, init=False)
    """The ids that were written since `_view` was made."""
    _read_keys: set[int] = field(factory=set, init=False)
    _read_predicates: list[Callable[[T], object]] = field(factory=list, init=False)

    def __repr__(self) -> str:
        return f"<Transaction on commit {self._began.seq}, {self.status.value}>"

    # Writes.

    def insert_one(self, value: T) -> Document[T]:
        """Stage a new document; give it with its id.

        Raises:
            EncodeError: The value does not fit the document type or the format.
            TransactionClosed: The transaction was committed or rolled back.
        """
        self._check_open()
        record = self._record(None, value)
        net = self._net(record.key)
        if net.after is not None:
            raise RedDbError(f"a document with the id {record.document.id} is there already")
        self._stage(net, record)
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
        net = self._net(key)
        if net.after is not None:
            self._stage(net, record)
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
        net = self._net(key)
        if net.after is not None:
            self._stage(net, None)
        else:
            self._missing.append(key)

    # Reads.

    def get(self, id: UUID) -> Document[T] | None:  # noqa: A002
        """Give the document with this id as the transaction sees it, or None.

        Raises:
            DecodeError: It does not fit the document type.
            TransactionClosed: The transaction was committed or rolled back.
            TypeError: The id is no UUID.
        """
        view = self._reads()
        self._read_keys.add(key_of(id))
        return Snapshot(view).get(id)

    def find_one(self, id: UUID) -> Document[T]:  # noqa: A002
        """Give the document with this id as the transaction sees it.

        Raises:
            DocumentNotFound: There is none.
            DecodeError: It does not fit the document type.
            TransactionClosed: The transaction was committed or rolled back.
            TypeError: The id is no UUID.
        """
        view = self._reads()
        self._read_keys.add(key_of(id))
        return Snapshot(view).find_one(id)

    def find_all(self) -> list[Document[T]]:
        """Give all documents as the transaction sees them, in insertion order.

        Raises:
            DecodeError: A document does not fit the document type.
            TransactionClosed: The transaction was committed or rolled back.
        """
        return self.query().all()

    def find(self, value: T) -> list[Document[T]]:
        """Give the documents equal to `value` as the transaction sees them.

        Raises:
            DecodeError: A document does not fit the document type.
            TransactionClosed: The transaction was committed or rolled back.
        """
        return self.query().filter(equal_to(copy.deepcopy(value))).all()

    def query(self) -> SnapshotQuery[T]:
        """Begin a query on what the transaction sees.

        Raises:
            TransactionClosed: The transaction was committed or rolled back.
        """
        self._check_open()
        return SnapshotQuery(self._asked)

    def using_index(self, name: str, key: Hashable) -> list[Document[T]]:
        """Give the documents that have `key` in an index, as the transaction sees them.

        Raises:
            IndexNotFound: There was no such index when the transaction began.
            DecodeError: A document does not fit the document type.
            TransactionClosed: The transaction was committed or rolled back.
            TypeError: The key cannot be hashed.
        """
        view = self._reads()
        index = view.index(name)
        self._read_predicates.append(lambda data: index.key_of(data) == key)
        return Snapshot(view).using_index(name, key)

    # The end.

    async def commit(self) -> None:
        """Apply all that was staged as one commit, or nothing of it.

        Whatever comes of it, the transaction is over then. If this is cancelled it did not happen.

        Raises:
            TransactionConflict: A commit since the transaction began touched what it read or
                writes, or so many were made that this cannot be told any more.
            DocumentNotFound: It updates or deletes a document that is not there.
            UniqueViolation: Two documents would share a key of a unique index.
            TransactionClosed: The transaction was committed or rolled back already.
            PersistFailed: The log could not be written.
            DatabaseClosed: The database is closed.
            DatabaseBroken: The writer has died.
            trio.BusyResourceError: Another task is committing it right now.
            Exception: Whatever a predicate of its queries or a key function raises.
        """
        self._check_open()
        command = self._command()
        self.status = TransactionStatus.COMMITTING
        try:
            await self._ask(command)
        finally:
            self.status = TransactionStatus.COMMITTED

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
        """Commit or, if the block raised, roll back; nothing if the block did either itself.

        A block that ends well has passed a checkpoint, but what was committed in it is committed:
        that is no place to be cancelled at.
        """
        if error is not None:
            if self.status is TransactionStatus.OPEN:
                self.rollback()
        elif self.status in {TransactionStatus.OPEN, TransactionStatus.COMMITTING}:
            await self.commit()
        elif self.status is TransactionStatus.ROLLED_BACK:
            await trio.lowlevel.checkpoint()

    # Inside.

    def end(self) -> Staged:
        """Give what is to be written, and take no more; for the database itself."""
        if self.status is TransactionStatus.ROLLED_BACK:
            return Staged((), ())
        self.status = TransactionStatus.COMMITTED
        return self._to_write()

    def _command(self) -> CommitTransaction:
        """Give what the writer is asked. Who writes nothing has read one state: that is fine."""
        staged = self._to_write()
        if not staged.changes and not staged.missing:
            return CommitTransaction(self._began.seq, staged, frozenset(), ())
        # What was written was looked up before, so its ids are among those that were read.
        return CommitTransaction(self._began.seq, staged, self._read_keys, self._read_predicates)

    def _to_write(self) -> Staged:
        return Staged(_without_none(self._staged.values()), self._missing)

    def _check_open(self) -> None:
        if self.status is _OPEN:
            return
        if self.status is TransactionStatus.COMMITTING:
            raise trio.BusyResourceError("another task is committing this transaction")
        raise TransactionClosed(f"the transaction was {self.status.value}; begin another")

    def _net(self, key: int) -> Change:
        """Give the net change to an id so far; one to what is there if nothing was written."""
        change = self._staged.get(key)
        if change is None:
            self._read_keys.add(key)
            data = self._began.data(key)
            change = Change(key, data, data)
        return change

    def _stage(self, net: Change, record: Record | None) -> None:
        """Put a record, or nothing, in place of what a change leaves."""
        key, before = net.key, net.before
        self._staged[key] = Change(key, before, None) if record is None else record.change(before)
        self._unseen.append(key)

    def _asked(self, plan: Plan) -> State[T]:
        """Give what a query is to look at, and note what it asks."""
        view = self._reads()
        self._read_predicates.append(plan.accepts)
        return view

    def _reads(self) -> State[T]:
        """Give what the transaction sees: its beginning with its own writes on top."""
        self._check_open()
        view = self._began if self._view is None else self._view
        if self._unseen:
            if view is self._began:
                view = view.branch()
            changes = [_as_seen(view, self._staged[key]) for key in dict.fromkeys(self._unseen)]
            self._view = view = view.apply(_without_none(changes), self._began.seq)
            self._unseen = []
        return view


def _as_seen(view: State[T], change: Change) -> Change:
    """Give a change as one of what a view has, where it was one of an earlier state."""
    return Change(change.key, view.data(change.key), change.after, change.document)


def _without_none(changes: Iterable[Change]) -> list[Change]:
    """Leave out the changes from nothing to nothing."""
    return [each for each in changes if each.before is not None or each.after is not None]
