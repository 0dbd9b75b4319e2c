"""How long each operation keeps the event loop from everybody else, at its worst.

An instrument notes how long every step of every task takes: from when trio resumes a task to when
the task waits again. Whatever happens within counts: the writer's work, the caller's, a garbage
collection, a page fault. On a busy machine it counts, too, that another program had the processor;
the processor time beside it does not. Of the longest step it is noted how long the collector took.

The documents that are to be inserted are the benchmark's own. The collector is told to leave them
out, as it is not reddb that keeps them.

Plain calls, those of a snapshot and a `transact` function, hold the loop for as long as they take,
by nature, and are not in the list: programs may put them into a worker thread (a snapshot) or keep
them short.
"""

from __future__ import annotations

import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec
import trio
from attrs import astuple, define, evolve, field, fields, resolve_types

from benchmarks.documents import Person, people, team_of
from benchmarks.targets.measured import Measured, directory_of_its_own
from reddb import DbConfig, JsonDb, MemDb, RedDb, Transaction

Operations = dict[str, Callable[[], Awaitable[object]]]


@define(eq=False)
class HoldClock(trio.abc.Instrument):
    """Keeps the longest step that any task has taken, by the clock and in processor time."""

    longest_s: float = 0.0
    collector_s: float = 0.0
    """How long the garbage collector took within the longest step."""
    longest_processor_s: float = 0.0
    _start: float = field(factory=time.perf_counter)
    _start_processor: float = field(factory=time.thread_time)
    _start_collection: float = 0.0
    _collected_s: float = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """See `trio.abc.Instrument`."""
        self._collected_s = 0.0
        self._start = time.perf_counter()
        self._start_processor = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """See `trio.abc.Instrument`."""
        processor_s = time.thread_time() - self._start_processor
        step_s = time.perf_counter() - self._start
        if step_s > self.longest_s:
            self.longest_s, self.collector_s = step_s, self._collected_s
        self.longest_processor_s = max(self.longest_processor_s, processor_s)

    def on_collection(self, phase: str, _info: dict[str, int]) -> None:
        """Take the time of a garbage collection: what `gc.callbacks` call."""
        if phase == "start":
            self._start_collection = time.perf_counter()
        else:
            self._collected_s += time.perf_counter() - self._start_collection


async def longest_hold(fn: Callable[[], Awaitable[object]]) -> HoldClock:
    """Time the steps while `fn` runs; to free what it gave is the caller's."""
    await trio.lowlevel.checkpoint()  # Whatever was done before this ends in another step.
    clock = HoldClock()
    trio.lowlevel.add_instrument(clock)
    gc.callbacks.append(clock.on_collection)
    try:
        result = await fn()
        await trio.lowlevel.checkpoint()
    finally:
        gc.callbacks.remove(clock.on_collection)
        trio.lowlevel.remove_instrument(clock)
    del result
    return clock


async def hold(count: int) -> Measured:
    """Run every operation on ten times as many documents as the other targets have."""
    clocks: dict[str, HoldClock] = {}
    documents = people(10 * count)
    async with directory_of_its_own() as directory:
        gc.freeze()
        config = DbConfig("hold", dir=directory)

        async def insert_all() -> None:
            async with JsonDb.open(config, Person) as db:
                clocks["insert, all documents"] = await longest_hold(lambda: db.insert(documents))

        await insert_all()
        async with _opened(config, clocks) as db:
            ids = [each.id for each in islice(db.snapshot(), 0, 6400, 100)]
            operations = _reads(db, documents, ids[0]) | _small_writes(db, documents, ids)
            for name, operation in (operations | _large_writes(db, documents)).items():
                clocks[name] = await longest_hold(operation)
    await _hold_with_untracked(documents, clocks)
    seconds = {name: clock.longest_s for name, clock in clocks.items()}
    gc.unfreeze()
    parts = {
        f"{name} ({part})": value
        for name, clock in clocks.items()
        for part, value in (
            ("garbage collector", clock.collector_s),
            ("processor time", clock.longest_processor_s),
        )
    }
    return Measured({"hold": 1000 * max(seconds.values())}, seconds | parts)


_Untracked: Any = msgspec.defstruct(
    "Untracked",
    [(each.name, each.type) for each in fields(resolve_types(Person))],
    frozen=True,
    gc=False,
)
"""A `Person` that the garbage collector does not track, as its class says."""


