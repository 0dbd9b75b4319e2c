"""What the parts of a filter mean: values to look up, and conditions that hold or do not.

A field that is missing makes every comparison with it false, ``!=`` as well; ``exists`` asks for
it by itself, and ``not`` turns any condition around.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Protocol

from attrs import frozen

from reddb.cli.filters.values import contains, less, same


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""What a field gives where there is none."""


class Operand(Protocol):
    """A value, once there is a document to take it from."""

    def value(self, document: Any) -> Any:
        """Give the value, or `MISSING`."""


class Condition(Protocol):
    """A yes or no, once there is a document to ask it of."""

    def holds(self, document: Any) -> bool:
        """Tell whether it holds for a document's plain value."""


@frozen
class Literal:
    """A value that stands in the filter itself."""

    _value: Any

    def value(self, document: Any) -> Any:
        """See `Operand.value`."""
        return self._value


@frozen
class Field:
    """A place in a document, such as ``address.zip`` or ``tags[0]``."""

    steps: tuple[str | int, ...]
    """Keys of dicts and indexes of lists, from the outside in; none for the whole document."""

    def value(self, document: Any) -> Any:
        """See `Operand.value`."""
        found: Any = document
        for step in self.steps:
            match step, found:
                case str(), dict():
                    found = found.get(step, MISSING)
                case int(), list() if -len(found) <= step < len(found):
                    found = found[step]
                case _:
                    return MISSING
        return found


@frozen
class All:
    """Holds where all conditions do: ``and``."""

    conditions: tuple[Condition, ...]

    def holds(self, document: Any) -> bool:
        """See `Condition.holds`."""
        return all(condition.holds(document) for condition in self.conditions)


@frozen
class Some:
    """Holds where one condition does, or more: ``or``."""

    conditions: tuple[Condition, ...]

    def holds(self, document: Any) -> bool:
        """See `Condition.holds`."""
        return any(condition.holds(document) for condition in self.conditions)


@frozen
class Not:
    """Holds where a condition does not."""

    condition: Condition

    def holds(self, document: Any) -> bool:
        """See `Condition.holds`."""
        return not self.condition.holds(document)


@frozen
class IsTrue:
    """Holds where a value is ``true`` itself: what a field alone means."""

    operand: Operand

    def holds(self, document: Any) -> bool:
        """See `Condition.holds`."""
        return self.operand.value(document) is True


@frozen
class Exists:
    """Holds where a document has a field, whatever its value."""

    field: Operand

    def holds(self, document: Any) -> bool:
        """See `Condition.holds`."""
        return self.field.value(document) is not MISSING


@frozen
class Matches:
    """Holds where a string has a part that a regular expression matches."""

    operand: Operand
    pattern: re.Pattern[str]

    def holds(self, document: Any) -> bool:
        """See `Condition.holds`."""
        value = self.operand.value(document)
        return isinstance(value, str) and self.pattern.search(value) is not None


@frozen
class Compares:
    """Holds where two values are both there and compare as `compare` says."""

    left: Operand
    compare: Callable[[Any, Any], bool]
    right: Operand

    def holds(self, document: Any) -> bool:
        """See `Condition.holds`."""
        left, right = self.left.value(document), self.right.value(document)
        return left is not MISSING and right is not MISSING and self.compare(left, right)


COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": same,
    "!=": lambda left, right: not same(left, right),
    "<": less,
    "<=": lambda left, right: less(left, right) or (same(left, right) and _ordered(left)),
    ">": lambda left, right: less(right, left),
    ">=": lambda left, right: less(right, left) or (same(left, right) and _ordered(left)),
    "in": lambda left, right: contains(right, left),
    "not in": lambda left, right: not contains(right, left),
    "contains": contains,
}
"""What each operator asks of the values left and right of it."""


def _ordered(value: Any) -> bool:
    return isinstance(value, int | float | str | bytes) and not isinstance(value, bool)
