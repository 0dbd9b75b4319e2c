"""Changes: what stands for a sequence of them reads as a list of them does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reddb.actor.changes import Change, ChangeRuns

bounds = st.none() | st.integers(-600, 600)


def runs_of(changes: Sequence[Change]) -> ChangeRuns:
    runs = ChangeRuns()
    for change in changes:
        runs.append(change)
    return runs


@pytest.fixture(scope="module", params=[0, 1, 127, 128, 129, 500])
def changes(request: pytest.FixtureRequest) -> list[Change]:
    """So many changes."""
    return [Change(key, None, b"") for key in range(request.param)]


def test_runs_are_the_changes_that_were_added(changes: list[Change]) -> None:
    runs = runs_of(changes)
    assert len(runs) == len(changes)
    assert [*runs] == changes
    assert [runs[at] for at in range(-len(changes), len(changes))] == changes * 2
    for at in (len(changes), -len(changes) - 1):
        with pytest.raises(IndexError):
            runs[at]


@given(start=bounds, stop=bounds, step=st.none() | st.integers(-3, 3).filter(bool))
def test_slices_of_runs_are_those_of_a_list(
    changes: list[Change], start: int | None, stop: int | None, step: int | None
) -> None:
    at = slice(start, stop, step)
    assert [*runs_of(changes)[at]] == changes[at]


@pytest.mark.parametrize("size", [64, 128, 256])
def test_runs_are_cut_as_a_list_is(changes: list[Change], size: int) -> None:
    runs = runs_of(changes)
    for at in range(0, len(changes), size):
        assert [*runs[at : at + size]] == changes[at : at + size]
