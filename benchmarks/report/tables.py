"""Markdown tables, and figures as a reader can take them in."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any


def number(value: float) -> str:
    """Give a figure with three significant digits, and commas between thousands."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    return f"{rounded:,.{max(0, digits)}f}"


def with_spread(values: Sequence[float]) -> str:
    """Give the median of some rounds and, if there are several, how far they are from it."""
    median = statistics.median(values)
    if len(values) < 2 or not median:
        return number(median)
    farthest = max(abs(value - median) for value in values) / median
    return f"{number(median)} ±{farthest:.0%}"


def cell(figures: dict[str, Any] | None) -> str:
    """Give what stands in a peer's cell: the figure, or why there is none."""
    if figures is None:
        return ""
    if figures["cannot"]:
        return f"cannot: {figures['cannot']}"
    if not figures["values"]:
        return f"failed: {figures['failed'][0]}" if figures["failed"] else ""
    return with_spread(figures["values"])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give a Markdown table; all columns but the first are set to the right."""
    marks = ["---", *["---:"] * (len(head) - 1)]
    lines = [head, marks, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
