"""The model of power cuts itself: what it must find possible, and what it must not."""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from itertools import product, zip_longest
from pathlib import Path
from random import Random

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from reddb.actor.disk import DiskFile
from reddb.testing import CrashState, Operation, SimulatedDisk
from reddb.testing.crash_states import crash_states
from reddb.testing.journal import DirectorySynced, SyncFailed

PATH = Path("log")
OTHER = Path("other")
SECTOR = 512


async def disk_with(content: bytes) -> tuple[SimulatedDisk, DiskFile]:
    """Give a disk with one file that is on disk, and the file."""
    disk = SimulatedDisk({PATH: content})
    file = await disk.open(PATH)
    assert file is not None
    return disk, file


def left(disk: SimulatedDisk, *, samples: int = 200) -> set[bytes | None]:
    """Give what a power cut now could leave of the file; None if it is gone."""
    states = disk.crash_states(since=len(disk.journal), samples=samples)
    return {state.files.get(PATH) for state in states}


async def fail_sync(disk: SimulatedDisk, file: DiskFile) -> None:
    disk.fail(Operation.SYNC)
    with pytest.raises(OSError, match="Input/output"):
        await file.sync()


# Files.


async def test_what_is_on_disk_stays() -> None:
    disk, _ = await disk_with(b"old")
    assert left(disk) == {b"old"}


async def test_a_write_is_there_or_not_or_torn_at_any_byte() -> None:
    disk, file = await disk_with(b"old, ")
    await file.write(5, b"new", sync=False)
    torn = {b"old, ", b"old, n", b"old, ne", b"old, new"}
    zeros = {b"old, \0\0\0", b"old, n\0\0", b"old, ne\0"}
    assert left(disk) == torn | zeros


async def test_a_write_over_others_leaves_old_or_new_bytes() -> None:
    disk, file = await disk_with(b"abcd")
    await file.write(1, b"BC", sync=False)
    assert left(disk) == {b"abcd", b"aBcd", b"aBCd"}


async def test_a_synced_write_is_there() -> None:
    disk, file = await disk_with(b"old, ")
    await file.write(5, b"new", sync=True)
    assert left(disk) == {b"old, new"}


async def test_any_sector_of_a_write_may_be_there_without_the_others() -> None:
    disk, file = await disk_with(b"")
    await file.write(0, b"".join(bytes([number]) * SECTOR for number in (1, 2, 3)), sync=False)
    found = left(disk)
    for kept in product((0, 1), repeat=3):
        sectors = [bytes([number * is_there]) * SECTOR for number, is_there in enumerate(kept, 1)]
        assert b"".join(sectors) in found


async def test_any_of_several_writes_may_be_missing() -> None:
    disk, file = await disk_with(b"")
    for number in range(4):
        await file.write(number, b"%d" % number, sync=False)
    found = left(disk)
    for kept in product((False, True), repeat=4):
        content = b"".join(b"%d" % n if is_there else b"\0" for n, is_there in enumerate(kept))
        assert content in found


async def test_a_write_over_others_is_torn_on_top_of_them_or_where_a_sector_ends() -> None:
    """The cache never holds the later of two writes and, of the earlier, no more than a part."""
    disk, file = await disk_with(b"")
    for offset, byte in ((0, b"a"), (700, b"b"), (0, b"c")):
        await file.write(offset, byte * 700, sync=False)
    holes = [re.search(rb"(?<=c)\0+b", content or b"") for content in left(disk)]
    starts = {hole.start() for hole in holes if hole is not None}
    assert starts == {SECTOR}


async def test_a_cut_is_there_or_not() -> None:
    disk, file = await disk_with(b"0123456789")
    disk.fail(Operation.SYNC)
    with pytest.raises(OSError, match="Input/output"):
        await file.truncate(4)
    assert left(disk) == {b"0123456789", b"0123", b"0123\0\0\0\0\0\0"}
    await file.truncate(3)
    assert left(disk) == {b"012"}


async def test_a_cut_may_be_lost_although_a_later_write_is_there() -> None:
    disk, file = await disk_with(b"old")
    disk.fail(Operation.SYNC)
    with pytest.raises(OSError, match="Input/output"):
        await file.truncate(0)
    await file.write(4, b"new", sync=False)
    assert {b"old", b"", b"\0\0\0\0new", b"old\0new"} <= left(disk)
    await file.sync()
    assert left(disk) == {b"\0\0\0\0new"}


