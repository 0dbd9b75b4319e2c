"""What every disk below a `FileStorage` must do; run it over a disk of your own.

`check_disk` runs all checks, each in files of its own. Call it from a test:

    async def test_my_disk(tmp_path: Path) -> None:
        await check_disk(MyDisk, tmp_path)

What it cannot check is what only a power cut shows: that a sync is one, and a rename atomic.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from attrs import frozen

from reddb.actor.disk import Disk, DiskFile

_LARGE_BYTES: Final = 3 << 20
"""More than an operating system writes or reads in one go, on some."""


@frozen
class _Place:
    """Where one check works: a disk, and names that no other check uses."""

    make_disk: Callable[[], Disk]
    disk: Disk
    directory: Path
    name: str

    def path(self, suffix: str = "") -> Path:
        return self.directory / f"{self.name}{suffix}"

    async def create(self, content: bytes = b"", suffix: str = "") -> DiskFile:
        file = await self.disk.create(self.path(suffix))
        await file.write(0, content, sync=True)
        return file

    async def open(self, suffix: str = "") -> DiskFile:
        file = await self.disk.open(self.path(suffix))
        if file is None:
            raise AssertionError(f"open() gave None for {self.path(suffix)}, which is there")
        return file

    async def expect_content(self, content: bytes, what: str, suffix: str = "") -> None:
        file = await self.open(suffix)
        _equal(await _content(file), content, what)
        await file.aclose()

    async def expect_missing(self, what: str, suffix: str = "") -> None:
        _equal(await self.disk.open(self.path(suffix)), None, what)


def _equal(actual: object, expected: object, what: str) -> None:
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r:.100}, got {actual!r:.100}")


async def _content(file: DiskFile) -> bytes:
    return await file.read(0, await file.size())


async def check_disk(make_disk: Callable[[], Disk], directory: Path) -> None:
    """Check that a disk does what the log needs of it.

    Args:
        make_disk: Gives a disk object; all that it gives must show the same files and locks.
        directory: An existing directory on that disk, without files.

    Raises:
        AssertionError: The disk does not do what its message says.

    Example:
        >>> await check_disk(RealDisk, tmp_path)
    """
    for check in _CHECKS:
        name = check.__name__.removeprefix("_check_")
        await check(_Place(make_disk, make_disk(), directory, name))


async def _check_new_files(place: _Place) -> None:
    await place.expect_missing("open() of a file that was never created")
    file = await place.create()
    _equal(await file.size(), 0, "the size of a new file")
    _equal(await file.read(0, 10), b"", "what is read of a new file")
    await file.aclose()
    await place.expect_content(b"", "what open() finds of a new file")


async def _check_reading(place: _Place) -> None:
    file = await place.create(b"0123456789")
    _equal(await file.size(), 10, "the size after a write")
    _equal(await file.read(2, 3), b"234", "what is read in the middle")
    _equal(await file.read(8, 5), b"89", "what is read across the end")
    _equal(await file.read(10, 5), b"", "what is read at the end")
    _equal(await file.read(99, 5), b"", "what is read behind the end")
    await file.aclose()


async def _check_writing(place: _Place) -> None:
    file = await place.create(b"0123456789")
    await file.write(3, b"abc", sync=False)
    _equal(await _content(file), b"012abc6789", "the content after a write in the middle")
    await file.write(8, b"XYZ", sync=True)
    _equal(await _content(file), b"012abc67XYZ", "the content after a write across the end")
    await file.write(13, b"!", sync=False)
    _equal(await _content(file), b"012abc67XYZ\0\0!", "the content after a write behind the end")
    await file.write(14, b"", sync=True)
    await file.sync()
    _equal(await file.size(), 14, "the size after a write of nothing")
    await file.aclose()
    await place.expect_content(b"012abc67XYZ\0\0!", "the content after closing and opening")


async def _check_preallocating(place: _Place) -> None:
    file = await place.create(b"0123456789")
    await file.write(8, b"XYZ", sync=True, preallocate=5)
    content = await _content(file)
    _equal(content[:11], b"01234567XYZ", "the content after a write that preallocates")
    _equal(content[11:], bytes(len(content) - 11), "what was preallocated")
    _equal(len(content) <= 16, True, "that no more was preallocated than was asked for")
    await file.write(11, b"abc", sync=True, preallocate=1)
    content = await _content(file)
    _equal(content[:14], b"01234567XYZabc", "the content after a write over zeros")
    _equal(content[14:], bytes(len(content) - 14), "what is left of the zeros")
    await file.aclose()


async def _check_large_writes(place: _Place) -> None:
    data = bytes(range(256)) * (_LARGE_BYTES // 256)
    file = await place.create(data)
    _equal(await file.size(), len(data), "the size after a large write")
    _equal(await _content(file) == data, True, "that a large write is read back whole")
    await file.aclose()


async def _check_two_handles(place: _Place) -> None:
    file = await place.create(b"old")
    other = await place.open()
    await file.write(0, b"new", sync=False)
    _equal(await _content(other), b"new", "what a second handle reads after a write by the first")
    await other.aclose()
    _equal(await _content(file), b"new", "what a handle reads after another one was closed")
    await file.aclose()


async def _check_truncating(place: _Place) -> None:
    file = await place.create(b"0123456789")
    await file.truncate(4)
    _equal(await _content(file), b"0123", "the content after truncate(4)")
    await file.write(6, b"!", sync=True)
    _equal(await _content(file), b"0123\0\0!", "the content after a write behind a cut end")
    await file.truncate(0)
    _equal(await file.size(), 0, "the size after truncate(0)")
    await file.aclose()


async def _check_creating_again(place: _Place) -> None:
    await (await place.create(b"old")).aclose()
    await (await place.disk.create(place.path())).aclose()
    await place.expect_content(b"", "the content after create() of a file that was there")


async def _check_renaming(place: _Place) -> None:
    target = await place.create(b"old")
    source = await place.create(b"new", ".new")
    await place.disk.rename(place.path(".new"), place.path())
    await place.disk.sync_directory(place.directory)
    await place.expect_missing("open() of the old name after rename()", ".new")
    await place.expect_content(b"new", "the content after rename() onto an existing file")
    _equal(await _content(target), b"old", "what the handle of a replaced file reads")
    await source.write(3, b"er", sync=True)
    await place.expect_content(b"newer", "the content after a write by the renamed file's handle")
    await target.aclose()
    await source.aclose()
    await _expect_refused(
        place.disk.rename(place.path(".missing"), place.path()), "rename() of a missing file"
    )
    await place.expect_content(b"newer", "the content after a rename() that was refused")


async def _check_unlinking(place: _Place) -> None:
    file = await place.create(b"gone")
    await place.disk.unlink(place.path())
    await place.disk.sync_directory(place.directory)
    await place.expect_missing("open() of a file that was removed")
    _equal(await _content(file), b"gone", "what the handle of a removed file reads")
    await file.aclose()
    await place.disk.unlink(place.path())
    await place.expect_missing("open() of a file that was removed twice")


async def _check_closing(place: _Place) -> None:
    file = await place.create(b"content")
    await file.aclose()
    await file.aclose()
    await _expect_refused(file.size(), "size() of a closed file")
    await _expect_refused(file.read(0, 1), "read() of a closed file")
    await _expect_refused(file.write(0, b"!", sync=False), "write() to a closed file")
    await _expect_refused(file.sync(), "sync() of a closed file")
    await _expect_refused(file.truncate(0), "truncate() of a closed file")
    await place.expect_content(b"content", "the content after calls on a closed file")


async def _check_locking(place: _Place) -> None:
    path, other_disk = place.path(".lock"), place.make_disk()
    first = await place.disk.lock(path)
    if first is None:
        raise AssertionError("lock() gave None though nobody has the lock")
    _equal(await place.disk.lock(path), None, "lock() of what is locked")
    _equal(await other_disk.lock(path), None, "lock() of what another disk object has locked")
    beside = await place.disk.lock(place.path(".other.lock"))
    if beside is None:
        raise AssertionError("lock() gave None though only another path is locked")
    await beside.aclose()
    await first.aclose()
    await place.expect_missing("open() of a lock's file after the lock was given up", ".lock")
    second = await other_disk.lock(path)
    if second is None:
        raise AssertionError("lock() gave None though the lock was given up")
    await first.aclose()
    _equal(
        await place.disk.lock(path), None, "lock() after closing, twice, the lock of another holder"
    )
    await second.aclose()


async def _expect_refused(call: Awaitable[object], what: str) -> None:
    try:
        result = await call
    except OSError:
        return
    raise AssertionError(f"{what}: expected an OSError, got {result!r:.100}")


_CHECKS: Final = (
    _check_new_files,
    _check_reading,
    _check_writing,
    _check_preallocating,
    _check_large_writes,
    _check_two_handles,
    _check_truncating,
    _check_creating_again,
    _check_renaming,
    _check_unlinking,
    _check_closing,
    _check_locking,
)
