"""`RonCodec` is a codec: it carries every plain value, and RON's nodes beside them."""

from __future__ import annotations

import pytest

from reddb.codecs.protocol import Codec, Notation, Plain
from reddb.codecs.ron import Char, RonCodec, RonError, Some, Struct, Tuple, Variant

CODEC: Codec = RonCodec()


def test_it_says_what_it_is() -> None:
    assert (CODEC.name, CODEC.suffix, CODEC.notation) == ("ron", ".ron", Notation.NAMED)
    assert RonCodec() == RonCodec()


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        10**30,
        -0.0,
        float("inf"),
        float("nan"),
        "text \u2028 \x00 🦀",
        b"\x00\xff",
        [1, [None, {}]],
        {"": {"nested": [1.0, 2]}},
        {1: "a", Char("b"): "c"},
        Struct({"role": Variant("Admin"), "email": Some(None), "at": Tuple((1, 2))}, "User"),
    ],
    ids=repr,
)
def test_every_value_comes_back(value: Plain) -> None:
    assert repr(CODEC.decode(CODEC.encode(value))) == repr(value)


def test_the_bytes_are_utf_8() -> None:
    assert CODEC.encode({"é": "🦀"}) == '{"é":"🦀"}'.encode()


@pytest.mark.parametrize("value", [(1,), {1}, object(), "\ud800", {(1,): 1}, Variant("")])
def test_what_ron_cannot_hold_is_refused(value: Plain) -> None:
    with pytest.raises(ValueError, match=r"plain value|surrogate|identifier"):
        CODEC.encode(value)


@pytest.mark.parametrize("data", [b"", b"(", b"1 2", b"\xff"])
def test_what_is_not_one_ron_text_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"line 1, column|utf-8"):
        CODEC.decode(data)


def test_the_error_says_where() -> None:
    with pytest.raises(RonError, match=r"^line 2, column 3: "):
        CODEC.decode("(a: 'é',\n  @)".encode())
