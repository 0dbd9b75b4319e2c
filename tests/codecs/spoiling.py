"""Changing every part of a value that can be changed, whatever its type."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable
from enum import Enum
from typing import Any

import attrs


def spoil(value: Any) -> int:
    """Change all that can be changed in a value; give how many changes that were."""
    match value:
        case list() | bytearray() | deque():
            changes = sum(map(spoil, value))
            value.append(7)
            return changes + 1
        case dict():
            changes = sum(map(spoil, [*value.keys(), *value.values()]))
            value["spoilt"] = ["spoilt"]
            return changes + 1
        case set():
            value.add("spoilt")
            return 1
        case tuple() | frozenset():
            return sum(map(spoil, value))
    return sum(_spoil_attribute(value, name) for name in _attributes(value))


def _attributes(value: Any) -> Iterable[str]:
    """Give the names of what a value holds, where it is more than a scalar."""
    kind = type(value)
    if isinstance(value, Enum):  # The members are the class's own.
        return ()
    if attrs.has(kind):
        return [each.name for each in attrs.fields(kind)]
    if dataclasses.is_dataclass(kind):
        return [each.name for each in dataclasses.fields(kind)]
    names: Iterable[str] = getattr(kind, "__struct_fields__", ())
    return names or getattr(value, "__dict__", ())


def _spoil_attribute(value: Any, name: str) -> int:
    changes = spoil(getattr(value, name))
    try:
        setattr(value, name, "spoilt")
    except (AttributeError, TypeError):  # It is frozen.
        return changes
    return changes + 1
