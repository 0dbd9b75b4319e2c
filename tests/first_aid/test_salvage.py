"""`reddb.salvage` writes what is whole in a damaged log to a new one, and says what is lost."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from first_aid_tools import (
    FORMATS,
    PATH,
    SAVED,
    contents,
    damaged,
    flipped,
    frames_of,
    log_of,
    names_in,
    on_disk,
    opened,
    puts,
    starts_of,
    ten_commits,
)

import reddb
from reddb import (
    CodecMismatch,
    Damage,
    DatabaseLocked,
    DataCorrupted,
    DbConfig,
    JsonCodec,
    JsonDb,
    RedDb,
    SalvageReport,
    salvage,
    verify,
)
from reddb.actor.frames import (
    HEADER_BYTES,
    FrameKind,
    Header,
    decode_header,
    encode_frame,
    encode_header,
)
from reddb.testing.simulated_disk import SimulatedDisk


async def salvaged(log: bytes, **options: Any) -> tuple[SalvageReport, list[Any]]:
    """Salvage a log; give the report and what the new log holds."""
    disk = on_disk(log)
    report = await salvage(PATH, SAVED, disk=disk, **options)
    assert disk.content(PATH) == log
    assert disk.paths() == [PATH, SAVED]
    assert len(disk.content(SAVED)) == report.file_size_bytes
    assert (await verify(SAVED, disk=disk)).ok
    return report, await contents(disk, SAVED)


def numbers(*left_out: int) -> list[str]:
    """Give the documents of ten commits without some."""
    return [str(number) for number in range(1, 11) if number not in left_out]


# Sound logs.


@pytest.mark.parametrize("database", FORMATS)
async def test_a_sound_log_is_saved_as_it_is(database: type[RedDb[Any]]) -> None:
    disk = SimulatedDisk()
    async with opened(disk, PATH, database) as db:
        documents = await db.insert(["a", "b", "c"])
        await db.compact()
        await db.update_one(documents[0].id, "A")
        await db.delete_one(documents[1].id)
        left = await db.find_all()
    report = await salvage(PATH, SAVED, disk=disk)
    assert (report.damage, report.torn_tail, report.last_seq) == ((), None, 3)
    assert (report.commit_count, report.live_document_count) == (2, 2)
    async with opened(disk, SAVED, database) as db:
        assert await db.find_all() == left
        assert db.snapshot().seq == 3
        await db.insert_one("more")
    async with opened(disk, SAVED, database) as db:
        assert len(await db.find_all()) == 3


async def test_the_new_file_has_an_id_of_its_own() -> None:
    disk = on_disk(ten_commits())
    await salvage(PATH, SAVED, disk=disk, random_bytes=lambda size: b"r" * size)
    header = decode_header(disk.content(SAVED)[:HEADER_BYTES])
    assert header == Header("json", b"r" * 16, 0, len(disk.content(SAVED)))


async def test_frames_that_are_larger_than_what_is_read_at_a_time() -> None:
    log = log_of(puts(1, text="x" * 600_000), puts(2), puts(3, text="y" * 300_000), puts(4))
    report, found = await salvaged(damaged(log, 1))
    assert found == ["x" * 600_000, "y" * 300_000, "4"]
    assert report.commits_missing == 1


# Damage.


@pytest.mark.parametrize("frame", range(9))
async def test_all_other_commits_are_saved(frame: int) -> None:
    log = ten_commits()
    start, end = starts_of(log)[frame : frame + 2]
    report, found = await salvaged(damaged(log, frame))
    assert found == numbers(frame + 1)
    reason = "the payload's checksum does not match"
    assert report.damage == (Damage(start, end - start, reason, commits_missing=1),)
    assert (report.commit_count, report.commits_missing) == (9, 1)
    assert report.lost_bytes == end - start


async def test_a_damaged_length_does_not_lead_astray() -> None:
    log = bytearray(ten_commits())
    start = starts_of(ten_commits())[4]
    log[start + 24 : start + 32] = (1 << 40).to_bytes(8, "little")
    report, found = await salvaged(bytes(log))
    assert found == numbers(5)
    assert report.damage[0].reason == "the frame header's checksum does not match"


async def test_the_last_commit_keeps_its_number_and_none_is_left_out_before_it() -> None:
    disk = on_disk(damaged(ten_commits(), 2, 3, 7))
    report = await salvage(PATH, SAVED, disk=disk)
    saved = disk.content(SAVED)
    assert [frame.header.seq for frame in frames_of(saved)] == [4, 5, 6, 7, 8, 9, 10]
    assert decode_header(saved[:HEADER_BYTES]).base_seq == 3
    assert (report.last_seq, report.commits_missing) == (10, 3)
    async with opened(disk, SAVED) as db:
        await db.insert_one("more")
        assert db.snapshot().seq == 11


async def test_documents_of_a_compacted_log_are_saved_too() -> None:
    disk = SimulatedDisk()
    async with opened(disk) as db:
        await db.insert(["x" * 50_000, "y" * 50_000, "z" * 50_000, "w" * 50_000])
        await db.compact()
        await db.insert_one("more")
        await db.insert_one("and more")
    log = disk.content(PATH)
    assert [frame.header.kind for frame in frames_of(log)] == [2, 2, 1, 1]
    report, found = await salvaged(damaged(log, 0))
    assert found == ["w" * 50_000, "more", "and more"]
    assert (report.commit_count, report.commits_missing) == (2, 0)
    report, found = await salvaged(damaged(log, 1, 2))
    assert [text[0] for text in found] == ["x", "y", "z", "a"]
    assert (report.commits_missing, report.last_seq) == (1, 3)


async def test_a_torn_tail_is_left_out_as_opening_does() -> None:
    log = ten_commits()[:-3]
    report, found = await salvaged(log)
    assert found == numbers(10)
    assert not report.damage
    assert report.torn_tail is not None and report.torn_tail.offset == starts_of(ten_commits())[9]


async def test_a_log_in_which_nothing_is_whole_gives_an_empty_one() -> None:
    log = ten_commits()
    report, found = await salvaged(log[:HEADER_BYTES] + bytes(len(log) - HEADER_BYTES))
    assert found == []
    assert (report.commit_count, report.last_seq) == (0, 0)


# What a lost commit means for later ones.


async def test_a_lost_insert_is_a_missing_document() -> None:
    log = log_of(puts(1), puts(2), puts(3))
    assert (await salvaged(damaged(log, 1)))[1] == ["1", "3"]


async def test_a_lost_update_leaves_the_older_value() -> None:
    log = log_of(puts(1), puts(1, text="newer"), puts(2))
    assert (await salvaged(damaged(log, 1)))[1] == ["1", "2"]


async def test_a_lost_removal_brings_a_document_back() -> None:
    log = log_of(puts(1), [(1, None)], puts(2))
    assert (await salvaged(damaged(log, 1)))[1] == ["1", "2"]


async def test_an_update_of_a_lost_document_saves_its_newer_value() -> None:
    log = log_of(puts(1), puts(2), puts(1, text="newer"))
    assert (await salvaged(damaged(log, 0)))[1] == ["2", "newer"]


async def test_a_removal_of_a_lost_document_does_nothing() -> None:
    log = log_of(puts(1), puts(2), [(1, None)], puts(3), puts(1, text="again"))
    report, found = await salvaged(damaged(log, 0))
    assert found == ["2", "3", "again"]
    assert report.live_document_count == 3


# Whole frames in disorder.


def in_disorder(*seqs: int) -> bytes:
    header = Header("json", bytes(16), 0, HEADER_BYTES)
    log = encode_header(header)
    for place, seq in enumerate(seqs):
        facts = puts(seq, text=f"{seq} at {place}")
        log += encode_frame(header, len(log), FrameKind.COMMIT, seq, len(log), facts)
    return log


async def test_numbers_that_are_left_out_are_no_reason_to_lose_what_follows() -> None:
    report, found = await salvaged(in_disorder(1, 2, 5, 6))
    assert found == ["1 at 0", "2 at 1", "5 at 2", "6 at 3"]
    assert (report.commits_missing, report.lost_bytes, report.last_seq) == (2, 0, 6)


async def test_what_comes_again_is_not_applied_again() -> None:
    report, found = await salvaged(in_disorder(1, 2, 1, 3))
    assert found == ["1 at 0", "2 at 1", "3 at 3"]
    assert report.commits_missing == 0


async def test_of_frames_that_were_swapped_the_one_that_comes_late_is_not_applied() -> None:
    log = ten_commits()
    starts = starts_of(log)
    first, second = log[starts[3] : starts[4]], log[starts[4] : starts[5]]
    _, found = await salvaged(log[: starts[3]] + second + first + log[starts[5] :])
    assert found == numbers(4)


async def test_a_frame_that_was_copied_over_another_is_not_applied_again() -> None:
    log = ten_commits()
    starts = starts_of(log)
    _, found = await salvaged(log[: starts[5]] + log[starts[3] : starts[4]] + log[starts[6] :])
    assert found == numbers(6)


# Headers.


@pytest.mark.parametrize("codec", ["json", JsonCodec()], ids=["by name", "by codec"])
@pytest.mark.parametrize("at", [0, 6, 10, 30, 45, 62])
async def test_a_damaged_header_is_made_anew_if_the_codec_is_given(at: int, codec: Any) -> None:
    report, found = await salvaged(flipped(ten_commits(), at), codec=codec)
    assert found == numbers()
    assert [(each.offset, each.length_bytes) for each in report.damage] == [(0, HEADER_BYTES)]
    assert (report.codec, report.last_seq, report.commit_count) == ("json", 10, 10)


async def test_a_header_of_zeros_and_damage_behind_it() -> None:
    log = bytes(HEADER_BYTES) + damaged(ten_commits(), 0, 4)[HEADER_BYTES:]
    report, found = await salvaged(log, codec="json")
    assert found == numbers(1, 5)
    assert [each.offset for each in report.damage] == [0, *starts_of(ten_commits())[:5:4]]


async def test_the_numbers_of_a_compacted_log_outlive_its_header() -> None:
    disk = SimulatedDisk()
    async with opened(disk) as db:
        for number in range(5):
            await db.insert_one(number)
        await db.compact()
        await db.insert_one("more")
    report, found = await salvaged(flipped(disk.content(PATH), 20), codec="json")
    assert found == [0, 1, 2, 3, 4, "more"]
    assert (report.last_seq, report.commit_count) == (6, 1)


async def test_a_damaged_header_needs_the_codec() -> None:
    disk = on_disk(flipped(ten_commits(), 10))
    with pytest.raises(DataCorrupted, match="say which codec wrote it") as caught:
        await salvage(PATH, SAVED, disk=disk)
    assert caught.value.offset == 0
    assert disk.paths() == [PATH]


async def test_the_codec_must_be_the_one_of_the_header_where_that_is_sound() -> None:
    disk = on_disk(ten_commits())
    with pytest.raises(CodecMismatch):
        await salvage(PATH, SAVED, codec="cbor", disk=disk)
    assert disk.paths() == [PATH]


@pytest.mark.parametrize("codec", ["", "x" * 17, "jsön"])
async def test_a_codec_name_that_is_none_is_refused(codec: str) -> None:
    with pytest.raises(ValueError, match="1 to 16 ASCII characters"):
        await salvage(PATH, SAVED, codec=codec, disk=on_disk(ten_commits()))


@pytest.mark.parametrize("data", [b"", b"hello", bytes(9000), b"REDDB\0\1\0" + bytes(300)])
async def test_what_is_no_database_is_refused(data: bytes) -> None:
    disk = on_disk(data)
    with pytest.raises(DataCorrupted):
        await salvage(PATH, SAVED, codec="json", disk=disk)
    assert disk.paths() == [PATH]


# The new file.


async def test_an_existing_file_is_left_alone() -> None:
    disk = SimulatedDisk({PATH: ten_commits(), SAVED: b"mine"})
    with pytest.raises(FileExistsError, match=r"saved\.json"):
        await salvage(PATH, SAVED, disk=disk)
    assert disk.content(SAVED) == b"mine"
    with pytest.raises(FileExistsError, match=r"notes\.json"):
        await salvage(PATH, PATH, disk=disk)
    assert disk.content(PATH) == ten_commits()


async def test_a_database_of_that_name_that_is_just_being_opened_is_left_alone() -> None:
    disk = on_disk(ten_commits())
    lock = await disk.lock(SAVED.with_name("saved.json.lock"))
    assert lock is not None
    with pytest.raises(DatabaseLocked):
        await salvage(PATH, SAVED, disk=disk)
    await lock.aclose()
    await salvage(PATH, SAVED, disk=disk)


async def test_a_database_can_be_salvaged_while_it_is_open() -> None:
    disk = SimulatedDisk()
    async with opened(disk) as db:
        await db.insert(["a", "b"])
        await salvage(PATH, SAVED, disk=disk)
        await db.insert_one("c")
    assert await contents(disk, SAVED) == ["a", "b"]
    assert await contents(disk) == ["a", "b", "c"]


async def test_a_real_file_is_salvaged_to_one_that_only_its_owner_can_read(tmp_path: Path) -> None:
    path, to = tmp_path / "notes.json", tmp_path / "saved.json"
    path.write_bytes(damaged(ten_commits(), 3))
    path.chmod(0o444)
    (tmp_path / "saved.json.new").touch(0o666)  # What an earlier attempt has left.
    report = await reddb.salvage(str(path), str(to))
    assert (report.source, report.target) == (path, to)
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    assert await names_in(tmp_path) == ["notes.json", "saved.json"]
    assert path.read_bytes() == damaged(ten_commits(), 3)
    async with JsonDb.open(DbConfig("saved", dir=tmp_path)) as db:
        assert [document.data for document in await db.find_all()] == numbers(4)


async def test_a_missing_file_cannot_be_salvaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.json"):
        await salvage(tmp_path / "missing.json", tmp_path / "saved.json")
    with pytest.raises(FileNotFoundError):
        path = tmp_path / "notes.json"
        path.write_bytes(ten_commits())
        await salvage(path, tmp_path / "missing" / "saved.json")


# The text of a report.


async def test_a_report_can_be_printed() -> None:
    log = damaged(ten_commits(), 3)[:-1]
    assert str((await salvaged(log))[0]).splitlines() == [
        "saved.json: saved 8 commits of notes.json, 8 documents",
        "68 bytes damaged at byte 268: the payload's checksum does not match; commits missing: 1",
        "68 bytes at byte 676 are an unfinished write: the frame is cut short",
    ]


async def test_a_report_counts_one_as_one() -> None:
    report, _ = await salvaged(log_of(puts(1)))
    assert str(report) == "saved.json: saved 1 commit of notes.json, 1 document"
