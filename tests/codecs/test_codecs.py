"""The four formats: what they carry, how they write it, and what they refuse."""

from __future__ import annotations

import math
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reddb.codecs import CborCodec, Codec, JsonCodec, Notation, RonCodec, YamlCodec
from reddb.codecs.plain import DEPTH_MAX, Misfit, check_plain, check_tree, shown
from reddb.codecs.protocol import Plain
from reddb.testing.codec_conformance import check_codec

CODECS: list[Codec] = [JsonCodec(), CborCodec(), YamlCodec(), RonCodec()]
each_codec = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)

texts = st.text(st.characters(exclude_categories=["Cs"]))
big_integers = st.builds(int.__lshift__, st.integers(), st.integers(0, 16_000))
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), big_integers, st.floats(), texts, st.binary()
)
keys = texts | st.sampled_from(["$", "$bytes", "$float", "$int", "$$bytes", "<<", "=", "", "~"])
values = st.recursive(
    scalars,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(keys, parts, max_size=4),
    max_leaves=12,
)


class Number(IntEnum):
    ONE = 1


class Text(str):
    __slots__ = ()


class Items(list[int]):
    pass


def nested(depth: int) -> Plain:
    value: Plain = []
    for level in range(depth - 1):
        value = {"in": value} if level % 2 else [value]
    return value


def exact(value: Plain) -> object:
    """Give what tells values apart that are equal but not the same."""
    match value:
        case list():
            return [exact(item) for item in value]
        case dict():
            return [(exact(key), exact(item)) for key, item in value.items()]
        case float():
            return repr(value)
    return type(value), value


@contextmanager
def digits_limited(limit: int) -> Iterator[None]:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(limit)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(before)


@each_codec
def test_each_codec_conforms(codec: Codec) -> None:
    check_codec(codec)


@each_codec
@given(value=values)
def test_every_plain_value_comes_back(codec: Codec, value: Plain) -> None:
    assert exact(codec.decode(codec.encode(value))) == exact(value)


@each_codec
@given(data=st.binary(max_size=60))
def test_foreign_bytes_are_read_or_refused(codec: Codec, data: bytes) -> None:
    try:
        value = codec.decode(data)
    except ValueError:
        return
    if codec.notation is Notation.PLAIN:
        check_plain(value)


@each_codec
def test_a_codec_says_what_it_is(codec: Codec) -> None:
    expected = {
        "json": (".json", Notation.PLAIN),
        "cbor": (".bin", Notation.PLAIN),
        "yaml": (".yaml", Notation.PLAIN),
        "ron": (".ron", Notation.NAMED),
    }
    assert (codec.suffix, codec.notation) == expected[codec.name]


@each_codec
def test_codecs_are_values(codec: Codec) -> None:
    assert codec == type(codec)()
    assert hash(codec) == hash(type(codec)())


# Depth


@each_codec
def test_nesting_is_limited_in_both_directions_alike(codec: Codec) -> None:
    deepest = nested(DEPTH_MAX)
    assert codec.decode(codec.encode(deepest)) == deepest
    with pytest.raises(ValueError, match="nested"):
        codec.encode(nested(DEPTH_MAX + 1))


@each_codec
@pytest.mark.parametrize("depth", [300, 1_000, 5_000, 100_000])
def test_any_depth_is_refused_and_not_a_crash(codec: Codec, depth: int) -> None:
    with pytest.raises(ValueError, match="nested"):
        codec.encode(nested(depth))


@each_codec
def test_a_value_inside_itself_is_refused(codec: Codec) -> None:
    value: list[Any] = []
    value.append({"self": value})
    with pytest.raises(ValueError, match="nested"):
        codec.encode(value)


@each_codec
def test_a_value_in_two_places_becomes_two(codec: Codec) -> None:
    part = [1]
    first, second = codec.decode(codec.encode([part, part]))
    assert first == second == part
    assert first is not second


# What is not plain


