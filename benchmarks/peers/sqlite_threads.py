"""sqlite3 of the standard library, used from trio through worker threads.

One connection, one call at a time: each operation is a hop to a thread and a transaction of its
own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from benchmarks.documents import Person
from benchmarks.limits import encode
from benchmarks.peers import sql
from benchmarks.peers.store import Blocking, Key, Level, Peer, Threaded


def connect(path: Path, level: Level) -> sqlite3.Connection:
    """Open a connection that any thread may use, with a table of documents."""
    name = ":memory:" if level is Level.MEMORY else path
    connection = sqlite3.connect(name, check_same_thread=False, isolation_level=None)
    for statement in (*sql.pragmas(level), sql.CREATE):
        connection.execute(statement)
    return connection


def insert_rows(connection: sqlite3.Connection, rows: Sequence[tuple[bytes, str]]) -> None:
    """Insert rows in one transaction."""
    connection.execute("BEGIN")
    connection.executemany(sql.INSERT, rows)
    connection.execute("COMMIT")


class Sqlite(Blocking):
    """A connection and its statements."""

    cannot: ClassVar[dict[str, str]] = {"snapshot": "one transaction a connection"}

    def __init__(self, path: Path, level: Level) -> None:
        self._connection = connect(path, level)

    def close(self) -> None:
        self._connection.close()

    def insert_one(self, person: Person) -> Key:
        row = sql.row_of(person)
        self._connection.execute(sql.INSERT, row)
        return row[0]

    def insert(self, people: Sequence[Person]) -> Sequence[Key]:
        rows = [sql.row_of(person) for person in people]
        insert_rows(self._connection, rows)
        return [key for key, _ in rows]

    def get(self, key: Key) -> Person:
        return sql.decode(self._connection.execute(sql.GET, (key,)).fetchone()[0])

    def add_index(self) -> None:
        self._connection.execute(sql.ADD_INDEX)

    def lookup(self, team: int) -> list[Person]:
        return sql.people_of(self._connection.execute(sql.LOOKUP, (team,)))

    def scan(self, low: float, high: float) -> list[Person]:
        return sql.people_of(self._connection.execute(sql.SCAN, (low, high)))

    def page(self) -> list[Person]:
        return sql.people_of(self._connection.execute(sql.PAGE))

    def update_one(self, key: Key, person: Person) -> None:
        self._connection.execute(sql.UPDATE, (encode(person).decode(), key))

    def delete_one(self, key: Key) -> None:
        self._connection.execute(sql.DELETE, (key,))

    def update_where(self, low: float, high: float) -> int:
        return self._connection.execute(sql.UPDATE_WHERE, (low, high)).rowcount

    def transact(self, key: Key) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        super().transact(key)
        self._connection.execute("COMMIT")


PEER = Peer(
    "sqlite3 in threads",
    partial(Threaded.open, Sqlite),
    Sqlite.cannot,
    note="JSON text in a table, a write-ahead log; filters, orders and updates are SQL",
)
