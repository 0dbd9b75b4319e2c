"""What the campaign of histories runs: many tasks that read and write the same few documents.

They do it in every way that there is: transactions with each kind of read, functions in the
writer's turn, single calls of each kind, snapshots. Some roll back, many are cancelled. Every task
notes down what it read, what it wrote, and whether its call said that it happened.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import Any
from uuid import UUID

import trio
from attrs import define, field

from reddb import (
    Document,
    DocumentNotFound,
    PersistFailed,
    RedDb,
    Snapshot,
    Transaction,
    TransactionConflict,
)
from tests.campaigns.history_checker import Deed, Value

_DEEDS_A_TASK = 40
_GROUPS = 4
_BY_GROUP = "by group"

_Tx = Transaction[Any]


class _ThoughtBetter(Exception):
    """A task gave up what it had begun."""


@define(eq=False)
class Workload:
    """One database and the tasks that work on it."""

    db: RedDb[Any]
    random: Random
    reads_may_be_dirty: bool
    """Whether a snapshot may hold what is taken back when the log fails."""
    deeds: list[Deed] = field(factory=list)
    refused: int = 0
    cancelled: int = 0
    _now: int = 0
    _ids: list[UUID] = field(factory=list)
    _held: list[tuple[Snapshot[Any], list[Document[Any]]]] = field(factory=list)

    async def prepare(self) -> None:
        """Insert what there is at first."""
        await self.db.add_index(_BY_GROUP, lambda data: data[0])
        await self._insert_many(8)

    async def work(self) -> None:
        """One task's deeds."""
        kinds: tuple[Callable[[], Awaitable[None]], ...]
        kinds = (self._transact_elsewhere, self._in_the_writer, self._one_call, self._look)
        for _ in range(_DEEDS_A_TASK):
            act = self.random.choices(kinds, (12, 3, 5, 2))[0]
            with trio.move_on_after(self.random.choice((0.001, 0.05, 9, 9, 9))):
                await act()

    def problems(self) -> list[str]:
        """Tell whether any snapshot that was held has changed."""
        return [
            f"the snapshot of commit {snapshot.seq} has changed"
            for snapshot, documents in self._held
            if snapshot.find_all() != documents
        ]

    @property
    def operation_count(self) -> int:
        """How many documents were read and written, and how many searches made."""
        return sum(
            len(deed.writes) + len(deed.deletes) + len(deed.gets) + len(deed.searches)
            for deed in self.deeds
        )

    # Noting down.

    def _moment(self) -> int:
        self._now += 1
        return self._now

    def _value(self, deed: Deed) -> Value:
        """Give a value that is written but once."""
        value = (self.random.randrange(_GROUPS), self._moment())
        deed.writes.append(value)
        return value

    def _pick(self) -> UUID:
        """Give the id of a document, which may be gone."""
        return self.random.choice(self._ids[-16:])

    @contextlib.asynccontextmanager
    async def _deed(self) -> AsyncIterator[Deed]:
        """Note down one deed, and what came of it."""
        deed = Deed(self._moment())
        self.deeds.append(deed)
        try:
            yield deed
            deed.committed = True
        except (TransactionConflict, DocumentNotFound, PersistFailed, _ThoughtBetter):
            self.refused += 1
        except trio.Cancelled:
            self.cancelled += 1
            raise
        finally:
            deed.ended = self._moment()

    async def _pause(self) -> None:
        """Let others run, for a moment or a while."""
        await trio.sleep(self.random.choice((0, 0, 0.005, 0.03)))

    # Transactions.

    async def _transact_elsewhere(self) -> None:
        """Read, wait, read, write, wait, commit or roll back."""
        async with self._deed() as deed:
            deed.seen = self.db.snapshot().seq
            async with self.db.begin() as tx:
                self._read(tx, deed)
                await self._pause()
                self._read(tx, deed)
                if self.random.random() < 0.8:
                    self._write(tx, deed)
                await self._pause()
                if self.random.random() < 0.1:
                    raise _ThoughtBetter

    async def _in_the_writer(self) -> None:
        """Read and write in the writer's turn."""

        def run(tx: _Tx) -> None:
            self._read(tx, deed)
            self._write(tx, deed)

        async with self._deed() as deed:
            await self.db.transact(run)

    def _read(self, tx: _Tx, deed: Deed) -> None:
        """Read a few documents, by id or by searching."""
        group, chance = self.random.randrange(_GROUPS), self.random.random()
        if chance < 0.3:
            found = tx.query().filter(lambda data: data[0] == group).all()
            deed.searches[group] = {each.id: each.data for each in found}
        elif chance < 0.5:
            found = tx.using_index(_BY_GROUP, group)
            deed.searches[group] = {each.id: each.data for each in found}
        elif chance < 0.55:
            deed.searches.update(_by_group(tx.find_all()))
        for _ in range(self.random.randrange(3)):
            id_ = self._pick()
            document = tx.get(id_)
            deed.gets[id_] = None if document is None else document.data
            if document is not None and chance > 0.9:
                assert tx.find(document.data) == [document]

    def _write(self, tx: _Tx, deed: Deed) -> None:
        """Write one or two documents that are there, or a new one."""
        chance = self.random.random()
        there = [each for id_ in {self._pick(), self._pick()} if (each := tx.get(id_)) is not None]
        if chance < 0.2 and there:
            deed.deletes.append(there[0].data)
            tx.delete_one(there[0].id)
        elif chance < 0.3 or not there:
            self._ids.append(tx.insert_one(self._value(deed)).id)
        else:
            for each in there[: self.random.randint(1, 2)]:
                tx.update_one(each.id, self._value(deed))

    # Single calls.

    async def _one_call(self) -> None:
        chance = self.random.random()
        if chance < 0.1:
            await self._insert_many(self.random.randint(0, 3))
        elif chance < 0.3:
            await self._update_group()
        elif chance < 0.4:
            await self._delete_some()
        else:
            await self._write_one(self._pick())

    async def _insert_many(self, count: int) -> None:
        async with self._deed() as deed:
            documents = await self.db.insert([self._value(deed) for _ in range(count)])
            self._ids += [document.id for document in documents]

    async def _write_one(self, id_: UUID) -> None:
        async with self._deed() as deed:
            chance = self.random.random()
            if chance < 0.2:
                self._ids.append((await self.db.insert_one(self._value(deed))).id)
            elif chance < 0.5:
                deed.deletes.append((await self.db.delete_one(id_)).data)
            elif not await self.db.update_one(id_, self._value(deed)):
                raise DocumentNotFound(id_)

    async def _update_group(self) -> None:
        """Move all documents of a group to others: a search and writes in one."""
        group = self.random.randrange(_GROUPS)
        before: list[Value] = []

        def move(data: Value) -> Value:
            before.append(data)
            return self._value(deed)

        async with self._deed() as deed:
            update = self.db.update_where(lambda data: data[0] == group)
            documents = await update.returning(move)
            ids = [document.id for document in documents]
            deed.searches[group] = dict(zip(ids, before, strict=True))

    async def _delete_some(self) -> None:
        """Delete about a third of a group."""
        group = self.random.randrange(_GROUPS)
        matches: list[Value] = []

        def matching(data: Value) -> bool:
            if data[0] == group and data[1] % 3 == 0:
                matches.append(data)
                return True
            return False

        async with self._deed() as deed:
            count = await self.db.delete_where(matching)
            assert count == len(matches)
            deed.deletes += matches

    async def _look(self) -> None:
        """Read a snapshot, and keep some."""
        async with self._deed() as deed:
            snapshot = self.db.snapshot()
            deed.seen, deed.may_be_dirty = snapshot.seq, self.reads_may_be_dirty
            documents = snapshot.find_all()
            deed.searches.update(_by_group(documents))
            if self.random.random() < 0.1:
                self._held.append((snapshot, documents))
            await trio.lowlevel.checkpoint()


def _by_group(documents: list[Document[Any]]) -> dict[int, dict[UUID, Value]]:
    """Give all that there is, as searches of every group would find it."""
    searches: dict[int, dict[UUID, Value]] = {group: {} for group in range(_GROUPS)}
    for document in documents:
        searches[document.data[0]][document.id] = document.data
    return searches
