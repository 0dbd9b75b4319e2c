"""The attributes that may begin a RON text, such as ``#![enable(implicit_some)]``.

``#![type = "..."]`` and ``#![schema = "..."]`` are for editors; they are read and dropped, as ron
does it.
"""

from __future__ import annotations

from reddb.codecs.ron.errors import error_at
from reddb.codecs.ron.identifiers import read_identifier
from reddb.codecs.ron.strings import read_raw_string, read_string
from reddb.codecs.ron.whitespace import expect, skip

EXTENSIONS = frozenset(
    {"explicit_struct_names", "implicit_some", "unwrap_newtypes", "unwrap_variant_newtypes"}
)
"""The extensions that ron knows."""


def read_attributes(text: str, position: int) -> tuple[frozenset[str], int]:
    """Read the attributes from a position on.

    Returns:
        The extensions that they enable, and the position of the first token after them.

    Raises:
        RonError: An attribute is malformed, or it or an extension is unknown.
    """
    extensions: set[str] = set()
    while text.startswith("#", position):
        for token in "#![":
            position = expect(text, position, token)
        start = position
        name, position = _read_name(text, position, "an attribute")
        if name == "enable":
            position = _read_extensions(text, position, extensions)
        elif name in {"type", "schema"}:
            position = _skip_string(text, expect(text, position, "="))
        else:
            raise error_at(text, start, f"unknown attribute `{name}`")
        position = expect(text, position, "]")
    return frozenset(extensions), position


def _read_extensions(text: str, position: int, extensions: set[str]) -> int:
    position = expect(text, position, "(")
    while True:
        start = position
        name, position = _read_name(text, position, "an extension")
        if name not in EXTENSIONS:
            raise error_at(text, start, f"unknown extension `{name}`")
        extensions.add(name)
        if text.startswith(",", position):
            position = skip(text, position + 1)
            if not text.startswith(")", position):
                continue
        return expect(text, position, ")")


def _read_name(text: str, position: int, expected: str) -> tuple[str, int]:
    name, _, position = read_identifier(text, position, expected)
    return name, skip(text, position)


def _skip_string(text: str, position: int) -> int:
    raw = read_raw_string(text, position)
    if raw is not None:
        return skip(text, raw[1])
    expect(text, position, '"')
    return skip(text, read_string(text, position)[1])
