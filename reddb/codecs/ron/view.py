"""RON's nodes seen as plain values, in a way that can be undone.

`to_plain` loses what only RON can say: that ``()`` is a tuple, that ``Admin`` is a variant. Where
a plain value is to be changed and then stored as RON again, `view` gives one that remembers: its
dicts, lists and strings may be of subclasses that know the node which they stand for. `restored`
makes nodes of them again, and of all others what they are.

==========================  ==================================================
RON                         seen as
==========================  ==================================================
``(a: 1)``                  the dict of the fields
``V(a: 1)``, ``V((a: 1))``  the dict ``{"V": {"a": 1}}``
``V(1)``                    the dict ``{"V": 1}``
``(1, 2)``, ``()``          the list of the items
``V``, ``'x'``              the string
``Some(x)``                 x, and is restored as x
``{1: "a", V: "b"}``        a dict by strings; with other keys, a list of pairs
==========================  ==================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reddb.codecs.plain import int_text
from reddb.codecs.protocol import Plain
from reddb.codecs.ron.nodes import Char, Map, Node, Some, Struct, Tuple, Variant, map_of


class _Fields(dict[str, Any]):
    """A struct without a name."""


class _Named(dict[str, Any]):
    """A struct or a tuple of one item, by its name."""


class _Newtype(_Named):
    """``V((a: 1))``: a tuple of one item, by its name, that holds a struct without one."""


class _Items(list[Any]):
    """A tuple without a name."""


class _Pairs(list[Any]):
    """The pairs of a map whose keys are not seen as strings."""


class _Word(str):
    """A variant, a char, or an int that is a map's key."""

    __slots__ = ("node",)
    node: Node


def view(node: Node) -> Plain:
    """See a node as a plain value. A named tuple of several items is seen as itself."""
    seen: Plain = node
    match node:
        case list():
            seen = [view(item) for item in node]
        case dict() | Map():
            seen = _seen_map(node.items if isinstance(node, Map) else tuple(node.items()))
        case Struct(fields, None):
            seen = _Fields({name: view(value) for name, value in fields.items()})
        case Struct(fields, str(name)):
            seen = _Named({name: view(Struct(fields))})
        case Tuple(items, None):
            seen = _Items(map(view, items))
        case Tuple((item,), str(name)):
            value = view(item)
            seen = (_Newtype if isinstance(value, _Fields) else _Named)({name: value})
        case Variant(text) | Char(text):
            seen = _word(text, node)
        case Some(value):
            seen = view(value)
    return seen


def _word(text: str, node: Node) -> _Word:
    word = _Word(text)
    word.node = node
    return word


def _seen_map(pairs: Iterable[tuple[Node, Node]]) -> Plain:
    pairs = [(key, view(value)) for key, value in pairs]
    kinds = {type(key) for key, _ in pairs}
    if kinds <= {str, Variant, Char}:
        return {view(key): value for key, value in pairs}
    if kinds == {int}:
        return {_word(int_text(key), key): value for key, value in pairs}
    return _Pairs([view(key), value] for key, value in pairs)


def restored(seen: Plain) -> Node:
    """Give the node of what `view` gave, in whatever way that was changed since."""
    node: Node = seen
    match seen:
        case _Word():
            node = seen.node
        case _Fields():
            fields = _restored_dict(seen)
            node = Struct(fields) if fields else Tuple(())
        case _Named() if len(seen) == 1:
            ((name, value),) = seen.items()
            node = restored(value)
            if isinstance(node, Struct) and node.name is None and not isinstance(seen, _Newtype):
                node = Struct(node.fields, name)
            else:
                node = Tuple((node,), name)
        case dict():
            node = _restored_dict(seen)
        case _Items():
            node = Tuple(map(restored, seen))
        case _Pairs() if all(isinstance(pair, list) and len(pair) == 2 for pair in seen):
            node = map_of((restored(key), restored(value)) for key, value in seen)
        case list():
            node = [restored(item) for item in seen]
    return node


def _restored_dict(seen: dict[Any, Any]) -> dict[Any, Node]:
    return {restored(key): restored(value) for key, value in seen.items()}
