"""Short form of the campaign of histories, and the checker against histories that are wrong.

``python -m tests.campaigns histories`` runs it in full.
"""

from __future__ import annotations

import random
from uuid import UUID

import pytest

from tests.campaigns import histories
from tests.campaigns.history_checker import Committed, Deed, violations

A, B = UUID(int=1), UUID(int=2)


def test_random_histories_are_strictly_serializable() -> None:
    report = histories.CAMPAIGN.run(0.002, random.getrandbits(32))
    assert not report.violations
    assert min(report.tried.values())
    assert min(report.caught.values()), f"a negative control was not caught: {report.caught}"


def test_one_seed_gives_one_history() -> None:
    first, second = histories.record(5), histories.record(5)
    assert first.counts == second.counts
    assert [each.changes for each in first.commits] == [each.changes for each in second.commits]


def deed(began: int, ended: int, **noted: object) -> Deed:
    """Give a transaction that committed."""
    made = Deed(began, ended=ended, committed=True)
    for name, value in noted.items():
        setattr(made, name, value)
    return made


FIRST = Committed(1, [(A, None, (0, 1)), (B, None, (0, 2))])
WROTE_FIRST = {"writes": [(0, 1), (0, 2)]}
WRONG: dict[str, tuple[list[Deed], list[Committed]]] = {
    "a lost update": (
        [
            deed(1, 2, **WROTE_FIRST),
            deed(3, 5, writes=[(0, 3)], gets={A: (0, 1)}),
            deed(4, 6, writes=[(0, 4)], gets={A: (0, 1)}),
        ],
        [FIRST, Committed(2, [(A, (0, 1), (0, 3))]), Committed(3, [(A, (0, 3), (0, 4))])],
    ),
    "write skew": (
        [
            deed(1, 2, **WROTE_FIRST),
            deed(3, 5, writes=[(0, 3)], gets={A: (0, 1), B: (0, 2)}),
            deed(4, 6, writes=[(0, 4)], gets={A: (0, 1), B: (0, 2)}),
        ],
        [FIRST, Committed(2, [(A, (0, 1), (0, 3))]), Committed(3, [(B, (0, 2), (0, 4))])],
    ),
    "a phantom": (
        [
            deed(1, 2, **WROTE_FIRST),
            deed(3, 5, writes=[(1, 3)], searches={1: {}}),
            deed(4, 6, writes=[(1, 4)], searches={1: {}}),
        ],
        [
            FIRST,
            Committed(2, [(A, (0, 1), (1, 3))]),
            Committed(3, [(B, (0, 2), (1, 4))]),
        ],
    ),
    "a torn commit": ([deed(1, 2, **WROTE_FIRST)], [Committed(1, [(A, None, (0, 1))])]),
    "a lost commit": ([deed(1, 2, **WROTE_FIRST)], []),
    "a gap": ([], [Committed(2, [])]),
    "an aborted write": ([Deed(1, ended=2, writes=[(0, 1)])], [FIRST]),
    "a stale read": (
        [deed(1, 2, **WROTE_FIRST), deed(3, 4, seen=0, gets={A: None})],
        [FIRST],
    ),
    "a read of what is nowhere": ([deed(1, 2, seen=0, gets={A: (0, 9)})], []),
    "a read of what was taken back": ([deed(1, 2, seen=1, gets={A: (0, 9)})], []),
    "a change that nobody made": (
        [deed(1, 2, **WROTE_FIRST)],
        [FIRST, Committed(2, [(A, (0, 1), None)])],
    ),
    "a deletion that was cancelled": (
        [deed(1, 2, **WROTE_FIRST), Deed(3, ended=4, deletes=[(0, 1)])],
        [FIRST, Committed(2, [(A, (0, 1), None)])],
    ),
    "a change beside those that were made": (
        [deed(1, 2, writes=[(0, 1)])],
        [FIRST],
    ),
    "commits out of real order": (
        [deed(3, 4, **WROTE_FIRST), deed(1, 2, writes=[(0, 5)])],
        [FIRST, Committed(2, [(A, (0, 1), (0, 5))])],
    ),
    "an update of what is not there": ([], [Committed(1, [(A, (0, 9), (0, 1))])]),
}


@pytest.mark.parametrize(("deeds", "commits"), WRONG.values(), ids=WRONG)
def test_a_wrong_history_is_caught(deeds: list[Deed], commits: list[Committed]) -> None:
    assert list(violations(deeds, commits))


def test_a_right_history_passes() -> None:
    deeds = [
        deed(1, 2, **WROTE_FIRST),
        deed(3, 5, writes=[(1, 3)], gets={A: (0, 1)}, searches={0: {A: (0, 1), B: (0, 2)}}),
        deed(4, 6, seen=1, searches={0: {A: (0, 1), B: (0, 2)}, 1: {}}),
        deed(7, 8, seen=2, searches={0: {B: (0, 2)}, 1: {A: (1, 3)}}),
        Deed(9, ended=10, writes=[(0, 7)]),
        deed(11, 12, seen=4, gets={A: (0, 7)}, may_be_dirty=True),
        deed(13, 14, deletes=[(1, 3)]),
    ]
    commits = [FIRST, Committed(2, [(A, (0, 1), (1, 3))]), Committed(3, [(A, (1, 3), None)])]
    assert list(violations(deeds, commits)) == []
