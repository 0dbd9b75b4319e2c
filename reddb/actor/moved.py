"""Frames that lie elsewhere than where they were written. Pure: no file is touched.

A frame holds at the offset that it was written for, and at no other. So behind a byte that an
editor put into a log, or took out of it, no frame holds any more, and all of them would pass for an
unfinished write. But a frame's header checksum covers its offset, and a CRC-32 can be run
backwards: it tells where the frame was, in this file, when it was written.

No crash moves bytes: each is where it was written, or is not there. What could be mistaken for a
moved frame are bytes of a log in a document whose own frame is torn. Of those,

- frames of this very log are older than that document: their numbers are past;
- frames of other logs are seeded with other ids, so what comes out for them is any of 2**32
  offsets. It is believed only if it is near.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reddb.actor.frames import (
    FACT_OVERHEAD_BYTES,
    FRAME_HEADER_BYTES,
    FRAME_OVERHEAD_BYTES,
    MARKER,
    FrameError,
    FrameHeader,
    FrameKind,
    Header,
    decode_frame_header,
)
from reddb.actor.lost_header import run_back

MOVED_BYTES_MAX: Final = 64 * 1024
"""How far a frame is looked for from where it was written. An editor moves it by a few bytes."""

_COMMIT_BEGINNING: Final = MARKER + bytes([FrameKind.COMMIT, 0, 0, 0])
_COMMIT_BYTES_MIN: Final = FRAME_OVERHEAD_BYTES + FACT_OVERHEAD_BYTES
_OFFSET_LOW_BITS: Final = 32


def written_offset(header: Header, near: int, frame_header: bytes) -> int:
    """Give the offset at which the header of a frame holds.

    There is one such offset in every 4 GiB of a file.

    Args:
        header: The header of its file.
        near: Which 4 GiB: an offset in bytes that lies in them.
        frame_header: The frame's first `FRAME_HEADER_BYTES` bytes.

    Example:
        >>> written_offset(header, near=1005, frame_header=data)
        1000
    """
    high = near >> _OFFSET_LOW_BITS
    body, stored = frame_header[:-4], int.from_bytes(frame_header[-4:], "little")
    # Behind the id come eight bytes of offset, the low four first, and four can make any CRC-32.
    crc_of_low = run_back(stored, high.to_bytes(4, "little") + body)
    low = run_back(crc_of_low, bytes(4)) ^ header.file_crc
    return high << _OFFSET_LOW_BITS | low


def find_moved_frame_headers(
    header: Header, offset: int, data: bytes, *, bad: int, seq: int
) -> Iterator[tuple[int, FrameHeader]]:
    """Give the header of every commit in `data` that was moved there, with where it lies now.

    Args:
        header: The file's header.
        offset: Where in the file `data` lies.
        data: Some bytes of the file.
        bad: Where the log's last whole frame ends. Only what was written there or behind is given.
        seq: The number of its last commit. Only later ones are given.
    """
    at = data.find(_COMMIT_BEGINNING)
    while at >= 0:
        beginning = data[at : at + FRAME_HEADER_BYTES]
        if len(beginning) == FRAME_HEADER_BYTES:
            place = offset + at
            was_at = written_offset(header, place, beginning)
            if was_at != place and abs(place - was_at) <= MOVED_BYTES_MAX:
                found = _decoded(header, was_at, beginning)
                if found is not None and _follows(found, was_at, bad, seq):
                    yield place, found
        at = data.find(_COMMIT_BEGINNING, at + 1)


def _decoded(header: Header, offset: int, beginning: bytes) -> FrameHeader | None:
    try:
        return decode_frame_header(header, offset, beginning)
    except FrameError:
        return None


def _follows(found: FrameHeader, was_at: int, bad: int, seq: int) -> bool:
    """Tell whether a commit can have been written at `was_at`, if commit `seq` ended at `bad`."""
    between = found.seq - (seq + 1)
    return (
        between >= 0
        and bad + between * _COMMIT_BYTES_MIN <= was_at
        and found.synced <= was_at
        and found.fact_count * FACT_OVERHEAD_BYTES <= found.payload_bytes
    )
