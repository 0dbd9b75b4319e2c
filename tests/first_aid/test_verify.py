"""`reddb.verify` says what is in a file: every frame, and all that is wrong between them."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import frozen
from first_aid_tools import (
    FORMATS,
    PATH,
    contents,
    damaged,
    flipped,
    ids,
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
    CborCodec,
    CodecMismatch,
    Damage,
    DataCorrupted,
    JsonCodec,
    JsonDb,
    RedDb,
    TornTail,
    VerifyReport,
    YamlCodec,
    verify,
)
from reddb.actor.frames import HEADER_BYTES, FrameKind, Header, encode_frame, encode_header
from reddb.testing.simulated_disk import SimulatedDisk


async def verified(log: bytes, **options: Any) -> VerifyReport:
    """Verify a log, and see that nothing was changed by it."""
    disk = on_disk(log)
    report = await verify(PATH, disk=disk, **options)
    assert not disk.journal
    return report


# Logs that are sound.


async def test_preallocated_space_is_not_remarkable() -> None:
    log = ten_commits()
    report = await verified(log.ljust(65_536, b"\0"))
    assert report.ok and report.torn_tail is None
    assert (report.last_seq, report.file_size_bytes) == (10, 65_536)


async def test_a_torn_tail_ends_where_preallocated_space_begins() -> None:
    log = ten_commits()
    report = await verified((log + b"\xf5RDB\1").ljust(65_536, b"\0"))
    assert report.torn_tail is not None
    assert (report.torn_tail.offset, report.torn_tail.length_bytes) == (len(log), 5)
    assert report.ok


async def test_damage_before_preallocated_space_leaves_that_unremarkable() -> None:
    log = ten_commits()
    report = await verified(damaged(log, 3).ljust(65_536, b"\0"))
    assert [damage.offset for damage in report.damage] == [starts_of(log)[3]]
    assert report.torn_tail is None and report.last_seq == 10


@pytest.mark.parametrize("database", FORMATS)
async def test_a_sound_log_is_counted_through(database: type[RedDb[Any]]) -> None:
    disk = SimulatedDisk()
    async with opened(disk, PATH, database) as db:
        documents = await db.insert(["a", "b", "c"])
        await db.insert_one("d")
        await db.update_one(documents[0].id, "A")
        await db.delete_one(documents[1].id)
        codec = db._engine.codec.name
    assert await verify(PATH, disk=disk) == VerifyReport(
        path=PATH,
        codec=codec,
        file_size_bytes=len(disk.content(PATH)),
        base_seq=0,
        last_seq=4,
        frame_count=4,
        commit_count=4,
        live_document_count=3,
        dead_record_count=3,
        torn_tail=None,
        damage=(),
        undecodable=(),
        undecodable_reasons=(),
    )


async def test_a_compacted_log_begins_with_checkpoints() -> None:
    disk = SimulatedDisk()
    async with opened(disk) as db:
        await db.insert(["x" * 1000] * 200)
        await db.delete_where(lambda text: False)
        await db.compact()
        await db.insert_one("more")
    report = await verify(PATH, disk=disk)
    assert (report.base_seq, report.last_seq) == (1, 2)
    assert (report.frame_count, report.commit_count) == (3, 1)
    assert (report.live_document_count, report.dead_record_count) == (201, 0)
    assert report.ok


async def test_a_new_log_holds_nothing() -> None:
    report = await verified(log_of())
    assert report.ok and (report.frame_count, report.last_seq) == (0, 0)


async def test_frames_that_are_larger_than_what_is_read_at_a_time() -> None:
    log = log_of(puts(1, text="x" * 600_000), puts(2), puts(3, text="y" * 300_000), puts(4))
    assert (await verified(log)).live_document_count == 4
    report = await verified(damaged(log, 0))
    assert [damage.offset for damage in report.damage] == [HEADER_BYTES]
    assert report.live_document_count == 3


# What is damaged.


@pytest.mark.parametrize("frame", range(9))
async def test_damage_is_reported_with_its_place(frame: int) -> None:
    log = ten_commits()
    start, end = starts_of(log)[frame : frame + 2]
    report = await verified(damaged(log, frame))
    reason = "the payload's checksum does not match"
    assert report.damage == (Damage(start, end - start, reason, commits_missing=1),)
    assert not report.ok and report.torn_tail is None
    assert (report.frame_count, report.live_document_count, report.last_seq) == (9, 9, 10)


@pytest.mark.parametrize("at", [0, 8, 20, 24, 36])
async def test_a_damaged_frame_header_is_passed_over(at: int) -> None:
    log = ten_commits()
    start, end = starts_of(log)[4:6]
    (found,) = (await verified(flipped(log, start + at))).damage
    assert (found.offset, found.length_bytes, found.commits_missing) == (start, end - start, 1)


async def test_every_damaged_place_is_reported() -> None:
    log = ten_commits()
    starts = starts_of(log)
    report = await verified(damaged(log, 1, 2, 6))
    assert [(each.offset, each.length_bytes, each.commits_missing) for each in report.damage] == [
        (starts[1], starts[3] - starts[1], 2),
        (starts[6], starts[7] - starts[6], 1),
    ]


async def test_damage_before_a_torn_tail_leaves_that_one_a_tail() -> None:
    log = ten_commits()
    starts = starts_of(log)
    report = await verified(damaged(log, 3)[:-2])
    assert [each.offset for each in report.damage] == [starts[3]]
    assert report.torn_tail is not None and report.torn_tail.offset == starts[9]


async def test_zeros_after_damage_do_not_make_a_torn_tail_of_it() -> None:
    """Between frames that are whole, the log is damaged, whatever reads as never written."""
    header = Header("json", bytes(16), 0, HEADER_BYTES)
    log = encode_header(header)
    for seq in range(1, 6):  # Written at once.
        log += encode_frame(header, len(log), FrameKind.COMMIT, seq, 64, puts(seq, text="x" * 2000))
    starts = starts_of(log)
    log = damaged(log, 1)
    log = log[: starts[3] + 100] + bytes(1200) + log[starts[3] + 1300 :]
    report = await verified(log)
    assert [each.offset for each in report.damage] == [starts[1], starts[3]]
    assert (report.frame_count, report.torn_tail) == (3, None)


async def test_damage_up_to_the_end_is_told_from_a_torn_tail_by_the_header() -> None:
    disk = SimulatedDisk()
    async with opened(disk) as db:
        await db.insert(["a"] * 20)
        await db.compact()
    log = disk.content(PATH)
    for cut in (log[:-1], flipped(log, len(log) - 1), log[:HEADER_BYTES]):
        report = await verified(cut)
        (found,) = report.damage
        assert (found.offset, found.length_bytes) == (HEADER_BYTES, len(log) - HEADER_BYTES)
        assert found.commits_missing is None and report.torn_tail is None
        with pytest.raises(DataCorrupted) as caught:
            await contents(on_disk(cut))
        assert caught.value.offset == HEADER_BYTES


@pytest.mark.parametrize("at", [0, 3, 6, 7, 8, 24, 40, 48, 60])
async def test_a_damaged_header_leaves_the_frames_readable(at: int) -> None:
    report = await verified(flipped(ten_commits(), at))
    (found,) = report.damage
    assert (found.offset, found.length_bytes, found.commits_missing) == (0, HEADER_BYTES, None)
    assert report.codec is None
    assert (report.base_seq, report.last_seq, report.live_document_count) == (0, 10, 10)


async def test_without_a_header_most_frames_decide_which_file_it_is() -> None:
    foreign = Header("json", b"another file's..", 0, HEADER_BYTES)
    first = starts_of(ten_commits())[1]
    log = log_of(puts(1), header=foreign)[:first] + ten_commits()[first:]
    report = await verified(bytes(HEADER_BYTES) + log[HEADER_BYTES:])
    assert [each.offset for each in report.damage] == [0, HEADER_BYTES]
    assert (report.base_seq, report.commit_count, report.last_seq) == (1, 9, 10)


# Whole frames that are not in order. No crash and no bit rot leaves any.


async def test_numbers_that_are_left_out_are_damage_without_bytes() -> None:
    header = Header("json", bytes(16), 0, HEADER_BYTES)
    log = encode_header(header)
    for seq in (1, 2, 5, 6):
        log += encode_frame(header, len(log), FrameKind.COMMIT, seq, 64, puts(seq))
    report = await verified(log)
    where = starts_of(log)[2]
    assert report.damage == (Damage(where, 0, "commit 5 follows commit 2", commits_missing=2),)
    assert (report.commit_count, report.last_seq) == (4, 6)


async def test_numbers_that_come_again_are_left_out() -> None:
    header = Header("json", bytes(16), 0, HEADER_BYTES)
    log = encode_header(header)
    for seq, text in ((1, "old"), (2, "new"), (1, "late"), (3, "newest")):
        facts = puts(seq, text=text)
        log += encode_frame(header, len(log), FrameKind.COMMIT, seq, 64, facts)
    report = await verified(log)
    start, end = starts_of(log)[2:4]
    assert report.damage == (Damage(start, end - start, "commit 1 follows commit 2", 0),)
    assert (report.commit_count, report.last_seq) == (3, 3)


# Torn tails.


async def test_a_torn_tail_is_reported_and_is_no_damage() -> None:
    log = ten_commits()
    start = starts_of(log)[9]
    for cut in range(start + 1, len(log)):
        report = await verified(log[:cut])
        assert report.ok
        assert report.torn_tail == TornTail(start, cut - start, "the frame is cut short")
        assert report.last_seq == 9


async def test_garbage_at_the_end_is_a_torn_tail() -> None:
    log = ten_commits()
    report = await verified(log + b"garbage" * 100)
    assert report.torn_tail == TornTail(len(log), 700, "no frame begins here")


async def test_opening_cuts_off_what_verifying_found_torn() -> None:
    log = ten_commits()[:-3]
    found = (await verified(log)).torn_tail
    async with opened(on_disk(log)) as db:
        cut = (await db.stats()).recovery
    assert found is not None
    assert (cut.torn_offset, cut.torn_bytes, cut.reason) == (
        found.offset,
        found.length_bytes,
        found.reason,
    )


# What is no database.


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello", "not a reddb file"),
        (b"\0" * 5000, "not a reddb file"),
        (b"\xf5RDB" * 3000, "not a reddb file"),
        (b"REDDB\0\2\0" + bytes(200), "Rust crate .version 2"),
        (ten_commits()[: HEADER_BYTES - 1], "checksum"),
        (flipped(ten_commits()[:HEADER_BYTES], 30), "checksum"),
    ],
    ids=["empty", "text", "zeros", "markers", "version 2", "cut header", "damaged header alone"],
)
async def test_what_is_no_database_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DataCorrupted, match=reason) as caught:
        await verified(data)
    assert (caught.value.path, caught.value.offset) == (str(PATH), 0)


async def test_a_log_of_a_later_version_is_refused_although_frames_look_alike() -> None:
    later = bytearray(ten_commits())
    later[6] = 4
    later[60:64] = struct.pack("<I", zlib.crc32(later[:60]))
    with pytest.raises(DataCorrupted, match="version 4 of the format; this is 3"):
        await verified(bytes(later))


# Decoding.


@frozen
class Note:
    text: str


async def test_documents_are_decoded_only_if_asked_for() -> None:
    log = log_of(puts(1), [(2, b"no json")], [(3, b"{}")])
    assert (await verified(log)).undecodable == ()
    report = await verified(log, codec=JsonCodec())
    assert report.undecodable == ids(2)
    [reason] = report.undecodable_reasons
    assert reason.startswith("the bytes are not json: ")
    assert not report.ok and not report.damage
    assert (await verified(log, codec=JsonCodec(), document_type=str)).undecodable == ids(2, 3)


async def test_only_live_documents_need_to_be_decodable() -> None:
    bad = b"no json"
    log = log_of([(1, bad), (2, bad), (3, bad)], puts(1), [(2, None)], [(4, bad)], puts(4))
    assert (await verified(log, codec=JsonCodec())).undecodable == ids(3)


async def test_each_reason_is_that_of_its_document_as_it_is_now() -> None:
    log = log_of([(2, b"1"), (1, b"{}"), (3, b"1")], [(2, b'{"text":1}')], [(3, b'{"text":"a"}')])
    report = await verified(log, codec=JsonCodec(), document_type=Note)
    assert report.undecodable == ids(1, 2)
    assert report.undecodable_reasons == (
        "field 'text' is missing (at $.text)",
        "expected str, found int (at $.text)",
    )


async def test_a_reason_is_one_line_of_bounded_length() -> None:
    tag = b"!" + b"x" * 100_000
    yaml = Header("yaml", bytes(16), 0, HEADER_BYTES)
    log = log_of([(1, b"[1,\n2"), (2, tag + b" 1")], header=yaml)
    report = await verified(log, codec=YamlCodec())
    assert report.undecodable == ids(1, 2)
    assert all(len(reason) <= 500 for reason in report.undecodable_reasons)
    assert len(str(report).splitlines()) == 3


async def test_another_codec_is_refused() -> None:
    with pytest.raises(CodecMismatch) as caught:
        await verified(ten_commits(), codec=CborCodec())
    assert (caught.value.expected, caught.value.found) == ("cbor", "json")


async def test_documents_can_be_decoded_although_the_header_is_damaged() -> None:
    report = await verified(flipped(ten_commits(), 0), codec=JsonCodec(), document_type=str)
    assert report.codec is None and report.undecodable == ()
    report = await verified(flipped(ten_commits(), 0), codec=CborCodec(), document_type=int)
    assert len(report.undecodable) == 10


async def test_a_type_that_cannot_be_stored_is_refused() -> None:
    with pytest.raises(TypeError, match="range"):
        await verified(ten_commits(), codec=JsonCodec(), document_type=range)


# The text of a report.


async def test_a_report_can_be_printed() -> None:
    log = damaged(ten_commits(), 3)
    lines = str(await verified(log[:-1], codec=JsonCodec(), document_type=int)).splitlines()
    assert lines[:3] == [
        f"notes.json: json, {len(log) - 1} bytes, 8 commits up to 9, 8 documents, 0 dead records",
        "68 bytes damaged at byte 268: the payload's checksum does not match; commits missing: 1",
        "68 bytes at byte 676 are an unfinished write: the frame is cut short",
    ]
    why = "expected int, found str (at $)"
    assert lines[3] == f"cannot be decoded: document {ids(1)[0]}: {why}"
    assert len(lines) == 3 + 8


async def test_a_report_counts_one_as_one() -> None:
    log = log_of(puts(1))
    assert str(await verified(log)) == (
        f"notes.json: json, {len(log)} bytes, 1 commit up to 1, 1 document, 0 dead records"
    )
    unfinished = str(await verified(log + b"x")).splitlines()[1]
    assert unfinished.startswith(f"1 byte at byte {len(log)} is an unfinished write: ")
    log = log_of(puts(1), [(1, None)])
    assert str(await verified(log)).endswith("2 commits up to 2, 0 documents, 2 dead records")
    log = log_of(puts(1), puts(1))
    assert str(await verified(log)).endswith("2 commits up to 2, 1 document, 1 dead record")
    assert str(Damage(64, 1, "why", None)) == "1 byte damaged at byte 64: why"


# Real files.


async def test_a_real_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    path.write_bytes(ten_commits())
    path.chmod(0o400)
    before = path.stat()
    assert (await reddb.verify(path)).ok
    assert (await reddb.verify(str(path))).path == path
    after = path.stat()
    assert (after.st_mtime_ns, after.st_mode) == (before.st_mtime_ns, before.st_mode)
    assert await names_in(tmp_path) == ["notes.json"]


async def test_what_cannot_be_read_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.json"):
        await verify(tmp_path / "missing.json")
    with pytest.raises(IsADirectoryError):
        await verify(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="seek"):
        await verify(tmp_path / "pipe")


async def test_a_database_can_be_verified_while_it_is_open(tmp_path: Path) -> None:
    async with JsonDb.open(reddb.DbConfig("notes", dir=tmp_path)) as db:
        for count in range(1, 20):
            await db.insert_one(count)
            report = await verify(tmp_path / "notes.json", codec=JsonCodec(), document_type=int)
            assert report.ok and report.torn_tail is None
            assert report.live_document_count == count


async def test_verifying_can_be_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    path.write_bytes(ten_commits())
    with trio.CancelScope() as scope:
        scope.cancel()
        await verify(path)
    assert scope.cancelled_caught
