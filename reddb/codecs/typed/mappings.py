"""Mappings: stored as dicts.

RON's maps have keys of any kind. Elsewhere a key has to be a string: an int becomes its digits,
what is stored as text is that text, and with keys of any other kind (tuples, say) the mapping is
stored as a list of pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, get_args, get_origin

from reddb.codecs.plain import Misfit, int_text, key_step, shown
from reddb.codecs.protocol import Notation, Plain
from reddb.codecs.ron.nodes import Map, map_of
from reddb.codecs.typed.plan import Plan, Planner, mismatch

_Pairs = Iterable[tuple[Any, Any]]
_Function = Callable[[Any], Any]


def plan_mapping(annotation: Any, planner: Planner) -> Plan | None:
    """Plan ``dict[K, V]``, ``Mapping[K, V]`` and ``MutableMapping[K, V]``."""
    if (get_origin(annotation) or annotation) not in (dict, Mapping, MutableMapping):
        return None
    key_type, value_type = get_args(annotation) or (Any, Any)
    key = planner.plan_at(".keys()", str if key_type is Any else key_type)
    value = planner.plan_at("[*]", value_type)
    plan = _mapping_of(key, value, planner)
    plan.scalars = key.scalars | value.scalars
    return plan


def _mapping_of(key: Plan, value: Plan, planner: Planner) -> Plan:
    if planner.notation is Notation.NAMED:
        decode_key = _from_digits(key.decode) if key.forms == {int} else key.decode
        return _mapping(key.encode, decode_key, value, map_of, frozenset({dict, Map}))
    if key.forms == {str}:
        return _mapping(key.encode, key.decode, value, _dict, frozenset({dict}))
    if key.forms == {int}:
        return _mapping(
            lambda one: int_text(key.encode(one)),
            lambda text: key.decode(_read_int(text)),
            value,
            _dict,
            frozenset({dict}),
        )
    return _mapping(key.encode, key.decode, value, _pair_list, frozenset({list}))


def _mapping(
    encode_key: _Function,
    decode_key: _Function,
    value: Plan,
    write: Callable[[_Pairs], Plain],
    forms: frozenset[type],
) -> Plan:
    encode_items = _each_pair(encode_key, value.encode, value.kept)
    decode_items = _each_pair(decode_key, value.decode, value.kept)

    def encode(mapping: Any) -> Plain:
        if type(mapping) is not dict:
            raise mismatch("dict", mapping)
        return write(encode_items(mapping.items()))

    def decode(plain: Plain) -> dict[Any, Any]:
        return _dict(decode_items(_pairs(plain, forms)))

    return Plan(encode, decode, takes=frozenset({dict}), forms=forms)


def _each_pair(
    convert_key: _Function, convert: _Function, kept: frozenset[type]
) -> Callable[[_Pairs], list[tuple[Any, Any]]]:
    """Give the function that converts each pair, and names the key of one that does not fit."""

    def convert_all(pairs: _Pairs) -> list[tuple[Any, Any]]:
        converted = []
        key = None
        try:
            for key, item in pairs:
                new_item = item if type(item) in kept else convert(item)
                converted.append((convert_key(key), new_item))
        except Misfit as misfit:
            misfit.within(key_step(key))
            raise
        return converted

    return convert_all


def _dict(pairs: _Pairs) -> dict[Any, Any]:
    pairs = list(pairs)
    try:
        made = dict(pairs)
    except TypeError as error:
        raise Misfit(f"no dict can have the keys: {error}") from error
    if len(made) != len(pairs):
        raise Misfit("two keys are equal")
    return made


def _pair_list(pairs: _Pairs) -> list[list[Any]]:
    return [list(pair) for pair in pairs]


def _pairs(plain: Plain, forms: frozenset[type]) -> _Pairs:
    if type(plain) not in forms:
        raise mismatch("dict" if dict in forms else "list", plain)
    if type(plain) is dict:
        return plain.items()
    if type(plain) is Map:
        return plain.items
    pairs: list[Any] = plain
    if all(type(pair) is list and len(pair) == 2 for pair in pairs):
        return pairs
    raise Misfit("expected a list of pairs")


def _from_digits(decode: _Function) -> _Function:
    """Give `decode`, for ints, such that it takes the digits too, as an upgrade may leave them."""
    return lambda key: decode(_read_int(key) if type(key) is str else key)


def _read_int(text: Any) -> int:
    try:
        return int(text, 0)
    except (TypeError, ValueError) as error:
        raise Misfit(f"the key {shown(text)} is not an int") from error
