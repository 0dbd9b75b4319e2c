"""How long synced writes take while something large runs beside them, and while nothing does."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import trio

from benchmarks.documents import Person, people
from benchmarks.targets.measured import Measured, directory_of_its_own
from benchmarks.timing import percentile
from reddb import DbConfig, JsonDb, RedDb

_WRITES_MAX = 1000
"""Writes in each sample, at most: its slowest ten are beyond the 99th percentile."""

_RUNS_MAX = 10
"""How often the work beside is begun, at most, where it leaves time for few writes."""


async def latency(count: int) -> Measured:
    """Write from one task, quietly and beside a compaction, a scan, and a bulk insert.

    What runs beside is begun again and again until enough writes were made, and is run to its end.
    """
    documents = people(count)
    async with directory_of_its_own() as directory:
        config = DbConfig("latency", dir=directory, compaction_ratio=1000)
        async with JsonDb.open(config, Person) as db:
            for _ in range(10):
                await db.insert(documents)
            await db.find_all()
            beside: dict[str, Callable[[], Awaitable[object]]] = {
                "compaction": db.compact,
                "scan": lambda: db.query().filter(lambda person: person.team == -1).all(),
                "bulk": lambda: db.insert(documents),
            }
            quiet: list[float] = []
            busy: dict[str, list[float]] = {}
            for name, work in beside.items():
                quiet += await _quiet(db, documents)
                busy[name] = await _busy(db, documents, work)
            quiet += await _quiet(db, documents)
    ratios = {
        f"p99-{name}": percentile(each, 0.99) / percentile(quiet, 0.99)
        for name, each in busy.items()
    }
    seconds = {
        f"{name}, p{share * 100:g}": percentile(each, share)
        for name, each in {"quiet": quiet, **busy}.items()
        for share in (0.5, 0.99, 0.999)
    }
    return Measured(ratios, seconds)


async def _quiet(db: RedDb[Person], documents: list[Person]) -> list[float]:
    return [await _write(db, documents[number]) for number in range(_writes(documents))]


def _writes(documents: list[Person]) -> int:
    return min(_WRITES_MAX, len(documents) // 10)


async def _busy(
    db: RedDb[Person], documents: list[Person], work: Callable[[], Awaitable[object]]
) -> list[float]:
    """Write while `work` runs, begun again until there are enough writes, or runs."""
    seconds: list[float] = []
    for _ in range(_RUNS_MAX):
        if len(seconds) >= _writes(documents):
            break
        running = True

        async def run() -> None:
            nonlocal running
            await work()
            running = False

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            while running:
                seconds.append(await _write(db, documents[len(seconds) % len(documents)]))
    return seconds


async def _write(db: RedDb[Person], person: Person) -> float:
    start = time.perf_counter()
    await db.insert_one(person)
    return time.perf_counter() - start
