"""The limit: a plain dict, and another by team. Nothing is kept or checked."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import ClassVar
from uuid import UUID, uuid4

from attrs import define, field

from benchmarks.documents import Person
from benchmarks.peers.store import Key, Level, Peer, Store, toggled, top_scores


@define(eq=False)
class PlainDict(Store):
    """Live objects by id, and ids by team."""

    cannot: ClassVar[dict[str, str]] = {
        "OS": "keeps nothing",
        "FSYNC": "keeps nothing",
    }

    _people: dict[UUID, Person] = field(factory=dict)
    _teams: dict[int, set[UUID]] = field(factory=dict)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path, level: Level) -> AsyncIterator[Store]:
        """Make a store, for the length of a block."""
        del path, level
        yield cls()

    async def insert_one(self, person: Person) -> Key:
        id_ = uuid4()
        self._people[id_] = person
        self._teams.setdefault(person.team, set()).add(id_)
        return id_

    async def insert(self, people: Sequence[Person]) -> Sequence[Key]:
        return [await self.insert_one(person) for person in people]

    async def get(self, key: Key) -> Person:
        return self._people[key]

    def snapshot(self) -> Callable[[Key], Person]:
        return self._people.__getitem__

    async def add_index(self) -> None:
        """There is one from the beginning."""

    async def lookup(self, team: int) -> list[Person]:
        return [self._people[id_] for id_ in self._teams[team]]

    async def scan(self, low: float, high: float) -> list[Person]:
        return [person for person in self._people.values() if low <= person.score < high]

    async def page(self) -> list[Person]:
        return top_scores(self._people.values())

    async def update_one(self, key: Key, person: Person) -> None:
        self._people[key] = person

    async def delete_one(self, key: Key) -> None:
        person = self._people.pop(key)
        self._teams[person.team].discard(key)

    async def update_where(self, low: float, high: float) -> int:
        found = [id_ for id_, person in self._people.items() if low <= person.score < high]
        for id_ in found:
            self._people[id_] = toggled(self._people[id_])
        return len(found)

    async def transact(self, key: Key) -> None:
        self._people[key] = toggled(self._people[key])


PEER = Peer(
    "limit: dict",
    PlainDict.open,
    PlainDict.cannot,
    note="live objects in a dict, their keys in a second one by team",
)
