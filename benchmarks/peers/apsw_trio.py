"""APSW, by its own trio mode: a connection of its own thread, whose methods are awaited.

Tasks that share a connection share its transaction, so every write takes a lock: without it, a
task's rows could be rolled back with another's.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import apsw
import apsw.aio
import trio
from attrs import define, field

from benchmarks.documents import Person
from benchmarks.limits import encode
from benchmarks.peers import sql
from benchmarks.peers.store import Key, Level, Peer, Store, toggled


@define(eq=False)
class Apsw(Store):
    """An async connection and its statements."""

    cannot: ClassVar[dict[str, str]] = {"snapshot": "one transaction a connection"}

    _connection: Any
    _turn: trio.Lock = field(factory=trio.Lock)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path, level: Level) -> AsyncIterator[Store]:
        """Open a store, for the length of a block."""
        name = ":memory:" if level is Level.MEMORY else str(path)
        connection = await apsw.Connection.as_async(name)
        try:
            for statement in (*sql.pragmas(level), sql.CREATE):
                await (await connection.execute(statement)).fetchall()
            yield cls(connection)
        finally:
            await connection.aclose()

    async def _rows(self, statement: str, values: tuple[object, ...] = ()) -> list[Any]:
        cursor = await self._connection.execute(statement, values)
        rows: list[Any] = await cursor.fetchall()
        return rows

    async def _write(self, statement: str, values: tuple[object, ...]) -> None:
        async with self._turn:
            await self._connection.execute(statement, values)

    async def insert_one(self, person: Person) -> Key:
        row = sql.row_of(person)
        await self._write(sql.INSERT, row)
        return row[0]

    async def insert(self, people: Sequence[Person]) -> Sequence[Key]:
        rows = [sql.row_of(person) for person in people]
        async with self._turn, self._connection:
            await self._connection.executemany(sql.INSERT, rows)
        return [key for key, _ in rows]

    async def get(self, key: Key) -> Person:
        return sql.people_of(await self._rows(sql.GET, (key,)))[0]

    async def add_index(self) -> None:
        await self._write(sql.ADD_INDEX, ())

    async def lookup(self, team: int) -> list[Person]:
        return sql.people_of(await self._rows(sql.LOOKUP, (team,)))

    async def scan(self, low: float, high: float) -> list[Person]:
        return sql.people_of(await self._rows(sql.SCAN, (low, high)))

    async def page(self) -> list[Person]:
        return sql.people_of(await self._rows(sql.PAGE))

    async def update_one(self, key: Key, person: Person) -> None:
        await self._write(sql.UPDATE, (encode(person).decode(), key))

    async def delete_one(self, key: Key) -> None:
        await self._write(sql.DELETE, (key,))

    async def update_where(self, low: float, high: float) -> int:
        async with self._turn:
            await self._connection.execute(sql.UPDATE_WHERE, (low, high))
            changed: int = await self._connection.changes()
        return changed

    async def transact(self, key: Key) -> None:
        async with self._turn, self._connection:
            person = toggled(sql.people_of(await self._rows(sql.GET, (key,)))[0])
            await self._connection.execute(sql.UPDATE, (encode(person).decode(), key))


PEER = Peer(
    "APSW, trio mode",
    Apsw.open,
    Apsw.cannot,
    "apsw",
    note="`apsw.aio`; otherwise as sqlite3",
)
