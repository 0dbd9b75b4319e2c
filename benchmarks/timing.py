"""Taking time, fairly: what is compared takes turns, so that a drifting machine hits all alike."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")

Work = Callable[[Sequence[T]], Awaitable[object]]


def slices(items: Sequence[T], turns: int) -> list[Sequence[T]]:
    """Cut `items` into `turns` parts of about the same length, none of them empty."""
    turns = max(1, min(turns, len(items)))
    bounds = [len(items) * turn // turns for turn in range(turns + 1)]
    return [items[start:end] for start, end in pairwise(bounds)]


async def alternate(
    sides: Mapping[str, Work[T]], items: Sequence[T], *, turns: int = 10
) -> dict[str, float]:
    """Give the seconds that each side takes for one item, by its name.

    Every side is given all items, a part at a time, and the sides take turns with each part; which
    of them is first changes from part to part. The garbage collector runs as it does in a program.
    """
    seconds = dict.fromkeys(sides, 0.0)
    gc.collect()
    for turn, part in enumerate(slices(items, turns)):
        names = list(sides)[:: 1 if turn % 2 == 0 else -1]
        for name in names:
            start = time.perf_counter()
            await sides[name](part)
            seconds[name] += time.perf_counter() - start
    return {name: total / len(items) for name, total in seconds.items()}


Tasks = Callable[[Sequence[Callable[[], Awaitable[object]]]], Awaitable[None]]
"""Runs functions side by side, each in a task."""


async def rate(
    run_tasks: Tasks, step: Callable[[], Awaitable[object]], tasks: int, seconds: float
) -> float:
    """Give how many times a second `tasks` tasks together do `step`, for about `seconds`."""
    gc.collect()
    done = 0
    start = time.perf_counter()
    end = start + seconds

    async def task() -> None:
        nonlocal done
        while True:
            await step()
            done += 1
            if time.perf_counter() >= end:
                break

    await run_tasks([task] * tasks)
    return done / (time.perf_counter() - start)


async def alternate_rates(
    sides: Mapping[str, T], measure: Callable[[T], Awaitable[float]], *, turns: int = 3
) -> dict[str, float]:
    """Give the median rate of each side, by its name; the sides take turns."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(turns):
        for name in list(sides)[:: 1 if turn % 2 == 0 else -1]:
            rates[name].append(await measure(sides[name]))
    return {name: statistics.median(each) for name, each in rates.items()}


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value that `share` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
