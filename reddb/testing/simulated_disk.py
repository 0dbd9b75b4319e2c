"""A disk in memory that fails when told to and forgets what was not synced.

`SimulatedDisk` stands in for the real disk below a `FileStorage`. It needs no thread, so it works
under `trio.testing.MockClock`; its latency is `trio.sleep`. It keeps a journal of all that was
done to it, from which `reddb.testing.crash_states` derives what a power cut could have left.

The model is that of a POSIX file system at its least obliging:

- What was written is on disk after a sync of that file, not before; names, after a sync of their
  directory.
- After a sync that failed, what it should have saved is in the cache and will never be on disk,
  though later syncs succeed (as on Linux; see the PostgreSQL project's page "Fsync Errors").
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TypeAlias

import trio
from attrs import define, field, frozen

from reddb.actor.disk import DiskFile, DiskLock


class Operation(Enum):
    """What a disk is asked to do; each can be made to fail."""

    LOCK = "lock"
    """Take a database's lock."""
    OPEN = "open"
    """Open an existing file."""
    CREATE = "create"
    """Create an empty file."""
    READ = "read"
    """Read from a file."""
    WRITE = "write"
    """Write to a file."""
    SYNC = "sync"
    """Have a file's data on disk; also the second half of a synced write."""
    TRUNCATE = "truncate"
    """Cut a file."""
    RENAME = "rename"
    """Give a file another name."""
    UNLINK = "unlink"
    """Remove a file."""
    SYNC_DIRECTORY = "sync_directory"
    """Have a directory's names on disk."""


# What the journal holds. A file is a number, which outlives its names.


@frozen
class Created:
    """A new, empty file got a name."""

    path: Path
    file: int


@frozen
class Wrote:
    """Bytes were written to a file; they are not on disk yet."""

    file: int
    offset: int
    data: bytes


@frozen
class Truncated:
    """A file was cut; that is not on disk yet."""

    file: int
    size: int


@frozen
class Synced:
    """All of a file that can be on disk is on disk."""

    file: int


@frozen
class SyncFailed:
    """What of a file was not on disk yet will never be."""

    file: int


@frozen
class Renamed:
    """A file got another name; that is not on disk yet."""

    source: Path
    target: Path


@frozen
class Unlinked:
    """A name was removed; that is not on disk yet."""

    path: Path


@frozen
class DirectorySynced:
    """All names of a directory are on disk."""

    path: Path


Event: TypeAlias = (
    Created | Wrote | Truncated | Synced | SyncFailed | Renamed | Unlinked | DirectorySynced
)


@define
class _Failure:
    """An operation that is to fail."""

    operation: Operation | None
    countdown: int
    error: int
    forever: bool
    short: bool


@define(eq=False)
class _Platter:
    """What a simulated disk, its files and its locks share."""

    latency_s: float
    operation_count: int = 0
    journal: list[Event] = field(factory=list)
    names: dict[Path, int] = field(factory=dict)
    contents: dict[int, bytearray] = field(factory=dict)
    locked: set[Path] = field(factory=set)
    failures: list[_Failure] = field(factory=list)

    async def begin(self, operation: Operation, path: Path) -> None:
        """Count an operation and let its time pass; raise if it is to fail."""
        failure = self._due(operation)
        await trio.sleep(self.latency_s)
        if failure is not None:
            raise _os_error(failure.error, path)

    def _due(self, operation: Operation) -> _Failure | None:
        self.operation_count += 1
        due = None
        for failure in [*self.failures]:
            if failure.operation in {None, operation}:
                failure.countdown -= 1
                if failure.countdown <= 0:
                    due = failure
                    if not failure.forever:
                        self.failures.remove(failure)
        return due

    async def write(self, file: int, path: Path, offset: int, data: bytes) -> None:
        failure = self._due(Operation.WRITE)
        await trio.sleep(self.latency_s)
        written = bytes(data)
        if failure is not None:
            written = written[: len(written) // 2] if failure.short else b""
        if written:
            content = self.contents[file]
            content.extend(bytes(max(offset - len(content), 0)))
            content[offset : offset + len(written)] = written
            self.journal.append(Wrote(file, offset, written))
        if failure is not None:
            raise _os_error(failure.error, path)

    async def sync(self, file: int, path: Path) -> None:
        try:
            await self.begin(Operation.SYNC, path)
        except OSError:
            self.journal.append(SyncFailed(file))
            raise
        self.journal.append(Synced(file))

    async def truncate(self, file: int, path: Path, size: int) -> None:
        await self.begin(Operation.TRUNCATE, path)
        content = self.contents[file]
        content.extend(bytes(max(size - len(content), 0)))
        del content[size:]
        self.journal.append(Truncated(file, size))


def _os_error(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))


