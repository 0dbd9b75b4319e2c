"""Each mistake in a text is named with its place, also where the text is deep or long."""

from __future__ import annotations

import pickle

import pytest

from reddb.codecs.ron import DEPTH_MAX, Map, RonError, parse


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "expected a value, found the end"),
        ("  \n ", 2, 2, "expected a value, found the end"),
        ("@", 1, 1, "expected a value, found `@`"),
        ("/", 1, 1, "expected a value, found `/`"),
        ("\ufeff1", 1, 1, "`\ufeff1` is not an identifier"),
        ("1 2", 1, 3, "expected the end, found `2`"),
        ("(1))", 1, 4, "expected the end, found `)`"),
        ("inf(1)", 1, 4, "expected the end, found `(`"),
        ("None()", 1, 5, "expected the end, found `(`"),
        ("a.b", 1, 2, "expected the end, found `.`"),
        ("1 ..2", 1, 3, "expected the end, found `.`"),
        ("1.. 2", 1, 5, "expected the end, found `2`"),
        (".. 5", 1, 4, "expected the end, found `5`"),
        ("1..a", 1, 4, "expected the end, found `a`"),
        ("1..=", 1, 5, "expected a number after `..=`"),
        ("[..=]", 1, 5, "expected a number after `..=`"),
        ("1..300u8", 1, 4, "`300` does not fit in u8"),
        ("1..2..3", 1, 5, "expected the end, found `.`"),
        ('"a".."b"', 1, 4, "expected the end, found `.`"),
        # Brackets
        ("[1 2]", 1, 4, "expected `,` or `]`, found `2`"),
        ("[1", 1, 3, "expected `,` or `]`, found the end"),
        ("[", 1, 2, "expected a value, found the end"),
        ("[,]", 1, 2, "expected a value, found `,`"),
        ("[1,,]", 1, 4, "expected a value, found `,`"),
        ("[1)", 1, 3, "expected `,` or `]`, found `)`"),
        ("(1, a: 2)", 1, 6, "expected `,` or `)`, found `:`"),
        ("(", 1, 2, "expected a value, found the end"),
        ("(a: 1", 1, 6, "expected `,` or `)`, found the end"),
        ("(a: 1,", 1, 7, "expected a field name, found the end"),
        ("(a: 1, 2)", 1, 8, "expected a field name, found `2`"),
        ('(a: 1, "b": 2)', 1, 8, 'expected a field name, found `"`'),
        ("(\n  a: 1,\n  bcd 2,\n)", 3, 7, "expected `:` after field name, found `2`"),
        ("(a: )", 1, 5, "expected a value, found `)`"),
        ("(a: 1, b: 2, a: 3)", 1, 14, "the struct has the field `a` already"),
        ("(a: 1, r#a: 3)", 1, 8, "the struct has the field `a` already"),
        ('{"a" 1}', 1, 6, "expected `:` after map key, found `1`"),
        ('{"a": 1', 1, 8, "expected `,` or `}`, found the end"),
        ('{"a": 1,\n "a": 2}', 2, 2, "the map has this key already"),
        ("{1: 1, 0x1: 2}", 1, 8, "the map has this key already"),
        ("{NaN: 1, NaN: 2}", 1, 10, "the map has this key already"),
        ("{[1]: 1, [ 1, ]: 2}", 1, 10, "the map has this key already"),
        # Options
        ("Some", 1, 5, "expected `(`, found the end"),
        ("[Some]", 1, 6, "expected `(`, found `]`"),
        ("Some()", 1, 6, "expected a value, found `)`"),
        ("Some(1, 2)", 1, 9, "`Some` holds one value"),
        ("Some(a: 1)", 1, 7, "expected `,` or `)`, found `:`"),
        ("Some(1", 1, 7, "expected `,` or `)`, found the end"),
        ("Some(1,", 1, 8, "`Some` holds one value"),
        # Identifiers
        ("r#", 1, 2, "expected the end, found `#`"),
        ("r##a", 1, 2, "expected the end, found `#`"),
        ("💥", 1, 1, "`💥` is not an identifier"),
        ("(a💥: 1)", 1, 2, "`a💥` is not an identifier"),
        ("r#a💥", 1, 1, "`r#a💥` is not an identifier"),
        # Texts
        ('("a\n', 1, 2, "the string is not closed"),
        ('"\\"', 1, 1, "the string is not closed"),
        ('"\\', 1, 1, "the string is not closed"),
        ('b"a', 1, 1, "the byte string is not closed"),
        ('r#"a"', 1, 1, 'the raw string is not closed by `"#`'),
        ('br"a', 1, 2, 'the raw string is not closed by `"`'),
        (r'"ab\q"', 1, 4, "`\\` begins no known escape"),
        ('"é\n\\\n"', 2, 1, "`\\` begins no known escape"),
        (r'"\x4"', 1, 2, "`\\` begins no known escape"),
        (r'"\u0041"', 1, 2, "`\\` begins no known escape"),
        (r'"\u{}"', 1, 2, "`\\` begins no known escape"),
        (r'"\u{1234567}"', 1, 2, "`\\` begins no known escape"),
        (r'"é\u{d800}"', 1, 3, "`\\u{d800}` is not a Unicode character"),
        (r'"\u{110000}"', 1, 2, "`\\u{110000}` is not a Unicode character"),
        (r'"a\xff"', 1, 2, "the `\\x` escapes are not UTF-8"),
        (r'"\xC3é"', 1, 2, "the `\\x` escapes are not UTF-8"),
        ("''", 1, 1, "expected one character between `'` and `'`"),
        ("'ab'", 1, 1, "expected one character between `'` and `'`"),
        (r"'\q'", 1, 1, "expected one character between `'` and `'`"),
        (r"'\xe9'", 1, 2, "the `\\x` escapes are not UTF-8"),
        (r"'\u{d800}'", 1, 2, "`\\u{d800}` is not a Unicode character"),
        ("b'é'", 1, 1, "expected one ASCII character between `b'` and `'`"),
        (r"b'\u{41}'", 1, 1, "expected one ASCII character between `b'` and `'`"),
        ('"\ud800"', 1, 2, "a lone surrogate is not Unicode text"),
        # Numbers
        ("-", 1, 1, "malformed number"),
        (".", 1, 1, "malformed number"),
        ("-a", 1, 1, "malformed number"),
        ("12a", 1, 1, "malformed number"),
        ("1e", 1, 1, "malformed number"),
        ("1e+__", 1, 1, "malformed number"),
        ("1._5", 1, 1, "malformed number"),
        ("._5", 1, 1, "malformed number"),
        ("0x", 1, 1, "malformed number"),
        ("0x_1", 1, 1, "malformed number"),
        ("0xG", 1, 1, "malformed number"),
        ("0b2", 1, 1, "malformed number"),
        ("0o8", 1, 1, "malformed number"),
        ("1u7", 1, 1, "malformed number"),
        ("1f16", 1, 1, "malformed number"),
        ("1.5i32", 1, 1, "malformed number"),
        ("0b1f32", 1, 1, "malformed number"),
        ("1é", 1, 1, "malformed number"),
        ("[1, 300u8]", 1, 5, "`300` does not fit in u8"),
        ("-1u8", 1, 1, "`-1` does not fit in u8"),
        ("128i8", 1, 1, "`128` does not fit in i8"),
        ("-129i8", 1, 1, "`-129` does not fit in i8"),
        # Comments
        ("/*", 1, 1, "the comment is not closed"),
        ("1 /* /* */", 1, 3, "the comment is not closed"),
        ("1 / 2", 1, 3, "expected the end, found `/`"),
        # Attributes
        ("#", 1, 2, "expected `!`, found the end"),
        ("#[enable(implicit_some)] 1", 1, 2, "expected `!`, found `[`"),
        ("#![enable] 1", 1, 10, "expected `(`, found `]`"),
        ("#![enable()] 1", 1, 11, "expected an extension, found `)`"),
        ("#![enable(implicit_some unwrap_newtypes)] 1", 1, 25, "expected `)`, found `u`"),
        ("#![enable(implicit_some)", 1, 25, "expected `]`, found the end"),
        ("#![enable(\n implicit_none)] 1", 2, 2, "unknown extension `implicit_none`"),
        ("#![disable(implicit_some)] 1", 1, 4, "unknown attribute `disable`"),
        ("#![type = 1] 1", 1, 11, 'expected `"`, found `1`'),
        ('#![type "x"] 1', 1, 9, 'expected `=`, found `"`'),
        ("1 #![enable(implicit_some)]", 1, 3, "expected the end, found `#`"),
    ],
)
def test_errors(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(RonError) as caught:
        parse(text)
    error = caught.value
    assert (error.line, error.column, error.message) == (line, column, message)
    assert str(error) == f"line {line}, column {column}: {message}"


def test_an_error_can_be_pickled() -> None:
    error = pickle.loads(pickle.dumps(RonError("why", 2, 3)))
    assert (str(error), error.line, error.column) == ("line 2, column 3: why", 2, 3)


def test_more_decimal_digits_than_python_converts_are_an_error() -> None:
    with pytest.raises(RonError, match=r"^line 1, column 2: too many decimal digits"):
        parse("[" + "1" * 1_000_000)


# What opens a level, what closes it, and how many levels it is.
BRACKETS = [
    ("[", "]", 1),
    ("(", ")", 1),
    ("Some(", ")", 1),
    ("V(", ")", 1),
    ("(a:", ")", 1),
    ("V(a:", ")", 1),
    ("{1:", "}", 1),
    ("[(Some(V(a:{1:", "})))]", 6),
]


@pytest.mark.parametrize(("opening", "closing", "levels"), BRACKETS)
def test_the_deepest_nesting_can_be_read_and_used(opening: str, closing: str, levels: int) -> None:
    times = DEPTH_MAX // levels
    text = opening * times + "7" + closing * times
    node = parse(text)
    assert node == parse(text)
    assert "7" in repr(node)


@pytest.mark.parametrize(("opening", "closing", "levels"), BRACKETS)
@pytest.mark.parametrize("times", [DEPTH_MAX + 1, 100_000])
def test_deeper_nesting_is_an_error(opening: str, closing: str, levels: int, times: int) -> None:
    with pytest.raises(RonError, match=f"nested deeper than {DEPTH_MAX}"):
        parse(opening * times + "7" + closing * times)


def test_the_error_names_the_first_bracket_too_many() -> None:
    with pytest.raises(RonError) as caught:
        parse("[" * DEPTH_MAX + "\n ([")
    assert (caught.value.line, caught.value.column) == (2, 2)


def test_a_map_key_has_half_of_the_depth_that_is_left() -> None:
    deepest = (DEPTH_MAX - 1) // 2
    key = "[" * deepest + "]" * deepest
    assert isinstance(parse(f"{{{key}: 1}}"), Map)
    with pytest.raises(RonError, match="nested deeper"):
        parse(f"{{[{key}]: 1}}")


@pytest.mark.parametrize(
    "text",
    [
        '"' + "a" * 1_000_000,
        '"' + "\\n" * 500_000,
        '"' + "\\" * 500_001,
        '"' + "\\x" * 500_000 + '"',
        "'" * 500_001,
        "r" + "#" * 500_000,
        "r" + "#" * 500_000 + '"' + '"#' * 500_000,
        "/*" * 500_000,
        "/* */" * 100_000,
        "//\n" * 500_000,
        " " * 500_000,
        "[" + "/**/" * 100_000 + "1 2",
        "1" * 500_000 + "x",
        "1." + "1" * 500_000 + "e" + "_" * 500_000,
        "a" * 500_000 + ":",
        "é" * 500_000 + ":",
        "(" + "a" * 500_000 + " " * 500_000 + "b",
        "[" + "(1)," * 100_000,
        "[" + '"\\n",' * 100_000,
    ],
    ids=lambda text: text[:8],
)
def test_a_long_text_that_is_wrong_ends_in_an_error(text: str) -> None:
    with pytest.raises(RonError):
        parse(text)
