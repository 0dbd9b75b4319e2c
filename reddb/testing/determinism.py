"""Runs that take the same course again: one seed, one history, byte for byte in the log.

What differs from run to run of a trio program is in which order trio runs the tasks that are
ready, what time it is, and what is drawn at random. `run_seeded` draws all of these from one seed.
What comes from outside, such as threads and the real disk, it cannot: use `MemDb`, or the
simulated disk.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from random import Random
from typing import TypeVar
from uuid import UUID

import trio
import trio.testing

__all__ = ["run_seeded", "seeded_bytes", "seeded_id", "seeded_random"]

R = TypeVar("R")

_RANDOM: ContextVar[Random] = ContextVar("reddb.testing.determinism")


def run_seeded(seed: int, async_fn: Callable[..., Awaitable[R]], *args: object) -> R:
    """Run a trio program such that its course depends on `seed` alone; give its result.

    It runs under a `trio.testing.MockClock` that jumps over all waiting. Ids are drawn from the
    seed where a database is opened with `seeded_id` and its storage made with `seeded_bytes`.

    Args:
        seed: Each gives another course.
        async_fn: The main function, as for `trio.run`.
        args: What it is given.

    Raises:
        Exception: Whatever `async_fn` raises, with a note that tells the seed.

    Example:
        >>> async def main():
        ...     disk = SimulatedDisk(latency_s=0.01)
        ...     storage = FileStorage("notes.json", disk=disk, random_bytes=seeded_bytes)
        ...     config = DbConfig("notes", new_id=seeded_id)
        ...     async with JsonDb.open(config, str, storage=storage) as db:
        ...         await db.insert_one("tea")
        ...     return disk.content("notes.json")
        >>> assert run_seeded(1, main) == run_seeded(1, main)
    """
    token = _RANDOM.set(Random(f"program {seed}"))  # noqa: S311  # Repeatable, not secret.
    try:
        with _seeded_scheduler(seed):
            clock = trio.testing.MockClock(autojump_threshold=0)
            return trio.run(async_fn, *args, clock=clock)
    except BaseException as error:
        error.add_note(f"in run_seeded({seed}, ...)")
        raise
    finally:
        _RANDOM.reset(token)


def seeded_random() -> Random:
    """Give the run's source of chance; all of the run draws from this one.

    Raises:
        RuntimeError: This is not in a program that `run_seeded` runs.
    """
    try:
        return _RANDOM.get()
    except LookupError:
        raise RuntimeError("this works only in a program that run_seeded() runs") from None


def seeded_bytes(count: int) -> bytes:
    """Give so many bytes, as `os.urandom` does: for `FileStorage(..., random_bytes=...)`.

    Raises:
        RuntimeError: This is not in a program that `run_seeded` runs.
    """
    return seeded_random().randbytes(count)


def seeded_id() -> UUID:
    """Give a new id: for `DbConfig(..., new_id=...)`.

    Raises:
        RuntimeError: This is not in a program that `run_seeded` runs.
    """
    return UUID(bytes=seeded_bytes(16), version=4)


@contextlib.contextmanager
def _seeded_scheduler(seed: int) -> Iterator[None]:
    """Have trio order its tasks by `seed`, as pytest-trio has it do under Hypothesis."""
    scheduler = trio._core._run  # noqa: SLF001  # There is no public way.
    chance = scheduler._r  # noqa: SLF001
    before = chance.getstate(), scheduler._ALLOW_DETERMINISTIC_SCHEDULING  # noqa: SLF001
    chance.seed(f"scheduler {seed}")
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]  # noqa: SLF001
    try:
        yield
    finally:
        chance.setstate(before[0])
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = before[1]  # type: ignore[misc]  # noqa: SLF001