@define(eq=False)
class SimulatedDisk:
    """A disk in memory, for a `FileStorage`. See `reddb.actor.disk.Disk` for the methods.

    Args:
        files: What is on disk at the beginning.
        latency_s: How long each operation takes, in seconds of trio's clock.

    Example:
        >>> disk = SimulatedDisk()
        >>> storage = FileStorage("notes.json", disk=disk)
        >>> disk.fail(Operation.SYNC, nth=3)
        >>> async with RedDb.open("notes", Note, codec=JsonCodec(), storage=storage) as db: ...
    """

    files: Mapping[Path, bytes] = field(factory=dict)
    latency_s: float = field(default=0.0, kw_only=True)
    _platter: _Platter = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._platter = _Platter(self.latency_s)
        for file, (path, data) in enumerate(self.files.items()):
            self._platter.names[path] = file
            self._platter.contents[file] = bytearray(data)

    @property
    def operation_count(self) -> int:
        """How many operations were begun."""
        return self._platter.operation_count

    @property
    def journal(self) -> Sequence[Event]:
        """What was done, in order."""
        return self._platter.journal

    def content(self, path: str | os.PathLike[str]) -> bytes:
        """Give what a file holds now, synced or not.

        Raises:
            KeyError: There is no such file.
        """
        return bytes(self._platter.contents[self._platter.names[Path(path)]])

    def paths(self) -> list[Path]:
        """Give the names of all files, sorted."""
        return sorted(self._platter.names)

    def fail(
        self,
        operation: Operation | None = None,
        *,
        nth: int = 1,
        error: int = errno.EIO,
        forever: bool = False,
        short: bool = False,
    ) -> None:
        """Make the `nth` operation from now on fail.

        Args:
            operation: Which kind to count; all kinds by default.
            nth: Which one of them fails: 1 is the next.
            error: The `errno` of the OSError that it raises.
            forever: Whether all after it fail too.
            short: Whether a failing write first writes half of its data.

        Raises:
            ValueError: `nth` is below 1.
        """
        if nth < 1:
            raise ValueError(f"nth counts from 1, not from {nth}")
        self._platter.failures.append(_Failure(operation, nth, error, forever, short))

    def heal(self) -> None:
        """Let nothing fail any more. What was lost stays lost."""
        self._platter.failures.clear()

    # The disk.

    async def lock(self, path: Path) -> DiskLock | None:
        """See `Disk.lock`. The lock is no file here."""
        await self._platter.begin(Operation.LOCK, path)
        if path in self._platter.locked:
            return None
        self._platter.locked.add(path)
        return _SimulatedLock(self._platter, path)

    async def open(self, path: Path) -> DiskFile | None:
        """See `Disk.open`."""
        await self._platter.begin(Operation.OPEN, path)
        file = self._platter.names.get(path)
        return None if file is None else _SimulatedFile(self._platter, file, path)

    async def create(self, path: Path) -> DiskFile:
        """See `Disk.create`."""
        await self._platter.begin(Operation.CREATE, path)
        file = len(self._platter.contents)
        self._platter.contents[file] = bytearray()
        self._platter.names[path] = file
        self._platter.journal.append(Created(path, file))
        return _SimulatedFile(self._platter, file, path)

    async def rename(self, source: Path, target: Path) -> None:
        """See `Disk.rename`."""
        await self._platter.begin(Operation.RENAME, source)
        if source not in self._platter.names:
            raise _os_error(errno.ENOENT, source)
        self._platter.names[target] = self._platter.names.pop(source)
        self._platter.journal.append(Renamed(source, target))

    async def unlink(self, path: Path) -> None:
        """See `Disk.unlink`."""
        await self._platter.begin(Operation.UNLINK, path)
        if self._platter.names.pop(path, None) is not None:
            self._platter.journal.append(Unlinked(path))

    async def sync_directory(self, path: Path) -> None:
        """See `Disk.sync_directory`."""
        await self._platter.begin(Operation.SYNC_DIRECTORY, path)
        self._platter.journal.append(DirectorySynced(path))


@define(eq=False)
class _SimulatedFile:
    _platter: _Platter
    _file: int
    _path: Path
    _closed: bool = False

    def _check(self) -> None:
        if self._closed:
            raise _os_error(errno.EBADF, self._path)

    async def size(self) -> int:
        self._check()
        await self._platter.begin(Operation.READ, self._path)
        return len(self._platter.contents[self._file])

    async def read(self, offset: int, size: int) -> bytes:
        self._check()
        await self._platter.begin(Operation.READ, self._path)
        return bytes(self._platter.contents[self._file][offset : offset + size])

    async def write(self, offset: int, data: bytes, *, sync: bool) -> None:
        self._check()
        await self._platter.write(self._file, self._path, offset, data)
        if sync:
            await self._platter.sync(self._file, self._path)

    async def sync(self) -> None:
        self._check()
        await self._platter.sync(self._file, self._path)

    async def truncate(self, size: int) -> None:
        self._check()
        await self._platter.truncate(self._file, self._path, size)
        await self._platter.sync(self._file, self._path)

    async def aclose(self) -> None:
        self._closed = True
        await trio.lowlevel.checkpoint()


@define(eq=False)
class _SimulatedLock:
    _platter: _Platter
    _path: Path
    _closed: bool = False

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._platter.locked.discard(self._path)
        await trio.lowlevel.checkpoint()
