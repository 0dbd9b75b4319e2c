"""Work for a database on a simulated disk, and a ledger of what came of it.

A `Setting` is a kind of database, a `Run` is one such database in the course of its life.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, TypeAlias, TypeVar
from unittest import mock
from uuid import UUID

from attrs import define, field, frozen

from reddb import DbConfig, Durability, FileStorage, PersistFailed, RedDb, WriteOrder
from reddb.actor import file_storage, recovery, writer
from reddb.actor.disk import Disk
from reddb.codecs import DocumentCodec
from reddb.testing.simulated_disk import SimulatedDisk
from tests.campaigns.simulated.ledger import (
    Effect,
    Ledger,
    Point,
    RecordingStorage,
    Violation,
    contents_of,
)

R = TypeVar("R")
Database: TypeAlias = type[RedDb[Any]]

LOG = Path("notes.log")


@frozen
class Note:
    """A document."""

    text: str
    group: int = 0


def group_of(note: Note) -> int:
    """Give the key of the index that the tests keep."""
    return note.group


def _whole(disk: SimulatedDisk) -> Disk:
    """Take nothing away."""
    return disk


@frozen
class Setting:
    """A kind of database on a kind of disk."""

    database: Database
    write_order: WriteOrder = WriteOrder.MEMORY_FIRST
    durability: Durability = Durability.FSYNC
    weakened: Callable[[SimulatedDisk], Disk] = _whole
    """Takes a protection away, for negative controls."""

    def __str__(self) -> str:
        return f"{self.database.__name__} {self.write_order.value} {self.durability.value}"

    @property
    def synced(self) -> bool:
        """Whether what is acknowledged must outlast a power cut."""
        return self.durability is Durability.FSYNC

    def ledger(self) -> Ledger:
        """Give a ledger for a new database."""
        assert self.database._codec is not None, "every database here has a file"
        return Ledger(DocumentCodec(self.database._codec(), Note))

    @contextlib.asynccontextmanager
    async def open(
        self, disk: SimulatedDisk, ledger: Ledger, random: Random
    ) -> AsyncIterator[RedDb[Note]]:
        """Open the database that a disk holds."""
        config = DbConfig(
            LOG.stem,
            write_order=self.write_order,
            durability=self.durability,
            new_id=lambda: UUID(int=random.getrandbits(128), version=4),
        )
        storage = FileStorage(
            LOG,
            sync=self.synced,
            disk=self.weakened(disk),
            random_bytes=random.randbytes,
            preallocated_from_bytes=0,
        )
        recording = RecordingStorage(storage, ledger)
        async with self.database.open(config, Note, storage=recording) as db:
            yield db


@contextlib.contextmanager
def small_steps() -> Iterator[None]:
    """Have the engine take in small pieces what it does in pieces, so that little work has many."""
    with (
        mock.patch.object(file_storage, "_CHECKPOINT_BYTES", 1000),
        mock.patch.object(file_storage, "_CATCH_UP_BYTES", 600),
        mock.patch.object(recovery, "_WINDOW_BYTES", 2048),
        mock.patch.object(writer, "_COMPACTION_BYTES_MIN", 2048),
    ):
        yield


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Have the log say nothing of torn tails and refused writes, which are no news here."""
    with mock.patch.object(logging.getLogger("reddb"), "disabled", True):
        yield


@define(eq=False)
class Run:
    """One database in the course of its life.

    Args:
        setting: What kind it is.
        disk: Where it lives.
        ledger: What is taken down of it.
        random: What all chance is drawn from.
        refused: Called with each refusal of a write, which is passed over if that returns.
    """

    setting: Setting
    disk: SimulatedDisk
    ledger: Ledger
    random: Random
    refused: Callable[[RedDb[Note], PersistFailed], None] | None = None
    _note_count: int = field(default=0, init=False)
    _was_refused: bool = field(default=False, init=False)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[RedDb[Note]]:
        """Open the database, and check what it finds against the ledger."""
        async with self.setting.open(self.disk, self.ledger, self.random) as db:
            self.resume(db)
            yield db
        synced = self.setting.synced or not self._was_refused  # It is not synced after that.
        self.ledger.promise(len(self.disk.journal), self.ledger.tip, synced=synced)

    def resume(self, db: RedDb[Note]) -> Point:
        """Go on from what an opening found, which from now on is promised."""
        moment = len(self.disk.journal)
        found = db.snapshot()
        floor = self.ledger.floor(moment, killed=True)
        self.ledger.tip = self.ledger.find(found.seq, contents_of(found), floor)
        self.ledger.promise(moment, self.ledger.tip, synced=True)
        self._was_refused = False
        return self.ledger.tip

    async def do(
        self, db: RedDb[Note], call: Awaitable[R], effect: Callable[[R], Effect] = lambda _: {}
    ) -> R | None:
        """Make one call, and take down what it answers; None if it is refused."""
        try:
            result = await call
        except PersistFailed as error:
            if self.refused is None:
                raise
            self._was_refused = True
            self.refused(db, error)
            return None
        moment = len(self.disk.journal)
        self.ledger.acknowledge(moment, effect(result), synced=self.setting.synced)
        return result

    def check_readers(self, db: RedDb[Note]) -> None:
        """See that readers of a database at rest see just what was kept.

        Raises:
            Violation: They do not.
        """
        found, tip = db.snapshot(), self.ledger.tip
        if (found.seq, contents_of(found)) != (tip.seq, tip.contents):
            raise Violation(f"readers see other documents than were kept at commit {tip.seq}")

    def note(self, size: int | None = None) -> Note:
        """Give a document that there never was."""
        self._note_count += 1
        size = self.random.choice((0, 0, 30, 30, 30, 120, 120, 500, 1400)) if size is None else size
        return Note(
            f"{self._note_count} {self.random.getrandbits(24):06x} " + "x" * size,
            self.random.randrange(4),
        )
