"""Histories of many tasks on one database, checked for strict serializability.

A run is drawn from its seed alone, so a violation can be seen again: what the tasks do, in which
order trio runs them, the kind of database, the write order, how much the mailbox holds. In some
runs the disk fails half-way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import trio
from attrs import field, frozen
from msgspec.structs import replace

from reddb import (
    BinDb,
    DatabaseBroken,
    DbConfig,
    Durability,
    FileStorage,
    JsonDb,
    MemDb,
    RedDb,
    RonDb,
    WriteOrder,
    YamlDb,
)
from reddb.actor import decide, mailbox
from reddb.actor.commands import CommitTransaction
from reddb.testing.determinism import run_seeded, seeded_bytes, seeded_id
from reddb.testing.simulated_disk import Operation, SimulatedDisk
from tests.campaigns.campaign import Campaign, Report
from tests.campaigns.history_checker import Committed, Deed, contents, violations
from tests.campaigns.history_workload import Workload

_TASKS = 16
_RUNS = 2000
_CONTROL_RUNS = 20
_CONTROL_RUNS_MAX = 20
"""How many runs a negative control gets to be caught in, where it is given fewer."""

_KINDS: tuple[type[RedDb[Any]], ...] = (MemDb, BinDb, JsonDb, RonDb, YamlDb)


@frozen
class Setting:
    """What one run runs on."""

    kind: type[RedDb[Any]]
    config: DbConfig
    fails: bool
    """Whether the disk fails half-way."""
    disk: SimulatedDisk = field(factory=lambda: SimulatedDisk(latency_s=0.005))

    @classmethod
    def drawn(cls, random: Random) -> Setting:
        """Give one at random."""
        config = DbConfig(
            "x",
            write_order=random.choice(tuple(WriteOrder)),
            durability=Durability.FSYNC,
            mailbox_commands_max=random.choice((1, 4, 1024)),
            batch_commands_max=random.choice((1, 4, 1024)),
            new_id=seeded_id,
        )
        return cls(random.choice(_KINDS), config, random.random() < 0.2)

    def open(self) -> contextlib.AbstractAsyncContextManager[RedDb[Any]]:
        """Open its database."""
        storage = None
        if self.kind is not MemDb:
            storage = FileStorage(
                Path("x.log"),
                disk=self.disk,
                random_bytes=seeded_bytes,
                preallocated_from_bytes=0,
            )
        return self.kind.open(self.config, tuple[int, int], storage=storage)


@frozen
class Outcome:
    """What one run came to."""

    deeds: list[Deed]
    commits: list[Committed]
    problems: list[str]
    """What was found wrong beside the history itself."""
    counts: dict[str, int]

    def violations(self) -> Iterator[str]:
        """Give all that is wrong."""
        yield from self.problems
        yield from violations(self.deeds, self.commits)


async def _recorded(seed: int) -> Outcome:
    random = Random(f"history {seed}")
    setting = Setting.drawn(random)
    commits: list[Committed] = []
    async with setting.open() as db:
        dirty = setting.config.write_order is WriteOrder.MEMORY_FIRST
        work = Workload(db, random, dirty)
        async with db.watch(buffer_commits_max=1_000_000) as feed:
            await work.prepare()
            if setting.fails:
                setting.disk.fail(Operation.SYNC, nth=random.randint(1, 100))
            async with trio.open_nursery() as nursery:
                for _ in range(_TASKS):
                    nursery.start_soon(work.work)
            last = db.snapshot().find_all()
            await db.aclose()
            async for commit in feed:
                changes = [(each.id, each.before, each.after) for each in commit.changes]
                commits.append(Committed(commit.seq, changes))
    problems = work.problems()
    if {each.id: each.data for each in last} != contents(commits):
        problems.append("what was there at the end is not what was committed")
    if setting.kind is not MemDb:
        setting.disk.heal()
        async with setting.open() as db:
            if await db.find_all() != last:
                problems.append("opened again, it holds something else")
    counts = {
        "transactions": len(work.deeds),
        "operations": work.operation_count,
        "commits": len(commits),
        "refused or rolled back": work.refused,
        "cancelled": work.cancelled,
    }
    return Outcome(work.deeds, commits, problems, counts)


def record(seed: int) -> Outcome:
    """Run one seeded workload."""
    return run_seeded(seed, _recorded, seed)


def found_in(seed: int) -> list[str]:
    """Run one seeded workload that may be broken, and give what is wrong with it.

    Raises:
        BaseExceptionGroup: What was broken no longer fits the engine, which is no finding.
    """
    try:
        return list(record(seed).violations())
    except (DatabaseBroken, AssertionError) as died:
        return [repr(died)]
    except BaseExceptionGroup as died:
        if died.subgroup((TypeError, AttributeError)) is not None:
            raise
        return [repr(died)]


# Negative controls.


def _checks_nothing(*_: object) -> Iterator[None]:
    yield from ()


_touches = decide._touches


def _checks_searches_and_writes(state: Any, command: CommitTransaction, change: Any) -> bool:
    written = {each.key for each in command.staged.changes}
    return _touches(state, replace(command, read_keys=written), change)


def _checks_ids(state: Any, command: CommitTransaction, change: Any) -> bool:
    return _touches(state, replace(command, read_predicates=()), change)


def _withdraws_what_is_taken(call: mailbox.Call[Any], _: object) -> trio.lowlevel.Abort:
    if call.status is mailbox.CallStatus.TAKEN:
        call.task = None
    else:
        call.status = mailbox.CallStatus.WITHDRAWN
    return trio.lowlevel.Abort.SUCCEEDED


CONTROLS: dict[str, Callable[[], contextlib.AbstractContextManager[object]]] = {
    "the check of what was read or written": lambda: mock.patch.object(
        decide, "_check_reads", _checks_nothing
    ),
    "the check of ids that were read": lambda: mock.patch.object(
        decide, "_touches", _checks_searches_and_writes
    ),
    "the check of searches": lambda: mock.patch.object(decide, "_touches", _checks_ids),
    "the rule that what is taken is finished": lambda: mock.patch.object(
        mailbox.Call, "withdraw", _withdraws_what_is_taken
    ),
}


def run_campaign(scale: float, seed: int) -> Report:
    """Check many histories, and that a database that lets anomalies pass is caught."""
    report = Report()
    for number in range(max(2, round(_RUNS * scale))):
        outcome = record(seed + number)
        report.tried["histories"] += 1
        report.tried.update(outcome.counts)
        report.violations += [f"seed {seed + number}: {each}" for each in outcome.violations()]
    for control, weakened in CONTROLS.items():
        with weakened():
            report.caught[control] = _times_caught(seed, max(1, round(_CONTROL_RUNS * scale)))
    return report


def _times_caught(seed: int, runs: int) -> int:
    """Tell how many runs of a broken database were caught: of `runs`, or of more if none was."""
    caught = 0
    for number in range(_CONTROL_RUNS_MAX):
        if number >= runs and caught:
            break
        caught += bool(found_in(seed + number))
    return caught


CAMPAIGN = Campaign(
    "histories", "random histories of many tasks, checked for strict serializability", run_campaign
)
