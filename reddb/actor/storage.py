"""Where commits are kept: the seam between the writer and whatever lies below it.

The writer knows a `Storage` and nothing else of disks, files and formats: recover the commits,
append a batch, compact, say how large it is, close. `MemoryStorage` keeps nothing;
`reddb.actor.file_storage` keeps a log in a file. Your own goes into ``RedDb.open(storage=...)``;
`reddb.testing.storage_conformance` has the tests that it must pass.

What is kept are facts, never commands: ``(key, data)`` puts a document, ``(key, None)`` removes
one. A key is the number of the document's UUID (``UUID.int``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from attrs import frozen

from reddb.actor.frames import Commit, Fact

Fold: TypeAlias = Callable[[int, Sequence[Fact]], None]
"""Called with a commit's number and facts: of that commit, or of those before it as well."""


@frozen
class Recovery:
    """What opening found in the log.

    Example:
        >>> (await db.stats()).recovery.torn_bytes
        0
    """

    commits: int = 0
    """How many commits were read."""
    torn_bytes: int = 0
    """How many bytes of an unfinished write were cut off the end; 0 after a clean close."""
    reason: str | None = None
    """Why they were taken for an unfinished write; None if there were none."""
    torn_offset: int | None = None
    """Where they were cut off, in bytes from the file's beginning; None if there were none."""


class Storage(Protocol):
    """Keeps commits. Every method may be called by one task at a time, except as said.

    `open` is called once, then `recover` once, then the others; `aclose` at any time after
    `open` was called, also when that failed.

    Raising OSError says that the commits could not be kept: the callers get `PersistFailed`.
    Any other exception is taken for a bug and ends the database with `DatabaseBroken`.
    """

    async def open(self, codec: str) -> None:
        """Take hold of the storage for a database of this codec's name.

        Raises:
            DatabaseLocked: Another database has hold of it.
            CodecMismatch: It was written with another codec.
            DataCorrupted: It is damaged, or holds something else.
            OSError: It cannot be reached.
        """

    async def recover(self, fold: Fold) -> Recovery:
        """Call `fold` with the facts of every commit kept so far, in order.

        Commits that follow each other may be given in one call, with the number of the last; a
        commit of many facts in several calls, with its number; and a call without facts says which
        number to go on from.

        Raises:
            DataCorrupted: It is damaged. Nothing that `fold` was given counts.
            OSError: It cannot be read.
        """

    async def append(self, commits: Sequence[Commit]) -> None:
        """Keep these commits, all of them or, after an OSError, a prefix of them.

        They are any sequence, not always a list, and must not be changed.

        Raises:
            OSError: They could not be kept. No `append` follows.
        """

    async def compact(self, seq: int, live: Iterable[Fact]) -> None:
        """Keep `live` in place of every commit up to and including `seq`.

        Runs beside `append`, in a task of its own; what is appended meanwhile is kept too. `seq`
        may be that of a commit that comes next and was never appended, because it is too large for
        that: then nothing is appended meanwhile.

        Raises:
            OSError: It could not be done, and everything is as before.
        """

    def compacted_bytes(self, document_count: int, data_bytes: int) -> int:
        """Estimate the size after compacting this many documents of this encoded size."""

    @property
    def size_bytes(self) -> int:
        """How large the storage is now; 0 if it keeps nothing."""

    async def aclose(self) -> None:
        """Let go of the storage; closing twice is fine. What was appended is kept."""


class MemoryStorage:
    """Keeps nothing, so the database lives as long as its scope.

    Example:
        >>> async with RedDb.open("scratch", codec=JsonCodec(), storage=MemoryStorage()) as db:
        ...     ...
    """

    async def open(self, codec: str) -> None:
        """Do nothing: there is nobody to share with."""

    async def recover(self, fold: Fold) -> Recovery:
        """Recover nothing."""
        return Recovery()

    async def append(self, commits: Sequence[Commit]) -> None:
        """Keep nothing."""

    async def compact(self, seq: int, live: Iterable[Fact]) -> None:
        """Do nothing."""

    def compacted_bytes(self, document_count: int, data_bytes: int) -> int:
        """Give 0."""
        return 0

    @property
    def size_bytes(self) -> int:
        """Always 0."""
        return 0

    async def aclose(self) -> None:
        """Do nothing."""
