"""A state is a plain ordered dict that never changes, whatever comes after it."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeAlias
from uuid import UUID

import pytest
from actor_tools import (
    Model,
    applied,
    changes_to,
    contents,
    decode,
    empty_state,
    encoded,
    state_of,
)
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reddb.actor.changes import Change
from reddb.actor.index import Index
from reddb.actor.pages import PAGE_SLOTS, Page
from reddb.actor.state import Reader, State
from reddb.actor.steps import run_at_once
from reddb.errors import IndexNotFound, UniqueViolation

KeyFn: TypeAlias = Callable[[Any], Hashable]


def with_index(
    state: State[Any], key_fn: KeyFn, *, name: str = "index", unique: bool = False
) -> State[Any]:
    return state.with_index(run_at_once(state.fill_index(Index(name, key_fn, unique))))


def put(state: State[Any], values: Model) -> State[Any]:
    return applied(state, changes_to(state, values))


def remove(state: State[Any], *keys: int) -> State[Any]:
    return applied(state, changes_to(state, {}, keys))


def found(state: State[Any], key: Hashable, name: str = "index") -> list[int]:
    return [document.id.int for found in state.indexed(name, key) for document in found]


# The law: a state is an ordered dict.


@frozen
class Step:
    """What happens next; keys are drawn from few, so that they meet again."""

    kind: str
    keys: list[int] = field(repr=str)
    group: Any

    def values(self) -> Model:
        return {key: {"group": self.group} for key in self.keys}


few_keys = st.lists(st.integers(0, 30), max_size=5, unique=True)
runs = st.builds(
    lambda start, length: list(range(start, start + length)),
    st.integers(0, 30),
    st.integers(60, 140),
)
steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(["put", "put", "remove", "exchange", "dropped", "branch", "compact"]),
        few_keys | runs,
        st.sampled_from([0, 1, "text", None, math.nan]),
    ),
    max_size=12,
)


def group_of(value: Any) -> Hashable:
    group: Hashable = value["group"]
    return group


def next_version(state: State[Any], model: Model, step: Step) -> tuple[State[Any], Model]:
    match step.kind:
        case "put":
            return put(state, step.values()), model | step.values()
        case "remove":
            kept = {key: value for key, value in model.items() if key not in step.keys}
            return remove(state, *step.keys), kept
        case "exchange":
            added = {key + 1000: value for key, value in step.values().items()}
            kept = {key: value for key, value in model.items() if key not in step.keys}
            return applied(state, changes_to(state, added, step.keys)), kept | added
        case "compact":
            return run_at_once(state.compacted()), model
        case "branch":
            put(state.branch(), step.values()).check()
            return state, model
        case _:
            put(state, step.values()).check()
            return state, model


def check_version(state: State[Any], model: Model) -> None:
    state.check()
    assert repr(contents(state)) == repr(model), "NaN equals nothing, so they are compared as text"
    for group in (0, 1, "text", None, math.nan):
        matching = [key for key, value in model.items() if value["group"] == group]
        assert found(state, group) == matching
    for key in range(35):
        assert (key in state) is (key in model)
        assert (state.get(key) is None) is (key not in model)


@given(steps=steps, shared=st.booleans())
def test_a_state_is_an_ordered_dict_and_old_states_stay(steps: list[Step], shared: bool) -> None:
    state, model = with_index(empty_state(shared=shared), group_of), Model()
    versions = [(state, model)]
    for step in steps:
        state, model = next_version(state, model, step)
        check_version(state, model)
        versions.append((state, model))
    for version, expected in versions:
        check_version(version, expected)


@given(steps=steps)
def test_an_index_that_is_added_late_is_the_one_that_was_kept(steps: list[Step]) -> None:
    state, model = with_index(empty_state(), group_of), Model()
    for step in steps:
        state, model = next_version(state, model, step)
    late = with_index(state, group_of, name="late")
    late.check()
    for group in (0, 1, "text", None):
        assert found(late, group, "late") == found(late, group)


def test_applying_nothing_gives_only_another_number() -> None:
    state = state_of({1: "one"})
    later = state.apply([], 7)
    assert (later.seq, contents(later)) == (7, contents(state))


# Hints that are stale.


def test_a_document_that_comes_back_is_found_and_old_states_do_not_see_it() -> None:
    first = state_of({1: "one", 2: "two"})
    without = remove(first, 1)
    again = put(without, {1: "one again"})
    assert contents(first) == {1: "one", 2: "two"}
    assert contents(without) == {2: "two"}
    assert contents(again) == {2: "two", 1: "one again"}
    assert without.has_known(1) and 1 not in without


def test_the_hint_of_a_state_that_was_dropped_leads_to_nothing() -> None:
    state = state_of({1: "one"})
    put(state, {2: "dropped"})
    other = put(state, {3: "kept"})
    assert other.get(2) is None and other.data(2) is None
    assert contents(put(other, {2: "two"})) == {1: "one", 3: "kept", 2: "two"}


def test_what_a_branch_adds_is_not_seen_beside_it() -> None:
    state = state_of({1: "one"})
    branch = put(state.branch(), {2: "branched"})
    beside = put(state, {3: "beside"})
    assert contents(branch) == {1: "one", 2: "branched"}
    assert contents(beside) == {1: "one", 3: "beside"}
    assert branch.get(3) is None and beside.get(2) is None
    assert not beside.has_known(2)


def test_removing_most_documents_leaves_holes_and_compacting_none() -> None:
    state = with_index(state_of({key: key for key in range(2000)}), lambda value: value % 7)
    assert not state.is_mostly_holes()
    sparse = remove(state, *(key for key in range(2000) if key % 100))
    assert sparse.is_mostly_holes()
    dense = run_at_once(sparse.compacted())
    assert not dense.is_mostly_holes()
    assert len(list(dense.pages())) == 1
    for version in (state, sparse, dense):
        version.check()
    assert contents(dense) == contents(sparse) == {key: key for key in range(0, 2000, 100)}
    assert found(dense, 3) == found(sparse, 3)
    assert (dense.seq, dense.data_bytes) == (sparse.seq, sparse.data_bytes)


def test_compacting_keeps_what_was_decoded() -> None:
    state = state_of({key: key for key in range(100)}, shared=True)
    document = state.get(70)
    dense = run_at_once(remove(state, *range(50)).compacted())
    assert dense.get(70) is document


def test_compacting_yields_now_and_then() -> None:
    state = state_of({key: key for key in range(1000)})
    assert len(list(state.compacted())) >= 1000 // PAGE_SLOTS


def test_a_page_without_documents_is_gone() -> None:
    state = remove(state_of({key: key for key in range(3 * PAGE_SLOTS)}), *range(64, 128))
    assert len(list(state.pages())) == 2
    assert [key for key, _ in state.facts()] == [*range(64), *range(128, 192)]


# Documents that are shared, and documents that are not.


def test_documents_that_cannot_change_are_decoded_once() -> None:
    state = empty_state(shared=True).apply([Change(1, None, encoded(["a"]))], 1)
    document = state.get(1)
    (page,) = state.pages()
    assert state.get(1) is document
    assert state.documents_of(page) == [document] and state.documents_of(page)[0] is document
    assert put(state, {2: "two"}).get(1) is document


def test_documents_that_can_change_are_decoded_for_everybody() -> None:
    state = state_of({1: ["a"]})
    first, second = state.get(1), state.get(1)
    assert first is not None and second is not None
    first.data.append("b")
    assert second.data == ["a"]
    assert contents(state) == {1: ["a"]}


def test_the_document_of_a_change_is_what_readers_share() -> None:
    state = empty_state(shared=True)
    (change,) = changes_to(state, {1: "one"})
    assert state.apply([change], 1).get(1) is change.document


def test_an_update_is_seen_though_the_old_document_was_decoded() -> None:
    state = state_of({1: "old", 2: "two"}, shared=True)
    contents(state)
    (change,) = changes_to(state, {1: "new"})
    updated = state.apply([replace(change, document=None)], 2)
    assert contents(updated) == {1: "new", 2: "two"}
    assert contents(state) == {1: "old", 2: "two"}


class Interrupted(list[Any]):
    """A page's documents; a reader in another thread notes all of them just after a copy."""

    page: Page

    def copy(self) -> list[Any]:
        copied = super().copy()
        empty_state(shared=True).documents_of(self.page)
        return copied


