"""Changes: what stands for a sequence of them reads as a list of them does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reddb.actor.changes import RUN_CHANGES, Change, ChangeRuns
from reddb.actor.scan import sliced

RunsOf: TypeAlias = Callable[[Sequence[Change]], ChangeRuns]

bounds = st.none() | st.integers(-600, 600)


def one_by_one(changes: Sequence[Change]) -> ChangeRuns:
    runs = ChangeRuns()
    for change in changes:
        runs.append(change)
    return runs


def run_by_run(changes: Sequence[Change]) -> ChangeRuns:
    runs = ChangeRuns()
    for run in sliced(changes, RUN_CHANGES):
        runs.append_run(run)
    return runs


def in_turn(changes: Sequence[Change]) -> ChangeRuns:
    runs = ChangeRuns()
    for number, run in enumerate(sliced(changes, RUN_CHANGES)):
        if number % 2:
            runs.append_run(run)
        else:
            for change in run:
                runs.append(change)
    return runs


@pytest.fixture(
    scope="module",
    params=[one_by_one, run_by_run, in_turn],
    ids=lambda fn: fn.__name__,
)
def runs_of(request: pytest.FixtureRequest) -> RunsOf:
    """How runs come about."""
    made: RunsOf = request.param
    return made


@pytest.fixture(scope="module", params=[0, 1, 127, 128, 129, 500])
def changes(request: pytest.FixtureRequest) -> list[Change]:
    """So many changes."""
    return [Change(key, None, b"") for key in range(request.param)]


def test_runs_are_the_changes_that_were_added(runs_of: RunsOf, changes: list[Change]) -> None:
    runs = runs_of(changes)
    assert len(runs) == len(changes)
    assert [*runs] == changes
    assert [runs[at] for at in range(-len(changes), len(changes))] == changes * 2
    for at in (len(changes), -len(changes) - 1):
        with pytest.raises(IndexError):
            runs[at]


@given(start=bounds, stop=bounds, step=st.none() | st.integers(-3, 3).filter(bool))
def test_slices_of_runs_are_those_of_a_list(
    runs_of: RunsOf,
    changes: list[Change],
    start: int | None,
    stop: int | None,
    step: int | None,
) -> None:
    at = slice(start, stop, step)
    assert [*runs_of(changes)[at]] == changes[at]


@pytest.mark.parametrize("size", [64, 128, 256])
def test_runs_are_cut_as_a_list_is(runs_of: RunsOf, changes: list[Change], size: int) -> None:
    runs = runs_of(changes)
    for at in range(0, len(changes), size):
        assert [*runs[at : at + size]] == changes[at : at + size]


def test_a_slice_that_is_a_run_is_that_run() -> None:
    changes = [Change(key, None, b"") for key in range(200)]
    first, last = changes[:128], changes[128:]
    runs = ChangeRuns()
    runs.append_run(first)
    runs.append_run(last)
    assert runs[:128] is first and runs[128:256] is last


@pytest.mark.parametrize("begun", [1, 127])
def test_a_short_run_is_the_last(begun: int) -> None:
    changes = [Change(1, None, b"")] * begun
    for runs in (one_by_one(changes), run_by_run(changes)):
        with pytest.raises(AssertionError, match="a short run is the last"):
            runs.append_run(changes)
    with pytest.raises(AssertionError, match="a short run is the last"):
        run_by_run(changes).append(changes[0])


@pytest.mark.parametrize("size", [0, 129])
def test_a_run_is_neither_empty_nor_long(size: int) -> None:
    with pytest.raises(AssertionError, match="1 to 128"):
        ChangeRuns().append_run([Change(1, None, b"")] * size)
