"""All workloads by their names. Each gives one round of one or more rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from benchmarks.targets import holds, latency, opening, reading, writing
from benchmarks.targets.measured import Measured

Workload = Callable[[int], Awaitable[Measured]]

WORKLOADS: dict[str, Workload] = {
    "memory-one": writing.memory_one,
    "memory-many": writing.memory_many,
    "fsync-one": writing.fsync_one,
    "durable-many": writing.durable_many,
    "durable-others": writing.durable_others,
    "durable-group": writing.durable_group,
    "get": reading.get,
    "index": reading.index,
    "scan": reading.scan,
    "bulk-memory": writing.bulk_memory,
    "bulk-file": writing.bulk_file,
    "open": opening.open_one_by_one,
    "open-compacted": opening.open_compacted,
    "open-linear": opening.open_linear,
    "memory": opening.memory,
    "hold": holds.hold,
    "latency": latency.latency,
}


def measure(name: str, documents: int) -> Measured:
    """Run one round of a workload, here."""
    return trio.run(WORKLOADS[name], documents)
