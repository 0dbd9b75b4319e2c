"""Each node is written as ron writes it, and what RON cannot hold is refused."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from enum import Enum, IntEnum
from typing import Any

import pytest

from reddb.codecs.ron import (
    DEPTH_MAX,
    Char,
    Map,
    Node,
    Some,
    Struct,
    Tuple,
    Variant,
    dumps,
    map_of,
    parse,
)

ADA = Struct(
    {
        "name": "Ada Lovelace",
        "age": 36,
        "email": Some("ada@example.org"),
        "tags": ["math", "poetry"],
        "score": 99.5,
        "active": True,
        "address": Struct({"street": "12 St James's Sq", "zip": "SW1Y 4JH"}),
        "role": Variant("Admin"),
    }
)
ADA_TEXT = (
    '(name:"Ada Lovelace",age:36,email:Some("ada@example.org"),tags:["math","poetry"],'
    r'score:99.5,active:true,address:(street:"12 St James\'s Sq",zip:"SW1Y 4JH"),role:Admin)'
)


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Name(str):
    __slots__ = ()


Point = namedtuple("Point", "x y")


def test_a_typical_document_is_written_as_rust_writes_it() -> None:
    assert dumps(ADA) == ADA_TEXT
    assert parse(ADA_TEXT) == ADA


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (None, "None"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-7, "-7"),
        (2**128, str(2**128)),
        (2**2048 - 1, str(2**2048 - 1)),
        (2**2048, hex(2**2048)),
        (-(2**2048), hex(-(2**2048))),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (0.1, "0.1"),
        (1e16, "1e+16"),
        (1e300, "1e+300"),
        (1e-7, "1e-07"),
        (5e-324, "5e-324"),
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
        (float("nan"), "NaN"),
        (-float("nan"), "-NaN"),
        ("", '""'),
        ("Zoë 日本語 🦀", '"Zoë 日本語 🦀"'),
        ("\"'\\\n\r\t", r'"\"\'\\\n\r\t"'),
        ("\0\x1f\x7f\x85", r'"\u{0}\u{1f}\u{7f}\u{85}"'),
        ("\u200d\u2028\u202e\ufeff", r'"\u{200d}\u{2028}\u{202e}\u{feff}"'),
        ("\ufffe\uffff\U0010ffff\ue000", '"\ufffe\uffff\U0010ffff\ue000"'),
        (b"", 'b""'),
        (b"az'\"\\\n\0\x7f\x80\xff", r'b"az\'\"\\\n\x00\x7f\x80\xff"'),
        ([], "[]"),
        ([1, [2.0]], "[1,[2.0]]"),
        ({}, "{}"),
        ({"a b": 1, "None": 2}, '{"a b":1,"None":2}'),
        ({1: 2, Variant("A"): Char("b")}, "{1:2,A:'b'}"),
        (Map((([], 1),)), "{[]:1}"),
        (Struct({"a": 1}), "(a:1)"),
        (Struct({"a": 1, "b": None}, "P"), "P(a:1,b:None)"),
        (Tuple(()), "()"),
        (Tuple((1,)), "(1)"),
        (Tuple((1, "a"), "V"), 'V(1,"a")'),
        (Tuple((), "V"), "V()"),
        (Variant("Admin"), "Admin"),
        (Some(Some(None)), "Some(Some(None))"),
        (Char("x"), "'x'"),
        (Char("'"), r"'\''"),
        (Char("\0"), r"'\u{0}'"),
    ],
)
def test_notation(node: Node, text: str) -> None:
    assert dumps(node) == text
    assert repr(parse(text)) == repr(node)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a", "a"),
        ("_1", "_1"),
        ("type", "type"),
        ("straße", "straße"),
        ("r", "r"),
        ("2d", "r#2d"),
        ("a.b+c-d", "r#a.b+c-d"),
        ("-", "r#-"),
        ("true", "r#true"),
        ("None", "r#None"),
        ("Some", "r#Some"),
        ("inf", "r#inf"),
        ("NaNf32", "r#NaNf32"),
        ("inf_f64", "r#inf_f64"),
    ],
)
def test_names(name: str, written: str) -> None:
    for node, text in [
        (Variant(name), written),
        (Tuple((1,), name), f"{written}(1)"),
        (Struct({"a": 1}, name), f"{written}(a:1)"),
        (Struct({name: 1}), f"({written}:1)"),
    ]:
        assert dumps(node) == text
        assert parse(text) == node


@pytest.mark.parametrize(
    "name", ["", "Hello World", "a:b", 'a"', "a\n", "💥", "a\ud800", "r#a", 1, Name("a")]
)
def test_a_name_that_is_no_identifier_is_refused(name: Any) -> None:
    assert dumps(Variant("a")) == "a"
    for node in [Variant(name), Tuple((), name), Struct({"a": 1}, name), Struct({name: 1})]:
        with pytest.raises(ValueError, match="RON has no identifier for the name"):
            dumps(node)


def test_a_dict_key_may_be_any_text() -> None:
    names = ["", "Hello World", "💥", "None", '"']
    assert list(parse(dumps(dict.fromkeys(names)))) == names


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1},
        frozenset(),
        bytearray(),
        1j,
        object(),
        int,
        Colour.RED,
        Level.LOW,
        Name("a"),
        Point(1, 2),
        OrderedDict(a=1),
    ],
    ids=repr,
)
def test_a_value_of_another_type_is_refused(value: object) -> None:
    for node in [value, [value], {"a": value}, Struct({"a": value}), Some(value), Tuple((value,))]:
        with pytest.raises(ValueError, match="is neither a plain value nor a RON node"):
            dumps(node)


@pytest.mark.parametrize("key", [(1, 2), frozenset(), Level.LOW, Name("a")], ids=repr)
def test_a_key_of_another_type_is_refused(key: object) -> None:
    with pytest.raises(ValueError, match="is neither a plain value nor a RON node"):
        dumps({key: 1})


@pytest.mark.parametrize("node", ["a\ud800", Char("\udfff"), {"\ud800": 1}])
def test_a_lone_surrogate_is_refused(node: Node) -> None:
    with pytest.raises(ValueError, match="a lone surrogate is not Unicode text"):
        dumps(node)


def test_keys_that_are_written_alike_are_refused() -> None:
    with pytest.raises(ValueError, match="two keys of a map are written alike"):
        dumps({float("nan"): 1, float("inf") - float("inf"): 2, -float("nan"): 3})


def test_an_integer_of_any_size_comes_back() -> None:
    for value in [10**5_000, -(10**5_000)]:
        assert parse(dumps(value)) == value


@pytest.mark.parametrize(
    "wrap",
    [
        lambda node: [node],
        lambda node: {"a": node},
        lambda node: Map(((1, 2), (True, node))),
        lambda node: Struct({"a": node}),
        lambda node: Tuple((node,)),
        Some,
    ],
)
def test_nesting_is_limited_as_in_the_reader(wrap: Any) -> None:
    node = 7
    for _ in range(DEPTH_MAX - 1):
        node = wrap(node)
    assert dumps(parse(dumps(node))) == dumps(node)
    with pytest.raises(ValueError, match=f"nested deeper than {DEPTH_MAX}"):
        dumps(wrap(wrap(node)))


def test_a_key_is_limited_as_in_the_reader() -> None:
    key: Node = []
    for _ in range((DEPTH_MAX - 1) // 2 - 1):
        key = [key]
    assert isinstance(parse(dumps(Map(((key, 1),)))), Map)
    with pytest.raises(ValueError, match="nested deeper"):
        dumps(Map((([key], 1),)))


def test_a_list_that_holds_itself_is_refused() -> None:
    node: list[Node] = []
    node.append(node)
    with pytest.raises(ValueError, match="nested deeper"):
        dumps(node)


def test_a_struct_has_fields() -> None:
    with pytest.raises(ValueError, match="a struct without fields is written as Tuple"):
        Struct({}, "P")


@pytest.mark.parametrize("value", ["", "ab", 1, Name("a")])
def test_a_char_is_one_character(value: Any) -> None:
    with pytest.raises(ValueError, match="a char is one character"):
        Char(value)


@pytest.mark.parametrize("items", [(), (("a", 1),), ((1, 1), (2, 2))])
def test_a_map_holds_what_a_dict_cannot(items: tuple[tuple[Node, Node], ...]) -> None:
    assert map_of(items) == dict(items)
    with pytest.raises(ValueError, match="these items fit in a dict"):
        Map(items)


def test_nodes_are_values() -> None:
    assert {Tuple([1, 2]): 1}[Tuple((1, 2))] == 1
    assert {Variant("A"), Variant("A")} == {Variant("A")}
    assert Some(Char("a")) == Some(Char("a"))
