"""What handles may ask of the writer: frozen values, named by imperative verbs.

A command says what is wanted and carries what its sender could prepare without the writer: ids,
encoded bytes. The type parameter is what the writer answers. Two commands, `UpdateWhere` and
`DeleteWhere`, carry closures of the user's, which run in the writer at the command's turn; they
are never logged.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence, Set
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from reddb.actor.changes import Change, Insertions
from reddb.actor.document import Document
from reddb.actor.state import State

ResultT = TypeVar("ResultT")


class Command(msgspec.Struct, Generic[ResultT], frozen=True, eq=False):
    """The base of all commands. A struct, for making one takes a fifth of what attrs takes."""


class Record(msgspec.Struct, frozen=True, eq=False):
    """A value that was made ready to be stored under an id."""

    key: int
    data: bytes
    document: Document[Any]
    """What the caller gets."""
    shared: Document[Any] | None = None
    """The same, where its type is immutable, so that readers may share it."""

    def change(self, before: bytes | None) -> Change:
        """Give the change that stores the record in place of `before`; None for an insert."""
        return Change(self.key, before, self.data, self.shared)


def insertions(records: Sequence[Record]) -> Insertions:
    """Give the changes that insert some records."""
    keys = tuple([record.key for record in records])
    data = tuple([record.data for record in records])
    return Insertions(keys, data, tuple([record.shared for record in records]))


class Staged(msgspec.Struct, frozen=True, eq=False):
    """What a transaction wants to write."""

    changes: Sequence[Change]
    """The net change to each id, with `before` as the transaction has seen it."""
    missing: Sequence[int]
    """Keys that it updates or deletes and has not seen."""


class InsertOne(Command[None], frozen=True, eq=False):
    """Store a new document: the quickest way to, as many of these become commits together."""

    record: Record


class Insert(Command[None], frozen=True, eq=False):
    """Store new documents, all or none."""

    changes: Sequence[Change]
    expects_empty: bool = False
    """Whether the database must be empty."""
    rewrites_log: bool = False
    """Keep them by writing the whole log anew, as compaction does, not as one more commit in it.

    That is just as atomic, and takes little memory, now and at every opening: a commit is one
    frame, and a frame is made and read as a whole.
    """


class UpdateOne(Command[bool], frozen=True, eq=False):
    """Replace one document's value; answers whether the document was there."""

    record: Record


class DeleteOne(Command["Document[Any]"], frozen=True, eq=False):
    """Remove one document; answers what it was, or raises `DocumentNotFound`."""

    key: int


class UpdateWhere(Command["list[Document[Any]]"], frozen=True, eq=False):
    """Rewrite the documents whose data a predicate accepts; answers the new ones."""

    predicate: Callable[[Any], object]
    limit: int | None
    rewrite: Callable[[Document[Any]], Record]


class DeleteWhere(Command[int], frozen=True, eq=False):
    """Remove the documents whose data a predicate accepts; answers how many."""

    predicate: Callable[[Any], object]


class CommitTransaction(Command[None], frozen=True, eq=False):
    """Apply what a transaction staged, all or nothing."""

    began: int
    """The number of the last commit that the transaction has seen."""
    staged: Staged
    read_keys: Set[int]
    """The ids, as numbers, that it looked up or writes."""
    read_predicates: Sequence[Callable[[Any], object]]
    """What its queries asked of documents' data."""


class Transact(Command[Any], frozen=True, eq=False):
    """Run a transaction in the writer, on the newest state; answers what its function gives."""

    run: Callable[[State[Any]], tuple[Staged, object]]


class AddIndex(Command[None], frozen=True, eq=False):
    """Build an index over all documents and keep it from now on."""

    name: str
    key_fn: Callable[[Any], Hashable]
    unique: bool


class Compact(Command[None], frozen=True, eq=False):
    """Rewrite the log with one record per live document; answered when that is done."""


OfOneDocument: TypeAlias = InsertOne | UpdateOne | DeleteOne
"""The commands that change one document, which mostly takes but a moment."""

Decidable: TypeAlias = (
    OfOneDocument | Insert | UpdateWhere | DeleteWhere | CommitTransaction | Transact | AddIndex
)
"""The commands that lead from one state to the next: all but `Compact`."""
