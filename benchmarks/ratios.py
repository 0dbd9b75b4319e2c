"""What a call costs, as ratios to the least that it could cost, measured side by side.

    python benchmarks/ratios.py [--documents N] [--rounds N]

Every figure is the median of several rounds. The parts of a ratio are measured in turn within each
round, so that a machine whose speed drifts treats both alike; single times say little, ratios more.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio
from attrs import frozen

from reddb import DbConfig, JsonDb, MemDb, RedDb

_TASKS = 64


@frozen
class Person:
    """A document of about 150 bytes."""

    name: str
    age: int
    email: str | None
    tags: tuple[str, ...]
    score: float
    active: bool


def people(count: int) -> list[Person]:
    return [
        Person(
            name=f"Person number {number}",
            age=number % 90,
            email=f"person.{number}@example.org",
            tags=("first", "second"),
            score=number * 0.5,
            active=number % 2 == 0,
        )
        for number in range(count)
    ]


async def seconds_each(count: int, work: Callable[[], Awaitable[object]]) -> float:
    start = time.perf_counter()
    await work()
    return (time.perf_counter() - start) / count


async def empty_round_trips(count: int) -> None:
    """Send a task to another one, which wakes it: what any actor costs at least."""
    send, receive = trio.open_memory_channel[trio.lowlevel.Task](1024)

    async def actor() -> None:
        async for task in receive:
            trio.lowlevel.reschedule(task)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor)
        for _ in range(count):
            send.send_nowait(trio.lowlevel.current_task())
            await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)
        send.close()


async def insert_from(db: RedDb[Person], documents: list[Person], tasks: int) -> None:
    async def insert_share(first: int) -> None:
        for document in documents[first::tasks]:
            await db.insert_one(document)

    async with trio.open_nursery() as nursery:
        for first in range(tasks):
            nursery.start_soon(insert_share, first)


async def measure_memory(documents: list[Person]) -> dict[str, float]:
    count = len(documents)
    trip = await seconds_each(count, lambda: empty_round_trips(count))
    async with MemDb.open("ratios", Person) as db:
        one = await seconds_each(count, lambda: insert_from(db, documents, 1))
    async with MemDb.open("ratios", Person) as db:
        many = await seconds_each(count, lambda: insert_from(db, documents, _TASKS))
        ids = [document.id for document in await db.find_all()]
        snapshot, plain = db.snapshot(), dict.fromkeys(ids)
    start = time.perf_counter()
    for id_ in ids:
        plain.get(id_)
    middle = time.perf_counter()
    for id_ in ids:
        snapshot.get(id_)
    end = time.perf_counter()
    return {
        "insert_one in memory / empty actor round trip": one / trip,
        f"insert_one in memory, {_TASKS} tasks / one task": many / one,
        "snapshot().get / dict get": (end - middle) / (middle - start),
    }


async def measure_disk(documents: list[Person], directory: Path) -> dict[str, float]:
    few = documents[: len(documents) // 20]
    async with JsonDb.open(DbConfig("one", dir=directory), Person) as db:
        one = await seconds_each(len(few), lambda: insert_from(db, few, 1))
    async with JsonDb.open(DbConfig("many", dir=directory), Person) as db:
        many = await seconds_each(len(documents), lambda: insert_from(db, documents, _TASKS))
    return {f"durable commits per second, {_TASKS} tasks / one task": one / many}


async def run(count: int, rounds: int) -> None:
    documents = people(count)
    measured: dict[str, list[float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as directory:
            ratios = await measure_memory(documents)
            ratios |= await measure_disk(documents, Path(directory))
        for name, ratio in ratios.items():
            measured.setdefault(name, []).append(ratio)
    print(f"Python {platform.python_version()}, trio {trio.__version__}, {platform.machine()}")
    print(f"{count} documents, medians of {rounds} rounds (least to greatest)")
    for name, values in measured.items():
        spread = f"({min(values):.2f} to {max(values):.2f})"
        print(f"{statistics.median(values):8.2f}  {spread:18}  {name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, default=20_000, help="documents a round")
    parser.add_argument("--rounds", type=int, default=7, help="rounds to take the median of")
    arguments = parser.parse_args()
    trio.run(run, arguments.documents, arguments.rounds)


if __name__ == "__main__":
    main()
