"""MontyDB, used from trio through a worker thread: MongoDB's interface over sqlite3 files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import montydb
import msgspec

from benchmarks.documents import Person
from benchmarks.peers.store import PAGE_DOCUMENTS, Blocking, Key, Level, Peer, Threaded, toggled

_SYNCHRONOUS = {Level.OS: "OFF", Level.FSYNC: "FULL"}


def _dict_of(person: Person) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.to_builtins(person)
    return made


def _person_of(document: Any) -> Person:
    del document["_id"]
    return msgspec.convert(document, Person)


class MontyDb(Blocking):
    """One collection, under MontyDB's own ids."""

    cannot: ClassVar[dict[str, str]] = {
        "snapshot": "no snapshots",
        "lookup": "no indexes",
        "update_where": "no transactions of several documents",
        "transact": "no transactions",
        "transaction": "no transactions",
    }

    def __init__(self, path: Path, level: Level) -> None:
        if level is Level.MEMORY:
            self._client = montydb.MontyClient(":memory:")
        else:
            path.mkdir(exist_ok=True)
            montydb.set_storage(str(path), storage="sqlite", use_bson=False, journal_mode="WAL")
            self._client = montydb.MontyClient(str(path), synchronous=_SYNCHRONOUS[level])
        self._people: Any = self._client.benchmark.people

    def close(self) -> None:
        self._client.close()

    def insert_one(self, person: Person) -> Key:
        return self._people.insert_one(_dict_of(person)).inserted_id

    def insert(self, people: Sequence[Person]) -> Sequence[Key]:
        keys: list[Key] = self._people.insert_many([_dict_of(each) for each in people]).inserted_ids
        return keys

    def get(self, key: Key) -> Person:
        return _person_of(self._people.find_one({"_id": key}))

    def scan(self, low: float, high: float) -> list[Person]:
        found = self._people.find({"score": {"$gte": low, "$lt": high}})
        return [_person_of(document) for document in found]

    def page(self) -> list[Person]:
        found = self._people.find().sort("score", montydb.DESCENDING).limit(PAGE_DOCUMENTS)
        return [_person_of(document) for document in found]

    def update_one(self, key: Key, person: Person) -> None:
        self._people.replace_one({"_id": key}, _dict_of(person))

    def delete_one(self, key: Key) -> None:
        self._people.delete_one({"_id": key})

    def update_where(self, low: float, high: float) -> int:
        raise NotImplementedError

    def transact(self, key: Key) -> None:
        self.update_one(key, toggled(self.get(key)))


PEER = Peer(
    "MontyDB in a thread, 1,000 documents",
    partial(Threaded.open, MontyDb),
    MontyDb.cannot,
    "montydb",
    documents_max=1000,
    note="its sqlite storage; it looks at every document, also for an id",
)
