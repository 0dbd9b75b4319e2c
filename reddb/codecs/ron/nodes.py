"""The values that RON can write down and Python has no type for.

Together with the plain values (see `reddb.codecs.protocol`) these nodes are what `parse` gives and
`dumps` takes. They are values: compare them, hash them where their parts allow it, never change
what they hold.

Each RON text has one node. So that each node also has one text to come back from, a few nodes
that would be written like another refuse to be made: a `Struct` without fields (it is the `Tuple`
without items) and a `Map` whose items fit in a dict.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from attrs import field, frozen

DEPTH_MAX = 200
"""How many brackets may stand inside each other, in a text as in a node.

Three Python calls a level stay inside the interpreter's default limit of 1,000, so that neither
reading nor writing, comparing nor printing a node ends in a RecursionError. Rust's ron stops
at 128. A map's key has half of the depth that is left where it stands: keys are told apart by their
texts, so a key inside a key is written out twice, and this bounds how often.
"""

DEPTH_RULE = f"nested deeper than {DEPTH_MAX} (in a map's key: than half of what is left)"
"""What the errors say of it."""

Node: TypeAlias = Any
"""A plain value, a node, or a list or dict of such (a recursive type says no more to mypy)."""


def _items(items: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(items)


def _pairs(items: Iterable[tuple[Node, Node]]) -> tuple[tuple[Node, Node], ...]:
    return tuple(items)


@frozen
class Struct:
    """``Name(field: value)`` or ``(field: value)``: a struct, or an enum's struct variant.

    Attributes:
        fields: The values by field name, at least one.
        name: The struct's or the variant's name, or None where the text has none.

    Raises:
        ValueError: There are no fields; that is ``Tuple((), name)``.
    """

    fields: dict[str, Node]
    name: str | None = None

    def __attrs_post_init__(self) -> None:
        if not self.fields:
            raise ValueError("a struct without fields is written as Tuple((), name)")


@frozen
class Tuple:
    """``(a, b)``, ``Name(a, b)``, or without items ``()``, which is RON's unit.

    With a name it is a tuple struct, a newtype or an enum's tuple variant; RON writes them alike.

    Attributes:
        items: The values in order.
        name: The struct's or the variant's name, or None where the text has none.
    """

    items: tuple[Node, ...] = field(converter=_items)
    name: str | None = None


@frozen
class Variant:
    """``Name`` alone: a unit struct, or an enum's unit variant.

    Attributes:
        name: The struct's or the variant's name.
    """

    name: str


@frozen
class Some:
    """``Some(value)``: an optional value that is there. ``None`` is Python's None.

    Attributes:
        value: The value.
    """

    value: Node


def _check_char(_instance: Char, _attribute: object, value: str) -> None:
    if type(value) is not str or len(value) != 1:
        raise ValueError(f"a char is one character, not {value!r}")


@frozen
class Char:
    """``'x'``: one character.

    Attributes:
        value: The character, a string of length 1.

    Raises:
        ValueError: The value is not one character.
    """

    value: str = field(validator=_check_char)


@frozen
class Map:
    """``{key: value}`` where a dict would lose an item: see `map_of`, which decides.

    Attributes:
        items: The pairs of key and value in order.

    Raises:
        ValueError: The items fit in a dict.
    """

    items: tuple[tuple[Node, Node], ...] = field(converter=_pairs)

    def __attrs_post_init__(self) -> None:
        if _as_dict(self.items) is not None:
            raise ValueError("these items fit in a dict, which is how they are read back")


def map_of(items: Iterable[tuple[Node, Node]]) -> dict[Node, Node] | Map:
    """Give the dict of these items, or a `Map` if a dict cannot hold them all.

    A dict cannot where a key is unhashable (a list, a struct) or where two keys that RON tells
    apart are equal in Python (``1``, ``1.0`` and ``true``).

    Example:
        >>> map_of([(1, "a"), (2, "b")])
        {1: 'a', 2: 'b'}
        >>> map_of([(1, "a"), (True, "b")])
        Map(items=((1, 'a'), (True, 'b')))
    """
    pairs = tuple(items)
    as_dict = _as_dict(pairs)
    return Map(pairs) if as_dict is None else as_dict


def _as_dict(pairs: tuple[tuple[Node, Node], ...]) -> dict[Node, Node] | None:
    try:
        as_dict = dict(pairs)
    except TypeError:
        return None
    return as_dict if len(as_dict) == len(pairs) else None
