"""A disk that says how far work on it has come, and which of its files an error is about."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import frozen

from reddb.actor.disk import Disk, DiskFile, DiskLock


@frozen(eq=False)
class WatchedDisk:
    """A disk that reports reads and writes, and does nothing else than the one below it.

    Args:
        disk: The disk below.
        read: Told, after each read, up to which byte of the file it went.
        written: Told, after each write to a new file, up to which byte of it that went.
    """

    _disk: Disk
    _read: Callable[[int], None]
    _written: Callable[[int], None]

    async def lock(self, path: Path) -> DiskLock | None:
        """See `Disk.lock`."""
        return await self._disk.lock(path)

    async def open(self, path: Path) -> DiskFile | None:
        """See `Disk.open`."""
        file = await self._disk.open(path)
        return None if file is None else _WatchedFile(file, path, self._read, _told_nothing)

    async def create(self, path: Path) -> DiskFile:
        """See `Disk.create`."""
        return _WatchedFile(await self._disk.create(path), path, _told_nothing, self._written)

    async def rename(self, source: Path, target: Path) -> None:
        """See `Disk.rename`."""
        await self._disk.rename(source, target)

    async def unlink(self, path: Path) -> None:
        """See `Disk.unlink`."""
        await self._disk.unlink(path)

    async def sync_directory(self, path: Path) -> None:
        """See `Disk.sync_directory`."""
        await self._disk.sync_directory(path)


def _told_nothing(_: int) -> None:
    pass


@frozen(eq=False)
class _WatchedFile:
    _file: DiskFile
    _path: Path
    _read: Callable[[int], None]
    _written: Callable[[int], None]

    async def size(self) -> int:
        return await self._file.size()

    async def read(self, offset: int, size: int) -> bytes:
        with self._named():
            data = await self._file.read(offset, size)
        self._read(offset + len(data))
        return data

    async def write(self, offset: int, data: bytes, *, sync: bool, preallocate: int = 0) -> None:
        with self._named():
            await self._file.write(offset, data, sync=sync, preallocate=preallocate)
        self._written(offset + len(data))

    async def sync(self) -> None:
        with self._named():
            await self._file.sync()

    async def truncate(self, size: int) -> None:
        with self._named():
            await self._file.truncate(size)

    async def aclose(self) -> None:
        await self._file.aclose()

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Add the file's name to an error: the operating system knows the open file by a number."""
        try:
            yield
        except OSError as error:
            error.filename = error.filename or str(self._path)
            raise
