"""Every operation of a workload fails, in every way: the I/O error loop, on the simulated disk.

`tests.campaigns.simulated.failing` does one run with one operation failing. This campaign does
them all: in all formats, both write orders and both durabilities, with each kind of error, once
and for ever. Then it takes the protections against them away, one after the other: each time the
same loop must find violations.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product

from attrs import frozen

from reddb import JsonDb
from tests.campaigns.campaign import LOST, Campaign, Report, noticed
from tests.campaigns.crash_states import SETTINGS
from tests.campaigns.simulated.failing import FAULTS, Fault, operations_to_fail, try_failing
from tests.campaigns.simulated.weakened import (
    WithoutSyncErrors,
    WithoutWriteErrors,
    without_answers_to_refused_writes,
    without_taking_back,
    without_writing_again,
)
from tests.campaigns.simulated.workload import Setting

STRIDE_MAX = 45
"""In the shortest form each kind of database and of error gets every so many-th operation."""

ENOUGH_VIOLATIONS = 5
"""After so many the search for a missing protection ends."""


@frozen
class Job:
    """One kind of database, and one kind of error for some of its operations."""

    setting: Setting
    fault: Fault
    seed: int
    first: int = 0
    stride: int = 1


def loop(job: Job) -> Report:
    """Do a job, here or in a process of its own."""
    report = Report()
    numbers = operations_to_fail(job.setting, job.fault, job.seed)
    for nth in numbers[job.first :: job.stride]:
        try_failing(job.setting, job.fault, nth, job.seed, report)
    return report


# Negative controls.


@frozen
class Control:
    """A protection that is taken away, and the error that it was against."""

    name: str
    setting: Setting
    fault: Fault
    sign: str = LOST
    """What its absence leads to: see `noticed`."""
    patches: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext


CONTROLS = (
    Control(
        "heeding a failed write",
        Setting(JsonDb, weakened=WithoutWriteErrors),
        Fault(errno.ENOSPC, forever=False, short=True),
    ),
    Control(
        "heeding a failed sync",
        Setting(JsonDb, weakened=WithoutSyncErrors),
        Fault(errno.EIO, forever=False),
    ),
    Control(
        "taking the state back",
        Setting(JsonDb),
        Fault(errno.EIO, forever=False),
        "readers see other documents|a query finds other documents",
        without_taking_back,
    ),
    Control(
        "an answer to refused writes",
        Setting(JsonDb),
        Fault(errno.EIO, forever=False),
        "never answered",
        without_answers_to_refused_writes,
    ),
    Control(
        "writing the log's end again at opening",
        Setting(JsonDb),
        Fault(errno.EIO, forever=True),
        patches=without_writing_again,
    ),
)


def caught(control: Control, seed: int) -> int:
    """Give how often the loop notices that a protection is missing, up to a few times."""
    report = Report()
    with control.patches():
        for nth in operations_to_fail(control.setting, control.fault, seed):
            try_failing(control.setting, control.fault, nth, seed, report)
            if len(report.violations) >= ENOUGH_VIOLATIONS:
                break
    return noticed(report.violations, control.sign)


# The campaign.


def jobs(scale: float, seed: int) -> list[Job]:
    """Give what to try at a scale: every operation from 1 on, and fewer of each kind below."""
    kinds = list(product(SETTINGS, FAULTS))
    if scale < 1:
        stride = min(STRIDE_MAX, round(1 / scale))
        return [Job(*kind, seed, number % stride, stride) for number, kind in enumerate(kinds)]
    return [Job(*kind, seed + more) for more in range(round(scale)) for kind in kinds]


def run(scale: float, seed: int) -> Report:
    """Do all jobs; on all processors if it is much."""
    report = Report()
    for found in _done(jobs(scale, seed), parallel=scale >= 0.1):
        report.tried += found.tried
        report.violations += found.violations
    for control in CONTROLS:
        report.caught[control.name] = caught(control, seed)
    return report


def _done(todo: Sequence[Job], *, parallel: bool) -> Iterator[Report]:
    if not parallel:
        yield from map(loop, todo)
        return
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        yield from processes.map(loop, todo)


CAMPAIGN = Campaign(
    "io-errors",
    "every operation of a workload fails in every way, on the simulated disk",
    run,
)
