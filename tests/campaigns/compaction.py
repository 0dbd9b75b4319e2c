"""Compaction under fire.

- It runs beside writers, which never wait longer than the switch to the new log takes. The
  simulated clock shows that.
- It is killed, or the power fails, at any moment: no commit is lost.
- The disk is full at any of its operations: the old log stands.
- A snapshot that is held all the time makes no difference to it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import TypeAlias, assert_never

from attrs import frozen

from reddb import JsonDb, WriteOrder
from reddb.actor.disk import Disk
from reddb.testing import SimulatedDisk
from tests.campaigns.campaign import LOST, Campaign, Report, noticed
from tests.campaigns.compacting.failures import faults, try_fault
from tests.campaigns.compacting.growth import look_at_growth
from tests.campaigns.compacting.waits import StoppingStorage, look_at_waits
from tests.campaigns.crash_states import FORMATS, SETTINGS
from tests.campaigns.damaged.searching import reported
from tests.campaigns.simulated import search
from tests.campaigns.simulated.steps import Step
from tests.campaigns.simulated.weakened import (
    WithoutDirectorySync,
    WithoutSyncBeforeRename,
    WithoutWriteErrors,
    without_compaction,
    without_compaction_beside_snapshots,
)
from tests.campaigns.simulated.workload import Setting

_UNDER_FIRE = (
    (Step.BULK, Step.CONCURRENT, Step.COMPACT_UNDER_FIRE),
    (Step.UPDATE_MANY, Step.COMPACT_UNDER_FIRE, Step.DELETE_MANY, Step.COMPACT_UNDER_FIRE),
)
_MANY_CRASHES = search.Effort(
    moments=search.EVERY_MOMENT,
    states=25,
    crashes_again=10,
    kills=20,
    moments_after=10,
    states_after=3,
)
_FEW_CRASHES = search.Effort(8, 6, crashes_again=1, kills=2, moments_after=2, states_after=2)
_DOCUMENTS = 50_000
"""In the log that is compacted beside writers, at scale 1."""
_DOCUMENTS_MIN = 5_000
_UPDATES = 3_000
"""Beside a held snapshot, at scale 1."""
_UPDATES_MIN = 150
_SEEDS = 3
_CONTROL_SEEDS_MAX = 10
_SHORT_STRIDE = 7


@frozen
class Waits:
    """How long writers wait."""

    setting: Setting
    documents: int


@frozen
class Growing:
    """What a held snapshot changes."""

    setting: Setting
    updates: int


@frozen
class Failing:
    """What becomes of a compaction of which an operation fails."""

    setting: Setting
    seed: int
    stride: int
    """Every so many-th fault is tried."""


Job: TypeAlias = Waits | Growing | Failing | search.Job


def do(job: Job) -> Report:
    """Do a job, here or in a process of its own."""
    report = Report()
    match job:
        case Waits(Setting(database, order), documents):
            look_at_waits(database, order, documents, report)
        case Growing(Setting(database, order), updates):
            look_at_growth(database, order, updates, report)
        case Failing(setting, seed, stride):
            for fault in faults(setting, seed)[::stride]:
                try_fault(setting, fault, seed, report)
        case search.Job():
            report = search.search(job)
        case _:
            assert_never(job)
    return report


def jobs(scale: float, seed: int) -> list[Job]:
    """Give what to try at a scale: everything in all settings, and below it some in a few."""
    in_full = scale >= 1
    documents = max(round(_DOCUMENTS * scale), _DOCUMENTS_MIN)
    updates = max(round(_UPDATES * scale), _UPDATES_MIN)
    orders = [Setting(database, order) for database, order in product(FORMATS, WriteOrder)]
    settings, seeds = SETTINGS, range(seed, seed + _SEEDS)
    if not in_full:
        orders, settings, seeds = orders[::5], settings[::9], seeds[:1]
    return [
        *(Waits(setting, documents) for setting in orders),
        *(Growing(setting, updates) for setting in orders),
        *(
            search.Job(setting, seed, _MANY_CRASHES if in_full else _FEW_CRASHES, _UNDER_FIRE)
            for setting, seed in product(settings, seeds)
        ),
        *(
            Failing(setting, seed, 1 if in_full else _SHORT_STRIDE)
            for setting, seed in product(settings, seeds)
        ),
    ]


def controls(seed: int) -> Report:
    """Take the protections away, one at a time, and count the violations that are found."""
    report = Report()
    slow = Report()
    look_at_waits(JsonDb, WriteOrder.MEMORY_FIRST, _DOCUMENTS_MIN, slow, StoppingStorage)
    report.caught["writers that go on beside it"] = noticed(slow.violations, "a write waited")
    growing = Report()
    with without_compaction():
        look_at_growth(JsonDb, WriteOrder.MEMORY_FIRST, _UPDATES_MIN, growing)
    report.caught["compacting of itself"] = noticed(growing.violations, "the log grew")
    hindered = Report()
    with without_compaction_beside_snapshots():
        look_at_growth(JsonDb, WriteOrder.MEMORY_FIRST, _UPDATES_MIN, hindered)
    report.caught["compacting beside a snapshot"] = noticed(hindered.violations, "a snapshot made")
    for name, weakened in (
        ("a sync of the new log before its renaming", WithoutSyncBeforeRename),
        ("a sync of the directory after it", WithoutDirectorySync),
    ):
        report.caught[name] = _lost_without(weakened, seed)
    unheeded = do(Failing(Setting(JsonDb, weakened=WithoutWriteErrors), seed, 1))
    report.caught["heeding a full disk"] = noticed(unheeded.violations, LOST)
    return report


def _lost_without(weakened: Callable[[SimulatedDisk], Disk], seed: int) -> int:
    """Count the losses with a protection taken away; try other chance while there are none."""
    for each in range(seed, seed + _CONTROL_SEEDS_MAX):
        job = search.Job(Setting(JsonDb, weakened=weakened), each, _FEW_CRASHES, _UNDER_FIRE)
        count = noticed(search.search(job).violations, LOST)
        if count:
            return count
    return 0


def run(scale: float, seed: int) -> Report:
    """Do all jobs, on all processors from scale 1 on; then the negative controls."""
    report = reported(do, jobs(scale, seed), alone=scale < 1)
    report.caught = controls(seed).caught
    return report


CAMPAIGN = Campaign("compaction", "compacts beside writers, crashes, full disks and snapshots", run)
