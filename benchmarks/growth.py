"""How the cost of an operation grows: with documents, with tasks, with indexes.

Each measurement gives microseconds for one operation (or one document, where it says so) by the
operation's name. Flat or logarithmic is what they should be. Everything has been read once, and is
then kept from the garbage collector: a collection of all objects comes so seldom that it would
count in some samples and not in others. `benchmarks.targets.holds` has what it costs.
"""

from __future__ import annotations

import gc
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import cycle
from pathlib import Path

import trio
from attrs import evolve

from benchmarks.documents import Person, people, team_of
from reddb import DbConfig, Document, JsonDb, MemDb, RedDb

DOCUMENTS = (1000, 10_000, 100_000, 1_000_000)
TASKS = (1, 10, 100, 1000, 10_000)
INDEXES = (0, 1, 2, 4, 8)

_TIMES = 2000
"""How often a quick operation is repeated, at most."""

Costs = dict[str, float]


def _active(person: Person) -> bool:
    return person.active


def _toggled(person: Person) -> Person:
    return evolve(person, active=not person.active)


async def _each_us(step: Callable[[], Awaitable[object]], times: int) -> float:
    """Give the microseconds that one `step` takes."""
    start = time.perf_counter()
    for _ in range(times):
        await step()
    return (time.perf_counter() - start) / times * 1e6


async def _once_us(step: Awaitable[object], count: int) -> float:
    """Give the microseconds that `step` takes for each of `count` documents."""
    start = time.perf_counter()
    await step
    return (time.perf_counter() - start) / count * 1e6


async def with_documents(count: int) -> Costs:
    """Measure on a database of `count` documents."""
    with tempfile.TemporaryDirectory(prefix="reddb-benchmark-") as directory:
        on_disk = await _on_disk(Path(directory), people(count))
    return on_disk | await _in_memory(people(count))


async def _in_memory(documents: list[Person]) -> Costs:
    chance, supply, count = random.Random(3), cycle(documents), len(documents)
    times = min(_TIMES, count)
    async with MemDb.open("growth", Person) as db:
        stored = await db.insert(documents)
        await db.find_all()
        gc.collect()
        gc.freeze()
        costs = {"insert_one": await _each_us(lambda: db.insert_one(next(supply)), times)}
        await db.add_index("team", team_of)
        await db.add_index("active", _active)
        costs["insert_one, with an index of 2 keys"] = await _each_us(
            lambda: db.insert_one(next(supply)), times
        )
        lookup = db.snapshot().get

        async def get() -> None:
            lookup(stored[int(chance.random() * count)].id)

        async def update() -> None:
            document = stored[int(chance.random() * count)]
            await db.update_one(document.id, _toggled(document.data))

        costs["get, snapshot"] = await _each_us(get, 10 * times)
        costs["update_one, with an index of 2 keys"] = await _each_us(update, times)
        teams = cycle(range(max(1, min(count, 100_000) // 100)))
        look_up = lambda: db.using_index("team", next(teams))  # noqa: E731
        await _each_us(look_up, times)
        costs["index lookup of 100"] = await _each_us(look_up, times)
        query = db.query().filter(lambda person: person.team == -1)
        costs["filtered scan, a document"] = await _once_us(query.all(), count)
        doomed = iter(chance.sample(stored, times))
        costs["delete_one"] = await _each_us(lambda: db.delete_one(next(doomed).id), times)
    return costs


async def _on_disk(directory: Path, documents: list[Person]) -> Costs:
    config, count = DbConfig("growth", dir=directory, compaction_ratio=1000), len(documents)
    async with JsonDb.open(config, Person) as db:
        costs = {"bulk insert, a document": await _once_us(db.insert(documents), count)}
        costs["compaction, a document"] = await _once_us(db.compact(), count)
    start = time.perf_counter()
    async with JsonDb.open(config, Person) as db:
        costs["open, a document"] = (time.perf_counter() - start) / count * 1e6
    return costs


async def with_tasks(tasks: int) -> Costs:
    """Measure inserts from `tasks` tasks, in memory and synced."""
    costs: Costs = {}
    async with MemDb.open("growth", Person) as db:
        costs["insert_one, in memory"] = await _insert_from(db, tasks, min(20_000, 2000 * tasks))
    with tempfile.TemporaryDirectory(prefix="reddb-benchmark-") as directory:
        async with JsonDb.open(DbConfig("growth", dir=directory), Person) as db:
            count = max(2 * tasks, min(20_000, 200 * tasks))
            costs["insert_one, synced"] = await _insert_from(db, tasks, count)
    return costs


async def _insert_from(db: RedDb[Person], tasks: int, count: int) -> float:
    documents = people(count)

    async def insert_share(first: int) -> None:
        for person in documents[first::tasks]:
            await db.insert_one(person)

    start = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for first in range(tasks):
            nursery.start_soon(insert_share, first)
    return (time.perf_counter() - start) / count * 1e6


async def with_indexes(indexes: int) -> Costs:
    """Measure writes to 10,000 documents in memory, with indexes of 100 documents a key."""
    async with MemDb.open("growth", Person) as db:
        stored: list[Document[Person]] = await db.insert(people(10_000))
        for number in range(indexes):
            await db.add_index(f"index {number}", team_of)
        supply = cycle(stored)

        async def update() -> None:
            document = next(supply)
            await db.update_one(document.id, evolve(document.data, team=document.data.team + 1))

        return {
            "insert_one": await _each_us(lambda: db.insert_one(next(supply).data), _TIMES),
            "update_one": await _each_us(update, _TIMES),
        }


AXES: dict[str, tuple[Callable[[int], Awaitable[Costs]], tuple[int, ...]]] = {
    "documents": (with_documents, DOCUMENTS),
    "tasks": (with_tasks, TASKS),
    "indexes": (with_indexes, INDEXES),
}


def measure(axis: str, size: int) -> Costs:
    """Measure one size along an axis, here."""
    return trio.run(AXES[axis][0], size)
