"""The log's bytes: one header, then one checksummed frame per commit. Pure: no file is touched.

`docs/file-format.md` has the layout as byte tables. What the layout is for:

- **All or nothing.** A commit is one frame; a frame counts only if its two checksums hold.
- **Nothing passes for something else.** A frame's checksum covers the file's own random id and
  the frame's offset, so bytes copied from elsewhere, even from a log stored inside a document,
  are no frame here. The length has a checksum of its own, ahead of the payload's, so a damaged
  length is seen before it is believed.
- **A torn tail is told from damage.** Every frame records how much of the file was known to be on
  disk when it was written (`synced`). A bad frame that lies below the `synced` of a later good one
  was whole once: that is damage. Where no later frame says so it is what a crash leaves.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from itertools import repeat
from typing import Final, TypeAlias

import msgspec
from attrs import field, frozen

from reddb.actor.columns import Columns

MAGIC: Final = b"REDDB\0"
VERSION: Final = 3
"""Versions 1 and 2 are those of the Rust crate."""

_HEADER = struct.Struct("<6sH16s16sQQ4x")
HEADER_BYTES: Final = _HEADER.size + 4

_FRAME = struct.Struct("<4sB3xQQQI")
FRAME_HEADER_BYTES: Final = _FRAME.size + 4
MARKER: Final = b"\xf5RDB"
"""Begins every frame. Its first byte never occurs in UTF-8, so text holds no marker."""

_FACT = struct.Struct("<B16sI")
_SINGLE_FACT = struct.Struct("<4sB3xQQQIIB16sI")
"""A frame's header with its checksum, and the beginning of the one fact in it."""
FACT_OVERHEAD_BYTES: Final = _FACT.size
FRAME_OVERHEAD_BYTES: Final = FRAME_HEADER_BYTES + 4
DOCUMENT_BYTES_MAX: Final = (1 << 32) - 1

_CRC = struct.Struct("<I")
_OFFSET = struct.Struct("<Q")
_PUT, _REMOVE = 1, 2
_SECTOR_BYTES: Final = 512
"""What a disk writes whole or not at all."""

CHECKSUM_DIFFERS: Final = "the payload's checksum does not match"
_MALFORMED: Final = "the payload is malformed although its checksum matches"

Fact: TypeAlias = tuple[int, bytes | None]
"""What a commit did to one document: (key, data) puts it, (key, None) removes it. The key is the
number of the document's UUID."""


class Commit(msgspec.Struct, frozen=True, gc=False):  # A tenth of the time that attrs takes.
    """One atomic step of the database, as the log holds it."""

    seq: int
    """Its number: one more than that of the commit before."""
    facts: Sequence[Fact]
    """What it did to which documents; at least one, and no key occurs twice."""


class Puts(Columns[Commit]):
    """Commits that follow each other and each put one document.

    Its columns are the commits' numbers, the keys, and the data.
    """

    __slots__ = ()

    @staticmethod
    def _item(seq: int, key: int, data: bytes) -> Commit:
        return Commit(seq, ((key, data),))


class FrameError(Exception):
    """The bytes are no whole, undamaged header or frame."""


class FrameCutError(FrameError):
    """The bytes end before the frame does.

    Attributes:
        needed: How many bytes from the frame's beginning would do.
    """

    def __init__(self, needed: int) -> None:
        super().__init__("the frame is cut short")
        self.needed = needed


class FrameKind(IntEnum):
    """What a frame holds."""

    COMMIT = 1
    """All facts of one commit; its sequence number follows that of the frame before."""
    CHECKPOINT = 2
    """Some of the documents that were live when the file was compacted; they all share the
    sequence number that the header starts from."""


_KINDS = {int(kind): kind for kind in FrameKind}


@frozen
class Header:
    """What the first 64 bytes say."""

    codec: str
    file_id: bytes
    base_seq: int
    """The sequence number that the file starts from: 0, or that of the state compacted into it."""
    synced: int
    """How many bytes of the file were on disk before it got its name."""
    file_crc: int = field(init=False, repr=False, eq=False)
    """The checksum of the file's id, which that of every frame goes on from."""

    @file_crc.default
    def _crc_of_id(self) -> int:
        return zlib.crc32(self.file_id)


class FrameHeader(msgspec.Struct, frozen=True):
    """What the first 40 bytes of a frame say; their checksum held."""

    kind: FrameKind
    seq: int
    synced: int
    """How many bytes of the file were known to be on disk when the frame was written."""
    payload_bytes: int
    fact_count: int
    crc: int


