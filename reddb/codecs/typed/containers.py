"""Lists, tuples and sets: stored as lists, or in RON a tuple as a tuple.

A set's items are sorted, so that equal sets are stored alike. A field of type `Sequence` takes a
list or a tuple and gives back the same; the tuple is marked, as ``{"tuple": [...]}`` where the
format has none.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Iterable, MutableSequence, MutableSet, Sequence
from typing import Any, Unpack, get_args, get_origin

from reddb.codecs.plain import Misfit
from reddb.codecs.protocol import Notation, Plain
from reddb.codecs.ron.nodes import Tuple
from reddb.codecs.typed.annotations import type_name
from reddb.codecs.typed.plan import Plan, Planner, mismatch

_MARK = "tuple"
_NO_TYPES: frozenset[type] = frozenset()
_LIST_FORMS: frozenset[type] = frozenset({list})


def plan_list(annotation: Any, planner: Planner) -> Plan | None:
    """Plan ``list[T]`` and ``MutableSequence[T]``."""
    if (get_origin(annotation) or annotation) not in (list, MutableSequence):
        return None
    item = planner.plan_at("[*]", *(get_args(annotation) or [Any]))
    encode_items, decode_items = _each(item.encode, item.kept), _each(item.decode, item.kept)

    def encode(value: Any) -> Plain:
        if type(value) is not list:
            raise mismatch("list", value)
        return encode_items(value)

    def decode(plain: Plain) -> list[Any]:
        return decode_items(_listed(plain))

    takes: frozenset[type] = frozenset({list})
    return Plan(encode, decode, takes=takes, forms=_LIST_FORMS, scalars=item.scalars)


def plan_set(annotation: Any, planner: Planner) -> Plan | None:
    """Plan ``set[T]``, ``MutableSet[T]`` and ``frozenset[T]``."""
    kinds: dict[Any, Any] = {set: set, MutableSet: set, frozenset: frozenset}
    kind = kinds.get(get_origin(annotation) or annotation)
    if kind is None:
        return None
    item = planner.plan_at("{*}", *(get_args(annotation) or [Any]))
    encode_items, decode_items = _each(item.encode, item.kept), _each(item.decode, item.kept)

    def encode(value: Any) -> Plain:
        if type(value) is not kind:
            raise mismatch(kind.__name__, value)
        return _in_order(encode_items(value))

    def decode(plain: Plain) -> Any:
        try:
            return kind(decode_items(_listed(plain)))
        except TypeError as error:
            raise Misfit(f"no {kind.__name__} can hold the items: {error}") from error

    return Plan(
        encode,
        decode,
        takes=frozenset({kind}),
        forms=_LIST_FORMS,
        scalars=item.scalars,
        immutable=kind is frozenset and item.immutable,
    )


def plan_tuple(annotation: Any, planner: Planner) -> Plan | None:
    """Plan ``tuple[A, B]`` and ``tuple[T, ...]``."""
    if (get_origin(annotation) or annotation) is not tuple:
        return None
    arguments = get_args(annotation)
    if annotation is tuple:
        return _tuple_of(planner.plan(Any), planner)
    if len(arguments) == 2 and arguments[1] is ...:
        return _tuple_of(planner.plan_at("[*]", arguments[0]), planner)
    if any(map(_is_unpacked, arguments)):
        raise Misfit(f"{type_name(annotation)} cannot be stored")
    items = [planner.plan_at(f"[{index}]", each) for index, each in enumerate(arguments)]
    return _tuple_plan(
        _in_turn([item.encode for item in items]),
        _in_turn([item.decode for item in items]),
        planner,
        items,
    )


def _is_unpacked(argument: Any) -> bool:
    """Tell whether an argument is ``*tuple[T, ...]``, which stands for several."""
    return get_origin(argument) is Unpack or getattr(argument, "__unpacked__", False)


def _tuple_of(item: Plan, planner: Planner) -> Plan:
    return _tuple_plan(
        _each(item.encode, item.kept), _each(item.decode, item.kept), planner, [item]
    )


def _tuple_plan(
    encode_items: Callable[[Collection[Any]], list[Any]],
    decode_items: Callable[[Collection[Any]], list[Any]],
    planner: Planner,
    items: Sequence[Plan],
) -> Plan:
    is_named = planner.notation is Notation.NAMED

    def encode(value: Any) -> Plain:
        if type(value) is not tuple:
            raise mismatch("tuple", value)
        encoded = encode_items(value)
        return Tuple(encoded) if is_named else encoded

    def decode(plain: Plain) -> tuple[Any, ...]:
        return tuple(decode_items(_listed(plain)))

    return Plan(
        encode,
        decode,
        takes=frozenset({tuple}),
        forms=frozenset({Tuple}) if is_named else _LIST_FORMS,
        scalars=frozenset().union(*(item.scalars for item in items)),
        immutable=all(item.immutable for item in items),
    )


def plan_sequence(annotation: Any, planner: Planner) -> Plan | None:
    """Plan ``Sequence[T]``: a list or a tuple."""
    if (get_origin(annotation) or annotation) is not Sequence:
        return None
    item: Any = (get_args(annotation) or [Any])[0]
    as_list = planner.plan(types.GenericAlias(list, item))
    as_tuple = planner.plan(types.GenericAlias(tuple, (item, ...)))
    is_named = planner.notation is Notation.NAMED

    def encode(value: Any) -> Plain:
        if type(value) is list:
            return as_list.encode(value)
        if type(value) is tuple:
            return as_tuple.encode(value) if is_named else {_MARK: as_tuple.encode(value)}
        raise mismatch("list or tuple", value)

    def decode(plain: Plain) -> Any:
        if type(plain) is Tuple:
            return as_tuple.decode(plain)
        if type(plain) is dict and list(plain) == [_MARK]:
            return as_tuple.decode(plain[_MARK])
        return as_list.decode(plain)

    forms = frozenset({list, Tuple if is_named else dict})
    takes: frozenset[type] = frozenset({list, tuple})
    return Plan(encode, decode, takes=takes, forms=forms, scalars=as_list.scalars)


def _each(
    convert: Callable[[Any], Any], kept: frozenset[type]
) -> Callable[[Iterable[Any]], list[Any]]:
    """Give the function that converts each item, and names the item that does not fit."""

    def convert_all(items: Iterable[Any]) -> list[Any]:
        converted: list[Any] = []
        try:
            for item in items:
                converted.append(item if type(item) in kept else convert(item))  # noqa: PERF401
        except Misfit as misfit:
            misfit.within(f"[{len(converted)}]")
            raise
        return converted

    return convert_all


def _in_turn(
    converters: Sequence[Callable[[Any], Any]],
) -> Callable[[Collection[Any]], list[Any]]:
    """Give the function that converts the items of a fixed length, each in its own way."""

    def convert_all(items: Collection[Any]) -> list[Any]:
        if len(items) != len(converters):
            raise Misfit(f"expected {len(converters)} items, found {len(items)}")
        converted: list[Any] = []
        try:
            for convert, item in zip(converters, items, strict=True):
                converted.append(convert(item))
        except Misfit as misfit:
            misfit.within(f"[{len(converted)}]")
            raise
        return converted

    return convert_all


def _listed(plain: Plain) -> Collection[Any]:
    """Give the items of a list, or of RON's tuple."""
    if type(plain) is list:
        return plain
    if type(plain) is Tuple:
        return plain.items
    raise mismatch("list", plain)


def _in_order(items: list[Any]) -> list[Any]:
    """Sort items by value or, as dicts and mixed types have no order, by how they are spelled.

    Whatever order a set gives them in, it comes out the same, also where a NaN confuses the sort.
    """
    spelled = sorted(items, key=repr)
    try:
        return sorted(spelled)
    except TypeError:
        return spelled
