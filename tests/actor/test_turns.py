"""Work that takes long lets threads run beside it."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import trio

from reddb.actor.disk import RealDisk
from reddb.actor.steps import run_cooperatively

WRITES = 50
SLICES_MAX = 20_000


async def test_a_thread_gets_on_beside_work_that_takes_long(tmp_path: Path) -> None:
    """Each write makes a thread ask for the interpreter's lock, more than once."""
    file = await RealDisk().create(tmp_path / "file")
    written = slices = 0

    async def write() -> None:
        nonlocal written
        while written < WRITES:
            await file.write(0, b"x", sync=True)
            written += 1

    def work() -> Generator[None, None, None]:
        nonlocal slices
        while written < WRITES and slices < SLICES_MAX:
            slices += 1
            sum(range(10_000))  # A fraction of a millisecond, in which the lock is kept.
            yield

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        await run_cooperatively(work())
    assert slices < SLICES_MAX
    await file.aclose()
