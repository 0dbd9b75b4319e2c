"""Looking for whole frames behind damage, and for frames whose file has lost its header.

A frame is found by its marker and proven by its checksums, which tell for which file and for which
offset it was written. It may have been moved since then (`reddb.actor.moved`). The work is at most
a few times the file's size, whatever the bytes are.
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
from reddb.actor.moved import MOVED_BYTES_MAX, written_offset

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
    """Where it lies."""
    header: Header
    """The header of a file in which the frame is whole."""
    frame: Frame
    """The frame. Its end is where it ended when it was written."""
    moved_bytes: int
    """How much further on it lies than where it was written; negative if it lies before that."""

    @property
    def end(self) -> int:
        """The offset of the byte after it."""
        return self.frame.end + self.moved_bytes


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
        was_at = written_offset(header, offset, beginning)
        if abs(offset - was_at) > MOVED_BYTES_MAX:
            return None
        try:
            head = decode_frame_header(header, was_at, beginning)
            frame_bytes = FRAME_OVERHEAD_BYTES + head.payload_bytes
            if offset + frame_bytes > size or not self._may_check(frame_bytes):
                return None
            whole = data[place : place + frame_bytes]
            if len(whole) < frame_bytes:
                whole = await self._file.read(offset, frame_bytes)
            frame = next(decode_frames(header, was_at, whole), None)
        except FrameError:
            return None
        return None if frame is None else Found(offset, header, frame, offset - was_at)

    def _may_check(self, frame_bytes: int) -> bool:
        self._left_bytes -= FRAME_OVERHEAD_BYTES + frame_bytes
        return self._left_bytes >= 0


@frozen
class Concluded:
    """What the frames of a file tell of the header that it has lost."""

    header: Header
    moved_bytes: int
    """How much further on the first frame lies than where it was written: more than 0 if bytes
    were put into the header, less if some were taken out."""
    witness_count: int
    """How many frames hold with this header."""


async def conclude_header(file: DiskFile, codec: str) -> Concluded | None:
    """Give a header with which the frames of a file can be read that has lost its own.

    Args:
        file: The file.
        codec: The codec's name, which frames do not tell.

    Returns:
        The header, or None if the file has no whole frame.

    Raises:
        OSError: The file cannot be read.
    """
    size = await file.size()
    concluded, first = await _most_agree(file, size, codec, 0)
    if first == HEADER_BYTES or abs(first - HEADER_BYTES) > MOVED_BYTES_MAX:
        return concluded
    # The first frame of a file is written right behind its header; perhaps this is that one.
    moved, _ = await _most_agree(file, size, codec, first - HEADER_BYTES)
    assert concluded is not None and moved is not None, "there is a whole frame"
    is_first = first < HEADER_BYTES + FRAME_OVERHEAD_BYTES  # There is no room for one before it.
    return moved if is_first or moved.witness_count > concluded.witness_count else concluded


async def _most_agree(
    file: DiskFile, size: int, codec: str, moved_bytes: int
) -> tuple[Concluded | None, int]:
    """Give the header that most frames hold with, if all were moved by so much.

    Returns:
        The header, or None if there is no whole frame; and where the first frame lies.
    """

    def stand_in(offset: int, beginning: bytes) -> Header:
        file_id = stand_in_id(max(offset - moved_bytes, 0), beginning)
        return Header(codec, file_id, 0, HEADER_BYTES)

    search = FrameSearch.of(file, size, stand_in)
    witnesses: Counter[bytes] = Counter()
    headers: dict[bytes, Header] = {}
    found = await search.first(0, size)
    first = HEADER_BYTES if found is None else found.offset
    while found is not None and witnesses.total() < _WITNESSES_MAX:
        file_id = found.header.file_id
        witnesses[file_id] += 1
        headers.setdefault(file_id, evolve(found.header, base_seq=seq_before(found.frame.header)))
        found = await search.first(found.end, size)
    if not witnesses:
        return None, first
    ((file_id, count),) = witnesses.most_common(1)
    return Concluded(headers[file_id], moved_bytes, count), first
