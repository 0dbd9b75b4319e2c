"""Sorting in slices gives what Python's sort gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reddb.actor import sorting
from reddb.actor.sorting import RUN_ITEMS, sorted_by
from reddb.actor.steps import run_at_once

KEYS: dict[str, Callable[[Any], Any]] = {
    "all equal": lambda pair: 0,
    "few": lambda pair: pair[0] % 3,
    "many": lambda pair: pair[0],
    "in order": lambda pair: pair[1],
    "against the order": lambda pair: -pair[1],
    "text": lambda pair: str(pair[0]),
}


def pairs(count: int) -> list[tuple[int, int]]:
    random = Random(count)
    return [(random.randrange(count), number) for number in range(count)]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("count", [RUN_ITEMS, RUN_ITEMS + 1, 5 * RUN_ITEMS + 7])
def test_it_is_the_stable_sort(count: int, name: str, reverse: bool) -> None:
    items = pairs(count)
    expected = sorted(items, key=KEYS[name], reverse=reverse)
    assert run_at_once(sorted_by(items, KEYS[name], reverse)) == expected
    assert items == pairs(count), "what is sorted stays as it was"


@given(st.lists(st.tuples(st.integers(0, 5), st.integers()), max_size=60), st.booleans())
def test_it_is_the_stable_sort_in_small_runs(items: list[tuple[int, int]], reverse: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorting, "RUN_ITEMS", 4)
        patch.setattr(sorting, "_ROUND_ITEMS", 6)
        found = run_at_once(sorted_by(items, lambda pair: pair[0], reverse))
    assert found == sorted(items, key=lambda pair: pair[0], reverse=reverse)


def test_keys_without_an_order_lose_no_item() -> None:
    items = [math.nan if number % 7 else float(number) for number in range(3 * RUN_ITEMS)]
    found = run_at_once(sorted_by(items, lambda item: item, False))
    assert sorted(map(str, found)) == sorted(map(str, items))
    subsets = [frozenset({number % 5, number % 3}) for number in range(3 * RUN_ITEMS)]
    some = run_at_once(sorted_by(subsets, lambda item: item, True))
    assert sorted(map(sorted, some)) == sorted(map(sorted, subsets))


def test_keys_that_cannot_be_compared_are_an_error() -> None:
    items: list[object] = [1] * RUN_ITEMS + ["one"] * RUN_ITEMS
    with pytest.raises(TypeError, match="not supported between"):
        run_at_once(sorted_by(items, lambda item: item, False))


def test_others_may_run_often() -> None:
    assert len(list(sorted_by(pairs(8 * RUN_ITEMS), lambda pair: pair[0], False))) > 8
