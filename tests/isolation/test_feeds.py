"""Change feeds: every commit once, in order, when it can no longer be taken back."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import trio
from bases import Base, values
from trio.testing import MockClock, wait_all_tasks_blocked

from reddb import (
    DatabaseBroken,
    DatabaseClosed,
    FeedLagged,
    MemDb,
    MemoryStorage,
    PersistFailed,
    RedDb,
)
from reddb.actor import history
from reddb.api.feed import Feed, FeedCommit
from reddb.testing.simulated_disk import Operation

pytest_plugins = ("isolation_fixtures",)


class Mortal(MemoryStorage):
    """Dies of a bug when told to."""

    dies = False

    async def append(self, commits: Any) -> None:
        """Keep commits, or die."""
        await trio.lowlevel.checkpoint()
        if self.dies:
            raise ZeroDivisionError


async def take(feed: Feed[Any], count: int) -> list[FeedCommit[Any]]:
    """Give the next commits."""
    return [await anext(feed) for _ in range(count)]


def parts(commit: FeedCommit[Any]) -> list[tuple[str, Any, Any]]:
    """Give what a commit did."""
    return [(change.op, change.before, change.after) for change in commit.changes]


async def test_a_feed_gives_whole_commits_in_order(any_base: Base) -> None:
    async with any_base.open(int) as db:
        await db.insert_one(0)
        async with db.watch() as feed:
            assert feed.seq == 1
            one, two = await db.insert([1, 2])
            await db.update_one(one.id, 3)
            await db.delete_one(two.id)
            async with db.begin() as tx:
                tx.insert_one(4)
                tx.update_one(one.id, 5)
                tx.delete_one(tx.insert_one(6).id)
            await db.transact(lambda tx: tx.insert_one(7))
            await db.delete_where(lambda _: False)
            commits = await take(feed, 5)
            assert [commit.seq for commit in commits] == [2, 3, 4, 5, 6]
            assert list(map(parts, commits)) == [
                [("insert", None, 1), ("insert", None, 2)],
                [("update", 1, 3)],
                [("delete", 2, None)],
                [("insert", None, 4), ("update", 3, 5)],
                [("insert", None, 7)],
            ]
            assert [change.id for change in commits[0].changes] == [one.id, two.id]
            assert feed.seq == 6


@pytest.mark.parametrize("predicate", [None, lambda _: True], ids=["all", "chosen"])
async def test_the_changes_of_a_commit_are_a_sequence(
    predicate: Callable[[int], bool] | None,
) -> None:
    async with MemDb.open("x", int) as db, db.watch(predicate) as feed:
        await db.insert(range(300))
        changes = (await anext(feed)).changes
        assert len(changes) == 300 and repr(changes) == "<300 changes>"
        assert [change.after for change in changes] == list(range(300))
        assert [changes[0].after, changes[-1].after] == [0, 299]
        assert [change.after for change in changes[100:200]] == list(range(100, 200))
        with pytest.raises(IndexError):
            changes[300]
        assert changes[7] in changes and changes.index(changes[7]) == 7
        assert changes[7] != changes[8] and changes[7] != 7 and len({*changes, *changes}) == 300


async def test_with_since_a_snapshot_and_its_feed_miss_and_double_nothing(
    slow_base: Base, autojump_clock: MockClock
) -> None:
    followed = 0

    async def write(db: RedDb[int], number: int) -> None:
        await trio.sleep(number % 7)
        await db.insert_one(number)

    async def follow(db: RedDb[int], delay: float) -> None:
        nonlocal followed
        await trio.sleep(delay)
        snapshot = db.snapshot()
        seen = values(snapshot.find_all())
        seqs = [snapshot.seq]
        await trio.sleep(delay % 3)
        async with db.watch(since=snapshot.seq) as feed:
            while len(seen) < 40:
                commit = await anext(feed)
                seqs.append(commit.seq)
                seen += [change.after for change in commit.changes]
        assert sorted(seen) == list(range(40))
        assert seqs == list(range(seqs[0], 41))
        followed += 1

    async with slow_base.open(int) as db, trio.open_nursery() as nursery:
        for number in range(40):
            nursery.start_soon(write, db, number)
        for tenth in range(0, 90, 3):
            nursery.start_soon(follow, db, tenth / 10)
    assert followed == 30


async def test_a_feed_gives_a_commit_only_after_the_log_has_it(
    slow_base: Base, autojump_clock: MockClock
) -> None:
    async with slow_base.open(int) as db:
        journal = len(slow_base.disk.journal)
        async with db.watch() as feed, trio.open_nursery() as nursery:
            nursery.start_soon(db.insert_one, 1)
            await anext(feed)
            assert len(slow_base.disk.journal) == journal + 2  # A write and a sync.


async def test_what_is_taken_back_never_shows(slow_base: Base, autojump_clock: MockClock) -> None:
    async def write(db: RedDb[int]) -> None:
        with pytest.raises(PersistFailed):
            await db.insert_one(2)

    async def read(feed: Feed[int]) -> None:
        seen.extend([change.after async for commit in feed for change in commit.changes])

    seen: list[int | None] = []
    async with trio.open_nursery() as readers, slow_base.open(int) as db, db.watch() as feed:
        await db.insert_one(1)
        slow_base.disk.fail(Operation.SYNC)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write, db)
            await wait_all_tasks_blocked()
            async with db.watch() as late, db.query().live() as live:
                assert values(await anext(live)) == [1]
                assert late.seq == 1
        readers.start_soon(read, feed)
        await db.aclose()
        await wait_all_tasks_blocked()
    assert seen == [1]


async def test_a_feed_that_begins_during_a_write_gives_that_write(
    slow_base: Base, autojump_clock: MockClock
) -> None:
    async with slow_base.open(int) as db, trio.open_nursery() as nursery:
        nursery.start_soon(db.insert_one, 1)
        await wait_all_tasks_blocked()
        async with db.watch() as feed, db.query().live() as live:
            assert await anext(live) == []
            assert (await anext(feed)).seq == 1
            assert values(await anext(live)) == [1]


async def test_feeds_begin_during_a_commit_too_large_to_be_kept(
    slow_base: Base, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "CHANGES_MAX", 2)
    async with slow_base.open(int) as db:
        document = await db.insert_one(0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(db.update_where(lambda _: True).exec, lambda data: data + 1)
            nursery.start_soon(db.insert, [5, 6, 7])
            await wait_all_tasks_blocked()
            async with db.watch() as feed:
                assert (await db.wait_for(document.id, lambda data: data == 1)).data == 1
                assert [commit.seq for commit in await take(feed, 2)] == [2, 3]


# Slow readers.


async def test_a_slow_reader_gets_what_is_buffered_and_then_feed_lagged(base: Base) -> None:
    async with base.open(int) as db:
        async with db.watch(buffer_commits_max=2) as feed:
            for number in range(5):
                await db.insert_one(number)
            assert [commit.seq for commit in await take(feed, 2)] == [1, 2]
            for _ in range(2):
                with pytest.raises(FeedLagged) as caught:
                    await anext(feed)
                assert caught.value.seq == feed.seq == 2
        async with db.watch(since=caught.value.seq, buffer_commits_max=2) as feed:
            assert [commit.seq for commit in await take(feed, 3)] == [3, 4, 5]


async def test_who_has_much_to_catch_up_with_has_the_whole_buffer_for_what_is_new(
    base: Base,
) -> None:
    async with base.open(int) as db:
        for number in range(5):
            await db.insert_one(number)
        async with db.watch(since=0, buffer_commits_max=2) as feed:
            for number in range(3):
                await db.insert_one(number)
            assert [commit.seq for commit in await take(feed, 7)] == list(range(1, 8))
            with pytest.raises(FeedLagged):
                await anext(feed)


async def test_who_comes_back_too_late_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "COMMITS_MAX", 2)
    async with MemDb.open("x", int) as db:
        for number in range(4):
            await db.insert_one(number)
        with pytest.raises(FeedLagged) as caught:
            async with db.watch(since=1):
                pass
        assert caught.value.seq == 1
        async with db.watch(since=2) as feed:
            assert [commit.seq for commit in await take(feed, 2)] == [3, 4]


async def test_a_slow_reader_may_have_commits_coalesced(base: Base) -> None:
    async with base.open(int) as db:
        kept, changed, removed = await db.insert([1, 2, 3])
        async with db.watch(buffer_commits_max=2, coalesce=True) as feed:
            await db.update_one(kept.id, 10)
            for number in range(20, 25):
                await db.update_one(changed.id, number)
            await db.delete_one(removed.id)
            short_lived = await db.insert_one(4)
            await db.delete_one(short_lived.id)
            first, second = await take(feed, 2)
            assert (parts(first), first.seq) == ([("update", 1, 10)], 2)
            assert (parts(second), second.seq) == ([("update", 2, 24), ("delete", 3, None)], 10)
            await db.update_one(changed.id, 30)
            assert parts(await anext(feed)) == [("update", 24, 30)]


async def test_what_is_coalesced_keeps_the_order_of_insertion(base: Base) -> None:
    random = Random(1)
    copy: dict[Any, int | None] = {}

    async def follow(feed: Feed[int]) -> None:
        for change in (await anext(feed)).changes:
            if change.op == "delete":
                del copy[change.id]
            else:
                copy[change.id] = change.after

    async with base.open(int) as db, db.watch(coalesce=True, buffer_commits_max=2) as feed:
        documents = [await db.insert_one(-1)]
        for number in range(300):
            one = random.choice(documents)
            chance = random.random()
            if chance < 0.4:
                documents.append(await db.insert_one(number))
            elif chance < 0.8:
                await db.update_one(one.id, number)
            elif len(documents) > 1:
                documents.remove(one)
                await db.delete_one(one.id)
            if chance < 0.1:
                await follow(feed)
        while feed.seq < db.snapshot().seq:
            await follow(feed)
        assert list(copy.items()) == [(each.id, each.data) for each in db.snapshot()]


async def test_what_was_coalesced_is_whole_also_when_more_comes_after_it(base: Base) -> None:
    async with base.open(int) as db, db.watch(buffer_commits_max=2, coalesce=True) as feed:
        for number in range(4):
            await db.insert_one(number)
        assert (await anext(feed)).seq == 1
        for number in range(4, 6):
            await db.insert_one(number)
        seen = [[change.after for change in commit.changes] for commit in await take(feed, 2)]
        assert seen in ([[1, 2, 3], [4, 5]], [[1, 2, 3], [4]])


async def test_coalescing_costs_the_writer_what_a_commit_has_not_what_a_reader_lacks() -> None:
    async with (
        MemDb.open("x", int) as db,
        db.watch(buffer_commits_max=1, coalesce=True) as feed,
    ):
        (subscription,) = db._engine.writer.feeds._to_all
        await db.insert([-1, -2])
        await db.insert_one(-3)
        newest = subscription._buffer[-1]
        for number in range(297):
            await db.insert_one(number)
        assert subscription._buffer[-1] is newest  # It was added to, not made anew.
        assert len((await anext(feed)).changes) == 300


# Predicates.


async def test_a_predicate_sees_what_was_and_what_is(base: Base) -> None:
    async with base.open(int) as db, db.watch(lambda data: data > 10) as feed:
        document, _ = await db.insert([1, 2])
        await db.update_one(document.id, 11)
        await db.update_one(document.id, 3)
        await db.update_one(document.id, 4)
        await db.insert([5, 12])
        commits = await take(feed, 3)
        assert list(map(parts, commits)) == [
            [("update", 1, 11)],
            [("update", 11, 3)],
            [("insert", None, 12)],
        ]


async def test_a_predicate_that_raises_concerns_its_reader_alone(base: Base) -> None:
    async with (
        base.open(int) as db,
        db.watch(lambda data: 1 / data) as feed,
        db.watch() as other,
    ):
        await db.insert_one(0)
        await db.insert_one(1)
        with pytest.raises(ZeroDivisionError):
            await anext(feed)
        assert (await anext(feed)).seq == 2
        assert len(await take(other, 2)) == 2
        assert len(await db.find_all()) == 2


# Many readers, and the end.


async def test_many_feeds_all_give_everything(base: Base) -> None:
    async def read(count: int) -> None:
        async with db.watch() as feed:
            ready.append(count)
            seen = [commit.seq async for commit in feed]
        assert seen == list(range(1, 31))
        done.append(count)

    ready: list[int] = []
    done: list[int] = []
    async with trio.open_nursery() as readers, base.open(int) as db:
        for count in range(50):
            readers.start_soon(read, count)
        await wait_all_tasks_blocked()
        assert (await db.stats()).feed_count == len(ready) == 50
        async with trio.open_nursery() as nursery:
            for number in range(30):
                nursery.start_soon(db.insert_one, number)
    assert len(done) == 50


async def test_one_task_at_a_time_reads_a_feed() -> None:
    async with MemDb.open("x", int) as db, db.watch() as feed, trio.open_nursery() as nursery:
        nursery.start_soon(take, feed, 1)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await anext(feed)
        await db.insert_one(1)


async def test_a_feed_whose_block_was_left_is_closed() -> None:
    async def read(feed: Feed[int]) -> None:
        with pytest.raises(DatabaseClosed):
            await anext(feed)

    async with MemDb.open("x", int) as db, trio.open_nursery() as nursery:
        async with db.watch() as feed:
            nursery.start_soon(read, feed)
            await wait_all_tasks_blocked()
        await wait_all_tasks_blocked()
        await read(feed)
        assert (await db.stats()).feed_count == 0


@pytest.mark.parametrize("buffer_commits_max", [1, 1000])
async def test_a_feed_whose_block_was_left_gives_nothing_that_it_had(
    buffer_commits_max: int,
) -> None:
    async with MemDb.open("x", int) as db:
        async with db.watch(buffer_commits_max=buffer_commits_max) as feed:
            for number in range(3):
                await db.insert_one(number)
        for _ in range(2):
            with pytest.raises(DatabaseClosed):
                await anext(feed)
        assert feed.seq == 0


async def test_a_feed_outlives_the_clone_that_it_was_begun_with() -> None:
    async with MemDb.open("x", int) as db:
        clone = db.clone()
        async with clone.watch() as feed:
            await clone.aclose()
            await db.insert_one(1)
            assert (await anext(feed)).seq == 1


async def test_what_was_seen_and_then_taken_back_is_nothing_to_begin_after(
    autojump_clock: MockClock,
) -> None:
    async def write(db: RedDb[int]) -> None:
        with pytest.raises(PersistFailed):
            await db.insert_one(1)

    base = Base(latency_s=1)
    async with base.open(int) as db:
        base.disk.fail(Operation.SYNC)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write, db)
            await wait_all_tasks_blocked()
            snapshot = db.snapshot()
            assert snapshot.seq == 1
        with pytest.raises(PersistFailed):
            async with db.watch(since=snapshot.seq):
                pass
        async with db.watch(since=0) as feed:
            assert feed.seq == 0


async def test_closing_ends_feeds_live_queries_and_waits(base: Base) -> None:
    over: list[str] = []

    async def read(db: RedDb[int]) -> None:
        async with db.watch() as feed:
            assert [commit.seq async for commit in feed] == [1]
        over.append("feed")

    async def live(db: RedDb[int]) -> None:
        async with db.query().live() as results:
            newest = [values(result) async for result in results][-1]
        assert newest == [1]
        over.append("live")

    async def wait(db: RedDb[int]) -> None:
        document = db.begin().insert_one(0)
        with pytest.raises(DatabaseClosed):
            await db.wait_for(document.id, lambda _: True)
        over.append("wait")

    async with trio.open_nursery() as nursery, base.open(int) as db:
        for task in (read, live, wait):
            nursery.start_soon(task, db)
        await wait_all_tasks_blocked()
        await db.insert_one(1)
    assert sorted(over) == ["feed", "live", "wait"]


async def test_a_live_query_that_is_due_at_closing_gives_its_last_result_and_ends() -> None:
    async with MemDb.open("x", int) as db, db.query().live() as results:
        await db.insert_one(1)
        await db.aclose()
        assert [values(result) async for result in results] == [[1]]


async def test_a_dying_writer_wakes_every_watcher() -> None:
    over: list[str] = []
    storage = Mortal()

    async def read(db: RedDb[int]) -> None:
        async with db.watch() as feed:
            with pytest.raises(DatabaseBroken) as caught:
                await anext(feed)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        over.append("feed")

    async def live(db: RedDb[int]) -> None:
        async with db.query().live() as results:
            assert await anext(results) == []
            for _ in range(2):
                with pytest.raises(DatabaseBroken):
                    await anext(results)
        over.append("live")

    async def wait(db: RedDb[int]) -> None:
        with pytest.raises(DatabaseBroken):
            await db.wait_for(db.begin().insert_one(0).id, lambda _: True)
        over.append("wait")

    async def write(db: RedDb[int]) -> None:
        with pytest.raises(DatabaseBroken):
            await db.insert_one(1)

    with pytest.raises(DatabaseBroken):
        async with MemDb.open("x", int, storage=storage) as db, trio.open_nursery() as nursery:
            for task in (read, live, wait):
                nursery.start_soon(task, db)
            await wait_all_tasks_blocked()
            storage.dies = True
            nursery.start_soon(write, db)
    assert sorted(over) == ["feed", "live", "wait"]


@pytest.mark.parametrize("settings", [{"since": 2}, {"since": -1}, {"buffer_commits_max": 0}])
async def test_what_makes_no_sense_is_refused(base: Base, settings: dict[str, int]) -> None:
    async with base.open(int) as db:
        await db.insert_one(1)
        with pytest.raises(ValueError, match=r"since|buffer"):
            async with db.watch(**settings):  # type: ignore[arg-type]
                pass
