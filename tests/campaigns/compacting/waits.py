"""How long writers wait while the log is compacted, by the simulated clock.

Every operation of the disk takes the same time, and nothing else takes any. A write waits for the
batch before its own, for the switch from the old log to the new one, and for its own batch: each is
a fixed number of operations, however long the log is and however many operations compaction takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from random import Random
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

    before: int
    """The longest that a write waited without a compaction."""
    beside: int
    """The longest that one waited beside the compaction."""
    compaction: int
    """How long the compaction took."""
    writes: int
    """How many writes were made beside it."""
    copied_bytes: int
    """How much was copied while writers waited for the switch."""


@define
class _Watch:
    """Notes how long each write waits."""

    waits: list[tuple[float, float]] = field(factory=list)

    async def write_on(self, db: RedDb[Any], random: Random) -> None:
        """Write for ever; half of the tasks without a pause."""
        pause_s = random.choice((0, 3 * _LATENCY_S))
        while True:
            await trio.sleep(random.random() * pause_s)
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
        random = Random(documents)
        for _ in range(_WRITERS):
            nursery.start_soon(watch.write_on, db, random)
        opened = trio.current_time()
        await trio.sleep(_BEFORE_S)
        start = trio.current_time()
        await db.compact()
        end = trio.current_time()
        await trio.sleep(_BEFORE_S)
        nursery.cancel_scope.cancel()
    return Measured(
        before=_operations(watch.longest(opened, start)),
        beside=_operations(watch.longest(start, end)),
        compaction=_operations(end - start),
        writes=sum(start < done < end for _, done in watch.waits),
        copied_bytes=_copied_at_switch(disk),
    )


def _operations(duration_s: float) -> int:
    return round(duration_s / _LATENCY_S)


def _copied_at_switch(disk: SimulatedDisk) -> int:
    """Give how much the new log got after its last sync before its header was written."""
    events = [*disk.journal]
    (renamed,) = (event for event in events if isinstance(event, Renamed))
    written = [event for event in events if isinstance(event, Wrote) and event.file == renamed.file]
    header = next(place for place, event in enumerate(written) if event.offset == 0)
    return len(written[header - 1].data) if header else 0


def look_at_waits(
    database: type[RedDb[Any]],
    order: WriteOrder,
    documents: int,
    report: Report,
    storage_type: type[FileStorage] = FileStorage,
) -> None:
    """See that no write waits longer than the switch accounts for."""
    found = measure(database, order, documents, storage_type)
    report.tried["writes made beside a compaction, on the simulated clock"] += found.writes
    report.tried |= {
        "most operations of the disk that a write waited, without a compaction": found.before,
        "most operations of the disk that a write waited, beside one": found.beside,
        "most operations of the disk that a compaction took the time of": found.compaction,
        "most bytes copied while writers waited for the switch": found.copied_bytes,
    }
    if found.beside > _WAIT_OPERATIONS_MAX:
        report.violations.append(
            f"{database.__name__}, {order.value}: a write waited {found.beside} operations of the "
            f"disk beside a compaction; {_WAIT_OPERATIONS_MAX} are accounted for"
        )
    if found.copied_bytes > _CATCH_UP_BYTES:
        report.violations.append(
            f"{database.__name__}, {order.value}: {found.copied_bytes} bytes were copied while "
            f"writers waited; they should be at most {_CATCH_UP_BYTES}"
        )
