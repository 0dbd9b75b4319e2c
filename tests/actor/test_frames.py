"""The log's bytes: laid out as documented, read back as written, and nothing else passes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence

import pytest
from attrs import evolve
from hypothesis import assume, example, given
from hypothesis import strategies as st

from reddb.actor.frames import (
    DOCUMENT_BYTES_MAX,
    FACT_OVERHEAD_BYTES,
    FRAME_HEADER_BYTES,
    FRAME_OVERHEAD_BYTES,
    HEADER_BYTES,
    MARKER,
    Commit,
    Fact,
    FactReader,
    Frame,
    FrameCutError,
    FrameError,
    FrameKind,
    Header,
    Puts,
    decode_frame_header,
    decode_frames,
    decode_header,
    decode_single_facts,
    encode_commits,
    encode_facts,
    encode_frame,
    encode_header,
    facts_bytes,
    find_frame_headers,
    has_unwritten_sector,
)

HEADER = Header("json", bytes(range(16)), base_seq=7, synced=64)
FACTS: list[Fact] = [(1, b"one"), (2, None)]

keys = st.integers(0, (1 << 128) - 1)
numbers = st.integers(0, (1 << 64) - 1)
facts_lists = st.lists(
    st.tuples(keys, st.none() | st.binary(max_size=80)), max_size=6, unique_by=lambda fact: fact[0]
)
headers = st.builds(
    Header,
    codec=st.from_regex(r"[a-z0-9]{1,16}", fullmatch=True),
    file_id=st.binary(min_size=16, max_size=16),
    base_seq=numbers,
    synced=numbers,
)


def commit_at(offset: int, facts: list[Fact] = FACTS, header: Header = HEADER) -> bytes:
    return encode_frame(header, offset, FrameKind.COMMIT, 8, 64, facts)


def read_frames(data: bytes, offset: int = 64, header: Header = HEADER) -> list[Frame]:
    return list(decode_frames(header, offset, data))


def sealed(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def flips(data: bytes) -> list[bytes]:
    """Give `data` with each of its bits flipped."""
    return [
        data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
        for at in range(len(data))
        for bit in range(8)
    ]


# The layout.


def test_the_header_is_laid_out_as_documented() -> None:
    body = b"REDDB\0" + struct.pack("<H", 3) + b"json".ljust(16, b"\0")
    body += bytes(range(16)) + struct.pack("<QQ", 7, 64) + bytes(4)
    assert encode_header(HEADER) == sealed(body)
    assert HEADER_BYTES == 64


def test_a_frame_is_laid_out_as_documented() -> None:
    put = b"\1" + (1).to_bytes(16, "big") + struct.pack("<I", 3) + b"one"
    remove = b"\2" + (2).to_bytes(16, "big") + struct.pack("<I", 0)
    payload = put + remove
    head = b"\xf5RDB" + b"\1\0\0\0" + struct.pack("<QQQI", 8, 64, len(payload), 2)
    origin = HEADER.file_id + struct.pack("<Q", 4096)
    head_crc = zlib.crc32(origin + head)
    frame = head + struct.pack("<I", head_crc) + payload
    frame += struct.pack("<I", zlib.crc32(payload, head_crc))
    assert commit_at(4096) == frame
    assert len(head) + 4 == FRAME_HEADER_BYTES
    assert len(frame) == FRAME_OVERHEAD_BYTES + 2 * FACT_OVERHEAD_BYTES + len(b"one")


def test_a_marker_never_occurs_in_text() -> None:
    with pytest.raises(UnicodeDecodeError):
        MARKER.decode("utf-8")


def test_the_largest_document_fits_its_length_field() -> None:
    assert struct.pack("<I", DOCUMENT_BYTES_MAX) == b"\xff" * 4


# Round trips.


@given(header=headers)
def test_a_header_comes_back(header: Header) -> None:
    assert decode_header(encode_header(header)) == header


@given(
    header=headers,
    offset=numbers,
    kind=st.sampled_from(FrameKind),
    seq=numbers,
    synced=numbers,
    facts=facts_lists,
)
def test_a_frame_comes_back(
    header: Header, offset: int, kind: FrameKind, seq: int, synced: int, facts: list[Fact]
) -> None:
    data = encode_frame(header, offset, kind, seq, synced, facts)
    (frame,) = read_frames(data, offset, header)
    assert frame.facts == facts
    assert frame.end == offset + len(data)
    head = frame.header
    assert (head.kind, head.seq, head.synced, head.fact_count) == (kind, seq, synced, len(facts))
    assert decode_frame_header(header, offset, data[:FRAME_HEADER_BYTES]) == head


def frame_by_frame(header: Header, offset: int, synced: int, commits: Sequence[Commit]) -> bytes:
    data = b""
    for commit in commits:
        kind, at = FrameKind.COMMIT, offset + len(data)
        data += encode_frame(header, at, kind, commit.seq, synced, commit.facts)
    return data


@given(
    header=headers,
    offset=st.integers(64, 1 << 40),
    synced=numbers,
    batches=st.lists(facts_lists, max_size=5),
)
def test_commits_that_follow_each_other_are_a_frame_each(
    header: Header, offset: int, synced: int, batches: list[list[Fact]]
) -> None:
    commits = [Commit(seq, facts) for seq, facts in enumerate(batches, 8)]
    data = encode_commits(header, offset, synced, commits)
    assert [frame.facts for frame in read_frames(data, offset, header)] == batches
    assert data == frame_by_frame(header, offset, synced, commits)


@given(
    header=headers,
    offset=st.integers(64, 1 << 40),
    synced=numbers,
    documents=st.dictionaries(keys, st.binary(max_size=300), max_size=5),
)
def test_commits_of_one_document_each_are_written_like_all_others(
    header: Header, offset: int, synced: int, documents: dict[int, bytes]
) -> None:
    seqs = range(8, 8 + len(documents))
    puts = Puts(seqs, tuple(documents), tuple(documents.values()))
    commits = [
        Commit(seq, ((key, documents[key]),)) for seq, key in zip(seqs, documents, strict=True)
    ]
    assert [*puts] == commits == [puts[number] for number in range(len(puts))]
    assert [*puts[1:3]] == commits[1:3]
    data = encode_commits(header, offset, synced, puts)
    assert data == frame_by_frame(header, offset, synced, commits)


# What is damaged is seen.


def test_every_flipped_bit_of_a_header_is_seen() -> None:
    for flipped in flips(encode_header(HEADER)):
        with pytest.raises(FrameError):
            decode_header(flipped)


def test_every_flipped_bit_of_a_frame_is_seen() -> None:
    for flipped in flips(commit_at(64)):
        with pytest.raises(FrameError):
            read_frames(flipped)


@given(facts=facts_lists, data=st.data())
def test_every_flipped_byte_of_any_frame_is_seen(facts: list[Fact], data: st.DataObject) -> None:
    frame = bytearray(commit_at(64, facts))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(FrameError):
        read_frames(bytes(frame))


def test_a_damaged_length_is_seen_before_it_is_believed() -> None:
    frame = bytearray(commit_at(64))
    frame[24:32] = struct.pack("<Q", 1 << 60)
    with pytest.raises(FrameError, match="header's checksum") as caught:
        read_frames(bytes(frame))
    assert not isinstance(caught.value, FrameCutError)


def test_frames_before_a_damaged_one_are_given() -> None:
    first = commit_at(64)
    damaged = bytearray(first + commit_at(64 + len(first)))
    damaged[-1] ^= 1
    frames = decode_frames(HEADER, 64, bytes(damaged))
    assert next(frames).facts == FACTS
    with pytest.raises(FrameError, match="payload's checksum"):
        next(frames)


# Where a frame is no frame.


@given(offset=numbers, other=numbers)
@example(offset=64, other=65)
def test_a_frame_at_another_offset_is_none(offset: int, other: int) -> None:
    assume(offset != other)
    with pytest.raises(FrameError):
        read_frames(commit_at(offset), other)


@given(file_id=st.binary(min_size=16, max_size=16))
def test_a_frame_in_another_file_is_none(file_id: bytes) -> None:
    assume(file_id != HEADER.file_id)
    with pytest.raises(FrameError):
        read_frames(commit_at(64), header=evolve(HEADER, file_id=file_id))


def resealed(change: Callable[[bytearray], None], facts: list[Fact] = FACTS) -> bytes:
    """Give a frame that was changed before its checksums were made."""
    frame = bytearray(commit_at(64, facts)[:-4])
    change(frame)
    crc = zlib.crc32(HEADER.file_id + struct.pack("<Q", 64) + frame[:36])
    frame[36:40] = struct.pack("<I", crc)
    return bytes(frame) + struct.pack("<I", zlib.crc32(frame[40:], crc))


def test_an_unknown_kind_is_refused() -> None:
    def change(frame: bytearray) -> None:
        frame[4] = 9

    with pytest.raises(FrameError, match="unknown kind"):
        read_frames(resealed(change))


@pytest.mark.parametrize("at", [32, 57], ids=["count", "size of the first fact"])
def test_a_payload_that_makes_no_sense_is_refused(at: int) -> None:
    def change(frame: bytearray) -> None:
        frame[at] += 1

    with pytest.raises(FrameError, match="malformed"):
        read_frames(resealed(change))


def test_a_frame_that_was_resealed_unchanged_is_whole() -> None:
    assert resealed(lambda _: None) == commit_at(64)


# Commits of one document, which are read as one.


def log_of(commits: list[list[Fact]], offset: int = 64) -> bytes:
    """Give frames from `offset` on, the first of which has the number 8."""
    frames: list[bytes] = []
    for seq, facts in enumerate(commits, 8):
        synced = 60 + seq % 3
        frames.append(encode_frame(HEADER, offset, FrameKind.COMMIT, seq, synced, facts))
        offset += len(frames[-1])
    return b"".join(frames)


SINGLES: list[list[Fact]] = [[(1, b"one")], [(2, b"")], [(1, None)], [(3, bytes(2000))]]


@given(singles=st.lists(facts_lists.map(lambda facts: facts[:1]).filter(bool), max_size=8))
@example(singles=SINGLES)
def test_commits_of_one_document_are_read_as_their_frames_are(singles: list[list[Fact]]) -> None:
    log = log_of(singles)
    frames = read_frames(log)
    found = decode_single_facts(HEADER, 64, log, 0, 7, 99)
    assert found.facts == [fact for frame in frames for fact in frame.facts]
    assert found.end == len(log)
    assert found.synced == max((frame.synced for frame in frames), default=0)


@pytest.mark.parametrize("count_max", range(6))
def test_no_more_are_read_as_one_than_was_said(count_max: int) -> None:
    log = log_of(SINGLES)
    found = decode_single_facts(HEADER, 64, log, 0, 7, count_max)
    assert found.facts == [fact for facts in SINGLES[:count_max] for fact in facts]
    assert found.end == len(log_of(SINGLES[:count_max]))


@given(before=st.integers(0, 4), facts=facts_lists.filter(lambda facts: len(facts) != 1))
def test_reading_as_one_stops_at_a_commit_of_several_or_none(
    before: int, facts: list[Fact]
) -> None:
    start = len(log_of(SINGLES[:before]))
    log = log_of([*SINGLES[:before], facts, *SINGLES])
    assert decode_single_facts(HEADER, 64, log, 0, 7, 99).end == start


@pytest.mark.parametrize("kind", FrameKind)
@pytest.mark.parametrize("seq", [6, 7, 8, 9, 10])
def test_reading_as_one_stops_at_another_kind_and_another_number(kind: FrameKind, seq: int) -> None:
    frame = encode_frame(HEADER, 64, kind, seq, 64, [(1, b"one")])
    found = decode_single_facts(HEADER, 64, frame, 0, 7, 99)
    assert bool(found.facts) == ((kind, seq) == (FrameKind.COMMIT, 8))


def test_reading_as_one_stops_at_a_frame_with_any_bit_flipped() -> None:
    first = log_of(SINGLES[:1])
    for damaged in flips(log_of(SINGLES[:2])[len(first) :]):
        found = decode_single_facts(HEADER, 64, first + damaged, 0, 7, 99)
        assert (found.facts, found.end) == (SINGLES[0], len(first))


def test_reading_as_one_stops_at_a_frame_that_is_cut() -> None:
    first, log = log_of(SINGLES[:1]), log_of(SINGLES[:2])
    for size in range(len(first), len(log)):
        found = decode_single_facts(HEADER, 64, log[:size], 0, 7, 99)
        assert (found.facts, found.end) == (SINGLES[0], len(first))


@pytest.mark.parametrize("at", [4, 32, 40, 57], ids=["kind", "count", "operation", "size"])
def test_reading_as_one_stops_at_what_makes_no_sense(at: int) -> None:
    def change(frame: bytearray) -> None:
        frame[at] += 9

    whole, senseless = resealed(lambda _: None, [(1, b"one")]), resealed(change, [(1, b"one")])
    assert decode_single_facts(HEADER, 64, whole, 0, 7, 99).facts == [(1, b"one")]
    assert decode_single_facts(HEADER, 64, senseless, 0, 7, 99).facts == []


# Frames that are cut.


def test_a_cut_frame_says_how_many_bytes_it_needs() -> None:
    first = commit_at(64)
    second = commit_at(64 + len(first), [(3, b"three")])
    for cut in range(1, len(second)):
        frames = decode_frames(HEADER, 64, first + second[:cut])
        next(frames)
        with pytest.raises(FrameCutError) as caught:
            next(frames)
        enough = len(second) if cut >= FRAME_HEADER_BYTES else FRAME_HEADER_BYTES
        assert caught.value.needed == enough


def test_no_bytes_are_no_frames() -> None:
    assert read_frames(b"") == []


# Headers that are none.


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"x", "not a reddb file"),
        (b"REDDB", "not a reddb file"),
        (b'{"id":"","data":{}}\n' * 9, "not a reddb file"),
        (b"REDDB\0\1\0", "Rust crate .version 1"),
        (b"REDDB\0\2\0" + bytes(8), "Rust crate .version 2"),
        (b"REDDB\0", "checksum"),
        (encode_header(HEADER)[:-1], "checksum"),
        (sealed(b"REDDB\0\4\0" + bytes(52)), "version 4 of the format; this is 3"),
    ],
    ids=repr,
)
def test_what_is_no_header_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(FrameError, match=reason):
        decode_header(data)


@pytest.mark.parametrize("codec", ["", "x" * 17])
def test_a_codec_name_of_the_wrong_length_is_refused(codec: str) -> None:
    with pytest.raises(AssertionError, match="1 to 16"):
        encode_header(evolve(HEADER, codec=codec))


# Searching for frames.


@given(before=st.binary(max_size=60), between=st.binary(max_size=60), offset=st.integers(64, 9999))
def test_headers_are_found_wherever_they_are(before: bytes, between: bytes, offset: int) -> None:
    data = before + commit_at(offset + len(before)) + between
    starts = [offset + len(before), offset + len(data)]
    data += commit_at(starts[1])
    assert [at for at, _ in find_frame_headers(HEADER, offset, data)] == starts


def test_a_frame_inside_a_document_is_not_found() -> None:
    inner = commit_at(64)
    outer = commit_at(200, [(5, inner + MARKER)])
    found = find_frame_headers(HEADER, 200, outer)
    assert [at for at, _ in found] == [200]


def test_a_header_that_is_cut_is_not_found() -> None:
    assert not list(find_frame_headers(HEADER, 64, commit_at(64)[: FRAME_HEADER_BYTES - 1]))


def test_a_header_is_found_though_its_payload_is_damaged() -> None:
    ((at, head),) = find_frame_headers(HEADER, 64, commit_at(64)[:FRAME_HEADER_BYTES])
    assert (at, head.synced, head.seq) == (64, 64, 8)


# Sectors that were never written.


def region(offset: int, size: int, *holes: tuple[int, int]) -> bytes:
    """Give `size` bytes at `offset`, all 1 but for the holes, which are offsets in the file."""
    data = bytearray(b"\1" * size)
    for start, end in holes:
        data[start - offset : end - offset] = bytes(end - start)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "unwritten"),
    [
        (region(100, 2000), False),
        (region(100, 2000, (512, 1024)), True),
        (region(100, 2000, (1024, 1536)), True),
        (region(100, 2000, (513, 1024)), False),
        (region(100, 2000, (600, 1500)), False),
        (region(100, 2000, (100, 512)), True),
        (region(100, 2000, (101, 512)), False),
        (region(100, 2000, (1536, 2048)), True),
        (region(100, 2000, (2048, 2100)), False),
        (region(100, 50, (100, 150)), True),
    ],
)
def test_an_unwritten_sector_is_a_whole_one_of_zeros(data: bytes, unwritten: bool) -> None:
    assert has_unwritten_sector(100, data) is unwritten


def test_a_region_that_begins_with_a_sector_has_that_sector() -> None:
    assert has_unwritten_sector(1024, region(1024, 600, (1024, 1536)))
    assert not has_unwritten_sector(1024, region(1024, 600, (1024, 1535)))


@given(
    st.lists(
        st.tuples(st.integers(0, 1 << 100), st.none() | st.binary(max_size=60)),
        unique_by=lambda fact: fact[0],
        max_size=20,
    ),
    st.integers(1, 90),
)
def test_facts_are_read_in_pieces_of_any_size(facts: list[Fact], piece_bytes: int) -> None:
    payload = encode_facts(facts)
    assert facts_bytes(facts) == len(payload)
    reader, found = FactReader(len(facts)), list[Fact]()
    for at in range(0, len(payload), piece_bytes):
        found += reader.read(payload[at : at + piece_bytes])
    reader.end()
    assert found == facts
    wrong = FactReader(len(facts) + 1)
    wrong.read(payload)
    with pytest.raises(FrameError, match="malformed"):
        wrong.end()
