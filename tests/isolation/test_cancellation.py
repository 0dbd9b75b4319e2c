"""Every public coroutine, cancelled at every moment: it happened if and only if it returned."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from attrs import define, field
from bases import Base, values
from trio.testing import MockClock

from reddb import Document, RedDb
from reddb.testing.cancellation import cancel_everywhere

pytest_plugins = ("isolation_fixtures",)


@define(eq=False)
class World:
    """A database and what must be in it."""

    base: Base
    db: RedDb[int]
    expected: dict[Any, int] = field(factory=dict)
    """The data of every document, by id."""
    outcomes: set[bool] = field(factory=set)
    target: Document[int] | None = None
    """The document that each run works on: a new one of data 1."""
    result: Any = None

    async def prepare(self) -> None:
        """Make ready for the next run."""
        self.target = await self.db.insert_one(1)
        self.expected[self.target.id] = 1
        self.result = None

    @property
    def id(self) -> Any:
        """The id of the document that this run works on."""
        assert self.target is not None
        return self.target.id


Happened = Callable[[World], None]
"""Notes in `World.expected` what a call does when it happens."""


def nothing(world: World) -> None:
    """For calls that change nothing."""


def inserted(world: World) -> None:
    """One or more new documents, which the call has returned."""
    found = world.result if isinstance(world.result, list) else [world.result]
    world.expected.update({document.id: document.data for document in found})


def updated(world: World) -> None:
    """The document is now 2."""
    world.expected[world.id] = 2


def deleted(world: World) -> None:
    """The document is gone."""
    del world.expected[world.id]


def replaced(world: World) -> None:
    """The document is gone, and another in its place."""
    deleted(world)
    inserted(world)


async def commit(world: World) -> Document[int]:
    """Replace the document in a transaction."""
    async with world.db.begin() as tx:
        tx.delete_one(world.id)
        return tx.insert_one(2)


async def read_in_transaction(world: World) -> None:
    """Only read."""
    tx = world.db.begin()
    tx.find_all()
    await tx.commit()


async def transact(world: World) -> Document[int]:
    """Replace the document in the writer's turn."""

    def replace(tx: Any) -> Any:
        tx.delete_one(world.id)
        return tx.insert_one(2)

    result: Document[int] = await world.db.transact(replace)
    return result


async def watch(world: World) -> None:
    """Watch from the beginning of the run."""
    async with world.db.watch(since=world.db.snapshot().seq - 1) as feed:
        assert (await anext(feed)).changes[0].id == world.id


async def live(world: World) -> None:
    """Ask for a live result."""
    async with world.db.query().live() as results:
        assert world.id in {document.id for document in await anext(results)}


async def use_a_clone(world: World) -> None:
    """Close a clone."""
    clone = world.db.clone()
    await clone.aclose()


CALLS: dict[str, tuple[Callable[[World], Awaitable[Any]], Happened]] = {
    "insert_one": (lambda world: world.db.insert_one(7), inserted),
    "insert": (lambda world: world.db.insert([7, 8, 9]), inserted),
    "insert many": (lambda world: world.db.insert(range(300)), inserted),
    "update_one": (lambda world: world.db.update_one(world.id, 2), updated),
    "update": (lambda world: world.db.update(1, 2), updated),
    "exec": (
        lambda world: world.db.update_where(lambda data: data == 1).exec(lambda _: 2),
        updated,
    ),
    "returning": (
        lambda world: world.db.update_where(lambda data: data == 1).limit(1).returning(lambda _: 2),
        updated,
    ),
    "delete_one": (lambda world: world.db.delete_one(world.id), deleted),
    "delete": (lambda world: world.db.delete(1), deleted),
    "delete_where": (lambda world: world.db.delete_where(lambda data: data == 1), deleted),
    "commit": (commit, replaced),
    "transact": (transact, replaced),
    "read in transaction": (read_in_transaction, nothing),
    "get": (lambda world: world.db.get(world.id), nothing),
    "find_one": (lambda world: world.db.find_one(world.id), nothing),
    "find_all": (lambda world: world.db.find_all(), nothing),
    "find": (lambda world: world.db.find(1), nothing),
    "all": (lambda world: world.db.query().all(), nothing),
    "first": (lambda world: world.db.query().first(), nothing),
    "count": (lambda world: world.db.query().count(), nothing),
    "ids": (lambda world: world.db.query().ids(), nothing),
    "using_index": (lambda world: world.db.using_index("itself", 1), nothing),
    "add_index": (lambda world: world.db.add_index("other", str), nothing),
    "compact": (lambda world: world.db.compact(), nothing),
    "stats": (lambda world: world.db.stats(), nothing),
    "watch": (watch, nothing),
    "wait_for": (lambda world: world.db.wait_for(world.id, lambda data: data == 1), nothing),
    "live": (live, nothing),
    "aclose": (use_a_clone, nothing),
}


