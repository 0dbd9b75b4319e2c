"""Every byte of a log flipped, in every format: no flip may go unnoticed.

Before the last write a flip must raise `DataCorrupted` with the offset of the frame that it is in.
In the last write nothing tells a damaged frame from an unfinished one. There it may be cut off as a
torn tail, but must not be served either. (Of several frames in that write this holds for the last
one, and for those with a sector of zeros, for so reads what a disk never got around to writing.)

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
from tests.campaigns.campaign import Campaign, Report
from tests.campaigns.damaged.corpus import Contents, Corpus, corpora
from tests.campaigns.damaged.judging import Judge, Opened, Outcome
from tests.campaigns.damaged.metering import Meter, Violation
from tests.campaigns.damaged.searching import reported, run_quietly
from tests.campaigns.simulated.weakened import without_checksums

MASKS = (*(1 << bit for bit in range(8)), 0xFF)
"""Each bit alone, and all at once."""

_CONTROL_SHARE = 0.01


@frozen
class Job:
    """The flips of one log."""

    corpus: Corpus
    share: float
    """Which share of all flips is tried."""
    seed: int


def search(job: Job) -> Report:
    """Try the flips of one log."""
    report = Report()
    run_quietly(_Search(job, report).run, job.seed)
    return report


class _Search:
    """Looks for flips in one log that are not dealt with as they should be."""

    def __init__(self, job: Job, report: Report) -> None:
        self.corpus = job.corpus
        self.share = job.share
        self.random = Random(f"{job.seed}, {job.corpus}")
        self.report = report
        self.judge = Judge(job.corpus, Meter())

    async def run(self) -> None:
        """Flip every byte, in every way; with one of the ways, try everything on the log."""
        with self.judge.meter.running(memory=False):
            for at in range(len(self.corpus.log)):
                thorough = self.random.choice(MASKS)
                for mask in MASKS:
                    if self.random.random() < self.share:
                        await self.flip(at, mask, thorough=mask == thorough)

    async def flip(self, at: int, mask: int, *, thorough: bool) -> None:
        """Flip a byte, and take down what is not as it must be."""
        log = bytearray(self.corpus.log)
        log[at] ^= mask
        self.report.tried[f"flips in {self.corpus.database.__name__}"] += 1
        try:
            if thorough:
                outcome = await self.judge.judge(bytes(log))
                opened = outcome.opened
                self.check_saved(at, outcome)
            else:
                opened = await self.judge.open(bytes(log))
            self.check_opened(at, bytes(log), opened)
        except Violation as violation:
            where = f"{self.corpus}: byte {at} ^ {mask:#04x}"
            self.report.violations.append(f"{where}: {violation}")

    def check_opened(self, at: int, log: bytes, opened: Opened | RedDbError) -> None:
        """See that the flip was noticed, and where.

        Raises:
            Violation: It was not.
        """
        start = self.start_of(at)
        match opened:
            case DataCorrupted():
                if opened.offset != start:
                    raise Violation(f"noticed at {opened.offset}; the frame begins at {start}")
                self.report.tried["flips that opening refused, with the right offset"] += 1
            case Opened(recovery=cut) if self.may_be_cut(start, log):
                before = self.corpus.frames[self.corpus.starts.index(start)].header.seq - 1
                there = (opened.seq, opened.contents, cut.torn_offset, cut.torn_bytes)
                if there != (before, self.corpus.history[before], start, len(log) - start):
                    raise Violation("what is left is not what was there before")
                self.report.tried["flips in the last write that were cut off with it"] += 1
            case _:
                raise Violation(f"opening gave {opened!r:.200}")

    def check_saved(self, at: int, outcome: Outcome) -> None:
        """See that every other frame was salvaged.

        Raises:
            Violation: It was not.
        """
        start, salvaged, saved = self.start_of(at), outcome.salvaged, outcome.saved
        if not isinstance(salvaged, SalvageReport) or saved is None:
            raise Violation("it was not salvaged")
        frames = [
            frame
            for begin, frame in zip(self.corpus.starts, self.corpus.frames, strict=True)
            if begin < start or (begin > start and salvaged.torn_tail is None)
        ]
        if saved.contents != self.fold(frames):
            raise Violation("other frames were salvaged than those without a flip")
        where = [salvaged.torn_tail] if salvaged.torn_tail else salvaged.damage
        if [lost.offset for lost in where] != [start]:
            raise Violation(f"salvage found damage at {where}; the frame begins at {start}")
        self.report.tried["logs with a flip that were verified and salvaged"] += 1

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

    def may_be_cut(self, start: int, log: bytes) -> bool:
        """Tell whether a flip in the frame at `start` cannot be told from an unfinished write."""
        if start < max(self.corpus.last_write, HEADER_BYTES):
            return False
        if start == self.corpus.starts[-1]:
            return True
        end = self.corpus.frames[self.corpus.starts.index(start)].end
        return has_unwritten_sector(start, log[start:end])


def run(scale: float, seed: int) -> Report:
    """Flip every byte of every log; below scale 1, that share of them."""
    jobs = [Job(corpus, scale, seed) for corpus in corpora(seed)]
    report = reported(search, jobs, alone=scale < 1)
    with without_checksums():
        unprotected = [Job(corpus, _CONTROL_SHARE, seed) for corpus in corpora(seed)[::6]]
        report.caught["checksums"] = len(reported(search, unprotected, alone=True).violations)
    return report


CAMPAIGN = Campaign("byte-flips", "flips every byte of a log, in every format", run)
