"""Commits that are kept by writing the log anew: as atomic as any, beside everything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from reddb import (
    DbConfig,
    MemoryStorage,
    PersistFailed,
    RedDb,
    RonCodec,
    TransactionConflict,
    WriteOrder,
)
from reddb.api import bulk
from reddb.testing.fixtures import OnSimulatedDisk
from reddb.testing.simulated_disk import Operation, SimulatedDisk
from reddb.transfer import load

FILE = Path("a.jsonl")
LINES = SimulatedDisk({FILE: b"".join(b"%d\n" % number for number in range(300))})
NUMBERS = list(range(300))


@pytest.fixture(autouse=True)
def every_load_rewrites_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """As only commits of more than 4 MiB do."""
    monkeypatch.setattr(bulk, "_APPENDED_BYTES_MAX", 0)


async def data_of(db: RedDb[Any]) -> list[Any]:
    return [document.data for document in await db.find_all()]


async def _load(db: RedDb[Any]) -> None:
    await load(FILE, db, disk=LINES)


@pytest.mark.parametrize("order", WriteOrder)
async def test_writes_and_compactions_go_on_around_it(
    order: WriteOrder, autojump_clock: trio.testing.MockClock
) -> None:
    for start_s in (0.0, 0.5, 1.5, 2.5, 3.5, 4.5, 6.5):
        place = OnSimulatedDisk(SimulatedDisk(latency_s=1))
        async with place(write_order=order) as db:
            await db.insert_one("before")
            async with trio.open_nursery() as nursery:
                for number in range(5):
                    nursery.start_soon(db.insert_one, f"early {number}")
                nursery.start_soon(db.compact)
                await trio.sleep(start_s)
                nursery.start_soon(db.compact)
                nursery.start_soon(_load, db)
                await trio.testing.wait_all_tasks_blocked()
                for number in range(5):
                    nursery.start_soon(db.insert_one, f"late {number}")
            found = await data_of(db)
            documents = await db.find_all()
            at = found.index(0)
            assert found[at : at + 300] == NUMBERS
            assert len(found) == 311
            stats = await db.stats()
        async with place() as db:
            assert await db.find_all() == documents
            assert (await db.stats()).seq == stats.seq


async def test_a_small_load_into_a_large_database_is_appended() -> None:
    place = OnSimulatedDisk()
    async with place() as db:
        await db.insert_one("x" * 10_000)
        before = len(place.disk.operations)
        await load(FILE, db, disk=LINES)
        assert place.disk.operations[before:] == [Operation.WRITE, Operation.SYNC]
    async with place() as db:
        assert len(db.snapshot()) == 301


async def test_after_a_failed_write_it_is_refused_as_any_write_is() -> None:
    place = OnSimulatedDisk()
    async with place() as db:
        place.disk.fail(Operation.WRITE)
        with pytest.raises(PersistFailed):
            await db.insert_one("lost")
        with pytest.raises(PersistFailed):
            await load(FILE, db, disk=LINES)
        assert await data_of(db) == []
    place.disk.heal()


async def test_a_transaction_of_before_is_in_conflict_with_it() -> None:
    place = OnSimulatedDisk()
    async with place() as db:
        tx = db.begin()
        assert tx.query().count() == 0
        tx.insert_one("mine")
        await load(FILE, db, disk=LINES)
        with pytest.raises(TransactionConflict):
            await tx.commit()


async def test_a_storage_that_keeps_nothing_takes_it_too() -> None:
    async with RedDb.open(DbConfig("a"), codec=RonCodec(), storage=MemoryStorage()) as db:
        await load(FILE, db, disk=LINES)
        assert await data_of(db) == NUMBERS
