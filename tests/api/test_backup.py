"""Backups: whole, of one moment, and made beside everything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from databases import DATABASES
from transfer_tools import NOTES, Note

from reddb import (
    BackupReport,
    DatabaseClosed,
    DatabaseLocked,
    DbConfig,
    FileStorage,
    JsonCodec,
    JsonDb,
    MemDb,
    Progress,
    RedDb,
    WriteOrder,
    verify,
)
from reddb.testing import cancel_everywhere
from reddb.testing.fixtures import OnSimulatedDisk
from reddb.testing.simulated_disk import Operation, SimulatedDisk

COPY = Path("copy.json")


@pytest.mark.parametrize("database", DATABASES)
async def test_a_backup_opens_by_itself_with_the_same_type(
    database: type[RedDb[Any]], tmp_path: Path
) -> None:
    opener: type[RedDb[Any]] = JsonDb if database is MemDb else database
    async with database.open(DbConfig("own", dir=tmp_path), Note) as db:
        await db.insert(NOTES)
        gone = await db.insert_one(Note("gone"))
        await db.delete_one(gone.id)
        documents = await db.find_all()
        stats = await db.stats()
        codec = db._engine.codec
        report = await db.backup(tmp_path / f"copy{codec.suffix}")
    assert report == BackupReport(
        path=tmp_path / f"copy{codec.suffix}",
        codec=codec.name,
        seq=stats.seq,
        live_document_count=len(NOTES),
        file_size_bytes=report.path.stat().st_size,
    )
    assert str(report.path) in str(report)
    assert report.path.stat().st_mode & 0o777 == 0o600
    assert (await verify(report.path)).ok
    async with opener.open(DbConfig("copy", dir=tmp_path), Note) as db:
        assert await db.find_all() == documents
        await db.insert_one(Note("more"))
        assert (await db.stats()).seq == stats.seq + 1
    async with opener.open(DbConfig("copy", dir=tmp_path), Note) as db:
        assert len(db.snapshot()) == len(documents) + 1


async def test_a_backup_of_an_empty_database_is_an_empty_database() -> None:
    place = OnSimulatedDisk()
    async with place() as db:
        assert (await db.backup(COPY)).live_document_count == 0
    assert await contents(place.disk) == []


async def test_the_report_of_a_backup_counts_one_as_one() -> None:
    async with OnSimulatedDisk()() as db:
        await db.insert_one("a")
        report = await db.backup(COPY)
    written = f"{report.file_size_bytes} bytes of {report.codec}"
    assert str(report) == f"{COPY}: 1 document at commit 1, {written}"


async def contents(disk: SimulatedDisk) -> list[Any]:
    async with RedDb.open("copy", codec=JsonCodec(), storage=FileStorage(COPY, disk=disk)) as db:
        return [document.data for document in await db.find_all()]


async def test_writers_go_on_beside_a_backup_that_does_not_see_them(
    autojump_clock: trio.testing.MockClock,
) -> None:
    place = OnSimulatedDisk(SimulatedDisk(latency_s=0.01))
    values = [f"{number}{'x' * 9_000}" for number in range(100)]
    async with place() as db:
        await db.insert(values)
        written: list[int] = []
        async with trio.open_nursery() as nursery:

            async def write() -> None:
                for number in range(10_000):
                    await db.insert_one(number)
                    written.append(number)

            nursery.start_soon(write)
            await trio.testing.wait_all_tasks_blocked()
            before = len(written)
            await db.backup(COPY)
            during = len(written) - before
            await db.compact()
            nursery.cancel_scope.cancel()
    assert during > 5
    found = await contents(place.disk)
    assert found[: len(values)] == values
    assert found[len(values) :] == list(range(len(found) - len(values)))
    assert len(found) - len(values) <= before + 1


async def test_a_backup_has_nothing_that_could_be_taken_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    place = OnSimulatedDisk(SimulatedDisk(latency_s=1))
    async with place(write_order=WriteOrder.MEMORY_FIRST) as db:
        await db.insert_one("kept")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(db.insert_one, "on its way")
            while len(db.snapshot()) < 2:
                await trio.lowlevel.checkpoint()
            report = await db.backup(COPY)
        assert report.live_document_count == 1
    assert await contents(place.disk) == ["kept"]


async def test_a_file_that_is_there_is_not_replaced() -> None:
    place = OnSimulatedDisk(SimulatedDisk({COPY: b"precious"}))
    async with place() as db:
        with pytest.raises(FileExistsError):
            await db.backup(COPY)
        with pytest.raises(FileExistsError, match="the database itself"):
            await db.backup("test")
    assert place.disk.content(COPY) == b"precious"


async def test_a_database_that_is_open_is_not_replaced(tmp_path: Path) -> None:
    async with (
        JsonDb.open(DbConfig("own", dir=tmp_path)) as db,
        JsonDb.open(DbConfig("other", dir=tmp_path)),
    ):
        with pytest.raises(FileExistsError, match="the database itself"):
            await db.backup(tmp_path / "own.json")
        with pytest.raises(DatabaseLocked):
            await db.backup(tmp_path / "other.json")


async def test_a_closed_database_is_not_backed_up() -> None:
    async with MemDb.open("own") as db:
        pass
    with pytest.raises(DatabaseClosed):
        await db.backup(COPY)


async def test_a_backup_that_is_cancelled_leaves_no_file() -> None:
    place = OnSimulatedDisk()
    async with place() as db:
        await db.insert(list(range(100)))

        async def back_up() -> None:
            await db.backup(COPY)

        async def check(cancelled: bool) -> None:
            names = {path.name for path in place.disk.paths()}
            assert names == ({"test"} if cancelled else {"test", COPY.name})
            await place.disk.unlink(COPY)

        assert await cancel_everywhere(back_up, check) > 5


async def test_a_power_cut_leaves_a_whole_backup_or_none() -> None:
    place = OnSimulatedDisk()
    async with place() as db:
        await db.insert(list(range(100)))
        began = place.moment
        await db.backup(COPY)
        ended = place.moment
    seen = set()
    for state in place.disk.crash_states(since=began):
        there = COPY in state.files
        seen.add(there)
        if there:
            assert await contents(state.disk()) == list(range(100))
        else:
            assert state.event < ended
    assert seen == {False, True}


@pytest.mark.parametrize(
    "operation",
    [Operation.LOCK, Operation.CREATE, Operation.WRITE, Operation.SYNC, Operation.RENAME],
)
async def test_a_disk_that_fails_leaves_no_backup_and_the_database_as_it_was(
    operation: Operation,
) -> None:
    place = OnSimulatedDisk()
    async with place() as db:
        await db.insert_one("here")
        other = SimulatedDisk()
        other.fail(operation)
        with pytest.raises(OSError, match="error"):
            await db.backup(COPY, disk=other)
        assert other.paths() == []
        await db.insert_one("there")
        other.heal()
        await db.backup(COPY, disk=other)
    assert await contents(other) == ["here", "there"]


async def test_progress_counts_documents() -> None:
    seen: list[Progress] = []
    async with MemDb.open("own") as db:
        await db.insert(["x" * 1_000 for _ in range(500)])
        await db.backup(COPY, progress=seen.append, disk=SimulatedDisk())
    counts = [each.document_count for each in seen]
    assert counts == sorted(counts)
    assert len(counts) > 3
    assert (seen[-1].done, seen[-1].total, seen[-1].unit) == (500, 500, "documents")
