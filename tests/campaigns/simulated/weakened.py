"""Protections taken away, one at a time: what the campaigns must notice.

Each disk here leaves out one thing that the log relies on, and is otherwise the simulated one; each
function takes something out of the engine.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from attrs import define, field

from reddb import RedDb
from reddb.actor import frames, recovery
from reddb.actor.disk import DiskFile, DiskLock
from reddb.actor.file_storage import FileStorage
from reddb.actor.writer import Writer
from reddb.testing.simulated_disk import SimulatedDisk


@define(eq=False)
class _File:
    """Passes everything on."""

    file: DiskFile

    async def size(self) -> int:
        return await self.file.size()

    async def read(self, offset: int, size: int) -> bytes:
        return await self.file.read(offset, size)

    async def write(self, offset: int, data: bytes, *, sync: bool, preallocate: int = 0) -> None:
        await self.file.write(offset, data, sync=sync, preallocate=preallocate)

    async def sync(self) -> None:
        await self.file.sync()

    async def truncate(self, size: int) -> None:
        await self.file.truncate(size)

    async def aclose(self) -> None:
        await self.file.aclose()


@define(eq=False)
class _Disk:
    """Passes everything on; a subclass leaves something out."""

    disk: SimulatedDisk

    def file(self, path: Path, file: DiskFile) -> DiskFile:
        """Give what stands for a file."""
        return file

    async def lock(self, path: Path) -> DiskLock | None:
        return await self.disk.lock(path)

    async def open(self, path: Path) -> DiskFile | None:
        file = await self.disk.open(path)
        return None if file is None else self.file(path, file)

    async def create(self, path: Path) -> DiskFile:
        return self.file(path, await self.disk.create(path))

    async def rename(self, source: Path, target: Path) -> None:
        await self.disk.rename(source, target)

    async def unlink(self, path: Path) -> None:
        await self.disk.unlink(path)

    async def sync_directory(self, path: Path) -> None:
        await self.disk.sync_directory(path)


class _NeverSynced(_File):
    async def write(self, offset: int, data: bytes, *, sync: bool, preallocate: int = 0) -> None:
        await self.file.write(offset, data, sync=False, preallocate=preallocate)

    async def sync(self) -> None:
        """Do nothing."""


class WithoutSync(_Disk):
    """A disk that says it has synced a file and has not."""

    def file(self, path: Path, file: DiskFile) -> DiskFile:
        """Give a file that is never synced."""
        return _NeverSynced(file)


class WithoutDirectorySync(_Disk):
    """A disk that says it has synced a directory and has not."""

    async def sync_directory(self, path: Path) -> None:
        """Do nothing."""


@define(eq=False)
class WithoutDirectorySyncAtOpening(_Disk):
    """A disk that syncs a directory only if it was this program that changed its names."""

    _renamed: bool = field(default=False, init=False)

    async def rename(self, source: Path, target: Path) -> None:
        """Rename a file, and remember that."""
        await super().rename(source, target)
        self._renamed = True

    async def sync_directory(self, path: Path) -> None:
        """Sync the directory, or do nothing."""
        if self._renamed:
            await super().sync_directory(path)


class _NeverCut(_File):
    async def truncate(self, size: int) -> None:
        await self.file.sync()


class WithoutTailCut(_Disk):
    """A disk that leaves a torn tail where it is."""

    def file(self, path: Path, file: DiskFile) -> DiskFile:
        """Give a file that is never cut."""
        return _NeverCut(file)


@define(eq=False)
class WithoutSyncBeforeRename(_Disk):
    """A disk that syncs a new file only after its renaming."""

    _new: list[DiskFile] = field(factory=list, init=False)

    async def create(self, path: Path) -> DiskFile:
        """Give a file whose syncs are put off."""
        file = await self.disk.create(path)
        self._new.append(file)
        return _SyncedLater(file, self)

    def is_new(self, file: DiskFile) -> bool:
        """Tell whether a file has yet to be renamed."""
        return file in self._new

    async def rename(self, source: Path, target: Path) -> None:
        """Rename a file, then sync it."""
        await super().rename(source, target)
        while self._new:
            await self._new.pop().sync()


@define(eq=False)
class _SyncedLater(_File):
    disk: WithoutSyncBeforeRename

    async def write(self, offset: int, data: bytes, *, sync: bool, preallocate: int = 0) -> None:
        sync = sync and not self.disk.is_new(self.file)
        await self.file.write(offset, data, sync=sync, preallocate=preallocate)


class _SyncErrorsPassedOver(_File):
    async def write(self, offset: int, data: bytes, *, sync: bool, preallocate: int = 0) -> None:
        await self.file.write(offset, data, sync=False, preallocate=preallocate)
        if sync:
            await self.sync()

    async def sync(self) -> None:
        with contextlib.suppress(OSError):
            await self.file.sync()
            return
        await self.file.sync()


class WithoutSyncErrors(_Disk):
    """A disk that syncs once more if a sync fails, as if that would do."""

    def file(self, path: Path, file: DiskFile) -> DiskFile:
        """Give a file whose syncs are tried twice."""
        return _SyncErrorsPassedOver(file)


class _WriteErrorsPassedOver(_File):
    async def write(self, offset: int, data: bytes, *, sync: bool, preallocate: int = 0) -> None:
        with contextlib.suppress(OSError):
            await self.file.write(offset, data, sync=sync, preallocate=preallocate)


class WithoutWriteErrors(_Disk):
    """A disk that does not say when a write fails."""

    def file(self, path: Path, file: DiskFile) -> DiskFile:
        """Give a file whose writes always seem to go well."""
        return _WriteErrorsPassedOver(file)


@contextlib.contextmanager
def without_checksums() -> Iterator[None]:
    """Have every checksum match."""
    with mock.patch.object(frames, "zlib", SimpleNamespace(crc32=lambda *_: 0)):
        yield


@contextlib.contextmanager
def without_moved_frames() -> Iterator[None]:
    """Take frames that lie elsewhere than where they were written for none."""
    with mock.patch.object(recovery, "find_moved_frame_headers", return_value=()):
        yield


@contextlib.contextmanager
def without_compaction() -> Iterator[None]:
    """Never compact of itself."""
    with mock.patch.object(Writer, "_compact_if_due"):
        yield


@contextlib.contextmanager
def without_compaction_beside_snapshots() -> Iterator[None]:
    """Do not compact while somebody holds a snapshot, as if its documents lay in the file."""
    held: list[Any] = []
    make, compact_if_due = RedDb.snapshot, Writer._compact_if_due

    def snapshot(db: RedDb[Any]) -> Any:
        held.append(make(db))
        return held[-1]

    def hindered(writer: Writer[Any], nursery: Any) -> None:
        if not held:
            compact_if_due(writer, nursery)

    with (
        mock.patch.object(RedDb, "snapshot", snapshot),
        mock.patch.object(Writer, "_compact_if_due", hindered),
    ):
        yield


@contextlib.contextmanager
def without_taking_back() -> Iterator[None]:
    """Leave the state as it was published, though it was not kept."""
    refuse = Writer._refuse

    def careless(writer: Writer[Any], batch: Any, error: OSError) -> None:
        refuse(writer, batch, error)
        writer.published = batch.state

    with mock.patch.object(Writer, "_refuse", careless):
        yield


@contextlib.contextmanager
def without_answers_to_refused_writes() -> Iterator[None]:
    """Leave the callers of a batch waiting that could not be kept."""

    def forgetful(writer: Writer[Any], batch: Any, error: OSError) -> None:
        writer.refusal = error

    with mock.patch.object(Writer, "_refuse", forgetful):
        yield


@contextlib.contextmanager
def without_writing_again() -> Iterator[None]:
    """Have an opening sync what it finds, and not write it again first."""

    async def nothing(*_: object) -> None:
        pass

    with mock.patch.object(FileStorage, "_settle", nothing):
        yield
