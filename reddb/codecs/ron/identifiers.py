"""RON's identifiers: the names of fields, structs and enum variants.

A plain identifier begins with a letter or ``_`` and goes on with letters, digits and ``_``;
Unicode's XID_Start and XID_Continue say what letters and digits are, and `str.isidentifier` asks
the same tables. A raw one, ``r#a.b-c``, may also begin with a digit and have ``.``, ``+`` and
``-``; the ``r#`` is no part of the name. A word that means a value has to be raw to be a name.
"""

from __future__ import annotations

import re
from functools import lru_cache

from reddb.codecs.ron.errors import error_at
from reddb.codecs.ron.whitespace import found_at

CONSTANTS: dict[str, bool | float | None] = {
    "true": True,
    "false": False,
    "None": None,
    **{f"inf{suffix}": float("inf") for suffix in ("", "f32", "f64", "_f32", "_f64")},
    **{f"NaN{suffix}": float("nan") for suffix in ("", "f32", "f64", "_f32", "_f64")},
}
"""The words that are values."""

_RESERVED = {*CONSTANTS, "Some"}

# Beyond ASCII this takes everything but RON's whitespace; `isidentifier` judges it afterwards.
_WIDE = r"\x80-\x84\x86-\u200d\u2010-\u2027\u202a-\U0010ffff"
_identifier = re.compile(
    rf"r#([A-Za-z0-9_.+\-{_WIDE}]++)|([A-Za-z_{_WIDE}][A-Za-z0-9_{_WIDE}]*+)"
).match
_raw_signs = str.maketrans(".+-", "___")


def identifier_end(text: str, position: int) -> int | None:
    """Give the position after what looks like an identifier, or None if nothing does."""
    match = _identifier(text, position)
    return None if match is None else match.end()


def read_identifier(text: str, position: int, expected: str) -> tuple[str, bool, int]:
    """Read the identifier at a position.

    Args:
        text: The whole text.
        position: Where the identifier begins.
        expected: What the error calls it, such as ``a field name``.

    Returns:
        The name, whether it was written raw, and the position after it.

    Raises:
        RonError: No identifier begins there.
    """
    match = _identifier(text, position)
    if match is None:
        raise error_at(text, position, f"expected {expected}, found {found_at(text, position)}")
    raw, plain = match.groups()
    if plain is not None and (plain.isascii() or plain.isidentifier()):
        return plain, False, match.end()
    if plain is not None or not _is_raw(raw):
        raise error_at(text, position, f"`{match[0]}` is not an identifier")
    return raw, True, match.end()


@lru_cache(maxsize=4096, typed=True)
def identifier(name: str) -> str:
    """Give the identifier for a name, raw if it has to be.

    Raises:
        ValueError: RON has no identifier for the name.

    Example:
        >>> identifier("zip"), identifier("2d"), identifier("None")
        ('zip', 'r#2d', 'r#None')
    """
    if type(name) is not str or not _is_raw(name):
        raise ValueError(f"RON has no identifier for the name {name!r}")
    return name if name.isidentifier() and name not in _RESERVED else f"r#{name}"


def _is_raw(name: str) -> bool:
    return name != "" and ("_" + name.translate(_raw_signs)).isidentifier()
