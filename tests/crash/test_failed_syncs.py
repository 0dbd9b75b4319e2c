"""Crashes after a sync failed, or was never reached, in a program that ran before."""

from __future__ import annotations

import errno

import pytest

from reddb import DataCorrupted, Durability, FileStorage, JsonDb, PersistFailed, RedDb
from reddb.actor.disk import DiskFile
from reddb.actor.recovery import RecoveredLog
from reddb.testing import OnSimulatedDisk, Operation
from reddb.testing.journal import Renamed, SyncFailed


@pytest.fixture
def place() -> OnSimulatedDisk:
    """A database on a simulated disk."""
    return OnSimulatedDisk(database=JsonDb)


async def texts(db: RedDb[str]) -> list[str]:
    return [document.data for document in await db.find_all()]


async def assert_power_cuts_leave(place: OnSimulatedDisk, expected: list[str]) -> None:
    """Cut the power now, in every way; the documents must be these."""
    for state, left in place.power_cuts(since=place.moment, samples=50):
        async with left(str) as db:
            assert await texts(db) == expected, state.cause


@pytest.mark.parametrize("durability", Durability)
async def test_what_a_failed_sync_left_in_the_cache_is_no_hole_later(
    place: OnSimulatedDisk, durability: Durability
) -> None:
    """The next program can read it, and must not build on it before it is on disk."""
    with pytest.raises(PersistFailed):
        async with place(str, durability=durability) as db:
            await db.insert_one("x" * 2000)
            place.disk.fail(Operation.SYNC)  # At once, or else at closing.
            place.disk.fail(Operation.TRUNCATE, forever=True)
            await db.insert_one("y" * 2000)
    assert any(isinstance(event, SyncFailed) for event in place.disk.journal)
    place.disk.heal()
    async with place(str, durability=durability) as db:
        await db.insert_one("z" * 2000)
        expected = await texts(db)
    assert [text[0] for text in expected] == ["x", "y", "z"]
    await assert_power_cuts_leave(place, expected)


async def cut_while_the_end_is_written_again(place: OnSimulatedDisk) -> list[str]:
    """Kill a program that never syncs, and cut the power while the next one opens its log.

    Give what was refused. The end of the log comes to the disk in pieces: as it was written, and
    as it is written again.
    """
    async with place(str, durability=Durability.OS) as db:
        for size in (300, 500, 300):
            await db.insert_one("x" * size)
        moment = place.moment
    killed = OnSimulatedDisk(place.disk.killed(moment))
    async with killed(str, durability=Durability.OS):
        pass
    refused: list[str] = []
    for state, left in killed.power_cuts(since=moment, samples=400):
        try:
            async with left(str) as db:
                assert {text[:1] for text in await texts(db)} <= {"x"}
        except DataCorrupted as error:
            refused.append(f"{state.cause}: {error}")
    return refused


async def test_what_is_written_again_is_not_torn_over_a_gap(place: OnSimulatedDisk) -> None:
    assert not await cut_while_the_end_is_written_again(place)


async def test_without_a_sync_before_it_is_written_again_it_is_torn_over_a_gap(
    place: OnSimulatedDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write_again_at_once(storage: FileStorage, file: DiskFile, log: RecoveredLog) -> None:
        data = await file.read(log.synced, log.end - log.synced)
        await file.write(log.synced, data, sync=False)

    monkeypatch.setattr(FileStorage, "_settle", write_again_at_once)
    assert await cut_while_the_end_is_written_again(place)


async def test_a_compaction_is_not_undone_after_its_program_was_killed(
    place: OnSimulatedDisk,
) -> None:
    """The name of the new log may not be on disk yet when the next program goes on with it."""
    async with place(str) as db:
        await db.insert_one("before")
        await db.compact()
    renamed = [at for at, event in enumerate(place.disk.journal, 1) if isinstance(event, Renamed)]
    killed = OnSimulatedDisk(place.disk.killed(renamed[-1]))
    async with killed(str) as db:
        await db.insert_one("after")
    await assert_power_cuts_leave(killed, ["before", "after"])


async def test_a_new_log_is_not_undone_after_its_directory_could_not_be_synced(
    place: OnSimulatedDisk,
) -> None:
    place.disk.fail(Operation.SYNC_DIRECTORY)
    with pytest.raises(PersistFailed):
        async with place(str):
            pass
    async with place(str) as db:
        await db.insert_one("kept")
    await assert_power_cuts_leave(place, ["kept"])


async def test_a_compaction_that_could_not_sync_the_directory_says_why_writes_are_refused(
    place: OnSimulatedDisk,
) -> None:
    async with place(str) as db:
        await db.insert_one("kept")
        place.disk.fail(Operation.SYNC_DIRECTORY, error=errno.ENOSPC)
        for call in (db.compact, lambda: db.insert_one("refused")):
            with pytest.raises(PersistFailed) as refusal:
                await call()
            assert isinstance(refusal.value.__cause__, OSError)
            assert refusal.value.__cause__.errno == errno.ENOSPC
        assert await texts(db) == ["kept"]
    await assert_power_cuts_leave(place, ["kept"])
