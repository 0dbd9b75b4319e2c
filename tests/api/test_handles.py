"""Handles: services, clones, closing, and use afterwards."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
from databases import CALLS, MISSING, PLAIN_CALLS, Call, HeldStorage, Home, data
from trio.testing import wait_all_tasks_blocked

from reddb import DatabaseClosed, DbConfig, JsonCodec, MemDb, RedDb


async def check_closed(db: RedDb[str]) -> None:
    """Assert that no call on the handle works."""
    for call in CALLS.values():
        with pytest.raises(DatabaseClosed) as caught:
            await call(db, MISSING)
        assert isinstance(caught.value, trio.ClosedResourceError)
    for plain in PLAIN_CALLS.values():
        with pytest.raises(DatabaseClosed):
            plain(db)


async def test_a_service_runs_in_the_callers_nursery_until_it_is_closed(any_home: Home) -> None:
    async with trio.open_nursery() as nursery:
        db: RedDb[str] = await nursery.start(any_home.database.serve, any_home.config(), str)
        assert isinstance(db, any_home.database)
        document = await db.insert_one("ada")
        await db.aclose()
    await check_closed(db)
    if any_home.persistent:
        async with any_home.open(str) as db:
            assert await db.find_all() == [document]


async def test_a_service_takes_what_open_takes() -> None:
    storage = HeldStorage()
    storage.gate.set()
    async with trio.open_nursery() as nursery:
        db = await nursery.start(
            partial(RedDb.serve, "words", str, codec=JsonCodec(), storage=storage)
        )
        await db.insert_one("ada")
        await db.aclose()
        assert storage.closed.is_set()


async def test_a_service_that_cannot_open_raises_from_start(file_home: Home) -> None:
    file_home.log.write_bytes(b"no database")
    with pytest.raises(ExceptionGroup) as caught:
        async with trio.open_nursery() as nursery:
            await nursery.start(file_home.database.serve, file_home.config())
    assert "damaged" in str(caught.value.exceptions[0])


async def test_a_cancelled_service_drains_and_closes(any_home: Home) -> None:
    texts: list[str] = []

    async def insert(db: RedDb[str], text: str) -> None:
        texts.append((await db.insert_one(text)).data)

    async with trio.open_nursery() as outer, trio.open_nursery() as nursery:
        db: RedDb[str] = await nursery.start(any_home.database.serve, any_home.config(), str)
        for number in range(20):
            outer.start_soon(insert, db, str(number))
        await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert len(texts) == 20
    await check_closed(db)
    if any_home.persistent:
        async with any_home.open(str) as db:
            assert sorted(data(await db.find_all())) == sorted(texts)


async def test_a_handle_is_closed_with_its_block(any_home: Home) -> None:
    async with any_home.open(str) as db:
        clone = db.clone()
        await db.insert_one("ada")
    await check_closed(db)
    await check_closed(clone)


async def test_calls_prepared_before_closing_are_refused_after_it(any_home: Home) -> None:
    async with any_home.open(str) as db:
        query, update = db.query(), db.update_where(bool)
    with pytest.raises(DatabaseClosed):
        await query.all()
    with pytest.raises(DatabaseClosed):
        await update.exec(str)


async def test_the_owner_may_close_the_database_within_the_block(any_home: Home) -> None:
    async with any_home.open(str) as db:
        clone = db.clone()
        await db.insert_one("ada")
        await db.aclose()
        await check_closed(db)
        await check_closed(clone)
        if any_home.persistent:
            async with any_home.open(str) as other:
                assert data(await other.find_all()) == ["ada"]


async def test_a_clone_closes_itself_only(any_home: Home) -> None:
    async with any_home.open(str) as db:
        first, second = db.clone(), db.clone()
        third = first.clone()
        await first.insert_one("ada")
        await first.aclose()
        await check_closed(first)
        for handle in (db, second, third):
            assert data(await handle.find_all()) == ["ada"]
            await handle.update("ada", "ada")
        assert "closed" in repr(first)
        assert "closed" not in repr(second)


async def test_closing_is_idempotent(any_home: Home) -> None:
    async with any_home.open(str) as db:
        clone = db.clone()
        for handle in (clone, clone, db, db, clone):
            await handle.aclose()
    await db.aclose()
    await clone.aclose()


async def test_many_tasks_may_close_at_once(any_home: Home) -> None:
    async with any_home.open(str) as db, trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(db.aclose)
    await check_closed(db)


async def test_closing_finishes_what_was_accepted_and_refuses_who_waits_in_line() -> None:
    storage = HeldStorage()
    outcomes: dict[str, object] = {}

    async def insert(db: RedDb[str], text: str) -> None:
        try:
            outcomes[text] = (await db.insert_one(text)).data
        except DatabaseClosed as error:
            outcomes[text] = error

    config = DbConfig("words", mailbox_commands_max=1)
    async with (
        trio.open_nursery() as nursery,
        MemDb.open(config, str, codec=JsonCodec(), storage=storage) as db,
    ):
        for text in ("taken", "in the mailbox", "in line"):
            nursery.start_soon(insert, db, text)
            await wait_all_tasks_blocked()
        nursery.start_soon(db.aclose)
        await wait_all_tasks_blocked()
        assert isinstance(outcomes.pop("in line"), DatabaseClosed)
        await check_closed(db)
        assert outcomes == {}
        storage.gate.set()
    assert outcomes == {"taken": "taken", "in the mailbox": "in the mailbox"}


# Checkpoints.


async def _with_index(db: RedDb[str]) -> None:
    await db.add_index("length", len)


async def _with_documents(db: RedDb[str]) -> None:
    await db.add_index("length", len)
    await db.insert(["old", "older"])


@pytest.mark.parametrize("prepare", [_with_index, _with_documents])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_every_async_call_is_a_checkpoint(
    any_home: Home, call: Call, prepare: Callable[[RedDb[str]], Any]
) -> None:
    async with any_home.open(str) as db:
        await prepare(db)
        id_ = next((document.id for document in db.snapshot()), MISSING)
        try:
            with trio.testing.assert_checkpoints():
                await call(db, id_)
        except LookupError:
            assert id_ == MISSING
        scope = trio.CancelScope()
        before = db.snapshot()
        with scope:
            scope.cancel()
            await call(db, id_)
        assert scope.cancelled_caught
        assert db.snapshot().seq == before.seq


async def test_what_does_nothing_is_a_checkpoint_too(any_home: Home) -> None:
    async with any_home.open(str) as db:
        calls: list[Callable[[], Any]] = [
            lambda: db.insert([]),
            lambda: db.update_where(bool).limit(0).exec(str),
            lambda: db.query().limit(0).all(),
            lambda: db.begin().commit(),
            db.clone().aclose,
            db.aclose,
            db.aclose,
        ]
        for call in calls:
            with trio.testing.assert_checkpoints():
                await call()


async def test_no_plain_call_is_a_checkpoint(any_home: Home) -> None:
    async with any_home.open(str) as db:
        document = await db.insert_one("old")
        await _with_index(db)
        with trio.testing.assert_no_checkpoints():
            for plain in PLAIN_CALLS.values():
                plain(db)
            snapshot = db.snapshot()
            assert snapshot.find_one(document.id) == snapshot.get(document.id) == document
            assert snapshot.find_all() == list(snapshot) == snapshot.find("old") == [document]
            assert snapshot.query().filter(bool).order_by(str).skip(0).limit(9).count() == 1
            assert snapshot.using_index("length", 3) == [document]
            tx = db.begin()
            tx.insert_one("new")
            tx.update_one(document.id, "newer")
            tx.delete_one(document.id)
            assert tx.query().count() == 1
            tx.rollback()