@each_codec
@pytest.mark.parametrize(
    "value",
    [(1,), {1}, frozenset(), bytearray(b"a"), object(), Ellipsis, 1j, int, Text("a"), {(1,): 1}],
    ids=repr,
)
def test_what_is_not_plain_is_refused(codec: Codec, value: object) -> None:
    with pytest.raises(ValueError, match=r"plain|key|nor"):
        codec.encode({"a": [value]})


@pytest.mark.parametrize("codec", [CborCodec(), YamlCodec()], ids=lambda codec: codec.name)
@pytest.mark.parametrize(
    "value", [Number.ONE, Items(), OrderedDict(a=1), {Text("a"): 1}, {1: 2}], ids=repr
)
def test_what_equals_a_plain_value_is_refused(codec: Codec, value: object) -> None:
    with pytest.raises(Misfit) as caught:
        codec.encode({"a": [value]})
    assert caught.value.path.startswith("$.a[0]")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ((1,), "expected a plain value, found tuple (at $)"),
        ({"a": [None, {"b c": {1}}]}, "expected a plain value, found set (at $.a[1]['b c'])"),
        ({"a": {2: 1}}, "expected a str as key, found int (at $.a[2])"),
        ([Number.ONE], "expected a plain value, found Number (at $[0])"),
        ({"": OrderedDict()}, "expected a plain value, found OrderedDict (at $[''])"),
    ],
)
def test_the_error_says_where(value: object, message: str) -> None:
    with pytest.raises(Misfit) as caught:
        check_plain(value)
    assert str(caught.value) == message


def test_errors_show_values_in_brief() -> None:
    class Unshowable:
        def __repr__(self) -> str:
            raise RuntimeError

    assert shown("a") == "'a'"
    assert shown("a" * 1_000) == "'" + "a" * 99 + "..."
    assert shown(10**5_000) == "<int>"
    assert shown(Unshowable()).endswith("Unshowable>")


# JSON


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (math.nan, b'{"$float":"nan"}'),
        ([-math.inf, math.inf], b'[{"$float":"-inf"},{"$float":"inf"}]'),
        (b"png", b'{"$bytes":"cG5n"}'),
        (b"", b'{"$bytes":""}'),
        ({"$price": 1}, b'{"$$price":1}'),
        ({"$$price": 1, "a": b""}, b'{"$$$price":1,"a":{"$bytes":""}}'),
        ({"$bytes": "cG5n"}, b'{"$$bytes":"cG5n"}'),
        ("$5", b'"$5"'),
        ({"price": "$5"}, b'{"price":"$5"}'),
        ("é\u2028🦀", '"é\u2028🦀"'.encode()),
        ([1, 1.0, True, -0.0], b"[1,1.0,true,-0.0]"),
        (1 << 20_000, b'{"$int":"0x1' + b"0" * 5_000 + b'"}'),
    ],
    ids=shown,
)
def test_json_is_written_so(value: Plain, data: bytes) -> None:
    assert JsonCodec().encode(value) == data
    assert exact(JsonCodec().decode(data)) == exact(value)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b' {"a" : [ 1 , 2.50 ] }\n', {"a": [1, 2.5]}),
        (b'"\\u0024 \\ud83e\\udd80 \\/"', "$ 🦀 /"),
        (b'{"\\u0024bytes": "YQ=="}', {"$bytes": "YQ=="}),
        (b"1E2", 100.0),
    ],
)
def test_json_by_hand_is_read(data: bytes, value: Plain) -> None:
    assert exact(JsonCodec().decode(data)) == exact(value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "truncated"),
        (b"[1", "truncated"),
        (b"[1]]", "trailing"),
        (b"NaN", "malformed"),
        (b"\xef\xbb\xbf1", "malformed"),
        (b'"\xed\xa0\x80"', "(?i)utf-8"),
        (b'"\\ud800"', "truncated|surrogate"),
        (b"1e400", "out of range"),
        (b"9" * 5_000, "out of range"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"$other":1}', r"no value is written as a dict with the single key '\$other'"),
        (b'{"$float":"1.5"}', r"single key '\$float'"),
        (b'{"$bytes":1}', r"single key '\$bytes'"),
        (b'{"$":1}', r"single key '\$'"),
        (b'{"$bytes":"a"}', "base64"),
        (b'{"$bytes":"YQ==x"}', "(?i)base64|data after padding"),
        (b'{"$int":"zz"}', "base 16"),
        (b'[{"$a":1,"b":2}]', r"the key '\$a' begins with a single \$"),
    ],
)
def test_json_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        JsonCodec().decode(data)


