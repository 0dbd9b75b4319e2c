"""A database of some kind in some directory, whose every opening tells what it does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from attrs import define, field, frozen

from reddb import (
    BinDb,
    CborCodec,
    Codec,
    Commit,
    DbConfig,
    Durability,
    FileStorage,
    JsonCodec,
    JsonDb,
    PersistFailed,
    Recovery,
    RedDb,
    RonCodec,
    RonDb,
    Storage,
    WriteOrder,
    YamlCodec,
    YamlDb,
)
from reddb.actor.disk import Disk, RealDisk
from reddb.actor.frames import Fact
from reddb.actor.storage import Fold
from reddb.codecs import DocumentCodec
from tests.campaigns.kernel.journal import Acknowledged, Offered, Refused, Send

FORMATS: dict[str, tuple[type[RedDb[Any]], type[Codec]]] = {
    "BinDb": (BinDb, CborCodec),
    "JsonDb": (JsonDb, JsonCodec),
    "RonDb": (RonDb, RonCodec),
    "YamlDb": (YamlDb, YamlCodec),
}

NEVER = 1e9
"""The compaction ratio that no log reaches."""


@frozen
class Note:
    """The documents of these campaigns. Each belongs to one task, which alone writes it."""

    owner: int
    number: int
    text: str


@frozen
class Setting:
    """A kind of database."""

    format: str = "JsonDb"
    write_order: WriteOrder = WriteOrder.MEMORY_FIRST
    durability: Durability = Durability.FSYNC

    def __str__(self) -> str:
        return f"{self.format}, {self.write_order.name}, {self.durability.name}"


def settings(rng: Random, *durabilities: Durability) -> Iterator[Setting]:
    """Give every kind of database with one of these durabilities, shuffled, for ever."""
    kinds = [Setting(*kind) for kind in product(FORMATS, WriteOrder, durabilities)]
    while True:
        rng.shuffle(kinds)
        yield from kinds


@frozen
class Home:
    """A database's kind and place."""

    setting: Setting
    directory: Path
    compaction_ratio: float = 2.0

    @property
    def log(self) -> Path:
        """The log's path."""
        _, codec = FORMATS[self.setting.format]
        return self.directory / ("notes" + codec().suffix)

    @property
    def codec(self) -> DocumentCodec[Note]:
        """What makes notes of the log's bytes."""
        _, codec = FORMATS[self.setting.format]
        return DocumentCodec(codec(), Note)

    def open(
        self, teller: Teller, disk: Disk | None = None, *, late: bool = False
    ) -> contextlib.AbstractAsyncContextManager[RedDb[Note]]:
        """Open the database.

        Args:
            teller: Tells which commits are offered to the log.
            disk: Where the log is; the real disk by default.
            late: Whether to leave out what makes an acknowledgement true: see `LateStorage`.
        """
        sync = self.setting.durability is Durability.FSYNC
        storage: Storage = FileStorage(
            self.log, sync=sync, disk=disk or RealDisk(), preallocated_from_bytes=0
        )
        config = DbConfig(
            "notes",
            dir=self.directory,
            compaction_ratio=self.compaction_ratio,
            write_order=self.setting.write_order,
            durability=self.setting.durability,
        )
        database, _ = FORMATS[self.setting.format]
        storage = TellingStorage(LateStorage(storage) if late else storage, teller)
        return database.open(config, Note, storage=storage)


@define(eq=False)
class Teller:
    """Tells what a life does.

    Example:
        >>> note = await db.insert_one(Note(1, 1, "text"))
        >>> teller.acknowledge(note.id)
    """

    send: Send
    _newest: dict[UUID, int] = field(factory=dict, init=False)
    """The newest commit that each document was in."""

    def offer(self, commits: Sequence[Commit]) -> None:
        """Tell that these commits are about to be stored."""
        for commit in commits:
            facts = [(UUID(int=key), data) for key, data in commit.facts]
            self._newest.update((id_, commit.seq) for id_, _ in facts)
            self.send(Offered(commit.seq, facts))

    def acknowledge(self, *ids: UUID) -> None:
        """Tell that a call has returned which wrote all of these documents, and nobody else did."""
        commits = {self._newest[id_] for id_ in ids}
        assert len(commits) == 1, "one call is one commit"
        self.send(Acknowledged(*commits))

    def refuse(self, call: str, error: PersistFailed) -> None:
        """Tell that a call has failed."""
        cause = error.__cause__
        number = cause.errno if isinstance(cause, OSError) else None
        self.send(Refused(call, number, str(error)))


@define(eq=False)
class _Inside:
    """A storage around another; by itself it changes nothing."""

    _inner: Storage

    async def open(self, codec: str) -> None:
        await self._inner.open(codec)

    async def recover(self, fold: Fold) -> Recovery:
        return await self._inner.recover(fold)

    async def append(self, commits: Sequence[Commit]) -> None:
        await self._inner.append(commits)

    async def compact(self, seq: int, live: Iterable[Fact]) -> None:
        await self._inner.compact(seq, live)

    def compacted_bytes(self, document_count: int, data_bytes: int) -> int:
        return self._inner.compacted_bytes(document_count, data_bytes)

    @property
    def size_bytes(self) -> int:
        return self._inner.size_bytes

    async def aclose(self) -> None:
        await self._inner.aclose()


@define(eq=False)
class TellingStorage(_Inside):
    """Tells which commits are about to be stored."""

    _teller: Teller

    async def append(self, commits: Sequence[Commit]) -> None:
        """See `Storage.append`."""
        self._teller.offer(commits)
        await super().append(commits)


@define(eq=False)
class LateStorage(_Inside):
    """Acknowledges each batch first and stores it with the next: what must never be done."""

    _held: Sequence[Commit] = field(default=(), init=False)

    async def append(self, commits: Sequence[Commit]) -> None:
        """See `Storage.append`."""
        held, self._held = self._held, commits
        if held:
            await super().append(held)

    async def compact(self, seq: int, live: Iterable[Fact]) -> None:
        """Do nothing: what is held is not in the log."""

    async def aclose(self) -> None:
        """See `Storage.aclose`."""
        await self.append(())
        await super().aclose()
