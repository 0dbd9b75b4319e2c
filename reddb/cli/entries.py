"""The entries of a log as ``reddb log`` shows them, also while it grows.

Following means to look at the file's size now and then. The file that is being read stays open, so
when a compaction puts another in its place, it is read to its end before the other is opened: no
commit goes missing, unless the log is compacted twice between two looks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import trio
from attrs import define, field, frozen

from reddb.actor.document import uuid_of
from reddb.actor.frames import Fact, FrameKind
from reddb.actor.reading import LogReader
from reddb.cli.progress import Bar
from reddb.cli.sources import Source
from reddb.codecs import DocumentCodec

_LOOK_S: Final = 0.2
"""How long to wait between two looks at a file that is followed."""


@frozen
class Entry:
    """A frame of a log: a commit, or some of the documents that compaction has kept."""

    seq: int
    offset: int
    length_bytes: int
    compacted: bool
    changes: list[tuple[str, UUID, bytes | None]]
    """What was done, to which document, and the bytes that it then had."""


@define
class EntryReader:
    """Reads the entries of a log in order, each once.

    Args:
        source: The file.
        take: Called with each entry, and with what decodes its documents.
        looked: Called when all that there is now was read.
        lost: Called with a number: commits up to that one were compacted unseen.
    """

    _source: Source
    _take: Callable[[Entry, DocumentCodec[Any]], None]
    _looked: Callable[[], None]
    _lost: Callable[[int], None]
    _seq: int = field(default=-1, init=False)
    """The number of the last entry that was read."""
    _known: int = field(default=-1, init=False)
    """Up to which number the entries were read already, when the file was opened."""
    _live: set[int] = field(factory=set, init=False)

    async def read(self, bar: Bar) -> None:
        """Read all that there is.

        Raises:
            CodecMismatch: The codec that wrote the file is not known.
            DataCorrupted: It is damaged, or no log of this version.
            OSError: It cannot be read.
        """
        async with self._source.log(bar) as log:
            await self._read(log)

    async def follow(self, bar: Bar) -> None:
        """Read all that there is and whatever comes, until cancelled or interrupted.

        Raises:
            CodecMismatch: The codec that wrote the file is not known.
            DataCorrupted: It is damaged, or no log of this version.
            OSError: It cannot be read any more.
        """
        while True:
            number = await _number_of(self._source.path)
            async with self._source.log(bar) as log:
                if 0 <= self._seq < log.header.base_seq:
                    self._lost(log.header.base_seq)
                self._known = self._seq
                self._live.clear()
                await self._read(log)
                while await _number_of(self._source.path) == number:
                    await trio.sleep(_LOOK_S)
                    await self._read_on(log)
                await self._read_on(log)  # What came before the other file took its place.

    async def _read_on(self, log: LogReader) -> None:
        if await log.grow():
            await self._read(log)

    async def _read(self, log: LogReader) -> None:
        codec = DocumentCodec[Any](self._source.codec_of(log), self._source.kind.document_type)
        while (piece := await log.next()) is not None:
            offset = piece.offset
            for frame in piece.frames:
                changes = [
                    (self._operation(fact), uuid_of(fact[0]), fact[1]) for fact in frame.facts
                ]
                compacted = frame.header.kind is FrameKind.CHECKPOINT
                if frame.header.seq > self._known:
                    length = frame.end - offset
                    self._take(Entry(frame.header.seq, offset, length, compacted, changes), codec)
                offset = frame.end
            self._seq = max(self._seq, piece.frames[-1].header.seq)
            await trio.lowlevel.checkpoint()
        self._looked()

    def _operation(self, fact: Fact) -> str:
        """Say what a fact does to the documents that are live, and do it."""
        key, data = fact
        if data is None:
            self._live.discard(key)
            return "delete"
        if key in self._live:
            return "update"
        self._live.add(key)
        return "insert"


async def _number_of(path: Path) -> int:
    """Give the number by which the file system knows the file that has this name now."""
    return (await trio.Path(path).stat()).st_ino
