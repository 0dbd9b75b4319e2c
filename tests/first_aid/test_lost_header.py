"""Without its header a file's frames can still be proven, by what they have in common."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reddb.actor.frames import (
    FRAME_HEADER_BYTES,
    FrameError,
    FrameKind,
    Header,
    decode_frames,
    encode_frame,
)
from reddb.actor.lost_header import stand_in_id

numbers = st.integers(0, (1 << 64) - 1)
file_ids = st.binary(min_size=16, max_size=16)


def header(file_id: bytes) -> Header:
    return Header("json", file_id, 0, 64)


def frame(file_id: bytes, offset: int, data: bytes = b"data") -> bytes:
    return encode_frame(header(file_id), offset, FrameKind.COMMIT, 1, 64, [(7, data)])


@given(file_id=file_ids, offset=numbers, data=st.binary())
def test_a_frame_holds_with_its_stand_in_id(file_id: bytes, offset: int, data: bytes) -> None:
    written = frame(file_id, offset, data)
    found = stand_in_id(offset, written[:FRAME_HEADER_BYTES])
    assert len(found) == 16
    (read,) = decode_frames(header(found), offset, written)
    assert read.facts == [(7, data)]


@given(file_id=file_ids, offset=numbers, other=numbers)
def test_other_frames_of_the_file_hold_with_it_too(file_id: bytes, offset: int, other: int) -> None:
    found = stand_in_id(offset, frame(file_id, offset)[:FRAME_HEADER_BYTES])
    assert list(decode_frames(header(found), other, frame(file_id, other, b"other")))
    assert stand_in_id(other, frame(file_id, other, b"other")[:FRAME_HEADER_BYTES]) == found


@given(file_id=file_ids, foreign_id=file_ids, offset=numbers)
def test_frames_of_other_files_do_not(file_id: bytes, foreign_id: bytes, offset: int) -> None:
    assume(file_id != foreign_id)
    found = stand_in_id(offset, frame(file_id, offset)[:FRAME_HEADER_BYTES])
    with pytest.raises(FrameError):
        list(decode_frames(header(found), offset, frame(foreign_id, offset)))
