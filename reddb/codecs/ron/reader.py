"""The RON reader: text in, one node out.

It reads what Rust's ron reads (https://github.com/ron-rs/ron, ``docs/grammar.md``, from 0.8 on;
where a later version reads more, ranges such as ``1..2``, say, it reads that too). Beyond the
grammar it refuses what a dict would lose: a repeated field or map key.

Nothing here knows the type that a Rust program would read into, so the extensions mean this:

- ``implicit_some``: a value without ``Some`` stays as it is. `to_plain` drops every ``Some``, so
  its result is the same with and without.
- ``unwrap_newtypes`` and ``explicit_struct_names``: nothing, both ask for a type.
- ``unwrap_variant_newtypes``: ``Some(a: 1)`` is ``Some((a: 1))``, ``Some(1, 2)`` is
  ``Some((1, 2))`` and ``Some()`` is ``Some(())``; every other name reads the same without.

A value chooses its reader by its first character. A reader takes the position of its value and how
many more brackets may open, and gives the value and the position after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from reddb.codecs.ron.attributes import read_attributes
from reddb.codecs.ron.errors import error_at
from reddb.codecs.ron.identifiers import CONSTANTS, identifier_end, read_identifier
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
    map_of,
)
from reddb.codecs.ron.numbers import read_number
from reddb.codecs.ron.ranges import is_range, read_range
from reddb.codecs.ron.strings import (
    read_byte,
    read_byte_string,
    read_char,
    read_raw_string,
    read_string,
)
from reddb.codecs.ron.whitespace import WHITESPACE, expect, found_at, skip
from reddb.codecs.ron.writer import dumps

# A field's name and colon, where neither a comment nor an unusual name makes it hard.
_plain_field = re.compile(f"([A-Za-z_][A-Za-z0-9_]*+)[{WHITESPACE}]*+:[{WHITESPACE}]*+(?!/)").match


def parse(text: str) -> Node:
    """Read one RON text.

    Args:
        text: The whole text, of any length and with up to `DEPTH_MAX` brackets inside each other.

    Returns:
        The one value in it: plain where Python has a type for it, else a node.

    Raises:
        RonError: The text is not RON; the error says where and why.

    Example:
        >>> parse('(name: "Ada", email: Some("ada@x.org"), role: Admin)').fields["role"]
        Variant(name='Admin')
    """
    _check_unicode(text)
    extensions, position = read_attributes(text, skip(text, 0))
    reader = _Reader(text, unwrap="unwrap_variant_newtypes" in extensions)
    value, position = reader.value(position, DEPTH_MAX)
    position = skip(text, position)
    if position < len(text):
        raise error_at(text, position, f"expected the end, found {found_at(text, position)}")
    return value


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise error_at(text, error.start, "a lone surrogate is not Unicode text") from None


class _Reader:
    """One text and the readers of its values.

    The readers of brackets look up their items' readers themselves, which is one call less a level.

    Attributes:
        text: The whole text.
        unwrap: Whether the extension ``unwrap_variant_newtypes`` is on.
    """

    __slots__ = ("text", "unwrap")

    def __init__(self, text: str, *, unwrap: bool) -> None:
        self.text = text
        self.unwrap = unwrap

    def value(self, position: int, depth: int) -> tuple[Node, int]:
        """Read any value."""
        return _READERS.get(self.text[position : position + 1], _Reader.word)(self, position, depth)

    def string(self, position: int, _depth: int) -> tuple[str, int]:
        """Read ``"..."``."""
        return read_string(self.text, position)

    def number(self, position: int, depth: int) -> tuple[Node, int]:
        """Read an integer, a float or a range."""
        if is_range(self.text, position):
            return self._range(None, position, depth)
        number, position = read_number(self.text, position)
        if is_range(self.text, position):
            return self._range(number, position, depth)
        return number, position

    def _range(self, start: int | float | None, position: int, depth: int) -> tuple[Node, int]:
        """Read the rest of a range."""
        self._open(position, depth)
        return read_range(self.text, position, start)

    def char(self, position: int, _depth: int) -> tuple[Char, int]:
        """Read ``'x'``."""
        value, position = read_char(self.text, position)
        return Char(value), position

    def letter_b(self, position: int, depth: int) -> tuple[Node, int]:
        """Read ``b"..."``, ``br"..."``, ``b'x'`` or a word."""
        text = self.text
        if text.startswith('b"', position):
            return read_byte_string(text, position)
        if text.startswith("b'", position):
            byte, position = read_byte(text, position)
            if is_range(text, position):
                return self._range(byte, position, depth)
            return byte, position
        raw = read_raw_string(text, position + 1)
        return self.word(position, depth) if raw is None else (raw[0].encode(), raw[1])

    def letter_r(self, position: int, depth: int) -> tuple[Node, int]:
        """Read ``r"..."``, ``r#"..."#`` or a word."""
        return read_raw_string(self.text, position) or self.word(position, depth)

    def sequence(self, position: int, depth: int) -> tuple[list[Node], int]:
        """Read ``[a, b]``."""
        return self._items(position, depth, "]")

    def mapping(self, position: int, depth: int) -> tuple[dict[Node, Node] | Map, int]:
        """Read ``{key: value}``."""
        text = self.text
        depth = self._open(position, depth)
        items: list[tuple[Node, Node]] = []
        keys: set[object] = set()
        position = skip(text, position + 1)
        while text[position : position + 1] != "}":
            start = position
            reader = _READERS.get(text[position : position + 1], _Reader.word)
            key, position = reader(self, position, depth // 2)
            # Python's equality would take 1, 1.0 and true for one key; their texts differ.
            identity = key if type(key) is str else (dumps(key),)
            if identity in keys:
                raise error_at(text, start, "the map has this key already")
            keys.add(identity)
            position = self._after_colon(position, "map key")
            reader = _READERS.get(text[position : position + 1], _Reader.word)
            value, position = reader(self, position, depth)
            items.append((key, value))
            position = self._next(position, "}")
        return map_of(items), position + 1

    def bracket(self, position: int, depth: int) -> tuple[Struct | Tuple, int]:
        """Read ``(field: value)``, ``(a, b)`` or ``()``."""
        if self._has_fields(position):
            return self._struct(position, depth, None)
        items, position = self._items(position, depth, ")")
        return Tuple(tuple(items)), position

    def word(self, position: int, depth: int) -> tuple[Node, int]:
        """Read what begins with an identifier: a constant, an option, a struct or a variant."""
        text = self.text
        name, is_raw, position = read_identifier(text, position, "a value")
        if not is_raw:
            if name in CONSTANTS:
                # A new NaN each time: no two of them are one in a set.
                value = float("nan") if name.startswith("NaN") else CONSTANTS[name]
                if type(value) is float and is_range(text, position):
                    return self._range(value, position, depth)
                return value, position
            if name == "Some":
                return self._some(position, depth)
        end, position = position, skip(text, position)
        if not text.startswith("(", position):
            return Variant(name), end
        if self._has_fields(position):
            return self._struct(position, depth, name)
        items, position = self._items(position, depth, ")")
        return Tuple(tuple(items), name), position

    def _some(self, position: int, depth: int) -> tuple[Some, int]:
        """Read what follows ``Some``."""
        text = self.text
        bracket = skip(text, position)
        first = expect(text, bracket, "(")
        depth = self._open(bracket, depth)
        if self.unwrap:
            content, position = self.bracket(bracket, depth)
            if type(content) is Tuple and len(content.items) == 1:
                return Some(content.items[0]), position
            return Some(content), position
        reader = _READERS.get(text[first : first + 1], _Reader.word)
        value, position = reader(self, first, depth)
        position = self._next(position, ")")
        if not text.startswith(")", position):
            raise error_at(text, position, "`Some` holds one value")
        return Some(value), position + 1

    def _struct(self, position: int, depth: int, name: str | None) -> tuple[Struct, int]:
        """Read ``(field: value)``."""
        text = self.text
        depth = self._open(position, depth)
        fields: dict[str, Node] = {}
        position = skip(text, position + 1)
        while text[position : position + 1] != ")":
            match = _plain_field(text, position)
            if match is None:
                field, after = self._unusual_field(position)
            else:
                field, after = match[1], match.end()
            if field in fields:
                raise error_at(text, position, f"the struct has the field `{field}` already")
            reader = _READERS.get(text[after : after + 1], _Reader.word)
            fields[field], position = reader(self, after, depth)
            position = self._next(position, ")")
        return Struct(fields, name), position + 1

    def _unusual_field(self, position: int) -> tuple[str, int]:
        """Read a field's name and colon, whatever they look like."""
        name, _, position = read_identifier(self.text, position, "a field name")
        return name, self._after_colon(position, "field name")

    def _items(self, position: int, depth: int, close: str) -> tuple[list[Node], int]:
        """Read the values from an opening bracket to its closing one."""
        text = self.text
        depth = self._open(position, depth)
        items: list[Node] = []
        position = skip(text, position + 1)
        while text[position : position + 1] != close:
            reader = _READERS.get(text[position : position + 1], _Reader.word)
            item, position = reader(self, position, depth)
            items.append(item)
            position = self._next(position, close)
        return items, position + 1

    def _has_fields(self, position: int) -> bool:
        """Say whether a field's name and colon follow the bracket at a position."""
        text = self.text
        position = skip(text, position + 1)
        if _plain_field(text, position) is not None:
            return True
        end = identifier_end(text, position)
        return end is not None and text.startswith(":", skip(text, end))

    def _open(self, position: int, depth: int) -> int:
        """Give the depth inside the bracket at a position."""
        if depth == 0:
            raise error_at(self.text, position, DEPTH_RULE)
        return depth - 1

    def _next(self, position: int, close: str) -> int:
        """Step over the comma after an item, to the next item or the closing bracket."""
        text = self.text
        char = text[position : position + 1]
        if char != ",":
            position = skip(text, position)
            char = text[position : position + 1]
            if char == close:
                return position
            if char != ",":
                found = found_at(text, position)
                raise error_at(text, position, f"expected `,` or `{close}`, found {found}")
        return skip(text, position + 1)

    def _after_colon(self, position: int, what: str) -> int:
        """Step over the colon after a field's name or a key, to the value."""
        position = skip(self.text, position)
        if not self.text.startswith(":", position):
            found = found_at(self.text, position)
            raise error_at(self.text, position, f"expected `:` after {what}, found {found}")
        return skip(self.text, position + 1)


_READERS: dict[str, Callable[[_Reader, int, int], tuple[Node, int]]] = {
    '"': _Reader.string,
    "'": _Reader.char,
    "(": _Reader.bracket,
    "[": _Reader.sequence,
    "{": _Reader.mapping,
    "b": _Reader.letter_b,
    "r": _Reader.letter_r,
    **dict.fromkeys("0123456789+-.", _Reader.number),
}
"""How to read a value, by its first character; all else begins a word or nothing."""
