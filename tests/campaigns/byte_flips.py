"""Every byte of a log flipped, in every format, and one put in or taken out at every place.

No change may go unnoticed. Before the last write it must raise `DataCorrupted` with the offset of
the frame that it is in. In the last write nothing tells a damaged frame from an unfinished one.
There it may be cut off as a torn tail, but must not be served either. (Of several frames in that
write this holds for the last one, and for those with a sector of zeros, for so reads what a disk
never got around to writing.)

Salvaging must save every other frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any
from uuid import UUID

from attrs import frozen

from reddb import DataCorrupted, RedDbError, SalvageReport
from reddb.actor.document import uuid_of
from reddb.actor.frames import HEADER_BYTES, Frame, has_unwritten_sector
from tests.campaigns.campaign import Campaign, Report, noticed
from tests.campaigns.damaged.corpus import Contents, Corpus, corpora
from tests.campaigns.damaged.judging import Judge, Opened, Outcome
from tests.campaigns.damaged.metering import Meter, Violation
from tests.campaigns.damaged.searching import reported, run_quietly
from tests.campaigns.simulated.weakened import without_checksums, without_moved_frames

MASKS = (*(1 << bit for bit in range(8)), 0xFF)
"""Each bit alone, and all at once."""

_CONTROL_SHARE = 0.01


@frozen
class Job:
    """The changes of one log."""

    corpus: Corpus
    share: float
    """Which share of all changes is tried."""
    seed: int


def search(job: Job) -> Report:
    """Try the changes of one log."""
    report = Report()
    run_quietly(_Search(job, report).run, job.seed)
    return report


@frozen
class Change:
    """A log with one byte that is other than it was written."""

    what: str
    at: int
    log: bytes
    start: int
    """Where the frame begins that is the first to be wrong; 0 for the header."""
    lost: bool
    """Whether it is lost, or lies whole behind a byte that was put in before it."""


class _Search:
    """Looks for changes of one log that are not dealt with as they should be."""

    def __init__(self, job: Job, report: Report) -> None:
        self.corpus = job.corpus
        self.share = job.share
        self.random = Random(f"{job.seed}, {job.corpus}")
        self.report = report
        self.judge = Judge(job.corpus, Meter())

    async def run(self) -> None:
        """Make every change; with one of the flips of each byte, try everything on the log."""
        with self.judge.meter.running(memory=False):
            for at in range(len(self.corpus.log)):
                thorough = self.random.choice(MASKS)
                for mask in MASKS:
                    if self.random.random() < self.share:
                        await self.try_change(self.flip(at, mask), thorough=mask == thorough)
                for change in (self.put_in(at), self.take_out(at)):
                    if self.random.random() < self.share:
                        await self.try_change(change, thorough=True)

    def flip(self, at: int, mask: int) -> Change:
        """Change some bits of a byte."""
        log = bytearray(self.corpus.log)
        log[at] ^= mask
        return Change("flips", at, bytes(log), self.start_of(at), lost=True)

    def put_in(self, at: int) -> Change:
        """Put a byte in: another one than is there, or else it would be put in further on."""
        log = self.corpus.log
        new = bytes([log[at] ^ self.random.choice(MASKS)])
        start = self.start_of(at)
        return Change("bytes put in", at, log[:at] + new + log[at:], start, lost=at != start)

    def take_out(self, at: int) -> Change:
        """Take a byte out."""
        log = self.corpus.log
        changed = log[:at] + log[at + 1 :]
        pairs = enumerate(zip(log, changed, strict=False))
        first = next((place for place, (old, new) in pairs if old != new), len(changed))
        return Change("bytes taken out", at, changed, self.start_of(first), lost=True)

    async def try_change(self, change: Change, *, thorough: bool) -> None:
        """Have a changed log opened, and take down what is not as it must be."""
        self.report.tried[f"{change.what} in {self.corpus.database.__name__}"] += 1
        try:
            if thorough:
                outcome = await self.judge.judge(change.log)
                opened = outcome.opened
                self.check_saved(change, outcome)
            else:
                opened = await self.judge.open(change.log)
            self.check_opened(change, opened)
        except Violation as violation:
            where = f"{self.corpus}: {change.what} at {change.at}"
            self.report.violations.append(f"{where}: {violation}")

    def check_opened(self, change: Change, opened: Opened | RedDbError) -> None:
        """See that the change was noticed, and where.

        Raises:
            Violation: It was not.
        """
        start, log, what = change.start, change.log, change.what
        match opened:
            case DataCorrupted():
                if opened.offset != start:
                    raise Violation(f"noticed at {opened.offset}; the frame begins at {start}")
                self.report.tried[f"{what} that opening refused, with the right offset"] += 1
            case Opened(recovery=cut) if self.may_be_cut(change):
                before = self.corpus.frames[self.corpus.starts.index(start)].header.seq - 1
                there = (opened.seq, opened.contents, cut.torn_offset, cut.torn_bytes)
                if there != (before, self.corpus.history[before], start, len(log) - start):
                    raise Violation("what is left is not what was there before")
                self.report.tried[f"{what} in the last write that were cut off with it"] += 1
            case _:
                raise Violation(f"opening gave {opened!r:.200}")

    def check_saved(self, change: Change, outcome: Outcome) -> None:
        """See that every other frame was salvaged.

        Raises:
            Violation: It was not.
        """
        start, salvaged, saved = change.start, outcome.salvaged, outcome.saved
        if not isinstance(salvaged, SalvageReport) or saved is None:
            raise Violation("it was not salvaged")
        frames = [
            frame
            for begin, frame in zip(self.corpus.starts, self.corpus.frames, strict=True)
            if begin < start or (salvaged.torn_tail is None and (begin > start or not change.lost))
        ]
        if saved.contents != self.fold(frames):
            raise Violation("other frames were salvaged than those without a change")
        where = [salvaged.torn_tail] if salvaged.torn_tail else salvaged.damage
        if [lost.offset for lost in where] != [start]:
            raise Violation(f"salvage found damage at {where}; the frame begins at {start}")
        self.report.tried[f"logs with {change.what} that were verified and salvaged"] += 1

    def fold(self, frames: Sequence[Frame]) -> Contents:
        """Give the documents that some frames come to."""
        codec = self.corpus.codec
        documents: dict[UUID, Any] = {}
        for frame in frames:
            for key, data in frame.facts:
                if data is None:
                    documents.pop(uuid_of(key), None)
                else:
                    documents[uuid_of(key)] = codec.decode(data)
        return tuple(documents.items())

    def start_of(self, at: int) -> int:
        """Give where the frame begins that byte `at` is in; 0 for the header."""
        return max(start for start in (0, *self.corpus.starts) if start <= at)

    def may_be_cut(self, change: Change) -> bool:
        """Tell whether a change cannot be told from an unfinished write."""
        starts, start = self.corpus.starts, change.start
        if start < max(self.corpus.last_write, HEADER_BYTES):
            return False
        if start == starts[-1] and change.lost:
            return True
        # Up to the next whole frame, which lies where it did before, or near.
        number = starts.index(start) + change.lost
        end = starts[number] + len(change.log) - len(self.corpus.log)
        return has_unwritten_sector(start, change.log[start:end])


def run(scale: float, seed: int) -> Report:
    """Make every change to every log; below scale 1, that share of them."""
    jobs = [Job(corpus, scale, seed) for corpus in corpora(seed)]
    report = reported(search, jobs, alone=scale < 1)
    for protection, without in (
        ("checksums", without_checksums),
        ("looking for frames that were moved", without_moved_frames),
    ):
        with without():
            unprotected = [Job(corpus, _CONTROL_SHARE, seed) for corpus in corpora(seed)[::6]]
            found = reported(search, unprotected, alone=True)
        report.caught[protection] = noticed(found.violations, "opening gave Opened|is no state")
    return report


CAMPAIGN = Campaign("byte-flips", "changes every byte of a log, in every format", run)
