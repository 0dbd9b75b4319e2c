"""A workload of which one operation of the disk fails, or all from one on.

After SQLite's I/O error loop (https://www.sqlite.org/testing.html#i_o_error_testing): whatever
fails, nothing that was acknowledged is lost, nothing is kept by halves, nothing hangs, every
refusal names its cause, reads go on, and opening the database on the mended disk heals it. And at
no moment of all that does a power cut do more harm than elsewhere.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from random import Random

from attrs import frozen

from reddb import PersistFailed, RedDb
from reddb.testing.simulated_disk import Operation, SimulatedDisk
from tests.campaigns.campaign import Report
from tests.campaigns.simulated.checks import check, check_indexes
from tests.campaigns.simulated.hangs import bare, run_or_hang
from tests.campaigns.simulated.ledger import Violation, contents_of
from tests.campaigns.simulated.search import states_at, varied
from tests.campaigns.simulated.steps import Step, insert, work, work_on
from tests.campaigns.simulated.workload import Note, Run, Setting, silent, small_steps

SESSIONS: Sequence[Sequence[Step]] = (
    (Step.INSERT, Step.BULK, Step.TRANSACTION, Step.COMPACT, Step.DELETE),
    (Step.BURST, Step.UPDATE_MANY, Step.DELETE_MANY, Step.UPDATE_MANY, Step.COMPACT_UNDER_FIRE),
    (Step.UPDATE,),
)
"""Creates the log, compacts it by call and by ratio, beside writers too, and opens it twice."""


@frozen
class Fault:
    """How an operation fails."""

    error: int
    forever: bool
    """Whether all operations after it fail too, until the disk is mended."""
    short: bool = False
    """Whether half of what was to be written is written first."""

    def __str__(self) -> str:
        how = ", writing half" if self.short else ""
        return f"{errno.errorcode[self.error]}{how}, {'for ever' if self.forever else 'once'}"


FAULTS = tuple(
    Fault(error, forever, short)
    for error, short in ((errno.EIO, False), (errno.ENOSPC, False), (errno.ENOSPC, True))
    for forever in (False, True)
)


def operations(setting: Setting, seed: int) -> Sequence[Operation]:
    """Give what the workload asks of a disk that works."""
    disk = SimulatedDisk()
    run = Run(setting, disk, setting.ledger(), Random(seed))
    with small_steps(), silent():
        run_or_hang(lambda: work(run, SESSIONS), seed)
    return disk.operations


def operations_to_fail(setting: Setting, fault: Fault, seed: int) -> list[int]:
    """Give which operations of the workload, counted from 1, can fail in this way."""
    return [
        number
        for number, operation in enumerate(operations(setting, seed), 1)
        if not fault.short or operation is Operation.WRITE
    ]


def try_failing(setting: Setting, fault: Fault, nth: int, seed: int, report: Report) -> None:
    """Do the workload with its `nth` operation failing, and look for violations."""
    trial = _Trial(setting, fault, nth, seed, report)
    try:
        with small_steps(), silent():
            run_or_hang(trial.run, seed)
    except Exception as error:  # Whatever it is, the workload raises nothing by itself.
        where = f"{setting}, operation {nth} fails with {fault}, seed {seed}"
        report.violations.append(f"{where}: {bare(error)!r}")
    report.tried["operations that failed"] += 1
    report.tried[f"operations that failed with {fault}"] += 1


class _Trial:
    """One run of the workload, with one operation failing."""

    def __init__(self, setting: Setting, fault: Fault, nth: int, seed: int, report: Report) -> None:
        self.fault = fault
        self.seed = seed
        self.report = report
        self.disk = SimulatedDisk()
        self.disk.fail(nth=nth, error=fault.error, forever=fault.forever, short=fault.short)
        self.run_ = Run(setting, self.disk, setting.ledger(), Random(seed), self.refused)

    async def run(self) -> None:
        """Do the workload as far as it goes, mend the disk, open it again, and cut the power."""
        for steps in SESSIONS:
            await self.session(steps)
        self.disk.heal()
        for _ in range(2):
            async with self.run_.open() as db:
                await self.write_on(db)
                await check_indexes(db)
        await self.cut_power()

    async def session(self, steps: Sequence[Step]) -> None:
        """Open the database and do some steps; opening and closing may fail for a named cause."""
        try:
            async with self.run_.open() as db:
                await work_on(self.run_, db, steps)
                await self.write_on(db)
        except PersistFailed as error:
            self.check_cause(error)

    def refused(self, db: RedDb[Note], error: PersistFailed) -> None:
        """Check a refusal, and that reads go on."""
        self.check_cause(error)
        found, ledger = db.snapshot(), self.run_.ledger
        floor = ledger.floor(len(self.disk.journal), killed=True)
        ledger.find(found.seq, contents_of(found), floor)

    def check_cause(self, error: PersistFailed) -> None:
        """See that an error names what the disk said."""
        self.report.tried["refusals"] += 1
        cause = error.__cause__
        if not isinstance(cause, OSError) or cause.errno != self.fault.error:
            raise Violation(f"{error!r} does not name its cause, but {cause!r}")

    async def write_on(self, db: RedDb[Note]) -> None:
        """See what a database does with one more write, and what readers then see."""
        was_refusing = db._engine.writer.refusal is not None
        if await insert(self.run_, db) is not None and was_refusing:
            raise Violation("a write was taken after another was refused")
        self.run_.check_readers(db)
        if contents_of(await db.find_all()) != self.run_.ledger.tip.contents:
            raise Violation("a query finds other documents than were kept")

    async def cut_power(self) -> None:
        """Look at some of what power cuts could have left, before the mending and after it."""
        random, run = Random(self.seed), self.run_
        moments = len(self.disk.journal)
        for moment in (*random.sample(range(moments), 2), moments):
            floor = run.ledger.floor(moment)
            for state in varied(states_at(self.disk, moment, self.seed), 2, random):
                self.report.tried["crash states"] += 1
                try:
                    await check(run.setting, state.disk(), run.ledger, floor)
                except Exception as error:
                    raise Violation(f"power cut at {moment}, {state.cause}: {error!r}") from error
