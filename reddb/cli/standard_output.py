"""Standard output as a disk on which one new file is written, from its beginning to its end."""

from __future__ import annotations

import sys
from pathlib import Path

import trio
from attrs import define, frozen

from reddb.actor.disk import DiskFile, DiskLock
from reddb.cli.output import ReaderGoneError


@frozen(eq=False)
class StandardOutput:
    """A disk whose new files are all standard output, whatever their names.

    Example:
        >>> await reddb.transfer.dump(db, "-", format="jsonl", disk=StandardOutput())
    """

    async def lock(self, path: Path) -> DiskLock | None:
        """See `Disk.lock`: nobody else has it."""
        return _Lock()

    async def open(self, path: Path) -> DiskFile | None:
        """See `Disk.open`: there is no file."""
        return None

    async def create(self, path: Path) -> DiskFile:
        """See `Disk.create`."""
        return _Stream()

    async def rename(self, source: Path, target: Path) -> None:
        """See `Disk.rename`: nothing has a name."""

    async def unlink(self, path: Path) -> None:
        """See `Disk.unlink`: nothing has a name."""

    async def sync_directory(self, path: Path) -> None:
        """See `Disk.sync_directory`: nothing has a name."""


class _Lock:
    async def aclose(self) -> None:
        pass


@define(eq=False)
class _Stream:
    _written: int = 0

    async def size(self) -> int:
        return self._written

    async def read(self, offset: int, size: int) -> bytes:
        raise OSError("standard output cannot be read")

    async def write(self, offset: int, data: bytes, *, sync: bool, preallocate: int = 0) -> None:
        assert offset == self._written, "a stream is written from its beginning to its end"
        try:
            sys.stdout.buffer.write(data)
        except BrokenPipeError as error:
            raise ReaderGoneError from error
        self._written += len(data)
        await trio.lowlevel.checkpoint()

    async def sync(self) -> None:
        try:
            sys.stdout.buffer.flush()
        except BrokenPipeError as error:
            raise ReaderGoneError from error

    async def truncate(self, size: int) -> None:
        raise OSError("standard output cannot be cut")

    async def aclose(self) -> None:
        pass
