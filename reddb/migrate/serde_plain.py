"""Nodes without a type: as what serde writes of them in JSON, and checked for what a format lacks.

Where no document type says what a value is, JSON's way of saying it is taken. It differs from
`reddb.codecs.ron.to_plain` in that a name is a variant's, never a struct's: the Rust crate writes
no names of structs.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

from reddb.codecs.plain import Misfit, key_step, shown
from reddb.codecs.protocol import Plain
from reddb.codecs.ron import Char, Map, Node, Some, Struct, Tuple, Variant

DEPTH_MAX = 127
"""How many brackets may stand inside each other: serde's readers of JSON and of RON stop at 128."""


def plain_of(node: Node) -> Plain:  # noqa: PLR0911  # One for each kind of node.
    """Give the plain value of a node.

    ========================  ============================
    node                      plain
    ========================  ============================
    ``(a: 1)``                the dict of the fields
    ``V(a: 1)``               ``{"V": {"a": 1}}``
    ``V``                     ``"V"``
    ``V(1)``, ``V(1, 2)``     ``{"V": 1}``, ``{"V": [1, 2]}``
    ``()``                    None
    ``(1)``, a newtype        1
    ``(1, 2)``                the list of the items
    ``Some(x)``, ``'x'``      x
    ``{1: x}``                a dict whose keys are text
    ========================  ============================

    Raises:
        Misfit: A map has a key that is no scalar, or two that are one as text.
    """
    match node:
        case list():
            return _each(node)
        case dict():
            return _dict(list(node.items()))
        case Map(items):
            return _dict(list(items))
        case Struct(fields, name):
            plain = _dict(list(fields.items()))
            return plain if name is None else {name: plain}
        case Tuple(items, None):
            return None if not items else plain_of(items[0]) if len(items) == 1 else _each(items)
        case Tuple(items, str(name)):
            return {name: plain_of(items[0]) if len(items) == 1 else _each(items)}
        case Variant(name):
            return name
        case Some(value) | Char(value):
            return plain_of(value)
    return node


def _each(items: list[Node] | tuple[Node, ...]) -> list[Plain]:
    return [_within(f"[{index}]", plain_of, item) for index, item in enumerate(items)]


def _dict(pairs: list[tuple[Node, Node]]) -> dict[str, Plain]:
    plain = {
        _within(key_step(key), key_text, key): _within(key_step(key), plain_of, value)
        for key, value in pairs
    }
    if len(plain) < len(pairs):
        raise Misfit("two keys of a map are the same as text")
    return plain


def _within(step: str, convert: Callable[[Node], Plain], node: Node) -> Plain:
    try:
        return convert(node)
    except Misfit as misfit:
        misfit.within(step)
        raise


def key_text(key: Node) -> str:
    """Give the text that serde's JSON has for a map's key.

    Raises:
        Misfit: It has none.
    """
    match key:
        case str():
            return key
        case bool():
            return "true" if key else "false"
        case int():
            return str(key)
        case float() if isfinite(key):
            return repr(key)
        case Variant(name):
            return name
        case Char(value) | Some(value):
            return key_text(value)
    raise Misfit(f"a map's key must be a scalar to become text, not {shown(key)}")
