"""Looking a log through without changing it: what `reddb.verify` does.

Nothing is taken hold of, and no more of the file is in memory than a window of it and the ids of
the live documents.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any, Final
from uuid import UUID

from attrs import define, field, frozen

from reddb.actor.disk import DiskFile
from reddb.actor.frame_search import conclude_header
from reddb.actor.frames import (
    HEADER_BYTES,
    Fact,
    Frame,
    FrameError,
    FrameKind,
    Header,
    decode_header,
)
from reddb.actor.scan import sliced
from reddb.actor.survey import Damage, Frames, Survey, TornTail, told_of_move
from reddb.actor.turns import let_others_run
from reddb.actor.wording import counted
from reddb.codecs import DocumentCodec
from reddb.errors import CodecMismatch, DataCorrupted, DecodeError

_SLICE_FACTS: Final = 128
"""Documents that are looked at between two checkpoints."""

_REASON_CHARS_MAX: Final = 500
"""How much is kept of why a document cannot be decoded, of each of them."""


@frozen(kw_only=True)
class VerifyReport:
    """What is in a log. Get it from `reddb.verify`.

    Example:
        >>> report = await reddb.verify("notes.json")
        >>> report.ok, report.live_document_count
        (True, 3)
    """

    path: Path
    """The file."""
    codec: str | None
    """The name of the codec that wrote it; None if its header is damaged."""
    file_size_bytes: int
    """Its size when it was looked at, with space that was preallocated."""
    base_seq: int
    """The number that its commits begin after: 0, or that of the state that was compacted."""
    last_seq: int
    """The number of its last whole commit; `base_seq` if there is none."""
    frame_count: int
    """How many whole frames there are: a commit each, or some of the compacted documents."""
    commit_count: int
    """How many of them are commits."""
    live_document_count: int
    """How many documents the whole frames come to."""
    dead_record_count: int
    """How many records compaction would leave out: replaced and removed documents, removals."""
    torn_tail: TornTail | None
    """The unfinished write at its end, which opening cuts off; None if there is none."""
    damage: tuple[Damage, ...]
    """What is damaged, in the order of the file."""
    undecodable: tuple[UUID, ...]
    """The live documents that could not be decoded; empty if there was no codec to try it with."""
    undecodable_reasons: tuple[str, ...]
    """Why each of them could not be, in the same order: what does not fit, and where it is. Each
    is one line of at most 500 characters."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong. A torn tail is not: a crash leaves one."""
        return not self.damage and not self.undecodable

    def __str__(self) -> str:
        found = (
            f"{self.path}: {self.codec or 'unknown codec'}, "
            f"{counted(self.file_size_bytes, 'byte')}, "
            f"{counted(self.commit_count, 'commit')} up to {self.last_seq}, "
            f"{counted(self.live_document_count, 'document')}, "
            f"{counted(self.dead_record_count, 'dead record')}"
        )
        torn = [] if self.torn_tail is None else [self.torn_tail]
        undecodable = [
            f"cannot be decoded: document {id_}: {reason}"
            for id_, reason in zip(self.undecodable, self.undecodable_reasons, strict=True)
        ]
        return "\n".join(map(str, [found, *self.damage, *torn, *undecodable]))


@define
class Tally:
    """What frames come to.

    Args:
        codec: What to decode each document with, if at all.
    """

    _codec: DocumentCodec[Any] | None = None
    frame_count: int = 0
    commit_count: int = 0
    record_count: int = 0
    live: set[int] = field(factory=set)
    undecodable: dict[int, str] = field(factory=dict)
    """Why each of these live documents could not be decoded."""

    async def add(self, frames: Sequence[Frame]) -> None:
        """Add frames, in order."""
        for frame in frames:
            self.frame_count += 1
            self.commit_count += frame.header.kind is FrameKind.COMMIT
            for facts in sliced(frame.facts, _SLICE_FACTS):
                self._add_facts(facts)
                if len(facts) == _SLICE_FACTS or self._codec is not None:
                    await let_others_run()

    def _add_facts(self, facts: Sequence[Fact]) -> None:
        self.record_count += len(facts)
        for key, data in facts:
            self.undecodable.pop(key, None)
            if data is None:
                self.live.discard(key)
            else:
                self.live.add(key)
                self._try_to_decode(key, data)

    def _try_to_decode(self, key: int, data: bytes) -> None:
        if self._codec is None:
            return
        try:
            self._codec.decode(data)
        except DecodeError as error:  # It holds on to the document, and its text may quote it.
            self.undecodable[key] = shorten(str(error), _REASON_CHARS_MAX)


