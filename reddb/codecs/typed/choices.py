"""Enums and literals: one of a few values.

An enum is stored by value if all its values are scalars, otherwise by name; a flag as its int. In
RON an enum whose values are identifiers is stored as unit variants, ``Admin``. A literal is stored
as itself.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, Flag
from operator import attrgetter
from typing import Any, Literal, get_args, get_origin

from reddb.codecs.plain import SCALARS, Misfit, shown
from reddb.codecs.protocol import Notation, Plain
from reddb.codecs.ron.identifiers import identifier
from reddb.codecs.ron.nodes import Char, Variant
from reddb.codecs.typed.annotations import type_name
from reddb.codecs.typed.plan import Plan, Planner, mismatch

_value_of = attrgetter("_value_")
"""Gives what an enum finds its member by. `value` takes longer, and a class may redefine it."""


def plan_enum(annotation: Any, planner: Planner) -> Plan | None:
    """Plan an `enum.Enum` class."""
    if not isinstance(annotation, type) or not issubclass(annotation, Enum):
        return None
    if issubclass(annotation, Flag):
        return _enum_plan(annotation, _value_of, frozenset({int}), annotation)
    values = [_value_of(member) for member in annotation]
    if not values:
        raise Misfit(f"{type_name(annotation)} has no members")
    if any(type(value) not in SCALARS or _is_nan(value) for value in values):
        names = annotation.__members__
        return _enum_plan(
            annotation, lambda member: member.name, frozenset({str}), names.__getitem__
        )
    if planner.notation is Notation.NAMED and all(map(_is_identifier, values)):
        nodes = {value: Variant(value) for value in values}
        return _enum_plan(
            annotation, lambda member: nodes[_value_of(member)], frozenset({Variant}), annotation
        )
    forms = frozenset(map(type, values))
    return _enum_plan(annotation, _value_of, forms, annotation)


def _is_nan(value: object) -> bool:
    return value != value  # noqa: PLR0124  # Nothing else is not equal to itself.


def _enum_plan(
    enum: type[Enum],
    write: Callable[[Any], Plain],
    forms: frozenset[type],
    read: Callable[[Any], Any],
) -> Plan:
    readable = forms | {str} if Variant in forms else forms

    def encode(value: Any) -> Plain:
        if type(value) is not enum:
            raise mismatch(enum.__qualname__, value)
        return write(value)

    def decode(plain: Plain) -> Any:
        text = _without_node(plain)
        if type(text) not in readable:
            raise mismatch(" or ".join(sorted(form.__name__ for form in readable)), plain)
        try:
            return read(text)
        except Exception as error:  # An enum's own _missing_ may do anything.
            raise Misfit(f"{shown(text)} is none of {enum.__qualname__}") from error

    takes: frozenset[type] = frozenset({enum})
    return Plan(encode, decode, takes=takes, forms=forms, scalars=forms, immutable=True)


def _is_identifier(value: object) -> bool:
    """Tell whether RON writes the value as a variant without ado."""
    try:
        return type(value) is str and identifier(value) == value
    except ValueError:
        return False


def plan_literal(annotation: Any, planner: Planner) -> Plan | None:
    """Plan ``Literal["a", 1, Color.RED]``."""
    if get_origin(annotation) is not Literal:
        return None
    values = get_args(annotation)
    plans = [planner.plan(type(value)) for value in values]
    stored = [plan.encode(value) for plan, value in zip(plans, values, strict=True)]
    written = {(type(value), value): plain for value, plain in zip(values, stored, strict=True)}
    read = {
        (type(_without_node(plain)), _without_node(plain)): value
        for value, plain in zip(values, stored, strict=True)
    }
    if len(read) != len(written):
        raise Misfit(f"two values of {type_name(annotation)} are stored alike")
    forms = frozenset(map(type, stored))
    return Plan(
        encode=_lookup(written, annotation, lambda value: value),
        decode=_lookup(read, annotation, _without_node),
        takes=frozenset(map(type, values)),
        forms=forms,
        as_is=all(plan.as_is for plan in plans),
        scalars=forms,
        immutable=True,
    )


def _lookup(
    table: dict[tuple[type, Any], Any], annotation: Any, normal: Callable[[Any], Any]
) -> Callable[[Any], Any]:
    expected = type_name(annotation)

    def look_up(value: Any) -> Any:
        key = normal(value)
        try:
            return table[type(key), key]
        except (KeyError, TypeError):  # TypeError: it cannot be hashed.
            raise Misfit(f"expected {expected}, found {shown(value)}") from None

    return look_up


def _without_node(plain: Plain) -> Plain:
    """Give the string of RON's variants and chars, and others as they are."""
    if type(plain) is Variant:
        return plain.name
    return plain.value if type(plain) is Char else plain
