"""Document types as serde knows them: what a Rust program's types look like from here.

The values of a type become *nodes*, and back. Nodes are those of RON (`reddb.codecs.ron`), which
can say everything that serde can: structs, variants, options, tuples. JSON and YAML say less, so
what is read from them is taken for what the type makes of it: a string for a variant, a dict with
one key for a variant that holds something.

A type is planned as `reddb.codecs.typed` does it, with kinds of its own that come first, where
serde's ways are not those of reddb:

===========================  ====================================================================
Python                       Rust
===========================  ====================================================================
class                        struct; read also from a tuple struct, a newtype or a unit struct
enum                         enum of unit variants: by the members' values if those are strings,
                             otherwise by their names; read by either
union                        enum whose variants are called as the members; one of scalars is
                             untagged
optional                     ``Option``
list, set, tuple[T, ...]     ``Vec`` and other sequences
tuple[A, B]                  tuple
dict                         map
bytes, bytearray             ``Vec<u8>``
timedelta                    ``Duration``
all else                     the text or number that reddb stores
===========================  ====================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from datetime import timedelta
from enum import Enum, Flag
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from attrs import evolve

from reddb.codecs import Notation
from reddb.codecs.plain import Misfit, check_plain, shown
from reddb.codecs.ron import Map, Node, Some, Struct, Tuple, Variant
from reddb.codecs.typed.annotations import bare, is_union, type_name
from reddb.codecs.typed.choices import plan_literal
from reddb.codecs.typed.classes import plan_class, plan_typed_dict
from reddb.codecs.typed.containers import plan_sequence, plan_tuple
from reddb.codecs.typed.document_type import DocumentType
from reddb.codecs.typed.fields import class_spec, typed_dict_fields
from reddb.codecs.typed.hooked import plan_hooked
from reddb.codecs.typed.hooks import Hooks
from reddb.codecs.typed.leaves import plan_any, plan_leaf
from reddb.codecs.typed.mappings import plan_mapping
from reddb.codecs.typed.plan import Plan, Planner, mismatch
from reddb.codecs.typed.schema import KINDS
from reddb.codecs.typed.unions import plan_union, tags_of
from reddb.migrate.serde_plain import plain_of

_Decode = Callable[[Node], Any]

_INT_MIN, _INT_MAX = -(1 << 127), (1 << 128) - 1
"""The bounds of Rust's largest integers, i128 and u128."""


def plan_of(document_type: Any) -> Plan:
    """Give the plan by which the values of a type become nodes, and back.

    Raises:
        Misfit: The type, or one inside it, cannot be stored.
    """
    declared = DocumentType.of(document_type)
    planner = Planner(Notation.NAMED, (*_SERDE_KINDS, *KINDS), Hooks(declared.hooks))
    return planner.plan(declared.type)


def _any(annotation: Any, planner: Planner) -> Plan | None:
    """Plan ``Any``: what serde would write of the value as JSON."""
    plan = plan_any(annotation, planner)
    return plan and evolve(plan, encode=_written_any, decode=plain_of, kept=frozenset())


def _written_any(value: Any) -> Node:
    check_plain(value)
    return value


def _int(annotation: Any, planner: Planner) -> Plan | None:
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


def _bytes(annotation: Any, planner: Planner) -> Plan | None:
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


