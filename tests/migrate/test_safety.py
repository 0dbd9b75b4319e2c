"""Migration is all or nothing: cancelled, killed, without power, on a failing disk, or too late."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import pytest
import trio
from migrate_tools import GOLDEN, RUST, User, inserts, record, v2_file

from reddb import (
    DbConfig,
    JsonDb,
    MemDb,
    PersistFailed,
    Progress,
    RedDbError,
    UniqueViolation,
    WriteOrder,
    migrate,
)
from reddb.api import bulk
from reddb.migrate.v2_format import Op
from reddb.testing import cancel_everywhere
from reddb.testing.fixtures import OnSimulatedDisk
from reddb.testing.simulated_disk import Operation, SimulatedDisk

SOURCE = Path("rust.json")
GOLDEN_BYTES = (RUST / "golden.json").read_bytes()
LARGE = v2_file(*inserts(b'{"text":"%d%s"}' % (n, b"x" * 50_000) for n in range(100)))
"""More than what is appended to a log in one piece."""


@pytest.fixture(params=["appended", "log rewritten"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of storing what was read, although the file is small."""
    if request.param == "log rewritten":
        monkeypatch.setattr(bulk, "_APPENDED_BYTES_MAX", 1_000)


@pytest.mark.parametrize("name", ["v1.json", *GOLDEN])
async def test_a_database_with_documents_is_refused_and_left_as_it_is(name: str) -> None:
    read = migrate.from_v1 if name.startswith("v1") else migrate.from_v2
    async with MemDb.open("to") as db:
        document = await db.insert_one("here")
        with pytest.raises(RedDbError, match="not empty: it has 1 document;"):
            await read(RUST / name, db)
        assert await db.find_all() == [document]
        await db.delete_one(document.id)
        assert await read(RUST / name, db) > 0  # Empty again.
        before = await db.find_all()
        with pytest.raises(RedDbError, match="not empty"):
            await read(RUST / name, db)
        assert await db.find_all() == before


async def test_a_document_that_comes_while_the_file_is_read_has_the_migration_refused() -> None:
    source = SimulatedDisk({SOURCE: GOLDEN_BYTES})
    async with MemDb.open("to") as db, trio.open_nursery() as nursery:

        def insert(progress: Progress) -> None:
            if progress.done == len(GOLDEN_BYTES):  # When the file was read for the first time.
                nursery.start_soon(db.insert_one, "late")

        with pytest.raises(RedDbError, match="not empty"):
            await migrate.from_v2(SOURCE, db, progress=insert, disk=source)
        assert [document.data for document in await db.find_all()] == ["late"]


@pytest.mark.usefixtures("way")
async def test_a_migration_that_is_cancelled_did_not_happen() -> None:
    source = SimulatedDisk({SOURCE: GOLDEN_BYTES})
    place = OnSimulatedDisk()
    async with place() as db:

        async def move() -> None:
            await migrate.from_v2(SOURCE, db, disk=source)

        async def check(cancelled: bool) -> None:
            assert (len(db.snapshot()) == 0) is cancelled
            await db.delete_where(lambda _: True)

        assert await cancel_everywhere(move, check) > 5
    assert source.content(SOURCE) == GOLDEN_BYTES


@pytest.mark.usefixtures("way")
async def test_a_power_cut_leaves_all_of_a_migration_or_nothing() -> None:
    source = SimulatedDisk({SOURCE: GOLDEN_BYTES})
    place = OnSimulatedDisk()
    async with place() as db:
        began = place.moment
        count = await migrate.from_v2(SOURCE, db, disk=source)
        ended = place.moment
    found = set()
    for state, left in place.power_cuts(since=began, samples=4):
        async with left() as db:
            held = len(db.snapshot())
            assert held == count or (held == 0 and state.event < ended)
            found.add(held)
            if held == 0:
                assert await migrate.from_v2(SOURCE, db, disk=source) == count
    assert found == {0, count}