@define
class Findings:
    """What is wrong with a log."""

    damage: list[Damage] = field(factory=list)
    torn_tail: TornTail | None = None


async def look_through(
    survey: Survey, take: Callable[[Sequence[Frame]], Awaitable[None]]
) -> Findings:
    """Hand all whole frames of a log to `take`, in order, and say what is wrong between them.

    Raises:
        OSError: The file cannot be read.
        Exception: Whatever `take` raises.
    """
    findings = Findings()
    while (piece := await survey.next()) is not None:
        match piece:
            case Frames(_, frames):
                await take(frames)
            case Damage():
                findings.damage.append(piece)
            case TornTail():
                findings.torn_tail = piece
    return findings


@frozen
class Beginning:
    """The header of a log."""

    header: Header
    """As it is, or as it was concluded from the frames."""
    damage: Damage | None = None
    """What is wrong with the one in the file."""
    moved_bytes: int = 0
    """How much further on the first frame lies than where it was written."""

    def survey(self, file: DiskFile, size: int, until: int | None = None) -> Survey:
        """Give a walk through what follows. See `Survey` for the arguments."""
        return Survey(
            file,
            self.header,
            size,
            damaged=self.damage is not None,
            moved_bytes=self.moved_bytes,
            until=size if until is None else until,
        )


async def header_of(file: DiskFile, path: Path, codec: str) -> Beginning:
    """Read the header of a log or, if it is damaged, conclude one from the frames.

    Args:
        file: The log.
        path: Its path, for messages.
        codec: The codec's name in a header that was concluded.

    Raises:
        DataCorrupted: It is no log of this version.
        OSError: It cannot be read.
    """
    data = await file.read(0, HEADER_BYTES)
    try:
        return Beginning(decode_header(data))
    except FrameError as error:
        problem = str(error)
    undamaged = zlib.crc32(data[:-4]).to_bytes(4, "little") == data[-4:]
    concluded = None if undamaged else await conclude_header(file, codec)
    if concluded is None:
        raise DataCorrupted(str(path), 0, problem)
    moved = concluded.moved_bytes
    damage = Damage(0, HEADER_BYTES + moved, problem + told_of_move(moved), None)
    return Beginning(concluded.header, damage, moved)


async def verify_log(file: DiskFile, path: Path, codec: DocumentCodec[Any] | None) -> VerifyReport:
    """Look a log through.

    Args:
        file: The log. It may be in use.
        path: Its path, for messages.
        codec: What to decode each document with, if at all.

    Raises:
        CodecMismatch: Another codec wrote it.
        DataCorrupted: It is no log of this version.
        OSError: It cannot be read.
    """
    beginning = await header_of(file, path, codec.name if codec else "")
    header, broken = beginning.header, beginning.damage
    if broken is None and codec is not None and codec.name != header.codec:
        raise CodecMismatch(str(path), expected=codec.name, found=header.codec)
    size = await file.size()
    survey = beginning.survey(file, size)
    tally = Tally(codec)
    found = await look_through(survey, tally.add)
    undecodable = sorted(tally.undecodable.items())
    return VerifyReport(
        path=path,
        codec=header.codec if broken is None else None,
        file_size_bytes=size,
        base_seq=header.base_seq,
        last_seq=survey.seq,
        frame_count=tally.frame_count,
        commit_count=tally.commit_count,
        live_document_count=len(tally.live),
        dead_record_count=tally.record_count - len(tally.live),
        torn_tail=found.torn_tail,
        damage=(*([broken] if broken else []), *found.damage),
        undecodable=tuple(UUID(int=key) for key, _ in undecodable),
        undecodable_reasons=tuple(reason for _, reason in undecodable),
    )
