"""Unions: the member that went in comes out.

Members whose plain values have different types are stored as they are: ``int | str | None``. Those
that would be mistaken for each other are *tagged* with their type's name, as serde does it::

    Circle | Square       {"Circle": {"r": 1.0}}       Circle(r: 1.0)         in RON
    str | datetime        {"str": "2026-02-28"}        str("2026-02-28")
    list[int] | set[int]  {"list_int": [1, 2]}         list_int([1, 2])

With tags in play, members that are stored as dicts are tagged too. Scalars stored as themselves,
such as ``str | Literal["auto"]``, need none. In RON an optional value that is there is
``Some(value)``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from types import NoneType
from typing import Any, get_args

from attrs import frozen

from reddb.codecs.plain import Misfit
from reddb.codecs.protocol import Notation, Plain
from reddb.codecs.ron.nodes import Some, Struct, Tuple, Variant
from reddb.codecs.typed.annotations import bare, is_union, type_name
from reddb.codecs.typed.plan import Plan, Planner, mismatch

_Function = Callable[[Any], Any]
_NONE_FORMS: frozenset[type] = frozenset({NoneType})
_RON_MARKS: frozenset[type] = frozenset({Struct, Tuple, Variant})
_MARKED_FORMS: frozenset[type] = _RON_MARKS | {dict}
_NO_FIELDS = Tuple(())


@frozen(eq=False)
class _Member:
    """One member of a union, by its stripped type."""

    annotation: Any
    plan: Plan


def plan_union(annotation: Any, planner: Planner) -> Plan | None:
    """Plan ``A | B``, ``Union[A, B]`` and ``Optional[A]``."""
    if not is_union(annotation):
        return None
    types: list[Any] = []
    for each in _flat(annotation):
        if each not in types:  # No set: metadata inside may not be hashable.
            types.append(each)
    if NoneType in types and planner.notation is Notation.NAMED:
        types.remove(NoneType)
        return _some_plan(_plan_members(types, planner))
    return _plan_members(types, planner)


def _flat(annotation: Any) -> Iterable[Any]:
    """Give the members, those of a union inside a type alias or a type variable included."""
    stripped = bare(annotation)
    if not is_union(stripped):
        return [stripped]
    return chain.from_iterable(map(_flat, get_args(stripped)))


def _plan_members(types: Sequence[Any], planner: Planner) -> Plan:
    members = [_Member(each, planner.plan(each)) for each in types]
    plans = [member.plan for member in members]
    if len(plans) == 1:
        return plans[0]
    tagged = _tagged(members)
    plain = [member for member in members if member not in tagged]
    tags = dict(zip(tags_of([member.annotation for member in tagged]), tagged, strict=True))
    write = _mark_in_ron if planner.notation is Notation.NAMED else _mark
    read = _marked_in_ron if planner.notation is Notation.NAMED else _marked
    expected = " | ".join(map(type_name, types))
    return Plan(
        encode=_encoder(plain, tags, write, expected),
        decode=_decoder(plain, tags, read, expected),
        takes=frozenset().union(*(each.takes for each in plans)),
        forms=_forms(plain, tagged, planner),
        kept=frozenset().union(*(member.plan.kept for member in plain)),
        as_is=not tagged and all(each.as_is for each in plans),
        scalars=frozenset().union(*(each.scalars for each in plans)),
        immutable=all(each.immutable for each in plans),
    )


def _tagged(members: Sequence[_Member]) -> list[_Member]:
    """Give the members that would be mistaken for another by their stored form alone."""
    tagged = [one for one in members if any(_clash(one.plan, other.plan) for other in members)]
    if not tagged:
        return []
    return [one for one in members if one in tagged or one.plan.forms & _MARKED_FORMS]


def _clash(one: Plan, other: Plan) -> bool:
    """Tell whether two members are stored alike, and not simply as themselves."""
    return one is not other and bool(one.forms & other.forms) and not (one.as_is and other.as_is)


def tags_of(types: Sequence[Any]) -> list[str]:
    """Give each type a tag: its name, or its full name where that is shared, as an identifier.

    Raises:
        Misfit: Two of them would have the same.
    """
    names = [type_name(each) for each in types]
    short = Counter(_last(name) for name in names)
    tags = [_last(name) if short[_last(name)] == 1 else name for name in names]
    full = Counter(tags)
    tags = [
        _identifier(tag if full[tag] == 1 else f"{getattr(each, '__module__', '')}.{tag}")
        for tag, each in zip(tags, types, strict=True)
    ]
    for tag, count in Counter(tags).items():
        if count > 1:
            raise Misfit(f"{count} members of a union would all be marked {tag!r}")
    return tags


def _last(name: str) -> str:
    """Give a class's name without those of what it stands in, such as ``Shapes.Circle``."""
    return name if "[" in name else name.rpartition(".")[2]


