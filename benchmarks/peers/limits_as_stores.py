"""The limits of an insert, as stores that do nothing else: a round trip, and a synced write."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import trio
from attrs import define

from benchmarks.documents import Person
from benchmarks.limits import EmptyActor, SyncedFile, encode
from benchmarks.peers.store import Key, Level, Peer, Store


@define(eq=False)
class Actor(Store):
    """Sends a message to a task, which answers."""

    cannot: ClassVar[dict[str, str]] = {"OS": "keeps nothing", "FSYNC": "keeps nothing"}

    _actor: EmptyActor

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path, level: Level) -> AsyncIterator[Store]:
        """Start the task, for the length of a block."""
        del path, level
        actor = EmptyActor()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(actor.run)
            yield cls(actor)
            nursery.cancel_scope.cancel()

    async def insert_one(self, person: Person) -> Key:
        del person
        await self._actor.ask()


@define(eq=False)
class BareFile(Store):
    """Encodes a document, appends it to a file, and syncs; holds the event loop meanwhile."""

    cannot: ClassVar[dict[str, str]] = {"memory": "is a file", "OS": "is measured synced"}

    _file: SyncedFile

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path, level: Level) -> AsyncIterator[Store]:
        """Open the file, for the length of a block."""
        del level
        file = SyncedFile(path)
        try:
            yield cls(file)
        finally:
            file.close()

    async def insert_one(self, person: Person) -> Key:
        self._file.append_here(encode(person))


ACTOR = Peer(
    "limit: empty actor round trip",
    Actor.open,
    Actor.cannot,
    inserts_only=True,
    note="a task that answers every message with nothing",
)
BARE_FILE = Peer(
    "limit: write + fdatasync",
    BareFile.open,
    BareFile.cannot,
    inserts_only=True,
    note="both of each document, one after the other, without a hop to a thread",
)
