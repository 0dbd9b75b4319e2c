"""How long writers wait while the log is compacted, by the simulated clock.

Every operation of the disk takes the same time, and nothing else takes any. A write waits for the
batch before its own, for the switch from the old log to the new one, and for its own batch: each is
a fixed number of operations, however long the log is and however many operations compaction takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import trio
import trio.testing
from attrs import define, field, frozen

from reddb import DbConfig, FileStorage, RedDb, WriteOrder
from reddb.actor.disk import DiskFile
from reddb.actor.file_storage import _CATCH_UP_BYTES
from reddb.actor.frames import Fact, Header
from reddb.testing.journal import Renamed, Wrote
from reddb.testing.simulated_disk import SimulatedDisk
from tests.campaigns.campaign import Report

LOG = Path("notes.log")

_LATENCY_S = 0.001
_BATCH_OPERATIONS = 2
"""A write and a sync."""
_SWITCH_OPERATIONS = 5
"""Write what is left, write and sync the header, rename, sync the directory."""
_WAIT_OPERATIONS_MAX = _BATCH_OPERATIONS + _SWITCH_OPERATIONS + _BATCH_OPERATIONS

_WRITERS = 16
_DOCUMENT = "x" * 200
_BEFORE_S = 0.1
"""How long the writers work before and after the compaction."""


@frozen
class Measured:
    """How long writes waited, in operations of the disk."""

    before: float
    """The longest that a write waited without a compaction."""
    beside: float
    """The longest that one waited beside the compaction."""
    compaction: float
    """How long the compaction took."""
    writes: int
    """How many writes were made beside it."""
    copied_bytes: int
    """How much was copied while writers waited for the switch."""


@define
class _Watch:
    """Notes how long each write waits."""

    waits: list[tuple[float, float]] = field(factory=list)

    async def write_on(self, db: RedDb[Any]) -> None:
        while True:
            start = trio.current_time()
            await db.insert_one(_DOCUMENT)
            self.waits.append((start, trio.current_time()))

    def longest(self, start: float, end: float) -> float:
        """Give the longest wait that began before `end` and ended after `start`."""
        return max(done - began for began, done in self.waits if began < end and done > start)


@define(eq=False)
class StoppingStorage(FileStorage):
    """A storage that lets nobody write while it writes the compacted log."""

    async def _write_checkpoint(self, file: DiskFile, header: Header, live: Iterable[Fact]) -> int:
        async with self._turn:
            return await super()._write_checkpoint(file, header, live)


def measure(
    database: type[RedDb[Any]],
    order: WriteOrder,
    documents: int,
    storage_type: type[FileStorage] = FileStorage,
) -> Measured:
    """Compact a log of so many documents beside writers that never pause."""
    return trio.run(
        _measure,
        database,
        DbConfig(LOG.stem, write_order=order, compaction_ratio=1e9),
        documents,
        storage_type,
        clock=trio.testing.MockClock(autojump_threshold=0),
    )


async def _measure(
    database: type[RedDb[Any]],
    config: DbConfig,
    documents: int,
    storage_type: type[FileStorage],
) -> Measured:
    filled = SimulatedDisk()
    async with database.open(config, storage=FileStorage(LOG, disk=filled)) as db:
        await db.insert([_DOCUMENT] * documents)
    disk = SimulatedDisk({LOG: filled.content(LOG)}, latency_s=_LATENCY_S)
    watch = _Watch()
    async with (
        database.open(config, storage=storage_type(LOG, disk=disk)) as db,
        trio.open_nursery() as nursery,
    ):
        for _ in range(_WRITERS):
            nursery.start_soon(watch.write_on, db)
        opened = trio.current_time()
        await trio.sleep(_BEFORE_S)
        start = trio.current_time()
        await db.compact()
        end = trio.current_time()
        await trio.sleep(_BEFORE_S)
        nursery.cancel_scope.cancel()
    return Measured(
        before=watch.longest(opened, start) / _LATENCY_S,
        beside=watch.longest(start, end) / _LATENCY_S,
        compaction=(end - start) / _LATENCY_S,
        writes=sum(start < done < end for _, done in watch.waits),
        copied_bytes=_copied_at_switch(disk),
    )


def _copied_at_switch(disk: SimulatedDisk) -> int:
    """Give how much the new log got after its last sync before its header was written."""
    events = [*disk.journal]
    (renamed,) = (event for event in events if isinstance(event, Renamed))
    written = [event for event in events if isinstance(event, Wrote) and event.file == renamed.file]
    header = next(place for place, event in enumerate(written) if event.offset == 0)
    return len(written[header - 1].data) if header else 0


def look_at_waits(
    database: type[RedDb[Any]], order: WriteOrder, documents: int, report: Report
) -> None:
    """See that no write waits longer than the switch accounts for."""
    found = measure(database, order, documents)
    report.tried["writes made beside a compaction, on the simulated clock"] += found.writes
    report.tried |= {
        "most disk operations that a write waited without a compaction": round(found.before),
        "most disk operations that a write waited beside one": round(found.beside),
        "most disk operations' time that a compaction took": round(found.compaction),
        "most bytes copied while writers waited for the switch": found.copied_bytes,
    }
