"""A search of what the crashes of one workload leave.

The workload runs once. Then, for moments of its life, what a crash could have left is opened: it
must hold a state that there was, with every promised commit, and its indexes must find what scans
find. Some of what was left is worked on and crashes again; and at some moments only the program is
killed, its successor works on, and the power fails then.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import takewhile
from random import Random
from typing import TypeVar

from attrs import frozen

from reddb.testing.crash_states import CrashState
from reddb.testing.journal import Event, Renamed
from reddb.testing.simulated_disk import SimulatedDisk
from tests.campaigns.campaign import Report
from tests.campaigns.simulated.checks import check, work_a_little
from tests.campaigns.simulated.hangs import bare, run_or_hang
from tests.campaigns.simulated.steps import Step, random_sessions, work
from tests.campaigns.simulated.workload import Run, Setting, silent, small_steps

T = TypeVar("T")

EVERY_MOMENT = 1_000_000


@frozen
class Effort:
    """How much of what the crashes of one workload can leave is looked at."""

    moments: int
    """At how many moments the power fails."""
    states: int
    """How many of the states are opened that it can leave at one of them."""
    crashes_again: int
    """In how many of all those states the database is worked on, to crash again."""
    kills: int
    """At how many moments the program alone is killed, and the database worked on."""
    moments_after: int
    """At how many moments of such further work the power fails."""
    states_after: int
    """How many of the states are opened that it can leave then."""


FULL = Effort(
    EVERY_MOMENT, 30, crashes_again=25, kills=12, moments_after=EVERY_MOMENT, states_after=5
)
SHORT = Effort(10, 10, crashes_again=3, kills=3, moments_after=4, states_after=2)

ENOUGH_VIOLATIONS = 20
"""After so many a search ends."""


@frozen
class Job:
    """One workload on one kind of database, and the search of what its crashes leave."""

    setting: Setting
    seed: int
    effort: Effort
    sessions: Sequence[Sequence[Step]] | None = None
    """What to do; by chance if None."""

    def __str__(self) -> str:
        script = "by chance" if self.sessions is None else "scripted"
        return f"{self.setting}, {script}, seed {self.seed}"


def search(job: Job) -> Report:
    """Do a job, here or in a process of its own."""
    report = Report()
    with small_steps(), silent(), contextlib.suppress(_EnoughViolations):
        run_or_hang(lambda: _Search(job, report).run(), job.seed)
    return report


class _EnoughViolations(Exception):  # It is no error.
    pass


class _Search:
    """Looks for violations in what the crashes of one workload leave."""

    def __init__(self, job: Job, report: Report) -> None:
        self.job = job
        self.report = report
        self.random = Random(str(job))

    async def run(self) -> None:
        """Do the work, then look at its crashes."""
        sessions = self.job.sessions or random_sessions(self.random)
        setting = self.job.setting
        run = Run(setting, SimulatedDisk(), setting.ledger(), self.random)
        self.report.tried["workloads"] += 1
        with self.counted("working"):
            await work(run, sessions)
        effort = self.job.effort
        states = await self.look_at(run, effort.moments, effort.states)
        for state in varied(states, effort.crashes_again, self.random):
            await self.crash_again(run, state)
        for moment in self.moments_to_kill_at(run.disk.journal):
            await self.kill(run, moment)

    def moments_to_kill_at(self, journal: Sequence[Event]) -> list[int]:
        """Give moments by chance, and those when a renaming is not on disk yet."""
        renamed = {at for at, event in enumerate(journal, 1) if isinstance(event, Renamed)}
        return sorted(renamed.union(self.some(range(len(journal) + 1), self.job.effort.kills)))

    async def look_at(
        self, run: Run, moments: int, states_each: int, since: int = 0, after: str = ""
    ) -> list[CrashState]:
        """Open some of the states that power cuts can leave; give those that are sound."""
        sound: list[CrashState] = []
        for moment in self.some(range(since, len(run.disk.journal) + 1), moments):
            states = states_at(run.disk, moment, self.job.seed)
            floor = run.ledger.floor(moment)
            for state in varied(states, states_each, self.random):
                self.report.tried["crash states"] += 1
                self.report.tried[f"crash states of {run.setting.database.__name__}"] += 1
                with self.counted(f"{after}moment {moment}: {state.cause}"):
                    await check(run.setting, state.disk(), run.ledger, floor)
                    sound.append(state)
        return sound

    def some(self, of: Sequence[T], count: int) -> list[T]:
        """Give some of a sequence, by chance, in its order."""
        chosen = self.random.sample(range(len(of)), min(count, len(of)))
        return [of[number] for number in sorted(chosen)]

    async def crash_again(self, run: Run, state: CrashState) -> None:
        """Work on what a crash left, and look at how that can crash."""
        ledger = run.ledger.forked(0, run.ledger.floor(state.event))
        after = f"after moment {state.event} ({state.cause}), "
        await self.go_on(Run(run.setting, state.disk(), ledger, self.random), 0, after)
        self.report.tried["crashed databases that were worked on, and crashed again"] += 1

    async def kill(self, run: Run, moment: int) -> None:
        """Kill the program alone, work on what it left, and look at how that can crash."""
        ledger = run.ledger.forked(moment, run.ledger.floor(moment))
        ledger.promise(moment, run.ledger.floor(moment, killed=True), synced=False)
        disk = run.disk.killed(moment)
        after = f"killed at moment {moment}, "
        await self.go_on(Run(run.setting, disk, ledger, self.random), moment, after)
        self.report.tried["killed programs that were started again, and crashed"] += 1

    async def go_on(self, run: Run, since: int, after: str) -> None:
        """Work on what a crash left, and look at how that can crash."""
        with self.counted(f"{after}going on"):
            await work_a_little(run)
            effort = self.job.effort
            await self.look_at(run, effort.moments_after, effort.states_after, since, after)

    @contextlib.contextmanager
    def counted(self, where: str) -> Iterator[None]:
        """Take down a violation."""
        try:
            yield
        except _EnoughViolations:
            raise
        except Exception as error:  # Whatever it is, no workload raises anything by itself.
            self.report.violations.append(f"{self.job}, {where}: {bare(error)!r}")
            if len(self.report.violations) >= ENOUGH_VIOLATIONS:
                raise _EnoughViolations from None


def states_at(disk: SimulatedDisk, moment: int, seed: int) -> list[CrashState]:
    """Give every state that a power cut can leave at one moment."""
    later = disk.crash_states(since=moment, seed=seed)
    return list(takewhile(lambda state: state.event == moment, later))


def varied(states: Sequence[CrashState], count: int, random: Random) -> list[CrashState]:
    """Give some of the states, by chance, and as many of each kind as there are."""
    kinds: Counter[str] = Counter()
    ranked: list[tuple[int, int]] = []
    for number in random.sample(range(len(states)), len(states)):
        kind = re.sub(r"\d+", "", states[number].cause)
        ranked.append((kinds[kind], number))
        kinds[kind] += 1
    return [states[number] for _, number in sorted(ranked)[:count]]