async def test_emptying_a_file_by_creating_it_again_is_a_cut() -> None:
    disk, _ = await disk_with(b"old")
    await disk.create(PATH)
    assert left(disk) == {b"old", b"", b"\0\0\0"}


# Failed syncs.


async def test_after_a_failed_sync_a_later_one_does_not_help() -> None:
    disk, file = await disk_with(b"old, ")
    await file.write(5, b"new", sync=False)
    await fail_sync(disk, file)
    await file.sync()
    assert disk.content(PATH) == b"old, new"
    assert {b"old, ", b"old, new"} <= left(disk)


async def test_after_a_failed_sync_writing_again_helps() -> None:
    disk, file = await disk_with(b"old, ")
    await file.write(5, b"new", sync=False)
    await fail_sync(disk, file)
    await file.write(5, b"new", sync=True)
    assert left(disk) == {b"old, new"}


async def test_after_a_failed_sync_only_the_sectors_that_are_written_again_are_on_disk() -> None:
    disk, file = await disk_with(b"")
    await file.write(0, b"a" * SECTOR + b"b" * SECTOR, sync=False)
    await fail_sync(disk, file)
    await file.write(SECTOR, b"c" * SECTOR, sync=True)
    assert left(disk) == {b"a" * SECTOR + b"c" * SECTOR, bytes(SECTOR) + b"c" * SECTOR}


async def test_a_failed_sync_of_one_file_leaves_another_alone() -> None:
    disk = SimulatedDisk({PATH: b"", OTHER: b""})
    file, other = await disk.open(PATH), await disk.open(OTHER)
    assert file is not None and other is not None
    await other.write(0, b"safe", sync=False)
    await fail_sync(disk, file)
    await other.sync()
    states = disk.crash_states(since=len(disk.journal))
    assert {state.files[OTHER] for state in states} == {b"safe"}


# Names.


def names_left(disk: SimulatedDisk) -> set[tuple[str, ...]]:
    """Give the sets of names that a power cut now could leave."""
    states = disk.crash_states(since=len(disk.journal), samples=100)
    return {tuple(sorted(map(str, state.files))) for state in states}


async def test_a_new_file_is_there_only_when_its_directory_is_synced() -> None:
    disk = SimulatedDisk()
    file = await disk.create(PATH)
    await file.write(0, b"new", sync=True)
    assert left(disk) == {None, b"new"}
    await disk.sync_directory(PATH.parent)
    assert left(disk) == {b"new"}


async def test_a_directory_sync_does_not_save_what_is_in_the_file() -> None:
    disk = SimulatedDisk()
    file = await disk.create(PATH)
    await file.write(0, b"x", sync=False)
    await disk.sync_directory(PATH.parent)
    assert left(disk) == {b"", b"\0", b"x"}


async def test_a_renaming_is_there_whole_or_lost_whole() -> None:
    disk = SimulatedDisk({PATH: b"old", OTHER: b"new"})
    await disk.rename(OTHER, PATH)
    states = disk.crash_states(since=len(disk.journal))
    found = [dict(state.files) for state in states]
    assert found == [{PATH: b"old", OTHER: b"new"}, {PATH: b"new"}]
    await disk.sync_directory(PATH.parent)
    assert left(disk) == {b"new"}


async def test_a_renaming_may_be_there_without_what_came_before_it() -> None:
    disk = SimulatedDisk({PATH: b"old", Path("stale"): b""})
    await disk.unlink(Path("stale"))
    file = await disk.create(OTHER)
    await file.write(0, b"new", sync=True)
    await disk.rename(OTHER, PATH)
    assert names_left(disk) == {("log",), ("log", "stale"), ("log", "other", "stale"),
                                ("log", "other")}  # fmt: skip
    assert left(disk) == {b"old", b"new"}


async def test_a_removed_name_may_be_there() -> None:
    disk, _ = await disk_with(b"old")
    await disk.unlink(PATH)
    assert left(disk) == {None, b"old"}
    await disk.sync_directory(PATH.parent)
    assert left(disk) == {None}


async def test_a_directory_sync_saves_the_names_of_that_directory_alone() -> None:
    disk = SimulatedDisk()
    await disk.create(Path("a/log"))
    await disk.create(Path("b/log"))
    await disk.sync_directory(Path("a"))
    assert names_left(disk) == {("a/log",), ("a/log", "b/log")}
    assert disk.journal[-1] == DirectorySynced(Path("a"))


