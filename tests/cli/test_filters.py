"""The filter language: what it reads, what that means, and how it says that it cannot read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reddb.cli.filters import MISSING, FilterError, order_of, parse_field, parse_filter
from reddb.cli.filters.values import same

ADA = {
    "name": "Ada",
    "age": 36,
    "height": 1.65,
    "done": True,
    "nothing": None,
    "tags": ["math", "poetry"],
    "address": {"zip": "10115", "two words": 1, "lines": [{"text": "x"}]},
    "raw": b"ab",
    "in": "reserved",
    "first-name": "Augusta",
}

HOLD = [
    'name == "Ada"',
    "name == 'Ada'",
    "age == 36",
    "age == 36.0",
    "age == 3.6e1",
    "age != 37",
    "age > 35 and age < 37",
    "age >= 36 and age <= 36",
    'name >= "Ada" and name < "B"',
    'name != "Bob"',
    "name != 5",
    "done",
    "done == true",
    "done != false",
    "nothing == null",
    "exists(nothing)",
    "not exists(missing)",
    "not missing",
    "not name",
    "not age",
    "height > -1.5",
    'address.zip == "10115"',
    'address["two words"] == 1',
    'address.lines[0].text == "x"',
    'tags[0] == "math" and tags[-1] == "poetry"',
    "not exists(tags[2]) and not exists(tags[-3])",
    'tags contains "math"',
    '"math" in tags',
    'not "x" in tags',
    '"x" not in tags',
    'name in ["Bob", "Ada"]',
    'name not in ["Bob", "Eve"]',
    "name not in []",
    'name contains "da"',
    '"da" in name',
    'address contains "zip"',
    'tags == ["math", "poetry"]',
    "[1, [2, true], null] == [1.0, [2, true], null]",
    'name matches "^A"',
    r'name matches "^\w{3}$"',
    'name matches "d"',
    "done or missing > 1",
    "missing > 1 or done",
    "false or true and true",
    "true or false and false",
    "not (false or false)",
    "not not done",
    '$.in == "reserved"',
    '$["in"] == "reserved"',
    '$.name == "Ada"',
    'first-name == "Augusta"',
    "$ != 1",
    '"\\u0041da" == name',
    r'"a\"b\\\n\t" != name',
    "  age\n==\t36 ",
]

DO_NOT_HOLD = [
    'name == "ada"',
    'age == "36"',
    "done == 1",
    "age == true",
    "nothing == 0",
    "missing == null",
    "missing == missing",
    "missing != 1",
    "missing",
    "nothing",
    "name",
    "exists(missing)",
    "exists(address.zip.deeper)",
    "exists(tags.math)",
    "exists(name[0])",
    "exists(address[0])",
    "age < name",
    "age > name",
    "age <= name",
    "done < 2",
    "done <= done",
    "nothing >= nothing",
    "tags < tags",
    "tags <= tags",
    "raw == 'ab'",
    "[1] == [true]",
    "[1] == [1, 2]",
    "missing in [1, null]",
    "missing not in [1]",
    "missing contains 1",
    "age contains 3",
    "3 in age",
    "5 in name",
    "1 in tags",
    "1 in address",
    'name matches "x"',
    'age matches "3"',
    'missing matches ""',
]


@pytest.mark.parametrize("text", HOLD)
def test_filters_that_hold(text: str) -> None:
    assert parse_filter(text).holds(ADA)


@pytest.mark.parametrize("text", DO_NOT_HOLD)
def test_filters_that_do_not_hold(text: str) -> None:
    assert not parse_filter(text).holds(ADA)


@pytest.mark.parametrize("document", ["Ada", 5, None, [1], {}])
def test_a_document_may_be_any_value(document: Any) -> None:
    assert not parse_filter("name == 1 or $[3] == 1").holds(document)
    assert parse_filter('$ == "Ada"').holds(document) is (document == "Ada")


NAN = float("nan")


def test_nan_is_neither_equal_nor_less_nor_greater() -> None:
    for text in ("x == x", "x < 1", "x > 1", "x <= x", "x >= x"):
        assert not parse_filter(text).holds({"x": NAN})
    assert parse_filter("x != x").holds({"x": NAN})


WRONG = [
    ("", 0, "a field or a value is expected"),
    ("   ", 3, "a field or a value is expected"),
    ("a ==", 4, "a field or a value is expected"),
    ("a = 1", 2, "write '=='"),
    ("a && b", 2, "write 'and'"),
    ("a || b", 2, "write 'or'"),
    ("!a", 0, "write 'not'"),
    ("a =~ 'x'", 2, "write '=='"),
    ("a ~ 'x'", 2, "write 'matches'"),
    ("a == 'x", 5, "does not end"),
    ('a == "x', 5, "does not end"),
    ("a == 5x", 5, "means nothing here"),
    ("a == 5and b", 5, "means nothing here"),
    ("a % 2", 2, "means nothing here"),
    ("a b", 2, "'and', 'or' or the end is expected"),
    ("1 < a < 5", 6, "only two values"),
    ("a == b == c", 7, "only two values"),
    ("a not in b not in c", 11, "only two values"),
    ("(a", 2, "not closed"),
    ("a)", 1, "'and', 'or' or the end"),
    ("exists a", 7, r"write exists\(field\)"),
    ("exists(1)", 7, "the name of a field"),
    ("exists(a", 8, "not closed"),
    ("and", 0, "a field or a value"),
    ("a and", 5, "a field or a value"),
    ("a.", 2, "the name of a field"),
    ("a.1", 2, "the name of a field"),
    ("tags[", 5, "a field or a value"),
    ("tags[x]", 5, "a field or a value"),
    ("tags[null]", 5, "a key in quotes or a whole number"),
    ("tags[1.5]", 5, "a key in quotes or a whole number"),
    ("tags[true]", 5, "a key in quotes or a whole number"),
    ("tags[1", 6, "not closed"),
    ("a in [1 2]", 8, "',' or '\\]' is expected"),
    ("a in [1", 7, "',' or '\\]' is expected"),
    ("a in [b]", 6, "a field or a value"),
    ("a matches b", 10, "in quotes"),
    ("a matches '('", 11, "regular expression cannot be read"),
    ("a matches 'a{99999999999}'", 10, "regular expression"),
    (r"a == '\q'", 6, "a backslash is written"),
    ("a == " + "9" * 5000, 5, "too long"),
    ("(" * 51 + "a" + ")" * 51, 51, "more than 50 brackets"),
    ("not " * 51 + "a", 204, "more than 50 brackets"),
    ("a == " + "[" * 51, 56, "more than 50 brackets"),
    ("__import__('os')", 10, "'and', 'or' or the end"),
]


@pytest.mark.parametrize(("text", "column", "message"), WRONG)
def test_a_filter_that_cannot_be_read_is_said_where(text: str, column: int, message: str) -> None:
    with pytest.raises(FilterError, match=message) as caught:
        parse_filter(text)
    assert caught.value.column == column


def test_the_place_is_shown_below_the_filter() -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter("a\t==\n%")
    assert str(caught.value) == "'%' means nothing here, at column 6:\n  a == %\n       ^"


def test_a_field_named_like_a_word_of_the_language_is_pointed_to() -> None:
    with pytest.raises(FilterError, match=r"the field is \$\.in"):
        parse_filter("exists(in)")


@pytest.mark.parametrize("text", ["a.b[0]", "$", "$.a", '$["two words"]'])
def test_a_field_is_read_alone(text: str) -> None:
    document = {"a": {"b": [1]}, "two words": 2}
    assert parse_field(text).value(document) is not MISSING


@pytest.mark.parametrize("text", ["", "1", "a b", "a ==", "not", "a["])
def test_what_is_no_field_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse_field(text)


# Laws.

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(PLAIN, max_size=6))
def test_all_values_can_be_sorted_together(values: list[Any]) -> None:
    ordered = sorted(values, key=order_of)
    kinds = [order_of(value)[0] for value in ordered]
    assert kinds == sorted(kinds)


@given(PLAIN, PLAIN)
def test_comparisons_never_fail_and_do_not_contradict_each_other(left: Any, right: Any) -> None:
    def holds(operator: str) -> bool:
        return parse_filter(f"a {operator} b").holds({"a": left, "b": right})

    assert holds("==") is same(left, right) is not holds("!=")
    assert holds("<") + holds("==") + holds(">") <= 1
    assert holds("<=") >= holds("<") and holds(">=") >= holds(">")
    assert holds("in") is not holds("not in")
    assert holds("contains") in {True, False}


@given(st.text())
def test_any_text_is_read_or_refused_with_a_place_inside_it(text: str) -> None:
    column = 0
    try:
        parse_filter(text).holds(ADA)
    except FilterError as error:
        column = error.column
    assert 0 <= column <= len(text)


@given(st.text())
def test_any_string_can_be_written(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    assert parse_filter(f'$ == "{escaped}"').holds(text)
