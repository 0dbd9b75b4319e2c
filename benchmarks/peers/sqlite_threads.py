"""sqlite3 of the standard library, used from trio through worker threads.

One connection, one call at a time: each operation is a hop to a thread and a transaction of its
own. The log is a write-ahead log; `synchronous` says whether a commit is synced.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Self
from uuid import UUID, uuid4

import trio
from attrs import define, field

from benchmarks.documents import Person
from benchmarks.limits import encode


def connect(path: Path, synchronous: str) -> sqlite3.Connection:
    """Open a connection that any thread may use, with an empty table of documents."""
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("CREATE TABLE IF NOT EXISTS people (id BLOB PRIMARY KEY, data TEXT)")
    return connection


def insert_rows(connection: sqlite3.Connection, rows: Sequence[tuple[bytes, str]]) -> None:
    """Insert rows in one transaction."""
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO people VALUES (?, ?)", rows)
    connection.execute("COMMIT")


@define(eq=False)
class SqliteThreads:
    """sqlite3 behind `trio.to_thread.run_sync`."""

    _connection: sqlite3.Connection
    _limiter: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(1))

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path, synchronous: str = "FULL") -> AsyncIterator[Self]:
        """Open a database, for the length of a block."""
        peer = cls(await trio.to_thread.run_sync(connect, path, synchronous))
        try:
            yield peer
        finally:
            peer._connection.close()

    async def insert_one(self, person: Person) -> UUID:
        """Insert a document in a transaction of its own."""
        id_ = uuid4()
        row = (id_.bytes, encode(person).decode())
        await trio.to_thread.run_sync(self._insert_row, row, limiter=self._limiter)
        return id_

    def _insert_row(self, row: tuple[bytes, str]) -> None:
        self._connection.execute("INSERT INTO people VALUES (?, ?)", row)

    async def insert(self, people: Sequence[Person]) -> None:
        """Insert documents in one transaction."""
        await trio.to_thread.run_sync(self._insert_people, people, limiter=self._limiter)

    def _insert_people(self, people: Sequence[Person]) -> None:
        rows = [(uuid4().bytes, encode(person).decode()) for person in people]
        insert_rows(self._connection, rows)