class Frame(msgspec.Struct, frozen=True):
    """A frame whose checksums held."""

    kind: FrameKind
    seq: int
    synced: int
    facts: list[Fact]
    start: int
    """The offset of its first byte."""
    end: int
    """The offset of the byte after it."""
    crc: int
    """The checksum of its header."""

    @property
    def header(self) -> FrameHeader:
        """What its first 40 bytes say."""
        payload_bytes = self.end - self.start - FRAME_OVERHEAD_BYTES
        count = len(self.facts)
        return FrameHeader(self.kind, self.seq, self.synced, payload_bytes, count, self.crc)


def encode_header(header: Header) -> bytes:
    """Give the bytes of a file's header."""
    codec = header.codec.encode("ascii")
    assert 0 < len(codec) <= 16, "a codec's name is 1 to 16 ASCII characters"
    body = _HEADER.pack(MAGIC, VERSION, codec, header.file_id, header.base_seq, header.synced)
    return body + _CRC.pack(zlib.crc32(body))


def decode_header(data: bytes) -> Header:
    """Give what a file's first `HEADER_BYTES` bytes say.

    Raises:
        FrameError: They are no header of this version, or are damaged.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise FrameError("this is not a reddb file" if data else "the file is empty")
    version = int.from_bytes(data[6:8], "little")
    if version in {1, 2}:
        raise FrameError(f"written by the Rust crate (version {version})")
    if len(data) < HEADER_BYTES or _CRC.unpack(data[-4:])[0] != zlib.crc32(data[:-4]):
        raise FrameError("the header's checksum does not match")
    if version != VERSION:
        raise FrameError(f"written by version {version} of the format; this is {VERSION}")
    _, _, codec, file_id, base_seq, synced = _HEADER.unpack(data[:-4])
    codec = codec.rstrip(b"\0")
    if not codec or not codec.isascii():
        raise FrameError("the header names no codec although its checksum matches")
    return Header(codec.decode("ascii"), file_id, base_seq, synced)


def encode_frame(
    header: Header, offset: int, kind: FrameKind, seq: int, synced: int, facts: Sequence[Fact]
) -> bytes:
    """Give the frame that holds `facts`, to be written at `offset`."""
    return frame_of(header, offset, kind, seq, synced, encode_facts(facts), len(facts))


def frame_of(
    header: Header,
    offset: int,
    kind: FrameKind,
    seq: int,
    synced: int,
    payload: bytes,
    fact_count: int,
) -> bytes:
    """Give the frame whose payload was encoded already, to be written at `offset`."""
    body = _FRAME.pack(MARKER, kind, seq, synced, len(payload), fact_count)
    crc = _header_crc(header, offset, body)
    return b"".join((body, _CRC.pack(crc), payload, _CRC.pack(zlib.crc32(payload, crc))))


def encode_commits(header: Header, offset: int, synced: int, commits: Sequence[Commit]) -> bytes:
    """Give the frames of commits that follow each other, to be written from `offset` on.

    They are as `encode_frame` makes them; those of `Puts` take three quarters of the time.
    """
    seqs: Iterable[int]
    counts: Iterable[int]
    if isinstance(commits, Puts):
        seqs, keys, values = commits.columns
        counts, pack_fact = repeat(1), _FACT.pack
        payloads = [
            pack_fact(_PUT, key.to_bytes(16), len(data)) + data
            for key, data in zip(keys, values, strict=True)
        ]
    else:
        seqs = [commit.seq for commit in commits]
        counts = [len(commit.facts) for commit in commits]
        payloads = [encode_facts(commit.facts) for commit in commits]
    pack, pack_offset, pack_crc, crc32 = _FRAME.pack, _OFFSET.pack, _CRC.pack, zlib.crc32
    kind, file_crc = int(FrameKind.COMMIT), header.file_crc
    pieces: list[bytes] = []
    for seq, count, payload in zip(seqs, counts, payloads, strict=False):
        body = pack(MARKER, kind, seq, synced, len(payload), count)
        crc = crc32(body, crc32(pack_offset(offset), file_crc))
        pieces += body, pack_crc(crc), payload, pack_crc(crc32(payload, crc))
        offset += FRAME_OVERHEAD_BYTES + len(payload)
    return b"".join(pieces)


def encode_facts(facts: Iterable[Fact]) -> bytes:
    """Give the part of a frame's payload that holds `facts`."""
    pieces: list[bytes] = []
    for key, data in facts:
        if data is None:
            pieces.append(_FACT.pack(_REMOVE, key.to_bytes(16), 0))
        else:
            pieces += _FACT.pack(_PUT, key.to_bytes(16), len(data)), data
    return b"".join(pieces)


