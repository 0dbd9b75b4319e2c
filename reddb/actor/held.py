"""Which snapshots somebody still holds, and since when, so that one that was forgotten is seen.

A snapshot keeps in memory what later commits have replaced, for as long as it is held. This keeps a
list of those that are, by the time at which they were taken. It holds none of them itself: one that
nobody else holds any more leaves the list by itself, in whichever thread it is let go. Adding one,
counting them and asking for the oldest each take the same time however many there are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import ref

T = TypeVar("T")


class Held(Generic[T]):
    """The snapshots of a database that somebody holds.

    Args:
        now: Gives the time in seconds. It never goes back.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        # An OrderedDict, for a dict takes ever longer to find its first entry when the first are
        # those that go.
        self._since: OrderedDict[ref[T], float] = OrderedDict()
        self._let_go = self._since.pop

    def add(self, snapshot: T) -> None:
        """Note that `snapshot`, which was just taken, is held."""
        self._since[ref(snapshot, self._let_go)] = self._now()

    def oldest(self) -> tuple[T, float] | None:
        """Give the one that was taken first, with its age in seconds, or None if there is none."""
        while self._since:
            try:
                reference, since = next(iter(self._since.items()))
            except (RuntimeError, StopIteration):
                continue  # Another thread has just let one go.
            snapshot = reference()
            if snapshot is not None:
                return snapshot, self._now() - since
        return None

    def __len__(self) -> int:
        return len(self._since)