# CBOR


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x01\x01", "1 bytes after the end"),
        (b"\x18", "not CBOR"),
        (b"\x9f\x01", "not CBOR"),
        (b"\xff", "not CBOR"),
        (b"\x62\xc3\x28", "not CBOR"),
        (b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", "not CBOR"),
        (b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", "not CBOR"),
        (b"\x81" * 100_000, "not CBOR|nested"),
        (b"\xf7", "found UndefinedType|undefined"),
        (b"\xc0\x74" + b"2013-03-21T20:04:00Z", "found datetime"),
        (b"\xa1\x01\x02", "expected a str as key, found int"),
        (b"\xd9\x01\x02\x81\x01", "found set"),
    ],
)
def test_cbor_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CborCodec().decode(data)


def test_cbor_numbers_are_as_short_as_they_can_be() -> None:
    assert CborCodec().encode([1, 2**64 - 1, 2**64]) == bytes.fromhex(
        "83 01 1b ffffffffffffffff c2 49 010000000000000000"
    )


def cbor_references(levels: int) -> bytes:
    """Give an array whose every item has the one before it twice, by reference."""
    items = [b"\xd8\x1c\x80"]
    for level in range(levels):
        reference = b"\xd8\x1d" + CborCodec().encode(level)
        items.append(b"\xd8\x1c\x82" + reference * 2)
    return b"\x98" + bytes([len(items)]) + b"".join(items)


@pytest.mark.parametrize(
    "data", [b"\xd8\x1c\x81\xd8\x1d\x00", cbor_references(1), cbor_references(100)], ids=len
)
def test_cbor_references_are_refused_at_once(data: bytes) -> None:
    with pytest.raises(ValueError, match="in two places"):
        CborCodec().decode(data)


def test_bytes_that_look_like_a_reference_are_none() -> None:
    value = ["\x1d", b"\xd8\x1d\x00", 29, {"\x1d": [0x1D1D]}]
    assert CborCodec().decode(CborCodec().encode(value)) == value


def test_a_tree_is_no_graph() -> None:
    shared = [1]
    check_tree([[1], [1], {"a": [1], "b": "x"}, "x", "x"])
    with pytest.raises(Misfit, match="in two places"):
        check_tree({"a": shared, "b": [shared]})


