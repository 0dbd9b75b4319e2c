"""Going through a log from its header to its end, past whatever is damaged in it.

Opening a database stops at the first bad frame. First aid does not: it looks for the next frame
that is whole, says what lies between, and goes on, also where bytes were put in or taken out, so
that all that follows lies elsewhere than it was written. What opening would cut off as a torn tail
is a torn tail here too, by the same rules (see `reddb.actor.recovery`).

The file may be in use. It is read without a lock, so what is bad may just not be written yet: a
bad frame is looked at again, and for as long as the file goes on to grow. One look more is enough
where it does not grow. A frame looks damaged only if something behind it is whole, and whoever
writes them writes the frame first: when what follows is seen, it is there, although the place was
read too early. What is appended to the file after the survey began is not looked at; what is
written into space that was preallocated may be.

No more of the file is in memory at a time than a window, or one frame where that is larger.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from attrs import define, field, frozen

from reddb.actor.disk import DiskFile
from reddb.actor.frame_search import (
    WINDOW_BYTES_MAX,
    WINDOW_BYTES_MIN,
    Found,
    FrameSearch,
    seq_before,
)
from reddb.actor.frames import (
    HEADER_BYTES,
    Frame,
    FrameCutError,
    FrameError,
    Header,
    decode_frames,
)
from reddb.actor.recovery import end_of_writing, is_damage
from reddb.actor.wording import counted

_LOOKS_MAX: Final = 16
"""How often a bad frame of a file that goes on to grow is looked at."""


@frozen
class Damage:
    """A part of a log that is no good, although it was whole once.

    Example:
        >>> for damage in (await reddb.verify("notes.json")).damage:
        ...     print(damage.offset, damage.length_bytes, damage.reason)
    """

    offset: int
    """Where it begins, in bytes from the beginning of the file: where a frame should be."""
    length_bytes: int
    """How far it is to the next whole frame, or to where the file ends or should end. 0 where
    nothing lies between two frames, but their numbers do not follow each other."""
    reason: str
    """What is wrong at `offset`."""
    commits_missing: int | None
    """How many commits are missing here, by the numbers of those before and after; None where
    there are none to tell. The documents that compaction wrote have no such numbers: where only
    some of those are missing, this is 0."""

    def __str__(self) -> str:
        missing = f"; commits missing: {self.commits_missing}" if self.commits_missing else ""
        damaged = f"{counted(self.length_bytes, 'byte')} damaged at byte {self.offset}"
        return f"{damaged}: {self.reason}{missing}"


@frozen
class TornTail:
    """An unfinished write at the end of a log. Opening the database cuts it off.

    No part of it was ever acknowledged. While a database has the log open, it may be the write
    that is just under way.
    """

    offset: int
    """Where it begins, in bytes from the beginning of the file."""
    length_bytes: int
    """How long it is."""
    reason: str
    """Why it is no whole frame."""

    def __str__(self) -> str:
        where = f"{counted(self.length_bytes, 'byte')} at byte {self.offset}"
        are = "is" if self.length_bytes == 1 else "are"
        return f"{where} {are} an unfinished write: {self.reason}"


@frozen
class Frames:
    """Whole frames that follow each other, in the right order."""

    offset: int
    """Where the first of them begins."""
    frames: list[Frame]


class _DisorderError(FrameError):
    """A frame is whole, but its number does not follow that of the frame before."""

    def __init__(self, frame: Frame, seq: int) -> None:
        super().__init__(f"commit {frame.header.seq} follows commit {seq}")
        self.frame = frame


@frozen
class _Verdict:
    """What there is in place of a frame, and how to go on."""

    piece: Damage | TornTail | None
    """None: nothing, but space that was preallocated."""
    next_at: int | None = None
    """Where the next frame begins; None if none does."""
    commits_missing: int = 0
    moved_bytes: int | None = None
    """How much further on the next frame lies than where it was written; None if that is as it was
    before."""


Piece: TypeAlias = Frames | Damage | TornTail


@define(eq=False)
class Survey:
    """A walk through a log. Call `next` until it gives None.

    Args:
        file: The log. It may be in use.
        header: Its header, or one to take its place.
        size: The file's size in bytes.
        damaged: Whether the log is known to be damaged already, as without its header.
        moved_bytes: How much further on the first frame lies than where it was written.
        until: Frames that begin here or behind are not looked at; the size by default.
    """

    _file: DiskFile
    _header: Header
    _size: int
    _damaged: bool = field(default=False, kw_only=True)
    _moved_bytes: int = field(default=0, kw_only=True)
    """How much further on the frames lie now than where they were written."""
    _until: int = field(kw_only=True)
    seq: int = field(init=False)
    """The number of the last commit that was given or is missing."""
    end: int = field(init=False)
    """Where the last frame that was given ends."""
    _at: int = field(init=False)
    _window_bytes: int = field(default=WINDOW_BYTES_MAX, init=False)
    _ended: bool = field(default=False, init=False)
    _search: FrameSearch = field(init=False)

    @_until.default
    def _whole_file(self) -> int:
        return self._size

    def __attrs_post_init__(self) -> None:
        self.seq = self._header.base_seq
        self._at = self.end = HEADER_BYTES + self._moved_bytes
        self._search = FrameSearch.of(self._file, self._size, lambda *_: self._header)

    def going_on(self, size: int) -> Survey:
        """Give a survey of what was appended behind the last frame of this one.

        Args:
            size: The file's size in bytes now.
        """
        later = Survey(
            self._file,
            self._header,
            size,
            damaged=self._damaged,
            moved_bytes=self._moved_bytes,
        )
        later.seq, later.end, later._at = self.seq, self.end, self.end
        return later

    async def next(self) -> Piece | None:
        """Give what comes next in the log; None at its end.

        Raises:
            OSError: The file cannot be read.
        """
        if self._ended:
            return None
        if self._at >= self._until:
            return self._end()
        verdict: _Verdict | None = None
        judged_size = 0
        for _ in range(_LOOKS_MAX):
            size = await self._file.size()
            frames, problem = await self._whole_frames()
            if frames:
                return self._given(frames)
            if problem is None:  # Somebody has cut the file off here.
                return self._end()
            if verdict is not None and size == judged_size:
                break
            verdict, judged_size = await self._judge(problem, size), size
        assert verdict is not None
        return self._past(verdict)

    async def _whole_frames(self) -> tuple[list[Frame], FrameError | None]:
        """Give the next frames, as many as a window holds, and what is wrong behind them."""
        want = self._window_bytes
        while True:
            data = await self._file.read(self._at, want)
            frames: list[Frame] = []
            at, seq = self._at, self.seq
            try:
                for frame in decode_frames(self._header, at - self._moved_bytes, data):
                    if at >= self._until:
                        break
                    if seq_before(frame.header) != seq:
                        raise _DisorderError(frame, seq)
                    frames.append(frame)
                    at, seq = frame.end + self._moved_bytes, frame.header.seq
            except FrameCutError as cut:
                if frames or len(data) < want or self._at + cut.needed > await self._file.size():
                    return frames, cut
                want = cut.needed
            except FrameError as error:
                return frames, error
            else:
                return frames, None

    def _given(self, frames: list[Frame]) -> Frames:
        offset, last = self._at, frames[-1]
        self._at = self.end = last.end + self._moved_bytes
        self.seq = last.header.seq
        self._window_bytes = min(2 * self._window_bytes, WINDOW_BYTES_MAX)
        return Frames(offset, frames)

    def _end(self) -> Damage | None:
        self._ended = True
        missing = self._header.synced + self._moved_bytes - self._at
        if missing <= 0:
            return None
        return Damage(self._at, missing, "the file ends before what it was created with", None)

    def _past(self, verdict: _Verdict) -> Damage | TornTail | None:
        self._damaged = self._damaged or verdict.piece is not None
        self._ended = verdict.next_at is None
        self._at = verdict.next_at or self._at
        self.seq += verdict.commits_missing
        if verdict.moved_bytes is not None:
            self._moved_bytes = verdict.moved_bytes
        self._window_bytes = WINDOW_BYTES_MIN
        return verdict.piece

    async def _judge(self, problem: FrameError, size: int) -> _Verdict:
        """Say what there is in place of the next frame, in a file of `size` bytes."""
        if isinstance(problem, _DisorderError):
            return self._disorder(problem)
        at, reason = self._at, str(problem)
        found = await self._following(at, size)
        # In a log that is damaged anyhow, what whole frames follow is no tail.
        maybe_torn = found is None or not self._damaged
        if maybe_torn and not await is_damage(self._file, self._header, at, self.seq, size):
            torn_bytes = await end_of_writing(self._file, at, size) - at
            return _Verdict(TornTail(at, torn_bytes, reason) if torn_bytes else None)
        if found is None:
            end = max(size, self._header.synced + self._moved_bytes)
            return _Verdict(Damage(at, end - at, reason, None))
        return self._gap(found, reason)

    async def _following(self, start: int, size: int) -> Found | None:
        """Give the next whole frame; of those that were moved, none that is only a copy."""
        found = await self._search.first(start, size)
        while (
            found is not None
            and found.moved_bytes != self._moved_bytes
            and seq_before(found.frame.header) < self.seq
        ):
            found = await self._search.first(found.offset + 1, size)
        return found

    def _gap(self, found: Found, reason: str) -> _Verdict:
        missing = max(seq_before(found.frame.header) - self.seq, 0)
        reason += told_of_move(found.moved_bytes - self._moved_bytes)
        damage = Damage(self._at, found.offset - self._at, reason, missing)
        return _Verdict(damage, found.offset, missing, found.moved_bytes)

    def _disorder(self, problem: _DisorderError) -> _Verdict:
        """Take a frame that comes early, and miss those before it; leave out one that comes late.

        Late facts must not be applied: newer ones may have been.
        """
        end = problem.frame.end + self._moved_bytes
        missing = seq_before(problem.frame.header) - self.seq
        if missing > 0:
            return _Verdict(Damage(self._at, 0, str(problem), missing), self._at, missing)
        return _Verdict(Damage(self._at, end - self._at, str(problem), 0), end)


def told_of_move(further_bytes: int) -> str:
    """Say how many bytes were put in or taken out, to be added to a reason."""
    if not further_bytes:
        return ""
    count = abs(further_bytes)
    change = "too many" if further_bytes > 0 else "missing"
    return f"; {counted(count, 'byte')} {'is' if count == 1 else 'are'} {change} here"
