"""Ends a run in which nothing can go on any more, instead of waiting for ever.

On a simulated disk without latency no task waits for anything but other tasks. Once all of them
wait there is nobody left to wake them: that is a hang. A `trio.fail_after` would not end it, since
what the writer has taken cannot be cancelled; so the tasks are woken with an exception.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NoReturn, TypeVar

import outcome
import trio
import trio.testing

from reddb.actor.mailbox import Call, CallStatus
from reddb.testing import run_seeded

R = TypeVar("R")


class Hang(Exception):  # It says what was found, not what went wrong here.
    """Every task waits for another."""


def run_or_hang(main: Callable[[], Awaitable[R]], seed: int) -> R:
    """Run `main` in trio, its tasks in an order that `seed` decides.

    Raises:
        Hang: Nothing could go on any more. It may come in an exception group.
        Exception: What `main` raises.
    """

    async def guarded() -> R:
        trio.lowlevel.spawn_system_task(_watch, trio.lowlevel.current_task())
        return await main()

    return run_seeded(seed, guarded)


async def _watch(main: trio.lowlevel.Task) -> None:
    while True:
        await trio.testing.wait_all_tasks_blocked()
        waiting = [*_waiting(main)]
        # First whoever waits for the writer: that may be all, and the writer can still end well.
        calls = [call for call in map(_call_of, waiting) if call is not None]
        for call in calls:
            call.answer(None, Hang("a call was taken, and never answered"))
        for task in [] if calls else waiting:
            assert task._abort_func is not None
            task._abort_func(_raise_hang)
            trio.lowlevel.reschedule(task, outcome.Error(Hang("every task waits for another")))


def _call_of(task: trio.lowlevel.Task) -> Call[Any] | None:
    """Give the call whose answer a task waits for, if the writer has taken it."""
    call = getattr(task._abort_func, "__self__", None)
    return call if isinstance(call, Call) and call.status is CallStatus.TAKEN else None


def _raise_hang() -> NoReturn:
    raise Hang("every task waits for another")


def _waiting(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    """Give the tasks, from `task` down, that wait for something else than tasks of their own."""
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from _waiting(child)
    is_leaving = any(nursery._parent_waiting_in_aexit for nursery in task.child_nurseries)
    if task._abort_func is not None and not is_leaving:
        yield task


def bare(error: BaseException) -> BaseException:
    """Give an exception without the groups around it, or the first in them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
