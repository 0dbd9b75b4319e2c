"""Driving generators that yield wherever other tasks may run.

The engine's pure parts do long work as such generators; who calls them decides what a yield is:
a checkpoint in a task, nothing in a plain call.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from reddb.actor.turns import let_others_run

R = TypeVar("R")


async def run_cooperatively(steps: Generator[None, None, R]) -> R:
    """Run `steps` to the end with a checkpoint before each; give what they return."""
    while True:
        await let_others_run()
        try:
            next(steps)
        except StopIteration as stop:
            result: R = stop.value
            return result


def run_at_once(steps: Generator[None, None, R]) -> R:
    """Run `steps` to the end without a pause; give what they return."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: R = stop.value
            return result
