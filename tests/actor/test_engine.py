"""An open database as a whole: how it opens, how it ends, and that nobody is left waiting."""

from __future__ import annotations

import errno
import gc
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import trio
import trio.testing
from actor_tools import contents, insertion, record
from log_tools import LOCK_PATH, PATH, commit, on_disk, written
from writer_tools import Desk, HeldStorage, engine_on

from reddb.actor.commands import DeleteOne, UpdateOne
from reddb.actor.engine import Engine
from reddb.actor.file_storage import FileStorage
from reddb.actor.frames import Commit
from reddb.actor.state import State
from reddb.errors import (
    DatabaseBroken,
    DatabaseClosed,
    DatabaseLocked,
    DataCorrupted,
    DecodeError,
    PersistFailed,
    RedDbError,
)
from reddb.testing.simulated_disk import Operation, SimulatedDisk

BUG = RuntimeError("a bug")


# Opening.


async def test_what_is_replaced_is_not_kept_while_the_database_is_open() -> None:
    disk = SimulatedDisk()
    async with engine_on(FileStorage(PATH, disk=disk)) as engine:
        await engine.ask(insertion(1, 2, 3))
    async with engine_on(FileStorage(PATH, disk=disk)) as engine:
        recovered = engine.state().seq
        for value in ("new", "newer"):
            await engine.ask(UpdateOne(record(1, value)))
        await trio.testing.wait_all_tasks_blocked()
        gc.collect()
        states = [each for each in gc.get_objects() if isinstance(each, State)]
        own = {each.seq for each in states if each._table is engine.state()._table}
        assert own == {recovered + 2}


async def test_what_was_written_is_there_in_order_when_opened_again() -> None:
    disk = SimulatedDisk()
    async with engine_on(FileStorage(PATH, disk=disk)) as engine:
        await engine.ask(insertion(3, 1, 2))
        await engine.ask(UpdateOne(record(1, "new")))
        await engine.ask(DeleteOne(3))
        await engine.ask(insertion(3, value="again"))
        before = engine.state()
    async with engine_on(FileStorage(PATH, disk=disk)) as engine:
        after = engine.state()
        after.check()
        assert [*contents(after).items()] == [(1, "new"), (2, 2), (3, "again")]
        assert contents(after) == contents(before)
        assert after.seq == before.seq == 4
        assert engine.recovery.commits == 4


async def test_a_large_commit_is_recovered_in_order() -> None:
    disk = SimulatedDisk()
    async with engine_on(FileStorage(PATH, disk=disk)) as engine:
        await engine.ask(insertion(*range(3000, 0, -1)))
    async with engine_on(FileStorage(PATH, disk=disk)) as engine:
        engine.state().check()
        assert list(contents(engine.state())) == list(range(3000, 0, -1))


async def failed_opening(disk: SimulatedDisk, kind: type[RedDbError]) -> RedDbError:
    """Open what cannot be opened; give why. It must not stay locked."""
    with pytest.raises(kind) as caught:
        async with engine_on(FileStorage(PATH, disk=disk)):
            pass
    assert await disk.lock(LOCK_PATH) is not None
    return caught.value


async def test_a_damaged_log_is_not_opened() -> None:
    await failed_opening(on_disk(b"REDDB"), DataCorrupted)


@pytest.mark.parametrize("operation", [Operation.LOCK, Operation.OPEN, Operation.READ])
async def test_a_disk_that_fails_is_a_chained_error(operation: Operation) -> None:
    disk = on_disk(await written([commit(1)]))
    disk.fail(operation, error=errno.EACCES)
    error = await failed_opening(disk, PersistFailed)
    assert isinstance(error.__cause__, PermissionError)


@pytest.mark.parametrize("directory", ["missing", "file"])
async def test_a_directory_that_is_none_is_a_chained_error(tmp_path: Path, directory: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PersistFailed, match=directory) as caught:
        async with engine_on(FileStorage(tmp_path / directory / "notes.json")):
            pass
    assert isinstance(caught.value.__cause__, OSError)


async def test_a_second_opening_is_refused_at_once_and_harms_nothing() -> None:
    disk = SimulatedDisk()
    async with engine_on(FileStorage(PATH, disk=disk)) as engine:
        for _ in range(2):
            with pytest.raises(DatabaseLocked):
                async with engine_on(FileStorage(PATH, disk=disk)):
                    pass
        await engine.ask(insertion(1))


async def test_an_opening_that_is_cancelled_leaves_nothing_locked(
    autojump_clock: trio.testing.MockClock,
) -> None:
    log = await written([commit(1)])
    for moment in range(8):
        disk = SimulatedDisk({PATH: log}, latency_s=1)
        with trio.move_on_after(moment + 0.5):
            async with engine_on(FileStorage(PATH, disk=disk)):
                pass
        assert await disk.lock(LOCK_PATH) is not None


