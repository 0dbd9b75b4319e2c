"""Opening a database that is there: until its first document is read, and what memory it takes."""

from __future__ import annotations

import math
import time
from functools import partial
from pathlib import Path

from attrs import frozen

from benchmarks.documents import people
from benchmarks.fresh import in_fresh_process
from benchmarks.limits import encode
from benchmarks.memory import resident_bytes
from benchmarks.peers.store import Key, Level, Peer
from benchmarks.side_by_side.cells import Cell, Size, Table


async def opening(peer: Peer, size: Size, directory: Path) -> list[Cell]:
    """Fill databases of several sizes, and open each in a process of its own."""
    table = Table(peer)
    for count in size.open_documents:
        if count > (peer.documents_max or count):
            continue
        measure = partial(_fill_and_open, peer, directory / str(count), count)
        opened = await table.attempt(f"open {count}, seconds", "FSYNC", measure)
        if opened is None:
            continue
        table.cells.append(Cell(f"open {count}, seconds", opened.seconds))
        if count == min(max(size.open_documents), size.documents_for(peer)):
            encoded = sum(len(encode(person)) for person in people(count))
            table.cells.append(Cell("memory, opened", opened.opened_bytes / encoded))
            table.cells.append(Cell("memory, all read", opened.read_bytes / encoded))
    return table.cells


@frozen
class _Opened:
    """What opening a database came to."""

    seconds: float
    """Until the first document was there."""
    opened_bytes: int
    """By how much the process had grown then."""
    read_bytes: int
    """By how much it had grown when everything had been read once."""


async def _fill_and_open(peer: Peer, path: Path, count: int) -> _Opened:
    async with peer.open(path, Level.FSYNC) as store:
        key = (await store.insert(people(count)))[0]
    return in_fresh_process(_open, peer, path, key)


def _open(peer: Peer, path: Path, key: Key) -> _Opened:
    async def measure() -> _Opened:
        before = resident_bytes()
        start = time.perf_counter()
        async with peer.open(path, Level.FSYNC) as store:
            await store.get(key)
            seconds = time.perf_counter() - start
            opened_bytes = resident_bytes() - before
            await store.scan(-math.inf, math.inf)
            return _Opened(seconds, opened_bytes, resident_bytes() - before)

    result: _Opened = peer.run(measure)
    return result
