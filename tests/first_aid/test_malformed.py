"""Frames and headers that make no sense are refused, also where their checksums hold."""

from __future__ import annotations

import struct
import zlib

import pytest

from reddb.actor.frames import (
    HEADER_BYTES,
    FrameError,
    FrameKind,
    Header,
    decode_frames,
    decode_header,
    encode_frame,
    encode_header,
)

HEADER = Header("json", bytes(16), 0, HEADER_BYTES)


def sealed_frame(payload: bytes, fact_count: int) -> bytes:
    """Give a frame of these bytes with checksums that hold."""
    body = struct.pack("<4sB3xQQQI", b"\xf5RDB", 1, 1, 64, len(payload), fact_count)
    crc = zlib.crc32(body, zlib.crc32(HEADER.file_id + struct.pack("<Q", 64)))
    return body + struct.pack("<I", crc) + payload + struct.pack("<I", zlib.crc32(payload, crc))


def fact(operation: int, key: int, data: bytes = b"", size: int | None = None) -> bytes:
    given = len(data) if size is None else size
    return struct.pack("<B16sI", operation, key.to_bytes(16), given) + data


@pytest.mark.parametrize(
    ("payload", "fact_count"),
    [
        (fact(0, 1), 1),
        (fact(3, 1, b"1"), 1),
        (fact(2, 1, b"1"), 1),
        (fact(1, 1, b"1") + fact(1, 1, b"2"), 2),
        (fact(1, 1, b"1") + fact(2, 1), 2),
        (fact(1, 1, b"1"), 2),
        (fact(1, 1, b"1"), 0),
        (fact(1, 1, b"1", size=0xFFFFFFFF), 1),
        (fact(1, 1, b"1") + b"\0", 1),
        (b"\0", 0),
    ],
    ids=[
        "operation 0",
        "operation 3",
        "a removal with data",
        "an id put twice",
        "an id put and removed",
        "too few facts",
        "too many facts",
        "a giant document",
        "bytes left over",
        "bytes without a fact",
    ],
)
def test_a_payload_that_makes_no_sense_is_refused(payload: bytes, fact_count: int) -> None:
    with pytest.raises(FrameError, match="malformed"):
        list(decode_frames(HEADER, 64, sealed_frame(payload, fact_count)))


def test_a_payload_that_makes_sense_is_read() -> None:
    payload = fact(1, 1, b"1") + fact(2, 2)
    (frame,) = decode_frames(HEADER, 64, sealed_frame(payload, 2))
    assert frame.facts == [(1, b"1"), (2, None)]
    assert sealed_frame(payload, 2) == encode_frame(
        HEADER, 64, FrameKind.COMMIT, 1, 64, [(1, b"1"), (2, None)]
    )


@pytest.mark.parametrize("name", [b"", b"\xff\xfe", b"js\xc3\xb6n"])
def test_a_header_that_names_no_codec_is_refused(name: bytes) -> None:
    body = bytearray(encode_header(HEADER)[:-4])
    body[8:24] = name.ljust(16, b"\0")
    with pytest.raises(FrameError, match="names no codec"):
        decode_header(bytes(body) + struct.pack("<I", zlib.crc32(body)))
