"""A compaction of which one operation fails, or all from one on: the old log stands.

Nobody else is working, so what fails is the compaction's. Before the new log has its name, nothing
of the old one has changed; the database goes on, and compacting again on the mended disk succeeds.
After that only the sync of the directory is left to fail; then nothing more is written until the
database is opened again. Whatever a power cut leaves meanwhile holds every document.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from random import Random

from attrs import frozen

from reddb import PersistFailed, RedDb
from reddb.testing.simulated_disk import Operation, SimulatedDisk
from tests.campaigns.campaign import Report
from tests.campaigns.simulated.checks import check
from tests.campaigns.simulated.hangs import Hang, run_or_hang
from tests.campaigns.simulated.ledger import Violation
from tests.campaigns.simulated.steps import STEPS, Step, insert
from tests.campaigns.simulated.workload import LOG, Note, Run, Setting, silent, small_steps

_POWER_CUTS = 5
"""How many of the states are opened that a power cut can leave during a compaction that fails, and
how many of those after it."""


@frozen
class Fault:
    """Which operation of a compaction fails, and how."""

    nth: int
    operation: Operation
    forever: bool
    """Whether all later ones fail too, until the disk is mended."""
    short: bool
    """Whether half of what was to be written is written."""

    def __str__(self) -> str:
        how = ", writing half," if self.short else ""
        when = "for ever" if self.forever else "once"
        return f"operation {self.nth} ({self.operation.value}) fails{how} {when}"


def faults(setting: Setting, seed: int) -> list[Fault]:
    """Give every way in which a compaction can run out of disk."""
    operations = _Trial(setting, seed).operations()
    return [
        Fault(nth, operation, forever, short)
        for nth, operation in enumerate(operations, 1)
        for forever in (False, True)
        for short in (False, True)
        if operation is Operation.WRITE or not short
    ]


def try_fault(setting: Setting, fault: Fault, seed: int, report: Report) -> None:
    """Have one operation of a compaction fail, and take down what is not as it must be then."""
    report.tried["compactions of which an operation failed"] += 1
    trial = _Trial(setting, seed)
    try:
        trial.fail(fault)
    except (Violation, Hang) as violation:
        report.violations.append(f"{setting}, {fault}: {violation}")
    report.tried["power cuts after a compaction failed"] += trial.power_cuts


class _Trial:
    """One compaction of one database."""

    def __init__(self, setting: Setting, seed: int) -> None:
        self.disk = SimulatedDisk()
        self.refusals: list[PersistFailed] = []
        self.run = Run(
            setting,
            self.disk,
            setting.ledger(),
            Random(seed),
            lambda _, error: self.refusals.append(error),
        )
        self.seed = seed
        self.power_cuts = 0

    def operations(self) -> Sequence[Operation]:
        """Give what a compaction asks of a disk that works."""

        async def compact() -> Sequence[Operation]:
            async with self.run.open() as db:
                await self._prepare(db)
                before = len(self.disk.operations)
                await db.compact()
                return self.disk.operations[before:]

        with small_steps(), silent():
            return run_or_hang(compact, self.seed)

    def fail(self, fault: Fault) -> None:
        """Have an operation fail, and see what becomes of it.

        Raises:
            Violation: Something is not as it must be.
            Hang: Nothing can go on any more.
        """
        with small_steps(), silent():
            run_or_hang(lambda: self._fail(fault), self.seed)

    async def _fail(self, fault: Fault) -> None:
        async with self.run.open() as db:
            await self._prepare(db)
            before, moment = self.disk.content(LOG), len(self.disk.journal)
            self.disk.fail(
                nth=fault.nth, error=errno.ENOSPC, forever=fault.forever, short=fault.short
            )
            await self.run.do(db, db.compact())
            self.disk.heal()
            await self._check_power_cuts(moment)
            if len(self.refusals) != 1:
                raise Violation("a compaction that failed raised nothing")
            if fault.operation is not Operation.SYNC_DIRECTORY:
                self._check_old_log(before, fault)
            await insert(self.run, db)
            await self.run.do(db, db.compact())
            refused = len(self.refusals) - 1
        if refused != (2 if fault.operation is Operation.SYNC_DIRECTORY else 0):
            raise Violation(f"{refused} calls after it were refused: {self.refusals[1:]}")
        async with self.run.open() as db:
            await insert(self.run, db)
            await db.compact()
        if self.disk.paths() != [LOG]:
            raise Violation(f"files were left: {self.disk.paths()}")

    async def _prepare(self, db: RedDb[Note]) -> None:
        """Have a log with a few documents that are gone, but none that is due for compaction."""
        for step in (Step.BULK, Step.BULK, Step.BULK, Step.COMPACT, Step.UPDATE, Step.DELETE):
            await STEPS[step](self.run, db)

    def _check_old_log(self, before: bytes, fault: Fault) -> None:
        """See that nothing has changed.

        Raises:
            Violation: Something has.
        """
        if self.disk.content(LOG) != before:
            raise Violation("the old log was changed")
        if not fault.forever and self.disk.paths() != [LOG]:
            raise Violation(f"files were left: {self.disk.paths()}")

    async def _check_power_cuts(self, since: int) -> None:
        """See that what power cuts can have left since then, or now, holds all that was promised.

        Raises:
            Violation: It does not.
        """
        states = list(self.disk.crash_states(since=since, seed=self.seed))
        now = [state for state in states if state.event == len(self.disk.journal)]
        random = Random(self.seed)
        chosen = [
            state for of in (states, now) for state in random.sample(of, min(_POWER_CUTS, len(of)))
        ]
        for state in chosen:
            floor = self.run.ledger.floor(state.event)
            try:
                await check(self.run.setting, state.disk(), self.run.ledger, floor)
            except Exception as error:  # Whatever it is, what a crash left must open.
                raise Violation(f"power cut, {state.cause}: {error!r}") from error
            self.power_cuts += 1
