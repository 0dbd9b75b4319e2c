"""`to_plain` says what serde would say as JSON."""

from __future__ import annotations

import pytest

from reddb.codecs.ron import DEPTH_MAX, Map, Node, parse, to_plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("None", None),
        ("1", 1),
        ("1.5", 1.5),
        ('b"a"', b"a"),
        ("'x'", "x"),
        ("Some(Some(1))", 1),
        ("Some(None)", None),
        ("()", None),
        ("(1)", [1]),
        ("(1, 'a')", [1, "a"]),
        ("[A, Some(B)]", ["A", "B"]),
        ("(a: Some(1), b: (c: ()))", {"a": 1, "b": {"c": None}}),
        ("Point(x: 1)", {"x": 1}),
        ("V(1)", {"V": 1}),
        ("V((1, 2))", {"V": [1, 2]}),
        ("V(1, 2)", {"V": [1, 2]}),
        ("V()", {"V": []}),
        ("V((a: 1))", {"V": {"a": 1}}),
        ('{"a": A}', {"a": "A"}),
        ("{1: 1, -2: 2}", {"1": 1, "-2": 2}),
        ("{true: 1, 2: 2, 1.5: 3}", {"true": 1, "2": 2, "1.5": 3}),
        ("{'x': 1, Admin: 2, Some(3): 4}", {"x": 1, "Admin": 2, "3": 4}),
        ("{1: 1, 1.0: 2, true: 3}", {"1": 1, "1.0": 2, "true": 3}),
    ],
)
def test_plain(text: str, plain: Node) -> None:
    assert repr(to_plain(parse(text))) == repr(plain)


@pytest.mark.parametrize(
    "text", ["{None: 1}", "{(1, 2): 1}", "{[]: 1}", "{NaN: 1}", "{inf: 1}", '{b"a": 1}', "{(): 1}"]
)
def test_a_key_that_is_no_scalar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a map's key has to be a scalar"):
        to_plain(parse(text))


@pytest.mark.parametrize("text", ['{1: 1, "1": 2}', "{A: 1, 'A': 2}", '{true: 1, "true": 2}'])
def test_keys_that_become_one_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="two keys of a map become the same string"):
        to_plain(parse(text))


def test_keys_of_a_map_node_that_become_one_are_refused() -> None:
    with pytest.raises(ValueError, match="two keys of a map become the same string"):
        to_plain(Map(((1, 1), (True, 2), ("true", 3))))


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("V(", ")"), ('{"a":', "}")])
def test_the_deepest_nesting_becomes_plain(opening: str, closing: str) -> None:
    node = parse(opening * DEPTH_MAX + "7" + closing * DEPTH_MAX)
    assert "7" in repr(to_plain(node))
