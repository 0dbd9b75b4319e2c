"""When others see a write, and when its caller goes on, in each write order and durability."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from databases import Home, data, simulated
from trio.testing import MockClock, wait_all_tasks_blocked

from reddb import Document, Durability, JsonDb, PersistFailed, RedDb, Snapshot, WriteOrder
from reddb.testing.journal import Synced, Wrote
from reddb.testing.simulated_disk import Operation


@pytest.fixture(params=Durability)
def slow_home(request: pytest.FixtureRequest, simulated_home: Home) -> Home:
    """A database on a disk that takes a second for everything; tests jump over that."""
    database, order = simulated_home.database, simulated_home.write_order
    return simulated(database, write_order=order, durability=request.param, latency_s=1)


class Insert:
    """An insert that is under way."""

    def __init__(self) -> None:
        self.document: Document[str] | None = None
        self.failure: PersistFailed | None = None

    def is_over(self) -> bool:
        """Whether the call has returned, or raised."""
        return self.document is not None or self.failure is not None

    async def run(self, db: RedDb[str], text: str) -> None:
        """Insert a document."""
        try:
            self.document = await db.insert_one(text)
        except PersistFailed as error:
            self.failure = error


def expected_while_writing(home: Home) -> list[str]:
    """Give what readers see while the log is being written."""
    return ["ada"] if home.write_order is WriteOrder.MEMORY_FIRST else []


async def test_a_write_is_seen_early_or_late_and_returns_when_the_log_has_it(
    slow_home: Home, autojump_clock: MockClock
) -> None:
    insert = Insert()
    async with slow_home.open(str) as db, trio.open_nursery() as nursery:
        await db.add_index("length", len)
        nursery.start_soon(insert.run, db, "ada")
        await wait_all_tasks_blocked()
        expected = expected_while_writing(slow_home)
        assert not insert.is_over()
        assert data(db.snapshot().find_all()) == expected
        assert data(await db.find_all()) == data(await db.using_index("length", 3)) == expected
        assert (await db.stats()).live_document_count == len(expected)
        while not insert.is_over():
            assert data(db.snapshot().find_all()) == expected
            await trio.sleep(0.1)
        journal = slow_home.disk.journal
        assert isinstance(journal[-2 if slow_home.durability is Durability.FSYNC else -1], Wrote)
        assert isinstance(journal[-1], Synced) == (slow_home.durability is Durability.FSYNC)
        assert db.snapshot().find_all() == [insert.document]


@pytest.mark.parametrize("operation", [Operation.WRITE, Operation.SYNC])
async def test_a_write_that_fails_is_taken_back_or_never_seen(
    simulated_home: Home, operation: Operation, autojump_clock: MockClock
) -> None:
    home = simulated(
        simulated_home.database,
        write_order=simulated_home.write_order,
        durability=Durability.FSYNC,
        latency_s=1,
    )
    insert, taken_back = Insert(), Insert()
    async with home.open(str) as db, trio.open_nursery() as nursery:
        home.disk.fail(operation)
        nursery.start_soon(insert.run, db, "ada")
        await wait_all_tasks_blocked()
        during: Snapshot[Any] = db.snapshot()
        nursery.start_soon(taken_back.run, db, "bob")
        while not insert.is_over():
            assert data(db.snapshot().find_all()) == expected_while_writing(home)
            await trio.sleep(0.1)
        await wait_all_tasks_blocked()
        assert insert.failure is not None
        assert taken_back.failure is not None
        assert db.snapshot().find_all() == []
        assert data(during.find_all()) == expected_while_writing(home)


async def test_writers_that_come_together_share_one_write_and_one_sync(
    slow_home: Home, autojump_clock: MockClock
) -> None:
    inserts = [Insert() for _ in range(64)]
    async with slow_home.open(str, compaction_ratio=float("inf")) as db:
        opened = len(slow_home.disk.journal)
        async with trio.open_nursery() as nursery:
            for number, insert in enumerate(inserts):
                nursery.start_soon(insert.run, db, str(number))
        stats = await db.stats()
        assert (stats.commit_count, stats.batch_count) == (64, 1)
        written = slow_home.disk.journal[opened:]
        assert [type(event) for event in written] == (
            [Wrote, Synced] if slow_home.durability is Durability.FSYNC else [Wrote]
        )
        assert [insert.document for insert in inserts if insert.document is None] == []


async def test_transactions_that_come_together_share_a_batch(
    slow_home: Home, autojump_clock: MockClock
) -> None:
    async def insert_ten(db: RedDb[str]) -> None:
        async with db.begin() as tx:
            for number in range(10):
                tx.insert_one(str(number))

    async with slow_home.open(str, compaction_ratio=float("inf")) as db:
        async with trio.open_nursery() as nursery:
            for _ in range(64):
                nursery.start_soon(insert_ten, db)
        stats = await db.stats()
        assert (stats.commit_count, stats.batch_count) == (64, 1)


async def test_the_next_batch_gathers_while_one_is_written(
    slow_home: Home, autojump_clock: MockClock
) -> None:
    async with slow_home.open(str) as db:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Insert().run, db, "first")
            await wait_all_tasks_blocked()
            for number in range(20):
                nursery.start_soon(Insert().run, db, str(number))
        stats = await db.stats()
        assert (stats.batch_count, stats.commits_in_largest_batch) == (2, 20)


async def test_a_lone_write_waits_for_nobody(autojump_clock: MockClock) -> None:
    home = simulated(JsonDb, durability=Durability.FSYNC, latency_s=1)
    async with home.open(str) as db:
        began = trio.current_time()
        await db.insert_one("ada")
        assert trio.current_time() - began == pytest.approx(2)  # A write and a sync.


async def test_reads_and_writes_go_on_beside_compaction(
    slow_home: Home, autojump_clock: MockClock
) -> None:
    async with slow_home.open(str, compaction_ratio=float("inf")) as db:
        documents = await db.insert([str(number) for number in range(20)])
        tx = db.begin()
        compacted = trio.Event()

        async def compact() -> None:
            await db.compact()
            compacted.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(compact)
            await wait_all_tasks_blocked()
            assert await db.find_all() == documents
            documents.append(await db.insert_one("beside"))
            assert not compacted.is_set()
            removed = await db.delete_one(documents.pop(0).id)
            tx.update_one(documents[0].id, "changed")
            await tx.commit()
            documents[0] = Document(documents[0].id, "changed")
            await compacted.wait()
        assert await db.find_all() == documents
        assert removed not in documents
    async with slow_home.open(str) as db:
        assert await db.find_all() == documents


async def test_compactions_that_are_asked_for_together_are_all_done(
    slow_home: Home, autojump_clock: MockClock
) -> None:
    async with slow_home.open(str) as db:
        documents = await db.insert(["ada", "bob"])
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(db.compact)
                nursery.start_soon(db.update, "ada", "ada")
        assert 1 <= (await db.stats()).compaction_count <= 5
    async with slow_home.open(str) as db:
        assert await db.find_all() == documents
