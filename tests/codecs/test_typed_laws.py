"""For every type that can be put together, every value of it comes back, of the same type."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import partial
from ipaddress import IPv4Address
from itertools import count
from types import GenericAlias, NoneType, new_class
from typing import Any, NamedTuple, TypedDict, Union
from uuid import UUID

import attrs
import msgspec
from attrs import frozen
from hooked_table import HOOKS, Money
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from typed_table import FORMATS, OSLO, TABLE, come_back, fingerprint

from reddb import DocumentType
from reddb.codecs import DocumentCodec

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
offsets = st.integers(-86_399, 86_399).map(lambda seconds: timezone(timedelta(seconds=seconds)))
zones = st.sampled_from([None, UTC, OSLO]) | offsets


@frozen
class Drawn:
    """A type that was drawn.

    Attributes:
        annotation: The type.
        values: Its values.
        kinds: The Python types of its values.
        floats: There may be floats in its values.
    """

    annotation: Any
    values: st.SearchStrategy[Any]
    kinds: frozenset[type]
    floats: bool = False


def leaf(kind: type, values: st.SearchStrategy[Any]) -> Drawn:
    return Drawn(kind, values, frozenset({kind}), floats=kind is float)


def row(name: str) -> Drawn:
    annotation, values = TABLE[name]
    return Drawn(annotation, st.sampled_from(values), frozenset(map(type, values)))


HASHABLE = [
    leaf(NoneType, st.none()),
    leaf(bool, st.booleans()),
    leaf(int, st.integers() | st.integers(-(2**70), 2**70)),
    leaf(float, st.floats(allow_nan=False)),
    leaf(str, texts),
    leaf(bytes, st.binary(max_size=6)),
    leaf(date, st.dates()),
    leaf(datetime, st.datetimes(timezones=zones)),
    leaf(time, st.times(timezones=zones)),
    leaf(timedelta, st.timedeltas()),
    leaf(UUID, st.uuids()),
    leaf(Decimal, st.decimals(allow_nan=False)),
    leaf(IPv4Address, st.ip_addresses(v=4)),
    leaf(Fraction, st.fractions()),
    *map(row, ["enum", "str enum", "int enum", "mixed enum", "enum by name", "flag", "literal"]),
    *map(row, ["class without fields", "named tuple", "Path"]),
]
OTHERS = [
    leaf(float, st.floats()),
    leaf(complex, st.complex_numbers()),
    leaf(Decimal, st.decimals(allow_nan=True).filter(lambda each: not each.is_snan())),
    leaf(bytearray, st.binary(max_size=6).map(bytearray)),
    leaf(Money, st.builds(Money, st.integers(), st.lists(texts, max_size=2))),
    *map(row, ["tree", "struct", "TypedDict", "TypedDict of odd keys", "Sequence"]),
]


def collection(kind: type, items: Drawn) -> Drawn:
    """Give the type of a list, set or tuple of any length."""
    make = st.sets if kind in {set, frozenset} else st.lists
    arguments = (items.annotation, ...) if kind is tuple else (items.annotation,)
    return Drawn(
        GenericAlias(kind, arguments),
        make(items.values, max_size=3).map(kind),
        frozenset({kind}),
        items.floats,
    )


def fixed(parts: list[Drawn]) -> Drawn:
    return Drawn(
        GenericAlias(tuple, tuple(part.annotation for part in parts)),
        st.tuples(*(part.values for part in parts)),
        frozenset({tuple}),
        any(part.floats for part in parts),
    )


def mapping(keys: Drawn, items: Drawn) -> Drawn:
    return Drawn(
        GenericAlias(dict, (keys.annotation, items.annotation)),
        st.dictionaries(keys.values, items.values, max_size=3),
        frozenset({dict}),
        keys.floats or items.floats,
    )


def union(members: list[Drawn]) -> Drawn:
    """Give the union of what can be told apart: an int may become a float where both would do."""
    kept: list[Drawn] = []
    for each in members:
        rivals = [other for other in kept if other.kinds & each.kinds]
        if not rivals or not any(rival.floats for rival in [each, *rivals]):
            kept.append(each)
    return Drawn(
        Union[tuple(each.annotation for each in kept)],  # noqa: UP007
        st.one_of(*(each.values for each in kept)),
        frozenset().union(*(each.kinds for each in kept)),
        any(each.floats for each in kept),
    )


ClassMaker = Callable[[str, dict[str, Any]], Any]

CLASS_MAKERS: dict[str, ClassMaker] = {
    "Frozen": lambda name, fields: attrs.make_class(
        name, {key: attrs.field(type=kind) for key, kind in fields.items()}, frozen=True
    ),
    "Attrs": lambda name, fields: attrs.make_class(
        name, {f"_{key}": attrs.field(type=kind) for key, kind in fields.items()}, slots=True
    ),
    "Data": lambda name, fields: dataclasses.make_dataclass(name, fields.items()),
    "Struct": lambda name, fields: msgspec.defstruct(name, fields.items(), rename="upper"),
    "Named": lambda name, fields: NamedTuple(name, fields.items()),
    "Typed": lambda name, fields: new_class(name, (TypedDict,), {}, partial(_annotate, fields)),
}
class_numbers = count()  # No two classes of a union may have the same full name.


def _annotate(fields: dict[str, Any], namespace: dict[str, Any]) -> None:
    namespace["__annotations__"] = fields


def class_of(label: str, parts: list[Drawn]) -> Drawn:
    """Give a class with these fields."""
    names = [f"field{place}" for place in range(len(parts))]
    annotations = dict(zip(names, (part.annotation for part in parts), strict=True))
    cls = CLASS_MAKERS[label](f"{label}{next(class_numbers)}", annotations)
    values = [part.values for part in parts]
    return Drawn(
        cls,
        st.tuples(*values).map(lambda each: cls(**dict(zip(names, each, strict=True)))),
        frozenset({dict if label == "Typed" else cls}),
        any(part.floats for part in parts),
    )


@st.composite
def hashable_types(draw: st.DrawFn, depth: int) -> Drawn:
    shape = draw(st.sampled_from(["leaf", "tuple", "frozenset", "fixed", "class"]))
    if depth == 0 or shape == "leaf":
        return draw(st.sampled_from(HASHABLE))
    parts = draw(st.lists(hashable_types(depth - 1), min_size=1, max_size=3))
    if shape == "fixed":
        return fixed(parts)
    if shape == "class":
        return class_of(draw(st.sampled_from(["Frozen", "Named"])), parts)
    return collection(tuple if shape == "tuple" else frozenset, parts[0])


@st.composite
def types_within(draw: st.DrawFn, depth: int) -> Drawn:
    """Draw a type with at most so many types inside each other."""
    inner = types_within(depth - 1)
    shape = draw(st.sampled_from(["leaf", "list", "set", "dict", "fixed", "union", "class"]))
    if depth == 0 or shape == "leaf":
        return draw(st.sampled_from(HASHABLE + OTHERS))
    if shape == "list":
        return collection(draw(st.sampled_from([list, tuple])), draw(inner))
    if shape == "set":
        return collection(draw(st.sampled_from([set, frozenset])), draw(hashable_types(1)))
    if shape == "dict":
        return mapping(draw(hashable_types(1)), draw(inner))
    parts = draw(st.lists(inner, min_size=1, max_size=4))
    if shape == "fixed":
        return fixed(parts)
    if shape == "union":
        return union([*parts, *draw(st.lists(inner, max_size=2))])
    return class_of(draw(st.sampled_from(list(CLASS_MAKERS))), parts)


@given(types_within(3), st.data())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_what_goes_in_comes_out(drawn: Drawn, data: st.DataObject) -> None:
    note(f"the type is {drawn.annotation}")
    values = data.draw(st.lists(drawn.values, min_size=1, max_size=4))
    kind = DocumentType(drawn.annotation, hooks=HOOKS)
    newer = DocumentType(drawn.annotation, version=2, upgrades={1: same}, hooks=HOOKS)
    for codec in FORMATS:
        assert fingerprint(come_back(kind, values, codec)) == fingerprint(values)
        old, new = DocumentCodec[Any](codec, kind), DocumentCodec[Any](codec, newer)
        assert fingerprint([new.decode(old.encode(value)) for value in values]) == fingerprint(
            values
        )


def same(plain: Any) -> Any:
    """Upgrade nothing."""
    return plain
