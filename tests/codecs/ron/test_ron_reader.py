"""Each construct of RON reads as its node."""

from __future__ import annotations

import pytest

from reddb.codecs.ron import (
    Char,
    Map,
    Node,
    Some,
    Struct,
    Tuple,
    Variant,
    parse,
)

INF = float("inf")
NAN = float("nan")


def assert_reads(text: str, node: Node) -> None:
    # repr tells 1, 1.0 and True apart, and -0.0 from 0.0; it calls every NaN the same.
    assert repr(parse(text)) == repr(node)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("None", None),
        ("true", True),
        ("false", False),
        ("Some(1)", Some(1)),
        ("Some ( 1 , )", Some(1)),
        ("Some(Some(None))", Some(Some(None))),
        ("Some((1, 2))", Some(Tuple((1, 2)))),
        ("[]", []),
        ("[1]", [1]),
        ("[1, 2,]", [1, 2]),
        ("[[], [[]]]", [[], [[]]]),
        ("()", Tuple(())),
        ("( )", Tuple(())),
        ("(1)", Tuple((1,))),
        ("(1,)", Tuple((1,))),
        ("(1, true)", Tuple((1, True))),
        ("(a)", Tuple((Variant("a"),))),
        ("(a,)", Tuple((Variant("a"),))),
        ("(a: 1)", Struct({"a": 1})),
        ("(a: 1, b: 2,)", Struct({"a": 1, "b": 2})),
        ("(b: 1, a: (c: 2))", Struct({"b": 1, "a": Struct({"c": 2})})),
        ("(a:/* */1, b:// x\n2)", Struct({"a": 1, "b": 2})),
        ("Point(x: 1)", Struct({"x": 1}, "Point")),
        ("Point (x: 1)", Struct({"x": 1}, "Point")),
        ("Point/* */(x: 1)", Struct({"x": 1}, "Point")),
        ("Point()", Tuple((), "Point")),
        ("Meters(1)", Tuple((1,), "Meters")),
        ("Rgb(1, 2, 3)", Tuple((1, 2, 3), "Rgb")),
        ("Admin", Variant("Admin")),
        ("[Admin, Guest]", [Variant("Admin"), Variant("Guest")]),
        ("Outer(Inner(a: Leaf))", Tuple((Struct({"a": Variant("Leaf")}, "Inner"),), "Outer")),
        ("{}", {}),
        ('{"a": 1, "b": 2,}', {"a": 1, "b": 2}),
        ("{1: 'a', -1: 'b'}", {1: Char("a"), -1: Char("b")}),
        ("{Admin: 1}", {Variant("Admin"): 1}),
        ("{(1, 2): 3}", {Tuple((1, 2)): 3}),
        ("{None: 1, Some(1): 2}", {None: 1, Some(1): 2}),
        ("{NaN: 1}", {NAN: 1}),
        ("{[]: 1}", Map((([], 1),))),
        ("{(a: 1): 1}", Map(((Struct({"a": 1}), 1),))),
        ("{{}: 1, 2: 3}", Map((({}, 1), (2, 3)))),
        ("{1: 1, 1.0: 2, true: 3}", Map(((1, 1), (1.0, 2), (True, 3)))),
        ("{0.0: 1, -0.0: 2}", Map(((0.0, 1), (-0.0, 2)))),
    ],
)
def test_structure(text: str, node: Node) -> None:
    assert_reads(text, node)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("abc", Variant("abc")),
        ("_", Variant("_")),
        ("_1", Variant("_1")),
        ("straße", Variant("straße")),
        ("名前(年齢: 1)", Struct({"年齢": 1}, "名前")),
        ("(e\u0301: 1)", Struct({"e\u0301": 1})),
        ("r#type", Variant("type")),
        ("r#2d", Variant("2d")),
        ("r#a.b+c-d", Variant("a.b+c-d")),
        ("(r#ab.cd-ef: true)", Struct({"ab.cd-ef": True})),
        ("(plain: 1, r#raw: 2)", Struct({"plain": 1, "raw": 2})),
        ("r#Hello+World(1)", Tuple((1,), "Hello+World")),
        ("r#None", Variant("None")),
        ("r#true", Variant("true")),
        ("r#Some(1, 2)", Tuple((1, 2), "Some")),
        ("r#inf(1)", Tuple((1,), "inf")),
        ("(true: 1, None: 2, Some: 3)", Struct({"true": 1, "None": 2, "Some": 3})),
        ("information", Variant("information")),
        ("None_", Variant("None_")),
        ("Something(1)", Tuple((1,), "Something")),
        ("r", Variant("r")),
        ("b", Variant("b")),
        ("br", Variant("br")),
        ("(r: 1, b: 2, br: 3)", Struct({"r": 1, "b": 2, "br": 3})),
        ("break", Variant("break")),
        ("a\u2028", Variant("a")),
    ],
)
def test_identifiers(text: str, node: Node) -> None:
    assert_reads(text, node)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ('""', ""),
        ('"abc"', "abc"),
        ('"Zoë 日本語 🦀"', "Zoë 日本語 🦀"),
        ('"two\nlines"', "two\nlines"),
        (r'"\n\r\t\\\'\"\0"', "\n\r\t\\'\"\0"),
        (r'"\x41\x7f"', "A\x7f"),
        (r'"a\xC3\xA9b\xf0\x9f\xa6\x80"', "aéb🦀"),
        (r'"\u{0}\u{41}\u{1F980}\u{10ffff}"', "\0A🦀\U0010ffff"),
        (r'"Zoë\u{200d}"', "Zoë\u200d"),
        ('"// no comment /* here"', "// no comment /* here"),
        ('r"a\\nb"', "a\\nb"),
        ('r""', ""),
        ('r#"say "hi""#', 'say "hi"'),
        ('r##"a"#b"##', 'a"#b'),
        ('b"abc"', b"abc"),
        (r'b"\x00\xff\n\0\"\'\\"', b"\x00\xff\n\0\"'\\"),
        ('b"é"', "é".encode()),
        (r'b"\u{e9}"', "é".encode()),
        (r'br"\x00"', rb"\x00"),
        ('br#"a"b"#', b'a"b'),
        ("'x'", Char("x")),
        ("'🦀'", Char("🦀")),
        (r"'\''", Char("'")),
        ("'''", Char("'")),
        ("'\"'", Char('"')),
        (r"'\\'", Char("\\")),
        ("'\n'", Char("\n")),
        (r"'\n'", Char("\n")),
        (r"'\0'", Char("\0")),
        (r"'\x41'", Char("A")),
        (r"'\u{1F980}'", Char("🦀")),
        ("b'x'", 0x78),
        (r"b'\n'", 10),
        (r"b'\''", 0x27),
        (r"b'\xff'", 255),
    ],
)
def test_texts(text: str, node: Node) -> None:
    assert_reads(text, node)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("0", 0),
        ("-0", 0),
        ("+7", 7),
        ("007", 7),
        ("1_000__000_", 1_000_000),
        ("0xFf", 255),
        ("-0x1_0", -16),
        ("0o17", 15),
        ("0b1010_1", 0b10101),
        ("0x1f32", 0x1F32),
        ("340282366920938463463374607431768211456", 2**128),
        ("1" * 700, int("1" * 700)),
        ("127i8", 127),
        ("-128i8", -128),
        ("255u8", 255),
        ("-0u8", 0),
        ("0xFFu8", 255),
        ("1_u16", 1),
        ("-1i32", -1),
        ("18446744073709551615u64", 2**64 - 1),
        ("-170141183460469231731687303715884105728i128", -(2**127)),
        ("340282366920938463463374607431768211455u128", 2**128 - 1),
    ],
)
def test_integers(text: str, node: int) -> None:
    value = parse(text)
    assert type(value) is int
    assert value == node


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("1.0", 1.0),
        ("-0.0", -0.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("+.5e1", 5.0),
        ("1e10", 1e10),
        ("1E10", 1e10),
        ("1e+10", 1e10),
        ("1.e-2", 0.01),
        ("1e300", 1e300),
        ("5e-324", 5e-324),
        ("1e400", INF),
        ("1_000.2_5", 1000.25),
        ("2_18__6_.3__7_e____1_", 21863.7),
        ("2_.", 2.0),
        ("1f64", 1.0),
        ("1_f32", 1.0),
        ("1.5f32", 1.5),
        ("0.1f32", 0.10000000149011612),
        ("0.1f64", 0.1),
        ("1e39f32", INF),
        ("-1e39f32", -INF),
        ("inf", INF),
        ("+inf", INF),
        ("-inf", -INF),
        ("inff32", INF),
        ("inf_f64", INF),
        ("-inff64", -INF),
        ("NaN", NAN),
        ("+NaN", NAN),
        ("-NaN", NAN),
        ("NaNf32", NAN),
        ("-NaN_f64", NAN),
        ("0." + "1" * 10_000, 1 / 9),
    ],
)
def test_floats(text: str, node: float) -> None:
    value = parse(text)
    assert type(value) is float
    assert_reads(text, node)


