"""Power cuts under a running writer, on ext4 and XFS: what was acknowledged is there, whole.

The file system is told to shut down at once and to write nothing more, not even its journal (the
shutdown ioctl). That undoes what was not synced: data, sizes, and names whose directory was not
synced. It is then unmounted and mounted again, which runs its recovery, and the database opened.

The power is cut at a random moment, or at a step of the disk: before it, beside it or after it.
At `Durability.FSYNC` every acknowledged commit must be there; at `Durability.OS`, whose commits a
power cut may undo, a prefix of them, wholly. And once `open` or `compact` has returned, the file
that it made must be the one that is found.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from random import Random
from typing import TypeVar

from attrs import define

from reddb import Durability
from reddb.actor.disk import Disk, RealDisk
from tests.campaigns.campaign import Campaign, Report
from tests.campaigns.kernel import mounts
from tests.campaigns.kernel.bounded import attempt, campaigning
from tests.campaigns.kernel.examine import examine, tells_of_loss
from tests.campaigns.kernel.home import NEVER, Home, settings
from tests.campaigns.kernel.journal import Event, Journal, Offered, Send
from tests.campaigns.kernel.life import live, settle
from tests.campaigns.kernel.mounts import EXT4, XFS, Machine
from tests.campaigns.kernel.steps import WITHOUT, Step, SteppedDisk

R = TypeVar("R")

_CUTS = 200
_SETTLED_CUTS = 40
_CONTROL_CUTS = 10
_LIVES_OF_A_HOME = 5
_MOMENT_S_MAX = 0.2
"""How long a life may last before its power is cut at a random moment."""
_STEPS_MAX = 150
"""How many steps it may do before its power is cut at one."""
_STEP_S_MAX = 0.0005
"""About how long a step takes."""


@contextlib.contextmanager
def _cut_after(machine: Machine, seconds: float) -> Iterator[None]:
    """Cut the power at this moment of the body, or right after it if it is done sooner."""
    timer = threading.Timer(seconds, machine.cut_power)
    timer.start()
    try:
        yield
    finally:
        timer.join()


@define(eq=False)
class _CutAt:
    """Cuts the power at the n-th step of a disk: before it, beside it or after it."""

    machine: Machine
    rng: Random
    nth: int
    seen: int = 0

    async def __call__(self, step: Step, act: Callable[[], Awaitable[R]]) -> R:
        self.seen += 1
        if self.seen != self.nth:
            return await act()
        when = self.rng.choice(["before", "beside", "after"])
        if when == "before":
            self.machine.cut_power()
        if when == "beside":
            with _cut_after(self.machine, self.rng.uniform(0, _STEP_S_MAX)):
                return await act()
        result = await act()
        self.machine.cut_power()
        return result


@define(eq=False)
class _Cuts:
    """Cuts under one kind of life."""

    machine: Machine
    rng: Random
    without: str | None = None

    def found(
        self, wanted: int, durability: Durability, *, settled: bool
    ) -> Iterator[tuple[str, str | None]]:
        """Cut so often; tell of each cut what it was done to and what is wrong, if anything is."""
        kinds = settings(self.rng, durability)
        directory = self.machine.at / "home"
        while wanted > 0:
            mounts.make_lasting_directory(directory)
            home = Home(next(kinds), directory, compaction_ratio=NEVER if settled else 2.0)
            journal = Journal()
            for life in range(min(wanted, _LIVES_OF_A_HOME)):
                problem = (self.settle if settled else self.write)(home, journal)
                self.machine.restart()
                if durability is Durability.OS:
                    journal.acknowledged = journal.seq
                problem = problem or attempt(examine, home, journal, self.rng)
                yield f"{home.setting}, life {life}", problem
                wanted -= 1
                if problem is not None:
                    break
            shutil.rmtree(directory)

    def disk(self) -> Disk:
        """Give the disk of a life, without what a negative control leaves out."""
        disk = RealDisk()
        return disk if self.without is None else SteppedDisk(disk, WITHOUT[self.without])

    def heard(self, journal: Journal) -> Send:
        """Give what takes a life's events, except those that nobody hears without power.

        A sync that is under way when the file system is shut down may still return, though
        nothing more gets to the disk. A real cut stops the program, too.
        """

        def send(event: Event) -> None:
            if self.machine.running or isinstance(event, Offered):
                journal.take(event)

        return send

    def write(self, home: Home, journal: Journal) -> str | None:
        """Write until the power is cut; tell what is wrong, if anything is."""
        work = partial(live, home, self.heard(journal), self.rng)
        if self.without is not None:  # Whatever was acknowledged must be missed.
            problem = attempt(partial(work, calls=10), self.disk())
            self.machine.cut_power()
            return problem
        if self.rng.random() < 0.5:
            with _cut_after(self.machine, self.rng.uniform(0, _MOMENT_S_MAX)):
                return attempt(work, self.disk())
        cut = _CutAt(self.machine, self.rng, self.rng.randint(1, _STEPS_MAX))
        problem = attempt(work, SteppedDisk(self.disk(), cut))
        self.machine.cut_power()
        return problem

    def settle(self, home: Home, journal: Journal) -> str | None:
        """Create or compact a log, and cut the power as soon as that has returned."""
        work = partial(settle, compacted=journal.seq > 0 or self.rng.random() < 0.5)
        return attempt(work, home, journal.take, self.rng, self.disk(), self.machine.cut_power)


def _campaign(machine: Machine, name: str, scale: float, rng: Random, report: Report) -> None:
    """Cut the power under every kind of life on one file system."""
    kinds = (
        (_CUTS, Durability.FSYNC, False, "under a writer at FSYNC"),
        (_SETTLED_CUTS, Durability.OS, False, "under a writer at OS"),
        (_SETTLED_CUTS, Durability.FSYNC, True, "right after a rename"),
    )
    for cuts, durability, settled, what in kinds:
        wanted = max(round(cuts * scale), 3)
        for where, problem in _Cuts(machine, rng).found(wanted, durability, settled=settled):
            report.tried[f"cuts on {name} {what}"] += 1
            if problem is not None:
                report.violations.append(f"{name}, {where}: {problem}")
    for without, settled in (("sync", False), ("directory sync", True)):
        wanted = max(round(_CONTROL_CUTS * scale), 3)
        found = _Cuts(machine, rng, without).found(wanted, Durability.FSYNC, settled=settled)
        report.caught[f"{without} on {name}"] += sum(tells_of_loss(problem) for _, problem in found)


@campaigning()
def _run(scale: float, seed: int) -> Report:
    mounts.require_power_cuts()
    report, rng = Report(), Random(seed)
    for file_system in (EXT4, XFS):
        with mounts.scratch() as place:
            image = mounts.make_image(file_system, place / "image")
            with Machine(image, place / "mount") as machine:
                _campaign(machine, file_system.name, scale, rng, report)
    return report


CAMPAIGN = Campaign("power-cut", "cuts the power under a writer on ext4 and XFS", _run)
