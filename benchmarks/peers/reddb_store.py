"""reddb itself, as a `Store`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from uuid import UUID

from attrs import define

from benchmarks.documents import Person, team_of
from benchmarks.peers.store import PAGE_DOCUMENTS, Key, Level, Peer, Store, toggled
from reddb import DbConfig, Durability, JsonDb, MemDb, RedDb, Transaction

_DURABILITY = {Level.OS: Durability.OS, Level.FSYNC: Durability.FSYNC}


def _score_of(person: Person) -> float:
    return person.score


def _toggle(tx: Transaction[Person], id_: UUID) -> None:
    tx.update_one(id_, toggled(tx.find_one(id_).data))


@define(eq=False)
class Reddb(Store):
    """A handle and its methods."""

    _db: RedDb[Person]

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path, level: Level) -> AsyncIterator[Store]:
        """Open a store, for the length of a block."""
        durability = _DURABILITY.get(level, Durability.OS)
        config = DbConfig(path.name, dir=path.parent, durability=durability)
        database = MemDb if level is Level.MEMORY else JsonDb
        async with database.open(config, Person) as db:
            yield cls(db)

    async def insert_one(self, person: Person) -> Key:
        return (await self._db.insert_one(person)).id

    async def insert(self, people: Sequence[Person]) -> Sequence[Key]:
        return [document.id for document in await self._db.insert(people)]

    async def get(self, key: Key) -> Person:
        return (await self._db.find_one(key)).data

    def snapshot(self) -> Callable[[Key], Person]:
        find_one = self._db.snapshot().find_one
        return lambda key: find_one(key).data

    async def add_index(self) -> None:
        await self._db.add_index("team", team_of)

    async def lookup(self, team: int) -> list[Person]:
        return [document.data for document in await self._db.using_index("team", team)]

    async def scan(self, low: float, high: float) -> list[Person]:
        query = self._db.query().filter(lambda person: low <= person.score < high)
        return [document.data for document in await query.all()]

    async def page(self) -> list[Person]:
        query = self._db.query().order_by(_score_of, reverse=True).limit(PAGE_DOCUMENTS)
        return [document.data for document in await query.all()]

    async def update_one(self, key: Key, person: Person) -> None:
        assert await self._db.update_one(key, person)

    async def delete_one(self, key: Key) -> None:
        await self._db.delete_one(key)

    async def update_where(self, low: float, high: float) -> int:
        return await self._db.update_where(lambda person: low <= person.score < high).exec(toggled)

    async def transact(self, key: Key) -> None:
        await self._db.transact(_toggle, key)

    async def transaction(self, people: Sequence[Person]) -> None:
        async with self._db.begin() as tx:
            for person in people:
                tx.insert_one(person)

    async def compact(self) -> None:
        await self._db.compact()


PEER = Peer("reddb", Reddb.open, Reddb.cannot, "reddb", note="`MemDb`, and `JsonDb` on disk")
