"""Targets of opening: the time for each document, and the memory that it then takes."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from statistics import median

import trio

from benchmarks.documents import Person, people
from benchmarks.fresh import in_fresh_process
from benchmarks.limits import encode, read_records, write_records
from benchmarks.memory import resident_bytes
from benchmarks.targets.measured import Measured, directory_of_its_own
from benchmarks.targets.writing import from_tasks
from reddb import DbConfig, Durability, JsonDb


async def open_one_by_one(count: int) -> Measured:
    """Open a log in which every document has a commit of its own."""
    async with directory_of_its_own() as directory:
        await _fill(directory, count, compact=False)
        seconds = await _open(directory, count)
    return Measured({"open": seconds["open"] / seconds["loop"]}, seconds)


async def open_compacted(count: int) -> Measured:
    """Open a log that has been compacted."""
    async with directory_of_its_own() as directory:
        await _fill(directory, count, compact=True)
        seconds = await _open(directory, count)
    return Measured({"open-compacted": seconds["open"] / seconds["loop"]}, seconds)


async def open_linear(count: int) -> Measured:
    """Open a log with ten times as many documents as another; each commit has one."""
    async with directory_of_its_own() as directory:
        logs = {name: directory / name for name in ("one", "ten")}
        for log in logs.values():
            log.mkdir()
        await _fill(logs["one"], count, compact=False)
        await _fill(logs["ten"], 10 * count, compact=False)
        each: dict[str, list[float]] = {"one": [], "ten": []}
        for name in ("one", "ten", "ten", "one"):
            each[name].append(await _seconds_to_open(logs[name]))
    one, ten = sum(each["one"]) / 2 / count, sum(each["ten"]) / 2 / (10 * count)
    seconds = {f"{count} documents": one, f"{10 * count} documents": ten}
    return Measured({"open-linear": ten / one}, seconds)


async def _fill(directory: Path, count: int, *, compact: bool) -> None:
    """Write a log of `count` documents, and the same documents for the loop to read."""
    config = DbConfig("reddb", dir=directory, durability=Durability.OS)
    documents = people(count)
    async with JsonDb.open(config, Person) as db:
        await from_tasks(db.insert_one, documents)
        if compact:
            await db.compact()
    write_records(directory / "records", map(encode, documents))


async def _open(directory: Path, count: int) -> dict[str, float]:
    """Give the seconds that opening the log, and reading the records, take for each document."""
    opening, reading = [], []
    for _ in range(4):
        reading.append(_seconds_to_read(directory / "records", count))
        opening.append(await _seconds_to_open(directory))
    return {"loop": median(reading) / count, "open": median(opening) / count}


async def _seconds_to_open(directory: Path) -> float:
    """Give the time until the database can be read; closing it does not count."""
    gc.collect()
    start = time.perf_counter()
    async with JsonDb.open(DbConfig("reddb", dir=directory), Person) as db:
        db.snapshot()
        return time.perf_counter() - start


def _seconds_to_read(path: Path, count: int) -> float:
    """Give the time until the dict is there; freeing it does not count."""
    gc.collect()
    start = time.perf_counter()
    records = read_records(path)
    seconds = time.perf_counter() - start
    assert len(records) == count
    return seconds


async def memory(count: int) -> Measured:
    """Weigh a process that has opened a log, and again when it has read everything once."""
    async with directory_of_its_own() as directory:
        await _fill(directory, count, compact=False)
        opened, decoded = await trio.to_thread.run_sync(in_fresh_process, _weigh, directory)
    encoded = sum(len(encode(person)) for person in people(count))
    ratios = {"memory-opened": opened / encoded, "memory-decoded": decoded / encoded}
    sizes = {"encoded": encoded, "opened": opened, "decoded": decoded}
    return Measured(ratios, sizes={name: total / count for name, total in sizes.items()})


def _weigh(directory: Path) -> tuple[int, int]:
    """Give how much larger the process is once a log is open, and once all of it was read."""

    async def weigh() -> tuple[int, int]:
        before = resident_bytes()
        async with JsonDb.open(DbConfig("reddb", dir=directory), Person) as db:
            opened = resident_bytes() - before
            for _ in db.snapshot():
                pass
            return opened, resident_bytes() - before

    return trio.run(weigh)
