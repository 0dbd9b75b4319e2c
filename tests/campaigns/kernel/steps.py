"""A disk taken step by step: to end a life at a step, or to leave a protection out.

`SteppedDisk` has `around` do each step of the disk below it: before it, after it, or not at all.
Every write is two steps of a part each, and its sync is a third, so that a life can end with half
of a frame written, or a whole one written and not synced.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar, cast

from attrs import define, frozen

from reddb.actor.disk import Disk, DiskFile, DiskLock

R = TypeVar("R")


class Step(Enum):
    """What a disk is asked to do."""

    LOCK = "lock"
    UNLOCK = "unlock"
    OPEN = "open"
    CREATE = "create"
    CLOSE = "close"
    READ = "read"
    WRITE = "write"
    """The first part of a write."""
    WRITE_REST = "write-rest"
    """The other part."""
    SYNC = "sync"
    TRUNCATE = "truncate"
    RENAME = "rename"
    UNLINK = "unlink"
    SYNC_DIRECTORY = "sync-directory"


class Around(Protocol):
    """Does a step, by awaiting `act`, and whatever else it likes."""

    async def __call__(self, step: Step, act: Callable[[], Awaitable[R]]) -> R:
        """Give what the step gives."""


@frozen(eq=False)
class SteppedDisk:
    """A disk whose steps `around` does. See `reddb.actor.disk.Disk` for the methods."""

    _disk: Disk
    _around: Around

    async def lock(self, path: Path) -> DiskLock | None:
        """See `Disk.lock`."""
        lock = await self._around(Step.LOCK, partial(self._disk.lock, path))
        return None if lock is None else _SteppedLock(lock, self._around)

    async def open(self, path: Path) -> DiskFile | None:
        """See `Disk.open`."""
        file = await self._around(Step.OPEN, partial(self._disk.open, path))
        return None if file is None else _SteppedFile(file, self._around)

    async def create(self, path: Path) -> DiskFile:
        """See `Disk.create`."""
        file = await self._around(Step.CREATE, partial(self._disk.create, path))
        return _SteppedFile(file, self._around)

    async def rename(self, source: Path, target: Path) -> None:
        """See `Disk.rename`."""
        await self._around(Step.RENAME, partial(self._disk.rename, source, target))

    async def unlink(self, path: Path) -> None:
        """See `Disk.unlink`."""
        await self._around(Step.UNLINK, partial(self._disk.unlink, path))

    async def sync_directory(self, path: Path) -> None:
        """See `Disk.sync_directory`."""
        await self._around(Step.SYNC_DIRECTORY, partial(self._disk.sync_directory, path))


@frozen(eq=False)
class _SteppedLock:
    _lock: DiskLock
    _around: Around

    async def aclose(self) -> None:
        await self._around(Step.UNLOCK, self._lock.aclose)


@define(eq=False)
class _SteppedFile:
    _file: DiskFile
    _around: Around

    async def size(self) -> int:
        return await self._file.size()

    async def read(self, offset: int, size: int) -> bytes:
        return await self._around(Step.READ, partial(self._file.read, offset, size))

    async def write(self, offset: int, data: bytes, *, sync: bool, preallocate: int = 0) -> None:
        # Where to part is nobody's business but must not lie at the same place for ever.
        part = (offset * 31 + len(data)) % (len(data) + 1)
        write = partial(self._file.write, sync=False)
        await self._around(Step.WRITE, partial(write, offset, data[:part]))
        rest = partial(write, offset + part, data[part:], preallocate=preallocate)
        await self._around(Step.WRITE_REST, rest)
        if sync:
            await self.sync()

    async def sync(self) -> None:
        await self._around(Step.SYNC, self._file.sync)

    async def truncate(self, size: int) -> None:
        await self._around(Step.TRUNCATE, partial(self._file.truncate, size))

    async def aclose(self) -> None:
        await self._around(Step.CLOSE, self._file.aclose)


# What is left out for a negative control. All of these steps give nothing.


def _leaving_out(*left_out: Step) -> Around:
    async def around(step: Step, act: Callable[[], Awaitable[R]]) -> R:
        return cast("R", None) if step in left_out else await act()

    return around


async def _ignoring_errors(step: Step, act: Callable[[], Awaitable[R]]) -> R:
    try:
        return await act()
    except OSError:
        if step not in {Step.WRITE, Step.WRITE_REST, Step.SYNC}:
            raise
        return cast("R", None)


WITHOUT: Mapping[str, Around] = {
    "sync": _leaving_out(Step.SYNC, Step.TRUNCATE),  # Cutting a file has it on disk, too.
    "directory sync": _leaving_out(Step.SYNC_DIRECTORY),
    "heeding errors": _ignoring_errors,
}
"""Disks that lack a protection, by what they lack."""
