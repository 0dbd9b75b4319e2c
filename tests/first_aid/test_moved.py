"""Files into which bytes were put, or from which some were taken, as by an editor."""

from __future__ import annotations

from typing import Any

import pytest
from first_aid_tools import (
    PATH,
    SAVED,
    contents,
    flipped,
    log_of,
    on_disk,
    opened,
    puts,
    starts_of,
    ten_commits,
)

from reddb import DataCorrupted, SalvageReport, salvage, verify
from reddb.actor.frames import HEADER_BYTES
from reddb.actor.moved import MOVED_BYTES_MAX
from reddb.testing.simulated_disk import SimulatedDisk

LOG = ten_commits()
STARTS = starts_of(LOG)


async def salvaged(log: bytes, **options: Any) -> tuple[SalvageReport, list[Any]]:
    """Salvage a log that opening must refuse; give the report and what the new log holds."""
    disk = on_disk(log)
    report = await salvage(PATH, SAVED, disk=disk, **options)
    verified = await verify(PATH, disk=disk)
    assert (verified.damage, verified.torn_tail) == (report.damage, report.torn_tail)
    with pytest.raises(DataCorrupted) as refused:
        async with opened(disk):
            pass
    assert refused.value.offset == report.damage[0].offset
    assert disk.content(PATH) == log
    assert (await verify(SAVED, disk=disk)).ok
    return report, await contents(disk, SAVED)


def without(*places: int) -> list[str]:
    return [str(place + 1) for place in range(10) if place not in places]


@pytest.mark.parametrize("size", [1, 3, 900])
async def test_all_but_the_frame_that_bytes_were_put_into_is_saved(size: int) -> None:
    for at in range(HEADER_BYTES, STARTS[-2], 9):
        place = max(place for place, start in enumerate(STARTS) if start <= at)
        between = at == STARTS[place]
        report, found = await salvaged(LOG[:at] + bytes([LOG[at] ^ 0x55]) * size + LOG[at:])
        assert found == (without() if between else without(place))
        (damage,) = report.damage
        length = size + (0 if between else STARTS[place + 1] - STARTS[place])
        assert (damage.offset, damage.length_bytes) == (STARTS[place], length)
        assert damage.commits_missing == report.commits_missing == (not between)
        assert "too many here" in damage.reason


@pytest.mark.parametrize("size", [1, 3])
async def test_all_but_the_frame_that_bytes_were_taken_out_of_is_saved(size: int) -> None:
    for place in range(9):
        for at in range(STARTS[place], STARTS[place + 1] - size, 13):
            if LOG[at : at + size] == LOG[STARTS[place + 1] - size : STARTS[place + 1]]:
                continue
            report, found = await salvaged(LOG[:at] + LOG[at + size :])
            assert found == without(place)
            (damage,) = report.damage
            length = STARTS[place + 1] - STARTS[place] - size
            assert (damage.offset, damage.length_bytes) == (STARTS[place], length)
            assert report.commits_missing == 1
            assert "missing here" in damage.reason


async def test_a_frame_that_was_taken_out_is_the_only_one_that_is_lost() -> None:
    for place in range(9):
        report, found = await salvaged(LOG[: STARTS[place]] + LOG[STARTS[place + 1] :])
        assert found == without(place)
        assert [each.length_bytes for each in report.damage] == [0]
        assert report.commits_missing == 1


async def test_bytes_are_put_in_and_taken_out_at_several_places() -> None:
    log = LOG[: STARTS[2]] + b"\n" + LOG[STARTS[2] : STARTS[5] - 1] + LOG[STARTS[5] :]
    log = flipped(log, STARTS[7] + 20)
    report, found = await salvaged(log)
    assert found == without(4, 7)
    assert [each.offset for each in report.damage] == [STARTS[2], STARTS[4] + 1, STARTS[7]]
    reasons = [each.reason for each in report.damage]
    assert "1 byte is too many" in reasons[0] and "1 byte is missing" in reasons[1]
    assert "too many" not in reasons[2] and "missing" not in reasons[2]


