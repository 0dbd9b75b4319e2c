"""RON made plain: what serde would write of the same value as JSON.

The struct's own name goes, as in serde; an enum's variant names stay. RON writes a named struct and
a struct variant alike, ``Name(field: value)``, so one rule has to do for both: they are dicts of
their fields, and the name goes.
"""

from __future__ import annotations

from math import isfinite

from reddb.codecs.protocol import Plain
from reddb.codecs.ron.nodes import Char, Map, Node, Some, Struct, Tuple, Variant


def to_plain(node: Node) -> Plain:
    """Give the plain value for a node.

    ========================  ============================================
    RON                       plain
    ========================  ============================================
    ``(a: 1)``, ``N(a: 1)``   the dict of the fields
    ``()``                    None
    ``(1, 2)``, ``(1)``       the list of the items
    ``V``                     ``"V"``
    ``V(1)``                  ``{"V": 1}``
    ``V()``, ``V(1, 2)``      ``{"V": [...]}``
    ``Some(x)``, ``'x'``      x
    ``{key: value}``          a dict; its keys become strings as in JSON
    ========================  ============================================

    Plain values inside stay as they are, bytes included.

    Args:
        node: What `parse` gave.

    Raises:
        ValueError: A map's key is not a scalar, or two keys become the same string.

    Example:
        >>> to_plain(Struct({"role": Variant("Admin"), "at": Tuple((1, 2), "Point")}))
        {'role': 'Admin', 'at': {'Point': [1, 2]}}
    """
    plain: Plain = node
    match node:
        case list():
            plain = [to_plain(item) for item in node]
        case dict():
            plain = _plain_map(tuple(node.items()))
        case Struct():
            plain = {name: to_plain(value) for name, value in node.fields.items()}
        case Tuple():
            plain = _plain_tuple(node)
        case Variant():
            plain = node.name
        case Some() | Char():
            plain = to_plain(node.value)
        case Map():
            plain = _plain_map(node.items)
    return plain


def _plain_tuple(node: Tuple) -> Plain:
    items = [to_plain(item) for item in node.items]
    if node.name is None:
        return items or None
    return {node.name: items[0] if len(items) == 1 else items}


def _plain_map(pairs: tuple[tuple[Node, Node], ...]) -> Plain:
    plain = {_plain_key(key): to_plain(value) for key, value in pairs}
    if len(plain) < len(pairs):
        raise ValueError("two keys of a map become the same string")
    return plain


def _plain_key(key: Node) -> str:
    match key:
        case str():
            return key
        case bool():
            return "true" if key else "false"
        case int():
            return str(key)
        case float() if isfinite(key):
            return repr(key)
        case Variant():
            return key.name
        case Char() | Some():
            return _plain_key(key.value)
    raise ValueError(f"a map's key has to be a scalar to become a string, not {key!r}")
