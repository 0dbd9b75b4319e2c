"""What is async is a checkpoint, also when it has nothing to wait for; what is plain is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from bases import Base
from calls import CALLS, Call, World, public_methods
from trio.testing import assert_checkpoints, assert_no_checkpoints

from reddb import Document, MemDb, RedDb

pytest_plugins = ("isolation_fixtures",)


@pytest.mark.parametrize("call", [call for call, _ in CALLS.values()], ids=CALLS)
async def test_every_async_call_is_a_checkpoint(base: Base, call: Call) -> None:
    async with base.open(int) as db:
        await db.add_index("itself", lambda data: data)
        world = World(base, db)
        await world.prepare()
        with assert_checkpoints():
            await call(world)


async def rolled_back(db: RedDb[int]) -> None:
    """Leave a transaction that its own block has rolled back."""
    async with db.begin() as tx:
        tx.rollback()


async def watched(db: RedDb[int]) -> None:
    """Watch, and see nothing."""
    async with db.watch():
        pass


async def followed(db: RedDb[int]) -> None:
    """Follow a query, and see nothing."""
    async with db.query().live():
        pass


IDLE: dict[str, Callable[[RedDb[int]], Any]] = {
    "insert nothing": lambda db: db.insert([]),
    "update nothing": lambda db: db.update_where(bool).limit(0).exec(abs),
    "ask for nothing": lambda db: db.query().limit(0).all(),
    "commit nothing": lambda db: db.begin().commit(),
    "roll back": rolled_back,
    "run nothing": lambda db: db.transact(lambda tx: None),
    "watch": watched,
    "live": followed,
    "close a clone": lambda db: db.clone().aclose(),
    "close": lambda db: db.aclose(),
}


@pytest.mark.parametrize("idle", IDLE.values(), ids=IDLE)
async def test_what_has_nothing_to_do_is_a_checkpoint_too(base: Base, idle: Any) -> None:
    async with base.open(int) as db:
        with assert_checkpoints():
            await idle(db)


async def test_every_result_of_a_feed_and_of_a_live_query_is_a_checkpoint(base: Base) -> None:
    async with base.open(int) as db, db.watch() as feed, db.query().live() as results:
        await db.insert([1, 2])
        await db.insert_one(3)
        for take in (feed.__anext__, feed.__anext__, results.__anext__):
            with assert_checkpoints():
                await take()
        await db.aclose()
        for take in (feed.__anext__, results.__anext__):
            with assert_checkpoints(), pytest.raises(StopAsyncIteration):
                await take()


# Plain calls.

Held = dict[str, Any]


async def hold(db: RedDb[int], document: Document[int]) -> Held:
    """Give one of everything that users hold."""
    async with db.watch(since=db.snapshot().seq - 1) as feed:
        (change,) = (await anext(feed)).changes
    return {
        "RedDb": db,
        "Query": db.query(),
        "Update": db.update_where(bool),
        "Transaction": db.begin(),
        "Snapshot": db.snapshot(),
        "SnapshotQuery": db.snapshot().query(),
        "DocumentChange": change,
    }


def arguments(method: str, id_: Any) -> tuple[Any, ...]:
    """Give what a plain method is called with."""
    name = method.partition(".")[2]
    by_name: dict[str, tuple[Any, ...]] = {
        "update_where": (bool,),
        "filter": (bool,),
        "touches": (bool,),
        "limit": (3,),
        "skip": (0,),
        "order_by": (abs,),
        "get": (id_,),
        "find_one": (id_,),
        "delete_one": (id_,),
        "update_one": (id_, 2),
        "insert_one": (3,),
        "find": (1,),
        "using_index": ("itself", 1),
    }
    return by_name.get(name, ())


PLAIN = sorted(name for name, waits in public_methods().items() if not waits)


@pytest.mark.parametrize("method", PLAIN)
async def test_no_plain_call_is_a_checkpoint(method: str) -> None:
    async with MemDb.open("x", int) as db:
        await db.add_index("itself", lambda data: data)
        document = await db.insert_one(1)
        held = await hold(db, document)
        owner, _, name = method.partition(".")
        with assert_no_checkpoints():
            getattr(held[owner], name)(*arguments(method, document.id))


async def test_no_operator_of_a_snapshot_is_a_checkpoint() -> None:
    async with MemDb.open("x", int) as db:
        document = await db.insert_one(1)
        with assert_no_checkpoints():
            snapshot = db.snapshot()
            assert (len(snapshot), snapshot.seq, document.id in snapshot) == (1, 1, True)
            assert (list(snapshot), repr(db)) == ([document], "<MemDb 'x'>")


async def test_a_transaction_that_was_committed_in_its_block_ends_without_a_cancellation() -> None:
    """Else a block that has happened would raise `Cancelled`."""
    async with MemDb.open("x", int) as db:
        with trio.CancelScope() as scope:
            async with db.begin() as tx:
                tx.insert_one(1)
                await tx.commit()
                scope.cancel()
        assert not scope.cancelled_caught
        assert len(db.snapshot()) == 1
