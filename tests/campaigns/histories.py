"""Histories of many tasks on one database, checked for strict serializability.

The tasks read and write the same few documents in every way that there is: transactions, functions
in the writer's turn, single calls; some roll back, some are cancelled. A run is drawn from its seed
alone, so a violation can be seen again.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from random import Random
from typing import Any
from unittest import mock
from uuid import UUID

import trio
from attrs import define, field, frozen

from reddb import (
    DatabaseBroken,
    DbConfig,
    DocumentNotFound,
    Durability,
    FileStorage,
    JsonDb,
    RedDb,
    Transaction,
    TransactionConflict,
    WriteOrder,
)
from reddb.actor import decide
from reddb.testing.determinism import run_seeded, seeded_bytes, seeded_id
from reddb.testing.simulated_disk import SimulatedDisk
from tests.campaigns.campaign import Campaign, Report
from tests.campaigns.history_checker import Committed, Deed, Value, violations

_TASKS = 16
_DEEDS_A_TASK = 40
_RUNS = 1000
_GROUPS = 4

_Tx = Transaction[Any]


@define(eq=False)
class Run:
    """One database and the tasks that work on it."""

    db: RedDb[Any]
    random: Random
    deeds: list[Deed] = field(factory=list)
    conflicts: int = 0
    cancelled: int = 0
    operations: int = 0
    _now: int = 0
    _ids: list[UUID] = field(factory=list)

    def moment(self) -> int:
        """Count on."""
        self._now += 1
        return self._now

    def value(self, deed: Deed) -> Value:
        """Give a value that is written but once."""
        value = (self.random.randrange(_GROUPS), self.moment())
        deed.writes.append(value)
        return value

    def pick(self) -> UUID:
        """Give the id of a document, which may be gone."""
        return self.random.choice(self._ids[-16:])

    async def prepare(self) -> None:
        """Insert what there is at first."""
        async with self._deed() as deed:
            values = [self.value(deed) for _ in range(8)]
            self._ids = [document.id for document in await self.db.insert(values)]

    async def work(self) -> None:
        """One task's deeds."""
        for _ in range(_DEEDS_A_TASK):
            act = self.random.choices(
                (self.transaction, self.single_call, self.transact, self.look), (12, 3, 2, 2)
            )[0]
            with trio.move_on_after(self.random.choice((0.001, 0.05, 9, 9, 9))):
                await act()

    @contextlib.asynccontextmanager
    async def _deed(self) -> AsyncIterator[Deed]:
        """Note down one deed, and what came of it."""
        deed = Deed(self.moment())
        self.deeds.append(deed)
        try:
            yield deed
            deed.committed = True
        except (TransactionConflict, DocumentNotFound):
            self.conflicts += 1
        except trio.Cancelled:
            self.cancelled += 1
            raise
        finally:
            deed.ended = self.moment()
            self.operations += len(deed.writes) + len(deed.deletes)
            self.operations += len(deed.gets) + len(deed.searches)

    # Deeds.

    async def transaction(self) -> None:
        """Read, wait, read, write, wait, commit or roll back."""
        async with self._deed() as deed:
            deed.seen = self.db.snapshot().seq
            tx = self.db.begin()
            self.read(tx, deed)
            await self.pause()
            self.read(tx, deed)
            if self.random.random() < 0.8:
                self.write(tx, deed)
            await self.pause()
            if self.random.random() < 0.1:
                tx.rollback()
                raise DocumentNotFound(UUID(int=0))  # As good as any: it did not happen.
            await tx.commit()

    def read(self, tx: _Tx, deed: Deed) -> None:
        """Read a few documents, by id or by searching."""
        if self.random.random() < 0.4:
            group = self.random.randrange(_GROUPS)
            query = tx.query().filter(lambda data: data[0] == group)
            deed.searches[group] = {each.id: each.data for each in query.all()}
        for _ in range(self.random.randrange(3)):
            id_ = self.pick()
            document = tx.get(id_)
            deed.gets[id_] = None if document is None else document.data

    def write(self, tx: _Tx, deed: Deed) -> None:
        """Write one or two documents that are there, or a new one."""
        chance = self.random.random()
        ids = [id_ for id_ in {self.pick(), self.pick()} if tx.get(id_) is not None]
        if chance < 0.2 and ids:
            deed.deletes.append(ids[0])
            tx.delete_one(ids[0])
        elif chance < 0.3 or not ids:
            self._ids.append(tx.insert_one(self.value(deed)).id)
        else:
            for id_ in ids[: self.random.randint(1, 2)]:
                tx.update_one(id_, self.value(deed))

    async def transact(self) -> None:
        """Read and write in the writer's turn."""

        def run(tx: _Tx) -> None:
            self.read(tx, deed)
            self.write(tx, deed)

        async with self._deed() as deed:
            await self.db.transact(run)

    async def single_call(self) -> None:
        """Write by one call."""
        async with self._deed() as deed:
            id_, chance = self.pick(), self.random.random()
            if chance < 0.1:
                self._ids.append((await self.db.insert_one(self.value(deed))).id)
            elif chance < 0.4:
                deed.deletes.append(id_)
                await self.db.delete_one(id_)
            elif not await self.db.update_one(id_, self.value(deed)):
                raise DocumentNotFound(id_)

    async def look(self) -> None:
        """Read a snapshot."""
        async with self._deed() as deed:
            snapshot = self.db.snapshot()
            deed.seen = snapshot.seq
            for group in range(_GROUPS):
                deed.searches[group] = {}
            for document in snapshot:
                deed.searches[document.data[0]][document.id] = document.data
            await trio.lowlevel.checkpoint()

    async def pause(self) -> None:
        """Let others run, for a moment or a while."""
        await trio.sleep(self.random.choice((0, 0, 0.005, 0.03)))


