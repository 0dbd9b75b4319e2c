"""ZODB, used from trio through a worker thread: persistent objects in trees."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import persistent
import transaction
import ZODB
import ZODB.FileStorage
import ZODB.MappingStorage
from BTrees.LOBTree import LOBTree
from BTrees.OOBTree import OOBTree, OOTreeSet

from benchmarks.documents import Person
from benchmarks.peers.store import Blocking, Key, Level, Peer, Threaded, toggled, top_scores

_CACHED_OBJECTS = 1_000_000
"""Enough for everything: by default 400 stay in memory, and each scan reads the file again."""


class _Record(persistent.Persistent):  # type: ignore[misc]  # ZODB has no types.
    def __init__(self, person: Person) -> None:
        self.person = person


class Zodb(Blocking):
    """One connection with a transaction manager of its own."""

    cannot: ClassVar[dict[str, str]] = {
        "OS": "every commit is synced",
        "snapshot": "bound to one thread",
    }

    def __init__(self, path: Path, level: Level) -> None:
        in_memory = level is Level.MEMORY
        mapping, file = ZODB.MappingStorage.MappingStorage, ZODB.FileStorage.FileStorage
        storage = mapping() if in_memory else file(str(path))
        self._db: Any = ZODB.DB(storage, cache_size=_CACHED_OBJECTS)
        self._manager = transaction.TransactionManager(explicit=True)
        self._connection = self._db.open(transaction_manager=self._manager)
        with self._manager:
            root = self._connection.root
            if not hasattr(root, "people"):
                root.people, root.teams = OOBTree(), LOBTree()
            self._people, self._teams = root.people, root.teams

    def close(self) -> None:
        self._connection.close()
        self._db.close()

    def insert(self, people: Sequence[Person]) -> Sequence[Key]:
        keys = [uuid4().bytes for _ in people]
        with self._manager:
            for key, person in zip(keys, people, strict=True):
                self._people[key] = _Record(person)
                if person.team not in self._teams:
                    self._teams[person.team] = OOTreeSet()
                self._teams[person.team].add(key)
        return keys

    def get(self, key: Key) -> Person:
        with self._manager:
            return self._person(self._people[key])

    @staticmethod
    def _person(record: Any) -> Person:
        person: Person = record.person
        return person

    def add_index(self) -> None:
        """Every write keeps it from the beginning."""

    def lookup(self, team: int) -> list[Person]:
        with self._manager:
            return [self._person(self._people[key]) for key in self._teams[team]]

    def scan(self, low: float, high: float) -> list[Person]:
        with self._manager:
            people = map(self._person, self._people.values())
            return [person for person in people if low <= person.score < high]

    def page(self) -> list[Person]:
        with self._manager:
            return top_scores(map(self._person, self._people.values()))

    def update_one(self, key: Key, person: Person) -> None:
        """The team stays, so the tree of teams does."""
        with self._manager:
            self._people[key].person = person

    def delete_one(self, key: Key) -> None:
        with self._manager:
            self._teams[self._people[key].person.team].remove(key)
            del self._people[key]

    def update_where(self, low: float, high: float) -> int:
        with self._manager:
            records = self._people.values()
            found = [record for record in records if low <= record.person.score < high]
            for record in found:
                record.person = toggled(record.person)
        return len(found)

    def transact(self, key: Key) -> None:
        with self._manager:
            record = self._people[key]
            record.person = toggled(record.person)


PEER = Peer(
    "ZODB in a thread",
    partial(Threaded.open, Zodb),
    Zodb.cannot,
    "ZODB",
    note="persistent objects in a `BTree`, the index a second one; filters are loops in Python",
)
