"""The least that could do the same work: what reddb's costs are held against.

None of these is a database. Each does one part of what a database must do, by the shortest way that
Python has.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import trio

from benchmarks.documents import Person
from reddb import Document

encode = msgspec.json.Encoder().encode


class EmptyActor:
    """A task that answers every message with nothing."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[trio.lowlevel.Task](1024)

    async def run(self) -> None:
        """Answer until the nursery is cancelled."""
        async for task in self._receive:
            trio.lowlevel.reschedule(task)

    async def ask(self) -> None:
        """Send a message and wait for its answer: an empty round trip."""
        self._send.send_nowait(trio.lowlevel.current_task())
        await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)


class GroupedFile:
    """A file to which many tasks append, with one write and one sync for all that have come.

    The least that a group commit can be: no ids, no order, no checksums, no state, no readers. See
    `SyncedFile` for the arguments.
    """

    def __init__(self, path: Path, preallocated: int) -> None:
        self._file = SyncedFile(path, preallocated)
        self._waiting: list[tuple[bytes, trio.lowlevel.Task]] = []
        self._wake = trio.Event()

    async def run(self) -> None:
        """Write until the nursery is cancelled."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            batch, self._waiting = self._waiting, []
            await self._file.append(b"".join([data for data, _ in batch]))
            for _, task in batch:
                trio.lowlevel.reschedule(task)

    async def insert_one(self, person: Person) -> None:
        """Have a document on disk."""
        self._waiting.append((encode(person), trio.lowlevel.current_task()))
        self._wake.set()
        await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)

    def close(self) -> None:
        self._file.close()


class SyncedFile:
    """A file that is written and synced in a worker thread, a hop for each write.

    Args:
        path: Its path.
        preallocated: How many zeros are in it already, for the writes to go over: then no sync has
            to have a new size on disk.
    """

    def __init__(self, path: Path, preallocated: int = 0) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(self._fd, bytes(preallocated))
        os.fsync(self._fd)
        os.lseek(self._fd, 0, os.SEEK_SET)

    async def append(self, data: bytes) -> None:
        """Have `data` on disk behind what was written before."""
        await trio.to_thread.run_sync(self.append_here, data)

    def append_here(self, data: bytes) -> None:
        """Have `data` on disk behind what was written before, without a hop to a thread."""
        os.write(self._fd, data)
        os.fdatasync(self._fd)

    def close(self) -> None:
        os.close(self._fd)


def store_in_dict(store: dict[UUID, Document[Person]], people: Sequence[Person]) -> None:
    """Encode each value, give it an id, make its `Document` and put that into a dict."""
    for person in people:
        encode(person)
        id_ = uuid4()
        store[id_] = Document(id_, person)


_RECORD = struct.Struct("<16sII")  # Key, payload bytes, checksum.


def write_records(path: Path, payloads: Iterable[bytes]) -> None:
    """Write a file of records, each with a random key and a checksum, for `read_records`."""
    with path.open("wb") as file:
        for payload in payloads:
            key = uuid4().bytes
            checksum = zlib.crc32(payload, zlib.crc32(key))
            file.write(_RECORD.pack(key, len(payload), checksum) + payload)


def read_records(path: Path) -> dict[bytes, bytes]:
    """Read a file of records, check every checksum, and give the payloads by their keys."""
    data = path.read_bytes()
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(data):
        key, size, checksum = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        payload = data[at : at + size]
        if zlib.crc32(payload, zlib.crc32(key)) != checksum:
            raise ValueError(f"the record at {at} is damaged")
        records[key] = payload
        at += size
    return records
