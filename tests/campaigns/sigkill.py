"""SIGKILL at random moments and at named points: what was acknowledged is there, whole, in order.

A killed process leaves to the operating system what it had written, so this holds at every
durability. What it tries is the order of things inside of reddb: that nothing is acknowledged
before it is written, that no log is ever replaced by less, and that half a frame is taken for
what it is. Each directory lives through several lives, so a log is killed again after recovery.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import trio
from attrs import define, evolve, field

from reddb import Durability
from tests.campaigns.campaign import Campaign, Report
from tests.campaigns.kernel.bounded import Watchdog, campaigning
from tests.campaigns.kernel.child import Death, Job
from tests.campaigns.kernel.examine import examine, tells_of_loss
from tests.campaigns.kernel.home import Home, Setting, settings
from tests.campaigns.kernel.journal import Journal
from tests.campaigns.kernel.parent import run_child
from tests.campaigns.kernel.steps import Step

_KILLS = 200
_CONTROL_KILLS = 20
_LIVES_OF_A_HOME = 5
_MOMENT_S_MAX = 0.4
"""How long a life may last before it is killed at a random moment."""

_POINTS: dict[Step, int] = {
    Step.LOCK: 1,
    Step.OPEN: 1,
    Step.CREATE: 4,
    Step.WRITE: 100,
    Step.WRITE_REST: 100,
    Step.SYNC: 50,
    Step.RENAME: 4,
    Step.SYNC_DIRECTORY: 4,
    Step.TRUNCATE: 1,
    Step.UNLINK: 1,
    Step.CLOSE: 3,
}
"""The named points, each with how often a life may pass it before it is killed there."""


@define(eq=False)
class _Kills:
    """So many kills, in several directories beside each other."""

    report: Report
    wanted: int
    rng: Random
    kinds: Iterator[Setting]
    late: bool
    watchdog: Watchdog
    kills: int = field(default=0, init=False)

    async def run(self, directory: Path) -> None:
        """Kill until enough were killed."""
        async with trio.open_nursery() as nursery:
            for number in range(os.cpu_count() or 1):
                nursery.start_soon(self.stream, directory / str(number))

    async def stream(self, directory: Path) -> None:
        """Go from one database to the next."""
        number = 0
        while self.kills < self.wanted:
            place = directory / str(number)
            place.mkdir(parents=True)
            await self.lives(Home(next(self.kinds), place))
            number += 1

    async def lives(self, home: Home) -> None:
        """Live and die in one directory, until it is enough or something is wrong."""
        journal = Journal()
        for _ in range(_LIVES_OF_A_HOME):
            if self.kills >= self.wanted or not await self.life(home, journal):
                return

    async def life(self, home: Home, journal: Journal) -> bool:
        """Live once and die; tell whether all was well."""
        job = Job(home, self.rng.getrandbits(32), late=self.late)
        moment: float | None = None
        if self.late:
            how = "the negative control"
            job = evolve(job, death=Death(Step.WRITE, self.rng.randint(10, 50), before=True))
        elif self.rng.random() < 0.5:
            how = "random moments"
            moment = self.rng.uniform(0, _MOMENT_S_MAX)
        else:
            how = "named points"
            step = self.rng.choice([*_POINTS])
            before = self.rng.random() < 0.5
            job = evolve(job, death=Death(step, self.rng.randint(1, _POINTS[step]), before))
        ended = await run_child(job, journal, kill_after_s=moment)
        self.kills += ended.killed
        acknowledged = journal.acknowledged - journal.seq
        problem = ended.problem or await examine(home, journal, self.rng)
        self.watchdog.feed()
        if self.late:
            self.report.caught["writing before acknowledging"] += tells_of_loss(problem)
            return problem is None
        self.report.tried[f"kills at {how}" if ended.killed else "lives that just ended"] += 1
        self.report.tried["commits acknowledged before a kill"] += acknowledged
        if problem is not None:
            where = job.death or f"{moment} s after opening"
            self.report.violations.append(f"{home.setting}, {where}: {problem}")
        return problem is None


@campaigning()
def _run(scale: float, seed: int) -> Report:
    report, rng = Report(), Random(seed)
    for late, kills in ((False, _KILLS), (True, _CONTROL_KILLS)):
        wanted = max(round(kills * scale), 3)
        with (
            tempfile.TemporaryDirectory(prefix="reddb-") as directory,
            Watchdog() as watchdog,
        ):
            kinds = settings(rng, *Durability)
            work = _Kills(report, wanted, rng, kinds, late, watchdog)
            trio.run(work.run, Path(directory))
    return report


CAMPAIGN = Campaign(
    "sigkill", "kills a writing process at random moments and at named points", _run
)