def test_a_document_that_is_noted_while_its_page_is_copied_is_not_lost() -> None:
    state = empty_state(shared=True).apply([Change(1, None, encoded("one"))], 1)
    (page,) = state.pages()
    notes = Interrupted([None])
    notes.page, page.notes = page, notes
    assert contents(put(state, {2: "two"})) == {1: "one", 2: "two"}


def refuse(key: int, _: bytes) -> Any:
    raise ValueError(f"{key} does not fit")


@pytest.mark.parametrize("shared", [True, False])
def test_a_document_that_cannot_be_decoded_says_so_each_time(shared: bool) -> None:
    state = State(Reader(refuse, shared)).apply([Change(1, None, encoded("one"))], 1)
    (page,) = state.pages()
    for _ in range(2):
        with pytest.raises(ValueError, match="1 does not fit"):
            state.get(1)
        with pytest.raises(ValueError, match="1 does not fit"):
            state.documents_of(page)
    assert len(state) == 1


def noted(state: State[Any]) -> int:
    return sum(note is not None for page in state.pages() for note in page.notes or ())


def test_a_state_of_too_many_documents_keeps_none_decoded() -> None:
    reader = Reader(decode, shared=True, decoded_documents_max=100)
    small = State(reader)
    for first in (0, 60):
        small = applied(small, changes_to(small, {key: key for key in range(first, first + 40)}))
    contents(small)
    assert noted(small) == 80
    large = put(small, {key: key for key in range(200, 221)})
    assert noted(large) == noted(small) == 0
    contents(large)
    assert noted(large) == 0
    smaller = remove(large, 0)
    contents(smaller)
    assert noted(smaller) == 100


