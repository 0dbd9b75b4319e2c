"""Cutting a filter's text into tokens, each with where it stands.

Nothing is skipped but white space; a character that begins no token is an error with its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Final

from attrs import frozen


class FilterError(ValueError):
    """A filter's text cannot be read.

    Attributes:
        message: What is wrong.
        text: The filter.
        column: Where it is wrong, counted in characters from 0.
    """

    def __init__(self, message: str, text: str, column: int) -> None:
        super().__init__(message, text, column)
        self.message = message
        self.text = text
        self.column = column

    def __str__(self) -> str:
        # Every character is shown as one, so that the mark stands below its own.
        line = "".join(sign if sign.isprintable() else " " for sign in self.text)
        return f"{self.message}, at column {self.column + 1}:\n  {line}\n  {' ' * self.column}^"


class TokenKind(Enum):
    """What a token is."""

    NUMBER = "number"
    STRING = "string"
    NAME = "name"
    """A field's name, or a word of the language; where it stands tells which."""
    SIGN = "sign"
    END = "end"
    """The end of the text."""


@frozen
class Token:
    """A piece of a filter's text."""

    kind: TokenKind
    text: str
    column: int


_TOKEN: Final = re.compile(
    r"""
    (?P<number> -? [0-9]+ (?: \.[0-9]+ )? (?: [eE] [+-]? [0-9]+ )? (?! [\w.] ) )
  | (?P<string> " (?: [^"\\] | \\. )* " | ' (?: [^'\\] | \\. )* ' )
  | (?P<name>   [^\W\d] [\w-]* )
  | (?P<sign>   == | != | <= | >= | [<>()\[\],.$] )
    """,
    re.VERBOSE | re.DOTALL,
)

_INSTEAD: Final = {
    "=": "write '==' to compare",
    "&": "write 'and'",
    "|": "write 'or'",
    "!": "write 'not', or '!=' to compare",
    "~": "write 'matches' and a regular expression",
    '"': "this string does not end",
    "'": "this string does not end",
}
"""What to do about a character that begins no token."""

_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", **{sign: sign for sign in "\\\"'/"}}


def tokens_of(text: str) -> Iterator[Token]:
    """Give the tokens of a filter, the last one of the kind `TokenKind.END`.

    Raises:
        FilterError: A character begins no token.
    """
    at = 0
    while True:
        at += len(text[at:]) - len(text[at:].lstrip())
        if at == len(text):
            yield Token(TokenKind.END, "", at)
            return
        found = _TOKEN.match(text, at)
        if found is None:
            hint = _INSTEAD.get(text[at], f"{text[at]!r} means nothing here")
            raise FilterError(hint, text, at)
        assert found.lastgroup is not None, "every alternative has a name"
        yield Token(TokenKind(found.lastgroup), found[0], at)
        at = found.end()


def string_of(token: Token, text: str) -> str:
    r"""Give the string that a token of the kind `TokenKind.STRING` stands for.

    Raises:
        FilterError: It has an escape other than ``\n \t \r \\ \" \' \/ \uXXXX``.
    """

    def unescaped(found: re.Match[str]) -> str:
        sign = found[1]
        if len(sign) > 1:
            return chr(int(sign[1:], 16))
        if sign not in _ESCAPES:
            message = f"'\\{sign}' means nothing in a string; a backslash is written '\\\\'"
            raise FilterError(message, text, token.column + 1 + found.start())
        return _ESCAPES[sign]

    return _ESCAPE.sub(unescaped, token.text[1:-1])
