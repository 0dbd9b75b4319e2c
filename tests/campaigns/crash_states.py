"""Power cuts and kills at every moment of many workloads, on the simulated disk.

`tests.campaigns.simulated.search` goes through what the crashes of one workload can leave. This
campaign has it do so for scripted and seeded workloads in all formats, both write orders and both
durabilities. Then it takes one protection of the log away after the other: each time the same
search must find violations.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product

from attrs import frozen

from reddb import BinDb, Durability, JsonDb, RonDb, WriteOrder, YamlDb
from tests.campaigns.campaign import LOST, Campaign, Report, noticed
from tests.campaigns.simulated.search import EVERY_MOMENT, FULL, SHORT, Effort, Job, search
from tests.campaigns.simulated.steps import SCRIPT, Step
from tests.campaigns.simulated.weakened import (
    WithoutDirectorySync,
    WithoutDirectorySyncAtOpening,
    WithoutSync,
    WithoutSyncBeforeRename,
    WithoutTailCut,
    without_checksums,
)
from tests.campaigns.simulated.workload import Setting

FORMATS = (BinDb, JsonDb, RonDb, YamlDb)
SETTINGS = tuple(
    Setting(database, order, durability)
    for database, order, durability in product(FORMATS, WriteOrder, Durability)
)


# Negative controls.


@frozen
class Control:
    """A protection that is taken away."""

    name: str
    setting: Setting
    effort: Effort
    sign: str = LOST
    """What its absence leads to: see `noticed`."""
    sessions: Sequence[Sequence[Step]] = SCRIPT
    patches: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext


AT_ONCE = Effort(EVERY_MOMENT, 6, crashes_again=0, kills=0, moments_after=0, states_after=0)
AFTER_A_CRASH = Effort(EVERY_MOMENT, 12, 40, kills=0, moments_after=EVERY_MOMENT, states_after=1)
AFTER_A_KILL = Effort(0, 0, crashes_again=0, kills=0, moments_after=EVERY_MOMENT, states_after=4)

CONTROLS = (
    Control("syncs", Setting(JsonDb, weakened=WithoutSync), AT_ONCE),
    Control(
        "syncs of the directory",
        Setting(BinDb, weakened=WithoutDirectorySync),
        AT_ONCE,
        "was promised",
    ),
    Control(
        "a sync of the directory at opening",
        Setting(RonDb, weakened=WithoutDirectorySyncAtOpening),
        AFTER_A_KILL,
        "was promised",
    ),
    Control(
        "a sync before the renaming",
        Setting(YamlDb, weakened=WithoutSyncBeforeRename),
        AT_ONCE,
        "DataCorrupted",
        sessions=[[Step.BULK, Step.COMPACT, Step.INSERT, Step.COMPACT]],
    ),
    Control(
        "checksums",
        Setting(JsonDb),
        AT_ONCE,
        "is no state there ever was|DecodeError",
        patches=without_checksums,
    ),
    Control(
        "cutting a torn tail",
        Setting(BinDb, weakened=WithoutTailCut),
        AFTER_A_CRASH,
        "is no state there ever was",
        sessions=[[Step.INSERT, Step.BURST]],
    ),
)


def caught(control: Control, seed: int) -> int:
    """Give how often the search notices that a protection is missing."""
    with control.patches():
        job = Job(control.setting, seed, control.effort, control.sessions)
        return noticed(search(job).violations, control.sign)


# The campaign.


def jobs(scale: float, seed: int) -> list[Job]:
    """Give what to search at a scale: three workloads a setting at 1, a little of each at 0."""
    if scale < 0.1:
        return [
            Job(setting, seed + number, SHORT, SCRIPT if number % 4 == 0 else None)
            for number, setting in enumerate(SETTINGS)
        ]
    scripted = [Job(setting, seed, FULL, SCRIPT) for setting in SETTINGS]
    by_chance = [
        Job(setting, seed * 1000 + number, FULL)
        for number in range(max(2, round(3 * scale) - 1))
        for setting in SETTINGS
    ]
    every = max(1, round(1 / scale))
    return [*scripted, *by_chance][::every]


def run(scale: float, seed: int) -> Report:
    """Search; on all processors if it is much."""
    report = Report()
    for found in _done(jobs(scale, seed), parallel=scale >= 0.1):
        report.tried += found.tried
        report.violations += found.violations
    for control in CONTROLS:
        report.caught[control.name] = caught(control, seed)
    return report


def _done(todo: Sequence[Job], *, parallel: bool) -> Iterator[Report]:
    if not parallel:
        yield from map(search, todo)
        return
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        yield from processes.map(search, todo)


CAMPAIGN = Campaign(
    "crash-states",
    "power cuts and kills at every moment of many workloads, on the simulated disk",
    run,
)