# YAML


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["word", "Tea, two cups. More"], "- word\n- Tea, two cups. More\n"),
        (["no", "null", "1e3", "a: b"], "- 'no'\n- 'null'\n- \"1e3\"\n- \"a: b\"\n"),
        (["\u2028\x85", "é🦀"], '- "\\L\\N"\n- "é\\U0001F980"\n'),
        ({"a": [{"b": None, "c": []}], "$": {}}, 'a:\n- b: null\n  c: []\n"$": {}\n'),
        ([1e22, 0.1, math.inf], "- 1.0e+22\n- 0.1\n- .inf\n"),
        (b"\x00", "!!binary |\n  AA==\n"),
        ([1 << 4_000, -(1 << 4_000)], "- 0x1{0}\n- -0x1{0}\n".format("0" * 1_000)),
    ],
    ids=shown,
)
def test_yaml_is_written_so(value: Plain, text: str) -> None:
    assert YamlCodec().encode(value).decode() == text
    assert exact(YamlCodec().decode(text.encode())) == exact(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("# A note\na: [1, two, 'no', no]  # more\n", {"a": [1, "two", "no", False]}),
        (
            "a: |\n  line\n  line\nb: >-\n  folded\n  text\n",
            {"a": "line\nline\n", "b": "folded text"},
        ),
        ("when: 2024-01-01 12:30:00\n", {"when": "2024-01-01 12:30:00"}),
        ("R&D: 2 * 3 * 4\n", {"R&D": "2 * 3 * 4"}),
        ("a: &anchor [1]\n", {"a": [1]}),
        ("<<: {a: 1}\nb: 2\n", {"a": 1, "b": 2}),
        ("---\n~\n", None),
        ("a:\n" + "- {b: c}\n" * 1_000, {"a": [{"b": "c"}] * 1_000}),
    ],
    ids=shown,
)
def test_yaml_by_hand_is_read(text: str, value: Plain) -> None:
    assert exact(YamlCodec().decode(text.encode())) == exact(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no document"),
        ("# nothing\n", "there is no document"),
        ("a\n---\nb\n", "single document"),
        ("a: b: c", "not YAML"),
        ("[1", "not YAML"),
        ("!!python/object:os.system {}", "not YAML"),
        ("!!timestamp 2024-01-01", "found date"),
        ("!!set {a, b}", "found set"),
        ("1: a", "expected a str as key, found int"),
        ("on: a", "expected a str as key, found bool"),
        ("{[1]: 2}", "not YAML"),
        ("!!int x", "not YAML"),
        ("!!bool x", "not YAML"),
        ("- " * 5_000, "nested too deeply|maximum nesting depth"),
        ("[" * 100_000, "nested too deeply|maximum nesting depth"),
        ("{" * 100_000, "nested too deeply|maximum nesting depth"),
        ("[" * 300 + "]" * 300, "nested too deeply"),
        ("a: &x [1]\nb: *x\n", "an alias"),
        ("&x [*x]", "an alias"),
        ("a: &a {x: 1}\nb: {<<: *a}\n", "an alias"),
    ],
    ids=shown,
)
def test_yaml_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        YamlCodec().decode(text.encode())


def test_yaml_aliases_are_refused_before_they_multiply() -> None:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 100)]
    with pytest.raises(ValueError, match="an alias"):
        YamlCodec().decode("\n".join(lines).encode())


# Large integers


@each_codec
@pytest.mark.parametrize("bits", [2_000, 2_047, 2_048, 2_049, 14_000, 20_000])
def test_large_integers_come_back(codec: Codec, bits: int) -> None:
    for value in (1 << bits, -(1 << bits)):
        assert codec.decode(codec.encode([value])) == [value]


@pytest.mark.parametrize(
    "codec", [CborCodec(), YamlCodec(), RonCodec()], ids=lambda codec: codec.name
)
def test_an_interpreter_with_fewer_digits_reads_what_others_write(codec: Codec) -> None:
    values = [(1 << 2_048) - 1, 1 << 2_048, 1 << 3_000, 1 << 14_000]
    data = codec.encode(values)
    with digits_limited(640):
        assert codec.decode(data) == values
        assert codec.encode(values) == data


def test_json_written_with_few_digits_is_read_with_many() -> None:
    values = [(1 << 2_048) - 1, 1 << 2_048, 1 << 3_000, 1 << 14_000]
    with digits_limited(640):
        data = JsonCodec().encode(values)
        assert JsonCodec().decode(data) == values
    assert JsonCodec().decode(data) == values


# Surrogates


@each_codec
@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\ud83d\ude00"], ids=ascii)
@pytest.mark.parametrize(
    "wrapped", [lambda x: x, lambda x: {x: b""}, lambda x: [math.nan, {"$a": x}]]
)
def test_lone_surrogates_are_refused(
    codec: Codec, text: str, wrapped: Callable[[str], Plain]
) -> None:
    with pytest.raises(ValueError, match="surrogate"):
        codec.encode(wrapped(text))
