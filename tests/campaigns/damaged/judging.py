"""What must hold of every log, however damaged: what opening, verifying and salvaging do with it.

They may refuse it, with an error of reddb's own. They may not crash, need more time or memory than
the log's size accounts for, disagree with each other, or hand out anything that was never stored.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from attrs import define, evolve, field, frozen

import reddb
from reddb import (
    CodecMismatch,
    DataCorrupted,
    DecodeError,
    Recovery,
    RedDbError,
    SalvageReport,
    VerifyReport,
)
from reddb.actor.frames import HEADER_BYTES
from reddb.testing.simulated_disk import SimulatedDisk
from tests.campaigns.damaged.corpus import PATH, Contents, Corpus, open_on
from tests.campaigns.damaged.metering import Meter, Violation

SALVAGED = Path("salvaged.log")


@frozen
class Opened:
    """What opening a log gave."""

    seq: int
    contents: Contents
    """The documents that can be decoded."""
    count: int
    recovery: Recovery


@frozen
class Outcome:
    """What was made of one log."""

    opened: Opened | RedDbError
    verified: VerifyReport | DataCorrupted
    salvaged: SalvageReport | DataCorrupted
    saved: Opened | None
    """What opening gave of what was salvaged."""


@define(eq=False)
class Judge:
    """Opens, verifies and salvages logs that were made of one corpus."""

    corpus: Corpus
    meter: Meter
    _versions: Mapping[UUID, Sequence[Any]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._versions = self.corpus.versions()

    async def judge(self, log: bytes, *, genuine: bool = True) -> Outcome:
        """Try everything on a log.

        Args:
            log: The log.
            genuine: Whether every document in it that is whole was written by a database.

        Raises:
            Violation: Something is not as it must be.
        """
        opened = await self.open(log)
        verified = await self._verify(log)
        salvaged, saved = await self._salvage(log, verified)
        self._compare_opened(opened, verified)
        self._compare_saved(opened, verified, salvaged, saved)
        if genuine:
            self._check_history(log, opened, saved)
        return Outcome(opened, verified, salvaged, saved)

    async def open(self, log: bytes) -> Opened | RedDbError:
        """Open a log and read all of it, or give why that was refused.

        Raises:
            Violation: It fails in another way, takes too much, or changes what it refuses.
        """
        disk = SimulatedDisk({PATH: log})
        with failures_noted("opening"):
            try:
                return await self._read(disk, PATH, len(log))
            except (DataCorrupted, CodecMismatch) as error:
                if disk.content(PATH) != log:
                    raise Violation("a log that was refused was changed") from error
                return error

    async def _read(self, disk: SimulatedDisk, path: Path, log_bytes: int) -> Opened:
        contents = []
        with self.meter.bounded(log_bytes):
            async with open_on(disk, self.corpus.database, Random(0), path) as db:
                snapshot, stats = db.snapshot(), await db.stats()
                for key, _ in snapshot._state.facts():
                    id_ = UUID(int=key)
                    with contextlib.suppress(DecodeError):
                        contents.append((id_, snapshot.find_one(id_).data))
        snapshot._state.check()
        return Opened(snapshot.seq, tuple(contents), len(snapshot), stats.recovery)

    async def _verify(self, log: bytes) -> VerifyReport | DataCorrupted:
        disk, codec = SimulatedDisk({PATH: log}), self.corpus.codec
        with failures_noted("verify"):
            try:
                with self.meter.bounded(len(log)):
                    report = await reddb.verify(PATH, disk=disk)
                if report.codec in {None, codec.name}:
                    with self.meter.bounded(len(log)):
                        decoding = await reddb.verify(PATH, codec=codec, disk=disk)
                    if evolve(decoding, undecodable=(), undecodable_reasons=()) != report:
                        raise Violation("verify finds something else when it decodes documents")
                    report = decoding
            except DataCorrupted as error:
                return error
            finally:
                if disk.journal:
                    raise Violation("verify changed something")
        return report

    async def _salvage(
        self, log: bytes, verified: VerifyReport | DataCorrupted
    ) -> tuple[SalvageReport | DataCorrupted, Opened | None]:
        disk = SimulatedDisk({PATH: log})
        known = isinstance(verified, VerifyReport) and verified.codec is not None
        codec = None if known else self.corpus.codec
        with failures_noted("salvage"):
            try:
                with self.meter.bounded(2 * len(log)):
                    report = await reddb.salvage(PATH, SALVAGED, codec=codec, disk=disk)
            except DataCorrupted as error:
                return error, None
            finally:
                if disk.content(PATH) != log:
                    raise Violation("salvage changed the damaged log")
        if report.codec != self.corpus.codec.name:
            return report, None
        with failures_noted("opening what was salvaged"):
            return report, await self._read(disk, SALVAGED, len(log))

    def _compare_opened(
        self, opened: Opened | RedDbError, verified: VerifyReport | DataCorrupted
    ) -> None:
        """See that opening and verifying find the same."""
        match opened, verified:
            case CodecMismatch(), VerifyReport():
                agreed = verified.codec == opened.found
            case DataCorrupted(), VerifyReport():
                agreed = [damage.offset for damage in verified.damage[:1]] == [opened.offset]
            case DataCorrupted(), DataCorrupted():
                agreed = (opened.offset, opened.reason) == (verified.offset, verified.reason)
            case Opened(), VerifyReport():
                torn, cut = verified.torn_tail, opened.recovery
                where = (None, 0) if torn is None else (torn.offset, torn.length_bytes)
                agreed = (
                    not verified.damage
                    and (verified.last_seq, verified.commit_count) == (opened.seq, cut.commits)
                    and verified.live_document_count == opened.count
                    and opened.count == len(opened.contents) + len(verified.undecodable)
                    and (cut.torn_offset, cut.torn_bytes) == where
                )
            case _:
                agreed = False
        if not agreed:
            raise Violation(f"opening gave {opened!r:.300}, verify gave {verified!r:.300}")

    def _compare_saved(
        self,
        opened: Opened | RedDbError,
        verified: VerifyReport | DataCorrupted,
        salvaged: SalvageReport | DataCorrupted,
        saved: Opened | None,
    ) -> None:
        """See that salvaging finds what verifying finds, and saves it."""
        match verified, salvaged:
            case VerifyReport(), SalvageReport():
                agreed = all(
                    getattr(verified, part) == getattr(salvaged, part)
                    for part in ("damage", "torn_tail", "last_seq", "commit_count")
                )
            case DataCorrupted(), DataCorrupted():
                agreed = True
            case _:
                agreed = False
        if not agreed:
            raise Violation(f"verify gave {verified!r:.300}, salvage gave {salvaged!r:.300}")
        if saved is None:
            return
        assert isinstance(salvaged, SalvageReport)
        if saved.recovery != Recovery(salvaged.commit_count):
            raise Violation(f"what was salvaged is damaged again: {saved.recovery}")
        if (saved.seq, saved.count) != (salvaged.last_seq, salvaged.live_document_count):
            raise Violation(f"salvage promised {salvaged!r:.300}, but saved {saved!r:.300}")
        if isinstance(opened, Opened) and _ids(saved) != _ids(opened):
            raise Violation("what was salvaged differs from what opening gives")

    def _check_history(self, log: bytes, opened: Opened | RedDbError, saved: Opened | None) -> None:
        """See that nothing was handed out that was never stored."""
        if isinstance(opened, Opened):
            states = [self.corpus.history.get(opened.seq)]
            if log[:HEADER_BYTES] != self.corpus.log[:HEADER_BYTES]:
                states.append(())  # Under another header no frame is one.
            if opened.contents not in states:
                raise Violation(f"what was opened is no state there ever was, at {opened.seq}")
            if saved is not None and saved.contents != opened.contents:
                raise Violation("what was salvaged differs from what opening gives")
        for id_, value in () if saved is None else saved.contents:
            if value not in self._versions.get(id_, ()):
                raise Violation(f"document {id_} was salvaged with a value that it never had")


def _ids(opened: Opened) -> list[UUID]:
    return [id_ for id_, _ in opened.contents]


@contextlib.contextmanager
def failures_noted(what: str) -> Iterator[None]:
    """Turn whatever the body raises into a violation.

    Raises:
        Violation: The body raised something.
    """
    try:
        yield
    except Violation:
        raise
    except Exception as error:
        raise Violation(f"{what} raised {error!r:.300}") from error
