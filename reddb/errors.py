"""The exceptions of reddb, all of them, in one place that imports nothing else.

Every exception derives from `RedDbError`, so ``except RedDbError`` catches whatever the database
itself has to say. What a predicate, a transform or a key function of yours raises is never
wrapped: it comes out of the call as it is.

Each docstring says what the caller should do. Details stand in the message and, where a program
might want them, in attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from uuid import UUID


class RedDbError(Exception):
    """The base of every exception that reddb raises itself."""


class DocumentNotFound(RedDbError, LookupError):
    """No document has this id. Use `get` where a missing document is no mistake.

    Attributes:
        id: The id that was asked for.
    """

    def __init__(self, id: UUID) -> None:  # noqa: A002  # `id` is the contract's own word.
        super().__init__(id)
        self.id = id

    def __str__(self) -> str:
        return f"no document has the id {self.id}"


class IndexNotFound(RedDbError, LookupError):
    """No index has this name. Call `add_index` after every open: indexes live in memory.

    Attributes:
        name: The name that was asked for.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"no index is named {self.name!r}; add it with add_index() after opening"


class EncodeError(RedDbError, ValueError):
    """A value does not fit the document type or the format. Nothing was changed; mend the value.

    Attributes:
        path: Where in the value it is, such as ``$.address.zip``; ``$`` is the value itself.
    """

    def __init__(self, message: str, path: str = "$") -> None:
        super().__init__(message, path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.args[0]} (at {self.path})"


class DecodeError(RedDbError, ValueError):
    """A stored document does not fit the document type: was it written with another type?

    The bytes on disk are as they were written (their checksum holds); open the database with the
    type that wrote them, or with no type at all to look at the plain values.

    Attributes:
        path: Where in the stored value it is, such as ``$.address.zip``.
        id: The document's id, or None where the value is not a stored document.
    """

    def __init__(self, message: str, path: str = "$", id: UUID | None = None) -> None:  # noqa: A002
        super().__init__(message, path, id)
        self.path = path
        self.id = id

    def __str__(self) -> str:
        where = f"at {self.path}" if self.id is None else f"document {self.id} at {self.path}"
        return f"{self.args[0]} ({where})"


class DataCorrupted(RedDbError):
    """The file is not an undamaged reddb log of this version. It was left exactly as it is.

    Copy the file away first, then restore a backup or salvage what can be read.

    Attributes:
        path: The file.
        offset: Where in the file the damage begins, in bytes.
        reason: What is wrong there.
    """

    def __init__(self, path: str, offset: int, reason: str) -> None:
        super().__init__(path, offset, reason)
        self.path = path
        self.offset = offset
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: damaged at byte {self.offset}: {self.reason}"


class CodecMismatch(RedDbError):
    """The file was written in another format. Open it with that one; it was left as it is.

    Attributes:
        path: The file.
        expected: The name of the codec that this open asked for.
        found: The name of the codec that wrote the file.
    """

    def __init__(self, path: str, expected: str, found: str) -> None:
        super().__init__(path, expected, found)
        self.path = path
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"{self.path}: written with codec {self.found!r}, opened with {self.expected!r}"


class PersistFailed(RedDbError):
    """The log could not be written, so this call did not happen; its cause is chained.

    Where a write failed, the database refuses every later write with this same error and goes on
    serving reads of the last logged state: close it, mend the disk, open it again. Where a call
    of `compact` failed, the old log stands and the database goes on as before.
    """


class DatabaseLocked(RedDbError):
    """Another open, in this or another process, holds the database. Close that one first.

    Attributes:
        path: The lock file.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"the database is open elsewhere: {self.path} is locked; share one handle instead"


class DatabaseClosed(RedDbError, trio.ClosedResourceError):
    """This handle or its database was closed. Open it again, or keep its scope open longer."""


class DatabaseBroken(RedDbError, trio.BrokenResourceError):
    """The writer has died of an unexpected error, which is chained; please report it.

    No unacknowledged write was kept. Reads of snapshots still work; open the database again to
    go on.
    """


class TransactionConflict(RedDbError):
    """Something that this transaction read or wrote was changed meanwhile. Run it again.

    Nothing of the transaction was applied.

    Attributes:
        seq: The number of the commit that changed it; None if the transaction began so long ago
            that this is not known any more.
        id: The document that it changed, or None.
    """

    def __init__(self, message: str, seq: int | None = None, id: UUID | None = None) -> None:  # noqa: A002
        super().__init__(message, seq, id)
        self.seq = seq
        self.id = id

    def __str__(self) -> str:
        return str(self.args[0])


class TransactionClosed(RedDbError):
    """The transaction was committed or rolled back already. Begin another."""


class UniqueViolation(RedDbError):
    """Two documents would have the same key in a unique index. Nothing was changed.

    Attributes:
        index: The index's name.
        key: The key that is taken.
        id: The id of the document that has it.
    """

    def __init__(self, index: str, key: object, id: UUID) -> None:  # noqa: A002
        super().__init__(index, key, id)
        self.index = index
        self.key = key
        self.id = id

    def __str__(self) -> str:
        return f"index {self.index!r} has the key {self.key!r} already, in document {self.id}"


class FeedLagged(RedDbError):
    """A change feed was read too slowly, or began too far back, and has lost commits.

    Take a new snapshot and watch from there, or watch with a larger buffer or with `coalesce`.

    Attributes:
        seq: The number of the last commit that the feed gave; what came after it is lost.
    """

    def __init__(self, seq: int) -> None:
        super().__init__(seq)
        self.seq = seq

    def __str__(self) -> str:
        return f"the feed has lost commits after number {self.seq}; go on from a new snapshot"
