"""The RON writer: one node in, text out, compact as Rust's ``ron::to_string`` writes it.

`parse` gives back exactly the node that `dumps` was given, and ron reads the text too. A float
keeps its point or a signed exponent. An integer beyond 2,048 bits is hexadecimal, since Python
limits how many decimal digits it converts. Quotes, control characters and the invisible characters
that join or reorder text are escaped.

A value chooses its writer by its exact type: an `IntEnum` is no int here and a named tuple no
tuple. What has no writer is refused, never converted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import copysign, isnan
from typing import Any

from reddb.codecs.ron.identifiers import identifier
from reddb.codecs.ron.nodes import (
    DEPTH_MAX,
    DEPTH_RULE,
    Char,
    Map,
    Node,
    Some,
    Struct,
    Tuple,
    Variant,
)

_DECIMAL_BITS_MAX = 2048

_unsafe = re.compile(
    r"""["'\\\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"""
    "\ud800-\udfff]"
)
_SHORT_ESCAPES = {'"': r"\"", "'": r"\'", "\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
_BYTE_ESCAPES = {
    code: _SHORT_ESCAPES.get(chr(code), f"\\x{code:02x}")
    for code in range(256)
    if chr(code) in _SHORT_ESCAPES or not 0x20 <= code < 0x7F
}


def dumps(node: Node) -> str:
    r"""Write one value as RON.

    Args:
        node: A plain value or a node, with brackets nested as `DEPTH_MAX` allows.

    Returns:
        The text, without whitespace.

    Raises:
        ValueError: RON has no notation for the value: it is or holds an object of another type, a
            lone surrogate, a name that is no identifier, two keys that are written alike, or
            it is nested too deep.

    Example:
        >>> dumps(Struct({"name": "Ada", "email": Some("ada@x.org"), "role": Variant("Admin")}))
        '(name:"Ada",email:Some("ada@x.org"),role:Admin)'
    """
    return _WRITERS[type(node)](node, DEPTH_MAX)


def _none(_value: None, _depth: int) -> str:
    return "None"


def _bool(value: bool, _depth: int) -> str:
    return "true" if value else "false"


def _int(value: int, _depth: int) -> str:
    return str(value) if value.bit_length() <= _DECIMAL_BITS_MAX else hex(value)


def _float(value: float, _depth: int) -> str:
    if isnan(value):
        return "NaN" if copysign(1.0, value) > 0 else "-NaN"
    return repr(value)


def _str(value: str, _depth: int) -> str:
    return f'"{_unsafe.sub(_escaped, value)}"'


def _char(node: Char, _depth: int) -> str:
    return f"'{_unsafe.sub(_escaped, node.value)}'"


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    if "\ud800" <= char <= "\udfff":
        raise ValueError(f"a lone surrogate is not Unicode text: {char!r}")
    return _SHORT_ESCAPES.get(char) or f"\\u{{{ord(char):x}}}"


def _bytes(value: bytes, _depth: int) -> str:
    return f'b"{value.decode("latin-1").translate(_BYTE_ESCAPES)}"'


def _list(value: list[Node], depth: int) -> str:
    depth = _inside(depth)
    return "[" + ",".join([_WRITERS[type(item)](item, depth) for item in value]) + "]"


def _tuple(node: Tuple, depth: int) -> str:
    depth = _inside(depth)
    items = ",".join([_WRITERS[type(item)](item, depth) for item in node.items])
    return f"({items})" if node.name is None else f"{identifier(node.name)}({items})"


def _struct(node: Struct, depth: int) -> str:
    depth = _inside(depth)
    fields = ",".join(
        [
            f"{identifier(name)}:{_WRITERS[type(value)](value, depth)}"
            for name, value in node.fields.items()
        ]
    )
    return f"({fields})" if node.name is None else f"{identifier(node.name)}({fields})"


def _map(node: dict[Node, Node] | Map, depth: int) -> str:
    depth = _inside(depth)
    pairs = [
        (_WRITERS[type(key)](key, depth // 2), _WRITERS[type(value)](value, depth))
        for key, value in (node.items if isinstance(node, Map) else node.items())
    ]
    if len(dict(pairs)) < len(pairs):
        raise ValueError("two keys of a map are written alike")
    return "{" + ",".join([f"{key}:{value}" for key, value in pairs]) + "}"


def _some(node: Some, depth: int) -> str:
    return f"Some({_WRITERS[type(node.value)](node.value, _inside(depth))})"


def _variant(node: Variant, _depth: int) -> str:
    return identifier(node.name)


def _inside(depth: int) -> int:
    """Give the depth inside a bracket."""
    if depth == 0:
        raise ValueError(DEPTH_RULE)
    return depth - 1


class _Writers(dict[type, Callable[[Any, int], str]]):
    """The writers by exact type."""

    def __missing__(self, kind: type) -> Callable[[Any, int], str]:
        raise ValueError(f"{kind.__qualname__} is neither a plain value nor a RON node")


_WRITERS = _Writers(
    {
        type(None): _none,
        bool: _bool,
        int: _int,
        float: _float,
        str: _str,
        bytes: _bytes,
        list: _list,
        dict: _map,
        Struct: _struct,
        Tuple: _tuple,
        Variant: _variant,
        Some: _some,
        Char: _char,
        Map: _map,
    }
)
