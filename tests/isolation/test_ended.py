"""What is left of a database that was closed, or whose writer has died: every call says so."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
import trio
from attrs import frozen
from bases import Base
from calls import public_methods

from reddb import (
    DatabaseBroken,
    DatabaseClosed,
    Feed,
    LiveResults,
    MemDb,
    MemoryStorage,
    Query,
    RedDb,
    Snapshot,
    Transaction,
    Update,
)
from reddb.testing import SimulatedDisk

pytest_plugins = ("isolation_fixtures",)

MISSING = UUID(int=1)


@frozen
class Left:
    """What a task still holds."""

    db: RedDb[int]
    clone: RedDb[int]
    query: Query[int]
    update: Update[int]
    tx: Transaction[int]
    """One that has something to write."""
    empty: Transaction[int]
    snapshot: Snapshot[int]

    @classmethod
    def of(cls, db: RedDb[int]) -> Left:
        """Take one of everything."""
        tx = db.begin()
        tx.insert_one(1)
        update = db.update_where(bool)
        return cls(db, db.clone(), db.query(), update, tx, db.begin(), db.snapshot())


async def enter(block: contextlib.AbstractAsyncContextManager[object]) -> None:
    """Enter a block and leave it."""
    async with block:
        pass


Use = Callable[[Left], Awaitable[object]]
USES: dict[str, Use] = {
    "RedDb.insert_one": lambda left: left.db.insert_one(1),
    "RedDb.insert": lambda left: left.db.insert([1, 2]),
    "RedDb.update_one": lambda left: left.db.update_one(MISSING, 1),
    "RedDb.update": lambda left: left.db.update(1, 2),
    "RedDb.delete_one": lambda left: left.db.delete_one(MISSING),
    "RedDb.delete": lambda left: left.db.delete(1),
    "RedDb.delete_where": lambda left: left.db.delete_where(bool),
    "RedDb.transact": lambda left: left.db.transact(lambda tx: None),
    "RedDb.get": lambda left: left.db.get(MISSING),
    "RedDb.find_one": lambda left: left.db.find_one(MISSING),
    "RedDb.find_all": lambda left: left.db.find_all(),
    "RedDb.find": lambda left: left.db.find(1),
    "RedDb.using_index": lambda left: left.db.using_index("none", 1),
    "RedDb.add_index": lambda left: left.db.add_index("new", abs),
    "RedDb.compact": lambda left: left.db.compact(),
    "RedDb.backup": lambda left: left.db.backup("backup.json", disk=SimulatedDisk()),
    "RedDb.stats": lambda left: left.db.stats(),
    "RedDb.watch": lambda left: enter(left.db.watch()),
    "RedDb.wait_for": lambda left: left.db.wait_for(MISSING, bool),
    "Query.all": lambda left: left.query.all(),
    "Query.first": lambda left: left.query.first(),
    "Query.count": lambda left: left.query.count(),
    "Query.ids": lambda left: left.query.ids(),
    "Query.collect": lambda left: left.query.collect(),
    "Query.live": lambda left: enter(left.query.live()),
    "Update.exec": lambda left: left.update.exec(abs),
    "Update.returning": lambda left: left.update.returning(abs),
    "Transaction.commit": lambda left: left.tx.commit(),
    "an empty Transaction.commit": lambda left: left.empty.commit(),
    "a clone": lambda left: left.clone.find_all(),
}
PLAIN: dict[str, Callable[[RedDb[int]], object]] = {
    "begin": lambda db: db.begin(),
    "clone": lambda db: db.clone(),
    "query": lambda db: db.query(),
    "snapshot": lambda db: db.snapshot(),
    "update_where": lambda db: db.update_where(bool),
}


def test_no_call_is_forgotten() -> None:
    methods = public_methods()
    waiting = {name for name, waits in methods.items() if waits}
    assert set(USES) >= waiting - {"RedDb.open", "RedDb.serve", "RedDb.aclose"}
    plain = {name for name, waits in methods.items() if not waits and name.startswith("RedDb.")}
    assert {f"RedDb.{name}" for name in PLAIN} == plain


async def expect(left: Left, error: type[Exception], cause: type[Exception] | None) -> None:
    """See that everything but the snapshot raises `error`, and closing is still fine."""
    for name, use in USES.items():
        with pytest.raises(error) as caught:
            await use(left)
        assert cause is None or isinstance(caught.value.__cause__, cause), name
    for plain in PLAIN.values():
        for handle in (left.db, left.clone):
            with pytest.raises(error):
                plain(handle)
    assert left.snapshot.find_all() == []
    for handle in (left.clone, left.db, left.db):
        await handle.aclose()


async def test_what_outlives_a_database_is_closed(any_base: Base) -> None:
    async with any_base.open(int) as db:
        left = Left.of(db)
    await expect(left, DatabaseClosed, None)


async def test_what_outlives_its_handle_is_closed() -> None:
    async with MemDb.open("x", int) as db:
        clone = db.clone()
        left = Left.of(clone)
        await clone.aclose()
        await left.clone.aclose()
        await expect(left, DatabaseClosed, None)
        await db.insert_one(1)


class Mortal(MemoryStorage):
    """Dies of a bug when asked to keep something."""

    async def append(self, commits: Any) -> None:
        """Die."""
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError


async def test_what_outlives_the_writer_is_broken() -> None:
    with pytest.raises(DatabaseBroken) as caught:
        async with (
            MemDb.open("x", int, storage=Mortal()) as db,
            db.watch() as feed,
            db.query().live() as results,
        ):
            left = Left.of(db)
            with pytest.raises(DatabaseBroken):
                await db.insert_one(1)
            await expect(left, DatabaseBroken, ZeroDivisionError)
            await expect_broken(feed, results)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


async def expect_broken(feed: Feed[int], results: LiveResults[int]) -> None:
    """See that a feed raises, and a live query after the last result that it has."""
    with pytest.raises(DatabaseBroken):
        await anext(feed)
    assert await anext(results) == []
    with pytest.raises(DatabaseBroken):
        await anext(results)
