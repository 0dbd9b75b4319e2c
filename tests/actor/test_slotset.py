"""The persistent set of slots does what a sorted set does, and old versions stay as they were."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reddb.actor.slotset import SlotSet

slots = st.integers(0, 600) | st.integers(0, 1 << 40)
operations = st.lists(st.tuples(st.booleans(), slots), max_size=400)


def filled(numbers: list[int]) -> SlotSet:
    slot_set = SlotSet()
    for number in numbers:
        slot_set = slot_set.add(number)
    return slot_set


def contents(slot_set: SlotSet) -> list[int]:
    numbers = list(slot_set)
    assert len(numbers) == len(slot_set)
    assert all(len(leaf) <= 128 for leaf in slot_set.leaves())
    assert all(number in slot_set for number in numbers)
    return numbers


@given(operations)
def test_it_is_a_sorted_set_and_old_versions_stay(steps: list[tuple[bool, int]]) -> None:
    slot_set, model = SlotSet(), set[int]()
    versions = [(slot_set, model)]
    for adding, slot in steps:
        slot_set = slot_set.add(slot) if adding else slot_set.discard(slot)
        model = model | {slot} if adding else model - {slot}
        assert (slot in slot_set) is (slot in model)
        versions.append((slot_set, model))
    for version, expected in versions[:: max(len(versions) // 20, 1)]:
        assert contents(version) == sorted(expected)


@pytest.mark.parametrize("order", ["rising", "falling", "shuffled"])
def test_a_tree_of_several_levels_grows_and_shrinks(order: str) -> None:
    numbers = list(range(0, 60_000, 3))
    if order == "falling":
        numbers.reverse()
    elif order == "shuffled":
        random.Random(7).shuffle(numbers)
    slot_set = filled(numbers)
    assert contents(slot_set) == sorted(numbers)
    assert 1 not in slot_set
    kept = set(numbers[::7])
    for number in numbers:
        slot_set = slot_set if number in kept else slot_set.discard(number)
    assert contents(slot_set) == sorted(kept)
    for number in kept:
        slot_set = slot_set.discard(number)
    assert contents(slot_set.add(5)) == [5]


def test_leaves_that_are_filled_in_rising_order_are_full() -> None:
    sizes = [len(leaf) for leaf in filled(list(range(1000))).leaves()]
    assert sizes[:-1] == [128] * (len(sizes) - 1)


def test_leaves_that_are_filled_elsewhere_are_half_full_at_least() -> None:
    sizes = [len(leaf) for leaf in filled(list(range(1000, 0, -1))).leaves()]
    assert min(sizes) >= 64


@pytest.mark.parametrize("count", [0, 1, 300])
def test_adding_and_discarding_nothing_new_gives_the_same_set(count: int) -> None:
    slot_set = filled(list(range(count)))
    assert slot_set.discard(count) is slot_set
    assert slot_set.discard(-1) is slot_set
    assert all(slot_set.add(slot) is slot_set for slot in slot_set)


def test_a_slot_below_all_others_comes_first() -> None:
    slot_set = filled(list(range(500, 1000)))
    for slot in range(500, 640):
        slot_set = slot_set.discard(slot)
    assert next(iter(slot_set.add(3))) == 3
