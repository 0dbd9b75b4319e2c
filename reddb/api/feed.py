"""Change feeds: what was committed, commit by commit, after the log has it.

In both write orders a feed gives a commit only when it can no longer be taken back. It waits for
nobody and nobody waits for it: the writer puts commits into the feed's buffer, and predicates run
in the task that reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Generic, Literal, Self, TypeVar, overload
from uuid import UUID

import msgspec
import trio
from attrs import frozen

from reddb.actor.changes import Change, ChangeRuns
from reddb.actor.document import Document, uuid_of
from reddb.actor.feeds import Subscription
from reddb.actor.scan import SLICE_CHANGES, sliced
from reddb.actor.state import Reader
from reddb.actor.turns import let_others_run
from reddb.actor.wording import counted

T = TypeVar("T")


class DocumentChange(msgspec.Struct, Generic[T], frozen=True, eq=False, gc=False):
    """What a commit did to one document. Its values are read when they are asked for.

    The garbage collector does not track it: what a reader holds does not lead back to a change.
    """

    _reader: Reader[T]
    _change: Change

    @property
    def op(self) -> Literal["insert", "update", "delete"]:
        """What was done."""
        if self._change.before is None:
            return "insert"
        return "delete" if self._change.after is None else "update"

    @property
    def id(self) -> UUID:
        """The document's id."""
        return uuid_of(self._change.key)

    @property
    def before(self) -> T | None:
        """The data that was there; None for an insert.

        Raises:
            DecodeError: It does not fit the document type.
        """
        return self._value(self._change.before)

    @property
    def after(self) -> T | None:
        """The data that is there now; None for a delete.

        Raises:
            DecodeError: It does not fit the document type.
        """
        return self._value(self._change.after)

    def _value(self, data: bytes | None) -> T | None:
        return None if data is None else self._reader.decode(self._change.key, data)

    def document(self) -> Document[T]:
        """Give the document as it is after the change, which must leave one.

        Raises:
            DecodeError: It does not fit the document type.
        """
        assert self._change.after is not None, "a removed document is not there"
        return self._reader.read(self._change.key, self._change.after)

    def touches(self, predicate: Callable[[T], object]) -> bool:
        """Tell whether `predicate` accepts the data before or after the change."""
        key, versions = self._change.key, (self._change.before, self._change.after)
        return any(
            predicate(self._reader.decode(key, data)) for data in versions if data is not None
        )

    def _key(self) -> tuple[int, bytes | None, bytes | None]:
        return self._change.key, self._change.before, self._change.after

    def __eq__(self, other: object) -> bool:
        """Tell whether the other does the same to the same document."""
        return self._key() == other._key() if isinstance(other, DocumentChange) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"<DocumentChange {self.op} {self.id}>"


class _Changes(Sequence[DocumentChange[T]]):
    """Changes as a reader sees them, each of them made when it is asked for.

    A commit of a hundred thousand would else take the reader tens of milliseconds to let go of.
    """

    def __init__(self, reader: Reader[T], changes: Sequence[Change]) -> None:
        self._reader = reader
        self._changes = changes

    def __len__(self) -> int:
        return len(self._changes)

    @overload
    def __getitem__(self, at: int) -> DocumentChange[T]: ...
    @overload
    def __getitem__(self, at: slice) -> _Changes[T]: ...
    def __getitem__(self, at: int | slice) -> DocumentChange[T] | _Changes[T]:
        if isinstance(at, slice):
            return _Changes(self._reader, self._changes[at])
        return DocumentChange(self._reader, self._changes[at])

    def __iter__(self) -> Iterator[DocumentChange[T]]:
        return map(partial(DocumentChange, self._reader), self._changes)

    def __repr__(self) -> str:
        return f"<{counted(len(self), 'change')}>"


@frozen(eq=False)
class FeedCommit(Generic[T]):
    """One commit, or several that a feed has coalesced."""

    seq: int
    """Its number; that of the newest, if several were coalesced."""
    changes: Sequence[DocumentChange[T]]
    """What it did, one change a document; each is made anew whenever it is asked for."""


class Feed(Generic[T]):
    """An asynchronous iterator of commits. Get one from `RedDb.watch`.

    It ends when the database is closed, and is closed when its block is left. One task at a time
    may read it.

    Example:
        >>> async with db.watch() as feed:
        ...     async for commit in feed:
        ...         print(commit.seq, [change.op for change in commit.changes])
    """

    def __init__(
        self,
        subscription: Subscription,
        reader: Reader[T],
        predicate: Callable[[T], object] | None,
    ) -> None:
        self._subscription = subscription
        self._reader = reader
        self._predicate = predicate
        self._is_read = False

    @property
    def seq(self) -> int:
        """The number of the last commit that was given or left out, or that the feed began after.

        Where a feed has a predicate, commits that do not concern it are left out.
        """
        return self._subscription.seen

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FeedCommit[T]:
        """Wait for the next commit that touches what the feed is about, and give it.

        Raises:
            FeedLagged: The feed was read too slowly, and commits were lost.
            DecodeError: A document that the predicate is to look at does not fit the type.
            DatabaseBroken: The writer has died.
            DatabaseClosed: The block that the feed belongs to has been left.
            trio.BusyResourceError: Another task is waiting for the feed's next commit.
            StopAsyncIteration: The database was closed.
            Exception: Whatever the predicate raises.
        """
        if self._is_read:
            raise trio.BusyResourceError("another task is reading this feed")
        self._is_read = True
        try:
            while True:
                applied = await self._subscription.get()
                if applied is None:
                    raise StopAsyncIteration
                changes = applied.changes
                if self._predicate is not None:
                    changes = await self._touching(changes, self._predicate)
                if changes:
                    return FeedCommit(applied.seq, _Changes(self._reader, changes))
        finally:
            self._is_read = False

    async def _touching(
        self, changes: Sequence[Change], predicate: Callable[[T], object]
    ) -> Sequence[Change]:
        """Give the changes that the feed is about, a slice at a time.

        The commit has left the buffer, so being cancelled here would lose it.
        """
        touching = ChangeRuns()
        for number, part in enumerate(sliced(changes, SLICE_CHANGES)):
            if number:
                with trio.CancelScope(shield=True):
                    await let_others_run()
            for change in part:
                if DocumentChange(self._reader, change).touches(predicate):
                    touching.append(change)
        return touching
