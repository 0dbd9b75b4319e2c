"""UnQLite, used from trio through a worker thread: JSON under a UUID."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import unqlite

from benchmarks.documents import Person
from benchmarks.limits import encode
from benchmarks.peers.sql import decode
from benchmarks.peers.store import Blocking, Key, Level, Peer, Threaded, toggled, top_scores


class Unqlite(Blocking):
    """A key-value file; every commit is synced."""

    cannot: ClassVar[dict[str, str]] = {
        "OS": "every commit is synced",
        "snapshot": "no snapshots",
        "lookup": "no indexes",
    }

    def __init__(self, path: Path, level: Level) -> None:
        self._durable = level is not Level.MEMORY
        self._db: Any = unqlite.UnQLite(str(path) if self._durable else ":mem:")

    def close(self) -> None:
        self._db.close()

    def _commit(self) -> None:
        if self._durable:
            self._db.commit()

    def insert(self, people: Sequence[Person]) -> Sequence[Key]:
        keys = [uuid4().bytes for _ in people]
        for key, person in zip(keys, people, strict=True):
            self._db.store(key, encode(person))
        self._commit()
        return keys

    def get(self, key: Key) -> Person:
        return decode(self._db.fetch(key))

    def _all(self) -> Iterator[tuple[bytes, Person]]:
        with self._db.cursor() as cursor:
            for key, data in cursor:
                yield key, decode(data)

    def scan(self, low: float, high: float) -> list[Person]:
        return [person for _, person in self._all() if low <= person.score < high]

    def page(self) -> list[Person]:
        return top_scores(person for _, person in self._all())

    def update_one(self, key: Key, person: Person) -> None:
        self._db.store(key, encode(person))
        self._commit()

    def delete_one(self, key: Key) -> None:
        self._db.delete(key)
        self._commit()

    def update_where(self, low: float, high: float) -> int:
        found = [(key, person) for key, person in self._all() if low <= person.score < high]
        for key, person in found:
            self._db.store(key, encode(toggled(person)))
        self._commit()
        return len(found)


PEER = Peer(
    "UnQLite in a thread",
    partial(Threaded.open, Unqlite),
    Unqlite.cannot,
    "unqlite",
    note="JSON under UUIDs; filters and orders are loops in Python",
)
