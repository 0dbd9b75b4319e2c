"""`RedDb.wait_for` and `Query.live`."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

import pytest
import trio
from bases import Base, values
from trio.testing import MockClock, wait_all_tasks_blocked

from reddb import DatabaseClosed, MemDb, Query, RedDb
from reddb.api.query import LiveResults

pytest_plugins = ("isolation_fixtures",)


async def test_wait_for_gives_a_document_that_is_there_already(any_base: Base) -> None:
    async with any_base.open(int) as db:
        document = await db.insert_one(1)
        assert await db.wait_for(document.id, lambda data: data == 1) == document


async def test_wait_for_waits_until_it_is_accepted(slow_base: Base, autojump_clock: Any) -> None:
    found: list[int] = []

    async def wait() -> None:
        found.append((await db.wait_for(document.id, lambda data: data >= 3)).data)

    async with slow_base.open(int) as db, trio.open_nursery() as nursery:
        document = await db.insert_one(1)
        nursery.start_soon(wait)
        for number in (2, 3):
            assert found == []
            await db.insert_one(3)
            await db.update_one(document.id, number)
            await wait_all_tasks_blocked()
        assert found == [3]


async def test_wait_for_sees_what_is_there_for_a_moment_only(base: Base) -> None:
    found: list[int] = []

    async def wait() -> None:
        found.append((await db.wait_for(document.id, lambda data: data == 2)).data)

    async with base.open(int) as db, trio.open_nursery() as nursery:
        document = await db.insert_one(1)
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        async with trio.open_nursery() as writers:
            for number in (2, 3):
                writers.start_soon(db.update_one, document.id, number)
        await wait_all_tasks_blocked()
        assert found == [2]


async def test_who_waits_for_a_document_is_not_woken_by_commits_of_others(base: Base) -> None:
    steps: Counter[trio.lowlevel.Task] = Counter()

    class Steps(trio.abc.Instrument):
        def after_task_step(self, task: trio.lowlevel.Task) -> None:
            steps[task] += 1

    async def wait(id_: UUID) -> None:
        waiters.append(trio.lowlevel.current_task())
        await db.wait_for(id_, lambda data: data == 3)

    waiters: list[trio.lowlevel.Task] = []
    async with base.open(int) as db, trio.open_nursery() as nursery:
        first, second, other = await db.insert([1, 2, 0])
        for document in (first, first, second):
            nursery.start_soon(wait, document.id)
        await wait_all_tasks_blocked()
        trio.lowlevel.add_instrument(counter := Steps())
        for number in range(5):
            await db.update_one(other.id, number)
        await wait_all_tasks_blocked()
        assert [steps[task] for task in waiters] == [0, 0, 0]
        await db.update_one(first.id, 2)
        await wait_all_tasks_blocked()
        assert sorted(bool(steps[task]) for task in waiters) == [False, True, True]
        trio.lowlevel.remove_instrument(counter)
        await db.update_where(bool).exec(lambda _: 3)
    assert db._engine.writer.feeds._to_one == {}


async def test_wait_for_a_document_that_is_yet_to_come(base: Base) -> None:
    async with base.open(int) as db, trio.open_nursery() as nursery:
        tx = db.begin()
        document = tx.insert_one(1)
        nursery.start_soon(db.wait_for, document.id, lambda data: data == 1)
        await wait_all_tasks_blocked()
        await tx.commit()


async def test_wait_for_raises_what_its_predicate_raises(base: Base) -> None:
    async with base.open(int) as db:
        document = await db.insert_one(0)
        with pytest.raises(ZeroDivisionError):
            await db.wait_for(document.id, lambda data: 1 / data)
        with pytest.raises(TypeError):
            await db.wait_for("no id", bool)  # type: ignore[arg-type]
        assert (await db.stats()).feed_count == 0


# Live queries.


async def test_a_live_query_gives_the_result_now_and_after_every_commit_that_matters(
    any_base: Base,
) -> None:
    async with any_base.open(int) as db:
        await db.insert([20, 1])
        query = db.query().filter(lambda data: data >= 10).order_by(lambda data: data)
        async with query.live() as results, trio.open_nursery() as nursery:
            seen: list[list[int]] = []
            nursery.start_soon(collect, results, seen)
            await wait_all_tasks_blocked()
            for number in (10, 2, 15):
                await db.insert_one(number)
                await wait_all_tasks_blocked()
            await db.delete(10)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert seen == [[20], [10, 20], [10, 15, 20], [15, 20]]


async def collect(results: LiveResults[int], seen: list[list[int]]) -> None:
    """Append every result."""
    async for documents in results:
        newest = values(documents)
        seen.append(newest)


async def test_a_slow_reader_gets_the_newest_result_alone(base: Base) -> None:
    async with base.open(int) as db, db.query().live() as results:
        assert await anext(results) == []
        for number in range(100):
            await db.insert_one(number)
        assert values(await anext(results)) == list(range(100))
        with trio.move_on_after(0) as scope:
            await anext(results)
        assert scope.cancelled_caught


async def test_a_reader_that_is_cancelled_loses_nothing(
    base: Base, autojump_clock: MockClock
) -> None:
    async def write(db: RedDb[int]) -> None:
        for number in range(3):
            await db.insert_one(number)

    for rounds in range(40):
        async with MemDb.open("x", int) as db, db.query().live() as results:
            assert await anext(results) == []
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(write, db)
                    nursery.start_soon(_cancel_after, scope, rounds)
                    newest: list[int] = []
                    while len(newest) < 3:
                        newest = values(await anext(results))
            newest = [] if scope.cancelled_caught else newest
            expected = values(await db.find_all())
            with trio.move_on_after(1):
                while newest != expected:
                    newest = values(await anext(results))
            assert newest == expected


async def _cancel_after(scope: trio.CancelScope, rounds: int) -> None:
    for _ in range(rounds):
        await trio.lowlevel.checkpoint()
    scope.cancel()


async def test_a_live_query_recovers_from_a_filter_that_raised(base: Base) -> None:
    async with base.open(int) as db, inverted(db).live() as results:
        assert await anext(results) == []
        bad = await db.insert_one(0)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await anext(results)
        await db.update_one(bad.id, 1)
        assert values(await anext(results)) == [1]


def inverted(db: RedDb[int]) -> Query[int]:
    """Give a query that raises where there is a 0."""
    return db.query().filter(lambda data: 1 / data > 0)


async def test_one_task_at_a_time_reads_a_live_query(base: Base) -> None:
    async def take(results: LiveResults[int]) -> None:
        seen.append(values(await anext(results)))

    seen: list[list[int]] = []
    async with base.open(int) as db, db.query().live() as results:
        await take(results)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take, results)
            await wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError):
                await anext(results)
            await db.insert_one(1)
        assert seen == [[], [1]]
        with trio.move_on_after(0) as scope:  # Who was refused has left nothing behind.
            await anext(results)
        assert scope.cancelled_caught


async def test_a_live_query_whose_block_was_left_is_closed(base: Base) -> None:
    async with base.open(int) as db:
        async with db.query().live() as due:
            pass
        async with db.query().live() as read:
            assert await anext(read) == []
        for results in (due, read):
            with pytest.raises(DatabaseClosed):
                await anext(results)
