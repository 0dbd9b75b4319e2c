"""What a campaign is, and what it reports."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

from attrs import define, field, frozen


@define
class Report:
    """What a campaign tried and found.

    Example:
        >>> report = Report()
        >>> report.tried["crash states"] += 1
        >>> report.violations.append("state 17: commit 3 was acknowledged and is gone")
    """

    tried: Counter[str] = field(factory=Counter)
    """How many of what were tried."""
    caught: Counter[str] = field(factory=Counter)
    """For each negative control, how often the missing protection was noticed; 0 is a failure."""
    violations: list[str] = field(factory=list)
    """Each broken promise, in one line that tells how to see it again."""
    skipped: str | None = None
    """Why the machine does not allow this campaign; None if it ran."""

    @property
    def passed(self) -> bool:
        """Whether something was tried, every promise kept, and every negative control caught."""
        return (
            not self.violations
            and self.tried.total() > 0
            and bool(self.caught)
            and all(self.caught.values())
        )


LOST = r"was promised|is no state there ever was|DataCorrupted"
"""How it shows, in what the campaigns on the simulated disk say, that commits are lost."""


def noticed(violations: Iterable[str], sign: str) -> int:
    """Count the violations that a missing protection shows itself by.

    Args:
        violations: What was found without it.
        sign: A regular expression for what it leads to. Other violations do not count: a negative
            control must be caught for what it lacks.
    """
    return sum(re.search(sign, violation) is not None for violation in violations)


class Unsupported(Exception):  # It says what the machine is, not what went wrong.
    """This machine does not allow the campaign; the message says why."""


@frozen
class Campaign:
    """One campaign.

    Attributes:
        name: What the command line calls it.
        summary: What it does, in one line.
        run: Runs it: given how much to try (1.0 is the long campaign, a test takes much less) and
            a seed. Raises `Unsupported` where the machine does not allow it.
    """

    name: str
    summary: str
    run: Callable[[float, int], Report]
