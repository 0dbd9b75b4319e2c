"""Running the parts of a campaign, each in a process of its own where that is worth it."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from tests.campaigns.campaign import Report
from tests.campaigns.simulated.hangs import run_or_hang

JobT = TypeVar("JobT")

_MOST = "most "
"""How the names of figures begin that are not summed up."""


def reported(search: Callable[[JobT], Report], jobs: Iterable[JobT], *, alone: bool) -> Report:
    """Do all jobs, and put their reports together.

    Args:
        search: Does one job; a function of a module.
        jobs: What to do.
        alone: Whether all is done here, one after the other, and not in other processes.
    """
    if alone:
        return _merged(map(search, jobs))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return _merged(pool.map(search, jobs))


def _merged(reports: Iterable[Report]) -> Report:
    merged = Report()
    for report in reports:
        for what, count in report.tried.items():
            before = merged.tried[what]
            merged.tried[what] = max(before, count) if what.startswith(_MOST) else before + count
        for control, count in report.caught.items():
            merged.caught[control] += count
        merged.violations += report.violations
    return merged


def run_quietly(main: Callable[[], Awaitable[None]], seed: int) -> None:
    """Run `main` in trio without what reddb logs: torn tails are nothing special here.

    Raises:
        Hang: Every task waits for another.
        Exception: What `main` raises.
    """
    with _quiet():
        run_or_hang(main, seed)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("reddb")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before
