"""What stands between RON's tokens: whitespace, ``//`` comments and ``/* */`` ones, which nest."""

from __future__ import annotations

import re

from reddb.codecs.ron.errors import error_at

WHITESPACE = "\t\n\v\f\r \x85\u200e\u200f\u2028\u2029"
"""The characters that RON skips: Unicode's Pattern_White_Space."""

_BLANK = frozenset(WHITESPACE + "/")
_blanks = re.compile(f"(?:[{WHITESPACE}]++|//[^\n]*+)++").match
_block_mark = re.compile(r"/\*|\*/")


def skip(text: str, position: int) -> int:
    """Give the position of the first token from a position on.

    Raises:
        RonError: A block comment is not closed.
    """
    while text[position : position + 1] in _BLANK:
        match = _blanks(text, position)
        if match is not None:
            position = match.end()
        elif text.startswith("/*", position):
            position = _skip_block(text, position)
        else:
            break
    return position


def expect(text: str, position: int, token: str) -> int:
    """Give the position of the token after this one.

    Raises:
        RonError: Another token stands there.
    """
    if not text.startswith(token, position):
        raise error_at(text, position, f"expected `{token}`, found {found_at(text, position)}")
    return skip(text, position + len(token))


def found_at(text: str, position: int) -> str:
    """Name what stands at a position, for an error's message."""
    return f"`{text[position]}`" if position < len(text) else "the end"


def _skip_block(text: str, position: int) -> int:
    level = 0
    for mark in _block_mark.finditer(text, position):
        level += 1 if mark[0] == "/*" else -1
        if level == 0:
            return mark.end()
    raise error_at(text, position, "the comment is not closed")
