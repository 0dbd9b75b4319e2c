"""What a database says about itself."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from attrs.exceptions import FrozenInstanceError
from databases import HeldStorage, Home, count_of, counted, simulated, text_of
from trio.testing import MockClock, wait_all_tasks_blocked

from reddb import DbConfig, Durability, JsonCodec, JsonDb, MemDb, RedDb, Stats


async def test_stats_are_frozen() -> None:
    async with MemDb.open("notes") as db:
        stats = await db.stats()
    with pytest.raises(FrozenInstanceError):
        stats.seq = 1  # type: ignore[misc]  # Wrong on purpose.


async def test_stats_of_a_database_in_memory() -> None:
    async with MemDb.open("notes", str) as db:
        await db.insert(["ada", "bob"])
        await db.compact()
        stats = await db.stats()
    assert (stats.file_size_bytes, stats.live_size_bytes, stats.compaction_ratio) == (0, 0, 1.0)
    assert stats.live_document_count == 2


async def test_the_file_size_is_that_of_the_file(file_home: Home) -> None:
    async with file_home.open() as db:
        for _ in range(3):
            await db.insert([file_home.value("ada"), file_home.value("bob", 7)])
            stats = await db.stats()
            assert stats.file_size_bytes == file_home.log.stat().st_size > 0
        await db.delete_where(lambda value: count_of(value) == 7)
        await db.compact()
        stats = await db.stats()
        assert stats.file_size_bytes == file_home.log.stat().st_size
    assert file_home.log.stat().st_size == stats.file_size_bytes


async def test_compaction_brings_the_ratio_down_to_one(file_home: Home) -> None:
    async with file_home.open(compaction_ratio=1000.0) as db:
        document = await db.insert_one(file_home.value("ada"))
        await db.insert([file_home.value(str(number)) for number in range(20)])
        for _ in range(100):
            await db.update_one(document.id, file_home.value("ada"))
        before = await db.stats()
        await db.compact()
        after = await db.stats()
    assert before.compaction_ratio == before.file_size_bytes / before.live_size_bytes > 3
    assert after.compaction_ratio == pytest.approx(1.0, rel=0.05)
    assert after.live_size_bytes == before.live_size_bytes
    assert (before.compaction_count, after.compaction_count) == (0, 1)
    assert before.live_document_count == after.live_document_count == 21


async def test_stats_count_what_was_done_since_opening(file_home: Home) -> None:
    async with file_home.open() as db:
        assert _counts(await db.stats()) == (0, 0, 0, 0)
        await db.add_index("text", text_of)
        documents = await db.insert([file_home.value("ada"), file_home.value("bob")])
        await db.delete_one(documents[0].id)
        assert _counts(await db.stats()) == (2, 2, 2, 1)
        await db.update_one(documents[0].id, file_home.value("cyd"))
        assert _counts(await db.stats()) == (2, 2, 2, 1)
    async with file_home.open() as db:
        stats = await db.stats()
        assert _counts(stats) == (2, 0, 0, 0)
        assert stats.recovery.commits == 2
        assert (stats.recovery.torn_bytes, stats.recovery.reason) == (0, None)


def _counts(stats: Stats) -> tuple[int, int, int, int]:
    return stats.seq, stats.commit_count, stats.batch_count, stats.index_count


async def test_stats_tell_which_snapshots_and_feeds_are_held() -> None:
    async with MemDb.open("words", str) as db:
        stats = await db.stats()
        assert (stats.snapshot_count, stats.oldest_snapshot_seq, stats.feed_count) == (0, None, 0)
        await db.insert_one("ada")
        held = [db.snapshot()]
        await db.insert_one("bob")
        held.append(db.snapshot())
        async with db.watch():
            stats = await db.stats()
            assert (stats.snapshot_count, stats.oldest_snapshot_seq) == (2, 1)
            assert stats.feed_count == 1
        del held[0]
        stats = await db.stats()
        assert (stats.snapshot_count, stats.oldest_snapshot_seq, stats.feed_count) == (1, 2, 0)


async def test_stats_tell_for_how_long_the_oldest_snapshot_is_held(
    autojump_clock: MockClock,
) -> None:
    async with MemDb.open("words", str) as db:
        assert (await db.stats()).oldest_snapshot_age_s is None
        forgotten = db.snapshot()
        await trio.sleep(3600)
        held = [db.snapshot()]
        await trio.sleep(60)
        assert (await db.stats()).oldest_snapshot_age_s == 3660
        del forgotten
        assert (await db.stats()).oldest_snapshot_age_s == 60
        held.clear()
        assert (await db.stats()).oldest_snapshot_age_s is None


async def test_the_age_of_a_snapshot_is_by_the_clock_of_the_configuration() -> None:
    times = iter((100.0, 107.5))
    async with MemDb.open(DbConfig("words", clock=lambda: next(times)), str) as db:
        snapshot = db.snapshot()
        assert (await db.stats()).oldest_snapshot_age_s == 7.5
        assert snapshot.seq == 0


async def test_a_snapshot_may_be_taken_in_a_worker_thread() -> None:
    async with MemDb.open("words", str) as db:
        await db.insert_one("ada")
        snapshot = await trio.to_thread.run_sync(db.snapshot)
        assert (await db.stats()).snapshot_count == len(snapshot) == 1


async def test_stats_tell_who_waits_for_the_writer() -> None:
    storage = HeldStorage()
    config = DbConfig("words", mailbox_commands_max=2)
    async with (
        MemDb.open(config, str, codec=JsonCodec(), storage=storage) as db,
        trio.open_nursery() as nursery,
    ):
        await _insert_one_after_another(nursery, db, 6)
        stats = await db.stats()
        assert (stats.commands_waiting, stats.senders_waiting) == (2, 3)
        storage.gate.set()
    assert len(storage.appended) == 6


async def _insert_one_after_another(nursery: trio.Nursery, db: RedDb[str], count: int) -> None:
    for number in range(count):
        nursery.start_soon(db.insert_one, str(number))
        await wait_all_tasks_blocked()


async def test_commands_that_gathered_share_a_batch() -> None:
    storage = HeldStorage()
    config = DbConfig("words", batch_commands_max=4)
    async with MemDb.open(config, str, codec=JsonCodec(), storage=storage) as db:
        async with trio.open_nursery() as nursery:
            await _insert_one_after_another(nursery, db, 11)
            storage.gate.set()
        stats = await db.stats()
    assert (stats.commit_count, stats.batch_count, stats.commits_in_largest_batch) == (11, 4, 4)


@pytest.mark.parametrize("ratio", [1, 1.5, 3.0])
async def test_a_log_that_has_grown_to_its_ratio_is_compacted_by_itself(ratio: float) -> None:
    home = simulated(JsonDb)
    async with home.open(compaction_ratio=ratio) as db:
        documents = await db.insert([home.value(str(number) * 20) for number in range(40)])
        for number in range(300):
            await db.update_one(documents[number % 40].id, home.value(str(number) * 20))
        await wait_all_tasks_blocked()
        stats = await db.stats()
        assert stats.compaction_count >= 1
        assert stats.compaction_ratio < max(ratio, 1.1)
        found = await db.find_all()
        assert [document.id for document in found] == [document.id for document in documents]
    async with home.open() as db:
        assert await db.find_all() == found


async def test_a_ratio_that_is_never_reached_compacts_nothing() -> None:
    home = simulated(JsonDb)
    async with home.open(compaction_ratio=float("inf")) as db:
        await db.insert([home.value("x" * 100)] * 100)
        for _ in range(20):
            await db.update_where(lambda _: True).exec(counted)
        await wait_all_tasks_blocked()
        assert (await db.stats()).compaction_count == 0


async def test_a_torn_tail_is_reported_and_logged(
    file_home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    async with file_home.open() as db:
        documents = await db.insert([file_home.value("ada"), file_home.value("bob")])
    whole = file_home.log.read_bytes()
    torn = _after_another_commit(await _copied(file_home, whole), whole)
    file_home.log.write_bytes(torn)
    with caplog.at_level(logging.WARNING, "reddb"):
        async with file_home.open() as db:
            recovery = (await db.stats()).recovery
            assert await db.find_all() == documents
            assert file_home.log.read_bytes() == whole
            await db.insert_one(file_home.value("cyd"))
    assert recovery.torn_bytes == len(torn) - len(whole)
    assert recovery.reason
    (record,) = caplog.records
    assert record.name == "reddb"
    assert str(file_home.log) in record.getMessage()
    caplog.clear()
    async with file_home.open() as db:
        assert (await db.stats()).recovery.torn_bytes == 0
        assert len(await db.find_all()) == 3


async def _copied(home: Home, whole: bytes) -> bytes:
    """Give the log as it is after one more commit."""
    other = attrs.evolve(home, directory=home.directory / "other")
    other.directory.mkdir()
    other.log.write_bytes(whole)
    async with other.open() as db:
        await db.insert_one(other.value("lost"))
    return other.log.read_bytes()


def _after_another_commit(longer: bytes, whole: bytes) -> bytes:
    """Give the log in which the last commit was cut short."""
    assert longer.startswith(whole)
    return longer[:-3]


async def test_stats_work_at_every_durability(tmp_path: Path) -> None:
    sizes: list[Any] = []
    for durability in Durability:
        config = DbConfig(durability.value, dir=tmp_path, durability=durability)
        async with JsonDb.open(config, str) as db:
            await db.insert_one("ada")
            sizes.append((await db.stats()).file_size_bytes)
    assert sizes[0] == sizes[1]
