"""Fields: what the classes of each library say about theirs.

Stored are the fields that ``__init__`` takes, and of the others those that count in ``==``: these
are set after ``__init__`` has run, so that what comes back equals what went in. A field that is
neither is the class's own business, such as a cache.

Decoding runs the class's own ``__init__``: its defaults, converters, validators and
``__post_init__`` apply, and therefore have to accept what they once made.
"""

from __future__ import annotations

import dataclasses
import inspect
import typing
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, get_origin

import attrs
import msgspec
from attrs import frozen

from reddb.codecs.plain import Misfit
from reddb.codecs.typed.annotations import field_types, is_typed_dict, type_name

_IDEMPOTENT = {None, bool, int, float, str, bytes, list, tuple, set, frozenset, dict, Path, Decimal}
"""Converters that give what they are given, if it is of the field's type already."""

_FROZEN_ATTRS_SETATTR = attrs.make_class("_Frozen", (), frozen=True).__setattr__


@frozen
class Field:
    """One stored field.

    Attributes:
        name: The attribute.
        key: The name that it is stored under.
        argument: What ``__init__`` calls it, or None where the field is set afterwards.
        type: Its type.
        required: There is no default.
    """

    name: str
    key: str
    argument: str | None
    type: Any
    required: bool


@frozen
class ClassSpec:
    """A class whose instances can be stored.

    Attributes:
        cls: The class, without type arguments.
        fields: What is stored of an instance.
        frozen: Nobody can set a field, nor does an instance keep anything that is not stored.
        runs_code: ``__init__`` does more than set the fields to what it is given, so that it may
            make another instance of the fields of one. Validators do not count: they only look.
    """

    cls: type
    fields: tuple[Field, ...]
    frozen: bool
    runs_code: bool


def class_spec(annotation: Any) -> ClassSpec | None:
    """Describe an attrs class, dataclass, `msgspec.Struct` or named tuple; None for other types.

    Raises:
        Misfit: The class cannot be stored: its ``__init__`` needs something that is no field, say.
    """
    cls = get_origin(annotation) or annotation
    if not isinstance(cls, type):
        return None
    if attrs.has(cls):
        spec = _attrs_spec(cls, annotation)
    elif dataclasses.is_dataclass(cls):
        spec = _dataclass_spec(cls, annotation)
    elif issubclass(cls, msgspec.Struct):
        spec = _struct_spec(cls, annotation)
    elif issubclass(cls, tuple) and hasattr(cls, "_fields"):
        spec = _named_tuple_spec(cls, annotation)
    else:
        return None
    _check_init(spec)
    return attrs.evolve(spec, frozen=False) if spec.frozen and _has_caches(spec) else spec


def _attrs_spec(cls: Any, annotation: Any) -> ClassSpec:
    types = field_types(annotation)
    members = attrs.fields(cls)
    return ClassSpec(
        cls,
        tuple(
            Field(
                name=each.name,
                key=each.name,
                argument=each.alias if each.init else None,
                type=types[each.name],
                required=each.default is attrs.NOTHING,
            )
            for each in members
            if each.init or each.eq
        ),
        frozen=cls.__setattr__ is _FROZEN_ATTRS_SETATTR
        and all(each.init or each.eq for each in members),
        runs_code=_has_own_init(cls, "__attrs_pre_init__", "__attrs_post_init__")
        or any(each.converter not in _IDEMPOTENT for each in members),
    )


def _dataclass_spec(cls: Any, annotation: Any) -> ClassSpec:
    types = field_types(annotation)
    members = dataclasses.fields(cls)
    missing = dataclasses.MISSING
    return ClassSpec(
        cls,
        tuple(
            Field(
                name=each.name,
                key=each.name,
                argument=each.name if each.init else None,
                type=types[each.name],
                required=each.default is missing and each.default_factory is missing,
            )
            for each in members
            if each.init or each.compare
        ),
        # A class that inherits from a dataclass without being one lets its instances have more.
        frozen=cls.__dataclass_params__.frozen
        and "__dataclass_params__" in vars(cls)
        and all(each.init or each.compare for each in members),
        runs_code=_has_own_init(cls, "__post_init__"),
    )


def _struct_spec(cls: type[msgspec.Struct], annotation: Any) -> ClassSpec:
    types = field_types(annotation)
    names, keys = cls.__struct_fields__, cls.__struct_encode_fields__
    defaults = cls.__struct_defaults__  # Those of the last fields.
    required = len(names) - len(defaults)
    needed = [True] * required + [each is msgspec.NODEFAULT for each in defaults]
    return ClassSpec(
        cls,
        tuple(
            Field(name, key, name, types[name], is_required)
            for name, key, is_required in zip(names, keys, needed, strict=True)
        ),
        frozen=cls.__struct_config__.frozen,
        runs_code=_has_own_init(cls, "__post_init__"),
    )


def _named_tuple_spec(cls: Any, annotation: Any) -> ClassSpec:
    types = field_types(annotation)
    return ClassSpec(
        cls,
        tuple(
            Field(name, name, name, types.get(name, Any), name not in cls._field_defaults)
            for name in cls._fields
        ),
        frozen=not cls.__dictoffset__,  # A subclass without slots lets its instances have more.
        runs_code=_has_own_init(cls),
    )


def _has_caches(spec: ClassSpec) -> bool:
    """Tell whether instances keep more than their fields, such as a list that is made when asked.

    Whoever got hold of that could change it for all others that share the instance.
    """
    known = {"__dict__", "__weakref__", "_attrs_cached_hash", *(each.name for each in spec.fields)}
    for each in spec.cls.__mro__:
        slots = vars(each).get("__slots__", ())
        if not known.issuperset([slots] if isinstance(slots, str) else slots):
            return True
        if any(isinstance(value, cached_property) for value in vars(each).values()):
            return True
    return False


def _has_own_init(cls: Any, *names: str) -> bool:
    """Tell whether a class has one of these methods, or an ``__init__`` that somebody wrote."""
    code = [getattr(getattr(cls, name), "__code__", None) for name in ("__init__", "__new__")]
    return any(hasattr(cls, name) for name in names) or any(
        each is not None and not each.co_filename.startswith("<") for each in code
    )


def _check_init(spec: ClassSpec) -> None:
    """Refuse a class whose ``__init__`` cannot be called with the stored fields."""
    try:
        signature = inspect.signature(spec.cls)
    except (ValueError, NameError):  # A class may have none that Python can see.
        return
    arguments = dict.fromkeys(each.argument for each in spec.fields if each.argument is not None)
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise Misfit(
            f"__init__ of {type_name(spec.cls)} does not take its fields: {error}"
        ) from None


def stored_keys(annotation: Any) -> frozenset[str] | None:
    """Give the names that a class's fields are stored under, or None for what is no class.

    Raises:
        Misfit: The class cannot be stored.
    """
    spec = class_spec(annotation)
    fields = typed_dict_fields(annotation) if spec is None else spec.fields
    return None if fields is None else frozenset(each.key for each in fields)


def typed_dict_fields(annotation: Any) -> tuple[Field, ...] | None:
    """Give the fields of a TypedDict, or None for any other type."""
    cls = get_origin(annotation) or annotation
    if not is_typed_dict(cls):
        return None
    return tuple(
        Field(name, name, name, kind, _is_required(kind, name in cls.__required_keys__))
        for name, kind in field_types(annotation).items()
    )


def _is_required(kind: Any, by_default: bool) -> bool:
    """Tell whether a TypedDict must have a field; the class cannot see it in a string."""
    marks = {typing.Required: True, typing.NotRequired: False}
    return marks.get(get_origin(kind), by_default)