async def _hold_with_untracked(documents: list[Person], clocks: dict[str, HoldClock]) -> None:
    """Run what gives very many documents on some that the collector does not track."""
    structs = [_Untracked(*astuple(person, recurse=False)) for person in documents]
    gc.freeze()
    async with MemDb.open("hold", _Untracked) as db:
        await db.insert(structs)
        operations: Operations = {
            "find_all": db.find_all,
            "filter, half of all": lambda: db.query().filter(_active).all(),
            "update_where, half": lambda: db.update_where(_active).exec(_later_untracked),
        }
        for name, operation in operations.items():
            clocks[f"{name}; untracked documents"] = await longest_hold(operation)


def _later_untracked(struct: Any) -> Any:
    return msgspec.structs.replace(struct, score=struct.score + 1)


@asynccontextmanager
async def _opened(config: DbConfig, clocks: dict[str, HoldClock]) -> AsyncIterator[RedDb[Person]]:
    """Open a database, for the length of a block; note how long opening and closing hold."""
    async with trio.open_nursery() as nursery:
        db: list[RedDb[Person]] = []

        async def opening() -> None:
            db.append(await nursery.start(JsonDb.serve, config, Person))

        clocks["open"] = await longest_hold(opening)
        yield db[0]
        clocks["aclose"] = await longest_hold(db[0].aclose)


def _later(person: Person) -> Person:
    return evolve(person, score=person.score + 1)


def _active(person: Person) -> bool:
    return person.active


def _reads(db: RedDb[Person], documents: list[Person], id_: UUID) -> Operations:
    """Give the operations that read; the first of them decodes everything."""
    some, last = documents[0], documents[-1]

    def in_one_team(person: Person) -> bool:
        return person.team == some.team

    return {
        "filter, first read": lambda: db.query().filter(in_one_team).all(),
        "get": lambda: db.get(id_),
        "find_all": db.find_all,
        "find": lambda: db.find(some),
        "filter": lambda: db.query().filter(in_one_team).all(),
        "filter, half of all": lambda: db.query().filter(_active).all(),
        "count": lambda: db.query().filter(_active).count(),
        "first": lambda: db.query().filter(lambda person: person == last).first(),
        "ids": lambda: db.query().ids(),
        "order_by, a page": lambda: db.query().order_by(lambda p: p.score, True).limit(20).all(),
        "add_index": lambda: db.add_index("team", team_of),
        "add_index, 2 keys": lambda: db.add_index("active", _active),
        "using_index, 100": lambda: db.using_index("team", some.team),
        "using_index, half": lambda: db.using_index("active", True),
        "stats": db.stats,
    }


def _small_writes(db: RedDb[Person], documents: list[Person], ids: list[UUID]) -> Operations:
    """Give the operations that write a few documents; those of `ids` are no neighbours."""
    some, other = documents[0], evolve(documents[1], name="Somebody else")

    async def transaction() -> None:
        async with db.begin() as tx:
            tx.get(ids[0])
            for person in documents[:10]:
                tx.insert_one(person)

    def insert_two(tx: Transaction[Person]) -> None:
        tx.insert_one(some)
        tx.insert_one(other)

    async def insert_and_delete() -> None:
        document = await db.insert_one(some)
        await db.delete_one(document.id)

    async def insert_from_many_tasks() -> None:
        async with trio.open_nursery() as nursery:
            for person in documents[:1000]:
                nursery.start_soon(db.insert_one, person)

    async def update_from_many_tasks() -> None:
        async with trio.open_nursery() as nursery:
            for id_ in ids:
                nursery.start_soon(db.update_one, id_, other)

    return {
        "insert_one": lambda: db.insert_one(some),
        "insert_one, 1000 tasks": insert_from_many_tasks,
        "update_one": lambda: db.update_one(ids[0], other),
        "update_one, 64 tasks": update_from_many_tasks,
        "delete_one": insert_and_delete,
        "transaction of 10": transaction,
        "transact": lambda: db.transact(insert_two),
    }


def _large_writes(db: RedDb[Person], documents: list[Person]) -> Operations:
    """Give the operations that look at all documents, or write many."""
    few, other = documents[0].team, evolve(documents[1], name="Somebody else")
    many = documents[: len(documents) // 10]

    async def follow_an_insert() -> None:
        async with db.watch() as feed:
            await db.insert(many)
            async for commit in feed:
                assert len(commit.changes) == len(many)
                break

    return {
        "insert, a tenth of all": lambda: db.insert(many),
        "watch, an insert of a tenth": follow_an_insert,
        "update": lambda: db.update(documents[2], other),
        "update_where, few": lambda: db.update_where(lambda p: p.team == few).exec(_later),
        "update_where, half": lambda: db.update_where(_active).exec(_later),
        "compact": db.compact,
        "delete_where, few": lambda: db.delete_where(lambda p: p.team == few),
        "delete_where, half": lambda: db.delete_where(_active),
    }
