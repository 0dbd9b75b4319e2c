"""Reading a log back: a torn tail is cut and reported, anything else that is wrong is refused."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import pairwise
from random import Random

import pytest
from log_tools import (
    PATH,
    Found,
    after,
    commit,
    commits,
    compacted,
    flipped,
    frame_starts,
    header_of,
    live,
    on_disk,
    opened,
    read_back,
    written,
    zeroed,
)

from reddb.actor import recovery
from reddb.actor.file_storage import FileStorage
from reddb.actor.frames import (
    FRAME_HEADER_BYTES,
    Commit,
    Fact,
    FrameKind,
    Header,
    encode_frame,
    encode_header,
)
from reddb.actor.moved import find_moved_frame_headers
from reddb.errors import CodecMismatch, DataCorrupted
from reddb.testing.simulated_disk import Operation

FIVE = commits(5)


async def one_by_one() -> bytes:
    return await written(*([each] for each in FIVE))


async def in_one_batch() -> bytes:
    return await written(FIVE)


async def in_two_batches() -> bytes:
    return await written(FIVE[:2], FIVE[2:])


async def unsynced() -> bytes:
    return await written(*([each] for each in FIVE), sync=False)


async def compacted_with_more() -> bytes:
    return await compacted(FIVE[:3], *FIVE[3:])


LOGS = [one_by_one, in_one_batch, in_two_batches, unsynced, compacted_with_more]
every_log = pytest.mark.parametrize("make_log", LOGS, ids=lambda make: make.__name__)
MakeLog = Callable[[], Awaitable[bytes]]


async def refusal_of(data: bytes) -> DataCorrupted | None:
    """Open a log; give what it was refused with, if it was. Then it must be untouched."""
    disk = on_disk(data)
    refusals: list[DataCorrupted] = []
    try:
        await read_back(disk)
    except DataCorrupted as error:
        refusals.append(error)
    for refusal in refusals:
        assert (refusal.path, bool(refusal.reason)) == (str(PATH), True)
        assert (disk.content(PATH), disk.paths()) == (data, [PATH])
    return refusals[0] if refusals else None


async def torn(data: bytes, whole: bytes, survivors: list[Commit]) -> Found:
    """Open a log whose tail is torn: `survivors` must be left, and the file be cut to `whole`."""
    disk = on_disk(data)
    found = await read_back(disk)
    assert found.documents == after(survivors)
    assert found.seq == len(survivors)
    assert found.recovery.torn_bytes == len(data) - len(whole)
    assert disk.content(PATH) == whole
    again = await read_back(disk)
    assert again.recovery.torn_bytes == 0 and again.recovery.reason is None
    assert again.documents == found.documents
    return found


# What is whole.


@every_log
async def test_a_whole_log_comes_back(make_log: MakeLog) -> None:
    disk = on_disk(await make_log())
    before = disk.content(PATH)
    found = await read_back(disk)
    assert found.documents == after(FIVE)
    assert (found.seq, found.recovery.torn_bytes, found.recovery.reason) == (5, 0, None)
    assert disk.content(PATH) == before


async def test_the_report_counts_the_commits_that_were_read() -> None:
    assert (await read_back(on_disk(await one_by_one()))).recovery.commits == 5
    assert (await read_back(on_disk(await compacted_with_more()))).recovery.commits == 2


@pytest.mark.parametrize("window_bytes", [41, 64, 100, 137])
@every_log
async def test_frames_come_back_however_they_lie_in_what_is_read(
    make_log: MakeLog, window_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "_WINDOW_BYTES", window_bytes)
    log = await make_log()
    assert (await read_back(on_disk(log))).documents == after(FIVE)
    starts = frame_starts(log)
    for at in range(64, starts[-2], 7):
        assert await refusal_of(flipped(log, at))


async def test_a_commit_larger_than_what_is_read_at_a_time_comes_back() -> None:
    history = [commit(1), commit(2, 700_000), commit(3), commit(4, 300_000), commit(5)]
    log = await written(history[:2], history[2:])
    assert (await read_back(on_disk(log))).documents == after(history)
    error = await refusal_of(flipped(log, 600_000))
    assert error is not None and error.offset == frame_starts(log)[1]


async def test_a_commit_of_many_facts_is_given_in_parts_of_one_number() -> None:
    facts: list[Fact] = [(key, b"") for key in range(3000)]
    log = await written([Commit(1, facts), commit(2)])
    found = await read_back(on_disk(log))
    assert {each.seq for each in found.folded[:-1]} == {1}
    assert len(found.folded) == 7
    assert [fact for each in found.folded[:-1] for fact in each.facts] == facts


# A torn tail.


@every_log
async def test_a_log_cut_at_any_byte_of_its_last_frame_keeps_the_others(make_log: MakeLog) -> None:
    log = await make_log()
    start, end = frame_starts(log)[-2:]
    for cut in range(start, end):
        found = await torn(log[:cut], log[:start], FIVE[:4])
        assert (found.recovery.reason is None) is (cut == start)


@every_log
async def test_zeros_where_the_last_frame_should_be_are_cut_off(make_log: MakeLog) -> None:
    log = await make_log()
    start, end = frame_starts(log)[-2:]
    for cut in range(start, end):
        # Where all bytes that are missing were zeros, the frame is whole.
        if any(log[cut:]):
            await torn(zeroed(log, cut, end), log[:start], FIVE[:4])
    for tail in (1, 511, 512, 4096, 300_000):
        await torn(log + bytes(tail), log, FIVE)


async def test_a_torn_tail_is_reported_to_the_logger(caplog: pytest.LogCaptureFixture) -> None:
    log = await one_by_one()
    start = frame_starts(log)[-2]
    with caplog.at_level(logging.WARNING, "reddb"):
        found = await read_back(on_disk(log[:-3]))
    (message,) = caplog.messages
    assert str(PATH) in message
    assert f"cut {len(log) - 3 - start} bytes" in message and f"at byte {start}" in message
    assert found.recovery.reason is not None and found.recovery.reason in message


async def test_a_log_goes_on_where_its_torn_tail_was() -> None:
    disk = on_disk((await one_by_one())[:-3])
    async with opened(disk) as (storage, found):
        assert found.seq == 4
        await storage.append([commit(5, 50), commit(6)])
    again = await read_back(disk)
    assert again.documents == after([*FIVE[:4], commit(5, 50), commit(6)])
    assert again.recovery.torn_bytes == 0


@every_log
async def test_a_byte_flipped_in_the_last_frame_costs_that_frame_and_is_reported(
    make_log: MakeLog,
) -> None:
    log = await make_log()
    start, end = frame_starts(log)[-2:]
    for at in range(start, end):
        found = await torn(flipped(log, at), log[:start], FIVE[:4])
        assert found.recovery.reason is not None


# A batch whose sectors came to the disk in any order.

LONG = commits(12, 300)
SECTORS = range(512, 64 + 12 * 365 - 512, 512)
"""Where the sectors begin that lie wholly in a log of these commits."""


def whole_before(log: bytes, lost: int) -> int:
    """Count the frames that lie wholly before an offset."""
    return sum(end <= lost for end in frame_starts(log)[1:])


@pytest.mark.parametrize("lost", SECTORS)
async def test_a_sector_that_the_last_batch_lacks_is_a_torn_tail(lost: int) -> None:
    log = await written(LONG)
    survivors = whole_before(log, lost)
    await torn(zeroed(log, lost, lost + 512), log[: frame_starts(log)[survivors]], LONG[:survivors])


async def test_the_rest_of_the_sector_where_a_batch_began_may_be_lacking() -> None:
    log = await written(LONG[:2], LONG[2:])
    start = frame_starts(log)[2]
    await torn(zeroed(log, start, start - start % 512 + 512), log[:start], LONG[:2])


@pytest.mark.parametrize("lost", SECTORS)
async def test_a_sector_that_an_earlier_batch_lacks_is_damage(lost: int) -> None:
    log = await written(LONG, [commit(13)])
    error = await refusal_of(zeroed(log, lost, lost + 512))
    assert error is not None
    assert error.offset == frame_starts(log)[whole_before(log, lost)]


@pytest.mark.parametrize("lost", SECTORS[:-1])
async def test_a_sector_that_reads_otherwise_is_damage_also_in_the_last_batch(lost: int) -> None:
    log = await written(LONG)
    assert await refusal_of(log[:lost] + b"\xaa" * 512 + log[lost + 512 :])


async def test_a_sector_may_be_lacking_anywhere_in_a_log_that_was_never_synced() -> None:
    log = await written(*([each] for each in LONG), sync=False)
    for lost in SECTORS:
        survivors = whole_before(log, lost)
        kept = log[: frame_starts(log)[survivors]]
        await torn(zeroed(log, lost, lost + 512), kept, LONG[:survivors])


# Damage.


@every_log
@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
async def test_every_byte_flipped_before_the_last_frame_is_damage(
    make_log: MakeLog, mask: int
) -> None:
    log = await make_log()
    starts = frame_starts(log)
    for at in range(starts[-2]):
        error = await refusal_of(flipped(log, at, mask))
        assert error is not None, f"byte {at} of {starts}"
        assert error.offset == max((start for start in starts if start <= at), default=0)


async def test_every_byte_flipped_in_a_log_that_was_just_compacted_is_damage() -> None:
    log = await compacted(LONG)
    for at in range(len(log)):
        assert await refusal_of(flipped(log, at)), f"byte {at}"


async def test_a_compacted_log_that_is_cut_is_damaged() -> None:
    log = await compacted(LONG)
    assert header_of(log).synced == len(log)
    for cut in (64, *range(0, len(log), 31)):
        assert await refusal_of(log[:cut]), f"cut at {cut}"
    assert await refusal_of(zeroed(log, 1024, 1536))


async def test_a_damaged_length_is_damage_before_the_last_frame_and_torn_in_it() -> None:
    log = await one_by_one()
    starts = frame_starts(log)
    for start in starts[:-2]:
        for at in range(start + 24, start + 32):
            error = await refusal_of(flipped(log, at))
            assert error is not None and error.offset == start
    for at in range(starts[-2] + 24, starts[-2] + 32):
        await torn(flipped(log, at), log[: starts[-2]], FIVE[:4])


async def test_damage_that_crosses_frames_is_damage() -> None:
    log = await one_by_one()
    starts = frame_starts(log)
    assert await refusal_of(log[: starts[1]] + b"\xaa" * (starts[3] - starts[1]) + log[starts[3] :])


# Bytes put in, and taken out.


def first_difference(log: bytes, changed: bytes) -> int:
    pairs = zip(log, changed, strict=False)
    return next(at for at, (old, new) in enumerate(pairs) if old != new)


async def unrefused(log: bytes, edits: Iterable[bytes]) -> list[int]:
    """Open edited logs; give where those begin to differ that are not refused as they must be."""
    starts = frame_starts(log)
    missed: list[int] = []
    for edited in edits:
        at = first_difference(log, edited)
        error = await refusal_of(edited)
        if error is None or error.offset != max((s for s in starts if s <= at), default=0):
            missed.append(at)
    return missed


def with_bytes_put_in(log: bytes, size: int) -> Iterator[bytes]:
    for at in range(frame_starts(log)[-2]):
        # Other bytes than those that are there, or else it is the log's end that they move; and no
        # zeros, which a crash can leave.
        yield log[:at] + bytes([log[at] ^ 0x55 or 0xAA]) * size + log[at:]


def with_bytes_taken_out(log: bytes, size: int) -> Iterator[bytes]:
    """Take bytes out of all frames but the last."""
    for at in range(frame_starts(log)[-2] - size + 1):
        if log[at] != log[at + size]:
            yield log[:at] + log[at + size :]


@every_log
@pytest.mark.parametrize("size", [1, 700])
async def test_bytes_put_in_before_the_last_frame_are_damage(make_log: MakeLog, size: int) -> None:
    log = await make_log()
    assert not await unrefused(log, with_bytes_put_in(log, size))


@every_log
@pytest.mark.parametrize("size", [1, 70])
async def test_bytes_taken_out_before_the_last_frame_are_damage(
    make_log: MakeLog, size: int
) -> None:
    log = await make_log()
    assert not await unrefused(log, with_bytes_taken_out(log, size))


async def test_line_ends_of_another_kind_are_damage() -> None:
    """As where a file is sent in text mode: there is hardly a frame that stays whole."""
    history = [Commit(seq, [(seq, b"a line\nanother line\n")]) for seq in range(1, 8)]
    for log in (await written(history), await written(*([each] for each in history))):
        header, frames = log[:64], log[64:]
        assert await refusal_of(header + frames.replace(b"\n", b"\r\n"))


async def test_a_whole_frame_that_is_taken_out_is_damage() -> None:
    log = await one_by_one()
    starts = frame_starts(log)
    for start, end in pairwise(starts[:-1]):
        error = await refusal_of(log[:start] + log[end:])
        assert error is not None and error.offset == start


async def test_bytes_put_into_a_large_file_are_damage() -> None:
    header = Header("json", bytes(range(16)), base_seq=0, synced=64)
    for beginning in (2**32 - 20, 2**32 + 1, 7 * 2**32 + 1234):
        frame = frame_of(header, beginning, 9)
        found = find_moved_frame_headers(header, beginning + 3, frame, bad=beginning, seq=8)
        assert [offset for offset, _ in found] == [beginning + 3]


async def test_a_frame_is_believed_to_be_moved_only_if_it_can_have_been() -> None:
    header = Header("json", bytes(16), base_seq=0, synced=64)

    def found(frame: bytes, at: int) -> bool:
        return bool([*find_moved_frame_headers(header, at, frame, bad=1000, seq=8)])

    assert found(frame_of(header, 1200, 9), 1201)
    assert found(frame_of(header, 1000, 9), 1001), "it may be the very next one"
    assert not found(frame_of(header, 1200, 9), 1200), "it is in its place"
    assert not found(frame_of(header, 1200, 8), 1201), "its number is past"
    assert not found(frame_of(header, 1200, 13), 1201), "there is no room for so many before it"
    assert not found(frame_of(header, 999, 9), 1001), "it was in the part that is whole"
    assert not found(frame_of(header, 70_000, 9), 1201), "it would have come from afar"
    assert not found(frame_of(header, 1200, 9, FrameKind.CHECKPOINT), 1201)
    assert not found(encode_frame(header, 1200, FrameKind.COMMIT, 9, 1201, [(9, b"")]), 1201)
    assert not found(frame_of(header, 1200, 9)[: FRAME_HEADER_BYTES - 1], 1201)
    foreign = Header("json", b"x" * 16, base_seq=0, synced=64)
    assert not found(frame_of(foreign, 1200, 9), 1201)


def frame_of(header: Header, at: int, seq: int, kind: FrameKind = FrameKind.COMMIT) -> bytes:
    return encode_frame(header, at, kind, seq, 64, [(seq, b"")])


@pytest.mark.parametrize(
    ("kind", "seq", "reason"),
    [
        (FrameKind.COMMIT, 8, "commit 8 follows commit 8"),
        (FrameKind.COMMIT, 10, "commit 10 follows commit 8"),
        (FrameKind.CHECKPOINT, 9, "commit 9 follows commit 8"),
        (FrameKind.CHECKPOINT, 7, "commit 7 follows commit 8"),
    ],
)
async def test_whole_frames_in_a_wrong_order_are_damage(
    kind: FrameKind, seq: int, reason: str
) -> None:
    header = Header("json", bytes(16), base_seq=7, synced=64)
    log = encode_header(header) + frame_of(header, 64, 8)
    at = len(log)
    error = await refusal_of(log + frame_of(header, at, seq, kind))
    assert error is not None and (error.offset, error.reason) == (at, reason)


# Frames that are none.


async def test_a_log_inside_a_torn_document_does_not_make_it_damage() -> None:
    inner = await one_by_one()
    log = await written([commit(1), Commit(2, [(2, inner)])])
    start = frame_starts(log)[1]
    await torn(log[:-1], log[:start], [commit(1)])
    own_frame = log[64:start]
    log = await written([commit(1)])
    disk = on_disk(log)
    async with opened(disk) as (storage, _):
        await storage.append([Commit(2, [(2, own_frame * 3)])])
    await torn(disk.content(PATH)[:-1], log, [commit(1)])


async def test_frames_that_follow_from_another_file_are_no_commits() -> None:
    # Ids by chance would now and then be such that the frames seem to be moved, only by little.
    log, other = [
        await written(*([each] for each in FIVE), random_bytes=Random(seed).randbytes)
        for seed in (1, 2)
    ]
    await torn(log + other[len(log) // 2 :], log, FIVE)
    assert await refusal_of(log[:64] + other[64:]) is None
    await torn(log[:64] + other[64:], log[:64], [])


# Files that are no logs of ours.


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\0" * 500, "not a reddb file"),
        (b"hello, world\n" * 20, "not a reddb file"),
        (b"REDDB\0\2\0" + b"\1" * 200, "Rust crate"),
        (b"REDDB\0\2\0", "Rust crate"),
        (b"REDDB\0\3\0" + bytes(56), "checksum"),
        (b"REDDB\0\3\0", "checksum"),
    ],
    ids=repr,
)
async def test_a_foreign_file_is_refused_and_untouched(data: bytes, reason: str) -> None:
    error = await refusal_of(data)
    assert error is not None
    assert error.offset == 0 and reason in error.reason


async def test_a_log_of_another_codec_is_refused_and_untouched() -> None:
    log = await one_by_one()
    disk = on_disk(log)
    storage = FileStorage(PATH, disk=disk)
    with pytest.raises(CodecMismatch) as caught:
        await storage.open("yaml")
    await storage.aclose()
    error = caught.value
    assert (error.path, error.expected, error.found) == (str(PATH), "yaml", "json")
    assert disk.content(PATH) == log
    assert (await read_back(disk)).documents == after(FIVE)


async def test_an_error_of_the_disk_while_reading_is_an_os_error_and_costs_nothing() -> None:
    log = await one_by_one()
    whole, cut = log[: frame_starts(log)[-2]], log[:-3]
    disk = on_disk(cut)
    for nth in range(1, 5):
        disk.fail(Operation.READ, nth=nth)
        with pytest.raises(OSError, match="Input/output"):
            await read_back(disk)
        assert disk.content(PATH) in {cut, whole}
    assert (await read_back(disk)).documents == after(FIVE[:4])


# Negative controls: without each rule, what it is there for goes unseen.


async def undetected(log: bytes) -> list[int]:
    """Give the bytes before the last frame whose flipping goes unseen."""
    return [at for at in range(64, frame_starts(log)[-2]) if not await refusal_of(flipped(log, at))]


async def never(*_: object) -> bool:
    return False


async def test_without_looking_for_later_frames_damage_passes_for_a_torn_tail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recovery, "_was_whole", never)
    log = await one_by_one()
    assert await undetected(log) == list(range(64, frame_starts(log)[-2]))


async def test_without_looking_for_moved_frames_a_byte_put_in_passes_for_a_torn_tail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recovery, "find_moved_frame_headers", lambda *_, **__: iter(()))
    log = await one_by_one()
    assert len(await unrefused(log, with_bytes_put_in(log, 1))) > len(log) // 2


async def test_without_looking_at_sectors_damage_in_the_last_batch_passes_for_a_torn_tail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recovery, "has_unwritten_sector", lambda *_: True)
    assert await undetected(await in_one_batch())
    assert not await undetected(await one_by_one()), "here the frames' own `synced` says so"


async def test_without_looking_at_sectors_a_torn_batch_passes_for_damage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recovery, "has_unwritten_sector", lambda *_: False)
    assert await refusal_of(zeroed(await written(LONG), 1024, 1536))


async def test_without_the_synced_size_in_its_header_damage_in_a_compacted_log_is_unseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("reddb.actor.file_storage.evolve", lambda header, **_: header)
    disk = on_disk(await written(LONG))
    async with opened(disk) as (storage, _):
        await storage.compact(12, live(LONG))
    log = disk.content(PATH)
    assert header_of(log).synced == 0
    assert await refusal_of(flipped(log, 100)) is None
