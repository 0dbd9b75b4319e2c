"""Classes: stored as a dict of their fields, in RON as ``(field: value)``.

An instance of a subclass is refused, for it would come back as the class. Unknown fields are
passed over on the way out, and missing ones take their defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

from reddb.codecs.plain import Misfit
from reddb.codecs.protocol import Notation, Plain
from reddb.codecs.ron.nodes import Struct, Tuple, Variant
from reddb.codecs.typed.annotations import type_name
from reddb.codecs.typed.fields import ClassSpec, Field, class_spec, typed_dict_fields
from reddb.codecs.typed.plan import Plan, Planner, mismatch


@frozen(eq=False)
class _Part:
    """A field and how it is stored."""

    field: Field
    plan: Plan


def plan_class(annotation: Any, planner: Planner) -> Plan | None:
    """Plan an attrs class, dataclass, `msgspec.Struct` or named tuple."""
    spec = class_spec(annotation)
    if spec is None:
        return None

    def complete(draft: Plan) -> None:
        parts = _parts(spec.fields, planner)
        draft.encode = _instance_encoder(spec.cls, parts, planner.notation)
        draft.decode = _instance_decoder(spec, parts)
        draft.immutable = spec.frozen and all(part.plan.immutable for part in parts)

    return planner.plan_class(annotation, _draft(spec.cls, planner), complete)


def plan_typed_dict(annotation: Any, planner: Planner) -> Plan | None:
    """Plan a `typing.TypedDict`."""
    fields = typed_dict_fields(annotation)
    if fields is None:
        return None
    name = type_name(annotation)

    def complete(draft: Plan) -> None:
        parts = _parts(fields, planner)
        draft.encode = _dict_encoder(name, parts, planner.notation)
        draft.decode = lambda plain: _values(parts, _fields_of(plain, name))

    return planner.plan_class(annotation, _draft(dict, planner), complete)


def _draft(cls: type, planner: Planner) -> Plan:
    forms: set[type] = {Struct, Tuple} if planner.notation is Notation.NAMED else {dict}
    return Plan(_unplanned, _unplanned, takes=frozenset({cls}), forms=frozenset(forms))


def _unplanned(_: Any) -> Any:
    raise AssertionError("a plan is used when it is complete")


def _parts(fields: Sequence[Field], planner: Planner) -> list[_Part]:
    return [_Part(field, planner.plan_at(f".{field.name}", field.type)) for field in fields]


def _instance_encoder(
    cls: type, parts: Sequence[_Part], notation: Notation
) -> Callable[[Any], Plain]:
    steps = [(part.field.name, part.field.key, part.plan.encode, part.plan.kept) for part in parts]
    wrap = _in_ron if notation is Notation.NAMED else dict
    expected = type_name(cls)

    def encode(instance: Any) -> Plain:
        if type(instance) is not cls:
            raise mismatch(expected, instance)
        plain: dict[str, Plain] = {}
        name = ""
        try:
            for name, key, encode_field, kept in steps:
                value = getattr(instance, name)
                plain[key] = value if type(value) in kept else encode_field(value)
        except Misfit as misfit:
            misfit.within(f".{name}")
            raise
        except AttributeError as error:
            raise Misfit(f"field {name!r} is not set") from error
        return plain if wrap is dict else wrap(plain)

    return encode


def _in_ron(fields: dict[str, Plain]) -> Plain:
    return Struct(fields) if fields else Tuple(())


def _instance_decoder(spec: ClassSpec, parts: Sequence[_Part]) -> Callable[[Plain], Any]:
    arguments = {part.field.name: part.field.argument for part in parts}
    renamed = any(name != argument for name, argument in arguments.items())
    cls, name = spec.cls, type_name(spec.cls)

    def decode(plain: Plain) -> Any:
        values = _values(parts, _fields_of(plain, name), named_by_attribute=True)
        later: dict[str, Any] = {}
        if renamed:
            later = {field: value for field, value in values.items() if arguments[field] is None}
            values = {arguments[field] or field: values[field] for field in values.keys() - later}
        try:
            instance = cls(**values)
        except Exception as error:
            raise Misfit(f"{name} refused its fields: {error}") from error
        for field, value in later.items():
            object.__setattr__(instance, field, value)
        return instance

    return decode


def _dict_encoder(name: str, parts: Sequence[_Part], notation: Notation) -> Callable[[Any], Plain]:
    known = {part.field.key: part for part in parts}
    wrap = _in_ron if notation is Notation.NAMED else dict

    def encode(value: Any) -> Plain:
        if type(value) is not dict:
            raise mismatch(name, value)
        plain: dict[str, Plain] = {}
        for key, item in value.items():
            if key not in known:
                raise Misfit(f"{name} has no key {key!r}")
            plain[key] = _at(f".{key}", known[key].plan.encode, item)
        for part in parts:
            if part.field.required and part.field.key not in plain:
                raise Misfit(f"the key {part.field.key!r} of {name} is missing")
        return wrap(plain)

    return encode


def _fields_of(plain: Plain, name: str) -> Mapping[str, Plain]:
    """Give the fields of what was stored: a dict, or one of the forms that RON has."""
    if type(plain) is dict:
        return plain
    if type(plain) is Struct:
        return plain.fields
    if type(plain) is Variant or (type(plain) is Tuple and not plain.items):
        return {}
    raise mismatch(name, plain)


def _values(
    parts: Sequence[_Part], stored: Mapping[str, Plain], *, named_by_attribute: bool = False
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for part in parts:
        key, plan = part.field.key, part.plan
        if key not in stored:
            if part.field.required:
                raise Misfit(f"field {key!r} is missing")
            continue
        item = stored[key]
        name = part.field.name if named_by_attribute else key
        kept = type(item) in plan.kept
        values[name] = item if kept else _at(f".{part.field.name}", plan.decode, item)
    return values


def _at(step: str, convert: Callable[[Any], Any], item: Any) -> Any:
    try:
        return convert(item)
    except Misfit as misfit:
        misfit.within(step)
        raise