def facts_bytes(facts: Iterable[Fact]) -> int:
    """Give how many bytes `encode_facts` takes for `facts`."""
    return sum(FACT_OVERHEAD_BYTES + (0 if data is None else len(data)) for _, data in facts)


def encode_frame_header(
    header: Header,
    offset: int,
    kind: FrameKind,
    seq: int,
    synced: int,
    payload_bytes: int,
    fact_count: int,
) -> bytes:
    """Give what stands before the payload of the frame at `offset`.

    Its last four bytes are its checksum. That of the payload goes on from it, and comes last.
    """
    body = _FRAME.pack(MARKER, kind, seq, synced, payload_bytes, fact_count)
    return body + _CRC.pack(_header_crc(header, offset, body))


def encode_checksum(crc: int) -> bytes:
    """Give the bytes of a checksum."""
    return _CRC.pack(crc)


def _header_crc(header: Header, offset: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(_OFFSET.pack(offset), header.file_crc))


def decode_frame_header(header: Header, offset: int, data: bytes) -> FrameHeader:
    """Give what the `FRAME_HEADER_BYTES` bytes at `offset` say.

    Raises:
        FrameCutError: There are not so many bytes.
        FrameError: They are no frame's beginning, or are damaged.
    """
    if len(data) < FRAME_HEADER_BYTES:
        raise FrameCutError(FRAME_HEADER_BYTES)
    if data[: len(MARKER)] != MARKER:
        raise FrameError("no frame begins here")
    crc = _header_crc(header, offset, data[: _FRAME.size])
    if _CRC.unpack_from(data, _FRAME.size)[0] != crc:
        raise FrameError("the frame header's checksum does not match")
    _, kind, seq, synced, payload_bytes, fact_count = _FRAME.unpack_from(data)
    known = _KINDS.get(kind)
    if known is None:
        raise FrameError(f"the frame is of an unknown kind ({kind})")
    return FrameHeader(known, seq, synced, payload_bytes, fact_count, crc)


def decode_frames(header: Header, offset: int, data: bytes) -> Iterator[Frame]:
    """Give the frames in `data`, which was read at `offset`, where a frame begins.

    Raises:
        FrameCutError: The last frame ends behind the data.
        FrameError: The frame that follows the last one given is damaged.
    """
    at = 0
    while at < len(data):
        frame = decode_frame(header, offset, data, at)
        at = frame.end - offset
        yield frame


def decode_frame(header: Header, offset: int, data: bytes, at: int) -> Frame:
    """Give the frame that begins at `at` in `data`, which was read at `offset`.

    Raises:
        FrameCutError: It ends behind the data.
        FrameError: It is damaged.
    """
    start = at + FRAME_HEADER_BYTES
    head = decode_frame_header(header, offset + at, data[at:start])
    stop = start + head.payload_bytes
    if stop + 4 > len(data):
        raise FrameCutError(stop + 4 - at)
    if _CRC.unpack_from(data, stop)[0] != zlib.crc32(memoryview(data)[start:stop], head.crc):
        raise FrameError(CHECKSUM_DIFFERS)
    facts = _decode_facts(data, start, stop, head.fact_count)
    begin, end = offset + at, offset + stop + 4
    return Frame(head.kind, head.seq, head.synced, facts, begin, end, head.crc)


class SingleFacts(msgspec.Struct, frozen=True):
    """Commits in a row that each put or remove one document."""

    facts: list[Fact]
    end: int
    """Where in the data the last of them ends."""
    synced: int
    """How many bytes of the file were known to be on disk when the last was written."""


