"""What the Rust crate RedDB 2.0.0 was measured to do, and the same of reddb.

The crate's figures are of another run, on the same class of machine, with documents of this very
shape: a release build on tokio, 100,000 documents, medians of three. Gaps of less than a quarter
are noise between two runs.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from itertools import cycle
from pathlib import Path

import trio
from attrs import frozen

from benchmarks.limits import SyncedFile
from benchmarks.timing import rate
from reddb import DbConfig, JsonDb, MemDb, RedDb

TASKS = 64


@frozen
class Figure:
    """One figure of the crate, per second."""

    what: str
    rust: float
    ahead: bool = True
    """Whether reddb is to be ahead of it."""


FIGURES = {
    "disk": Figure("bare write + fdatasync: how alike the machines were", 4800, ahead=False),
    "synced": Figure("insert_one, JSON file, synced, 64 tasks together", 4000),
    "transactions": Figure("transactions of 10 inserts, JSON file, one task", 2060),
    "bulk": Figure("bulk insert of 100,000, JSON file, documents", 29_400),
    "compact": Figure("compaction, documents", 37_300),
    "reopen": Figure("reopening, documents", 13_900),
    "scan": Figure("filtered scan (1 % found), JSON file, documents", 1_740_000),
    "lookup": Figure("index lookup of 100 documents, JSON file", 13_200),
    "scan in memory": Figure("filtered scan (1 % found), memory, documents", 2_800_000),
    "lookup in memory": Figure("index lookup of 100 documents, memory", 17_400),
    "lookup of 1": Figure("index lookup of 1 document", 790_000, ahead=False),
    "one task": Figure("insert_one, JSON file, synced, one task", 4000, ahead=False),
    "memory": Figure("insert_one, memory", 930_000, ahead=False),
    "update": Figure("update_one, memory", 1_700_000, ahead=False),
    "get": Figure("get by id, memory", 1_400_000, ahead=False),
    "find_all": Figure("find_all, memory, documents", 3_100_000, ahead=False),
}


class Role(Enum):
    """What a user may do."""

    ADMIN = "Admin"
    MEMBER = "Member"
    GUEST = "Guest"


@frozen
class Address:
    """Where a user lives."""

    street: str
    zip: str


@frozen
class User:
    """The crate's document, of 169 bytes."""

    name: str
    age: int
    email: str | None
    tags: tuple[str, ...]
    score: float
    active: bool
    address: Address
    role: Role


def users(count: int) -> list[User]:
    """Give `count` documents."""
    roles = list(Role)
    return [
        User(
            name=f"User {number}",
            age=number % 100,
            email=f"user{number}@example.org" if number % 4 else None,
            tags=("a", f"tag{number % 10}"),
            score=number * 0.25,
            active=number % 2 == 0,
            address=Address(f"{number % 500} Main St", f"{number % 100_000:05}"),
            role=roles[number % 3],
        )
        for number in range(count)
    ]


def measure(count: int, seconds: float) -> dict[str, float]:
    """Give what reddb does per second, by the names of `FIGURES`."""
    return trio.run(_measure, users(count), seconds)


async def _measure(documents: list[User], seconds: float) -> dict[str, float]:
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="reddb-benchmark-") as directory:
        await _write_files(Path(directory), documents, seconds, found)
        start = time.perf_counter()
        async with _opened(Path(directory), "bulk") as db:
            found["reopen"] = len(documents) / (time.perf_counter() - start)
            await _read(db, documents, seconds, found, "")
    async with MemDb.open("rust", User) as db:
        supply = cycle(documents)
        found["memory"] = await _rate(lambda: db.insert_one(next(supply)), 1, seconds)
    async with MemDb.open("rust", User) as db:
        await db.insert(documents)
        await _read(db, documents, seconds, found, " in memory")
        await _read_by_id(db, documents, seconds, found)
    return {name: found[name] for name in FIGURES}


async def _rate(step: Callable[[], Awaitable[object]], tasks: int, seconds: float) -> float:
    async def run_tasks(fns: Sequence[Callable[[], Awaitable[object]]]) -> None:
        async with trio.open_nursery() as nursery:
            for fn in fns:
                nursery.start_soon(fn)

    return await rate(run_tasks, step, tasks, seconds)


@asynccontextmanager
async def _opened(directory: Path, name: str) -> AsyncIterator[RedDb[User]]:
    config = DbConfig(name, dir=directory, compaction_ratio=1000)
    async with JsonDb.open(config, User) as db:
        yield db


async def _write_files(
    directory: Path, documents: list[User], seconds: float, found: dict[str, float]
) -> None:
    supply = cycle(documents)
    file = SyncedFile(directory / "bare")

    async def write() -> None:
        file.append_here(bytes(200))

    found["disk"] = await _rate(write, 1, seconds)
    file.close()
    async with _opened(directory, "single") as db:
        found["one task"] = await _rate(lambda: db.insert_one(next(supply)), 1, seconds)
        found["synced"] = await _rate(lambda: db.insert_one(next(supply)), TASKS, seconds)

        async def ten() -> None:
            async with db.begin() as tx:
                for _ in range(10):
                    tx.insert_one(next(supply))

        found["transactions"] = await _rate(ten, 1, seconds)
    async with _opened(directory, "bulk") as db:
        start = time.perf_counter()
        await db.insert(documents)
        middle = time.perf_counter()
        await db.compact()
        found["bulk"] = len(documents) / (middle - start)
        found["compact"] = len(documents) / (time.perf_counter() - middle)


async def _read(
    db: RedDb[User], documents: list[User], seconds: float, found: dict[str, float], where: str
) -> None:
    """Read by a filter and by an index of 100 documents a key; everything was read once before."""
    groups = max(1, len(documents) // 100)
    await db.add_index("group", lambda user: int(user.score * 4) % groups)
    await db.find_all()
    scan = await _rate(lambda: db.query().filter(lambda user: user.age == 42).all(), 1, seconds)
    found[f"scan{where}"] = scan * len(documents)
    keys = cycle(range(groups))
    found[f"lookup{where}"] = await _rate(lambda: db.using_index("group", next(keys)), 1, seconds)


async def _read_by_id(
    db: RedDb[User], documents: list[User], seconds: float, found: dict[str, float]
) -> None:
    await db.add_index("name", lambda user: user.name)
    stored = cycle(await db.find_all())
    names = cycle([user.name for user in documents])
    found["lookup of 1"] = await _rate(lambda: db.using_index("name", next(names)), 1, seconds)
    found["get"] = await _rate(lambda: db.get(next(stored).id), 1, seconds)
    found["find_all"] = await _rate(db.find_all, 1, seconds) * len(documents)
    async with MemDb.open("update", User) as other:
        mine = cycle(await other.insert(documents))
        found["update"] = await _rate(
            lambda: other.update_one((document := next(mine)).id, document.data), 1, seconds
        )
