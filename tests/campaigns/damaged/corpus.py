"""Logs to be damaged, of every format, with the whole history of what they hold."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, TypeAlias
from uuid import UUID

import trio
from attrs import define, field, frozen

from reddb import BinDb, Codec, DbConfig, FileStorage, JsonDb, RedDb, RonDb, YamlDb
from reddb.actor.frames import HEADER_BYTES, Frame, Header, decode_frames, decode_header
from reddb.testing.simulated_disk import SimulatedDisk

FORMATS: tuple[type[RedDb[Any]], ...] = (BinDb, JsonDb, RonDb, YamlDb)
PATH = Path("notes.log")

Contents: TypeAlias = tuple[tuple[UUID, Any], ...]
"""All documents of a database, in its order."""


@frozen(eq=False)
class Corpus:
    """A log, and what a database on it held after each commit."""

    database: type[RedDb[Any]]
    name: str
    """What is special about it."""
    log: bytes
    history: Mapping[int, Contents]
    """What there was at each sequence number that the log has."""
    header: Header
    frames: Sequence[Frame]

    @property
    def starts(self) -> Sequence[int]:
        """Where each frame begins, in bytes."""
        return [HEADER_BYTES, *(frame.end for frame in self.frames[:-1])]

    @property
    def last_write(self) -> int:
        """Where the frames begin of which no other one says that they are on disk."""
        return max(self.header.synced, *(frame.header.synced for frame in self.frames))

    def __str__(self) -> str:
        return f"{self.database.__name__}, {self.name}"

    @property
    def codec(self) -> Codec:
        """The codec that wrote it."""
        return codec_of(self.database)

    def versions(self) -> dict[UUID, list[Any]]:
        """Give every value that each document ever had."""
        found: dict[UUID, list[Any]] = {}
        for contents in self.history.values():
            for id_, value in contents:
                values = found.setdefault(id_, [])
                if value not in values:
                    values.append(value)
        return found


def codec_of(database: type[RedDb[Any]]) -> Codec:
    """Give a codec of a kind of database."""
    assert database._codec is not None
    return database._codec()


def open_on(
    disk: SimulatedDisk, database: type[RedDb[Any]], random: Random, path: Path = PATH
) -> contextlib.AbstractAsyncContextManager[RedDb[Any]]:
    """Open a database that lies on a simulated disk, all chance drawn from `random`."""
    config = DbConfig(
        PATH.stem,
        new_id=lambda: UUID(int=random.getrandbits(128), version=4),
        compaction_ratio=1e9,
    )
    storage = FileStorage(path, disk=disk, random_bytes=random.randbytes, preallocated_from_bytes=0)
    return database.open(config, storage=storage)


def corpora(seed: int) -> list[Corpus]:
    """Give small logs of all formats."""
    return _all_written(seed, FORMATS, _WORKLOADS)


def large_corpora(seed: int) -> list[Corpus]:
    """Give logs with frames that are larger than what is read at a time."""
    return _all_written(seed, (BinDb, JsonDb), {"large frames": _large})


def _all_written(
    seed: int, databases: Iterable[type[RedDb[Any]]], workloads: Mapping[str, _Workload]
) -> list[Corpus]:
    async def write_all() -> list[Corpus]:
        return [
            await _written(database, name, work, Random(f"{seed}, {database.__name__}, {name}"))
            for database in databases
            for name, work in workloads.items()
        ]

    return trio.run(write_all)


@define
class _Scribe:
    """Writes to a database, and down what it holds after each commit."""

    db: RedDb[Any]
    random: Random
    history: dict[int, Contents] = field(factory=dict)

    async def insert(self, *sizes: int) -> None:
        await self.db.insert([self._value(size) for size in sizes])
        self.note()

    async def update(self, place: int, size: int) -> None:
        document = (await self.db.find_all())[place]
        await self.db.update_one(document.id, self._value(size))
        self.note()

    async def delete(self, *places: int) -> None:
        documents = await self.db.find_all()
        async with self.db.begin() as tx:
            for place in places:
                tx.delete_one(documents[place].id)
        self.note()

    async def insert_at_once(self, *sizes: int) -> None:
        """Have several commits share one write."""
        async with trio.open_nursery() as nursery:
            for size in sizes:
                nursery.start_soon(self.db.insert_one, self._value(size))
        before, documents = max(self.history), await self.db.find_all()
        for missing in range(len(sizes)):
            seq = before + len(sizes) - missing
            self.history[seq] = _contents(documents[: len(documents) - missing])

    def zeros(self) -> Any:
        """Give a document with more than a sector of zeros, where the format writes any."""
        return {"zeros": bytes(1100 if isinstance(self.db, BinDb) else 30)}

    def note(self) -> None:
        snapshot = self.db.snapshot()
        self.history[snapshot.seq] = _contents(snapshot.find_all())

    def _value(self, size: int) -> Any:
        """Give a document of about so many bytes, of everything that a plain value can be."""
        random = self.random
        text = "".join(random.choices("abcdef ghijkl äöü\n\"'{}[]()#:", k=max(size // 2, 1)))
        match random.randrange(4):
            case 0:
                return text
            case 1:
                return {"text": text, "raw": random.randbytes(size // 3), "none": None}
            case 2:
                return [text, random.getrandbits(80), random.random(), True, [[]]]
        return {"note": {"text": text, "count": random.randrange(99)}, "tags": [text[:5], ""]}


def _contents(documents: Sequence[Any]) -> Contents:
    return tuple((document.id, document.data) for document in documents)


_Workload: TypeAlias = Callable[[_Scribe], Awaitable[None]]


async def _plain(scribe: _Scribe) -> None:
    await scribe.insert(40)
    await scribe.insert(20, 5, 300)
    await scribe.update(1, 60)
    await scribe.delete(0)
    await scribe.insert(30)
    await scribe.update(2, 10)


async def _compacted(scribe: _Scribe) -> None:
    await _plain(scribe)
    await scribe.db.compact()
    scribe.history = {}
    scribe.note()
    await scribe.insert(40, 10)
    await scribe.update(0, 30)
    await scribe.delete(1, 2)


async def _freshly_compacted(scribe: _Scribe) -> None:
    await _plain(scribe)
    await scribe.db.compact()
    scribe.history = {}
    scribe.note()


async def _batched(scribe: _Scribe) -> None:
    await scribe.insert(50)
    await scribe.insert_at_once(20, 40, 60, 30)


async def _zeros(scribe: _Scribe) -> None:
    await scribe.insert(30)
    await scribe.db.insert_one(scribe.zeros())
    scribe.note()
    await scribe.update(0, 30)


async def _zeros_batched(scribe: _Scribe) -> None:
    await scribe.insert(30)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scribe.db.insert_one, scribe.zeros())
        nursery.start_soon(scribe.db.insert_one, scribe.zeros())
    before, documents = max(scribe.history), await scribe.db.find_all()
    scribe.history |= {before + 1: _contents(documents[:2]), before + 2: _contents(documents)}


async def _large(scribe: _Scribe) -> None:
    await scribe.insert(60)
    await scribe.insert(400_000)
    await scribe.insert(90_000, 90_000, 90_000)
    await scribe.update(0, 90)
    await scribe.delete(2)
    await scribe.insert(20)


_WORKLOADS = {
    "one write a commit": _plain,
    "compacted": _compacted,
    "just compacted": _freshly_compacted,
    "commits that share a write": _batched,
    "documents of zeros": _zeros,
    "zeros that share a write": _zeros_batched,
}


async def _written(
    database: type[RedDb[Any]], name: str, work: _Workload, random: Random
) -> Corpus:
    disk = SimulatedDisk()
    async with open_on(disk, database, random) as db:
        scribe = _Scribe(db, random, {0: ()})
        await work(scribe)
        before = disk.content(PATH)
    log = disk.content(PATH)
    assert before.rstrip(b"\0") == log.rstrip(b"\0"), "closing writes nothing"
    header = decode_header(log[:HEADER_BYTES])
    frames = list(decode_frames(header, HEADER_BYTES, log[HEADER_BYTES:]))
    return Corpus(database, name, log, scribe.history, header, frames)