@pytest.mark.parametrize(
    "text",
    [
        " \t\r\n\v\f\x85\u200e\u200f\u2028\u20291",
        "// first\n1 // last",
        "1//",
        "/* a /* nested */ b */ 1 /**/",
        "/*/*/*/ */*/*/ 1",
        "// /*\n1",
    ],
)
def test_whitespace_and_comments(text: str) -> None:
    assert_reads(text, 1)


def test_comments_between_all_tokens() -> None:
    gap = " // x\n /* y /* z */ */ "
    tokens = ["P", "(", "a", ":", "[", "1", ",", "2", ",", "]", ",", "b", ":", "Some", "(", "'c'"]
    tokens += [")", ",", "d", ":", "{", '"k"', ":", "(", "V", ",", "3", ")", "}", ")"]
    node = Struct({"a": [1, 2], "b": Some(Char("c")), "d": {"k": Tuple((Variant("V"), 3))}}, "P")
    assert_reads(gap.join(["", *tokens, ""]), node)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("#![enable(implicit_some)] (a: 1)", Struct({"a": 1})),
        ("#![enable(implicit_some)] Some(1)", Some(1)),
        ("#![enable(unwrap_newtypes, explicit_struct_names,)] V(1)", Tuple((1,), "V")),
        ("# ! [ enable ( implicit_some ) ] /* */\n#![enable(unwrap_newtypes)]\n1", 1),
        ('#![type = "a::B"] #![schema = r#"x"#] 1', 1),
        ("#![enable(unwrap_variant_newtypes)] Some(a: 1)", Some(Struct({"a": 1}))),
        ("#![enable(unwrap_variant_newtypes)] Some(1, 2)", Some(Tuple((1, 2)))),
        ("#![enable(unwrap_variant_newtypes)] Some()", Some(Tuple(()))),
        ("#![enable(unwrap_variant_newtypes)] Some(1,)", Some(1)),
        ("#![enable(unwrap_variant_newtypes)] V(a: 1)", Struct({"a": 1}, "V")),
    ],
)
def test_extensions(text: str, node: Node) -> None:
    assert_reads(text, node)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("0..5", Struct({"start": 0, "end": 5})),
        ("1..=3", Struct({"start": 1, "end": 3})),
        ("-1..-2", Struct({"start": -1, "end": -2})),
        ("0.6..4.3", Struct({"start": 0.6, "end": 4.3})),
        ("1...5", Struct({"start": 1, "end": 0.5})),
        ("2..", Struct({"start": 2})),
        ("1.5..", Struct({"start": 1.5})),
        ("..3", Struct({"end": 3})),
        ("..=3i8", Struct({"end": 3})),
        ("..", Tuple(())),
        ("0x0..0b11", Struct({"start": 0, "end": 3})),
        ("1u8..1_0", Struct({"start": 1, "end": 10})),
        ("1e2..2f64", Struct({"start": 100.0, "end": 2.0})),
        ("b'A'..=b'Z'", Struct({"start": 65, "end": 90})),
        ("inf..", Struct({"start": INF})),
        ("-inf..inff32", Struct({"start": -INF, "end": INF})),
        ("NaN..=2.0", Struct({"start": NAN, "end": 2.0})),
        ("..NaN_f64", Struct({"end": NAN})),
        ("[0..5, .., 1..,]", [Struct({"start": 0, "end": 5}), Tuple(()), Struct({"start": 1})]),
        ("V(..=1)", Tuple((Struct({"end": 1}),), "V")),
        ("(a: 0.., b: 1)", Struct({"a": Struct({"start": 0}), "b": 1})),
        ("{0..1: 2}", Map(((Struct({"start": 0, "end": 1}), 2),))),
        ("Some(1..2)", Some(Struct({"start": 1, "end": 2}))),
    ],
)
def test_ranges(text: str, node: Node) -> None:
    assert_reads(text, node)


@pytest.mark.parametrize("text", ["1e_+0", "1e_-_0", "1E__0"])
def test_an_underscore_may_follow_the_e(text: str) -> None:
    assert_reads(text, 1.0)


def test_hexadecimal_digits_have_no_limit() -> None:
    assert parse("-0x" + "f" * 20_000) == 1 - 16**20_000
