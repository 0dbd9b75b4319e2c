"""Nodes seen as plain values, and made nodes again."""

from __future__ import annotations

from typing import Any

import pytest

from reddb.codecs.ron import Char, Map, Node, Some, Struct, Tuple, Variant
from reddb.codecs.ron.view import restored, view


@pytest.mark.parametrize(
    ("node", "seen"),
    [
        (1, 1),
        ([1, Some(2)], [1, 2]),
        (Struct({"a": 1, "b": None}), {"a": 1, "b": None}),
        (Struct({"r": 1.0}, "Circle"), {"Circle": {"r": 1.0}}),
        (Tuple((Struct({"r": 1.0}),), "Circle"), {"Circle": {"r": 1.0}}),
        (Tuple((1, 2)), [1, 2]),
        (Tuple(()), []),
        (Tuple((1,), "Wrapper"), {"Wrapper": 1}),
        (Variant("Admin"), "Admin"),
        (Char("x"), "x"),
        ({"a": Some(1)}, {"a": 1}),
        ({1: "a", -2: "b"}, {"1": "a", "-2": "b"}),
        ({Variant("A"): 1, "b": 2, Char("c"): 3}, {"A": 1, "b": 2, "c": 3}),
        ({Tuple((1, 2)): "a"}, [[[1, 2], "a"]]),
        ({True: 1}, [[True, 1]]),
        ({}, {}),
        (Map((([1], 2),)), [[[1], 2]]),
    ],
)
def test_a_node_is_seen_as_json_would_have_it(node: Node, seen: Any) -> None:
    assert view(node) == seen
    if not isinstance(node, list | dict):  # There are `Some` in these.
        assert repr(restored(view(node))) == repr(node)


@pytest.mark.parametrize(
    ("node", "change", "expected"),
    [
        (Struct({"a": 1}), lambda seen: seen.update(b=[2]), Struct({"a": 1, "b": [2]})),
        (Struct({"a": 1}), lambda seen: seen.clear(), Tuple(())),
        (Struct({"a": Tuple(())}), lambda seen: seen["a"].append(1), Struct({"a": Tuple((1,))})),
        (
            Struct({"r": 1}, "Circle"),
            lambda seen: seen["Circle"].update(r=2),
            Struct({"r": 2}, "Circle"),
        ),
        (
            Struct({"r": 1}, "Circle"),
            lambda seen: seen.update(Square=seen.pop("Circle")),
            Struct({"r": 1}, "Square"),
        ),
        (
            Tuple((Some(Struct({"r": 1})),), "Circle"),
            lambda seen: seen["Circle"].update(r=2),
            Tuple((Struct({"r": 2}),), "Circle"),
        ),
        (
            Tuple((1,), "Meters"),
            lambda seen: seen.update(more=2),
            {"Meters": 1, "more": 2},
        ),
        ({1: "a"}, lambda seen: seen.pop("1"), {}),
        (Map((([1], 2),)), lambda seen: seen.append([[3], 4]), Map((([1], 2), ([3], 4)))),
        (Map((([1], 2),)), lambda seen: seen.append(5), [[[1], 2], 5]),
    ],
)
def test_what_is_changed_is_restored_as_what_it_became(
    node: Node, change: Any, expected: Node
) -> None:
    seen = view(node)
    change(seen)
    assert repr(restored(seen)) == repr(expected)


def test_a_named_tuple_of_several_is_seen_as_itself() -> None:
    node = Tuple((1, 2), "Point")
    assert view(node) is node
    assert restored(node) is node
