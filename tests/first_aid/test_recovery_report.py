"""Opening after a crash says what it cut off: in the statistics, and in the log."""

from __future__ import annotations

import logging

import pytest
from first_aid_tools import on_disk, opened, starts_of, ten_commits

from reddb import Recovery


async def test_a_clean_log_is_reported_as_such(caplog: pytest.LogCaptureFixture) -> None:
    async with opened(on_disk(ten_commits())) as db:
        recovery = (await db.stats()).recovery
    assert recovery == Recovery(commits=10, torn_bytes=0, reason=None, torn_offset=None)
    assert not caplog.records


async def test_what_was_cut_is_reported_with_its_place_and_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    start = starts_of(ten_commits())[9]
    disk = on_disk(ten_commits()[:-5])
    with caplog.at_level(logging.WARNING, "reddb"):
        async with opened(disk) as db:
            stats = await db.stats()
    torn = len(ten_commits()) - 5 - start
    assert stats.recovery == Recovery(9, torn, "the frame is cut short", start)
    assert stats.file_size_bytes == start
    (record,) = caplog.records
    assert record.getMessage() == (
        f"notes.json: cut {torn} bytes of an unfinished write at byte {start}: "
        "the frame is cut short"
    )
    async with opened(disk) as db:
        assert (await db.stats()).recovery == Recovery(9)
