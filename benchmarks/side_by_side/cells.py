"""What one workload came to, for one peer in one round; and how large a run is."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from attrs import field, frozen

from benchmarks.peers.store import Level, Peer

R = TypeVar("R")


@frozen
class Size:
    """How large a run is."""

    documents: int = 100_000
    """How many documents the databases hold that are read and changed."""
    seconds: float = 0.3
    """How long each workload is repeated."""
    open_documents: tuple[int, ...] = (1000, 10_000, 100_000)
    """How many documents the databases hold that are opened."""
    tasks: tuple[int, ...] = (1, 8, 64, 512)

    def documents_for(self, peer: Peer) -> int:
        """Give how many documents a peer is given."""
        return min(self.documents, peer.documents_max or self.documents)


@frozen
class Cell:
    """A place in a table: what was measured there, or why nothing was."""

    workload: str
    value: float | None = None
    """In operations per second unless the workload's name says otherwise."""
    cannot: str = ""
    """Why the peer has no way to do it."""
    failed: str = ""
    """The exception that ended it."""


_SECONDS_MAX = 60.0
"""A peer that has taken so long for a group of workloads is not asked to do the rest of them."""


@frozen
class Table:
    """Collects the cells of a group of workloads, for one peer."""

    peer: Peer
    cells: list[Cell] = field(factory=list)
    _start: float = field(factory=time.perf_counter)

    async def add(self, workload: str, needs: str, measure: Callable[[], Awaitable[float]]) -> None:
        """Measure a workload, unless the peer cannot do what it `needs`; note what fails."""
        value = await self.attempt(workload, needs, measure)
        if value is not None:
            self.cells.append(Cell(workload, value))

    async def attempt(
        self, workload: str, needs: str, measure: Callable[[], Awaitable[R]]
    ) -> R | None:
        """Give what `measure` gives, or None and have a cell say why."""
        if reason := self.peer.cannot.get(needs):
            self.cells.append(Cell(workload, cannot=reason))
            return None
        if time.perf_counter() - self._start > _SECONDS_MAX:
            self.cells.append(Cell(workload, failed=f"not within {_SECONDS_MAX:g} s"))
            return None
        try:
            return await measure()
        except Exception as error:  # A peer that fails does not end the run.
            self.cells.append(Cell(workload, failed=f"{type(error).__name__}: {error}"))
            return None


def level_of(peer: Peer) -> Level:
    """Give the level at which a peer is asked to do everything: synced, if it can."""
    return Level.MEMORY if Level.FSYNC.value in peer.cannot else Level.FSYNC
