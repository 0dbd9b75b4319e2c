"""The persistent hash map does what a dict does, and old versions stay as they were."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from reddb.actor.hashmap import HashMap


@frozen
class Hashed:
    """A key whose hash is chosen, so that keys collide as the test likes."""

    name: int
    number: int = field(eq=False)

    def __hash__(self) -> int:
        return self.number


colliding = st.builds(Hashed, st.integers(0, 200), st.just(7))
half_colliding = st.integers(0, 300).map(lambda name: Hashed(name, name % 3 << 58))
keys = st.one_of(st.integers(-300, 300), st.text(max_size=2), st.tuples(st.integers(0, 9)))
operations = st.lists(
    st.tuples(st.sampled_from(["set", "remove"]), keys | half_colliding, st.integers()),
    max_size=400,
)


def contents(hash_map: HashMap[Any, Any]) -> dict[Any, Any]:
    pairs = list(hash_map.items())
    assert len(pairs) == len(hash_map)
    assert sorted(map(hash, hash_map)) == sorted(hash(key) for key, _ in pairs)
    assert all(hash_map.get(key) == value for key, value in pairs)
    return dict(pairs)


def filled(count: int) -> HashMap[int, int]:
    hash_map: HashMap[int, int] = HashMap()
    for number in range(count):
        hash_map = hash_map.set(number, -number)
    return hash_map


@given(operations)
def test_it_is_a_dict_and_old_versions_stay(steps: list[tuple[str, Hashable, int]]) -> None:
    hash_map: HashMap[Hashable, int] = HashMap()
    model: dict[Hashable, int] = {}
    versions = [(hash_map, model)]
    for operation, key, value in steps:
        if operation == "set":
            hash_map, model = hash_map.set(key, value), {**model, key: value}
        else:
            hash_map = hash_map.remove(key)
            model = {kept: model[kept] for kept in model if kept != key}
        assert hash_map.get(key) == model.get(key)
        versions.append((hash_map, model))
    for version, expected in versions[:: max(len(versions) // 20, 1)]:
        assert contents(version) == expected


@given(
    st.dictionaries(keys | half_colliding, st.integers(), max_size=200),
    st.lists(st.tuples(keys | half_colliding, st.integers()), max_size=200),
)
def test_an_update_is_many_sets(
    before: dict[Hashable, int], pairs: list[tuple[Hashable, int]]
) -> None:
    start: HashMap[Hashable, int] = HashMap[Hashable, int]().update(before.items())
    updated = start.update(pairs)
    assert contents(start) == before
    assert contents(updated) == {**before, **dict(pairs)}


@given(st.lists(colliding, max_size=120), st.lists(colliding, max_size=120))
def test_keys_whose_hashes_are_equal_live_together(
    added: list[Hashed], removed: list[Hashed]
) -> None:
    hash_map = HashMap[Hashed, int]().update((key, key.name) for key in added)
    for key in removed:
        hash_map = hash_map.remove(key)
    assert contents(hash_map) == {key: key.name for key in {*added} - {*removed}}


def test_more_equal_hashes_than_a_leaf_holds_live_together() -> None:
    names = range(500)
    hash_map = HashMap[Hashed, int]()
    for name in names:
        hash_map = hash_map.set(Hashed(name, 7), name)
    assert contents(hash_map) == {Hashed(name, 7): name for name in names}
    for name in names:
        hash_map = hash_map.remove(Hashed(name, 7))
    assert contents(hash_map) == {}


def test_a_large_map_can_be_emptied_and_filled_again() -> None:
    hash_map = filled(3000)
    assert contents(hash_map) == {number: -number for number in range(3000)}
    for number in range(3000):
        hash_map = hash_map.remove(number)
    assert len(hash_map) == 0
    assert contents(hash_map.set(5, 6)) == {5: 6}


def test_removing_what_is_not_there_gives_the_same_map() -> None:
    for hash_map in (HashMap[int, int](), filled(3), filled(300)):
        assert hash_map.remove(-1) is hash_map


def test_equal_keys_of_other_types_are_one_key() -> None:
    mixed: HashMap[Hashable, str] = HashMap()
    mixed = mixed.set(1, "int").set(1.0, "float").set(True, "bool")
    assert contents(mixed) == {1: "bool"}


def test_a_key_that_cannot_be_hashed_is_refused() -> None:
    unhashable: Any = []
    for hash_map in (HashMap[Any, int](), filled(300)):
        with pytest.raises(TypeError, match="unhashable"):
            hash_map.get(unhashable)
        with pytest.raises(TypeError, match="unhashable"):
            hash_map.set(unhashable, 1)
