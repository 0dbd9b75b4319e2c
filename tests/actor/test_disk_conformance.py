"""The real disk and the simulated one pass the same suite, and the suite finds what is wrong."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from reddb.actor import disk as disk_module
from reddb.actor.disk import Disk, RealDisk
from reddb.testing.disk_conformance import check_disk
from reddb.testing.simulated_disk import SimulatedDisk


async def test_the_real_disk_conforms(tmp_path: Path) -> None:
    await check_disk(RealDisk, tmp_path)


async def test_the_simulated_disk_conforms() -> None:
    disk = SimulatedDisk()
    await check_disk(lambda: disk, Path("somewhere"))


# Negative controls: disks with one mistake each.


class Mistaken:
    """A simulated disk whose method `name` was replaced."""

    def __init__(self, name: str, replacement: Callable[..., Any]) -> None:
        self.disk = SimulatedDisk()
        self.name = name
        self.replacement = replacement

    def __getattr__(self, name: str) -> Any:
        original = getattr(self.disk, name)
        if name != self.name:
            return original
        return lambda *args: self.replacement(self.disk, *args)


async def forgetful_open(disk: SimulatedDisk, path: Path) -> Any:
    return await disk.open(path) or await disk.create(path)


async def careless_create(disk: SimulatedDisk, path: Path) -> Any:
    return await disk.open(path) or await disk.create(path)


async def copying_rename(disk: SimulatedDisk, source: Path, target: Path) -> None:
    file = await disk.open(source)
    if file is None:
        raise FileNotFoundError(source)
    content = await file.read(0, await file.size())
    await (await disk.create(target)).write(0, content, sync=True)
    await disk.unlink(source)


async def lenient_rename(disk: SimulatedDisk, source: Path, target: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        await disk.rename(source, target)


async def idle(disk: SimulatedDisk, path: Path) -> None:
    await trio.lowlevel.checkpoint()


async def generous_lock(disk: SimulatedDisk, path: Path) -> Any:
    return await disk.lock(path) or await disk.lock(path.with_suffix(".spare"))


@pytest.mark.parametrize(
    ("name", "replacement", "complaint"),
    [
        ("open", forgetful_open, "never created"),
        ("create", careless_create, "create.. of a file that was there"),
        ("rename", copying_rename, "handle of a replaced file"),
        ("rename", lenient_rename, "rename.. of a missing file"),
        ("unlink", idle, "open.. of a file that was removed"),
        ("lock", idle, "nobody has the lock"),
        ("lock", generous_lock, "lock.. of what is locked"),
    ],
)
async def test_a_mistaken_disk_is_found_out(
    name: str, replacement: Callable[..., Any], complaint: str
) -> None:
    disk: Any = Mistaken(name, replacement)
    with pytest.raises(AssertionError, match=complaint):
        await check_disk(lambda: disk, Path("somewhere"))


# What only the real disk has.


async def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    disk = RealDisk()
    lock = await disk.lock(tmp_path / "lock")
    file = await disk.create(tmp_path / "log")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("lock", "log")]
    assert modes == [0o600, 0o600]
    assert lock is not None
    await lock.aclose()
    await file.aclose()


@pytest.mark.parametrize("directory", ["missing", "file"])
async def test_a_directory_that_is_none_is_an_os_error(tmp_path: Path, directory: str) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / directory / "log"
    disk: Disk = RealDisk()
    with pytest.raises(OSError, match=directory) as caught:
        await disk.lock(path)
    assert caught.value.filename == str(path.parent), "nobody named the lock"
    with pytest.raises(OSError, match=directory):
        await disk.create(path)
    with pytest.raises(OSError, match=directory):
        await disk.sync_directory(path)


async def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        await RealDisk().open(tmp_path)


async def test_a_lock_whose_file_was_removed_before_it_was_locked_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    flock, removals = fcntl.flock, [path]

    def flock_late(fd: int, operation: int) -> None:
        if removals:
            removals.pop().unlink()
        flock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", flock_late)
    lock = await RealDisk().lock(path)
    assert lock is not None
    assert path.exists()
    assert await RealDisk().lock(path) is None
    await lock.aclose()


async def test_a_write_that_the_system_cuts_short_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite, pread = os.pwrite, os.pread
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, data[:3], at))
    monkeypatch.setattr(os, "pread", lambda fd, size, at: pread(fd, min(size, 4), at))
    file = await RealDisk().create(tmp_path / "log")
    await file.write(0, b"0123456789", sync=True)
    assert await file.read(0, 100) == b"0123456789"
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: 0)
    with pytest.raises(OSError, match="wrote nothing"):
        await file.write(0, b"!", sync=False)
    await file.aclose()


async def test_zeros_are_written_behind_the_data_before_the_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, synced = disk_module._sync, list[bytes]()

    def looking_sync(fd: int) -> None:
        synced.append((tmp_path / "log").read_bytes())
        sync(fd)

    monkeypatch.setattr(disk_module, "_sync", looking_sync)
    file = await RealDisk().create(tmp_path / "log")
    await file.write(0, b"0123456789", sync=True, preallocate=10)
    await file.write(10, b"abc", sync=True)
    assert synced == [b"0123456789".ljust(20, b"\0"), b"0123456789abc".ljust(20, b"\0")]
    await file.aclose()


async def test_zeros_for_which_there_is_no_room_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_pwrite(fd: int, data: bytes, offset: int) -> int:
        if offset >= 12:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(fd, data[: 12 - offset], offset)

    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", full_pwrite)
    file = await RealDisk().create(tmp_path / "log")
    await file.write(0, b"0123456789", sync=True, preallocate=10)
    assert await file.read(0, 100) == b"0123456789", "those that had room are gone, too"
    with pytest.raises(OSError, match="No space"):
        await file.write(10, b"abc", sync=True, preallocate=10)
    await file.aclose()


async def test_the_applications_threads_do_not_hold_up_the_disk(tmp_path: Path) -> None:
    limiter = trio.to_thread.current_default_thread_limiter()
    release = threading.Event()
    async with trio.open_nursery() as nursery:
        for _ in range(int(limiter.total_tokens)):
            nursery.start_soon(lambda: trio.to_thread.run_sync(release.wait))
        await trio.testing.wait_all_tasks_blocked()
        assert limiter.available_tokens == 0
        file = await RealDisk().create(tmp_path / "log")
        await file.aclose()
        release.set()


async def test_a_sync_of_one_file_does_not_hold_up_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, release = RealDisk(), threading.Event()
    syncing, other = await disk.create(tmp_path / "syncing"), await disk.create(tmp_path / "other")
    with monkeypatch.context() as patches, trio.fail_after(60):
        patches.setattr(disk_module, "_sync", lambda _: release.wait())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(syncing.sync)
            try:
                await other.write(0, b"written", sync=False)
            finally:
                release.set()
    assert (tmp_path / "other").read_bytes() == b"written"
    for file in (syncing, other):
        await file.aclose()


async def test_an_operation_that_has_begun_is_finished_when_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, release = trio.Event(), threading.Event()
    file = await RealDisk().create(tmp_path / "log")
    pwrite, token = os.pwrite, trio.lowlevel.current_trio_token()

    def slow_pwrite(fd: int, data: bytes, offset: int) -> int:
        token.run_sync_soon(begun.set)
        release.wait()
        return pwrite(fd, data, offset)

    monkeypatch.setattr(os, "pwrite", slow_pwrite)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: file.write(0, b"whole", sync=False))
        await begun.wait()
        nursery.cancel_scope.cancel()
        release.set()
    assert (tmp_path / "log").read_bytes() == b"whole"
    await file.aclose()
