"""Leaves: values that hold no others.

None, bool, int, float, str and bytes are stored as they are, by exact type; an int where a float is
due becomes one if that loses nothing. The others are stored as text that holds all of the
value:

==================  ===================================================
type                text
==================  ===================================================
date                ``2026-02-28``
datetime, time      ISO 8601, with the zone if it has one; see `times`
timedelta           ISO 8601, ``P1DT2.5S``
UUID, Path          as `str` gives it
Decimal             as `str` gives it, so ``1.10`` keeps its zero
complex             as `repr` gives it
==================  ===================================================

A bytearray is stored as bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from types import NoneType
from typing import Any
from uuid import UUID

import msgspec

from reddb.codecs.plain import SCALARS, Misfit, check_plain, shown
from reddb.codecs.protocol import Notation, Plain
from reddb.codecs.ron.nodes import Char
from reddb.codecs.ron.plain import to_plain
from reddb.codecs.typed.plan import Plan, Planner, Widened, mismatch
from reddb.codecs.typed.times import datetime_text, read_datetime, read_time, time_text

_Function = Callable[[Any], Any]
_TEXT_FORMS: frozenset[type] = frozenset({str})


def plan_any(annotation: Any, planner: Planner) -> Plan | None:
    """Plan ``Any``: every plain value, checked part by part."""
    if annotation is not Any:
        return None
    return Plan(
        encode=_checked,
        decode=_made_plain if planner.notation is Notation.NAMED else _itself,
        takes=SCALARS | {list, dict},
        forms=SCALARS | {list, dict},
        kept=SCALARS,
        as_is=True,
    )


def _checked(value: Any) -> Plain:
    check_plain(value)
    return value


def _itself(plain: Plain) -> Any:
    return plain


def _made_plain(node: Any) -> Any:
    try:
        return to_plain(node)
    except ValueError as error:
        raise Misfit(str(error)) from error


def plan_leaf(annotation: Any, planner: Planner) -> Plan | None:
    """Plan a type whose values hold no others."""
    if annotation is float:
        return _float_plan(planner.widened)
    try:
        return _PLANS.get(annotation)
    except TypeError:  # It cannot be hashed, so it is none of them.
        return None


def _scalar(kind: type, encode: _Function, decode: _Function) -> Plan:
    """Plan a type whose values are plain already."""
    kinds = frozenset({kind})
    return Plan(
        encode,
        decode,
        takes=kinds,
        forms=kinds,
        kept=kinds,
        as_is=True,
        scalars=kinds,
        immutable=True,
    )


def _exactly(kind: type) -> _Function:
    """Give the function that lets pass what is exactly of a type."""
    expected = "None" if kind is NoneType else kind.__name__

    def check(value: Any) -> Any:
        if type(value) is kind:
            return value
        raise mismatch(expected, value)

    return check


def _float(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is not int:
        raise mismatch("float", value)
    try:
        if float(value) == value:
            return float(value)
    except OverflowError:
        pass
    raise Misfit(f"expected float, found an int that no float equals: {value:#x}")


def _float_plan(widened: Widened) -> Plan:
    def encode(value: Any) -> Plain:
        number = _float(value)
        if number is not value:
            widened.count += 1
        return number

    return _scalar(float, encode, _float)


def _str(plain: Plain) -> str:
    if type(plain) is str:
        return plain
    if type(plain) is Char:
        return plain.value
    raise mismatch("str", plain)


def _text(kind: type, write: Callable[[Any], str], read: Callable[[str], Any]) -> Plan:
    """Plan a type whose values are stored as text."""
    check = _exactly(kind)

    def encode(value: Any) -> Plain:
        return write(check(value))

    def decode(plain: Plain) -> Any:
        text = _str(plain)
        try:
            return read(text)
        except (ValueError, ArithmeticError, msgspec.MsgspecError) as error:
            raise Misfit(f"{shown(text)} is not a {kind.__name__}") from error

    return Plan(
        encode,
        decode,
        takes=frozenset({kind}),
        forms=_TEXT_FORMS,
        scalars=_TEXT_FORMS,
        immutable=True,
    )


def _decimal_text(value: Decimal) -> str:
    if value.is_snan():
        raise Misfit("a signalling NaN cannot be compared, so not stored either")
    return str(value)


def _read_timedelta(text: str) -> timedelta:
    return msgspec.convert(text, timedelta)


def _bytearray_plan() -> Plan:
    check, check_plain = _exactly(bytearray), _exactly(bytes)
    return Plan(
        encode=lambda value: bytes(check(value)),
        decode=lambda plain: bytearray(check_plain(plain)),
        takes=frozenset({bytearray}),
        forms=frozenset({bytes}),
    )


_PLANS: dict[Any, Plan] = {
    **{
        kind: _scalar(kind, _exactly(kind), _exactly(kind)) for kind in (NoneType, bool, int, bytes)
    },
    str: _scalar(str, _exactly(str), _str),
    bytearray: _bytearray_plan(),
    date: _text(date, date.isoformat, date.fromisoformat),
    datetime: _text(datetime, datetime_text, read_datetime),
    time: _text(time, time_text, read_time),
    timedelta: _text(timedelta, msgspec.to_builtins, _read_timedelta),
    UUID: _text(UUID, str, UUID),
    Decimal: _text(Decimal, _decimal_text, Decimal),
    complex: _text(complex, repr, complex),
    PurePosixPath: _text(PurePosixPath, str, PurePosixPath),
    PureWindowsPath: _text(PureWindowsPath, str, PureWindowsPath),
    PurePath: _text(type(PurePath()), str, PurePath),
    Path: _text(type(Path()), str, Path),
    type(Path()): _text(type(Path()), str, Path),
}
