"""An index finds what a scan would find; keys are compared as Python compares them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reddb.actor.index import NO_KEY, Index, KeyTaken
from reddb.actor.steps import run_at_once

keys = st.one_of(st.integers(0, 5), st.sampled_from(["", "a", None, 1.0, True, (1, 2), math.nan]))


def index_of(pairs: list[tuple[int, Hashable]], *, unique: bool = False) -> Index:
    """Give an index of documents that are their own keys."""
    index = Index("by_self", lambda data: data, unique)
    for slot, key in pairs:
        index = index.with_slot(slot, index.key_of(key))
    return index


def scanned(model: Mapping[int, Hashable], key: Hashable) -> list[int]:
    return sorted(slot for slot, held in model.items() if held == key)


@given(st.lists(st.tuples(st.integers(0, 150), keys), max_size=150), st.integers(0, 20))
def test_a_lookup_is_a_scan_and_old_versions_stay(
    steps: list[tuple[int, Hashable]], versions_apart: int
) -> None:
    index = index_of([])
    model: dict[int, Hashable] = {}
    versions = [(index, model)]
    for slot, key in steps:
        index = index.without_slot(slot, index.key_of(model.get(slot, math.nan)))
        if slot in model:
            model = {other: model[other] for other in model if other != slot}
        else:
            model = {**model, slot: key}
            index = index.with_slot(slot, index.key_of(key))
        versions.append((index, model))
    for version, expected in versions[:: versions_apart + 1]:
        for key in expected.values():
            assert list(version.slots(key)) == scanned(expected, key)
        held = sorted(slot for _, slots in version.items() for slot in slots)
        assert held == sorted(slot for slot, key in expected.items() if key == key)


def test_a_key_that_nobody_has_has_no_slots() -> None:
    assert list(index_of([(0, "a")]).slots("b")) == []


def test_a_key_that_is_not_equal_to_itself_is_not_held() -> None:
    index = index_of([(0, math.nan), (1, math.nan)], unique=True)
    assert index.key_of(math.nan) is NO_KEY
    assert list(index.items()) == []
    assert list(index.slots(math.nan)) == []
    assert index.without_slot(0, NO_KEY) is index


def test_keys_that_cannot_be_hashed_are_refused() -> None:
    index = index_of([(0, "a")])
    unhashable: Any = ["a"]
    with pytest.raises(TypeError, match="unhashable"):
        index.key_of(unhashable)
    with pytest.raises(TypeError, match="unhashable"):
        index.slots(unhashable)


def test_an_error_of_a_key_function_names_the_index() -> None:
    error = ZeroDivisionError("why")

    def key(data: object) -> Hashable:
        if data == "unhashable":
            return [data]  # type: ignore[return-value]  # Wrong on purpose.
        raise error

    index = Index("by_key", key)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError) as caught:
            index.key_of("a")
        assert caught.value is error
        assert error.__notes__ == ["in the key of index 'by_key'"]
    with pytest.raises(TypeError) as refused:
        index.key_of("unhashable")
    assert refused.value.__notes__ == ["in the key of index 'by_key'"]


def test_an_error_that_takes_no_note_comes_out_as_it_is() -> None:
    class FrozenError(Exception):
        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

    def key(data: object) -> Hashable:
        raise FrozenError

    with pytest.raises(FrozenError):
        Index("by_key", key).key_of("a")


def test_a_unique_key_names_its_holder() -> None:
    index = index_of([(3, "a"), (4, "b")], unique=True)
    with pytest.raises(KeyTaken) as caught:
        index.with_slot(5, "a")
    assert (caught.value.key, caught.value.slot) == ("a", 3)
    assert list(index.slots("a")) == [3]


def test_a_unique_key_that_was_given_up_can_be_taken() -> None:
    index = index_of([(3, "a")], unique=True).without_slot(3, "a").with_slot(5, "a")
    assert list(index.slots("a")) == [5]


def test_taking_out_what_is_not_there_changes_nothing() -> None:
    index = index_of([(3, "a")])
    assert index.without_slot(3, "b") is index


def test_a_key_of_many_documents_is_renumbered_a_few_at_a_time() -> None:
    steps = index_of([(slot, "a") for slot in range(1000)]).renumbered(range(1000))
    assert sum(1 for _ in steps) > 5


def test_the_parts_of_an_index_are_small_and_hold_all_keys_and_slots() -> None:
    index = index_of(
        [*((slot, "a") for slot in range(1000)), *((slot, slot) for slot in range(500))]
    )
    parts: list[Any] = [*index.parts()]
    leaves = [part for part in parts if isinstance(part, dict)]
    assert {key for leaf in leaves for key in leaf} == {"a", *range(500)}
    runs = [memoryview(part).cast("q") for part in parts if isinstance(part, bytes)]
    assert sorted(slot for run in runs for slot in run) == [*range(1000)]
    assert len(leaves) + len(runs) == len(parts)
    assert all(len(part) <= 128 for part in (*leaves, *runs))


@given(st.dictionaries(st.integers(0, 300), st.integers(0, 3), max_size=200))
def test_renumbering_moves_every_slot(model: dict[int, int]) -> None:
    index = index_of([*sorted(model.items())])
    moved = [-1] * 301
    for number, slot in enumerate(sorted(model)):
        moved[slot] = number
    renumbered = run_at_once(index.renumbered(moved))
    for key in range(4):
        assert list(renumbered.slots(key)) == [moved[slot] for slot in scanned(model, key)]
        assert list(index.slots(key)) == scanned(model, key)
