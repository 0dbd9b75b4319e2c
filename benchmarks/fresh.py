"""A process of its own for each measurement, so that none inherits another's memory or threads."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import ParamSpec, TypeVar

Args = ParamSpec("Args")
R = TypeVar("R")


def in_fresh_process(fn: Callable[Args, R], *args: Args.args, **kwargs: Args.kwargs) -> R:
    """Call a function in a new interpreter; give what it returns, raise what it raises."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as executor:
        return executor.submit(fn, *args, **kwargs).result()
