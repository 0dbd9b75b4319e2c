"""Points in time come back with their zone, offset and fold; what would not is refused."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, time, timedelta, timezone
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reddb.codecs.plain import Misfit
from reddb.codecs.typed.times import datetime_text, read_datetime, read_time, time_text

BERLIN = ZoneInfo("Europe/Berlin")
APIA = ZoneInfo("Pacific/Apia")  # It has skipped a whole day.

named_zones = st.sampled_from(["Europe/Berlin", "Pacific/Apia", "America/New_York", "UTC"])
offsets = st.timedeltas(-timedelta(hours=23), timedelta(hours=23))
zones = st.none() | st.just(UTC) | st.builds(timezone, offsets) | st.builds(ZoneInfo, named_zones)


def whole_seconds(zone: timezone | ZoneInfo | None) -> bool:
    return type(zone) is not timezone or not zone.utcoffset(None).microseconds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 10, 25, 2, 30), "2026-10-25T02:30:00"),
        (datetime(2026, 10, 25, 2, 30, 0, 1), "2026-10-25T02:30:00.000001"),
        (datetime(2026, 10, 25, 2, 30, fold=1), "2026-10-25T02:30:00[fold=1]"),
        (datetime(2026, 10, 25, tzinfo=UTC), "2026-10-25T00:00:00+00:00"),
        (datetime(2026, 10, 25, tzinfo=UTC, fold=1), "2026-10-25T00:00:00+00:00[fold=1]"),
        (
            datetime(2026, 10, 25, tzinfo=timezone(timedelta(hours=-2, seconds=-1))),
            "2026-10-25T00:00:00-02:00:01",
        ),
        (
            datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN),
            "2026-10-25T02:30:00+02:00[Europe/Berlin]",
        ),
        (
            datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
            "2026-10-25T02:30:00+01:00[Europe/Berlin][fold=1]",
        ),
        (datetime(1, 1, 1), "0001-01-01T00:00:00"),
    ],
)
def test_datetimes_are_written_so(value: datetime, text: str) -> None:
    assert datetime_text(value) == text
    assert repr(read_datetime(text)) == repr(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (time(2, 30), "02:30:00"),
        (time(2, 30, fold=1), "02:30:00[fold=1]"),
        (time(2, 30, tzinfo=UTC), "02:30:00+00:00"),
        (time(2, 30, tzinfo=BERLIN), "02:30:00[Europe/Berlin]"),
        (time(2, 30, tzinfo=BERLIN, fold=1), "02:30:00[Europe/Berlin][fold=1]"),
    ],
)
def test_times_are_written_so(value: time, text: str) -> None:
    assert time_text(value) == text
    assert repr(read_time(text)) == repr(value)


@given(st.datetimes(timezones=zones.filter(whole_seconds), allow_imaginary=True))
def test_every_datetime_comes_back(value: datetime) -> None:
    came_back = read_datetime(datetime_text(value))
    assert repr(came_back) == repr(value)
    assert came_back.utcoffset() == value.utcoffset()


@given(st.times(timezones=zones.filter(whole_seconds)))
def test_every_time_comes_back(value: time) -> None:
    assert repr(read_time(time_text(value))) == repr(value)


@given(st.datetimes(timezones=st.builds(timezone, offsets)))
def test_an_offset_comes_back_or_is_refused(value: datetime) -> None:
    try:
        text = datetime_text(value)
    except Misfit:
        assert not whole_seconds(value.tzinfo)  # type: ignore[arg-type]  # The strategy's own.
    else:
        assert repr(read_datetime(text)) == repr(value)


@pytest.mark.parametrize("moment", [datetime.min, datetime.max, datetime(2011, 12, 30, 12)])
@pytest.mark.parametrize("zone", [BERLIN, APIA, timezone(timedelta(hours=14)), UTC], ids=str)
@pytest.mark.parametrize("fold", [0, 1])
def test_the_ends_of_the_calendar_and_skipped_days(
    moment: datetime, zone: timezone | ZoneInfo, fold: int
) -> None:
    value = moment.replace(tzinfo=zone, fold=fold)
    assert repr(read_datetime(datetime_text(value))) == repr(value)


def test_python_would_drop_an_offset_of_microseconds() -> None:
    zone = timezone(timedelta(microseconds=1))
    with pytest.raises(Misfit, match="cannot be written down; use a ZoneInfo"):
        datetime_text(datetime(2026, 1, 1, tzinfo=zone))
    with pytest.raises(Misfit, match="cannot be written down"):
        time_text(time(tzinfo=zone))


def test_a_zone_without_a_name_keeps_its_offset() -> None:
    # RFC 8536: no transitions, and one type of local time, CET at 3600 seconds.
    header = struct.pack(">4s16x6l", b"TZif", 0, 0, 0, 0, 1, 4)
    nameless = ZoneInfo.from_file(BytesIO(header + struct.pack(">lBB4s", 3600, 0, 0, b"CET")))
    value = datetime(2026, 1, 1, tzinfo=nameless)
    came_back = read_datetime(datetime_text(value))
    assert came_back == value
    assert came_back.tzinfo == timezone(timedelta(hours=1))
    assert time_text(time(tzinfo=nameless)) == "00:00:00+01:00"


@pytest.mark.parametrize(
    "text",
    ["", "[UTC]", "[fold=1]", "2026-01-01T00:00:00[]", "2026-01-01T00:00:00[No/Where]", "x[UTC]"],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"suffixes|isoformat|no time zone"):
        read_datetime(text)
