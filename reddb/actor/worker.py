"""A thread of one's own, for calls that follow each other: the hop of a commit to the disk.

`trio.to_thread` serves anybody. For each call it looks for a thread, or starts one, gives it a
context and a name, and asks a limiter. This thread is there, waits for the next call, and runs
nothing but that. A synced commit of one task takes a tenth less for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeAlias, TypeVar, TypeVarTuple

import outcome
import trio

from reddb.actor.turns import threads_at_work

R = TypeVar("R")
Args = TypeVarTuple("Args")

_Job: TypeAlias = tuple[
    trio.lowlevel.TrioToken, trio.lowlevel.Task, Callable[..., Any], tuple[Any, ...]
]


class Worker:
    """A thread that makes calls for tasks of trio, one after the other, in their order.

    The thread starts with the first call. It is a daemon: one that is never closed keeps no program
    from ending.

    Example:
        >>> worker = Worker()
        >>> await worker.run(os.fstat, fd)
        >>> worker.close()
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, fn: Callable[[*Args], R], *args: *Args) -> R:
        """Call `fn` in the thread.

        A call that was handed over is not abandoned when its task is cancelled.

        Raises:
            Exception: Whatever `fn` raises.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="reddb disk", daemon=True)
            self._thread.start()
        token, task = trio.lowlevel.current_trio_token(), trio.lowlevel.current_task()
        threads_at_work.append(None)
        self._jobs.put((token, task, fn, args))
        try:
            result: R = await trio.lowlevel.wait_task_rescheduled(_not_abandoned)
        finally:
            threads_at_work.pop()
        return result

    def close(self) -> None:
        """Have the thread end after the last call. No call may follow."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            token, task, fn, args = job
            result = outcome.capture(fn, *args)
            with suppress(trio.RunFinishedError):  # Trio has crashed; nobody waits any more.
                token.run_sync_soon(trio.lowlevel.reschedule, task, result)
            del job, token, task, fn, args, result  # To hold nothing while waiting.


def _not_abandoned(_: object) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.FAILED
