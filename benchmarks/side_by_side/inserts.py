"""Inserting one document a call, at every level, from one task and from many."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import cycle
from pathlib import Path

from benchmarks.documents import people
from benchmarks.peers.store import Level, Peer
from benchmarks.side_by_side.cells import Cell, Size, Table
from benchmarks.timing import rate


async def inserts(peer: Peer, size: Size, directory: Path) -> list[Cell]:
    """Insert into a database that is empty at first, for each level and count of tasks."""
    table = Table(peer)
    for level in Level:
        for tasks in size.tasks:
            path = directory / f"{level.name}-{tasks}".lower()
            measure = _measure(peer, level, tasks, size.seconds, path)
            await table.add(f"insert_one {level.value} {tasks}", level.value, measure)
    return table.cells


def _measure(
    peer: Peer, level: Level, tasks: int, seconds: float, path: Path
) -> Callable[[], Awaitable[float]]:
    async def measure() -> float:
        supply = cycle(people(1000))
        async with peer.open(path, level) as store:
            return await rate(
                store.run_tasks, lambda: store.insert_one(next(supply)), tasks, seconds
            )

    return measure
