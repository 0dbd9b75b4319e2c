"""Targets of the write path: one insert, many tasks, bulk inserts; in memory and on disk."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from itertools import cycle
from pathlib import Path
from uuid import UUID

import trio

from benchmarks.documents import Person, people
from benchmarks.limits import EmptyActor, GroupedFile, SyncedFile, encode, store_in_dict
from benchmarks.peers import OFF_THE_SHELF, load
from benchmarks.peers.sqlite_group_commit import GroupCommit
from benchmarks.peers.sqlite_threads import PEER as SQLITE
from benchmarks.peers.store import Level, Store
from benchmarks.targets.measured import Measured, directory_of_its_own
from benchmarks.timing import alternate, alternate_rates, rate, slices
from reddb import DbConfig, Document, JsonDb, MemDb, RedDb

TASKS = 64
_FEWER = 20
"""Synced writes from one task are slow: a round makes this many times fewer of them."""
_FRAME_BYTES = 64
"""About what the log adds to a document of its own: the bare write is to be as long."""

_WRITTEN_BYTES = 256
"""More than a bare write of one document is long: for so many of each a file is preallocated."""

InsertOne = Callable[[Person], Awaitable[object]]


async def one_by_one(insert_one: InsertOne, documents: Sequence[Person]) -> None:
    """Insert from one task."""
    for document in documents:
        await insert_one(document)


async def from_tasks(
    insert_one: InsertOne, documents: Sequence[Person], tasks: int = TASKS
) -> None:
    """Insert from many tasks, each of which waits for its own inserts."""
    async with trio.open_nursery() as nursery:
        for first in range(tasks):
            nursery.start_soon(one_by_one, insert_one, documents[first::tasks])


async def memory_one(count: int) -> Measured:
    """`insert_one` in memory from one task, and an empty round trip for each.

    A round trip with what an insert cannot do without is timed beside them: an actor that keeps
    documents in a dict.
    """
    actor, store = EmptyActor(), dict[UUID, Document[Person]]()

    async def trips(part: Sequence[Person]) -> None:
        for _ in part:
            await actor.ask()

    async def ask_and_store(part: Sequence[Person]) -> None:
        for person in part:
            store_in_dict(store, [person])
            await actor.ask()

    async with trio.open_nursery() as nursery, MemDb.open("memory", Person) as db:
        nursery.start_soon(actor.run)
        seconds = await alternate(
            {
                "round trip": trips,
                "insert_one": lambda part: one_by_one(db.insert_one, part),
                "a round trip, encode, id, Document, dict": ask_and_store,
            },
            people(count),
        )
        nursery.cancel_scope.cancel()
    return Measured({"memory-one": seconds["insert_one"] / seconds["round trip"]}, seconds)


async def memory_many(count: int) -> Measured:
    """`insert_one` in memory from one task and from many."""
    async with MemDb.open("one", Person) as one, MemDb.open("many", Person) as many:
        seconds = await alternate(
            {
                "one task": lambda part: one_by_one(one.insert_one, part),
                f"{TASKS} tasks": lambda part: from_tasks(many.insert_one, part),
            },
            people(count),
        )
    return Measured({"memory-many": seconds[f"{TASKS} tasks"] / seconds["one task"]}, seconds)


async def fsync_one(count: int) -> Measured:
    """`insert_one` on disk from one task, and a hop to a thread that writes as much and syncs.

    The same over zeros is timed beside them, for reddb's log is preallocated.
    """
    async with directory_of_its_own() as directory:
        file = SyncedFile(directory / "bare")
        preallocated = SyncedFile(directory / "zeros", count // _FEWER * _WRITTEN_BYTES)

        async def write_to(file: SyncedFile, part: Sequence[Person]) -> None:
            for person in part:
                await file.append(bytes(_FRAME_BYTES) + encode(person))

        async with JsonDb.open(DbConfig("fsync", dir=directory), Person) as db:
            seconds = await alternate(
                {
                    "write + sync": partial(write_to, file),
                    "write over zeros + sync": partial(write_to, preallocated),
                    "insert_one": lambda part: one_by_one(db.insert_one, part),
                },
                people(count)[: count // _FEWER],
                turns=50,
            )
        file.close()
        preallocated.close()
    return Measured({"fsync-one": seconds["insert_one"] / seconds["write + sync"]}, seconds)


async def durable_many(count: int) -> Measured:
    """Synced commits per second, from many tasks and from one.

    A side beside them has two logs and half of the tasks on each: it says what could be had by
    letting the calls of one half go on while the other half's batch is synced.
    """
    documents = people(count)
    few = [part[0] for part in slices(documents, count // _FEWER)]
    parts = list(zip(slices(few, 10), slices(documents, 10), strict=True))
    async with AsyncExitStack() as stack:
        directory = await stack.enter_async_context(directory_of_its_own())
        names = ("reddb", "one half", "other half")
        db, *halves = [
            await stack.enter_async_context(_database(directory, name)) for name in names
        ]

        async def on_two_logs(part: Sequence[Person]) -> None:
            async with trio.open_nursery() as nursery:
                for number, half in enumerate(halves):
                    nursery.start_soon(from_tasks, half.insert_one, part[number::2], TASKS // 2)

        seconds = await alternate(
            {
                "one task": lambda part: one_by_one(db.insert_one, part[0][0]),
                f"{TASKS} tasks": lambda part: from_tasks(db.insert_one, part[0][1]),
                f"{TASKS} tasks, half on each of two logs": lambda part: on_two_logs(part[0][1]),
            },
            parts,
        )
    of_one = seconds.pop("one task") * len(parts) / len(few)
    of_many = {name: each * len(parts) / count for name, each in seconds.items()}
    ratio = of_one / of_many[f"{TASKS} tasks"]
    return Measured({"durable-many": ratio}, {"one task": of_one, **of_many})


async def durable_others(count: int) -> Measured:
    """Synced commits per second from many tasks: reddb, and stores as one finds them."""
    seconds = min(1.0, count / 200_000)
    notes: list[str] = []
    async with AsyncExitStack() as stack:
        directory = await stack.enter_async_context(directory_of_its_own())
        stores: dict[str, Store] = {}
        for name in ("reddb", *OFF_THE_SHELF):
            try:
                peer = load(name)
            except ImportError:
                notes.append(f"{name} is not installed, so it was left out")
                continue
            opened = peer.open(directory / name, Level.FSYNC)
            stores[name] = await stack.enter_async_context(opened)
        rates = await alternate_rates(stores, partial(_insert_rate, people(count), seconds))
    best = max(rate for name, rate in rates.items() if name != "reddb")
    each = {name: 1 / rate for name, rate in rates.items()}
    return Measured({"durable-others": rates["reddb"] / best}, each, notes=notes)


async def _insert_rate(documents: Sequence[Person], seconds: float, store: Store) -> float:
    supply = cycle(documents)
    return await rate(store.run_tasks, lambda: store.insert_one(next(supply)), TASKS, seconds)


async def durable_group(count: int) -> Measured:
    """Synced commits per second from many tasks: reddb, and sqlite3 with a group commit.

    The least that a group commit can be is timed beside them: it says what ratio could be had. It
    writes over zeros, as reddb does.
    """
    async with AsyncExitStack() as stack:
        directory = await stack.enter_async_context(directory_of_its_own())
        db = await stack.enter_async_context(_database(directory))
        opened = GroupCommit.open(directory / "sqlite", Level.FSYNC)
        group = await stack.enter_async_context(opened)
        nursery = await stack.enter_async_context(trio.open_nursery())
        bare = GroupedFile(directory / "bare", count * _WRITTEN_BYTES)
        stack.callback(bare.close)
        nursery.start_soon(bare.run)
        seconds = await alternate(
            {
                "reddb": lambda part: from_tasks(db.insert_one, part),
                "sqlite3": lambda part: from_tasks(group.insert_one, part),
                "the least: encode, write and sync": lambda part: from_tasks(bare.insert_one, part),
            },
            people(count),
        )
        nursery.cancel_scope.cancel()
    return Measured({"durable-group": seconds["sqlite3"] / seconds["reddb"]}, seconds)


async def bulk_memory(count: int) -> Measured:
    """A bulk insert of everything in memory, and a loop that puts everything into a dict."""
    store: dict[UUID, Document[Person]] = {}

    async def loop(documents: Sequence[Person]) -> None:
        store_in_dict(store, documents)

    async with MemDb.open("bulk", Person) as db:
        seconds = await _all_at_once({"loop": loop, "insert": db.insert}, count)
    return Measured({"bulk-memory": seconds["insert"] / seconds["loop"]}, seconds)


async def bulk_file(count: int) -> Measured:
    """A bulk insert of everything on disk, and a sqlite3 transaction of everything."""
    async with AsyncExitStack() as stack:
        directory = await stack.enter_async_context(directory_of_its_own())
        db = await stack.enter_async_context(_database(directory))
        sqlite = await stack.enter_async_context(SQLITE.open(directory / "sqlite", Level.FSYNC))
        seconds = await _all_at_once({"reddb": db.insert, "sqlite3": sqlite.insert}, count)
    return Measured({"bulk-file": seconds["sqlite3"] / seconds["reddb"]}, seconds)


async def _all_at_once(
    sides: dict[str, Callable[[Sequence[Person]], Awaitable[object]]], count: int
) -> dict[str, float]:
    """Let both sides insert all documents at once, twice; give the seconds for each document."""
    works = {name: _whole(insert) for name, insert in sides.items()}
    seconds = await alternate(works, [people(count), people(count)], turns=2)
    return {name: each / count for name, each in seconds.items()}


def _whole(
    insert: Callable[[Sequence[Person]], Awaitable[object]],
) -> Callable[[Sequence[Sequence[Person]]], Awaitable[object]]:
    return lambda part: insert(part[0])


def _database(
    directory: Path, name: str = "reddb"
) -> contextlib.AbstractAsyncContextManager[RedDb[Person]]:
    return JsonDb.open(DbConfig(name, dir=directory), Person)
