"""One seed gives one history, byte for byte in the log."""

from __future__ import annotations

import threading
from hashlib import sha256
from random import Random
from typing import Any

import pytest
import trio
import trio.testing
from bases import Base
from calls import CALLS, World
from trio.testing import MockClock

from reddb import DbConfig, FileStorage, JsonDb, MemDb, RedDb, TransactionConflict, WriteOrder
from reddb.testing import OnSimulatedDisk
from reddb.testing.determinism import run_seeded, seeded_bytes, seeded_id, seeded_random
from reddb.testing.simulated_disk import SimulatedDisk

pytest_plugins = ("isolation_fixtures",)


async def work(db: RedDb[int], random: Random, number: int) -> None:
    """Write in a transaction and without, with pauses."""
    for turn in range(5):
        await trio.sleep(random.choice((0, 0.01, 60)))
        try:
            async with db.begin() as tx:
                count = len(tx.find_all())
                await trio.sleep(0.01)
                tx.insert_one(1000 * count + number)
        except TransactionConflict:
            await db.insert_one(-number)
        await db.delete(turn)


async def logged(write_order: WriteOrder = WriteOrder.MEMORY_FIRST) -> bytes:
    """Give the log of many tasks that race."""
    disk = SimulatedDisk(latency_s=0.01)
    storage = FileStorage("x.json", disk=disk, random_bytes=seeded_bytes)
    config = DbConfig("x", new_id=seeded_id, write_order=write_order)
    async with JsonDb.open(config, int, storage=storage) as db:
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(work, db, seeded_random(), number)
        await db.compact()
        await db.insert_one(-1)
    return disk.content("x.json")


@pytest.mark.parametrize("write_order", WriteOrder)
def test_one_seed_gives_one_log(write_order: WriteOrder) -> None:
    logs = [sha256(run_seeded(seed, logged, write_order)).digest() for seed in (1, 2, 1, 2)]
    assert logs[:2] == logs[2:]
    assert logs[0] != logs[1]


async def _logged_by_a_fixture() -> bytes:
    place = OnSimulatedDisk(random_bytes=seeded_bytes)
    async with place(int, new_id=seeded_id) as db:
        await db.insert([1, 2, 3])
        await db.compact()
    (path,) = place.disk.paths()
    return place.disk.content(path)


def test_the_fixture_too_can_be_seeded() -> None:
    logs = [run_seeded(seed, _logged_by_a_fixture) for seed in (1, 2, 1)]
    assert logs[0] == logs[2] != logs[1]


async def _order() -> list[int]:
    order: list[int] = []
    event = trio.Event()

    async def wait(number: int) -> None:
        await event.wait()
        order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(30):
            nursery.start_soon(wait, number)
        await trio.testing.wait_all_tasks_blocked()
        event.set()
    return order


def test_the_seed_decides_the_order_in_which_tasks_run() -> None:
    orders = [run_seeded(seed, _order) for seed in (1, 1, 2, 3)]
    assert orders[0] == orders[1]
    assert len({tuple(order) for order in orders}) == 3


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the test fail that asks for a thread."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a thread was asked for")

    monkeypatch.setattr(trio.to_thread, "run_sync", refuse)
    monkeypatch.setattr(threading.Thread, "start", refuse)


@pytest.mark.usefixtures("no_threads")
def test_no_real_time_passes() -> None:
    async def use() -> float:
        async with MemDb.open(DbConfig("x", new_id=seeded_id), int) as db:
            await work(db, Random(1), 1)
        return trio.current_time()

    assert run_seeded(1, use) == run_seeded(1, use) >= 60
    run_seeded(1, logged)


@pytest.mark.usefixtures("no_threads")
async def test_no_call_needs_a_thread(any_base: Base, autojump_clock: MockClock) -> None:
    async with any_base.open(int) as db:
        await db.add_index("itself", lambda data: data)
        world = World(any_base, db)
        for call, _ in CALLS.values():
            await world.prepare()
            await call(world)


def test_what_goes_wrong_tells_its_seed() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        run_seeded(7, fail)
    assert caught.value.__notes__ == ["in run_seeded(7, ...)"]


def test_the_scheduler_is_as_before_afterwards() -> None:
    scheduler = trio._core._run
    before = scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r.getstate()
    run_seeded(7, _order)
    assert (scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r.getstate()) == before


@pytest.mark.parametrize("draw", [seeded_random, seeded_id, lambda: seeded_bytes(1)])
def test_outside_of_a_seeded_run_nothing_is_drawn(draw: Any) -> None:
    with pytest.raises(RuntimeError, match="run_seeded"):
        draw()