@pytest.mark.parametrize("order", WriteOrder)
async def test_whatever_fails_while_the_log_is_rewritten_nothing_is_stored(
    order: WriteOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_APPENDED_BYTES_MAX", 1_000)
    source = SimulatedDisk({SOURCE: GOLDEN_BYTES})
    for operation in (Operation.CREATE, Operation.WRITE, Operation.SYNC, Operation.RENAME):
        place = OnSimulatedDisk()
        async with place(write_order=order) as db:
            place.disk.fail(operation)
            with pytest.raises(PersistFailed):
                await migrate.from_v2(SOURCE, db, disk=source)
            assert len(db.snapshot()) == 0
            with pytest.raises(PersistFailed):
                await db.insert_one("more")
        place.disk.heal()
        async with place() as db:
            assert len(db.snapshot()) == 0
            assert await migrate.from_v2(SOURCE, db, disk=source) == 22
        async with place() as db:
            assert len(db.snapshot()) == 22


async def test_a_large_migration_is_one_commit_and_leaves_small_frames() -> None:
    source = SimulatedDisk({SOURCE: LARGE})
    place = OnSimulatedDisk()
    async with place() as db:
        async with db.watch() as feed:
            await migrate.from_v2(SOURCE, db, disk=source)
            commit = await anext(aiter(feed))
        assert (commit.seq, len(commit.changes)) == (1, 100)
        stats = await db.stats()
        assert (stats.commit_count, stats.seq, stats.compaction_count) == (1, 1, 0)
        await db.insert_one("after")
        documents = await db.find_all()
    async with place() as db:
        assert await db.find_all() == documents
        assert (await db.stats()).seq == 2
    assert max(len(data) for data in _written(place.disk)) < 1024 * 1024


def _written(disk: SimulatedDisk) -> list[bytes]:
    return [event.data for event in disk.journal if hasattr(event, "data")]


async def test_a_key_that_is_taken_in_a_unique_index_leaves_nothing() -> None:
    payloads = [b'{"name":"a"}', b'{"name":"a"}']
    source = SimulatedDisk({SOURCE: v2_file(*inserts(payloads))})
    async with MemDb.open("to") as db:
        await db.add_index("name", lambda data: data["name"], unique=True)
        with pytest.raises(UniqueViolation):
            await migrate.from_v2(SOURCE, db, disk=source)
        assert len(db.snapshot()) == 0


async def test_a_file_that_is_changed_while_it_is_read_is_refused() -> None:
    source = SimulatedDisk({SOURCE: GOLDEN_BYTES})

    async with MemDb.open("to") as db:
        seen: list[Progress] = []

        def grow(progress: Progress) -> None:
            if not seen:
                contents = source._platter.contents
                contents[source._platter.names[SOURCE]] += record(Op.INSERT, 1, b"{}")
            seen.append(progress)

        with pytest.raises(RedDbError, match="it was changed while it was read"):
            await migrate.from_v2(SOURCE, db, progress=grow, disk=source)
        assert len(db.snapshot()) == 0


async def test_progress_goes_from_nothing_to_all() -> None:
    source = SimulatedDisk({SOURCE: LARGE})
    seen: list[Progress] = []
    async with MemDb.open("to") as db:
        await migrate.from_v2(SOURCE, db, progress=seen.append, disk=source)
        done = [each.done for each in seen]
        assert done == sorted(done)
        assert len(set(done)) > 20
        assert {each.total for each in seen} == {2 * len(LARGE)}
        assert {each.unit for each in seen} == {"bytes"}
        assert (seen[-1].fraction, seen[-1].document_count) == (1.0, 100)

        seen.clear()
        await migrate.to_v2(db, "out.json", progress=seen.append, disk=source)
        assert [each.document_count for each in seen] == sorted(each.done for each in seen)
        assert (seen[-1].done, seen[-1].total, seen[-1].unit) == (100, 100, "documents")


async def test_an_exception_in_progress_ends_the_migration() -> None:
    def fail(progress: Progress) -> None:
        raise ZeroDivisionError

    source = SimulatedDisk({SOURCE: GOLDEN_BYTES})
    async with MemDb.open("to", User) as db:
        with pytest.raises(ZeroDivisionError):
            await migrate.from_v2(SOURCE, db, progress=fail, disk=source)
        assert len(db.snapshot()) == 0
        await migrate.from_v2(SOURCE, db, disk=source)
        with pytest.raises(ZeroDivisionError):
            await migrate.to_v2(db, "out.ron", progress=fail, disk=source)
    assert source.paths() == [SOURCE]


async def test_a_file_much_larger_than_what_it_holds_takes_little_memory(tmp_path: Path) -> None:
    """32 MB of updates of a few documents: neither the file nor the old versions are held."""
    path = tmp_path / "rust.json"
    line = b'{"text":"%s"}' % (b"x" * 4_000)
    with path.open("wb") as file:  # A test's own file.
        file.write(v2_file())
        for number in range(8_000):
            file.write(record(Op.INSERT if number < 10 else Op.UPDATE, number % 10, line))
    async with JsonDb.open(DbConfig("to", dir=tmp_path)) as db:
        gc.collect()
        tracemalloc.start()
        try:
            assert await migrate.from_v2(path, db) == 10
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert path.stat().st_size > 30_000_000
    assert peak < 4_000_000
