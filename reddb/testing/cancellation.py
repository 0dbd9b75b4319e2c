"""Cancelling a call at every moment that it can be cancelled at.

A call that raises `trio.Cancelled` must not have happened, and one that returns must have.
`cancel_everywhere` tries every moment there is, so that a test need not guess the bad one.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

import trio
from attrs import define

__all__ = ["cancel_everywhere"]


@define(eq=False)
class _Trigger(trio.abc.Instrument):
    """Cancels a scope after so many steps of the event loop's tasks."""

    _scope: trio.CancelScope
    _steps: int
    fired: bool = False

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count down; cancel at zero."""
        self._steps -= 1
        if self._steps == 0:
            self.fired = True
            self._scope.cancel()


async def cancel_everywhere(
    fn: Callable[[], Awaitable[object]],
    check: Callable[..., Awaitable[None] | None],
    *,
    runs_max: int = 10_000,
) -> int:
    """Run `fn` again and again, each time cancelled a step later, until it is cancelled no more.

    In the first run `fn` is cancelled at its first checkpoint. In each later one it is cancelled
    one step later: at its next checkpoint, or, while it waits there, as soon as another task has
    taken one more step. So it is also cancelled in the middle of what others do for it.

    Args:
        fn: An async function without arguments. What it needs must be there again for each run.
        check: Called after each run. If it takes an argument, that is whether `Cancelled` came out
            of `fn` (else `fn` returned). It asserts that `fn` did not happen, or did, and makes
            ready for the next run. It may be async; it is never cancelled.
        runs_max: After so many runs it is taken that there is no end.

    Returns:
        How many runs were cancelled or at least asked to be.

    Raises:
        AssertionError: `fn` did not come to an end in `runs_max` runs.
        Exception: Whatever `fn` or `check` raises; a note says in which run.

    Example:
        >>> async def insert():
        ...     await db.insert_one("new")
        >>> async def check(cancelled):
        ...     assert await db.delete_where(is_new) == (0 if cancelled else 1)
        >>> await cancel_everywhere(insert, check)
    """
    takes_outcome = _takes_argument(check)
    for run in range(runs_max):
        try:
            was_asked, cancelled = await _run_cancelled(fn, run)
            checked = check(cancelled) if takes_outcome else check()
            if inspect.isawaitable(checked):
                await checked
        except BaseException as error:
            error.add_note(f"in the run that was cancelled after {run} steps")
            raise
        if not was_asked:
            return run
    raise AssertionError(f"cancelled {runs_max} times at later and later steps, it has not ended")


def _takes_argument(check: Callable[..., object]) -> bool:
    try:
        return bool(inspect.signature(check).parameters)
    except ValueError:  # Some functions that are written in C do not say.
        return True


async def _run_cancelled(fn: Callable[[], Awaitable[object]], steps: int) -> tuple[bool, bool]:
    """Run `fn`, cancelled after so many steps; tell whether it came to that, and was cancelled."""
    with trio.CancelScope() as scope:
        if steps == 0:
            scope.cancel()
            await fn()
            return True, False
        trigger = _Trigger(scope, steps)
        trio.lowlevel.add_instrument(trigger)
        try:
            await fn()
        finally:
            trio.lowlevel.remove_instrument(trigger)
        return trigger.fired, False
    return True, True
