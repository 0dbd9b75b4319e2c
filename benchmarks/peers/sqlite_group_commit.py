"""sqlite3 with what a careful user would write around it: a group commit in one worker thread.

Tasks put rows into a channel and wait. One task takes whatever has arrived, has a worker thread
insert all of it in one synced transaction, and wakes those who wait. It only inserts.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import trio
from attrs import define

from benchmarks.documents import Person
from benchmarks.peers import sql
from benchmarks.peers.sqlite_threads import connect, insert_rows
from benchmarks.peers.store import Key, Level, Peer, Store

_Waiting = tuple[tuple[bytes, str], trio.Event]

_BATCH_ROWS_MAX = 1024


@define(eq=False)
class GroupCommit(Store):
    """One sqlite3 transaction for all inserts that came while the last one was synced."""

    cannot: ClassVar[dict[str, str]] = {"memory": "is measured synced", "OS": "is measured synced"}

    _connection: sqlite3.Connection
    _send: trio.MemorySendChannel[_Waiting]
    _receive: trio.MemoryReceiveChannel[_Waiting]

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path, level: Level) -> AsyncIterator[Store]:
        """Open a database, for the length of a block."""
        connection = await trio.to_thread.run_sync(connect, path, level)
        group = cls(connection, *trio.open_memory_channel[_Waiting](_BATCH_ROWS_MAX))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(group._commit_batches)
                yield group
                group._send.close()
        finally:
            connection.close()

    async def insert_one(self, person: Person) -> Key:
        """Insert a document; return when it is synced."""
        row = sql.row_of(person)
        done = trio.Event()
        await self._send.send((row, done))
        await done.wait()
        return row[0]

    async def _commit_batches(self) -> None:
        async for first in self._receive:
            batch = [first]
            with contextlib.suppress(trio.WouldBlock, trio.EndOfChannel):
                while len(batch) < _BATCH_ROWS_MAX:
                    batch.append(self._receive.receive_nowait())
            rows = [row for row, _ in batch]
            await trio.to_thread.run_sync(insert_rows, self._connection, rows)
            for _, done in batch:
                done.set()


PEER = Peer(
    "sqlite3, own group commit",
    GroupCommit.open,
    GroupCommit.cannot,
    inserts_only=True,
    note="a loop, written for this, that puts all inserts that have come into one transaction",
)
