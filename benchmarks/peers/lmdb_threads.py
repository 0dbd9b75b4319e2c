"""LMDB, used from trio through a worker thread: JSON under a UUID, and a table of keys by team."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import lmdb

from benchmarks.documents import Person
from benchmarks.limits import encode
from benchmarks.peers.sql import decode
from benchmarks.peers.store import Blocking, Key, Level, Peer, Threaded, toggled, top_scores

_MAP_BYTES = 8 << 30
"""The most that the file may grow to; address space, not disk."""


def _team_key(team: int) -> bytes:
    return team.to_bytes(8)


class Lmdb(Blocking):
    """An environment of two tables."""

    cannot: ClassVar[dict[str, str]] = {
        "memory": "needs a file",
        "snapshot": "bound to one thread",
    }

    def __init__(self, path: Path, level: Level) -> None:
        sync = level is Level.FSYNC
        self._env: Any = lmdb.open(str(path), map_size=_MAP_BYTES, max_dbs=2, sync=sync)
        self._people = self._env.open_db(b"people")
        self._teams = self._env.open_db(b"teams", dupsort=True)

    def close(self) -> None:
        self._env.close()

    def insert(self, people: Sequence[Person]) -> Sequence[Key]:
        keys = [uuid4().bytes for _ in people]
        with self._env.begin(write=True) as transaction:
            for key, person in zip(keys, people, strict=True):
                transaction.put(key, encode(person), db=self._people)
                transaction.put(_team_key(person.team), key, db=self._teams)
        return keys

    def get(self, key: Key) -> Person:
        with self._env.begin(buffers=True) as transaction:
            return decode(transaction.get(key, db=self._people))

    def add_index(self) -> None:
        """Every write keeps it from the beginning."""

    def lookup(self, team: int) -> list[Person]:
        with self._env.begin(buffers=True) as transaction:
            cursor = transaction.cursor(self._teams)
            cursor.set_key(_team_key(team))
            keys = list(cursor.iternext_dup())
            return [decode(transaction.get(key, db=self._people)) for key in keys]

    def _all(self, transaction: Any) -> Iterator[tuple[bytes, Person]]:
        for key, data in transaction.cursor(self._people):
            yield key, decode(data)

    def scan(self, low: float, high: float) -> list[Person]:
        with self._env.begin(buffers=True) as transaction:
            return [person for _, person in self._all(transaction) if low <= person.score < high]

    def page(self) -> list[Person]:
        with self._env.begin(buffers=True) as transaction:
            return top_scores(person for _, person in self._all(transaction))

    def update_one(self, key: Key, person: Person) -> None:
        """The team stays, so the table of teams does."""
        with self._env.begin(write=True) as transaction:
            transaction.put(key, encode(person), db=self._people)

    def delete_one(self, key: Key) -> None:
        with self._env.begin(write=True) as transaction:
            person = decode(transaction.pop(key, db=self._people))
            transaction.delete(_team_key(person.team), key, db=self._teams)

    def update_where(self, low: float, high: float) -> int:
        with self._env.begin(write=True) as transaction:
            every = self._all(transaction)
            found = [(key, person) for key, person in every if low <= person.score < high]
            for key, person in found:
                transaction.put(key, encode(toggled(person)), db=self._people)
        return len(found)

    def transact(self, key: Key) -> None:
        with self._env.begin(write=True) as transaction:
            person = toggled(decode(transaction.get(key, db=self._people)))
            transaction.put(key, encode(person), db=self._people)


PEER = Peer(
    "LMDB in a thread",
    partial(Threaded.open, Lmdb),
    Lmdb.cannot,
    "lmdb",
    note="JSON under UUIDs, the index a second table; filters and orders are loops in Python",
)
