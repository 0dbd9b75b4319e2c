"""The disk: the few file-system operations of the file storage. The only `os` and threads.

`Disk` and `DiskFile` are the seam below the file storage. `RealDisk` does each operation in a
thread, beside the limit that trio sets for the application's threads: those can neither starve nor
deadlock the log. An open file has a thread of its own (`reddb.actor.worker`), so there are never
more than two, of the log and of a compaction. A write and its sync share one hop. Every operation
raises OSError when the operating system refuses it, and nothing else.

An operation that has begun in a thread is not abandoned when its task is cancelled.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, TypeVar, TypeVarTuple

from attrs import define, field, frozen

from reddb.actor.turns import run_in_thread
from reddb.actor.worker import Worker

R = TypeVar("R")
Args = TypeVarTuple("Args")

NO_DIRECTORY: Final = "No such directory (create it first)"
"""What a lock's OSError says where its directory is missing."""


class DiskFile(Protocol):
    """An open file that is read and written at offsets, in bytes."""

    async def size(self) -> int:
        """Give the file's size."""

    async def read(self, offset: int, size: int) -> bytes:
        """Give up to `size` bytes from `offset`; fewer only at the end of the file."""

    async def write(self, offset: int, data: bytes, *, sync: bool, preallocate: int = 0) -> None:
        """Write all of `data` at `offset` and, if `sync`, have it and the size on disk.

        Behind it write as many zeros as `preallocate` says, or none if there is no room for all;
        no error comes of that. Nothing but zeros may be there yet. They are on disk with the data,
        so that what is written over them later needs no new size to be on disk.
        """

    async def sync(self) -> None:
        """Have everything that was written, and the size, on disk."""

    async def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes and have that on disk."""

    async def aclose(self) -> None:
        """Close the file; closing twice is fine."""


class DiskLock(Protocol):
    """A lock on a database, held until it is closed."""

    async def aclose(self) -> None:
        """Give the lock up and remove its file; closing twice is fine."""


class Disk(Protocol):
    """A file system. Paths are absolute or relative to the working directory."""

    async def lock(self, path: Path) -> DiskLock | None:
        """Take the lock that `path` names, or give None if another holder has it."""

    async def open(self, path: Path) -> DiskFile | None:
        """Open an existing file for reading and writing, or give None if there is none."""

    async def create(self, path: Path) -> DiskFile:
        """Create an empty file that only its owner may read; a file of that name is emptied."""

    async def rename(self, source: Path, target: Path) -> None:
        """Give `source` the name `target`, in place of any file of that name, atomically."""

    async def unlink(self, path: Path) -> None:
        """Remove a file; none of that name is fine."""

    async def sync_directory(self, path: Path) -> None:
        """Have the names of the files in the directory `path` on disk."""


@define(eq=False)
class _RealFile:
    _fd: int
    _worker: Worker = field(factory=Worker, init=False)

    async def _call(self, fn: Callable[[int, *Args], R], *args: *Args) -> R:
        if self._fd < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return await self._worker.run(fn, self._fd, *args)

    async def size(self) -> int:
        return (await self._call(os.fstat)).st_size

    async def read(self, offset: int, size: int) -> bytes:
        return await self._call(_read, offset, size)

    async def write(self, offset: int, data: bytes, *, sync: bool, preallocate: int = 0) -> None:
        await self._call(_write, offset, data, sync, preallocate)

    async def sync(self) -> None:
        await self._call(_sync)

    async def truncate(self, size: int) -> None:
        await self._call(_truncate, size)

    async def aclose(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                await self._worker.run(os.close, fd)
            finally:
                self._worker.close()


@define(eq=False)
class _RealLock:
    _fd: int
    _path: Path

    async def aclose(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            await run_in_thread(_unlock, fd, self._path)


@frozen(eq=False)
class RealDisk:
    """The operating system's files, by POSIX calls in a worker thread.

    Args:
        read_only: Whether `open` opens files for reading alone, as where they must not be written.

    Example:
        >>> disk = RealDisk()
        >>> file = await disk.create(Path("log"))
        >>> await file.write(0, b"hello", sync=True)
    """

    _read_only: bool = field(default=False, kw_only=True)

    async def lock(self, path: Path) -> DiskLock | None:
        """See `Disk.lock`: an advisory `flock`, seen by all processes of this machine."""
        fd = await run_in_thread(_lock, path)
        return None if fd is None else _RealLock(fd, path)

    async def open(self, path: Path) -> DiskFile | None:
        """See `Disk.open`."""
        # Without O_NONBLOCK a pipe of that name would keep a reader waiting for its writer.
        access = os.O_RDONLY | os.O_NONBLOCK if self._read_only else os.O_RDWR
        try:
            fd = await run_in_thread(os.open, path, access | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        return _RealFile(fd)

    async def create(self, path: Path) -> DiskFile:
        """See `Disk.create`."""
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        return _RealFile(await run_in_thread(os.open, path, flags, 0o600))

    async def rename(self, source: Path, target: Path) -> None:
        """See `Disk.rename`."""
        await run_in_thread(os.rename, source, target)

    async def unlink(self, path: Path) -> None:
        """See `Disk.unlink`."""
        await run_in_thread(_unlink, path)

    async def sync_directory(self, path: Path) -> None:
        """See `Disk.sync_directory`."""
        await run_in_thread(_sync_directory, path)


# What runs in the thread.


def _read(fd: int, offset: int, size: int) -> bytes:
    pieces: list[bytes] = []
    while size > 0:
        piece = os.pread(fd, size, offset)
        if not piece:
            break
        pieces.append(piece)
        offset += len(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _write(fd: int, offset: int, data: bytes, sync: bool, preallocate: int) -> None:
    _write_all(fd, offset, data)
    if preallocate:
        end = offset + len(data)
        try:
            _write_all(fd, end, bytes(preallocate))
        except OSError:  # What failed to be written is nobody's data; give its space back.
            with contextlib.suppress(OSError):
                os.ftruncate(fd, end)
    if sync:
        _sync(fd)


def _write_all(fd: int, offset: int, data: bytes) -> None:
    done = os.pwrite(fd, data, offset)
    while done < len(data):
        written = os.pwrite(fd, memoryview(data)[done:], offset + done)
        if written == 0:
            raise OSError(errno.EIO, "the operating system wrote nothing")
        done += written


def _sync(fd: int) -> None:
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync alone leaves data in the drive's cache.
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    elif hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:
        os.fsync(fd)


def _truncate(fd: int, size: int) -> None:
    os.ftruncate(fd, size)
    _sync(fd)


def _unlink(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _lock(path: Path) -> int | None:
    """Lock the file at `path`; try again if its last holder removed it in between."""
    while True:
        fd = _open_lock(path)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), path.stat()):
                return fd
        except BlockingIOError:
            os.close(fd)
            return None
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _open_lock(path: Path) -> int:
    """Open the file at `path`; an error names its directory, as no user has named the file."""
    directory = str(path.parent)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, NO_DIRECTORY, directory) from None
    except NotADirectoryError as error:
        raise NotADirectoryError(errno.ENOTDIR, error.strerror, directory) from None


def _unlock(fd: int, path: Path) -> None:
    """Remove the lock file while it is still locked, so that nobody locks a name that is gone."""
    try:
        _unlink(path)
    finally:
        os.close(fd)
