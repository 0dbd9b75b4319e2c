"""Targets of the read path: by id, by index, by a filter. Everything has been read once before.

What is there before is kept from the garbage collector while time is taken, so that neither side
has to pay for a walk over the database that the other one set off.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Sequence
from uuid import UUID

from benchmarks.documents import Person, people, team_of
from benchmarks.targets.measured import Measured
from benchmarks.timing import alternate
from reddb import Document, MemDb


async def get(count: int) -> Measured:
    """Look up every id once, in random order, in a snapshot and in a dict."""
    async with MemDb.open("get", Person) as db:
        documents = await db.insert(people(count))
        snapshot, plain = db.snapshot(), {document.id: document for document in documents}
    ids = [document.id for document in documents]
    random.Random(0).shuffle(ids)  # No secret.

    async def from_snapshot(part: Sequence[UUID]) -> None:
        lookup = snapshot.get
        for id_ in part:
            lookup(id_)

    async def from_dict(part: Sequence[UUID]) -> None:
        lookup = plain.get
        for id_ in part:
            lookup(id_)

    await from_snapshot(ids)
    gc.freeze()
    seconds = await alternate({"dict": from_dict, "snapshot": from_snapshot}, ids)
    return Measured({"get": seconds["snapshot"] / seconds["dict"]}, seconds)


async def index(count: int) -> Measured:
    """Look up every key of an index that gives 100 documents; make those from ids and values."""
    async with MemDb.open("index", Person) as db:
        await db.add_index("team", team_of)
        teams: dict[int, list[tuple[UUID, Person]]] = {}
        for document in await db.insert(people(count)):
            teams.setdefault(document.data.team, []).append((document.id, document.data))

        async def using_index(part: Sequence[int]) -> None:
            for team in part:
                await db.using_index("team", team)

        async def building(part: Sequence[int]) -> None:
            for team in part:
                [Document(id_, person) for id_, person in teams[team]]

        await using_index(list(teams))
        gc.freeze()
        seconds = await alternate({"building": building, "using_index": using_index}, list(teams))
    return Measured({"index": seconds["using_index"] / seconds["building"]}, seconds)


async def scan(count: int) -> Measured:
    """Find one team of documents by a filter, in a snapshot and in a list of the values."""
    values = people(count)
    async with MemDb.open("scan", Person) as db:
        await db.insert(values)
        snapshot = db.snapshot()
    wanted = values[count // 2].team

    def predicate(person: Person) -> bool:
        return person.team == wanted

    async def in_snapshot(part: Sequence[int]) -> None:
        for _ in part:
            snapshot.query().filter(predicate).all()

    async def in_list(part: Sequence[int]) -> None:
        for _ in part:
            [person for person in values if predicate(person)]

    await in_snapshot([0])
    gc.freeze()
    seconds = await alternate({"list": in_list, "snapshot": in_snapshot}, range(10))
    each = {name: total / count for name, total in seconds.items()}
    return Measured({"scan": each["snapshot"] / each["list"]}, each)
