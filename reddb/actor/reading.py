"""Reading a log that somebody else may be writing to: without its lock, and without changing it.

`LogReader` walks along the whole frames, up to where the file ended when the walk began. A torn
tail, which may be the write that is just under way, is left out. Damage ends the walk with
`DataCorrupted`, as it does an opening.

The file is held open, so it does not matter if a compaction meanwhile puts another in its place:
what is read is then the log as it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from attrs import define, field

from reddb.actor.disk import DiskFile
from reddb.actor.engine import reader_of
from reddb.actor.folding import Folding
from reddb.actor.frames import HEADER_BYTES, FrameError, Header, decode_header
from reddb.actor.recovery import end_of_writing
from reddb.actor.scan import sliced
from reddb.actor.state import State
from reddb.actor.survey import Damage, Frames, Survey, TornTail
from reddb.actor.turns import let_others_run
from reddb.codecs import DocumentCodec
from reddb.errors import DataCorrupted

T = TypeVar("T")

_FOLD_FACTS = 128
"""Facts that are folded between two checkpoints."""


@define(eq=False)
class LogReader:
    """A walk along the whole frames of a log. Get one from `LogReader.of`."""

    path: Path
    """The log's path, for messages."""
    _file: DiskFile
    header: Header
    size: int
    """How long the file was when the walk began, in bytes."""
    _survey: Survey
    torn_tail: TornTail | None = field(default=None, init=False)
    """The unfinished write at the end, once the walk has come to it."""

    @classmethod
    async def of(cls, file: DiskFile, path: Path) -> LogReader:
        """Begin at the beginning of a log.

        Args:
            file: The log. It may be in use.
            path: Its path, for messages.

        Raises:
            DataCorrupted: It is no log of this version, or its header is damaged.
            OSError: It cannot be read.
        """
        try:
            header = decode_header(await file.read(0, HEADER_BYTES))
        except FrameError as error:
            raise DataCorrupted(str(path), 0, str(error)) from None
        size = await file.size()
        return cls(path, file, header, size, Survey(file, header, size))

    async def grow(self) -> bool:
        """Go on behind the last frame, if anything was written there; tell whether it was.

        Call it when `next` has given None.

        Raises:
            OSError: The file cannot be read.
        """
        size = await self._file.size()
        end = self._survey.end
        if await end_of_writing(self._file, end, size) <= end:
            return False
        self.size, self.torn_tail = size, None
        self._survey = self._survey.going_on(size)
        return True

    async def next(self) -> Frames | None:
        """Give the frames that come next; None at the end.

        Raises:
            DataCorrupted: What comes next is damaged.
            OSError: The file cannot be read.
        """
        match await self._survey.next():
            case Damage() as damage:
                raise DataCorrupted(str(self.path), damage.offset, damage.reason)
            case TornTail() as torn_tail:
                self.torn_tail = torn_tail
                return None
            case piece:
                return piece


async def read_state(log: LogReader, codec: DocumentCodec[T]) -> State[T]:
    """Give the state that a log comes to.

    Raises:
        DataCorrupted: It is damaged.
        OSError: It cannot be read.
    """
    folding = Folding(reader_of(codec))
    folding.add(log.header.base_seq, ())
    while (piece := await log.next()) is not None:
        for frame in piece.frames:
            for facts in sliced(frame.facts, _FOLD_FACTS):
                folding.add(frame.header.seq, facts)
                if len(facts) == _FOLD_FACTS:
                    await let_others_run()
    return folding.state()
