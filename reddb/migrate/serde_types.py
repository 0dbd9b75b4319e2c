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

from collections.abc import Callable, Sequence
from enum import Enum, Flag
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from attrs import evolve

from reddb.codecs import Notation
from reddb.codecs.plain import Misfit, shown
from reddb.codecs.ron import Map, Node, Some, Struct, Tuple, Variant
from reddb.codecs.typed.annotations import bare, is_union, type_name
from reddb.codecs.typed.choices import plan_literal
from reddb.codecs.typed.classes import plan_class, plan_typed_dict
from reddb.codecs.typed.document_type import DocumentType
from reddb.codecs.typed.fields import class_spec, typed_dict_fields
from reddb.codecs.typed.hooked import plan_hooked
from reddb.codecs.typed.hooks import Hooks
from reddb.codecs.typed.plan import Plan, Planner, mismatch
from reddb.codecs.typed.schema import KINDS
from reddb.codecs.typed.unions import plan_union, tags_of
from reddb.migrate.serde_parts import (
    any_plan,
    bytes_plan,
    int_plan,
    mapping_plan,
    sequence_plan,
    timedelta_plan,
    tuple_plan,
)


def plan_of(document_type: Any) -> Plan:
    """Give the plan by which the values of a type become nodes, and back.

    Raises:
        TypeError: The type, or one inside it, has no equal in Rust.
    """
    declared = DocumentType.of(document_type)
    planner = Planner(Notation.NAMED, (*_SERDE_KINDS, *KINDS), Hooks(declared.hooks))
    try:
        return planner.plan(declared.type)
    except Misfit as misfit:
        raise TypeError(f"the document type cannot be migrated: {misfit}") from misfit


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


def _name_of(node: Node) -> str | None:
    """Give the text of a variant or a string."""
    match node:
        case Variant(name) | str(name):
            return name
    return None


_SERDE_KINDS = (
    plan_hooked,
    any_plan,
    int_plan,
    bytes_plan,
    timedelta_plan,
    _enum,
    _literal,
    _union,
    tuple_plan,
    sequence_plan,
    mapping_plan,
    _typed_dict,
    _class,
)
