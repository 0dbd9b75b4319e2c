"""What the tests of isolation share: databases of plain values that need no thread."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from reddb import (
    BinDb,
    DbConfig,
    Document,
    Durability,
    FileStorage,
    JsonDb,
    MemDb,
    RedDb,
    RonDb,
    WriteOrder,
    YamlDb,
)
from reddb.testing.simulated_disk import SimulatedDisk

ALL: tuple[type[RedDb[Any]], ...] = (MemDb, BinDb, JsonDb, RonDb, YamlDb)


@frozen
class Base:
    """A database on a simulated disk (`MemDb` needs none)."""

    kind: type[RedDb[Any]] = JsonDb
    write_order: WriteOrder = WriteOrder.MEMORY_FIRST
    latency_s: float = 0.0
    disk: SimulatedDisk = field()

    @disk.default
    def _disk(self) -> SimulatedDisk:
        return SimulatedDisk(latency_s=self.latency_s)

    def open(
        self, document_type: Any = Any, **settings: Any
    ) -> contextlib.AbstractAsyncContextManager[RedDb[Any]]:
        """Open it."""
        settings = {"write_order": self.write_order, "durability": Durability.FSYNC} | settings
        storage = None if self.kind is MemDb else FileStorage(Path("x.log"), disk=self.disk)
        return self.kind.open(DbConfig("x", **settings), document_type, storage=storage)


def values(documents: Sequence[Document[Any]]) -> list[Any]:
    """Give the documents' data."""
    return [document.data for document in documents]
