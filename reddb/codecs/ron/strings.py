r"""RON's text literals: strings, byte strings, chars and bytes.

Each reader takes the whole text and the position where the literal begins, and gives the value
and the position after it. The patterns are possessive, so that a literal costs time in proportion
to its length, also when it is wrong.

The escapes are ron's: ``\'``, ``\"``, ``\\``, ``\n``, ``\r``, ``\t``, ``\0``, ``\xNN`` and
``\u{N}`` with 1 to 6 digits. ``\xNN`` is one byte of UTF-8, so that ``\xC3\xA9`` spells one
character. There is no line continuation: a string goes on over line ends as it stands.
"""

from __future__ import annotations

import re

from reddb.codecs.ron.errors import error_at

_simple_string = re.compile(r'"([^"\\]*+)"').match
_escaped_string = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL).match
_raw_opening = re.compile(r'r(#*+)"').match
_escape = re.compile(
    rb"""\\(?:
        (?P<sign>['"\\nrt0])
      | (?P<bytes>x[0-9a-fA-F]{2}(?:\\x[0-9a-fA-F]{2})*+)
      | u\{(?P<code>[0-9a-fA-F]{1,6})\}
      | # Nothing that is known.
    )""",
    re.VERBOSE,
)
_SIGNS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0"}

_char = re.compile(r"'([^\\]|\\(?:['\"\\nrt0]|x[0-9a-fA-F]{2}|u\{[0-9a-fA-F]{1,6}\}))'").match
_byte = re.compile(r"b'([\x00-\[\]-\x7f]|\\(?:['\"\\nrt0]|x[0-9a-fA-F]{2}))'").match


def read_string(text: str, position: int) -> tuple[str, int]:
    """Read ``"..."``.

    Raises:
        RonError: The string is not closed or has a wrong escape.
    """
    match = _simple_string(text, position)
    if match is not None:
        return match[1], match.end()
    match = _escaped_string(text, position)
    if match is None:
        raise error_at(text, position, "the string is not closed")
    return _decoded(text, position + 1, match.end() - 1), match.end()


def read_byte_string(text: str, position: int) -> tuple[bytes, int]:
    """Read ``b"..."``. A character beyond ASCII stands for its UTF-8 bytes, as in ron.

    Raises:
        RonError: The byte string is not closed or has a wrong escape.
    """
    match = _escaped_string(text, position + 1)
    if match is None:
        raise error_at(text, position, "the byte string is not closed")
    return _unescaped(text, position + 2, match.end() - 1), match.end()


def read_raw_string(text: str, position: int) -> tuple[str, int] | None:
    """Read ``r"..."`` or ``r#"..."#`` with any number of ``#``; None if it is neither.

    Raises:
        RonError: The string is not closed.
    """
    match = _raw_opening(text, position)
    if match is None:
        return None
    closing = '"' + match[1]
    end = text.find(closing, match.end())
    if end < 0:
        raise error_at(text, position, f"the raw string is not closed by `{closing}`")
    return text[match.end() : end], end + len(closing)


def read_char(text: str, position: int) -> tuple[str, int]:
    """Read ``'x'``.

    Raises:
        RonError: It is not one character between two ``'``.
    """
    match = _char(text, position)
    if match is None:
        raise error_at(text, position, "expected one character between `'` and `'`")
    if len(match[1]) == 1:
        return match[1], match.end()
    return _decoded(text, match.start(1), match.end(1)), match.end()


def read_byte(text: str, position: int) -> tuple[int, int]:
    """Read ``b'x'``, which is an integer.

    Raises:
        RonError: It is not one ASCII character or escape between ``b'`` and ``'``.
    """
    match = _byte(text, position)
    if match is None:
        raise error_at(text, position, "expected one ASCII character between `b'` and `'`")
    return _unescaped(text, match.start(1), match.end(1))[0], match.end()


def _decoded(text: str, start: int, end: int) -> str:
    """Give the characters that the escaped text between two positions stands for."""
    try:
        return _unescaped(text, start, end).decode()
    except UnicodeDecodeError:
        raise error_at(text, start, r"the `\x` escapes are not UTF-8") from None


def _unescaped(text: str, start: int, end: int) -> bytes:
    """Give the bytes that the escaped text between two positions stands for."""

    def replacement(match: re.Match[bytes]) -> bytes:
        kind = match.lastgroup
        if kind == "sign":
            return _SIGNS.get(match["sign"], match["sign"])
        if kind == "bytes":
            return bytes.fromhex(match[0].decode().replace("\\x", ""))
        try:
            return chr(int(match["code"] or b"", 16)).encode()
        except ValueError:
            reason = "is not a Unicode character" if kind == "code" else "begins no known escape"
            position = start + len(match.string[: match.start()].decode())
            raise error_at(text, position, f"`{match[0].decode()}` {reason}") from None

    return _escape.sub(replacement, text[start:end].encode())
