"""Looking for whole frames behind damage, and for frames whose file has lost its header.

A frame is found by its marker and proven by its checksums, which tell for which file and for which
offset it was written. The work is at most a few times the file's size, whatever the bytes are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from attrs import define, evolve, frozen

from reddb.actor.disk import DiskFile
from reddb.actor.frames import (
    FRAME_HEADER_BYTES,
    FRAME_OVERHEAD_BYTES,
    HEADER_BYTES,
    MARKER,
    Frame,
    FrameError,
    FrameHeader,
    FrameKind,
    Header,
    decode_frame_header,
    decode_frames,
)
from reddb.actor.lost_header import stand_in_id

WINDOW_BYTES_MIN: Final = 4 * 1024
WINDOW_BYTES_MAX: Final = 64 * 1024
"""Read at a time: at first little, for the next whole frame is mostly near, then twice as much
each time."""

_CHECKED_PER_BYTE_MAX: Final = 8
"""How many bytes of possible frames may be checked for each byte of the file. Real damage takes
less than 2. A file made for the purpose, in which every possible frame reaches over all others,
would take its size squared."""

_WITNESSES_MAX: Final = 64
"""From how many frames the id of their file is concluded."""


def seq_before(head: FrameHeader) -> int:
    """Give the number of the commit that must come before a frame."""
    return head.seq - 1 if head.kind is FrameKind.COMMIT else head.seq


@frozen
class Found:
    """A whole frame."""

    offset: int
    header: Header
    """The header of a file in which the frame is whole."""
    frame: Frame


@define
class FrameSearch:
    """Finds whole frames. `of` makes one."""

    _file: DiskFile
    _header_for: Callable[[int, bytes], Header]
    _left_bytes: int
    """How many more bytes of possible frames may be checked."""

    @classmethod
    def of(
        cls, file: DiskFile, size: int, header_for: Callable[[int, bytes], Header]
    ) -> FrameSearch:
        """Give a search.

        Args:
            file: Where to look.
            size: The file's size in bytes, from which follows how much work may be done.
            header_for: Gives the header of the file that a frame should belong to, from the
                frame's offset and its first `FRAME_HEADER_BYTES` bytes.
        """
        return cls(file, header_for, _CHECKED_PER_BYTE_MAX * (size + WINDOW_BYTES_MAX))

    async def first(self, start: int, size: int) -> Found | None:
        """Give the first whole frame that begins at or behind `start` and ends before `size`.

        Raises:
            OSError: The file cannot be read.
        """
        at, want = start, WINDOW_BYTES_MIN
        while at < size:
            data = await self._file.read(at, want)
            place = data.find(MARKER)
            while place >= 0:
                found = await self._frame(at, data, place, size)
                if found is not None:
                    return found
                place = data.find(MARKER, place + 1)
            if len(data) < want:
                break
            at += len(data) - FRAME_HEADER_BYTES + 1
            want = min(2 * want, WINDOW_BYTES_MAX)
        return None

    async def _frame(self, at: int, data: bytes, place: int, size: int) -> Found | None:
        """Give the frame that begins at `place` in `data`, which was read at `at`, if whole."""
        beginning = data[place : place + FRAME_HEADER_BYTES]
        if len(beginning) < FRAME_HEADER_BYTES:
            return None
        offset = at + place
        header = self._header_for(offset, beginning)
        try:
            head = decode_frame_header(header, offset, beginning)
            frame_bytes = FRAME_OVERHEAD_BYTES + head.payload_bytes
            if offset + frame_bytes > size or not self._may_check(frame_bytes):
                return None
            whole = data[place : place + frame_bytes]
            if len(whole) < frame_bytes:
                whole = await self._file.read(offset, frame_bytes)
            frame = next(decode_frames(header, offset, whole), None)
        except FrameError:
            return None
        return None if frame is None else Found(offset, header, frame)

    def _may_check(self, frame_bytes: int) -> bool:
        self._left_bytes -= FRAME_OVERHEAD_BYTES + frame_bytes
        return self._left_bytes >= 0


async def conclude_header(file: DiskFile, codec: str) -> Header | None:
    """Give a header with which the frames of a file can be read that has lost its own.

    Args:
        file: The file.
        codec: The codec's name, which frames do not tell.

    Returns:
        The header, or None if the file has no whole frame.

    Raises:
        OSError: The file cannot be read.
    """

    def stand_in(offset: int, beginning: bytes) -> Header:
        return Header(codec, stand_in_id(offset, beginning), 0, HEADER_BYTES)

    size = await file.size()
    search = FrameSearch.of(file, size, stand_in)
    witnesses: Counter[bytes] = Counter()
    headers: dict[bytes, Header] = {}
    found = await search.first(HEADER_BYTES, size)
    while found is not None:
        file_id = found.header.file_id
        witnesses[file_id] += 1
        headers.setdefault(file_id, evolve(found.header, base_seq=seq_before(found.frame.header)))
        if witnesses.total() == _WITNESSES_MAX:
            break
        found = await search.first(found.frame.end, size)
    return headers[witnesses.most_common(1)[0][0]] if witnesses else None