def decode_single_facts(
    header: Header, offset: int, data: bytes, at: int, seq: int, count_max: int
) -> SingleFacts:
    """Give the commits from `at` on that each put or remove one document, up to any other frame.

    Most logs consist of them, and opening a database takes as long as reading them. So they are
    read as one, in less than half of the time that `decode_frame` takes. That alone says what is
    wrong with a frame: to this function a frame that is damaged or cut is just one to stop at.

    Args:
        header: The log's.
        offset: Where in the file `data` was read.
        data: Some bytes of the log.
        at: Where in `data` a frame begins.
        seq: The number of the commit before.
        count_max: How many may be given.
    """
    unpack, pack_offset, unpack_crc = _SINGLE_FACT.unpack_from, _OFFSET.pack, _CRC.unpack_from
    crc32, number_of, commit = zlib.crc32, int.from_bytes, int(FrameKind.COMMIT)
    file_crc, last = header.file_crc, len(data) - _SINGLE_FACT.size - _CRC.size
    facts: list[Fact] = []
    synced, seq_max = 0, seq + count_max
    while at <= last and seq < seq_max:
        marker, kind, number, known, length, count, found, op, key, size = unpack(data, at)
        start = at + FRAME_HEADER_BYTES
        stop = start + length
        crc = crc32(data[at : start - 4], crc32(pack_offset(offset + at), file_crc))
        if crc != found or marker != MARKER or kind != commit or number != seq + 1 or count != 1:
            break
        if stop + 4 > len(data) or unpack_crc(data, stop)[0] != crc32(data[start:stop], crc):
            break
        if length != FACT_OVERHEAD_BYTES + size:
            break
        if op == _PUT:
            facts.append((number_of(key), data[stop - size : stop]))
        elif op == _REMOVE and not size:
            facts.append((number_of(key), None))
        else:
            break
        at, seq = stop + 4, number
        if known > synced:  # noqa: PLR1730  # In a third of the time.
            synced = known
    return SingleFacts(facts, at, synced)


class FactReader:
    """Reads the facts of a frame's payload that comes in pieces; its checksum has been looked at.

    Args:
        fact_count: How many facts there must be.
    """

    def __init__(self, fact_count: int) -> None:
        self._missing = fact_count
        self._rest = bytearray()
        """What was read of a fact that has not ended."""
        self._needed = FACT_OVERHEAD_BYTES
        """So many bytes of it there must be before looking at it is worth while."""

    def read(self, piece: bytes) -> list[Fact]:
        """Give the facts that end in the next piece.

        Raises:
            FrameError: They are malformed.
        """
        self._rest += piece
        if len(self._rest) < self._needed:
            return []
        data, at = bytes(self._rest), 0
        self._needed = FACT_OVERHEAD_BYTES
        while at + FACT_OVERHEAD_BYTES <= len(data):
            size = FACT_OVERHEAD_BYTES + _FACT.unpack_from(data, at)[2]
            if at + size > len(data):
                self._needed = size
                break
            at += size
        facts = _decode_facts(data, 0, at, None)
        self._missing -= len(facts)
        self._rest = bytearray(data[at:])
        return facts

    def end(self) -> None:
        """Say that there are no more pieces.

        Raises:
            FrameError: Facts are missing, or are too many.
        """
        if self._missing or self._rest:
            raise FrameError(_MALFORMED)


def _decode_facts(payload: bytes, at: int, end: int, count: int | None) -> list[Fact]:
    """Give the facts that lie between two offsets, and are so many if `count` is known."""
    unpack, number_of = _FACT.unpack_from, int.from_bytes
    facts: list[Fact] = []
    while at + FACT_OVERHEAD_BYTES <= end:
        op, key, size = unpack(payload, at)
        at += FACT_OVERHEAD_BYTES + size
        if op == _PUT:
            facts.append((number_of(key), payload[at - size : at]))
        elif op == _REMOVE and not size:
            facts.append((number_of(key), None))
        else:
            raise FrameError(_MALFORMED)
    if at != end or (count is not None and len(facts) != count):
        raise FrameError(_MALFORMED)
    if len(facts) > 1 and len(dict(facts)) != len(facts):
        raise FrameError(_MALFORMED)
    return facts


def find_frame_headers(
    header: Header, offset: int, data: bytes
) -> Iterator[tuple[int, FrameHeader]]:
    """Give every undamaged frame header in `data`, which was read at `offset`, with its offset."""
    at = data.find(MARKER)
    while at >= 0:
        try:
            found = decode_frame_header(header, offset + at, data[at : at + FRAME_HEADER_BYTES])
        except FrameError:
            pass
        else:
            yield offset + at, found
        at = data.find(MARKER, at + 1)


def has_unwritten_sector(offset: int, data: bytes) -> bool:
    """Tell whether a sector of `data`, which lies at `offset`, reads as if never written.

    What a disk did not get around to writing at the end of a file reads as zeros, a whole sector
    at a time, or from where the old end of the file lay in its sector.
    """
    first = -offset % _SECTOR_BYTES or _SECTOR_BYTES
    if not any(data[:first]):
        return True
    zeros = bytes(_SECTOR_BYTES)
    return any(
        data[at : at + _SECTOR_BYTES] == zeros
        for at in range(first, len(data) - _SECTOR_BYTES + 1, _SECTOR_BYTES)
    )
