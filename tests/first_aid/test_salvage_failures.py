"""Salvaging to a disk that fails, loses its power, or in a task that is cancelled."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import trio
import trio.testing
from first_aid_tools import PATH, SAVED, contents, damaged, ten_commits

from reddb import salvage
from reddb.testing.simulated_disk import Operation, SimulatedDisk

LOG = damaged(ten_commits(), 3)
LEFT = [str(number) for number in range(1, 11) if number != 4]


async def operations() -> int:
    disk = SimulatedDisk({PATH: LOG})
    await salvage(PATH, SAVED, disk=disk)
    return disk.operation_count


@pytest.mark.parametrize("forever", [False, True], ids=["once", "for ever"])
async def test_whatever_fails_there_is_no_new_file_and_the_next_attempt_succeeds(
    forever: bool,
) -> None:
    for nth in range(1, await operations() + 1):
        disk = SimulatedDisk({PATH: LOG})
        disk.fail(nth=nth, error=errno.ENOSPC, forever=forever)
        with pytest.raises(OSError, match="No space left") as caught:
            await salvage(PATH, SAVED, disk=disk)
        assert caught.value.errno == errno.ENOSPC
        disk.heal()
        assert disk.content(PATH) == LOG
        failed = disk.operations[nth - 1]
        if failed is Operation.SYNC_DIRECTORY:
            assert await contents(disk, SAVED) == LEFT
            continue
        assert SAVED not in disk.paths()
        assert forever or disk.paths() == [PATH]
        await salvage(PATH, SAVED, disk=disk)
        assert disk.paths() == [PATH, SAVED]
        assert await contents(disk, SAVED) == LEFT


async def test_after_a_power_cut_the_new_file_is_whole_or_not_there() -> None:
    disk = SimulatedDisk({PATH: LOG})
    await salvage(PATH, SAVED, disk=disk)
    outcomes = set()
    for state in disk.crash_states():
        assert state.files[PATH] == LOG
        if SAVED in state.files:
            assert await contents(state.disk(), SAVED) == LEFT
        else:
            assert state.event < len(disk.journal)
        outcomes.add(SAVED in state.files)
    assert outcomes == {False, True}


class WithoutSync(SimulatedDisk):
    """A disk on which the names come first, whatever was synced."""

    async def sync_directory(self, path: Path) -> None:
        """Do nothing."""


async def test_without_a_sync_of_the_directory_a_power_cut_takes_the_new_file() -> None:
    disk = WithoutSync({PATH: LOG})
    await salvage(PATH, SAVED, disk=disk)
    at_the_end = disk.crash_states(since=len(disk.journal))
    assert any(SAVED not in state.files for state in at_the_end)


async def test_a_salvage_that_is_cancelled_leaves_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    duration_s = await operations()
    for moment_s in range(duration_s):
        disk = SimulatedDisk({PATH: LOG}, latency_s=1)
        with trio.move_on_after(moment_s + 0.5) as scope:
            await salvage(PATH, SAVED, disk=disk)
        if scope.cancelled_caught:
            assert disk.content(PATH) == LOG
            if SAVED in disk.paths():
                assert await contents(disk, SAVED) == LEFT
            else:
                assert disk.paths() == [PATH]
                await salvage(PATH, SAVED, disk=disk)
