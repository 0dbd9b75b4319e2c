"""Every public coroutine, each as a call on one database, with what it does there if it happens."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import trio
from attrs import define, field
from bases import Base

from reddb import (
    Document,
    DocumentChange,
    Feed,
    FileStorage,
    JsonDb,
    LiveResults,
    MemDb,
    Query,
    RedDb,
    Snapshot,
    SnapshotQuery,
    Transaction,
    Update,
)

HELD = (
    RedDb,
    Query,
    Update,
    Transaction,
    Feed,
    DocumentChange,
    LiveResults,
    Snapshot,
    SnapshotQuery,
)
"""The classes of what users hold."""


def public_methods() -> dict[str, bool]:
    """Give every public method of what users hold, and whether it is async."""
    found: dict[str, bool] = {}
    for cls in HELD:
        for name, value in inspect.getmembers(cls):
            if not name.startswith("_") and inspect.isroutine(value):
                function = inspect.unwrap(getattr(value, "__func__", value))
                waits = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(
                    function
                )
                found[f"{cls.__name__}.{name}"] = waits
    return found


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


async def open_another(world: World) -> None:
    """Open another database on the same disk, and use it."""
    storage = FileStorage("another.json", disk=world.base.disk)
    async with JsonDb.open("another", int, storage=storage) as another:
        await another.insert_one(1)


async def serve_another(world: World) -> None:
    """Have another database served, and close it."""
    storage = FileStorage("another.json", disk=world.base.disk)
    async with trio.open_nursery() as nursery:
        serve = functools.partial(JsonDb.serve, "another", int, storage=storage)
        another = await nursery.start(serve)
        await another.aclose()


async def back_up(world: World) -> None:
    """Make a backup, and throw it away."""
    await world.db.backup("backup.json", disk=world.base.disk)
    with trio.CancelScope(shield=True):
        await world.base.disk.unlink(Path("backup.json"))


async def iterate_feed(world: World) -> None:
    """Have the loop of a feed ended by the closing of its database."""
    async with MemDb.open("short", int) as short, short.watch() as feed:
        await short.insert_one(1)
        await short.aclose()
        assert [commit.seq async for commit in feed] == [1]


Call = Callable[[World], Awaitable[Any]]

CALLS: dict[str, tuple[Call, Happened]] = {
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
    "collect": (lambda world: world.db.query().collect(), nothing),
    "using_index": (lambda world: world.db.using_index("itself", 1), nothing),
    "add_index": (lambda world: world.db.add_index("other", str), nothing),
    "compact": (lambda world: world.db.compact(), nothing),
    "backup": (back_up, nothing),
    "stats": (lambda world: world.db.stats(), nothing),
    "watch": (watch, nothing),
    "wait_for": (lambda world: world.db.wait_for(world.id, lambda data: data == 1), nothing),
    "live": (live, nothing),
    "aclose": (use_a_clone, nothing),
    "open": (open_another, nothing),
    "serve": (serve_another, nothing),
    "feed": (iterate_feed, nothing),
}
