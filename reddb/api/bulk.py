"""Many documents on their way into a database at once, encoded one by one.

What `reddb.transfer` and `reddb.migrate` store is more than anybody wants to hold as values. Here
each document is encoded as it comes; what waits to be stored is what the database will hold.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar
from uuid import UUID

from attrs import define, field

from reddb.actor.changes import RUN_CHANGES, ChangeRuns, Insertions
from reddb.actor.commands import Insert
from reddb.actor.document import uuid_of
from reddb.actor.scan import sliced
from reddb.actor.turns import let_others_run
from reddb.errors import RedDbError

T = TypeVar("T")

_APPENDED_BYTES_MAX = 4 * 1024 * 1024
"""A larger commit is kept by writing the log anew, if the rest of the log is no larger than it.

A commit that is appended is one frame, of which opening holds a few copies; a log that is written
anew has frames of bounded size. The other condition keeps a large database from being written anew
for little.
"""


@define(eq=False)
class Bulk(Generic[T]):
    """Documents that are stored together, in one commit. One task at a time may use it.

    Example:
        >>> bulk.add(id, Note("buy milk"))
        >>> await bulk.commit()
    """

    _encode: Callable[[T], bytes]
    """Encodes a value, or raises EncodeError."""
    _ask: Callable[[Insert], Awaitable[None]]
    _new_key: Callable[[], int]
    """Gives the number of a new id."""
    _live_bytes: Callable[[], int]
    """Gives the encoded size of what the database holds."""
    _data: dict[int, bytes] = field(factory=dict, init=False)
    size_bytes: int = field(default=0, init=False)
    """The encoded size of what was added since the last commit."""

    def __len__(self) -> int:
        return len(self._data)

    def add(self, id: UUID | None, value: T) -> None:  # noqa: A002
        """Add a document, behind those that were added before.

        Args:
            id: The document's id; a new one if None.
            value: Its data.

        Raises:
            EncodeError: The value does not fit the document type or the format.
            RedDbError: A document with this id was added already.
        """
        key = self._new_key() if id is None else id.int
        if key in self._data:
            raise RedDbError(f"two of the documents have the id {uuid_of(key)}")
        data = self._encode(value)
        self._data[key] = data
        self.size_bytes += len(data)

    async def commit(
        self, *, order: Iterable[int] | None = None, expects_empty: bool = False
    ) -> None:
        """Store what was added, all or nothing, and forget it.

        Args:
            order: The numbers of all ids, in the order to insert them in; by default that in
                which they were added.
            expects_empty: Whether to refuse a database that has documents.

        Raises:
            RedDbError: A document with one of the ids is there already, or the database is not
                empty.
            UniqueViolation: A key is taken in a unique index.
            PersistFailed: The log could not be written.
            Exception: Whatever an index's key function raises.
        """
        large = self.size_bytes > _APPENDED_BYTES_MAX and self.size_bytes >= self._live_bytes()
        keys, changes = list(self._data if order is None else order), ChangeRuns()
        for part in sliced(keys, RUN_CHANGES):
            data = tuple([self._data[key] for key in part])
            changes.append_run(Insertions(tuple(part), data, None))
            await let_others_run()
        await self._ask(Insert(changes, expects_empty, rewrites_log=large))
        self._data = {}
        self.size_bytes = 0