# Moments.


async def _write_a_little(disk: SimulatedDisk) -> None:
    file = await disk.create(PATH)
    await file.write(0, b"abc", sync=True)
    await disk.sync_directory(PATH.parent)
    await file.write(3, b"def", sync=False)
    await file.write(6, b"ghi", sync=False)


async def test_every_moment_has_its_states_and_none_twice() -> None:
    disk = SimulatedDisk()
    await _write_a_little(disk)
    states = list(disk.crash_states())
    assert [*dict.fromkeys(state.event for state in states)] == [*range(len(disk.journal) + 1)]
    distinct = {(state.event, frozenset(state.files.items())) for state in states}
    assert len(distinct) == len(states)
    assert states[0] == CrashState(0, {}, states[0].cause, disk)
    assert [state.event for state in disk.crash_states(since=4)] == [
        state.event for state in states if state.event >= 4
    ]


async def test_one_seed_gives_the_same_states_again() -> None:
    disk = SimulatedDisk()
    await _write_a_little(disk)
    assert list(disk.crash_states(seed=1)) == list(crash_states(disk, seed=1))
    by_chance = [[*disk.crash_states(seed=seed)][-4:] for seed in range(5)]
    assert len({str(states) for states in by_chance}) > 1


async def test_a_crash_state_is_a_disk_like_the_one_that_crashed() -> None:
    class Slow(SimulatedDisk):
        pass

    disk = Slow({PATH: b"old"}, latency_s=0.5)
    (state,) = disk.crash_states()
    after = state.disk()
    assert isinstance(after, Slow) and after.latency_s == 0.5
    assert after.content(PATH) == b"old" and not after.journal


async def test_a_killed_program_leaves_its_writes_in_the_cache() -> None:
    disk = SimulatedDisk()
    assert await disk.lock(OTHER) is not None
    await _write_a_little(disk)
    killed = disk.killed()
    assert killed.content(PATH) == b"abcdefghi"
    assert b"abc" in left(killed), "what was not synced is still not on disk"
    assert list(killed.crash_states()) == list(disk.crash_states())
    assert await killed.lock(OTHER) is not None, "its locks are free"
    assert disk.killed(2).content(PATH) == b"abc"
    assert disk.killed(0).paths() == []
    killed.fail()
    assert await disk.open(PATH) is not None, "the two share nothing"


async def test_a_failed_sync_is_in_the_journal() -> None:
    disk, file = await disk_with(b"")
    await fail_sync(disk, file)
    assert disk.journal == [SyncFailed(0)]
    assert disk.operations == [Operation.OPEN, Operation.SYNC]
    assert disk.operation_count == 2


# A law.

WRITES = st.tuples(st.integers(0, 1300), st.integers(1, 700))
CUTS = st.integers(0, 1500)
DEEDS = st.lists(st.one_of(WRITES, CUTS, st.sampled_from(["sync", "fail"])), max_size=7)


@given(deeds=DEEDS, random=st.randoms(use_true_random=False))
def test_every_byte_that_is_left_was_there_since_the_last_sync(
    deeds: list[tuple[int, int] | int | str], random: Random
) -> None:
    async def main() -> None:
        disk, file = await disk_with(b"\x01" * 600)
        versions, in_doubt = [disk.content(PATH)], False
        for number, deed in enumerate(deeds, 2):
            match deed:
                case (int(offset), int(size)):
                    await file.write(offset, bytes([number]) * size, sync=False)
                case "sync":
                    await file.sync()
                    versions = versions if in_doubt else []
                case "fail":
                    await fail_sync(disk, file)
                    in_doubt = True
                case int(size):
                    await file.truncate(size)
                    versions = versions if in_doubt else []
            versions.append(disk.content(PATH))
        states = list(disk.crash_states(since=len(disk.journal), samples=30))
        for state in [*random.sample(states, min(len(states), 60)), *states[-30:]]:
            found = state.files[PATH]
            assert len(found) <= max(map(len, versions))
            assert all(map(operator.contains, possible_bytes(versions), found)), state.cause

    trio.run(main)


def possible_bytes(versions: Sequence[bytes]) -> list[set[int]]:
    """Give, for each byte of a file, what it was in one of the versions; any may be zero."""
    return [{0, *bytes_} for bytes_ in zip_longest(*versions, fillvalue=0)]
