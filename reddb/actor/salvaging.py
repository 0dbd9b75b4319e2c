"""Saving what is whole in a damaged log: what `reddb.salvage` does.

The log is gone through twice: once to see what is there, and once to copy it. The new log appears
under its name when it is whole and on disk, as every log does (see `reddb.actor.file_storage`).

Commits are numbered anew so that no number is left out, for a log with a gap would be damaged. The
last one keeps its number, and the others come before it without a gap: so no number that was ever
given to a commit is given to another one later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import define, evolve, field, frozen

from reddb.actor.disk import Disk, DiskFile
from reddb.actor.frames import (
    HEADER_BYTES,
    Frame,
    FrameKind,
    Header,
    encode_frame,
    encode_header,
)
from reddb.actor.new_file import new_file
from reddb.actor.survey import Damage, TornTail
from reddb.actor.verification import Tally, header_of, look_through
from reddb.actor.wording import counted
from reddb.errors import CodecMismatch, DataCorrupted


@frozen(kw_only=True)
class SalvageReport:
    """What was saved of a log, and what was lost. Get it from `reddb.salvage`.

    Example:
        >>> report = await reddb.salvage("notes.json", "saved.json")
        >>> report.commit_count, report.commits_missing
        (119, 1)
    """

    source: Path
    """The damaged file."""
    target: Path
    """The new file."""
    codec: str
    """The name of the codec that the new file is to be opened with."""
    file_size_bytes: int
    """The new file's size."""
    last_seq: int
    """The number of the last commit, in both files."""
    commit_count: int
    """How many commits were saved, apart from what compaction had made of earlier ones."""
    live_document_count: int
    """How many documents the new file holds."""
    damage: tuple[Damage, ...]
    """What could not be saved, in the order of the damaged file."""
    torn_tail: TornTail | None
    """The unfinished write at its end, which was left out; None if there was none."""

    @property
    def lost_bytes(self) -> int:
        """How many bytes of the damaged file were left out as damaged."""
        return sum(damage.length_bytes for damage in self.damage)

    @property
    def commits_missing(self) -> int:
        """How many commits are known to be missing, by the numbers of the others.

        There may be more: commits at the damaged end of a file leave no trace, and neither do
        documents that compaction wrote.
        """
        return sum(damage.commits_missing or 0 for damage in self.damage)

    def __str__(self) -> str:
        saved = (
            f"{self.target}: saved {counted(self.commit_count, 'commit')} of {self.source}, "
            f"{counted(self.live_document_count, 'document')}"
        )
        torn = [] if self.torn_tail is None else [self.torn_tail]
        return "\n".join(map(str, [saved, *self.damage, *torn]))


async def salvage_log(
    file: DiskFile,
    source: Path,
    target: Path,
    codec: str | None,
    *,
    disk: Disk,
    random_bytes: Callable[[int], bytes],
) -> SalvageReport:
    """Write all whole frames of a log into a new one.

    Args:
        file: The log. It may be in use.
        source: Its path, for messages.
        target: The path of the new log.
        codec: The codec's name, in case that the log has lost it.
        disk: Where to write the new log.
        random_bytes: Gives that many random bytes, for the new file's own id.

    Raises:
        CodecMismatch: `codec` is not what the log says itself.
        DatabaseLocked: A database of the new log's name is open.
        DataCorrupted: It is no log of this version, or its header is damaged and `codec` is None,
            or somebody else than a database has changed it meanwhile.
        FileExistsError: There is a file of the new log's name.
        OSError: The one cannot be read, or the other not be written.
    """
    beginning = await header_of(file, source, codec or "")
    header, broken = beginning.header, beginning.damage
    if codec is not None and codec != header.codec:
        raise CodecMismatch(str(source), expected=codec, found=header.codec)
    if broken is not None and codec is None:
        reason = f"{broken.reason}; to salvage it, say which codec wrote it"
        raise DataCorrupted(str(source), 0, reason)
    async with new_file(disk, target) as copied:
        size = await file.size()
        survey = beginning.survey(file, size)
        tally = Tally()
        found = await look_through(survey, tally.add)
        last_seq, commits = survey.seq, tally.commit_count
        new_header = Header(header.codec, random_bytes(16), last_seq - commits, synced=0)
        copy = _Copy(copied, new_header)
        # The same again: what was whole still is, and what has been written since lies behind it.
        await look_through(beginning.survey(file, size, until=survey.end), copy.add)
        if copy.seq != last_seq:
            raise DataCorrupted(str(source), survey.end, "it was changed while it was salvaged")
        new_bytes = await copy.finish()
    return SalvageReport(
        source=source,
        target=target,
        codec=header.codec,
        file_size_bytes=new_bytes,
        last_seq=last_seq,
        commit_count=commits,
        live_document_count=len(tally.live),
        damage=(*([broken] if broken else []), *found.damage),
        torn_tail=found.torn_tail,
    )


@define
class _Copy:
    """A new log that is written frame by frame."""

    _file: DiskFile
    _header: Header
    _size: int = HEADER_BYTES
    seq: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.seq = self._header.base_seq

    async def add(self, frames: Sequence[Frame]) -> None:
        """Write frames under the numbers that come next."""
        pieces: list[bytes] = []
        size = self._size
        for frame in frames:
            kind = frame.header.kind
            self.seq += kind is FrameKind.COMMIT
            pieces.append(encode_frame(self._header, size, kind, self.seq, 0, frame.facts))
            size += len(pieces[-1])
        await self._file.write(self._size, b"".join(pieces), sync=False)
        self._size = size

    async def finish(self) -> int:
        """Write the header, and have all of it on disk; give the size in bytes."""
        header = evolve(self._header, synced=self._size)
        await self._file.write(0, encode_header(header), sync=True)
        return self._size
