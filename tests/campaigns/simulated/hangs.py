"""Ends a run in which nothing can go on any more, instead of waiting for ever.

On a simulated disk without latency no task waits for anything but other tasks. Once all of them
wait there is nobody left to wake them: that is a hang. A `trio.fail_after` would not end it, since
the database shields what must not be cancelled, so every task is woken with an exception.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar
from unittest import mock

import outcome
import trio
import trio.testing

R = TypeVar("R")


class Hang(Exception):  # It says what was found, not what went wrong here.
    """Every task waits for another."""


def run_or_hang(main: Callable[[], Awaitable[R]], seed: int) -> R:
    """Run `main` in trio, its tasks in an order that `seed` decides.

    Raises:
        Hang: Nothing could go on any more. It may come in an exception group.
        Exception: What `main` raises.
    """
    # trio shuffles the tasks that are ready; these two make that repeatable.
    core: Any = trio._core._run
    core._r.seed(seed)

    async def guarded() -> R:
        trio.lowlevel.spawn_system_task(_watch, trio.lowlevel.current_task())
        return await main()

    with mock.patch.object(core, "_ALLOW_DETERMINISTIC_SCHEDULING", True):
        return trio.run(guarded)


async def _watch(main: trio.lowlevel.Task) -> None:
    while True:
        await trio.testing.wait_all_tasks_blocked()
        for task in _below(main):
            if task._abort_func is not None:  # It is parked, and nobody has woken it yet.
                trio.lowlevel.reschedule(task, outcome.Error(Hang("every task waits")))


def _below(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    yield task
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from _below(child)


def bare(error: BaseException) -> BaseException:
    """Give an exception without the groups around it, or the first in them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
