"""TinyDB, used from trio through a worker thread: one JSON file, written anew with every write."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import tinydb
from tinydb.storages import JSONStorage, MemoryStorage

from benchmarks.documents import Person
from benchmarks.peers.store import Blocking, Key, Level, Peer, Threaded, toggled, top_scores

_IN_RANGE = tinydb.where("score")


def _dict_of(person: Person) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.to_builtins(person)
    return made


def _person_of(document: Any) -> Person:
    return msgspec.convert(document, Person)


class TinyDb(Blocking):
    """One table, under TinyDB's own numbers."""

    cannot: ClassVar[dict[str, str]] = {
        "OS": "every write is synced",
        "snapshot": "no snapshots",
        "lookup": "no indexes",
    }

    def __init__(self, path: Path, level: Level) -> None:
        if level is Level.MEMORY:
            self._db: Any = tinydb.TinyDB(storage=MemoryStorage)
        else:
            self._db = tinydb.TinyDB(path, storage=JSONStorage)

    def close(self) -> None:
        self._db.close()

    def insert(self, people: Sequence[Person]) -> Sequence[Key]:
        keys: list[int] = self._db.insert_multiple(map(_dict_of, people))
        return keys

    def get(self, key: Key) -> Person:
        return _person_of(self._db.get(doc_id=key))

    @staticmethod
    def _in_range(low: float, high: float) -> Any:
        return (low <= _IN_RANGE) & (high > _IN_RANGE)

    def scan(self, low: float, high: float) -> list[Person]:
        return [_person_of(document) for document in self._db.search(self._in_range(low, high))]

    def page(self) -> list[Person]:
        return top_scores(map(_person_of, self._db))

    def update_one(self, key: Key, person: Person) -> None:
        self._db.update(_dict_of(person), doc_ids=[key])

    def delete_one(self, key: Key) -> None:
        self._db.remove(doc_ids=[key])

    def update_where(self, low: float, high: float) -> int:
        def toggle(document: Any) -> None:
            document.update(_dict_of(toggled(_person_of(document))))

        return len(self._db.update(toggle, self._in_range(low, high)))


PEER = Peer(
    "TinyDB in a thread, 1,000 documents",
    partial(Threaded.open, TinyDb),
    TinyDb.cannot,
    "tinydb",
    documents_max=1000,
    note="one JSON file, written anew, in place, by every write: a crash may lose all of it",
)
