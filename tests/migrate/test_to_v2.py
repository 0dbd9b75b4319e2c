"""The new v2 file: whole or not there, whatever happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from migrate_tools import FORMATS, RUST, User, records_of

from reddb import DatabaseLocked, DbConfig, EncodeError, JsonDb, MemDb, migrate
from reddb.migrate.v2_format import Op
from reddb.testing import cancel_everywhere
from reddb.testing.simulated_disk import SimulatedDisk

OUT = Path("out.json")


async def test_records_insert_the_documents_in_order() -> None:
    disk = SimulatedDisk()
    async with MemDb.open("from") as db:
        documents = await db.insert([{"n": n} for n in range(3)])
        await db.update_one(documents[0].id, {"n": 10})
        await db.delete_one(documents[1].id)
        snapshot = db.snapshot()
        await db.insert_one("later")
        for suffix, number in FORMATS.items():
            path = Path(f"out{suffix.upper()}")
            assert await migrate.to_v2(snapshot, path, disk=disk) == 2
            assert disk.content(path)[10] == number
    found = records_of(disk.content("out.JSON"))
    assert found == [
        (Op.INSERT, documents[0].id, b'{"n":10}'),
        (Op.INSERT, documents[2].id, b'{"n":2}'),
    ]
    assert records_of(disk.content("out.RON"))[0][2] == b'{"n":10}'
    assert records_of(disk.content("out.YAML"))[0][2] == b"n: 10"


async def test_a_file_that_is_there_is_not_replaced_unless_told_to() -> None:
    disk = SimulatedDisk({OUT: b"precious"})
    async with MemDb.open("from") as db:
        await db.insert_one(1)
        with pytest.raises(FileExistsError):
            await migrate.to_v2(db, OUT, disk=disk)
        assert disk.content(OUT) == b"precious"
        assert disk.paths() == [OUT]
        assert await migrate.to_v2(db, OUT, overwrite=True, disk=disk) == 1
    assert len(records_of(disk.content(OUT))) == 1
    assert disk.paths() == [OUT]


async def test_the_file_of_an_open_database_is_not_replaced(tmp_path: Path) -> None:
    async with JsonDb.open(DbConfig("own", dir=tmp_path)) as db:
        await db.insert_one(1)
        for overwrite in (False, True):
            with pytest.raises(DatabaseLocked):
                await migrate.to_v2(db, tmp_path / "own.json", overwrite=overwrite)
    async with JsonDb.open(DbConfig("own", dir=tmp_path)) as db:
        assert len(db.snapshot()) == 1


async def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    async with MemDb.open("from") as db:
        await migrate.to_v2(db, tmp_path / "out.ron")
    assert (tmp_path / "out.ron").stat().st_mode & 0o777 == 0o600


async def test_a_call_that_is_cancelled_leaves_no_file() -> None:
    async with MemDb.open("from", User) as db:
        await migrate.from_v2(RUST / "golden.ron", db)
        disk = SimulatedDisk()

        async def move() -> None:
            await migrate.to_v2(db, OUT, disk=disk)

        async def check(cancelled: bool) -> None:
            nonlocal disk
            assert disk.paths() == ([] if cancelled else [OUT])
            disk = SimulatedDisk()

        assert await cancel_everywhere(move, check) > 3


async def test_a_power_cut_leaves_a_whole_file_or_none() -> None:
    disk = SimulatedDisk()
    async with MemDb.open("from", User) as db:
        count = await migrate.from_v2(RUST / "golden.ron", db)
        await migrate.to_v2(db, OUT, disk=disk)
    seen = set()
    for state in disk.crash_states():
        seen.add(OUT in state.files)
        if OUT in state.files:
            assert len(records_of(state.files[OUT])) == count
        else:
            assert state.event < len(disk.journal)
    assert seen == {False, True}


async def test_whatever_fails_there_is_no_file_and_the_next_attempt_succeeds() -> None:
    async with MemDb.open("from", User) as db:
        await migrate.from_v2(RUST / "golden.ron", db)
        probe = SimulatedDisk()
        await migrate.to_v2(db, OUT, disk=probe)
        for nth in range(1, probe.operation_count):  # All but the sync of the directory.
            disk = SimulatedDisk()
            disk.fail(nth=nth)
            with pytest.raises(OSError, match="error"):
                await migrate.to_v2(db, OUT, disk=disk)
            disk.heal()
            if OUT not in disk.paths():
                await migrate.to_v2(db, OUT, disk=disk)
            assert disk.paths() == [OUT]


async def test_a_document_that_cannot_be_written_is_named() -> None:
    disk = SimulatedDisk()
    async with MemDb.open("from") as db:
        await db.insert_one(1.0)
        bad = await db.insert_one([float("nan")])
        with pytest.raises(EncodeError, match=f"document {bad.id}: serde's JSON has no nan"):
            await migrate.to_v2(db, OUT, disk=disk)
        assert disk.paths() == []