def test_one_document_too_many_is_enough() -> None:
    state = State(Reader(decode, shared=True, decoded_documents_max=2))
    for key in range(3):
        state = put(state, {key: key})
        assert noted(state) == (0 if key == 2 else key + 1)
    assert state.get(0) is not state.get(0)


# Indexes.


def test_an_index_that_is_not_there_is_named() -> None:
    with pytest.raises(IndexNotFound) as caught:
        next(empty_state().indexed("missing", 1))
    assert caught.value.name == "missing"


def test_a_key_that_cannot_be_hashed_is_the_callers_mistake() -> None:
    state = state_of({1: ["a"]})
    with pytest.raises(TypeError, match="unhashable"):
        with_index(state, lambda value: value)
    indexed = with_index(state, len)
    with pytest.raises(TypeError, match="unhashable"):
        found(indexed, [])  # type: ignore[arg-type]  # That is the mistake.


@pytest.mark.parametrize("failing", [{3: "bad"}, {1: "bad"}, {1: "fine", 3: "bad"}])
def test_an_error_of_the_key_function_leaves_the_state_as_it_was(failing: Model) -> None:
    def key_fn(value: str) -> str:
        if value == "bad":
            raise LookupError(value)
        return value

    state = with_index(state_of({1: "one", 2: "two"}), key_fn)
    with pytest.raises(LookupError):
        put(state, failing)
    state.check()
    assert found(state, "one") == [1]


def test_an_index_of_the_same_name_takes_the_others_place() -> None:
    state = with_index(state_of({1: "one", 2: "three"}), len)
    state = with_index(state, lambda value: value[0])
    assert (found(state, 3), found(state, "t")) == ([], [2])


# Unique indexes.


def unique_state(values: Model) -> State[Any]:
    return with_index(state_of(values), lambda value: value, unique=True)


def test_a_key_that_is_taken_is_refused_with_its_holder() -> None:
    state = unique_state({1: "one", 2: "two"})
    refused: list[Model] = [{3: "one"}, {2: "one"}, {2: "two", 3: "one"}]
    for values in refused:
        with pytest.raises(UniqueViolation) as caught:
            put(state, values)
        violation = caught.value
        assert (violation.index, violation.key, violation.id) == ("index", "one", UUID(int=1))
        state.check()


def test_two_new_documents_with_one_key_are_refused() -> None:
    with pytest.raises(UniqueViolation) as caught:
        put(unique_state({1: "one"}), {2: "same", 3: "same"})
    assert caught.value.id == UUID(int=2)


def test_documents_that_share_a_key_already_cannot_be_indexed() -> None:
    state = state_of({key: key // 2 for key in range(3, 200)})
    with pytest.raises(UniqueViolation) as caught:
        with_index(state, lambda value: value, unique=True)
    assert (caught.value.key, caught.value.id) == (2, UUID(int=4))


def test_a_key_may_pass_to_a_new_document_in_one_commit() -> None:
    state = unique_state({1: "one", 2: "two"})
    moved = applied(state, changes_to(state, {3: "one"}, [1]))
    moved.check()
    assert (found(moved, "one"), found(state, "one")) == ([3], [1])


@given(st.permutations(range(8)), st.sets(st.integers(0, 7)))
def test_keys_may_change_hands_within_one_commit(order: list[int], removed: set[int]) -> None:
    state = unique_state({key: key for key in range(8)})
    model = {key: order[key] for key in range(8) if key not in removed}
    swapped = applied(state, changes_to(state, model, removed))
    swapped.check()
    assert {key: found(swapped, value) for key, value in model.items()} == {
        key: [key] for key in model
    }
    state.check()


def test_documents_whose_key_is_not_equal_to_itself_are_never_in_each_others_way() -> None:
    state = with_index(state_of({1: 1.5, 2: 2.5}), lambda value: value, unique=True)
    state = put(state, {1: math.nan, 2: math.nan, 3: math.nan})
    state.check()
    assert found(state, math.nan) == []
    state = put(state, {1: 1.5})
    assert found(state, 1.5) == [1]


def test_an_update_that_keeps_its_key_keeps_it() -> None:
    state = with_index(state_of({1: "a1", 2: "b1"}), lambda value: value[0], unique=True)
    assert found(put(state, {1: "a2"}), "a") == [1]


# The check itself must find what is wrong.


def damaged_states() -> Iterator[tuple[str, State[Any]]]:
    state = with_index(state_of({1: "one", 2: "three"}), len)
    wrong_key = with_index(state_of({1: "four", 2: "three"}), len)
    yield "count", replace(state, count=3)
    yield "data_bytes", replace(state, data_bytes=0)
    yield "next_slot", replace(state, _next_slot=1)
    yield "table", replace(state, _table=empty_state()._table)
    yield "pages", replace(state, _pages=empty_state()._pages)
    yield "index keys", replace(state, indexes=wrong_key.indexes)
    yield "index slots", replace(state, indexes={"index": Index("index", len)})


@pytest.mark.parametrize("name", [name for name, _ in damaged_states()])
def test_the_check_finds_what_is_wrong(name: str) -> None:
    with pytest.raises(AssertionError):
        dict(damaged_states())[name].check()
