"""Where the time of each hot path goes, by the standard library's profiler.

The profiler makes every call of a Python function dearer and leaves C functions alone, so a share
says where to look, not what would be won. Waiting for the disk, and for the thread that does it, is
time in ``epoll``.
"""

from __future__ import annotations

import cProfile
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import CodeType

import trio
from attrs import frozen

from benchmarks.documents import Person, people, team_of
from reddb import DbConfig, JsonDb, MemDb, RedDb

Step = Callable[[], Awaitable[object]]

_ROWS = 8


@frozen
class Share:
    """One line of a profile."""

    where: str
    share: float
    """Of the whole time, without what it called."""
    calls: float
    """For each document."""


async def _from_tasks(db: RedDb[Person], documents: list[Person], tasks: int) -> None:
    async def insert_share(first: int) -> None:
        for person in documents[first::tasks]:
            await db.insert_one(person)

    async with trio.open_nursery() as nursery:
        for first in range(tasks):
            nursery.start_soon(insert_share, first)


@asynccontextmanager
async def _in_memory(documents: list[Person], tasks: int) -> AsyncIterator[Step]:
    async with MemDb.open("profile", Person) as db:
        yield lambda: _from_tasks(db, documents, tasks)


@asynccontextmanager
async def _on_disk(documents: list[Person]) -> AsyncIterator[Step]:
    with tempfile.TemporaryDirectory(prefix="reddb-benchmark-") as directory:
        async with JsonDb.open(DbConfig("profile", dir=Path(directory)), Person) as db:
            yield lambda: _from_tasks(db, documents, 64)


@asynccontextmanager
async def _bulk(documents: list[Person]) -> AsyncIterator[Step]:
    with tempfile.TemporaryDirectory(prefix="reddb-benchmark-") as directory:
        async with JsonDb.open(DbConfig("profile", dir=Path(directory)), Person) as db:
            yield lambda: db.insert(documents)


@asynccontextmanager
async def _filled(
    documents: list[Person], act: Callable[[RedDb[Person]], Awaitable[object]]
) -> AsyncIterator[Step]:
    """Do something with a database in memory that has been read once."""
    async with MemDb.open("profile", Person) as db:
        await db.insert(documents)
        await db.add_index("team", team_of)
        await db.find_all()
        yield lambda: act(db)


async def _get_all(db: RedDb[Person]) -> None:
    snapshot = db.snapshot()
    for id_ in [document.id for document in snapshot]:
        snapshot.get(id_)


async def _look_all_up(db: RedDb[Person]) -> None:
    for team in range(max(1, len(db.snapshot()) // 100)):
        await db.using_index("team", team)


async def _scan_ten_times(db: RedDb[Person]) -> None:
    for _ in range(10):
        await db.query().filter(lambda person: person.team == 7).all()


@asynccontextmanager
async def _opening(documents: list[Person]) -> AsyncIterator[Step]:
    with tempfile.TemporaryDirectory(prefix="reddb-benchmark-") as directory:
        config = DbConfig("profile", dir=Path(directory))
        async with JsonDb.open(config, Person) as db:
            await _from_tasks(db, documents, 256)

        async def open_and_close() -> None:
            async with JsonDb.open(config, Person):
                pass

        yield open_and_close


@asynccontextmanager
async def _compacting(documents: list[Person]) -> AsyncIterator[Step]:
    with tempfile.TemporaryDirectory(prefix="reddb-benchmark-") as directory:
        async with JsonDb.open(DbConfig("profile", dir=Path(directory)), Person) as db:
            await db.insert(documents)
            yield db.compact


HotPath = Callable[[list[Person]], AbstractAsyncContextManager[Step]]
"""Gives what is profiled, with everything it needs made ready."""

PATHS: dict[str, HotPath] = {
    "insert_one in memory, one task": lambda documents: _in_memory(documents, 1),
    "insert_one in memory, 64 tasks": lambda documents: _in_memory(documents, 64),
    "insert_one synced, 64 tasks": _on_disk,
    "bulk insert, synced": _bulk,
    "get from a snapshot": lambda documents: _filled(documents, _get_all),
    "index lookup of 100": lambda documents: _filled(documents, _look_all_up),
    "filtered scan, ten times": lambda documents: _filled(documents, _scan_ten_times),
    "opening, a commit for each document": _opening,
    "compaction": _compacting,
}


def measure(name: str, count: int) -> list[Share]:
    """Profile one path, here, with `count` documents; give where most of its time goes."""
    profiler = cProfile.Profile()

    async def run() -> None:
        async with PATHS[name](people(count)) as step:
            profiler.enable()
            await step()
            profiler.disable()

    trio.run(run)
    entries = profiler.getstats()
    total = sum(entry.inlinetime for entry in entries)
    shares = [
        Share(_where(entry.code), entry.inlinetime / total, entry.callcount / count)
        for entry in entries
    ]
    return sorted(shares, key=lambda share: -share.share)[:_ROWS]


def _where(code: str | CodeType) -> str:
    """Name a function: by its file within its package, or as the profiler names what is in C."""
    if isinstance(code, str):
        name = re.sub(r" at 0x[0-9a-f]+", "", code.strip("<>"))
        return name.replace("built-in method ", "").replace(" objects", "")
    if code.co_filename.startswith("<"):  # Written out by attrs, or by our codecs.
        return f"{code.co_filename.strip('<>')}: {code.co_name}"
    parts = Path(code.co_filename).parts
    tops = [at for at, part in enumerate(parts) if part in {"reddb", "trio", "benchmarks"}]
    return f"{'/'.join(parts[tops[-1] if tops else -1 :])}: {code.co_qualname}"