async def test_stored_bytes_that_do_not_fit_name_their_document() -> None:
    disk = on_disk(await written([Commit(1, [(7, b'"text"')])]))
    async with engine_on(FileStorage(PATH, disk=disk), int) as engine:
        with pytest.raises(DecodeError) as caught:
            engine.state().get(7)
    assert caught.value.id == UUID(int=7)


# Ending.


async def test_what_the_body_raises_comes_out_as_itself() -> None:
    error = LookupError("mine")
    storage = HeldStorage()

    async def body() -> None:
        async with engine_on(storage) as engine:
            await engine.ask(insertion(1))
            raise error

    with pytest.raises(LookupError) as caught:
        await body()
    assert caught.value is error
    assert storage.closed


async def test_what_the_body_raises_comes_out_also_when_the_writer_has_died() -> None:
    storage = HeldStorage()
    storage.appending.error = BUG

    async def body() -> None:
        async with engine_on(storage) as engine:
            with pytest.raises(DatabaseBroken):
                await engine.ask(insertion(1))
            raise LookupError

    with pytest.raises(LookupError):
        await body()


async def test_a_writer_that_died_unseen_is_told_at_the_end() -> None:
    storage = HeldStorage()
    storage.appending.error = BUG

    async def body() -> None:
        async with engine_on(storage) as engine:
            for number in range(3):
                with pytest.raises(DatabaseBroken) as later:
                    await engine.ask(insertion(number))
                assert later.value.__cause__ is BUG
            with pytest.raises(DatabaseBroken):
                engine.state()

    with pytest.raises(DatabaseBroken) as caught:
        await body()
    assert caught.value.__cause__ is BUG
    assert storage.closed


async def test_who_waits_in_line_is_told_that_the_writer_died() -> None:
    storage = HeldStorage()
    storage.appending.shut()
    async with trio.open_nursery() as nursery, engine_on(storage) as engine:
        desk = EngineDesk(engine.mailbox, nursery)
        desk.engine = engine
        for number in range(20):
            await desk.send(**{f"call {number}": insertion(number)})
        assert engine.mailbox.waiting()[1] > 0
        storage.appending.error = BUG
        storage.appending.open()
        await trio.testing.wait_all_tasks_blocked()
        engine.writer.failure = None  # It was told already.
    assert {type(desk.error(name)) for name in desk.answers} == {DatabaseBroken}
    assert {desk.error(name).__cause__ for name in desk.answers} == {BUG}
    assert len(desk.answers) == 20


class EngineDesk(Desk):
    """A desk that asks the engine, which knows why a mailbox is closed."""

    engine: Engine[Any]

    async def ask(self, command: Any) -> Any:
        return await self.engine.ask(command)


async def test_a_cancelled_body_drains_what_was_taken() -> None:
    storage = HeldStorage()
    storage.appending.shut()
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            async with engine_on(storage) as engine:
                desk = Desk(engine.mailbox, nursery)
                await desk.send(one=insertion(1), two=insertion(2))
                nursery.start_soon(open_when_blocked, storage)
                scope.cancel()
                await trio.sleep_forever()
    assert scope.cancelled_caught
    assert desk.answers.keys() == {"one", "two"}
    assert [len(batch) for batch in storage.batches] == [1, 1]
    assert storage.closed


async def open_when_blocked(storage: HeldStorage) -> None:
    await trio.testing.wait_all_tasks_blocked()
    storage.appending.open()


async def test_calls_after_the_end_are_refused() -> None:
    async with engine_on(HeldStorage()) as engine:
        pass
    with pytest.raises(DatabaseClosed):
        engine.state()
    with pytest.raises(DatabaseClosed):
        await engine.ask(insertion(1))


@pytest.mark.parametrize("error", [OSError(errno.EIO, "jammed"), BUG], ids=repr)
async def test_a_storage_that_cannot_be_closed_is_told_and_leaves_nobody_waiting(
    error: Exception,
) -> None:
    storage = HeldStorage()
    storage.closing.error = error

    async def body(nursery: trio.Nursery) -> None:
        async with engine_on(storage) as engine:
            await engine.ask(insertion(1))
            nursery.start_soon(engine.ended.wait)

    async with trio.open_nursery() as nursery:
        with pytest.raises(PersistFailed) as caught:
            await body(nursery)
        assert caught.value.__cause__ is error


async def test_closing_twice_and_by_many_is_fine() -> None:
    async with engine_on(HeldStorage()) as engine, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(engine.close)
    await engine.close()
