"""What a life tells of itself, and what may be left of it: the oracle of these campaigns.

A life sends its events as they happen: in its own process to a `Journal`, from a child as lines
of JSON through a pipe. `Offered` comes before a commit reaches the storage and `Acknowledged` as
soon as a call has returned, so at every moment the journal brackets what the log may hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias
from uuid import UUID

import msgspec
from attrs import define, field

Documents: TypeAlias = dict[UUID, bytes]
"""The encoded documents of one state, in insertion order."""


class Opening(msgspec.Struct, frozen=True, tag=True):
    """The life is about to open its database."""


class Offered(msgspec.Struct, frozen=True, tag=True):
    """The writer is about to hand a commit to the storage."""

    seq: int
    facts: list[tuple[UUID, bytes | None]]


class Acknowledged(msgspec.Struct, frozen=True, tag=True):
    """A call has returned, and this is the commit that it made."""

    seq: int


class Refused(msgspec.Struct, frozen=True, tag=True):
    """A call has raised `PersistFailed`."""

    call: str
    errno: int | None
    """That of its cause, if the cause is an OSError."""
    reason: str


class Settled(msgspec.Struct, frozen=True, tag=True):
    """`open` or `compact` has returned, and this is the inode that bears the log's name."""

    inode: int


class Closed(msgspec.Struct, frozen=True, tag=True):
    """The database was closed without an error."""


Event: TypeAlias = Opening | Offered | Acknowledged | Refused | Settled | Closed
Send: TypeAlias = Callable[[Event], None]


@define
class Journal:
    """What a log may hold after everything that its lives have told.

    Example:
        >>> journal = Journal()
        >>> journal.take(Offered(1, [(id, b"1")]))
        >>> journal.at(0), journal.at(1)
        ({}, {id: b'1'})
    """

    seq: int = 0
    """The commit at which the log was last examined."""
    documents: Documents = field(factory=dict)
    """What it held then."""
    offered: list[Offered] = field(factory=list)
    """The commits since then, in order."""
    acknowledged: int = 0
    """The newest commit that must be found."""
    refused: list[Refused] = field(factory=list)
    inode: int | None = None
    """The file that must be found under the log's name; None if that may be one or another."""
    closed: bool = False

    def take(self, event: Event) -> None:
        """Note an event."""
        match event:
            case Offered(seq):
                assert seq == self.newest + 1, "commits are offered in order"
                self.offered.append(event)
            case Acknowledged(seq):
                self.acknowledged = max(self.acknowledged, seq)
            case Refused():
                self.refused.append(event)
            case Settled(inode):
                self.inode = inode
            case Closed():
                self.closed = True
            case Opening():
                pass

    @property
    def newest(self) -> int:
        """The newest commit that may be found."""
        return self.seq + len(self.offered)

    def at(self, seq: int) -> Documents:
        """Give the documents as they are after commit `seq`, in insertion order."""
        documents = dict(self.documents)
        for offered in self.offered[: seq - self.seq]:
            for id_, data in offered.facts:
                if data is None:
                    del documents[id_]
                else:
                    documents[id_] = data
        return documents

    def forget_refused(self) -> None:
        """Take it that every refusal had its reason: what was offered and refused is not there."""
        self.refused.clear()
        del self.offered[max(self.acknowledged - self.seq, 0) :]

    def restart(self, seq: int) -> None:
        """Begin anew from what was found: the log ends at commit `seq`, and that is on disk."""
        self.documents = self.at(seq)
        self.seq = self.acknowledged = seq
        self.offered.clear()
        self.refused.clear()
        self.inode = None
        self.closed = False