def _identifier(name: str) -> str:
    return re.sub(r"\W+", "_", name.replace("...", "many")).strip("_")


def _mark(tag: str, plain: Plain) -> Plain:
    return {tag: plain}


def _marked(plain: Plain) -> tuple[str, Plain] | None:
    """Give tag and value of what `_mark` may have given."""
    if type(plain) is dict and len(plain) == 1:
        return next(iter(plain.items()))
    return None


def _mark_in_ron(tag: str, node: Plain) -> Plain:
    if type(node) is Struct and node.name is None:
        return Struct(node.fields, tag)
    if node == _NO_FIELDS:
        return Variant(tag)
    return Tuple((node,), tag)


def _marked_in_ron(node: Plain) -> tuple[str, Plain] | None:
    """Give tag and value of what `_mark_in_ron` may have given."""
    if type(node) is Variant:
        return node.name, _NO_FIELDS
    if type(node) is Struct and node.name is not None:
        return node.name, Struct(node.fields)
    if type(node) is Tuple and node.name is not None and len(node.items) == 1:
        return node.name, node.items[0]
    return _marked(node)  # As an upgrade may leave it.


def _encoder(
    plain: Sequence[_Member],
    tags: dict[str, _Member],
    write: Callable[[str, Plain], Plain],
    expected: str,
) -> _Function:
    """Give the function that stores a value as the member that takes it."""
    members: list[tuple[str | None, _Member]] = [*((None, each) for each in plain), *tags.items()]
    members.sort(key=lambda pair: _has_float(pair[1].annotation))
    ways: dict[type, list[tuple[str | None, _Function]]] = {}
    for tag, member in members:
        for kind in member.plan.takes:
            ways.setdefault(kind, []).append((tag, member.plan.encode))
    if float in ways:
        ways[int] = ways.get(int, []) + ways[float]

    def encode(value: Any) -> Plain:
        misfit = None
        for tag, encode_member in ways.get(type(value), ()):
            try:
                encoded = encode_member(value)
            except Misfit as error:
                misfit = error
            else:
                return encoded if tag is None else write(tag, encoded)
        raise misfit or mismatch(expected, value)

    return encode


def _has_float(annotation: Any) -> bool:
    """Tell whether an int may become a float here; a member that takes it as it is comes first."""
    stripped = bare(annotation)
    return stripped is float or any(map(_has_float, get_args(stripped)))


def _decoder(
    plain: Sequence[_Member],
    tags: dict[str, _Member],
    read: Callable[[Plain], tuple[str, Plain] | None],
    expected: str,
) -> _Function:
    """Give the function that reads a value by its tag or, without one, by its form."""
    forms = {form for member in plain for form in member.plan.forms}
    ways = {form: sorted(plain, key=lambda each: form not in each.plan.forms) for form in forms}

    def decode(stored: Plain) -> Any:
        marked = read(stored)
        if marked is not None and marked[0] in tags:
            return tags[marked[0]].plan.decode(marked[1])
        kind = type(stored)
        misfit = None
        for member in ways.get(kind, plain):
            try:
                return member.plan.decode(stored)
            except Misfit as error:
                misfit = error if kind in member.plan.forms else misfit
        raise misfit or mismatch(expected, stored)

    return decode


def _forms(
    plain: Sequence[_Member], tagged: Sequence[_Member], planner: Planner
) -> frozenset[type]:
    forms: frozenset[type] = frozenset().union(*(each.plan.forms for each in plain))
    if not tagged:
        return forms
    return forms | (_RON_MARKS if planner.notation is Notation.NAMED else frozenset({dict}))


def _some_plan(plan: Plan) -> Plan:
    """Plan RON's optional value."""

    def encode(value: Any) -> Plain:
        return None if value is None else Some(plan.encode(value))

    def decode(plain: Plain) -> Any:
        if plain is None:
            return None
        return plan.decode(plain.value if type(plain) is Some else plain)

    return Plan(
        encode,
        decode,
        takes=plan.takes | _NONE_FORMS,
        forms=frozenset({NoneType, Some}),
        kept=_NONE_FORMS,
        scalars=plan.scalars | _NONE_FORMS,
        immutable=plan.immutable,
    )
