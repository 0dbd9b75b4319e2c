"""The mixed workloads A to F of YCSB, from 64 tasks.

Documents are chosen by a Zipfian distribution with YCSB's constant, 0.99. Workload E reads short
ranges; stores without an order of keys have none, so its range is one team's documents, which the
index gives.

Source: Cooper, Silberstein, Tam, Ramakrishnan and Sears, "Benchmarking cloud serving systems with
YCSB", SoCC 2010.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from itertools import accumulate, cycle
from pathlib import Path

from benchmarks.documents import Person, people
from benchmarks.peers.store import Key, Peer, Store, toggled
from benchmarks.side_by_side.cells import Cell, Size, Table, level_of
from benchmarks.timing import rate

TASKS = 64
_ZIPFIAN = 0.99
_CHOICES = 20_000

MIXES = {
    "A": "half reads, half updates",
    "B": "95 % reads, 5 % updates",
    "C": "reads alone",
    "D": "95 % reads of the latest, 5 % inserts",
    "E": "95 % index lookups, 5 % inserts",
    "F": "half reads, half reads that are written back",
}


async def mixed(peer: Peer, size: Size, directory: Path) -> list[Cell]:
    """Fill a database, then run the mixes on it, one after the other."""
    table = Table(peer)
    documents = people(size.documents_for(peer))
    async with peer.open(directory / "mixed", level_of(peer)) as store:
        keys = list(await store.insert(documents))
        if "lookup" not in peer.cannot:
            await store.add_index()
        for mix, step in _Mixes(store, documents, keys).steps().items():
            needs = {"E": "lookup", "F": "transact"}.get(mix, "get")

            async def measure(step: Callable[[], Awaitable[object]] = step) -> float:
                return await rate(store.run_tasks, step, TASKS, size.seconds)

            await table.add(f"YCSB {mix}", needs, measure)
    return table.cells


class _Mixes:
    """The steps of each mix, on one store."""

    def __init__(self, store: Store, documents: list[Person], keys: list[Key]) -> None:
        self._store = store
        self._documents = documents
        self._keys = keys
        self._chance = random.Random(2)  # No secret.
        self._supply = cycle(documents)
        ranks = self._zipfian(len(keys))
        shuffled = self._chance.sample(range(len(keys)), len(keys))
        self._popular = cycle([shuffled[rank] for rank in ranks])
        self._recent = cycle(ranks)

    def _zipfian(self, count: int) -> list[int]:
        """Choose ranks below `count`, the first ones most often."""
        weights = list(accumulate(1 / rank**_ZIPFIAN for rank in range(1, count + 1)))
        return self._chance.choices(range(count), cum_weights=weights, k=_CHOICES)

    def steps(self) -> dict[str, Callable[[], Awaitable[object]]]:
        """Give what each mix repeats."""
        return {
            "A": self._mix(0.5, self._read, self._update),
            "B": self._mix(0.95, self._read, self._update),
            "C": self._read,
            "D": self._mix(0.95, self._read_latest, self._insert),
            "E": self._mix(0.95, self._look_up, self._insert),
            "F": self._mix(0.5, self._read, self._write_back),
        }

    def _mix(
        self,
        share: float,
        often: Callable[[], Awaitable[object]],
        otherwise: Callable[[], Awaitable[object]],
    ) -> Callable[[], Awaitable[object]]:
        return lambda: often() if self._chance.random() < share else otherwise()

    async def _read(self) -> None:
        await self._store.get(self._keys[next(self._popular)])

    async def _read_latest(self) -> None:
        await self._store.get(self._keys[-1 - next(self._recent)])

    async def _look_up(self) -> None:
        await self._store.lookup(self._documents[next(self._popular)].team)

    async def _update(self) -> None:
        number = next(self._popular)
        await self._store.update_one(self._keys[number], toggled(self._documents[number]))

    async def _insert(self) -> None:
        self._keys.append(await self._store.insert_one(next(self._supply)))

    async def _write_back(self) -> None:
        await self._store.transact(self._keys[next(self._popular)])
