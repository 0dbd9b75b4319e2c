"""RON's ranges, ``1..5``: another way to write a struct of ``start`` and ``end``.

Rust's ron reads a range into the same types as that struct, and writes the struct unless it is told
otherwise. So the struct is the range's node, and the full range ``..`` is the unit, ``()``.
"""

from __future__ import annotations

import re

from reddb.codecs.ron.errors import error_at
from reddb.codecs.ron.nodes import Node, Struct, Tuple
from reddb.codecs.ron.numbers import read_number
from reddb.codecs.ron.strings import read_byte

_operator = re.compile(r"\.\.(=?)").match
_bound_begins = re.compile(r"[0-9+\-.]|b'|inf|NaN").match


def is_range(text: str, position: int) -> bool:
    """Tell whether a range's operator stands at a position."""
    return text.startswith("..", position)


def read_range(text: str, position: int, start: int | float | None) -> tuple[Node, int]:
    """Read a range from its operator on, and give it and the position after it.

    Args:
        text: The whole text.
        position: Where the operator is; no whitespace may stand before or after it.
        start: The bound before the operator, or None if there is none.

    Raises:
        RonError: The bound after the operator is malformed, or is missing after ``..=``.
    """
    match = _operator(text, position)
    assert match is not None, "is_range() comes first"
    fields: dict[str, Node] = {} if start is None else {"start": start}
    end = match.end()
    if _bound_begins(text, end) is not None:
        fields["end"], end = read_bound(text, end)
    elif match[1]:
        raise error_at(text, end, "expected a number after `..=`")
    return (Struct(fields) if fields else Tuple(())), end


def read_bound(text: str, position: int) -> tuple[int | float, int]:
    """Read what may be a bound of a range: a number, or a byte such as ``b'A'``.

    Raises:
        RonError: It is neither.
    """
    read = read_byte if text.startswith("b'", position) else read_number
    return read(text, position)
