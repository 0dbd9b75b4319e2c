"""Mutation fuzzing: logs of every format, damaged and forged in every way that came to mind.

Opening, verifying and salvaging may refuse a log, with an error of reddb's own. They must not
crash, hang, take more time or memory than its size accounts for, contradict each other, change what
they refuse, or hand out what was never stored.
"""

from __future__ import annotations

from random import Random

from attrs import frozen

from reddb import DataCorrupted, RedDbError
from tests.campaigns.campaign import Campaign, Report
from tests.campaigns.damaged.corpus import corpora
from tests.campaigns.damaged.judging import Judge, Opened
from tests.campaigns.damaged.metering import Meter, Violation
from tests.campaigns.damaged.mutations import mutant
from tests.campaigns.damaged.searching import reported, run_quietly
from tests.campaigns.simulated.weakened import without_checksums

_MUTANTS = 24_000
"""How many damaged logs are tried at scale 1."""

_CONTROL_MUTANTS = 96


@frozen
class Job:
    """Some mutants of one log."""

    seed: int
    place: int
    """Which of the corpora."""
    mutants: int
    memory: bool = True
    """Whether memory is measured, which takes its time."""


def search(job: Job) -> Report:
    """Try some mutants of one log."""
    all_logs = corpora(job.seed)
    corpus = all_logs[job.place]
    report = Report()
    judge = Judge(corpus, Meter())
    others = [other for other in all_logs if other is not corpus]

    async def run() -> None:
        with judge.meter.running(memory=job.memory):
            for number in range(job.mutants):
                made = mutant(Random(f"{job.seed}, {corpus}, {number}"), corpus, others)
                report.tried[f"mutants of {corpus.database.__name__}"] += 1
                try:
                    outcome = await judge.judge(made.log, genuine=made.genuine)
                except Violation as violation:
                    where = f"{corpus}: mutant {number}, {made.mutation}"
                    report.violations.append(f"{where}: {violation}")
                else:
                    report.tried[_fate(outcome.opened)] += 1

    run_quietly(run, job.seed)
    report.tried |= judge.meter.peaks
    return report


def _fate(opened: Opened | RedDbError) -> str:
    match opened:
        case DataCorrupted():
            return "mutants that opening refused as damaged"
        case Opened(recovery=found):
            torn = "without its torn tail" if found.torn_bytes else "as it was written"
            return f"mutants that opened {torn}"
    return "mutants that opening refused as of another codec"


def run(scale: float, seed: int) -> Report:
    """Try mutants of every log."""
    count = len(corpora(seed))
    each = max(round(_MUTANTS * scale / count), 1)
    jobs = [Job(seed, place, each) for place in range(count)]
    report = reported(search, jobs, alone=scale < 1)
    with without_checksums():
        unprotected = [
            Job(seed, place, _CONTROL_MUTANTS // count, memory=False) for place in range(count)
        ]
        report.caught["checksums"] = len(reported(search, unprotected, alone=True).violations)
    return report


CAMPAIGN = Campaign("bad-bytes", "opens, verifies and salvages damaged and forged logs", run)
