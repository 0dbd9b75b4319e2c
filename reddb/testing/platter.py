"""What is inside a `SimulatedDisk`: its cache, its journal, and what is to fail."""

from __future__ import annotations

import errno
import os
from enum import Enum
from pathlib import Path

import trio
from attrs import define, field

from reddb.testing.journal import (
    Created,
    DirectorySynced,
    Event,
    Renamed,
    Synced,
    SyncFailed,
    Truncated,
    Unlinked,
    Wrote,
    change_content,
    change_names,
)


class Operation(Enum):
    """What a disk is asked to do; each can be made to fail."""

    LOCK = "lock"
    """Take a database's lock."""
    OPEN = "open"
    """Open an existing file."""
    CREATE = "create"
    """Create an empty file."""
    READ = "read"
    """Read from a file, or ask for its size."""
    WRITE = "write"
    """Write to a file."""
    SYNC = "sync"
    """Have a file on disk; also the second half of a synced write, and of a truncation."""
    TRUNCATE = "truncate"
    """Cut a file."""
    RENAME = "rename"
    """Give a file another name."""
    UNLINK = "unlink"
    """Remove a file."""
    SYNC_DIRECTORY = "sync_directory"
    """Have a directory's names on disk."""


@define
class Failure:
    """An operation that is to fail."""

    operation: Operation | None
    countdown: int
    error: int
    forever: bool
    short: bool


@define(eq=False)
class Platter:
    """What a simulated disk, its files and its locks share."""

    latency_s: float
    operations: list[Operation] = field(factory=list)
    journal: list[Event] = field(factory=list)
    names: dict[Path, int] = field(factory=dict)
    contents: dict[int, bytearray] = field(factory=dict)
    locked: set[Path] = field(factory=set)
    failures: list[Failure] = field(factory=list)

    async def begin(self, operation: Operation, path: Path) -> None:
        """Count an operation and let its time pass; raise if it is to fail."""
        failure = self._due(operation)
        await trio.sleep(self.latency_s)
        if failure is not None:
            raise os_error(failure.error, path)

    def _due(self, operation: Operation) -> Failure | None:
        self.operations.append(operation)
        due = None
        for failure in [*self.failures]:
            if failure.operation in {None, operation}:
                failure.countdown -= 1
                if failure.countdown <= 0:
                    due = failure
                    if not failure.forever:
                        self.failures.remove(failure)
        return due

    def take(self, event: Event) -> None:
        """Do what `event` says, and note it down."""
        match event:
            case Wrote(file) | Truncated(file):
                change_content(self.contents[file], event)
            case Created(_, file):
                self.contents[file] = bytearray()
                change_names(self.names, event)
            case Renamed() | Unlinked():
                change_names(self.names, event)
            case Synced() | SyncFailed() | DirectorySynced():
                pass  # The cache shows the same as before.
        self.journal.append(event)

    async def write(
        self, file: int, path: Path, offset: int, data: bytes, preallocate: int
    ) -> None:
        """Write to the cache; zeros behind that only make the file longer, as it has no others."""
        failure = self._due(Operation.WRITE)
        await trio.sleep(self.latency_s)
        written = bytes(data)
        if failure is not None:
            written = written[: len(written) // 2] if failure.short else b""
        if written:
            self.take(Wrote(file, offset, written))
        if failure is not None:
            raise os_error(failure.error, path)
        end = offset + len(data) + preallocate
        if preallocate and end > len(self.contents[file]):
            self.take(Truncated(file, end))

    async def sync(self, file: int, path: Path) -> None:
        """Sync a file."""
        try:
            await self.begin(Operation.SYNC, path)
        except OSError:
            self.take(SyncFailed(file))
            raise
        self.take(Synced(file))

    async def truncate(self, file: int, path: Path, size: int) -> None:
        """Cut a file in the cache."""
        await self.begin(Operation.TRUNCATE, path)
        self.take(Truncated(file, size))


def os_error(number: int, path: Path) -> OSError:
    """Give the OSError that the operating system has for an `errno`."""
    return OSError(number, os.strerror(number), str(path))


@define(eq=False)
class SimulatedFile:
    """An open file. See `reddb.actor.disk.DiskFile`."""

    _platter: Platter
    _file: int
    _path: Path
    _closed: bool = False

    def _check(self) -> None:
        if self._closed:
            raise os_error(errno.EBADF, self._path)

    async def size(self) -> int:
        """See `DiskFile.size`."""
        self._check()
        await self._platter.begin(Operation.READ, self._path)
        return len(self._platter.contents[self._file])

    async def read(self, offset: int, size: int) -> bytes:
        """See `DiskFile.read`."""
        self._check()
        await self._platter.begin(Operation.READ, self._path)
        return bytes(self._platter.contents[self._file][offset : offset + size])

    async def write(self, offset: int, data: bytes, *, sync: bool, preallocate: int = 0) -> None:
        """See `DiskFile.write`. There is room for all zeros."""
        self._check()
        await self._platter.write(self._file, self._path, offset, data, preallocate)
        if sync:
            await self._platter.sync(self._file, self._path)

    async def sync(self) -> None:
        """See `DiskFile.sync`."""
        self._check()
        await self._platter.sync(self._file, self._path)

    async def truncate(self, size: int) -> None:
        """See `DiskFile.truncate`."""
        self._check()
        await self._platter.truncate(self._file, self._path, size)
        await self._platter.sync(self._file, self._path)

    async def aclose(self) -> None:
        """See `DiskFile.aclose`."""
        self._closed = True
        await trio.lowlevel.checkpoint()


@define(eq=False)
class SimulatedLock:
    """A lock that is held. See `reddb.actor.disk.DiskLock`."""

    _platter: Platter
    _path: Path
    _closed: bool = False

    async def aclose(self) -> None:
        """See `DiskLock.aclose`."""
        if not self._closed:
            self._closed = True
            self._platter.locked.discard(self._path)
        await trio.lowlevel.checkpoint()
