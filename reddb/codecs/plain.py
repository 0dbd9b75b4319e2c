"""The plain values, checked: what `reddb.codecs.protocol` allows and nothing else.

The codecs check what they are given and what they have read; the typing layer checks what stands
where a type says Any. A value counts by its exact type: a tuple is no list here, an `IntEnum` no
int, because neither would come back as what it was.
"""

from __future__ import annotations

from types import NoneType
from typing import Any

DEPTH_MAX = 200
"""How many lists and dicts may stand inside each other.

Far below what recursion allows (RON counts its brackets up to the same number), and below the 400
that cbor2 reads back: beyond it, cbor2 writes what it then refuses to read, or crashes.
"""

SCALARS = frozenset({NoneType, bool, int, float, str, bytes})
"""The types of the plain values that hold no others."""

DECIMAL_BITS_MAX = 2_048
"""A larger int is written in hexadecimal, because Python limits how many decimal digits it converts
(see `sys.set_int_max_str_digits`): these are fewer than the lowest limit there can be."""

_SHOWN_CHARS_MAX = 100


class Misfit(ValueError):
    """A value or a type does not fit. The place is filled in on the way out, innermost first.

    Attributes:
        message: What does not fit.
    """

    def __init__(self, message: str, *steps: str) -> None:
        super().__init__(message)
        self.message = message
        self._steps = list(steps)

    def within(self, step: str) -> None:
        """Note one step of the way to the place, such as ``.zip`` or ``[3]``."""
        self._steps.append(step)

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps noted so far, the innermost first."""
        return tuple(self._steps)

    @property
    def path(self) -> str:
        """Where it is, such as ``$.address.zip``; ``$`` is the whole value."""
        return "$" + "".join(reversed(self._steps))

    def __str__(self) -> str:
        return f"{self.message} (at {self.path})"


def key_step(key: object) -> str:
    """Give the step into a dict's value: ``.name``, or ``['two words']``."""
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{shown(key)}]"


def shown(value: object) -> str:
    """Give a value's repr for an error's message, cut off where it is long."""
    try:
        text = repr(value)
    except Exception:  # An int of very many digits has none, and a class's own may do anything.
        return f"<{type(value).__qualname__}>"
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}..."


def int_text(value: int) -> str:
    """Write an int of any size so that ``int(text, 0)`` reads it."""
    return str(value) if value.bit_length() <= DECIMAL_BITS_MAX else hex(value)


def check_plain(value: Any) -> None:
    """Refuse what is not a plain value.

    Args:
        value: What should be plain.

    Raises:
        Misfit: The value is or holds something else, or is nested deeper than `DEPTH_MAX`.

    Example:
        >>> check_plain({"name": "Ada", "tags": ["math"]})
        >>> check_plain({"tags": ("math",)})
        Traceback (most recent call last):
        reddb.codecs.plain.Misfit: expected a plain value, found tuple (at $.tags)
    """
    if type(value) not in SCALARS:
        _check(value, DEPTH_MAX)


def check_tree(value: Any) -> None:
    """Refuse a list or dict that is in two places, or inside itself.

    Formats with references can say so in a few bytes, and a walk through all the places would
    then never end.

    Args:
        value: What a format's parser gave.

    Raises:
        Misfit: A list or dict is in two places.
    """
    seen: set[int] = set()
    to_see = [value]
    while to_see:
        part = to_see.pop()
        if isinstance(part, list | dict):
            if id(part) in seen:
                raise Misfit("a list or dict is in two places")
            seen.add(id(part))
            to_see.extend(part.values() if isinstance(part, dict) else part)


def _check(value: Any, depth: int) -> None:
    kind = type(value)
    if kind is not dict and kind is not list:
        raise Misfit(f"expected a plain value, found {kind.__qualname__}")
    if depth == 0:
        raise Misfit("nested too deeply")
    if kind is dict:
        _check_dict(value, depth - 1)
    else:
        _check_list(value, depth - 1)


def _check_dict(items: dict[Any, Any], depth: int) -> None:
    key = None
    try:
        for key, value in items.items():
            if type(key) is not str:
                raise Misfit(f"expected a str as key, found {type(key).__qualname__}")
            if type(value) not in SCALARS:
                _check(value, depth)
    except Misfit as misfit:
        misfit.within(key_step(key))
        raise


def _check_list(items: list[Any], depth: int) -> None:
    index = 0
    try:
        for index, value in enumerate(items):
            if type(value) not in SCALARS:
                _check(value, depth)
    except Misfit as misfit:
        misfit.within(f"[{index}]")
        raise
