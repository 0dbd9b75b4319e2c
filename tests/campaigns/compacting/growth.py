"""A snapshot that is held for long: it neither stops compaction nor lets the file grow."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from attrs import frozen

from reddb import DbConfig, FileStorage, RedDb, WriteOrder
from reddb.testing.simulated_disk import SimulatedDisk
from tests.campaigns.campaign import Report
from tests.campaigns.simulated.hangs import run_or_hang
from tests.campaigns.simulated.workload import silent, small_steps

_DOCUMENTS = 20
_RATIO = 2.0
_LARGEST_RATIO = 2 * _RATIO
"""The log goes on to grow while it is compacted, but not to twice the size at which that begins."""


@frozen
class Growth:
    """What became of a log whose documents were updated again and again."""

    largest_bytes: int
    largest_ratio: float
    """The size of the log, divided by that of its live documents."""
    compactions: int


def grow(database: type[RedDb[Any]], order: WriteOrder, updates: int, *, hold: bool) -> Growth:
    """Update documents again and again, a snapshot of the first ones held all the time or not.

    Raises:
        AssertionError: The snapshot has changed.
    """
    random = Random(updates)
    config = DbConfig(
        "notes",
        write_order=order,
        compaction_ratio=_RATIO,
        new_id=lambda: UUID(int=random.getrandbits(128), version=4),
    )
    storage = FileStorage(Path("notes.log"), disk=SimulatedDisk(), random_bytes=random.randbytes)

    async def update() -> Growth:
        largest, ratio = 0, 0.0
        async with database.open(config, storage=storage) as db:
            documents = await db.insert(["x" * 100] * _DOCUMENTS)
            snapshot = db.snapshot() if hold else None
            for number in range(updates):
                await db.update_one(documents[number % _DOCUMENTS].id, f"{number:0100}")
                stats = await db.stats()
                largest = max(largest, stats.file_size_bytes)
                ratio = max(ratio, stats.compaction_ratio)
                assert snapshot is None or snapshot.find_all() == documents
        return Growth(largest, ratio, stats.compaction_count)

    with small_steps(), silent():
        return run_or_hang(update, seed=1)


def look_at_growth(
    database: type[RedDb[Any]], order: WriteOrder, updates: int, report: Report
) -> None:
    """See that a held snapshot makes no difference to the log."""
    free, held = (grow(database, order, updates, hold=hold) for hold in (False, True))
    report.tried["updates beside a held snapshot"] += updates
    report.tried["compactions beside a held snapshot"] += held.compactions
    what = f"{database.__name__}, {order.value}"
    if held != free:
        report.violations.append(f"{what}: a snapshot made {held} of {free}")
    if held.largest_ratio > _LARGEST_RATIO:
        report.violations.append(f"{what}: the log grew without being compacted: {held}")