def _timedelta(annotation: Any, planner: Planner) -> Plan | None:
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
        match fields_of(node):
            case {"secs": int(secs), "nanos": int(nanos)}:
                if nanos % 1_000:
                    raise Misfit(f"{nanos} nanoseconds are no whole microseconds")
                try:
                    return timedelta(seconds=secs, microseconds=nanos // 1_000)
                except OverflowError as error:
                    raise Misfit(f"{secs} seconds are no timedelta") from error
        return plan.decode(node)

    return evolve(plan, encode=encode, decode=decode, forms=frozenset({str, dict, Struct}))


def _enum(annotation: Any, _planner: Planner) -> Plan | None:
    """Plan an enum: as unit variants."""
    if not isinstance(annotation, type) or not issubclass(annotation, Enum):
        return None
    if issubclass(annotation, Flag):
        return None
    names = {
        member: member.value if type(member.value) is str else member.name for member in annotation
    }
    if not names:
        raise Misfit(f"{type_name(annotation)} has no members")
    members = {**annotation.__members__, **{name: member for member, name in names.items()}}

    def encode(value: Any) -> Node:
        if type(value) is not annotation:
            raise mismatch(type_name(annotation), value)
        return Variant(names[value])

    def decode(node: Node) -> Any:
        name = _name_of(node)
        if name is not None and name in members:
            return members[name]
        try:
            return annotation(node)  # By value, as serde_repr has it.
        except Exception as error:  # A value that is not hashable, or what _missing_ does.
            shown_node = shown(node if name is None else name)
            raise Misfit(f"{shown_node} is none of {type_name(annotation)}") from error

    forms = frozenset({str, Variant, int})
    return Plan(encode, decode, takes=frozenset({annotation}), forms=forms, immutable=True)


def _literal(annotation: Any, planner: Planner) -> Plan | None:
    """Plan a literal: of strings as unit variants, of others as the values."""
    if get_origin(annotation) is not Literal:
        return None
    plan = plan_literal(annotation, Planner(planner.notation, KINDS, planner.hooks))
    if plan is None or not all(type(value) is str for value in get_args(annotation)):
        return plan
    return evolve(plan, encode=lambda value: Variant(plan.encode(value)), as_is=False)


def _union(annotation: Any, planner: Planner) -> Plan | None:
    """Plan a union: as an enum whose variants are called as the classes among the members."""
    if not is_union(annotation):
        return None
    plan = plan_union(annotation, planner)
    assert plan is not None, "a union is a union"
    members = _members_of(annotation)
    if len(members) == 1:
        return plan
    tags = tags_of(members)
    classes = {
        tag: planner.plan(member)
        for tag, member in zip(tags, members, strict=True)
        if class_spec(member) is not None or typed_dict_fields(member) is not None
    }

    def decode(node: Node) -> Any:
        node = node.value if type(node) is Some else node
        ways = [lambda: plan.decode(node)]
        mark = _mark_of(node)
        if mark is not None and mark[0] in tags:
            ways.append(lambda: plan.decode(_marked(*mark)))
        if mark is not None and mark[0] in classes:
            ways.insert(0, lambda: classes[mark[0]].decode(mark[1]))
        return _first_of(ways)

    return evolve(plan, decode=decode)


def _members_of(annotation: Any) -> list[Any]:
    """Give the members of a union, and of those inside it, but None."""
    stripped = bare(annotation)
    if not is_union(stripped):
        return [] if stripped is NoneType else [stripped]
    members: list[Any] = []
    for each in get_args(stripped):
        members += [member for member in _members_of(each) if member not in members]
    return members


def _first_of(ways: Sequence[Callable[[], Any]]) -> Any:
    """Give what the first of several ways gives that does not fail; or fail as the first did."""
    first: Misfit | None = None
    for way in ways:
        try:
            return way()
        except Misfit as misfit:
            first = first or misfit
    assert first is not None, "there is a way"
    raise first


def _mark_of(node: Node) -> tuple[str, Node] | None:
    """Give the variant's name and its content, if a node may be an enum's variant."""
    match node:
        case Variant(name) | str(name):
            return name, Tuple(())
        case Struct(fields, str(name)):
            return name, Struct(fields)
        case Tuple(items, str(name)):
            return name, items[0] if len(items) == 1 else Tuple(items)
        case dict() if len(node) == 1:
            (name,) = node
            return (name, node[name]) if type(name) is str else None
    return None


def _marked(name: str, content: Node) -> Node:
    """Give the node by which `plan_union` tells a member by its name."""
    if content == Tuple(()):
        return Variant(name)
    return Tuple((content,), name)


def _class(annotation: Any, planner: Planner) -> Plan | None:
    """Plan a class: as a struct, be it one with names or without."""
    plan = plan_class(annotation, planner)
    if plan is None:
        return None
    spec = class_spec(annotation)
    assert spec is not None, "a class that is planned has one"
    keys = [field.key for field in spec.fields]
    return _as_struct(plan, keys, type_name(spec.cls).rpartition(".")[2])


def _typed_dict(annotation: Any, planner: Planner) -> Plan | None:
    """Plan a TypedDict: as a struct."""
    plan = plan_typed_dict(annotation, planner)
    if plan is None:
        return None
    keys = [field.key for field in typed_dict_fields(annotation) or ()]
    return _as_struct(plan, keys, type_name(annotation))


def _as_struct(plan: Plan, keys: list[str], name: str) -> Plan:
    def decode(node: Node) -> Any:
        return plan.decode(_with_names(node, keys, name))

    return evolve(plan, decode=decode, forms=plan.forms | {dict, Struct, Tuple})


def _with_names(  # noqa: PLR0911  # One for each kind of struct.
    node: Node, keys: list[str], name: str
) -> Node:
    """Give the fields their names, where the node is a tuple struct, a newtype or a unit struct."""
    match node:
        case dict() | Struct():
            return node
        case None | Tuple(()) if not keys:
            return Tuple(())
        case Variant() | str() if not keys and _name_of(node) == name:
            return Tuple(())
        case Tuple(items) if len(items) == len(keys):
            return Struct(dict(zip(keys, items, strict=True)))
        case list() if len(node) == len(keys) > 1:
            return Struct(dict(zip(keys, node, strict=True)))
        case Tuple() | Map():
            return node
        case _ if len(keys) == 1:
            return Struct({keys[0]: node})
    return node


def _tuple(annotation: Any, planner: Planner) -> Plan | None:
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


def _sequence(annotation: Any, planner: Planner) -> Plan | None:
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


def _mapping(annotation: Any, planner: Planner) -> Plan | None:
    """Plan mappings: with keys of any kind, which JSON and YAML may have as text."""
    if (get_origin(annotation) or annotation) not in (dict, Mapping, MutableMapping):
        return None
    plan = plan_mapping(annotation, planner)
    assert plan is not None, "a mapping is a mapping"
    key_type = (get_args(annotation) or (Any,))[0]
    key = planner.plan(str if bare(key_type) is Any else key_type)

    def decode(node: Node) -> Any:
        fields = fields_of(node)
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


def fields_of(node: Node) -> dict[Any, Node] | None:
    """Give the items of what may be a struct or a map, or None if it is neither."""
    if type(node) is Struct:
        return dict(node.fields)
    return node if type(node) is dict else None


def _name_of(node: Node) -> str | None:
    """Give the text of a variant or a string."""
    match node:
        case Variant(name) | str(name):
            return name
    return None


_SERDE_KINDS = (
    plan_hooked,
    _any,
    _int,
    _bytes,
    _timedelta,
    _enum,
    _literal,
    _union,
    _tuple,
    _sequence,
    _mapping,
    _typed_dict,
    _class,
)
