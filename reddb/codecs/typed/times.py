"""Points in time as text: ISO 8601, and RFC 9557's suffixes for what that leaves out.

=========================================  ==========================================
value                                      text
=========================================  ==========================================
without a zone                             ``2026-10-25T02:30:00``
with a fixed offset                        ``2026-10-25T02:30:00+02:00``
with a `zoneinfo.ZoneInfo`                 ``2026-10-25T02:30:00+01:00[Europe/Berlin]``
with ``fold=1``, without a ZoneInfo        ``2026-10-25T02:30:00[fold=1]``
=========================================  ==========================================

A ZoneInfo comes back as itself, another time zone as the `datetime.timezone` with the same offset.
What would then not equal the value is refused.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from reddb.codecs.plain import Misfit

_Moment = TypeVar("_Moment", datetime, time)

_suffixed = re.compile(r"([^\[]+)(?:\[(?!fold=)([^\[\]]+)\])?(\[fold=1\])?").fullmatch


def datetime_text(value: datetime) -> str:
    """Write a datetime so that `read_datetime` gives back an equal one.

    Raises:
        Misfit: Its time zone cannot be written down.

    Example:
        >>> datetime_text(datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")))
        '2026-10-25T02:30:00+01:00[Europe/Berlin][fold=1]'
    """
    if (value.tzinfo is None or value.tzinfo is UTC) and not value.fold:
        return value.isoformat()  # This is sure to come back.
    text = _with_suffixes(value)
    _check(value, read_datetime(text))
    return text


def time_text(value: time) -> str:
    """Write a time of day so that `read_time` gives back an equal one.

    Raises:
        Misfit: Its time zone cannot be written down.
    """
    text = _with_suffixes(value)
    _check(value, read_time(text))
    return text


def read_datetime(text: str) -> datetime:
    """Read a datetime.

    Where the rules of its zone have changed since it was written, so that its offset is another
    now, it stays the same instant.

    Raises:
        ValueError: The text is not a datetime, or this machine does not know its zone.
    """
    if not text.endswith("]"):
        return datetime.fromisoformat(text)
    written, zone, fold = _split(text)
    moment = datetime.fromisoformat(written).replace(fold=fold)
    if zone is None:
        return moment
    local = moment.replace(tzinfo=zone)
    if moment.tzinfo is None or local.utcoffset() == moment.utcoffset():
        return local
    return moment.astimezone(zone)


def read_time(text: str) -> time:
    """Read a time of day.

    Raises:
        ValueError: The text is not a time, or this machine does not know its zone.
    """
    written, zone, fold = _split(text)
    moment = time.fromisoformat(written).replace(fold=fold)
    return moment if zone is None else moment.replace(tzinfo=zone)


def _with_suffixes(value: datetime | time) -> str:
    zone = value.tzinfo
    name = f"[{zone.key}]" if type(zone) is ZoneInfo and zone.key else ""
    return f"{value.isoformat()}{name}{'[fold=1]' if value.fold else ''}"


def _split(text: str) -> tuple[str, ZoneInfo | None, int]:
    match = _suffixed(text)
    if match is None:
        raise ValueError("the suffixes are not [zone] and [fold=1]")
    written, key, fold = match.groups()
    try:
        zone = None if key is None else ZoneInfo(key)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"this machine knows no time zone {key!r}") from error
    return written, zone, 0 if fold is None else 1


def _check(value: _Moment, came_back: _Moment) -> None:
    same_zone = (value.tzinfo is None) == (came_back.tzinfo is None)
    if came_back != value or came_back.utcoffset() != value.utcoffset() or not same_zone:
        raise Misfit(f"the time zone {value.tzinfo!r} cannot be written down; use a ZoneInfo")
