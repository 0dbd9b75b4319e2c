"""Progress bars: on standard error, only where that is a terminal, only for what takes long."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Final

import rich.progress
from attrs import define, field
from rich.console import Console
from rich.progress import (
    BarColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from reddb.api.progress import OnProgress, Progress

PATIENCE_S: Final = 0.3
"""Work that is done sooner shows no bar."""

_BETWEEN_S: Final = 0.05
"""A bar is not moved more often than this."""


@define(eq=False)
class Bar:
    """A bar that appears when work has taken a while. Get one from `progress`."""

    _what: str
    _console: Console
    _due_s: float = field(init=False)
    _progress: rich.progress.Progress | None = field(default=None, init=False)
    _task: TaskID = field(default=TaskID(0), init=False)

    def __attrs_post_init__(self) -> None:
        self._due_s = time.monotonic() + PATIENCE_S

    def __call__(self, done: int, total: int | None = None) -> None:
        """Say how much is done, and of how much if that is known, in any unit."""
        now_s = time.monotonic()
        if now_s < self._due_s or not self._console.is_terminal:
            return
        self._due_s = now_s + _BETWEEN_S
        if self._progress is None:
            self._progress = rich.progress.Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._progress.start()
            self._task = self._progress.add_task(self._what, total=total)
        self._progress.update(self._task, completed=done, total=total)

    def close(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()


@contextlib.contextmanager
def progress(what: str, console: Console) -> Iterator[Bar]:
    """Give a bar for the length of the body.

    Args:
        what: What is being done, such as ``Reading notes.json``.
        console: Where to show it.
    """
    bar = Bar(what, console)
    try:
        yield bar
    finally:
        bar.close()


def telling(bar: Bar) -> OnProgress:
    """Give the callback of a long job that moves a bar."""

    def tell(progress: Progress) -> None:
        bar(progress.done, progress.total)

    return tell
