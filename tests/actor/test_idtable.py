"""The id table gives hints, and branches keep theirs to themselves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reddb.actor.idtable import IdTable

keys = st.integers(0, (1 << 128) - 1) | st.integers(0, 600)
hints = st.dictionaries(keys, st.integers(0, 1 << 40), max_size=80)


def filled(pairs: dict[int, int], table: IdTable | None = None) -> IdTable:
    table = table or IdTable()
    for key, slot in pairs.items():
        table.add(key, slot)
    return table


@given(first=hints, later=hints, asked=keys)
def test_the_newest_hint_counts(first: dict[int, int], later: dict[int, int], asked: int) -> None:
    table = filled(later, filled(first))
    model = {**first, **later}
    assert all(table.get(key) == slot for key, slot in model.items())
    assert table.get(asked) == model.get(asked)


@given(trunk=hints, later=hints, branched=hints)
def test_a_branch_sees_the_trunk_and_is_not_seen(
    trunk: dict[int, int], later: dict[int, int], branched: dict[int, int]
) -> None:
    table = filled(trunk)
    branch = filled(branched, table.branch())
    filled(later, table)
    twig = branch.branch()
    known = {**trunk, **later}
    for key in {**known, **branched}:
        assert table.get(key) == known.get(key)
        assert branch.get(key) == twig.get(key) == {**known, **branched}.get(key)


def test_a_table_is_stale_when_most_of_its_documents_are_gone() -> None:
    table = filled({key: key for key in range(3000)})
    assert not table.is_mostly_stale(3000)
    assert not table.is_mostly_stale(1000)
    assert table.is_mostly_stale(900)


def test_a_small_table_is_never_stale() -> None:
    assert not filled({key: key for key in range(1000)}).is_mostly_stale(0)


@pytest.mark.parametrize(("count", "parts_max"), [(0, 1), (100, 1), (50_000, 20)])
def test_the_parts_of_a_table_are_few_and_of_some_thousand_hints(
    count: int, parts_max: int
) -> None:
    table = IdTable()
    table.add_all(range(count), 0)
    parts: list[Any] = [*table.parts()]
    assert len(parts) <= parts_max
    hints = [{key for shard in part for key in shard} for part in parts]
    assert sorted(key for keys in hints for key in keys) == [*range(count)]
    assert max(map(len, hints)) <= 5_000
