"""Leaves and containers as serde knows them; `serde_types` has the table, and the rest of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from datetime import timedelta
from typing import Any, get_args, get_origin

from attrs import evolve

from reddb.codecs.plain import Misfit, check_plain
from reddb.codecs.ron import Node, Struct, Tuple, Variant
from reddb.codecs.typed.annotations import bare
from reddb.codecs.typed.containers import plan_sequence, plan_tuple
from reddb.codecs.typed.leaves import plan_any, plan_leaf
from reddb.codecs.typed.mappings import plan_mapping
from reddb.codecs.typed.plan import Plan, Planner, mismatch
from reddb.migrate.serde_plain import plain_of

_Decode = Callable[[Node], Any]

_INT_MIN, _INT_MAX = -(1 << 127), (1 << 128) - 1
"""The bounds of Rust's largest integers, i128 and u128."""


def any_plan(annotation: Any, planner: Planner) -> Plan | None:
    """Plan ``Any``: what serde would write of the value as JSON."""
    plan = plan_any(annotation, planner)
    return plan and evolve(plan, encode=_written_any, decode=plain_of, kept=frozenset())


def _written_any(value: Any) -> Node:
    check_plain(value)
    return value


def int_plan(annotation: Any, planner: Planner) -> Plan | None:
    """Plan int, within what Rust has."""
    if annotation is not int:
        return None
    plan = plan_leaf(int, planner)
    assert plan is not None, "int is a leaf"

    def encode(value: Any) -> Node:
        if type(value) is int and not _INT_MIN <= value <= _INT_MAX:
            raise Misfit(f"Rust has no integer for {value:#x}")
        return plan.encode(value)

    return evolve(plan, encode=encode, kept=frozenset())


def bytes_plan(annotation: Any, planner: Planner) -> Plan | None:
    """Plan bytes and bytearray: as a list of numbers."""
    if annotation not in (bytes, bytearray):
        return None
    plan = plan_leaf(annotation, planner)
    assert plan is not None, "bytes is a leaf"

    def decode(node: Node) -> Any:
        if type(node) is not list:
            return plan.decode(node)
        if not all(type(item) is int and 0 <= item <= 255 for item in node):
            raise mismatch("a list of bytes", node)
        return plan.decode(bytes(node))

    return evolve(
        plan,
        encode=lambda value: list(plan.encode(value)),
        decode=decode,
        forms=frozenset({list, bytes}),
        kept=frozenset(),
        as_is=False,
    )


def timedelta_plan(annotation: Any, planner: Planner) -> Plan | None:
    """Plan timedelta: as Rust's ``Duration``, which is never negative."""
    if annotation is not timedelta:
        return None
    plan = plan_leaf(annotation, planner)
    assert plan is not None, "timedelta is a leaf"

    def encode(value: Any) -> Node:
        plan.encode(value)
        if value < timedelta(0):
            raise Misfit("Rust's Duration is never negative")
        return Struct(
            {"secs": value.days * 86_400 + value.seconds, "nanos": value.microseconds * 1_000}
        )

    def decode(node: Node) -> Any:
        match _fields_of(node):
            case {"secs": int(secs), "nanos": int(nanos)}:
                if nanos % 1_000:
                    raise Misfit(f"{nanos} nanoseconds are no whole microseconds")
                try:
                    return timedelta(seconds=secs, microseconds=nanos // 1_000)
                except OverflowError as error:
                    raise Misfit(f"{secs} seconds are no timedelta") from error
        return plan.decode(node)

    return evolve(plan, encode=encode, decode=decode, forms=frozenset({str, dict, Struct}))


def tuple_plan(annotation: Any, planner: Planner) -> Plan | None:
    """Plan tuples: those of any length as sequences."""
    plan = plan_tuple(annotation, planner)
    if plan is None:
        return None
    forms = frozenset({list, Tuple})
    if annotation is tuple or ... in get_args(annotation):
        return evolve(plan, encode=lambda value: list(plan.encode(value).items), forms=forms)
    return evolve(plan, decode=lambda node: plan.decode(_unit(node)), forms=forms)


def _unit(node: Node) -> Node:
    """Give the empty tuple of JSON's null, which is what serde writes of it."""
    return Tuple(()) if node is None else node


def sequence_plan(annotation: Any, planner: Planner) -> Plan | None:
    """Plan ``Sequence``: lists alone, for serde has one kind of sequence."""
    plan = plan_sequence(annotation, planner)
    if plan is None:
        return None

    def encode(value: Any) -> Node:
        if type(value) is tuple:
            raise Misfit("a tuple in a Sequence would come back as a list")
        return plan.encode(value)

    return evolve(plan, encode=encode, decode=lambda node: plan.decode(_listed(node)))


def _listed(node: Node) -> Node:
    return list(node.items) if type(node) is Tuple else node


def mapping_plan(annotation: Any, planner: Planner) -> Plan | None:
    """Plan mappings: with keys of any kind, which JSON and YAML may have as text."""
    if (get_origin(annotation) or annotation) not in (dict, Mapping, MutableMapping):
        return None
    plan = plan_mapping(annotation, planner)
    assert plan is not None, "a mapping is a mapping"
    key_type = (get_args(annotation) or (Any,))[0]
    key = planner.plan(str if bare(key_type) is Any else key_type)

    def decode(node: Node) -> Any:
        fields = _fields_of(node)
        if fields is None:
            return plan.decode(node)
        return plan.decode({_key(key.decode, name): item for name, item in fields.items()})

    return evolve(plan, decode=decode, forms=plan.forms | {Struct})


def _key(decode: _Decode, key: Node) -> Node:
    """Give a key as its plan reads it, which a format may have made text of."""
    if type(key) is not str:
        return key
    readings: list[Callable[[str], Node]] = [str, _int_of, _bool_of, float, Variant]
    for read in readings:
        try:
            reading = read(key)
            decode(reading)
        except (ValueError, KeyError):
            continue
        return reading
    return key


def _int_of(text: str) -> int:
    return int(text, 0)


def _bool_of(text: str) -> bool:
    return {"true": True, "false": False}[text]


def _fields_of(node: Node) -> dict[Any, Node] | None:
    """Give the items of what may be a struct or a map, or None if it is neither."""
    if type(node) is Struct:
        return dict(node.fields)
    return node if type(node) is dict else None
