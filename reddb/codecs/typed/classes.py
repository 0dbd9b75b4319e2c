"""Classes: stored as a dict of their fields, in RON as ``(field: value)``.

An instance of a subclass is refused, for it would come back as the class. Unknown fields are
passed over on the way out, and missing ones take their defaults.

A class may hold itself, as deep as the codecs allow. What runs on the way down is therefore one
function a class, which reads or writes all fields without further calls of its own. For most
classes `reddb.codecs.typed.generated` writes it; the loops here do the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from reddb.codecs.plain import Misfit, key_step, shown
from reddb.codecs.protocol import Notation, Plain
from reddb.codecs.ron.identifiers import identifier
from reddb.codecs.ron.nodes import Struct, Tuple
from reddb.codecs.typed.annotations import type_name
from reddb.codecs.typed.fields import ClassSpec, Field, class_spec, typed_dict_fields
from reddb.codecs.typed.generated import Part, can_write_decoder, write_decoder, write_encoder
from reddb.codecs.typed.plan import Plan, Planner, mismatch
from reddb.codecs.typed.renames import with_former_names

_Function = Callable[[Any], Any]

_DICT_FORMS: frozenset[type] = frozenset({dict})
_STRUCT_FORMS: frozenset[type] = frozenset({Struct, Tuple})


def plan_class(annotation: Any, planner: Planner) -> Plan | None:
    """Plan an attrs class, dataclass, `msgspec.Struct` or named tuple."""
    spec = class_spec(annotation)
    if spec is None:
        return None

    planner.runs_code |= spec.runs_code

    def complete(draft: Plan) -> None:
        parts = _parts(spec.fields, planner)
        name = type_name(spec.cls)
        finish = _struct if draft.forms is _STRUCT_FORMS else None
        draft.encode = write_encoder(spec.cls, name, parts, finish)
        draft.decode = with_former_names(_decoder(name, parts, _maker(spec)), spec.fields)
        if can_write_decoder(parts):
            draft.decode = write_decoder(spec.cls, name, parts, _fields_of, draft.decode)
        draft.scalars = _scalars(parts)
        draft.immutable = spec.frozen and all(part.plan.immutable for part in parts)

    return planner.plan_class(annotation, _draft(spec.cls, spec.fields, planner), complete)


def plan_typed_dict(annotation: Any, planner: Planner) -> Plan | None:
    """Plan a `typing.TypedDict`."""
    fields = typed_dict_fields(annotation)
    if fields is None:
        return None
    name = type_name(annotation)

    def complete(draft: Plan) -> None:
        parts = _parts(fields, planner)
        draft.encode = _dict_encoder(name, parts, draft.forms)
        draft.scalars = _scalars(parts)
        draft.decode = with_former_names(_decoder(name, parts, dict), fields)

    return planner.plan_class(annotation, _draft(dict, fields, planner), complete)


def _draft(cls: type, fields: Sequence[Field], planner: Planner) -> Plan:
    is_struct = planner.notation is Notation.NAMED and all(map(_has_identifier, fields))
    forms = _STRUCT_FORMS if is_struct else _DICT_FORMS
    return Plan(_unplanned, _unplanned, takes=frozenset({cls}), forms=forms)


def _has_identifier(field: Field) -> bool:
    """Tell whether RON can name the field; a TypedDict's key may be any text."""
    try:
        identifier(field.key)
    except ValueError:
        return False
    return True


def _unplanned(_: Any) -> Any:
    raise AssertionError("a plan is used when it is complete")


def _parts(fields: Sequence[Field], planner: Planner) -> list[Part]:
    return [Part(each, planner.plan_at(key_step(each.name), each.type)) for each in fields]


def _scalars(parts: Sequence[Part]) -> frozenset[type]:
    return frozenset().union(*(part.plan.scalars for part in parts))


def _dict_encoder(name: str, parts: Sequence[Part], forms: frozenset[type]) -> _Function:
    encoders = {part.field.key: part.plan.encode for part in parts}
    required = [part.field.key for part in parts if part.field.required]
    is_struct = forms is _STRUCT_FORMS

    def encode(value: Any) -> Plain:
        if type(value) is not dict:
            raise mismatch(name, value)
        plain: dict[str, Plain] = {}
        key: Any = None
        try:
            for key, item in value.items():
                if type(key) is not str or key not in encoders:
                    raise Misfit(f"{name} has no key {shown(key)}")
                plain[key] = encoders[key](item)
            for key in required:
                if key not in plain:
                    raise Misfit(f"the key {key!r} of {name} is missing")
        except Misfit as misfit:
            misfit.within(key_step(key))
            raise
        return _struct(plain) if is_struct else plain

    return encode


def _struct(fields: dict[str, Plain]) -> Plain:
    return Struct(fields) if fields else Tuple(())


def _decoder(name: str, parts: Sequence[Part], make: Callable[..., Any]) -> _Function:
    """Give the function that reads the stored fields, of which some may be missing."""
    steps = [
        (part.field.key, part.field.name, part.plan.decode, part.plan.kept, part.field.required)
        for part in parts
    ]

    def decode(stored: Plain) -> Any:
        fields = stored if type(stored) is dict else _fields_of(name, stored)
        values: dict[str, Any] = {}
        attribute = ""
        try:
            for key, attribute, decode_field, kept, required in steps:
                if key in fields:
                    plain = fields[key]
                    values[attribute] = plain if type(plain) in kept else decode_field(plain)
                elif required:
                    raise Misfit(f"field {key!r} is missing")
        except Misfit as misfit:
            misfit.within(key_step(attribute))
            raise
        try:
            return make(**values)
        except Exception as error:
            raise Misfit(f"{name} refused its fields: {error}") from error

    return decode


def _fields_of(name: str, stored: Plain) -> Mapping[str, Plain]:
    """Give the fields of what RON has for a class."""
    if type(stored) is Struct:
        return stored.fields
    if type(stored) is Tuple and not stored.items:
        return {}
    raise mismatch(name, stored)


def _maker(spec: ClassSpec) -> Callable[..., Any]:
    """Give the function that makes an instance of its fields by attribute."""
    arguments = {each.name: each.argument for each in spec.fields}
    if all(name == argument for name, argument in arguments.items()):
        return spec.cls
    return partial(_make, spec.cls, arguments)


def _make(cls: type, arguments: Mapping[str, str | None], /, **values: Any) -> Any:
    given: dict[str, Any] = {}
    later: dict[str, Any] = {}
    for name, value in values.items():
        argument = arguments[name]
        if argument is None:
            later[name] = value
        else:
            given[argument] = value
    instance = cls(**given)
    for name, value in later.items():
        object.__setattr__(instance, name, value)
    return instance
