"""aiosqlite: sqlite3 for asyncio, which has a thread of its own. It cannot be used from trio.

Tasks that share a connection share its transaction, so every write takes a lock.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import aiosqlite
from attrs import define, field

from benchmarks.documents import Person
from benchmarks.limits import encode
from benchmarks.peers import sql
from benchmarks.peers.store import Key, Level, Peer, Store, toggled


@define(eq=False)
class Aiosqlite(Store):
    """A connection and its statements."""

    cannot: ClassVar[dict[str, str]] = {"snapshot": "one transaction a connection"}

    _connection: Any
    _turn: asyncio.Lock = field(factory=asyncio.Lock)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path, level: Level) -> AsyncIterator[Store]:
        """Open a store, for the length of a block."""
        name = ":memory:" if level is Level.MEMORY else path
        async with aiosqlite.connect(name, isolation_level=None) as connection:
            for statement in (*sql.pragmas(level), sql.CREATE):
                await connection.execute_fetchall(statement)
            yield cls(connection)

    async def run_tasks(self, tasks: Sequence[Callable[[], Awaitable[object]]]) -> None:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(_as_coroutine(task))

    async def _write(self, statement: str, values: tuple[object, ...]) -> int:
        async with self._turn, self._connection.execute(statement, values) as cursor:
            changed: int = cursor.rowcount
        return changed

    async def insert_one(self, person: Person) -> Key:
        row = sql.row_of(person)
        await self._write(sql.INSERT, row)
        return row[0]

    async def insert(self, people: Sequence[Person]) -> Sequence[Key]:
        rows = [sql.row_of(person) for person in people]
        async with self._turn:
            await self._connection.execute("BEGIN")
            await self._connection.executemany(sql.INSERT, rows)
            await self._connection.execute("COMMIT")
        return [key for key, _ in rows]

    async def get(self, key: Key) -> Person:
        return sql.people_of(await self._connection.execute_fetchall(sql.GET, (key,)))[0]

    async def add_index(self) -> None:
        await self._write(sql.ADD_INDEX, ())

    async def lookup(self, team: int) -> list[Person]:
        return sql.people_of(await self._connection.execute_fetchall(sql.LOOKUP, (team,)))

    async def scan(self, low: float, high: float) -> list[Person]:
        return sql.people_of(await self._connection.execute_fetchall(sql.SCAN, (low, high)))

    async def page(self) -> list[Person]:
        return sql.people_of(await self._connection.execute_fetchall(sql.PAGE))

    async def update_one(self, key: Key, person: Person) -> None:
        await self._write(sql.UPDATE, (encode(person).decode(), key))

    async def delete_one(self, key: Key) -> None:
        await self._write(sql.DELETE, (key,))

    async def update_where(self, low: float, high: float) -> int:
        return await self._write(sql.UPDATE_WHERE, (low, high))

    async def transact(self, key: Key) -> None:
        async with self._turn:
            await self._connection.execute("BEGIN IMMEDIATE")
            person = toggled(await self.get(key))
            await self._connection.execute(sql.UPDATE, (encode(person).decode(), key))
            await self._connection.execute("COMMIT")


async def _as_coroutine(task: Callable[[], Awaitable[object]]) -> None:
    await task()


def _run(main: Callable[[], Any]) -> Any:
    return asyncio.run(main())


PEER = Peer(
    "aiosqlite",
    Aiosqlite.open,
    Aiosqlite.cannot,
    "aiosqlite",
    note="on asyncio: it cannot be used from trio; otherwise as sqlite3",
    run=_run,
)
