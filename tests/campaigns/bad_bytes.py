"""Mutation fuzzing: logs of every format, damaged and forged in every way that came to mind.

Opening, verifying and salvaging may refuse a log, with an error of reddb's own. They must not
crash, hang, take more time or memory than its size accounts for, contradict each other, change what
they refuse, or hand out what was never stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from attrs import frozen

from reddb import DataCorrupted, RedDbError
from tests.campaigns.campaign import Campaign, Report, noticed
from tests.campaigns.damaged.corpus import Corpus, corpora, large_corpora
from tests.campaigns.damaged.judging import Judge, Opened
from tests.campaigns.damaged.metering import Meter, Violation
from tests.campaigns.damaged.mutations import mutant
from tests.campaigns.damaged.searching import reported, run_quietly
from tests.campaigns.simulated.weakened import without_checksums

_MUTANTS = 1_000
"""How many mutants of each log are tried at scale 1."""
_LARGE_MUTANTS = 100
"""The same of each large log: they take their time."""

_CONTROL_MUTANTS = 4


@frozen
class Job:
    """Some mutants of one log."""

    seed: int
    corpus: Corpus
    others: Sequence[Corpus]
    mutants: int
    memory: bool = True
    """Whether memory is measured, which takes its time."""


def search(job: Job) -> Report:
    """Try some mutants of one log."""
    corpus, report = job.corpus, Report()
    judge = Judge(corpus, Meter())

    async def run() -> None:
        with judge.meter.running(memory=job.memory):
            for number in range(job.mutants):
                made = mutant(Random(f"{job.seed}, {corpus}, {number}"), corpus, job.others)
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


def _jobs(seed: int, logs: Sequence[Corpus], mutants: float, *, memory: bool = True) -> list[Job]:
    jobs = []
    for log in logs:
        others = [other for other in logs if other is not log]
        jobs.append(Job(seed, log, others, max(round(mutants), 1), memory))
    return jobs


def run(scale: float, seed: int) -> Report:
    """Try mutants of every log."""
    jobs = _jobs(seed, large_corpora(seed), _LARGE_MUTANTS * scale)
    jobs += _jobs(seed, corpora(seed), _MUTANTS * scale)
    report = reported(search, jobs, alone=scale < 1)
    with without_checksums():
        unprotected = _jobs(seed, corpora(seed), _CONTROL_MUTANTS, memory=False)
        found = reported(search, unprotected, alone=True)
        report.caught["checksums"] = noticed(found.violations, "is no state|that it never had")
    return report


CAMPAIGN = Campaign("bad-bytes", "opens, verifies and salvages damaged and forged logs", run)
