"""Whatever operation of the disk fails, and however: nothing acknowledged is lost, nothing hangs.

One workload is run again and again, each time with another of its operations failing. What the log
was asked to keep is recorded commit by commit, so that any state can be compared with a prefix.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing
from actor_tools import contents, decode, encoded, insertion, record
from attrs import define, field
from log_tools import PATH, after
from writer_tools import engine_on

from reddb.actor.commands import Command, Compact, DeleteOne, DeleteWhere, UpdateOne
from reddb.actor.engine import Engine
from reddb.actor.file_storage import FileStorage
from reddb.actor.frames import Commit
from reddb.errors import PersistFailed, RedDbError
from reddb.testing.simulated_disk import Operation, SimulatedDisk

LONG = "x" * 3000
"""So that a few of these documents make a log large enough to be compacted of itself."""


@define(eq=False)
class RecordingStorage(FileStorage):
    """A log that records what it was asked to keep."""

    asked: list[Commit] = field(factory=list, kw_only=True)

    async def append(self, commits: Sequence[Commit]) -> None:
        self.asked += commits
        await super().append(commits)


@define
class Ledger:
    """What the callers of one workload were told."""

    storage_type: type[RecordingStorage] = RecordingStorage
    sync: bool = True
    disk: SimulatedDisk = field(factory=lambda: SimulatedDisk(latency_s=0.01))
    asked: list[Commit] = field(factory=list)
    """Every commit that the log was asked to keep, in order, over all openings."""
    acknowledged: int = 0
    """How many of them must be there, because somebody was told so."""
    refusals: list[PersistFailed] = field(factory=list)
    """What callers and openings were refused with."""

    def documents(self, seq: int) -> dict[int, Any]:
        """Give what should be there after the first `seq` commits."""
        kept = after(self.asked[:seq])
        return {key: decode(key, data) for key, data in kept.items()}

    async def ask(self, engine: Engine[Any], command: Command[Any], *facts: Any) -> None:
        """Ask for a command; if it is acknowledged, so is the last commit with these facts."""
        try:
            await engine.ask(command)
        except PersistFailed as error:
            self.refusals.append(error)
            return
        for fact in facts:
            seq = max(each.seq for each in self.asked if fact in each.facts)
            self.acknowledged = max(self.acknowledged, seq)

    async def session(self) -> None:
        """Open the database, do a bit of everything, and close it."""
        try:
            await self._session()
        except PersistFailed as error:
            self.refusals.append(error)
        assert all(isinstance(error.__cause__, OSError) for error in self.refusals)

    async def _session(self) -> None:
        storage = self.storage_type(PATH, disk=self.disk, sync=self.sync)
        async with engine_on(storage) as engine:
            seq = engine.state().seq
            assert self.acknowledged <= seq <= len(self.asked)
            assert contents(engine.state()) == self.documents(seq)
            del self.asked[seq:]
            storage.asked = self.asked
            await self.work(engine, 10 * len(self.asked) + 1)
            engine.state().check()
            assert engine.writer.kept.seq >= self.acknowledged
            assert contents(engine.state()) == self.documents(engine.writer.kept.seq)

    async def work(self, engine: Engine[Any], key: int) -> None:
        await self.ask(engine, insertion(key), (key, encoded(key)))
        await self.ask(engine, UpdateOne(record(key, LONG)), (key, encoded(LONG)))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.ask, engine, Compact())
            for put in (key + 1, key + 2, key + 3):
                nursery.start_soon(self.ask, engine, insertion(put), (put, encoded(put)))
        for value in (1, LONG, 2, LONG):
            await self.ask(engine, UpdateOne(record(key + 1, value)), (key + 1, encoded(value)))
        await self.ask(engine, DeleteWhere(lambda value: value == key + 2), (key + 2, None))
        if key in engine.state():
            await self.ask(engine, DeleteOne(key), (key, None))


async def run_with_failure(
    nth: int,
    *,
    sync: bool = True,
    storage_type: type[RecordingStorage] = RecordingStorage,
    **failure: Any,
) -> bool:
    """Run the workload with its `nth` operation failing; False if it has not so many."""
    ledger = Ledger(storage_type, sync)
    ledger.disk.fail(nth=nth, **failure)
    with trio.fail_after(1000):
        await ledger.session()
        ran_to_its_end = ledger.disk.operation_count < nth
        ledger.disk.heal()
        refusals = len(ledger.refusals)
        for _ in range(2):
            await ledger.session()
    assert len(ledger.refusals) == refusals, "a healed disk refuses nothing"
    assert not (ran_to_its_end and refusals)
    return not ran_to_its_end


FAILURES: list[dict[str, Any]] = [
    {"error": errno.EIO},
    {"error": errno.ENOSPC, "short": True},
    {"error": errno.EIO, "forever": True},
    {"error": errno.ENOSPC, "forever": True, "short": True},
]


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
@pytest.mark.parametrize("sync", [True, False])
async def test_any_operation_may_fail(
    failure: dict[str, Any], sync: bool, autojump_clock: trio.testing.MockClock
) -> None:
    nth = 1
    while await run_with_failure(nth, sync=sync, **failure):
        nth += 1
    assert nth > 25


CHANGES = (Operation.WRITE, Operation.SYNC, Operation.TRUNCATE, Operation.RENAME)


@pytest.mark.parametrize("first", CHANGES)
@pytest.mark.parametrize("second", CHANGES)
async def test_two_operations_may_fail(
    first: Operation, second: Operation, autojump_clock: trio.testing.MockClock
) -> None:
    for nth in range(1, 8):
        ledger = Ledger()
        ledger.disk.fail(first, nth=nth)
        ledger.disk.fail(second, nth=nth + 1, short=True)
        with trio.fail_after(1000):
            for _ in range(3):
                await ledger.session()
            ledger.disk.heal()
            refusals = len(ledger.refusals)
            await ledger.session()
        assert len(ledger.refusals) == refusals


async def test_without_a_failure_nothing_is_refused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ledger = Ledger()
    for _ in range(3):
        await ledger.session()
    assert ledger.refusals == []
    assert ledger.acknowledged == len(ledger.asked)


class CarelessStorage(RecordingStorage):
    """A log that goes on after a failed write as if it had been one."""

    async def append(self, commits: Sequence[Commit]) -> None:
        try:
            await super().append(commits)
        except OSError:
            self._failed = False


async def test_a_log_that_hides_a_failed_write_is_found_out(
    autojump_clock: trio.testing.MockClock,
) -> None:
    found_out = 0
    for nth in range(1, 40):
        try:
            await run_with_failure(nth, storage_type=CarelessStorage)
        except (AssertionError, RedDbError, BaseExceptionGroup):
            found_out += 1
    assert found_out > 3
