"""A disk that is really full: a tmpfs of 64 kB.

A writer that fills it up gets `PersistFailed`, and so does every later one; reads go on, of what
was acknowledged. A compaction that finds no room leaves the old log in its place and the database
as it was. Once there is room again, a compaction succeeds, and opening again heals.
"""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from random import Random
from typing import TypeAlias

from attrs import evolve

from reddb import Durability, PersistFailed, RedDb
from reddb.actor.disk import Disk, RealDisk
from tests.campaigns.campaign import Campaign, Report
from tests.campaigns.kernel import mounts
from tests.campaigns.kernel.bounded import attempt, campaigning
from tests.campaigns.kernel.examine import (
    PromiseBroken,
    compare,
    examine,
    tells_of_loss,
)
from tests.campaigns.kernel.home import NEVER, Home, Note, Setting, Teller, settings
from tests.campaigns.kernel.journal import Journal
from tests.campaigns.kernel.steps import WITHOUT, SteppedDisk
from tests.campaigns.kernel.workload import compact, write

_DISK = "64k"
_LARGER_DISK = "remount,size=1m"
_HALF_BYTES = 36 * 1024
"""A log of this size cannot be compacted on a disk of 64 kB, if all of it is live."""

_DISKS = 100
_CONTROL_DISKS = 10

Story: TypeAlias = Callable[[Home, Journal, Random, Disk], Awaitable[bool]]
"""What happens on a small disk; gives whether that was noticed to be full."""


async def fill_up(home: Home, journal: Journal, rng: Random, disk: Disk) -> bool:
    """Write until there is no room; then make room."""
    teller = Teller(journal.take)
    async with home.open(teller, disk) as db:
        await write(db, teller, rng, calls=200)
        full = any(refused.call != "compact" for refused in journal.refused)
        if full:
            _check_causes(journal)
            await _check_refusal(db)
            journal.forget_refused()
            compare(home, journal, db)
    _make_room(home)
    return full


def _make_room(home: Home) -> None:
    mounts.run("mount", "-o", _LARGER_DISK, home.directory)


async def _check_refusal(db: RedDb[Note]) -> None:
    """Check that nobody can write any more."""
    try:
        await db.insert_one(Note(0, 1, "later"))
    except PersistFailed:
        return
    raise PromiseBroken("a write after one that was refused was taken")


async def compact_without_room(home: Home, journal: Journal, rng: Random, disk: Disk) -> bool:
    """Compact where there is no room for a second log; then make room and compact again."""
    home = evolve(home, compaction_ratio=NEVER)
    teller = Teller(journal.take)
    async with home.open(teller, disk) as db:
        while (await db.stats()).file_size_bytes < _HALF_BYTES:
            notes = await db.insert([Note(0, 1, "x" * rng.randint(1, 3000)) for _ in range(2)])
            teller.acknowledge(*(note.id for note in notes))
        before = home.log.stat().st_ino
        await compact(db, teller)
        full = bool(journal.refused)
        if full:
            _check_causes(journal)
            if home.log.stat().st_ino != before or [*home.directory.glob("*.new")]:
                raise PromiseBroken("the log is not as it was before the compaction")
            teller.acknowledge((await db.insert_one(Note(0, 1, "later"))).id)
            compare(home, journal, db)
            _make_room(home)
            await db.compact()
            if home.log.stat().st_ino == before:
                raise PromiseBroken("the log is the one from before its compaction")
    _make_room(home)
    return full


def _check_causes(journal: Journal) -> None:
    for refused in journal.refused:
        if refused.errno != errno.ENOSPC:
            raise PromiseBroken(f"{refused.call} was refused for another reason: {refused.reason}")


async def _tell(story: Story, home: Home, rng: Random, without: str | None) -> str | None:
    """Tell a story, and what is wrong afterwards, if anything is."""
    journal = Journal()
    disk = RealDisk() if without is None else SteppedDisk(RealDisk(), WITHOUT[without])
    full = await story(home, journal, rng, disk)
    if not full and without is None:
        return "the disk was never full"
    return await examine(home, journal, rng)


def _small_disks(
    wanted: int, story: Story, rng: Random, without: str | None = None
) -> Iterator[tuple[Setting, str | None]]:
    """Tell a story on so many small disks; give what is wrong with each, if anything is."""
    for setting in islice(settings(rng, *Durability), wanted):
        with mounts.scratch(_DISK) as place:
            home = Home(setting, place, rng.choice([2.0, NEVER]))
            problem = attempt(_tell, story, home, rng, without)
        yield setting, problem


@campaigning()
def _run(scale: float, seed: int) -> Report:
    mounts.require_tmpfs()
    report, rng = Report(), Random(seed)
    stories: dict[str, Story] = {"a writer": fill_up, "a compaction": compact_without_room}
    for what, story in stories.items():
        wanted = max(round(_DISKS * scale), 3)
        for setting, problem in _small_disks(wanted, story, rng):
            report.tried[f"disks that {what} found full"] += 1
            if problem is not None:
                report.violations.append(f"{setting}, {what}: {problem}")
        wanted = max(round(_CONTROL_DISKS * scale), 3)
        found = _small_disks(wanted, story, rng, "heeding errors")
        caught = sum(tells_of_loss(problem) for _, problem in found)
        report.caught[f"{what} heeding errors"] += caught
    return report


CAMPAIGN = Campaign("full-disk", "fills up a disk of 64 kB", _run)
