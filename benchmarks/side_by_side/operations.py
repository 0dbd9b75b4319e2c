"""Each operation by itself, on a database that has been filled: reads, writes, transactions."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from itertools import cycle
from pathlib import Path

from attrs import frozen

from benchmarks.documents import Person, people
from benchmarks.peers.store import Key, Peer, Store, toggled
from benchmarks.side_by_side.cells import Cell, Size, Table, level_of
from benchmarks.timing import rate

TASKS = 64
_FOUND = 100
"""How many documents a scan finds."""
_TOGETHER = 10
"""How many inserts a transaction has."""
_DELETES = 1000
"""How many documents are deleted."""


async def operations(peer: Peer, size: Size, directory: Path) -> list[Cell]:
    """Fill a database with one bulk insert, then read it, then change it."""
    table = Table(peer)
    documents = people(size.documents_for(peer))
    async with peer.open(directory / "operations", level_of(peer)) as store:
        keys: list[Key] = []

        async def bulk() -> float:
            start = time.perf_counter()
            keys.extend(await store.insert(documents))
            return len(documents) / (time.perf_counter() - start)

        await table.add("bulk insert, documents", "insert", bulk)
        if keys and "lookup" not in peer.cannot:
            await store.add_index()
        if keys:
            bench = _Bench(store, documents, keys, random.Random(1), size.seconds)
            await _reads(table, bench)
            await _writes(table, bench)
    return table.cells


@frozen
class _Bench:
    """A filled store and what workloads need to choose from."""

    store: Store
    documents: list[Person]
    keys: list[Key]
    chance: random.Random
    seconds: float

    def repeat(
        self, step: Callable[[], Awaitable[object]], tasks: int = 1
    ) -> Callable[[], Awaitable[float]]:
        """Give a measurement of how many times a second `step` can be done."""
        return lambda: rate(self.store.run_tasks, step, tasks, self.seconds)

    def key(self) -> Key:
        """Choose a document."""
        return self.keys[int(self.chance.random() * len(self.keys))]

    def range(self) -> tuple[float, float]:
        """Choose a range of scores that `_FOUND` documents have."""
        low = int(self.chance.random() * max(1, len(self.documents) - _FOUND)) * 0.5
        return low, low + _FOUND * 0.5


async def _reads(table: Table, bench: _Bench) -> None:
    store, choose = bench.store, bench.chance.choice

    async def look_up_in_snapshot() -> float:
        keys, lookup = [bench.key() for _ in range(10_000)], store.snapshot()
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < bench.seconds:
            for key in keys:
                lookup(key)
            done += len(keys)
        return done / (time.perf_counter() - start)

    await table.add("get", "get", bench.repeat(lambda: store.get(bench.key())))
    await table.add("get, snapshot", "snapshot", look_up_in_snapshot)
    by_team = bench.repeat(lambda: store.lookup(choose(bench.documents).team))
    await table.add("index lookup", "lookup", by_team)
    await table.add("filtered scan", "scan", bench.repeat(lambda: store.scan(*bench.range())))
    await table.add("ordered page", "page", bench.repeat(store.page))


async def _writes(table: Table, bench: _Bench) -> None:
    store = bench.store
    batches = cycle([bench.documents[at : at + _TOGETHER] for at in range(0, 1000, _TOGETHER)])
    numbers = {key: number for number, key in enumerate(bench.keys)}

    async def update() -> None:
        key = bench.key()
        await store.update_one(key, toggled(bench.documents[numbers[key]]))

    async def transaction() -> None:
        await store.transaction(next(batches))

    async def transact() -> None:
        await store.transact(bench.key())

    for tasks in 1, TASKS:
        await table.add(f"update_one {tasks}", "update_one", bench.repeat(update, tasks))
        await table.add(f"transact {tasks}", "transact", bench.repeat(transact, tasks))
        measure = bench.repeat(transaction, tasks)
        await table.add(f"transaction of 10 {tasks}", "transaction", measure)
    toggle = bench.repeat(lambda: store.update_where(*bench.range()))
    await table.add("update_where", "update_where", toggle)
    doomed = list(await store.insert(bench.documents[:_DELETES]))
    await table.add(f"delete_one {TASKS}", "delete_one", lambda: _delete(store, doomed))


async def _delete(store: Store, keys: list[Key]) -> float:
    """Delete documents from many tasks until none is left."""
    count = len(keys)

    async def task() -> None:
        while keys:
            await store.delete_one(keys.pop())

    start = time.perf_counter()
    await store.run_tasks([task] * TASKS)
    return count / (time.perf_counter() - start)
