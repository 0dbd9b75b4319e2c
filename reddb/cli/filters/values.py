"""How plain values compare in a filter: strictly by kind, and never with an error.

A number is not equal to a bool or a string, at any depth, and only two numbers, two strings or two
byte strings have an order. What cannot be compared is not equal, and neither less nor greater.
"""

from __future__ import annotations

from typing import Any

_KINDS: dict[type, int] = {
    type(None): 0,
    bool: 1,
    int: 2,
    float: 2,
    str: 3,
    bytes: 4,
    list: 5,
    dict: 6,
}
"""The kinds of plain values, in the order in which they are sorted."""

_ORDERED = (2, 3, 4)
"""The kinds whose values have an order: numbers, strings, byte strings."""


def same(left: Any, right: Any) -> bool:
    """Tell whether two values are of one kind and equal."""
    if _KINDS[type(left)] != _KINDS[type(right)]:
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def less(left: Any, right: Any) -> bool:
    """Tell whether two values have an order and the left one comes first."""
    kind = _KINDS[type(left)]
    return kind in _ORDERED and kind == _KINDS[type(right)] and bool(left < right)


def contains(whole: Any, part: Any) -> bool:
    """Tell whether a list has an item, a string a part, or a dict a key."""
    match whole, part:
        case list(), _:
            return any(same(item, part) for item in whole)
        case str(), str():
            return part in whole
        case dict(), str():
            return part in whole
    return False


def order_of(value: Any) -> tuple[int, Any]:
    """Give what to sort values by, of whatever kinds: first by kind, then within the kind.

    Null comes first, then false and true, numbers (NaN as the first), strings, bytes, lists by
    their items, dicts by their entries.
    """
    kind = _KINDS[type(value)]
    match value:
        case None:
            return kind, 0
        case list():
            return kind, [order_of(item) for item in value]
        case dict():
            return kind, [(key, order_of(value[key])) for key in sorted(value)]
        case float() if value != value:  # noqa: PLR0124  # Only NaN is not itself.
            return kind, float("-inf")
    return kind, value
