"""When the writer dies: everybody is told, nobody hangs, and the cause is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from databases import CALLS, MISSING, PLAIN_CALLS, HeldStorage, data
from trio.testing import wait_all_tasks_blocked

from reddb import DatabaseBroken, DbConfig, JsonCodec, MemDb, RedDb, WriteOrder
from reddb.actor.history import History


class Bug(Exception):
    """Nothing that a storage may raise."""


class DyingCompaction(HeldStorage):
    """A storage that dies when it is compacted."""

    async def compact(self, seq: int, live: object) -> None:
        """Die."""
        await trio.lowlevel.checkpoint()
        assert self.error is not None
        raise self.error


@pytest.fixture(params=[Bug("mine"), KeyboardInterrupt("mine")], ids=repr)
def bug(request: pytest.FixtureRequest) -> BaseException:
    """What the writer dies of."""
    error: BaseException = request.param
    return error.with_traceback(None)


@pytest.fixture(params=WriteOrder)
def config(request: pytest.FixtureRequest) -> DbConfig:
    """A database in either write order, with room for one command in the mailbox."""
    return DbConfig("words", write_order=request.param, mailbox_commands_max=1)


@asynccontextmanager
async def doomed(
    config: DbConfig, bug: BaseException, storage: HeldStorage
) -> AsyncIterator[RedDb[str]]:
    """A database with one document, whose writer must have died of `bug` at the end."""
    storage.gate.set()
    with pytest.raises(DatabaseBroken) as caught:
        async with MemDb.open(config, str, codec=JsonCodec(), storage=storage) as db:
            await db.insert_one("kept")
            yield db
    assert caught.value.__cause__ is bug
    assert storage.closed.is_set()


@asynccontextmanager
async def broken(config: DbConfig, bug: BaseException) -> AsyncIterator[RedDb[str]]:
    """A database whose writer has died, with one document in it."""
    storage = HeldStorage()
    async with doomed(config, bug, storage) as db:
        storage.error = bug
        with pytest.raises(DatabaseBroken):
            await db.insert_one("lost")
        yield db


async def test_every_later_call_is_told(config: DbConfig, bug: BaseException) -> None:
    async with broken(config, bug) as db:
        for call in CALLS.values():
            with pytest.raises(DatabaseBroken) as caught:
                await call(db, MISSING)
            assert isinstance(caught.value, trio.BrokenResourceError)
            assert caught.value.__cause__ is bug
        for plain in PLAIN_CALLS.values():
            with pytest.raises(DatabaseBroken):
                plain(db)


async def test_closing_a_broken_database_works(config: DbConfig, bug: BaseException) -> None:
    async with broken(config, bug) as db:
        await db.aclose()
        await db.aclose()


async def test_everyone_who_waits_is_told(config: DbConfig, bug: BaseException) -> None:
    storage = HeldStorage()
    told: list[str] = []

    async def call(name: str, fn: Callable[[], Any]) -> None:
        with pytest.raises(DatabaseBroken) as caught:
            await fn()
        assert caught.value.__cause__ is bug
        told.append(name)

    async with doomed(config, bug, storage) as db:
        before = db.snapshot()
        storage.gate, storage.error = trio.Event(), bug
        async with trio.open_nursery() as nursery:
            for name in ("taken", "in the mailbox", "first in line", "second in line"):
                nursery.start_soon(call, name, partial(db.insert_one, name))
                await wait_all_tasks_blocked()
            nursery.start_soon(call, "compact", db.compact)
            await wait_all_tasks_blocked()
            assert told == []
            storage.gate.set()
        assert len(told) == 5
        assert data(before.find_all()) == ["kept"]


async def test_snapshots_can_still_be_read(config: DbConfig, bug: BaseException) -> None:
    storage = HeldStorage()
    async with doomed(config, bug, storage) as db:
        snapshot = db.snapshot()
        storage.error = bug
        with pytest.raises(DatabaseBroken):
            await db.delete("kept")
        assert data(snapshot.find_all()) == ["kept"]


async def test_a_compaction_that_dies_is_told_to_its_caller(
    config: DbConfig, bug: BaseException
) -> None:
    storage = DyingCompaction()
    async with doomed(config, bug, storage) as db:
        storage.error = bug
        with pytest.raises(DatabaseBroken) as caught:
            await db.compact()
        assert caught.value.__cause__ is bug
        with pytest.raises(DatabaseBroken):
            await db.insert_one("late")


async def _raise_in_broken(config: DbConfig, storage: HeldStorage, *errors: Exception) -> None:
    async with MemDb.open(config, str, codec=JsonCodec(), storage=storage) as db:
        with pytest.raises(DatabaseBroken):
            await db.insert_one("lost")
        for error in errors:
            raise error
        await db.insert_one("lost")


async def test_an_exception_of_the_block_goes_before_the_writers(
    config: DbConfig, bug: BaseException
) -> None:
    storage = HeldStorage()
    storage.gate.set()
    storage.error = bug
    error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError) as caught:
        await _raise_in_broken(config, storage, error)
    assert caught.value is error
    with pytest.raises(DatabaseBroken) as told:
        await _raise_in_broken(config, storage)
    assert told.value.__cause__ is bug


async def test_a_service_whose_writer_dies_raises_in_its_nursery(bug: BaseException) -> None:
    storage = HeldStorage()
    storage.gate.set()
    storage.error = bug

    async def use() -> None:
        async with trio.open_nursery() as nursery:
            db = await nursery.start(
                partial(RedDb.serve, "words", codec=JsonCodec(), storage=storage)
            )
            with pytest.raises(DatabaseBroken):
                await db.insert_one("lost")
            await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as caught:
        await use()
    (told,) = caught.value.exceptions
    assert isinstance(told, DatabaseBroken)
    assert told.__cause__ is bug


async def test_everybody_is_told_of_a_bug_that_is_met_in_the_step_of_a_caller(
    monkeypatch: pytest.MonkeyPatch, bug: BaseException
) -> None:
    def add(*_: object) -> None:
        raise bug

    with pytest.raises(DatabaseBroken) as at_the_end:
        async with MemDb.open("words", str) as db, db.watch() as feed:
            await db.insert_one("kept")
            assert (await anext(feed)).seq == 1
            monkeypatch.setattr(History, "add", add)
            for call in (db.insert_one("lost"), db.insert_one("later"), db.compact(), anext(feed)):
                with pytest.raises(DatabaseBroken) as caught:
                    await call
                assert caught.value.__cause__ is bug
    assert at_the_end.value.__cause__ is bug
