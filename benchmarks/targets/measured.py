"""What a measurement gives, and what several of them need."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from attrs import field, frozen


@frozen
class Measured:
    """What one round of a workload came to."""

    ratios: dict[str, float]
    """By the names of rows."""
    seconds: dict[str, float] = field(factory=dict)
    """What the ratios were made of, or what else was seen, by its name."""
    sizes: dict[str, float] = field(factory=dict)
    """As `seconds`, in bytes."""
    notes: list[str] = field(factory=list)
    """What a reader of the figures has to know."""


@contextlib.asynccontextmanager
async def directory_of_its_own() -> AsyncIterator[Path]:
    """Give an empty directory, for the length of a block."""
    with tempfile.TemporaryDirectory(prefix="reddb-benchmark-") as path:
        yield Path(path)
