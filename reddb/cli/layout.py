"""JSON for people: on one line where there is room, over several where there is not."""

from __future__ import annotations

from typing import Any

from reddb.codecs import JsonCodec

_INDENT = "  "


def one_line(plain: Any) -> str:
    """Give the JSON of a plain value on one line, with a space behind each comma and colon."""
    return "\n".join(_lines(plain, None, 0))


def laid_out(plain: Any, width: int) -> str:
    """Give the JSON of a plain value, with lists and dicts broken up that do not fit.

    Args:
        plain: The value.
        width: How many characters fit on a line.
    """
    return "\n".join(_lines(plain, width, 0))


def _lines(plain: Any, width: int | None, depth: int) -> list[str]:
    """Give the lines of a value; `width` is None where there is room for everything."""
    if not isinstance(plain, dict | list):
        return [JsonCodec().encode(plain).decode()]
    brackets = "{}" if isinstance(plain, dict) else "[]"
    items = _items(plain, None, depth)
    line = brackets[0] + ", ".join(item for [item] in items) + brackets[1]
    room = None if width is None else width - len(_INDENT) * depth
    if room is None or len(line) <= room or not items:
        return [line]
    lines = [brackets[0]]
    for item in _items(plain, width, depth + 1):
        lines += [_INDENT + line for line in item]
        lines[-1] += ","
    lines[-1] = lines[-1].removesuffix(",")
    return [*lines, brackets[1]]


def _items(plain: dict[str, Any] | list[Any], width: int | None, depth: int) -> list[list[str]]:
    """Give the lines of each item of a dict or list."""
    if isinstance(plain, list):
        return [_lines(item, width, depth) for item in plain]
    found: list[list[str]] = []
    for key, value in plain.items():
        first, *rest = _lines(value, width, depth)
        found.append([f"{JsonCodec().encode(key).decode()}: {first}", *rest])
    return found
