"""sqlite3 with what a careful user would write around it: a group commit in one worker thread.

Tasks put rows into a channel and wait. One task takes whatever has arrived, has a worker thread
insert all of it in one synced transaction, and wakes those who wait.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self
from uuid import UUID, uuid4

import trio
from attrs import define

from benchmarks.documents import Person
from benchmarks.limits import encode
from benchmarks.peers.sqlite_threads import connect, insert_rows

_Waiting = tuple[tuple[bytes, str], trio.Event]

_BATCH_ROWS_MAX = 1024


@define(eq=False)
class GroupCommit:
    """One sqlite3 transaction for all inserts that came while the last one was synced."""

    _connection: sqlite3.Connection
    _send: trio.MemorySendChannel[_Waiting]
    _receive: trio.MemoryReceiveChannel[_Waiting]

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Self]:
        """Open a database, for the length of a block."""
        connection = await trio.to_thread.run_sync(connect, path, "FULL")
        peer = cls(connection, *trio.open_memory_channel[_Waiting](_BATCH_ROWS_MAX))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(peer._commit_batches)
                yield peer
                peer._send.close()
        finally:
            connection.close()

    async def insert_one(self, person: Person) -> UUID:
        """Insert a document; return when it is synced."""
        id_ = uuid4()
        done = trio.Event()
        await self._send.send(((id_.bytes, encode(person).decode()), done))
        await done.wait()
        return id_

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
