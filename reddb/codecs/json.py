"""JSON: compact UTF-8 text, one value.

What JSON lacks is written as a dict with a single key that begins with ``$``:

=============================  =========================
value                          JSON
=============================  =========================
NaN, inf, -inf                 ``{"$float": "nan"}``
bytes                          ``{"$bytes": "<base64>"}``
int of thousands of digits     ``{"$int": "0x..."}``
dict with a key ``"$price"``   ``{"$$price": ...}``
=============================  =========================

A key of one's own that begins with ``$`` gets one more of them, so nothing is mistaken for an
escape.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from typing import Any, ClassVar

import msgspec
from attrs import frozen

from reddb.codecs.plain import DECIMAL_BITS_MAX, DEPTH_MAX, check_plain
from reddb.codecs.protocol import Notation, Plain

_DOLLAR = ord("$")  # Looking for one byte takes a tenth of the time of looking for two.
_SHALLOW_BYTES = 2 * DEPTH_MAX  # A list or dict takes two bytes at least.

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_find_null = re.compile(rb"null").search  # Half of the time that ``in`` takes.


@frozen
class JsonCodec:
    """Plain values as compact JSON in UTF-8.

    Example:
        >>> codec = JsonCodec()
        >>> codec.encode({"name": "Ada", "photo": b"png"})
        b'{"name":"Ada","photo":{"$bytes":"cG5n"}}'
        >>> codec.decode(_)
        {'name': 'Ada', 'photo': b'png'}
    """

    name: ClassVar[str] = "json"
    suffix: ClassVar[str] = ".json"
    notation: ClassVar[Notation] = Notation.PLAIN

    def encode(self, value: Plain) -> bytes:
        """Give the JSON text of one plain value.

        Raises:
            ValueError: The value is not plain, is nested too deeply, or has a lone surrogate. What
                equals a plain value, as an `enum.IntEnum` does, may pass for it.
        """
        # msgspec writes NaN as null, bytes as a string and a tuple as a list without a word.
        # Reading back and comparing finds that out faster than a look at each part in Python.
        try:
            data = _encode(value)
            if _decode(data) == value and not _has_escape(data) and _is_shallow(data):
                return data
        except (ValueError, TypeError, RecursionError):
            pass  # What is wrong comes out below, with its place.
        check_plain(value)
        return _encode(_escaped(value))

    def decode(self, data: bytes) -> Plain:
        """Give back the value that `encode` was given.

        Raises:
            ValueError: The bytes are not one JSON text, or hold an escape that is none of ours.
        """
        try:
            value = _decode(data)
            return _unescaped(value) if _has_escape(data) else value
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def encode_checked(value: Plain) -> bytes:
    """Do as `JsonCodec.encode` does, for a value that is known to be plain and to hold no bytes.

    What msgspec may have written otherwise is then seen in the text: a NaN is a null there.

    Raises:
        ValueError: The value is nested too deeply, or has a lone surrogate.
    """
    try:
        data = _encode(value)
        if len(data) < _SHALLOW_BYTES and _DOLLAR not in data and not _find_null(data):
            return data  # As most are.
        same = _has_only_nones(data, value) or _decode(data) == value
        if same and not _has_escape(data) and _is_shallow(data):
            return data
    except (ValueError, RecursionError):
        pass
    return JsonCodec().encode(value)


def _has_only_nones(data: bytes, value: Plain) -> bool:
    """Tell whether every null in a text is surely that of a None, since a dict has as many.

    A NaN would be one more, and so is whatever spells the word; reading back tells them apart.
    """
    nulls = data.count(b"null")
    return not nulls or (type(value) is dict and [*value.values()].count(None) == nulls)


def _has_escape(data: bytes) -> bool:
    """Tell whether a key may begin with ``$``, as it does in escapes and in what needs one."""
    return _DOLLAR in data and b'"$' in data


def _is_shallow(data: bytes) -> bool:
    """Tell whether a text is surely not nested too deeply."""
    return len(data) < _SHALLOW_BYTES or data.count(b"[") + data.count(b"{") <= DEPTH_MAX


def _escaped(value: Plain) -> Plain:
    match value:
        case dict():
            return {
                f"${key}" if key.startswith("$") else key: _escaped(item)
                for key, item in value.items()
            }
        case list():
            return [_escaped(item) for item in value]
        case bytes():
            return {"$bytes": b2a_base64(value, newline=False).decode()}
        case float() if value - value != 0.0:  # NaN and the infinities give NaN.
            return {"$float": repr(value)}
        case int() if value.bit_length() > DECIMAL_BITS_MAX:
            return {"$int": hex(value)}
    return value


def _unescaped(value: Any) -> Plain:
    match value:
        case dict():
            if len(value) == 1:
                (key,) = value
                if key.startswith("$") and not key.startswith("$$"):
                    return _special(key, value[key])
            return {_own_key(key): _unescaped(item) for key, item in value.items()}
        case list():
            return [_unescaped(item) for item in value]
    return value


def _special(key: str, text: Any) -> Plain:
    match key, text:
        case "$bytes", str():
            return a2b_base64(text, strict_mode=True)
        case "$float", "nan" | "inf" | "-inf":
            return float(text)  # A new NaN each time: no two of them are one in a set.
        case "$int", str():
            return int(text, 16)
    raise ValueError(f"no value is written as a dict with the single key {key!r}")


def _own_key(key: str) -> str:
    if not key.startswith("$"):
        return key
    if not key.startswith("$$"):
        raise ValueError(f"the key {key!r} begins with a single $, which no key is written with")
    return key[1:]
