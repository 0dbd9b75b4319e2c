"""Sorting a million documents without holding the event loop for more than a moment.

`sorted_by` sorts runs of a few thousand each and then merges them. A merge goes in rounds: the
lowest of what lies a few places ahead in each run is the *pivot*, and what is below it is next in
the whole order: at most those few places of each run. They are put together and sorted at once,
which Python does fast, as they are runs again; then come the items equal to the pivot, run by run.
So the order is that of Python's stable sort, made of slices.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator
from typing import Any, Final, Generic, TypeAlias, TypeVar

from attrs import define

Item = TypeVar("Item")
Key: TypeAlias = Callable[[Any], Any]

RUN_ITEMS: Final = 4096
"""Items that are sorted at once."""

_ROUND_ITEMS: Final = 8192
"""About how many items a round of a merge may take from all runs together."""


def sorted_by(items: list[Item], key: Key, reverse: bool) -> Generator[None, None, list[Item]]:
    """Give `items` as ``sorted(items, key=key, reverse=reverse)`` would; yield now and then.

    Raises:
        Exception: Whatever `key`, or comparing what it gives, raises.
    """
    if len(items) <= RUN_ITEMS:
        return sorted(items, key=key, reverse=reverse)
    # Sorting what is reversed, and reversing that, leaves what is equal in its order.
    items = [*reversed(items)] if reverse else items
    runs: list[_Run[Item]] = []
    for first in range(0, len(items), RUN_ITEMS):
        part = items[first : first + RUN_ITEMS]
        runs.append(_Run.of(part, [key(item) for item in part]))
        yield
    merged = yield from _merged(runs)
    if reverse:
        merged.reverse()
    return merged


@define(eq=False)
class _Run(Generic[Item]):
    """Items in order with their keys, from `at` on; those before have been taken."""

    keys: list[Any]
    items: list[Item]
    at: int = 0

    @classmethod
    def of(cls, items: list[Item], keys: list[Any]) -> _Run[Item]:
        """Give the run of these items, in whatever order they are."""
        order = _order(keys)
        return cls([keys[each] for each in order], [items[each] for each in order])

    def take(self, end: int) -> slice:
        """Take the items up to the place `end`, if they are not taken yet."""
        start, self.at = self.at, max(self.at, end)
        return slice(start, self.at)


def _order(keys: list[Any]) -> list[int]:
    """Give the places of `keys` in the order of the keys."""
    return sorted(range(len(keys)), key=keys.__getitem__)


def _merged(runs: list[_Run[Item]]) -> Generator[None, None, list[Item]]:
    merged: list[Item] = []
    while runs:
        ahead = max(1, _ROUND_ITEMS // len(runs)) - 1
        pivot = min(run.keys[min(run.at + ahead, len(run.keys) - 1)] for run in runs)
        keys, items = list[Any](), list[Item]()
        for run in runs:
            part = run.take(bisect_left(run.keys, pivot, run.at))
            keys += run.keys[part]
            items += run.items[part]
        merged += [items[each] for each in _order(keys)]
        progress, yielded = len(items), len(merged)
        for run in runs:
            equal = run.items[run.take(bisect_right(run.keys, pivot, run.at))]
            merged += equal
            progress += len(equal)
            if len(merged) - yielded > _ROUND_ITEMS:
                yielded = len(merged)
                yield
        if not progress:  # Keys that have no order, such as NaN, come as they are.
            merged += runs[0].items[runs[0].take(runs[0].at + ahead + 1)]
        runs = [run for run in runs if run.at < len(run.keys)]
        yield
    return merged