@frozen
class Outcome:
    """What one run came to."""

    deeds: list[Deed]
    commits: list[Committed]
    counts: dict[str, int]


async def _recorded(seed: int, write_order: WriteOrder) -> Outcome:
    disk = SimulatedDisk(latency_s=0.005)
    storage = FileStorage("x.json", disk=disk, random_bytes=seeded_bytes)
    config = DbConfig("x", write_order=write_order, durability=Durability.FSYNC, new_id=seeded_id)
    commits: list[Committed] = []
    async with JsonDb.open(config, tuple[int, int], storage=storage) as db:
        run = Run(db, Random(f"history {seed}"))
        async with db.watch(buffer_commits_max=1_000_000) as feed:
            await run.prepare()
            async with trio.open_nursery() as nursery:
                for _ in range(_TASKS):
                    nursery.start_soon(run.work)
            await db.aclose()
            async for commit in feed:
                changes = [(each.id, each.before, each.after) for each in commit.changes]
                commits.append(Committed(commit.seq, changes))
    counts = {
        "transactions": len(run.deeds),
        "operations": run.operations,
        "commits": len(commits),
        "refused or rolled back": run.conflicts,
        "cancelled": run.cancelled,
    }
    return Outcome(run.deeds, commits, counts)


def record(seed: int) -> Outcome:
    """Run one seeded workload."""
    orders = tuple(WriteOrder)
    return run_seeded(seed, _recorded, seed, orders[seed % len(orders)])


def found_in(seed: int) -> list[str]:
    """Run one seeded workload that may be broken, and give what is wrong with it."""
    try:
        outcome = record(seed)
    except (DatabaseBroken, AssertionError, BaseExceptionGroup) as died:
        return [repr(died)]
    return list(violations(outcome.deeds, outcome.commits))


# Negative controls.


def _checks_nothing(*_: object) -> Iterator[None]:
    yield from ()


def _checks_writes(_: object, command: Any, change: Any) -> bool:
    return change.key in {each.key for each in command.staged.changes}


CONTROLS: dict[str, Callable[[], contextlib.AbstractContextManager[object]]] = {
    "the check of what was read or written": lambda: mock.patch.object(
        decide, "_check_reads", _checks_nothing
    ),
    "the check of what was read": lambda: mock.patch.object(decide, "_touches", _checks_writes),
}


def run_campaign(scale: float, seed: int) -> Report:
    """Check many histories, and that a database that lets anomalies pass is caught."""
    report = Report()
    for number in range(max(2, round(_RUNS * scale))):
        outcome = record(seed + number)
        report.tried["histories"] += 1
        report.tried.update(outcome.counts)
        report.violations += [
            f"seed {seed + number}: {problem}"
            for problem in violations(outcome.deeds, outcome.commits)
        ]
    for control, weakened in CONTROLS.items():
        with weakened():
            report.caught[control] = sum(bool(found_in(seed + number)) for number in range(2))
    return report


CAMPAIGN = Campaign(
    "histories", "random histories of many tasks, checked for strict serializability", run_campaign
)
