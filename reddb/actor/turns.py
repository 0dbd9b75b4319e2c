"""Turns: how long work lets other tasks run, and the threads that keep commits.

A checkpoint of trio alone does not let a thread run. A thread that is back from the disk needs the
interpreter's lock. trio gives the lock up while it looks for events, but takes it back within a
microsecond, before the thread has woken; and as it was given up, the thread does not demand it
either, as it would of code that keeps it for `sys.getswitchinterval`. A scan of seconds, with a
checkpoint every fraction of a millisecond, would hold up a commit until its end.

So as long as a thread is at work, others are let run for longer: for a short sleep, in which the
thread takes the lock, and for the turns of the scheduler that a commit takes from there, through
the writer to its task, and that the task's next commit takes on its way to the thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar, TypeVarTuple

import trio

R = TypeVar("R")
Args = TypeVarTuple("Args")

_PAUSE_SECONDS: Final = 10e-6
"""How long a thread is waited for: with what the kernel adds, about 60 microseconds."""

_TURNS: Final = 4
"""How many turns more a commit is given."""

threads_at_work: Final[list[None]] = []
"""An item for each, of all databases of the process, as the interpreter's lock is for all of it.

Programs may run trio in several threads, in which a list is changed safely and a number is not.
"""


class _NoLimit:
    """A limiter for `trio.to_thread.run_sync` that never waits.

    A `trio.CapacityLimiter` takes a turn of the scheduler even if it is free.
    """

    async def acquire_on_behalf_of(self, _borrower: object) -> None:
        """Let the borrower go on at once."""

    def release_on_behalf_of(self, _borrower: object) -> None:
        """Do nothing."""


_NO_LIMIT: Any = _NoLimit()  # Any: trio takes what has these methods, its annotation does not.


async def run_in_thread(fn: Callable[[*Args], R], *args: *Args) -> R:
    """Call `fn` in a worker thread, whatever the application's threads are busy with."""
    threads_at_work.append(None)
    try:
        return await trio.to_thread.run_sync(fn, *args, limiter=_NO_LIMIT)
    finally:
        threads_at_work.pop()


async def let_others_run() -> None:
    """Be a checkpoint, which work that takes long passes every fraction of a millisecond."""
    await trio.lowlevel.checkpoint()
    if threads_at_work:
        time.sleep(_PAUSE_SECONDS)  # noqa: ASYNC251  # To give up the lock, not to wait.
        for _ in range(_TURNS):
            await trio.lowlevel.checkpoint()
