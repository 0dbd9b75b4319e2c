"""RON's numbers: integers of any size and floats.

An integer is decimal, ``0x``, ``0o`` or ``0b``; ``_`` may stand between and after digits. A type as
suffix is held to its word: ``300u8`` is an error and ``0.1f32`` is the nearest 32-bit float. ron
reads an integer beyond 128 bits as a float; here it keeps all its digits.
"""

from __future__ import annotations

import re
import struct
from math import copysign, inf

from reddb.codecs.ron.errors import error_at

# Nearly every number. No interpreter's limit on decimal digits is below 640.
_plain_number = re.compile(r"-?[0-9]{1,640}+(\.[0-9]++)?+(?![\w.])").match
# A `.` that begins the operator of a range is no part of a number.
_integer = re.compile(
    r"""
    ([+-]?(?:0x[0-9a-fA-F][0-9a-fA-F_]*+|0o[0-7][0-7_]*+|0b[01][01_]*+|[0-9][0-9_]*+))
    ([iu](?:8|16|32|64|128))?+
    (?!\w|\.(?!\.))
    """,
    re.VERBOSE,
).match
_float = re.compile(
    r"""
    ([+-]?(?: inf | NaN
            | (?:[0-9][0-9_]*+(?:\.(?!\.)(?:[0-9][0-9_]*+)?+)?+|\.[0-9][0-9_]*+)
              (?:[eE]_*+[+-]?_*+[0-9][0-9_]*+)?+))
    (_?f(?:32|64))?+
    (?!\w)
    """,
    re.VERBOSE,
).match
_BASES = {"x": 16, "o": 8, "b": 2}


def read_number(text: str, position: int) -> tuple[int | float, int]:
    """Read the number at a position, and give it and the position after it.

    Raises:
        RonError: It is no number, or it does not fit the type that its suffix names.
    """
    match = _plain_number(text, position)
    if match is not None:
        return (int if match[1] is None else float)(match[0]), match.end()
    match = _integer(text, position)
    if match is not None:
        return _read_integer(match, text), match.end()
    match = _float(text, position)
    if match is None:
        raise error_at(text, position, "malformed number")
    value = float(match[1].replace("_", ""))
    return _rounded(value) if match[2] in {"f32", "_f32"} else value, match.end()


def _read_integer(match: re.Match[str], text: str) -> int:
    digits, suffix = match.groups()
    try:
        value = int(digits.replace("_", ""), _BASES.get(digits.lstrip("+-")[1:2], 10))
    except ValueError:
        reason = "too many decimal digits (see sys.set_int_max_str_digits); use hexadecimal ones"
        raise error_at(text, match.start(), reason) from None
    if suffix is not None and not _fits(value, suffix):
        raise error_at(text, match.start(), f"`{digits}` does not fit in {suffix}")
    return value


def _fits(value: int, suffix: str) -> bool:
    bits = int(suffix[1:])
    if suffix[0] == "u":
        return 0 <= value < 1 << bits
    return -1 << (bits - 1) <= value < 1 << (bits - 1)


def _rounded(value: float) -> float:
    """Give the nearest 32-bit float, which beyond the largest is infinity."""
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return copysign(inf, value)
    return rounded