@pytest.mark.parametrize(("call", "happened"), CALLS.values(), ids=CALLS)
async def test_a_call_happened_if_and_only_if_it_returned(
    slow_base: Base, autojump_clock: MockClock, call: Any, happened: Happened
) -> None:
    async with slow_base.open(int, compaction_ratio=float("inf")) as db:
        await db.add_index("itself", lambda data: data)
        world = World(slow_base, db)

        async def run() -> None:
            world.result = await call(world)

        async def check(cancelled: bool) -> None:
            world.outcomes.add(cancelled)
            if not cancelled:
                happened(world)
            found = {document.id: document.data for document in await db.find_all()}
            assert found == world.expected
            await db.delete(1)  # Let the next run have the only one.
            world.expected = {id_: data for id_, data in world.expected.items() if data != 1}
            await world.prepare()

        await world.prepare()
        await cancel_everywhere(run, check)
        assert world.outcomes == {True, False}
        assert (await db.stats()).feed_count == 0
    async with slow_base.open(int) as db:
        found = {document.id: document.data for document in await db.find_all()}
        assert found == world.expected


async def test_opening_can_be_cancelled_and_leaves_nothing_locked(
    slow_base: Base, autojump_clock: MockClock
) -> None:
    async def use() -> None:
        async with slow_base.open(int) as db:
            await db.insert_one(1)

    async def check(cancelled: bool) -> None:
        async with slow_base.open(int) as db:  # The lock is free, and nothing is torn.
            assert await db.delete(1) <= 1
            await db.insert_one(1)
            await db.delete(1)

    await cancel_everywhere(use, check)


async def test_closing_under_cancellation_closes(
    slow_base: Base, autojump_clock: MockClock
) -> None:
    handles: list[RedDb[int]] = []

    async def serve_and_close() -> None:
        with trio.CancelScope(shield=True):
            db = await services.start(serve, slow_base)
            handles.append(db)
        await db.aclose()

    async def check(cancelled: bool) -> None:
        assert slow_base.disk._platter.locked == set()
        async with slow_base.open(int) as db:
            assert await db.find_all() == []

    async with trio.open_nursery() as services:
        await cancel_everywhere(serve_and_close, check)


async def serve(base: Base, task_status: trio.TaskStatus[RedDb[int]]) -> None:
    """Serve a database."""
    async with base.open(int) as db:
        task_status.started(db)
        await db._engine.ended.wait()


async def test_a_call_among_other_writers_happened_if_and_only_if_it_returned(
    slow_base: Base, autojump_clock: MockClock
) -> None:
    expected: list[int] = []
    count = 0

    async def insert() -> None:
        nonlocal count
        count += 1
        for _ in range(3):
            others.start_soon(db.update, -1, -1)
        await db.insert_one(count)

    def check(cancelled: bool) -> None:
        if not cancelled:
            expected.append(count)

    async with slow_base.open(int, mailbox_commands_max=2, batch_commands_max=2) as db:
        async with trio.open_nursery() as others:
            await cancel_everywhere(insert, check)
        assert values(await db.find_all()) == expected
        assert 0 < len(expected) < count
    async with slow_base.open(int) as db:
        assert values(await db.find_all()) == expected
