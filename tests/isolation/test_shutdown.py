"""The end of a database: what was accepted is done, everybody is told, nothing is left behind."""

from __future__ import annotations

import contextlib
import errno
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from bases import ALL, Base, values
from trio.testing import MockClock, wait_all_tasks_blocked

from reddb import (
    BinDb,
    CodecMismatch,
    DatabaseBroken,
    DatabaseClosed,
    DatabaseLocked,
    DataCorrupted,
    DbConfig,
    FileStorage,
    JsonDb,
    MemDb,
    PersistFailed,
    RedDb,
    WriteOrder,
)
from reddb.actor.worker import Worker
from reddb.testing.cancellation import cancel_everywhere

pytest_plugins = ("isolation_fixtures",)


def open_files() -> set[str]:
    """Give what this process has open of files in directories of tests."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(str(link.readlink()))
    return {path for path in found if "/notes" in path}


def files_threads() -> set[threading.Thread]:
    """Give the threads of files' own that are there."""
    return {thread for thread in threading.enumerate() if thread.name == "reddb disk"}


def suffixes(directory: Path) -> set[str]:
    """Give how the names of a directory's files end."""
    return {path.suffix for path in directory.iterdir()}


@pytest.fixture
def at_work(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What worker threads are doing. None may be left to itself when its caller is cancelled."""
    doing: list[object] = []
    run_sync, run = trio.to_thread.run_sync, Worker.run

    def noted(function: Any, args: Any) -> Any:
        doing.append(function)
        try:
            return function(*args)
        finally:
            doing.remove(function)

    async def in_trios(function: Any, *args: Any, **settings: Any) -> Any:
        assert not settings.get("abandon_on_cancel")
        return await run_sync(noted, function, args, **settings)

    async def in_a_files_own(worker: Worker, function: Any, *args: Any) -> Any:
        return await run(worker, noted, function, args)

    monkeypatch.setattr(trio.to_thread, "run_sync", in_trios)
    monkeypatch.setattr(Worker, "run", in_a_files_own)
    return doing


def remove_files(directory: Path) -> None:
    """Remove all files of a directory."""
    for path in directory.iterdir():
        path.unlink()


class Doomed(FileStorage):
    """Raises `error` at the second write."""

    error: Exception
    count = 0

    async def append(self, commits: Any) -> None:
        """Keep the first commits, then fail."""
        self.count += 1
        if self.count == 2:
            raise self.error
        await super().append(commits)


async def end_well(db: RedDb[int]) -> None:
    """Write, read, watch and leave."""
    await db.insert_one(1)


async def end_with_an_exception(db: RedDb[int]) -> None:
    """Raise in the middle."""
    await db.insert_one(1)
    raise ZeroDivisionError


async def end_cancelled(db: RedDb[int]) -> None:
    """Be cancelled in the middle."""
    await db.insert_one(1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await trio.sleep_forever()
    raise ZeroDivisionError


async def end_watching(db: RedDb[int]) -> None:
    """Leave while others watch and write."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(db.wait_for, (await db.insert_one(1)).id, lambda data: data == 2)
        for number in range(20):
            nursery.start_soon(db.insert_one, number)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def end_broken(db: RedDb[int]) -> None:
    """Have the writer die."""
    await db.insert_one(1)
    await db.insert_one(2)


async def end_refused(db: RedDb[int]) -> None:
    """Have the log fail, while others write and watch."""
    await db.insert_one(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(db.wait_for, db.begin().insert_one(3).id, bool)
        for number in range(5):
            nursery.start_soon(db.insert_one, number)


async def end_compacting(db: RedDb[int]) -> None:
    """Leave during a compaction."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(db.compact)
        await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


ENDS = (
    end_well,
    end_with_an_exception,
    end_cancelled,
    end_watching,
    end_broken,
    end_refused,
    end_compacting,
)
FAILURES: dict[Callable[[RedDb[int]], Any], Callable[[], Exception]] = {
    end_broken: ZeroDivisionError,
    end_refused: lambda: OSError(errno.ENOSPC, "full"),
}


def is_expected(error: BaseException) -> bool:
    """Tell whether an exception is one that an end comes with."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_expected, error.exceptions))
    return isinstance(error, ZeroDivisionError | DatabaseBroken | PersistFailed | trio.Cancelled)


@pytest.mark.parametrize("write_order", WriteOrder)
@pytest.mark.parametrize("kind", ALL[1:], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_nothing_is_left_behind(
    tmp_path: Path,
    kind: type[RedDb[Any]],
    end: Callable[[RedDb[int]], Any],
    write_order: WriteOrder,
    at_work: list[object],
) -> None:
    config = DbConfig("notes", dir=tmp_path, write_order=write_order)
    storage: Doomed | None = None
    if end in FAILURES:
        storage = Doomed(tmp_path / "notes.x")
        storage.error = FAILURES[end]()
    tasks = trio.lowlevel.current_statistics().tasks_living
    threads = files_threads()
    try:
        async with kind.open(config, int, storage=storage) as db:
            await end(db)
    except BaseException as error:
        if not is_expected(error):
            raise
    assert at_work == []  # Trio keeps its worker threads for later; none is at work.
    for thread in files_threads() - threads:
        thread.join(60)
        assert not thread.is_alive()
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    assert not open_files()
    left = suffixes(tmp_path) - {".lock"}
    assert len(left) == 1
    assert ".new" not in left
    async with kind.open(config, int):
        pass


async def open_damaged(directory: Path) -> None:
    """Open a file with a byte that was flipped, before its end."""
    async with JsonDb.open(DbConfig("notes", dir=directory), int) as db:
        for number in range(3):
            await db.insert_one(number)
    log = directory / "notes.json"
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 1
    log.write_bytes(data)
    with pytest.raises(DataCorrupted):
        async with JsonDb.open(DbConfig("notes", dir=directory), int):
            pass


async def open_in_another_format(directory: Path) -> None:
    """Open a file that another codec wrote."""
    async with JsonDb.open(DbConfig("notes", dir=directory), int):
        pass
    (directory / "notes.json").rename(directory / "notes.bin")
    with pytest.raises(CodecMismatch):
        async with BinDb.open(DbConfig("notes", dir=directory), int):
            pass


async def open_twice(directory: Path) -> None:
    """Open what is open."""
    async with JsonDb.open(DbConfig("notes", dir=directory), int):
        with pytest.raises(DatabaseLocked):
            async with JsonDb.open(DbConfig("notes", dir=directory), int):
                pass


async def open_nowhere(directory: Path) -> None:
    """Open in a directory that is not there."""
    with pytest.raises(PersistFailed):
        async with JsonDb.open(DbConfig("notes", dir=directory / "notes"), int):
            pass


OPENINGS = (open_damaged, open_in_another_format, open_twice, open_nowhere)


@pytest.mark.parametrize("fail_to_open", OPENINGS, ids=lambda opening: opening.__name__)
async def test_an_opening_that_fails_leaves_nothing_behind(
    tmp_path: Path, fail_to_open: Callable[[Path], Any], at_work: list[object]
) -> None:
    tasks = trio.lowlevel.current_statistics().tasks_living
    await fail_to_open(tmp_path)
    assert at_work == []
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    assert not open_files()
    remove_files(tmp_path)
    async with JsonDb.open(DbConfig("notes", dir=tmp_path), int) as db:
        await db.insert_one(1)


async def test_leaving_cancels_nobodys_accepted_write(
    slow_base: Base, autojump_clock: MockClock
) -> None:
    returned: list[int] = []

    async def insert(db: RedDb[int], number: int) -> None:
        await db.insert_one(number)
        returned.append(number)

    async with trio.open_nursery() as outer, slow_base.open(int) as db:
        for number in range(30):
            outer.start_soon(insert, db, number)
        await wait_all_tasks_blocked()
    async with slow_base.open(int) as db:
        assert sorted(values(await db.find_all())) == sorted(returned)
        assert sorted(returned) == list(range(30))


@contextlib.asynccontextmanager
async def served(base: Base) -> AsyncIterator[RedDb[int]]:
    """Serve a database in a nursery of its own, which ends when it is closed."""

    async def serve(task_status: trio.TaskStatus[RedDb[int]]) -> None:
        async with base.open(int) as db:
            task_status.started(db)
            await db._engine.ended.wait()

    async with trio.open_nursery() as nursery:
        yield await nursery.start(serve)


async def test_aclose_under_cancellation_still_closes(
    slow_base: Base, autojump_clock: MockClock
) -> None:
    async with served(slow_base) as db:
        await db.insert_one(1)
        with trio.CancelScope() as scope:
            scope.cancel()
            await db.aclose()
        assert scope.cancelled_caught
        with pytest.raises(DatabaseClosed):
            await db.find_all()
    assert slow_base.disk._platter.locked == set()


async def test_an_open_scope_can_be_cancelled_at_every_moment_and_closes(
    slow_base: Base, autojump_clock: MockClock
) -> None:
    async def use() -> None:
        async with slow_base.open(int) as db, trio.open_nursery() as nursery:
            nursery.start_soon(db.insert_one, 1)
            nursery.start_soon(db.compact)

    def check(_: bool) -> None:
        assert slow_base.disk._platter.locked == set()
        assert [path.suffix for path in slow_base.disk.paths()] in ([], [".log"])

    await cancel_everywhere(use, check)


async def test_users_first_and_the_writer_last(slow_base: Base, autojump_clock: MockClock) -> None:
    """In one nursery, cancelled as a whole, what was taken is still written."""
    async with trio.open_nursery() as nursery:
        db = await nursery.start(_serve_in, slow_base)
        nursery.start_soon(db.insert_one, 1)
        await trio.sleep(0.5)  # On the mock clock: the write has begun.
        nursery.cancel_scope.cancel()
    async with slow_base.open(int) as db:
        assert values(await db.find_all()) == [1]


async def _serve_in(base: Base, task_status: trio.TaskStatus[RedDb[int]]) -> None:
    storage = FileStorage(Path("x.log"), disk=base.disk)
    config = DbConfig("x", write_order=base.write_order)
    await JsonDb.serve(config, int, storage=storage, task_status=task_status)


async def test_a_snapshot_outlives_everything() -> None:
    async with MemDb.open("x", int) as db:
        await db.insert([1, 2])
        snapshot = db.snapshot()
        await db.delete_where(lambda _: True)
        assert (await db.stats()).snapshot_count == 1
        assert (await db.stats()).oldest_snapshot_seq == 1
    assert values(snapshot.find_all()) == [1, 2]
    assert values(await trio.to_thread.run_sync(snapshot.find_all)) == [1, 2]
