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
from typing import Final, TypeAlias

import msgspec
from attrs import frozen

MAGIC: Final = b"REDDB\0"
VERSION: Final = 3
"""Versions 1 and 2 are those of the Rust crate."""

_HEADER = struct.Struct("<6sH16s16sQQ4x")
HEADER_BYTES: Final = _HEADER.size + 4

_FRAME = struct.Struct("<4sB3xQQQI")
_CHECKED_FRAME = struct.Struct("<4sB3xQQQII")
"""The same with its checksum."""
FRAME_HEADER_BYTES: Final = _FRAME.size + 4
MARKER: Final = b"\xf5RDB"
"""Begins every frame. Its first byte never occurs in UTF-8, so text holds no marker."""

_FACT = struct.Struct("<B16sI")
FACT_OVERHEAD_BYTES: Final = _FACT.size
FRAME_OVERHEAD_BYTES: Final = FRAME_HEADER_BYTES + 4
DOCUMENT_BYTES_MAX: Final = (1 << 32) - 1

_CRC = struct.Struct("<I")
_OFFSET = struct.Struct("<Q")
_PUT, _REMOVE = 1, 2
_SMALL_BYTES: Final = 1024
"""Copying fewer bytes takes less time than making a view of them."""
_SECTOR_BYTES: Final = 512
"""What a disk writes whole or not at all."""

CHECKSUM_DIFFERS: Final = "the payload's checksum does not match"
_MALFORMED: Final = "the payload is malformed although its checksum matches"

Fact: TypeAlias = tuple[int, bytes | None]
"""What a commit did to one document: (key, data) puts it, (key, None) removes it. The key is the
number of the document's UUID."""


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
    head = encode_frame_header(header, offset, kind, seq, synced, len(payload), fact_count)
    crc = zlib.crc32(payload, int.from_bytes(head[-4:], "little"))
    return b"".join((head, payload, _CRC.pack(crc)))


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
    return zlib.crc32(body, zlib.crc32(_OFFSET.pack(offset), zlib.crc32(header.file_id)))


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
    view, at, size = memoryview(data), 0, len(data)
    crc32, file_crc = zlib.crc32, zlib.crc32(header.file_id)
    # This is what opening a database spends its time on, so the header is read in place.
    while at < size:
        start = at + FRAME_HEADER_BYTES
        if start > size:
            raise FrameCutError(FRAME_HEADER_BYTES)
        marker, number, seq, synced, length, count, found = _CHECKED_FRAME.unpack_from(data, at)
        crc = crc32(data[at : start - 4], crc32(_OFFSET.pack(offset + at), file_crc))
        kind = _KINDS.get(number)
        if marker != MARKER or found != crc or kind is None:
            decode_frame_header(header, offset + at, data[at:start])
            raise AssertionError("the header that was refused is refused when it is looked at")
        stop = start + length
        if stop + 4 > size:
            raise FrameCutError(stop + 4 - at)
        payload = data[start:stop] if length <= _SMALL_BYTES else view[start:stop]
        if _CRC.unpack_from(data, stop)[0] != crc32(payload, crc):
            raise FrameError(CHECKSUM_DIFFERS)
        facts: list[Fact] | None = None
        if count == 1:  # As most commits are: this takes half of the time.
            op, key, length = _FACT.unpack_from(data, start)
            if op == _PUT and stop - start == FACT_OVERHEAD_BYTES + length:
                facts = [(int.from_bytes(key), data[stop - length : stop])]
        if facts is None:
            facts = _decode_facts(data, start, stop, count)
        begin, at = at, stop + 4
        yield Frame(kind, seq, synced, facts, offset + begin, offset + at, crc)


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
