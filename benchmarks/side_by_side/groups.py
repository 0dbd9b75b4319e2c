"""The groups of workloads by their names, and running one of them for one peer."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.peers import load
from benchmarks.peers.store import Peer
from benchmarks.side_by_side.cells import Cell, Size
from benchmarks.side_by_side.inserts import inserts
from benchmarks.side_by_side.mixed import mixed
from benchmarks.side_by_side.opening import opening
from benchmarks.side_by_side.operations import operations

GROUPS: dict[str, Callable[[Peer, Size, Path], Awaitable[list[Cell]]]] = {
    "inserts": inserts,
    "operations": operations,
    "mixed": mixed,
    "opening": opening,
}


def run_group(name: str, peer_name: str, size: Size) -> list[Cell]:
    """Run a group for a peer, here, in a directory of its own.

    Raises:
        ImportError: The peer's package is not installed.
    """
    peer = load(peer_name)
    if peer.inserts_only and name != "inserts":
        return []
    with tempfile.TemporaryDirectory(prefix="reddb-benchmark-") as directory:

        async def main() -> list[Cell]:
            return await GROUPS[name](peer, size, Path(directory))

        cells: list[Cell] = peer.run(main)
        return cells
