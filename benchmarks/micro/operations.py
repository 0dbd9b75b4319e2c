"""What is measured: each operation is a plain function that does a piece of work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import cycle
from pathlib import Path

import trio

from benchmarks.documents import Person, people, team_of
from reddb import CborCodec, Codec, DbConfig, Durability, JsonCodec, JsonDb, MemDb, RedDb, Snapshot

_DOCUMENTS = 10_000
_WRITES = 1000

Operation = Callable[[], object]
Setup = Callable[[Path], Operation]
"""Makes an operation ready, with an empty directory for its files."""
Act = Callable[[RedDb[Person], list[Person]], Awaitable[object]]


def _snapshot() -> Snapshot[Person]:
    async def fill() -> Snapshot[Person]:
        async with MemDb.open("micro", Person) as db:
            await db.add_index("team", team_of)
            await db.insert(people(_DOCUMENTS))
            return db.snapshot()

    return trio.run(fill)


def _get(_: Path) -> Operation:
    snapshot = _snapshot()
    ids = cycle([document.id for document in snapshot])
    return lambda: snapshot.get(next(ids))


def _lookup(_: Path) -> Operation:
    snapshot = _snapshot()
    teams = cycle(range(_DOCUMENTS // 100))
    return lambda: snapshot.using_index("team", next(teams))


def _scan(_: Path) -> Operation:
    query = _snapshot().query().filter(lambda person: person.team == 7)
    return query.all


def _page(_: Path) -> Operation:
    query = _snapshot().query().order_by(lambda person: person.score, reverse=True).limit(20)
    return query.all


def _in_memory(act: Act) -> Setup:
    """Give an operation that opens a database in memory and writes to it."""

    async def run(documents: list[Person]) -> None:
        async with MemDb.open("micro", Person) as db:
            await act(db, documents)

    return lambda _: lambda: trio.run(run, people(_WRITES))


async def _insert_one_by_one(db: RedDb[Person], documents: list[Person]) -> None:
    for person in documents:
        await db.insert_one(person)


async def _insert_from_tasks(db: RedDb[Person], documents: list[Person]) -> None:
    async with trio.open_nursery() as nursery:
        for first in range(64):
            nursery.start_soon(_insert_one_by_one, db, documents[first::64])


async def _insert_together(db: RedDb[Person], documents: list[Person]) -> None:
    await db.insert(documents)


async def _transactions(db: RedDb[Person], documents: list[Person]) -> None:
    for at in range(0, len(documents), 10):
        async with db.begin() as tx:
            for person in documents[at : at + 10]:
                tx.insert_one(person)


def _open(directory: Path) -> Operation:
    config = DbConfig("micro", dir=directory, durability=Durability.OS)

    async def fill() -> None:
        async with JsonDb.open(config, Person) as db:
            await _insert_from_tasks(db, people(_WRITES))

    async def open_and_close() -> None:
        async with JsonDb.open(config, Person):
            pass

    trio.run(fill)
    return lambda: trio.run(open_and_close)


def _round_trip(codec: Codec) -> Setup:
    plain = {"name": "Person", "team": 7, "email": None, "tags": ["first"], "score": 0.5}
    return lambda _: lambda: codec.decode(codec.encode(plain))


OPERATIONS: dict[str, Setup] = {
    "get": _get,
    "index lookup of 100": _lookup,
    "filtered scan of 10,000": _scan,
    "ordered page of 10,000": _page,
    "insert_one, 1000 times": _in_memory(_insert_one_by_one),
    "insert_one, 1000 times from 64 tasks": _in_memory(_insert_from_tasks),
    "insert of 1000": _in_memory(_insert_together),
    "transaction of 10, 100 times": _in_memory(_transactions),
    "open 1000": _open,
    "JSON there and back": _round_trip(JsonCodec()),
    "CBOR there and back": _round_trip(CborCodec()),
}
