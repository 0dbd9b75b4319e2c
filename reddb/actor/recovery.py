"""Reading a log from its header to its end, and telling a torn tail from damage.

A crash leaves at the end of a log what it had not finished writing: a cut frame, zeros where the
disk did not get to, sectors that never came. That is a *torn tail*, and no part of it was ever
acknowledged. Anything else that is wrong is *damage*: bytes that were whole once.

A bad frame at offset X is damage if any of this holds, and a torn tail otherwise:

1. X lies below `Header.synced`: that part was on disk before the file got its name.
2. A later frame says that X was on disk when it was written (`FrameHeader.synced`).
3. A later frame is there, and no sector between X and it reads as never written. (Both were then
   written at once, and a disk does not leave a hole that is no hole.)

A later frame counts also if it lies elsewhere than where it was written: then somebody has put
bytes into the file or taken some out of it (`reddb.actor.moved`), which no crash does.

A file whose size is a multiple of 4096 bytes may end in zeros: space that was preallocated for what
would come next (see `reddb.actor.file_storage`). That is no part of a torn tail.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Never

from attrs import define, evolve, field, frozen

from reddb.actor.disk import DiskFile
from reddb.actor.frames import (
    CHECKSUM_DIFFERS,
    FRAME_HEADER_BYTES,
    HEADER_BYTES,
    Fact,
    FactReader,
    Frame,
    FrameCutError,
    FrameError,
    FrameHeader,
    FrameKind,
    Header,
    decode_frame,
    decode_frame_header,
    decode_header,
    decode_single_facts,
    encode_checksum,
    find_frame_headers,
    has_unwritten_sector,
)
from reddb.actor.moved import find_moved_frame_headers
from reddb.actor.scan import sliced
from reddb.actor.storage import Fold, Recovery
from reddb.actor.turns import let_others_run
from reddb.errors import CodecMismatch, DataCorrupted

PREALLOCATED_BLOCK_BYTES = 4096
"""Space is preallocated up to a multiple of this, by which it is known. It is also what most file
systems and disks work with."""

_WINDOW_BYTES = 256 * 1024
"""Read at a time: some thousand documents."""

_DECODE_BYTES = 64 * 1024
"""Of a large frame so much is decoded between two checkpoints: some hundred documents."""

_LARGE_FRAME_BYTES = 1024 * 1024
"""A larger frame is read a window at a time, so that no more of it is in memory."""

_FOLD_FACTS = 512
"""Facts that are folded between two checkpoints: a millisecond, or two in a large database."""


@frozen
class RecoveredLog:
    """Where a log ends and what it held."""

    end: int
    """The offset of the first byte that is no whole frame: where to write the next."""
    seq: int
    """The number of its last commit."""
    synced: int
    """How many of its bytes are on disk for certain."""
    file_bytes: int
    """How long the file is: more than `end` if there is a torn tail, or preallocated space."""
    report: Recovery


async def read_header(file: DiskFile, path: Path, codec: str) -> Header:
    """Read the header of the log at `path`, which must be one of this codec's.

    Raises:
        CodecMismatch: Another codec wrote it.
        DataCorrupted: It is no log of this version.
        OSError: It cannot be read.
    """
    try:
        header = decode_header(await file.read(0, HEADER_BYTES))
    except FrameError as error:
        raise DataCorrupted(str(path), 0, str(error)) from None
    if header.codec != codec:
        raise CodecMismatch(str(path), expected=codec, found=header.codec)
    return header


async def read_log(file: DiskFile, path: Path, header: Header, fold: Fold) -> RecoveredLog:
    """Call `fold` with every whole commit of the log, in order, and say where it ends.

    The first call has no facts: it gives the sequence number that the log starts from.

    Nothing is changed, also where the tail is torn.

    Raises:
        DataCorrupted: Something before the tail is damaged.
        OSError: The file cannot be read.
    """
    walk = _Walk(file, path, header, fold)
    size, want = await file.size(), _WINDOW_BYTES
    problem: FrameError | None = None
    fold(walk.seq, ())
    while walk.at < size and problem is None:
        try:
            if want > _LARGE_FRAME_BYTES:
                want = _WINDOW_BYTES
                await walk.take_large_frame()
                continue
            data = await file.read(walk.at, want)
            # A short read is at the end, even if the file was longer a moment ago.
            size = walk.at + len(data) if len(data) < want else size
            want = _WINDOW_BYTES
            await walk.take_frames(data)
        except FrameCutError as cut:
            if walk.at + cut.needed > size:
                problem = cut
            want = max(cut.needed, _WINDOW_BYTES)
        except FrameError as error:
            problem = error
    log = RecoveredLog(walk.at, walk.seq, walk.synced, size, Recovery(walk.commits))
    if problem is not None:
        return await _torn(file, path, header, log, problem)
    if walk.at < header.synced:
        raise DataCorrupted(str(path), walk.at, "the file ends before what it was created with")
    return log


@define(eq=False)
class _Walk:
    """On the way through a log, frame by frame."""

    file: DiskFile
    path: Path
    header: Header
    fold: Fold
    at: int = HEADER_BYTES
    """Where the next frame begins."""
    seq: int = field(init=False)
    synced: int = field(init=False)
    commits: int = 0

    def __attrs_post_init__(self) -> None:
        self.seq, self.synced = self.header.base_seq, self.header.synced

    def _refuse_order(self, found: int) -> Never:
        """Refuse whole frames in a wrong order, which no crash leaves."""
        reason = f"commit {found} follows commit {self.seq}"
        raise DataCorrupted(str(self.path), self.at, reason)

    async def take_frames(self, data: bytes) -> None:
        """Fold the frames in `data`, which was read where the next frame begins.

        Raises:
            FrameCutError: The last frame ends behind the data.
            FrameError: The next frame is damaged.
        """
        header, offset, at = self.header, self.at, 0
        while at < len(data):
            single = decode_single_facts(header, offset, data, at, self.seq, _FOLD_FACTS)
            if single.facts:
                self._pass(offset + single.end, self.seq + len(single.facts), single.synced)
                self.fold(self.seq, single.facts)
            if len(single.facts) == _FOLD_FACTS:
                await let_others_run()
            elif single.end < len(data):
                await self._take_frame(decode_frame(header, offset, data, single.end))
            at = self.at - offset

    async def _take_frame(self, frame: Frame) -> None:
        if frame.seq != self.seq + (frame.kind is FrameKind.COMMIT):
            self._refuse_order(frame.seq)
        self._pass(frame.end, frame.seq, frame.synced)
        await self._fold_all(frame.seq, frame.facts)

    async def _fold_all(self, seq: int, facts: Sequence[Fact]) -> None:
        """Fold facts, with a checkpoint between slices where there are many."""
        if len(facts) <= _FOLD_FACTS:
            self.fold(seq, facts)
            return
        for part in sliced(facts, _FOLD_FACTS):
            self.fold(seq, part)
            await let_others_run()

    def _pass(self, end: int, seq: int, synced: int) -> None:
        """Go on behind frames that are whole, the last of which has the number `seq`."""
        self.commits += seq - self.seq
        self.at, self.seq, self.synced = end, seq, max(self.synced, synced)

    async def take_large_frame(self) -> None:
        """Fold the next frame, which is whole but for its checksum perhaps, a window at a time.

        It is read twice, for nothing of it may be folded before its checksum was seen to hold.

        Raises:
            FrameError: The frame is damaged.
            DataCorrupted: Its payload is malformed.
        """
        data = await self.file.read(self.at, FRAME_HEADER_BYTES)
        head = decode_frame_header(self.header, self.at, data)
        start = self.at + FRAME_HEADER_BYTES
        end, crc = start + head.payload_bytes, head.crc
        for offset in range(start, end, _WINDOW_BYTES):
            crc = zlib.crc32(await self.file.read(offset, min(_WINDOW_BYTES, end - offset)), crc)
        if await self.file.read(end, 4) != encode_checksum(crc):
            raise FrameError(CHECKSUM_DIFFERS)
        if head.seq != self.seq + (head.kind is FrameKind.COMMIT):
            self._refuse_order(head.seq)
        facts = FactReader(head.fact_count)
        try:
            for offset in range(start, end, _WINDOW_BYTES):
                piece = await self.file.read(offset, min(_WINDOW_BYTES, end - offset))
                for at in range(0, len(piece), _DECODE_BYTES):
                    part = facts.read(piece[at : at + _DECODE_BYTES])
                    await self._fold_all(head.seq, part)
                    await let_others_run()
            facts.end()
        except FrameError as error:
            raise DataCorrupted(str(self.path), self.at, str(error)) from None
        self._pass(end + 4, head.seq, head.synced)


async def _torn(
    file: DiskFile, path: Path, header: Header, whole: RecoveredLog, problem: FrameError
) -> RecoveredLog:
    """Give the log without its torn tail, and without what was preallocated.

    Raises:
        DataCorrupted: It is damage, not a torn tail.
    """
    at, size = whole.end, whole.file_bytes
    if await is_damage(file, header, at, whole.seq, size):
        raise DataCorrupted(str(path), at, str(problem))
    torn_bytes = await end_of_writing(file, at, size) - at
    if not torn_bytes:
        return whole
    return evolve(whole, report=Recovery(whole.report.commits, torn_bytes, str(problem), at))


async def end_of_writing(file: DiskFile, start: int, size: int) -> int:
    """Give where what was preallocated begins; the size, if nothing was.

    Zeros at the end of an unfinished write are taken for preallocated, too.

    Args:
        file: The log.
        start: Where its last whole frame ends.
        size: The file's size in bytes.

    Raises:
        OSError: The file cannot be read.
    """
    if size % PREALLOCATED_BLOCK_BYTES:
        return size
    end = start
    for at in range(start, size, _WINDOW_BYTES):
        data = (await file.read(at, min(_WINDOW_BYTES, size - at))).rstrip(b"\0")
        if data:
            end = at + len(data)
    return end


async def is_damage(file: DiskFile, header: Header, bad: int, seq: int, size: int) -> bool:
    """Tell damage from a torn tail.

    Args:
        file: The log.
        header: Its header.
        bad: Where the bad frame lies.
        seq: The number of the last commit before it.
        size: The file's size in bytes.

    Raises:
        OSError: The file cannot be read.
    """
    return bad < header.synced or await _was_whole(file, header, bad, seq, size)


async def _was_whole(file: DiskFile, header: Header, bad: int, seq: int, size: int) -> bool:
    """Tell whether the frames behind `bad` show that it was whole once (rules 2 and 3)."""
    first = True
    at = bad
    while at < size:
        data = await file.read(at, _WINDOW_BYTES)
        for offset, frame in _later_headers(header, at, data, bad, seq):
            if frame.synced > bad:
                return True
            if first and not await _reads_as_unwritten(file, bad, offset):
                return True
            first = False
        if at + len(data) >= size or len(data) < FRAME_HEADER_BYTES:
            return False
        at += len(data) - FRAME_HEADER_BYTES + 1
    return False


def _later_headers(
    header: Header, at: int, data: bytes, bad: int, seq: int
) -> list[tuple[int, FrameHeader]]:
    """Give the undamaged frame headers in `data` of frames that were written behind `bad`."""
    in_place = [each for each in find_frame_headers(header, at, data) if each[0] > bad]
    moved = find_moved_frame_headers(header, at, data, bad=bad, seq=seq)
    return sorted([*in_place, *moved], key=itemgetter(0))


async def _reads_as_unwritten(file: DiskFile, start: int, end: int) -> bool:
    """Tell whether a sector between two offsets reads as never written."""
    at = start
    while at < end:
        stop = (at // _WINDOW_BYTES + 1) * _WINDOW_BYTES  # No sector is in two windows.
        if end - stop < _WINDOW_BYTES:
            stop = end
        if has_unwritten_sector(at, await file.read(at, stop - at)):
            return True
        at = stop
    return False
