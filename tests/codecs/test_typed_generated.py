"""The code that is written for a class, and what the codecs need not check after it."""

from __future__ import annotations

import linecache
import math
import traceback
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

import attrs
import msgspec
import pytest
from attrs import define, field, frozen
from typed_table import SURROUNDINGS, TABLE, Surrounding

from reddb.codecs import DocumentCodec, JsonCodec, Notation, Schema
from reddb.errors import DecodeError, EncodeError


def scalars_in(plain: Any) -> set[type]:
    """Give the types of all scalars in a plain value, but for keys."""
    match plain:
        case dict():
            return scalars_in(list(plain.values()))
        case list():
            return set().union(*map(scalars_in, plain))
    return {type(plain)}


@pytest.mark.parametrize("surrounding", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_json_is_the_same_with_and_without_checks(surrounding: Surrounding) -> None:
    surround_type, surround_values = surrounding
    for annotation, values in TABLE.values():
        outer = surround_type(annotation)
        schema: Schema[Any] = Schema(outer, Notation.PLAIN)
        document_codec: DocumentCodec[Any] = DocumentCodec(JsonCodec(), outer)
        for value in surround_values(outer, values):
            plain = schema.to_plain(value)
            assert scalars_in(plain) <= schema.scalars
            assert document_codec.encode(value) == JsonCodec().encode(plain)


@frozen
class Measured:
    label: str
    value: float
    note: str | None = None


@pytest.mark.parametrize(
    "value",
    [
        Measured("a", 1.0),
        Measured("null", 1.0),
        Measured("a", math.nan),
        Measured("a", math.nan, "b"),
        Measured("null", math.nan),
        Measured("a", math.inf, "b"),
        Measured("a", 1.0, "null"),
        Measured("null", -math.inf, "$"),
        Measured('"$', 1e300),
    ],
)
def test_what_json_lacks_is_seen(value: Measured) -> None:
    codec: DocumentCodec[Measured] = DocumentCodec(JsonCodec(), Measured)
    data = codec.encode(value)
    schema: Schema[Measured] = Schema(Measured, Notation.PLAIN)
    assert data == JsonCodec().encode(schema.to_plain(value))
    assert repr(codec.decode(data)) == repr(value)


def test_json_refuses_a_lone_surrogate_in_a_field() -> None:
    codec: DocumentCodec[Measured] = DocumentCodec(JsonCodec(), Measured)
    with pytest.raises(EncodeError, match="surrogate"):
        codec.encode(Measured("\ud800", 1.0))


class ShoutingCodec(JsonCodec):
    """Writes otherwise than the codec that it inherits from."""

    def encode(self, value: Any) -> bytes:
        return super().encode(value) + b"\n"


def test_a_codec_that_inherits_writes_as_it_says() -> None:
    codec: DocumentCodec[Measured] = DocumentCodec(ShoutingCodec(), Measured)
    assert codec.encode(Measured("a", 1.0)).endswith(b"}\n")


Odd = msgspec.defstruct("Odd", [("class", int), ("None", str)])
Renamed = msgspec.defstruct("Renamed", [("text", str)], rename={"text": "an 'odd' {key}"})


@frozen
class Moment:
    at: datetime


class Pair(NamedTuple):
    first: int
    second: int = 2


@define
class ByName:
    second: int = field(kw_only=True)
    first: int
    _hidden: str = "h"


@pytest.mark.parametrize(
    "value", [Odd(1, "a"), Renamed("a"), Pair(1), Pair(1, 3), ByName(1, second=2, hidden="x")]
)
def test_names_and_arguments_of_every_kind(value: Any) -> None:
    codec: DocumentCodec[Any] = DocumentCodec(JsonCodec(), type(value))
    assert codec.decode(codec.encode(value)) == value


def test_a_field_that_is_not_set_is_named() -> None:
    @define
    class Half:
        there: int
        missing: int = field(init=False)

    codec: DocumentCodec[Half] = DocumentCodec(JsonCodec(), Half)
    with pytest.raises(EncodeError, match="'missing' is not set") as caught:
        codec.encode(Half(1))
    assert caught.value.path == "$.missing"


def test_another_attribute_that_is_missing_is_not_taken_for_a_field() -> None:
    class BrokenZone(tzinfo):
        def utcoffset(self, _: Any) -> Any:
            raise AttributeError("no table of offsets")

        dst = tzname = utcoffset

    schema: Schema[Any] = Schema(Moment, Notation.PLAIN)
    with pytest.raises(AttributeError, match="no table of offsets"):
        schema.to_plain(Moment(datetime(2026, 2, 28, tzinfo=BrokenZone())))


def test_tracebacks_show_the_code() -> None:
    @frozen
    class Picky:
        value: int = field(validator=attrs.validators.gt(0))

    codec: DocumentCodec[Picky] = DocumentCodec(JsonCodec(), Picky)
    with pytest.raises(DecodeError, match="refused its fields") as caught:
        codec.decode(b'{"value":-1}')
    assert "return cls(field_0)" in "".join(traceback.format_exception(caught.value))


def test_the_code_of_one_class_is_kept_once() -> None:
    Schema(Measured, Notation.PLAIN)
    before = len(linecache.cache)
    Schema(Measured, Notation.PLAIN)
    assert len(linecache.cache) == before


def test_a_field_that_is_missing_deep_inside_costs_no_second_try_a_level() -> None:
    """With two tries a level this would take for ever."""

    @define
    class Nested:
        inner: Nested | None
        added_later: int = 1

    plain: Any = None
    for _ in range(100):
        plain = {"inner": plain}
    schema: Schema[Any] = Schema(Nested, Notation.PLAIN)
    assert schema.from_plain(plain).inner.added_later == 1
