"""How a campaign runs: until it is done, it hangs, or somebody ends it, and always in order.

To end what hangs a cancel scope with a deadline does not do: a database shields from cancellation
what must be brought to its end, and it is there that a hang would be. So an alarm signal does.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Self, TypeVarTuple

import trio
from attrs import define, field

HANG_S = 60.0
"""Whatever takes longer hangs: everything here is a matter of milliseconds."""

Args = TypeVarTuple("Args")


class Hang(Exception):
    """Something takes so long that it will never end."""

    def __str__(self) -> str:
        return f"nothing happened for {HANG_S} s"


@contextlib.contextmanager
def campaigning() -> Iterator[None]:
    """Take SIGTERM for Ctrl-C, so that it, too, leaves nothing behind; keep reddb's log silent.

    The log would tell of every failure that was made on purpose.
    """
    logger = logging.getLogger("reddb")
    level, before = logger.level, signal.signal(signal.SIGTERM, _interrupt)
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):  # Ctrl-C is ignored, as it is for a shell's background jobs.
        handler = signal.default_int_handler
    handler(signal.SIGINT, frame)


def _ring(_number: int, _frame: FrameType | None) -> None:
    raise Hang


@define(eq=False)
class Watchdog:
    """Raises `Hang` in the main thread when nobody has fed it for long; a context manager.

    Example:
        >>> with Watchdog() as watchdog:
        ...     for life in lives:
        ...         trio.run(life)
        ...         watchdog.feed()
    """

    _before: Any = field(default=None, init=False)
    """The handler that the signal had."""

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGALRM, _ring)
        self.feed()
        return self

    def __exit__(self, *error: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)

    def feed(self) -> None:
        """Begin to wait anew. Later it barks every second, until everybody has been woken."""
        signal.setitimer(signal.ITIMER_REAL, HANG_S, 1.0)


def attempt(fn: Callable[[*Args], Awaitable[str | None]], *args: *Args) -> str | None:
    """Run `fn` in trio; give the problem that it gives, or what it raises, or that it hangs."""
    try:
        with Watchdog():
            return trio.run(fn, *args)
    except Exception as error:  # Whatever it is, it is what is wrong.
        return told(error)


def told(error: BaseException) -> str:
    """Give an error in one line, and where it was raised; of a group, its first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, trio.TrioInternalError) and isinstance(error.__cause__, Hang):
        error = error.__cause__
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
