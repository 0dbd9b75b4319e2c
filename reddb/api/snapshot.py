"""Snapshots: all documents as they were at one moment, for as long as you like."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import chain
from typing import Any, Generic, TypeVar
from uuid import UUID

from attrs import field, frozen

from reddb.actor.document import Document
from reddb.actor.scan import scan
from reddb.actor.state import State
from reddb.actor.steps import run_at_once
from reddb.actor.wording import counted
from reddb.api.query import Plan, SnapshotQuery, equal_to, select
from reddb.errors import DocumentNotFound

T = TypeVar("T")


def key_of(id: object) -> int:  # noqa: A002
    """Give an id's number, which is what the engine knows it by.

    Raises:
        TypeError: It is no UUID.
    """
    if not isinstance(id, UUID):
        if isinstance(id, Document):
            raise TypeError("an id is a uuid.UUID, not a Document; its .id is one")
        raise TypeError(f"an id is a uuid.UUID, not {type(id).__name__}; UUID(text) makes one")
    return id.int


@frozen(eq=False, repr=False)
class Snapshot(Generic[T]):
    """The documents at one moment. It never changes, and reading it asks nobody.

    It costs nothing to make and shares its documents with the database. It stays readable across
    awaits, later writes, compaction and the closing of the database, and in worker threads.

    Example:
        >>> before = db.snapshot()
        >>> await db.insert_one(Note("later"))
        >>> len(before), len(db.snapshot())
        (0, 1)
    """

    _state: State[T] = field(alias="state")
    document_type: Any = Any
    """The type of the documents' data; `Any` if they are plain values."""

    @property
    def seq(self) -> int:
        """The number of the last commit that the snapshot holds; 0 before the first."""
        return self._state.seq

    def __len__(self) -> int:
        return len(self._state)

    def __contains__(self, id: object) -> bool:  # noqa: A002
        return isinstance(id, UUID) and id.int in self._state

    def __iter__(self) -> Iterator[Document[T]]:
        """Give all documents in insertion order."""
        for documents in scan(self._state):
            yield from documents

    def __repr__(self) -> str:
        return f"<Snapshot of {counted(len(self), 'document')} at commit {self.seq}>"

    def get(self, id: UUID) -> Document[T] | None:  # noqa: A002
        """Give the document with this id, or None.

        Raises:
            DecodeError: It does not fit the document type.
            TypeError: The id is no UUID.
        """
        return self._state.get(key_of(id))

    def find_one(self, id: UUID) -> Document[T]:  # noqa: A002
        """Give the document with this id.

        Raises:
            DocumentNotFound: There is none.
            DecodeError: It does not fit the document type.
            TypeError: The id is no UUID.
        """
        document = self.get(id)
        if document is None:
            raise DocumentNotFound(id)
        return document

    def find_all(self) -> list[Document[T]]:
        """Give all documents in insertion order.

        Raises:
            DecodeError: One does not fit the document type.
        """
        return list(self)

    def find(self, value: T) -> list[Document[T]]:
        """Give the documents whose data equals `value`, in insertion order.

        Raises:
            DecodeError: A document does not fit the document type.
        """
        return run_at_once(select(self._state, Plan().where(equal_to(value))))

    def query(self) -> SnapshotQuery[T]:
        """Begin a query on this snapshot."""
        return SnapshotQuery(lambda _: self._state)

    def using_index(self, name: str, key: Hashable) -> list[Document[T]]:
        """Give the documents that have `key` in the index `name`, in insertion order.

        Raises:
            IndexNotFound: The database had no such index at that moment.
            DecodeError: A document does not fit the document type.
            TypeError: The key cannot be hashed.
        """
        return list(chain.from_iterable(self._state.indexed(name, key)))