async def test_a_copy_of_an_earlier_frame_is_not_applied_again() -> None:
    copy = LOG[STARTS[1] : STARTS[2]]
    report, found = await salvaged(LOG[: STARTS[6]] + copy + LOG[STARTS[6] :])
    assert found == without()
    assert [(each.offset, each.length_bytes) for each in report.damage] == [(STARTS[6], len(copy))]


async def test_a_log_that_was_moved_and_has_lost_its_header_is_saved() -> None:
    log = flipped(LOG[: STARTS[7]] + b"!" + LOG[STARTS[7] :], 3)
    report, found = await salvaged(log, codec="json")
    assert found == without()
    assert [each.offset for each in report.damage] == [0, STARTS[7]]


async def test_the_torn_tail_of_a_log_that_was_moved_is_left_out() -> None:
    log = LOG[: STARTS[3]] + b"!" + LOG[STARTS[3] : -5]
    report, found = await salvaged(log)
    assert found == without(9)
    assert report.torn_tail is not None and report.torn_tail.offset == STARTS[9] + 1


@pytest.mark.parametrize("later", [0, 2])
async def test_what_compaction_wrote_is_saved_where_it_lies(later: int) -> None:
    disk = SimulatedDisk()
    async with opened(disk) as db:
        await db.insert(["x" * 70_000, "y" * 70_000])
        await db.insert(["z" * 140_000])
        await db.insert(["w" * 100])
        await db.compact()
        for number in range(later):
            await db.insert_one(number)
    log = disk.content(PATH)
    starts = starts_of(log)
    assert len(starts) == 3 + 1 + later
    for log_now, lost in (
        (log[: starts[1]] + b"\n" + log[starts[1] :], []),
        (log[: starts[1] - 1] + log[starts[1] :], ["x", "y"]),
        (log[: starts[1] + 90] + b"\n" + log[starts[1] + 90 :], ["z"]),
        (log[: starts[2] + 50] + log[starts[2] + 51 :], ["w"]),
    ):
        report, found = await salvaged(log_now)
        kept = [each for each in "xyzw" if each not in lost]
        assert [str(each)[:1] for each in found] == kept + [str(each) for each in range(later)]
        assert len(report.damage) == 1


async def test_a_frame_that_was_moved_from_afar_is_not_looked_for() -> None:
    far, near = (b"!" * size for size in (MOVED_BYTES_MAX + 1, MOVED_BYTES_MAX))
    _, found = await salvaged(LOG[: STARTS[4]] + near + LOG[STARTS[4] :])
    assert found == without()
    verified = await verify(PATH, disk=on_disk(LOG[: STARTS[4]] + far + LOG[STARTS[4] :]))
    assert verified.last_seq == 4


async def test_frames_of_the_log_itself_in_a_damaged_document_are_not_taken_for_moved() -> None:
    before = log_of(puts(1), puts(2))
    log = log_of(puts(1), puts(2), [(3, b'"' + before[HEADER_BYTES:] + b'"')], puts(4))
    start, end = starts_of(log)[2:4]
    report, found = await salvaged(flipped(log, start + 10))
    assert found == ["1", "2", "4"]
    (damage,) = report.damage
    assert (damage.offset, damage.length_bytes, damage.commits_missing) == (start, end - start, 1)


@pytest.mark.parametrize("at", [0, 5, 20, 40, 63])
async def test_a_log_whose_header_has_a_byte_too_many_or_too_few_is_saved(at: int) -> None:
    for log, moved, told in (
        (LOG[:at] + b"!" + LOG[at:], 1, "1 byte is too many here"),
        (LOG[:at] + LOG[at + 1 :], -1, "1 byte is missing here"),
    ):
        report, found = await salvaged(log, codec="json")
        assert (found, report.commits_missing, report.last_seq) == (without(), 0, 10)
        (damage,) = report.damage
        assert (damage.offset, damage.length_bytes) == (0, HEADER_BYTES + moved)
        assert told in damage.reason


async def test_without_its_header_and_first_frames_a_log_is_not_taken_for_moved() -> None:
    log = flipped(flipped(flipped(LOG, 0), STARTS[0] + 5), STARTS[1] + 5)
    report, found = await salvaged(log, codec="json")
    assert found == without(0, 1)
    assert not any("here" in each.reason for each in report.damage)
