"""A block log: every write and flush of a disk, replayed to any moment, with any of the rest lost.

A database is written on a file system on a loop device on a file that records what is done to it.
A power cut leaves of that disk everything before the last flush, and of what came after it
whatever it likes: these campaigns leave the first few writes, any of the writes, or any sector of
any of them. Each such disk is mounted, which runs its file system's recovery, and the database
opened: every commit that was acknowledged by that moment must be there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random

from attrs import define, frozen

from reddb import Durability
from reddb.actor.disk import Disk, RealDisk
from tests.campaigns.campaign import Campaign, Report, Unsupported
from tests.campaigns.kernel import mounts
from tests.campaigns.kernel.block_record import Replay, recorded, survivors
from tests.campaigns.kernel.bounded import attempt, campaigning
from tests.campaigns.kernel.examine import examine, tells_of_loss
from tests.campaigns.kernel.fuse_file import Entry, read_record
from tests.campaigns.kernel.home import Home, Setting, settings
from tests.campaigns.kernel.journal import Acknowledged, Event, Journal
from tests.campaigns.kernel.life import live
from tests.campaigns.kernel.mounts import EXT4, XFS, FileSystem, ProgramFailed
from tests.campaigns.kernel.steps import WITHOUT, SteppedDisk

_REPLAYS = 500
_REPLAYS_OF_A_RECORD = 50
_CONTROL_REPLAYS = 10
_HOME = "home"


@frozen
class _Recording:
    """A life on a recorded disk."""

    image: Path
    """The disk as it was before."""
    entries: Sequence[Entry]
    """What was done to it while the life lasted, mounting included."""
    begin: int
    """The position in the record at which the life began."""
    events: Sequence[tuple[int, Event]]
    """What it has told, each with the position in the record at which it did."""
    problem: str | None
    """What was wrong already before any power cut."""

    def moments(self, rng: Random, wanted: int) -> list[int]:
        """Choose so many entries of the life: a third of them flushes, the others any."""
        life = range(sum(entry.end <= self.begin for entry in self.entries), len(self.entries))
        flushes = [number for number in life if self.entries[number].data is None]
        third = wanted // 3
        return rng.choices(flushes, k=third) + rng.choices(life, k=wanted - third)

    def counts(self) -> Counter[str]:
        """Tell how many writes and flushes there are."""
        kinds = ("flushes" if entry.data is None else "writes" for entry in self.entries)
        return Counter(kinds)

    def journal(self, position: int) -> Journal:
        """Give what may be found of the life if the power was cut at this position."""
        journal = Journal()
        for at, event in self.events:
            if at <= position or not isinstance(event, Acknowledged):
                journal.take(event)
        return journal


@define(eq=False)
class _Workshop:
    """Where disks of one file system are recorded and replayed."""

    file_system: FileSystem
    place: Path
    rng: Random

    def record(self, setting: Setting, without: str | None) -> _Recording:
        """Live on a recorded disk, perhaps without a protection."""
        base, image = self.place / "base", self.place / "image"
        mounts.make_image(self.file_system, base)
        with mounts.mounted(base, self.place / "mount", "loop") as mount:
            (mount / _HOME).mkdir()
        mounts.run("cp", "--sparse=always", base, image)
        events: list[tuple[int, Event]] = []
        options = ["loop", *(["barrier=0"] if without == "flush" else [])]
        disk: Disk = RealDisk()
        if without is not None and without in WITHOUT:
            disk = SteppedDisk(disk, WITHOUT[without])
        with (
            recorded(image, self.place) as recording,
            mounts.mounted(recording.disk, self.place / "mount", *options) as mount,
        ):
            home = Home(setting, mount / _HOME)
            begin = recording.position

            def send(event: Event) -> None:
                events.append((recording.position, event))

            problem = attempt(partial(live, calls=25), home, send, self.rng, disk)
            end = recording.position
        entries = [entry for entry in read_record(recording.record) if entry.end <= end]
        return _Recording(base, entries, begin, events, problem)

    def replay(
        self,
        setting: Setting,
        recording: _Recording,
        moments: Sequence[int],
        survivors: Callable[[list[Entry], Random], tuple[str, list[Entry]]] = survivors,
    ) -> Iterator[tuple[str, str | None]]:
        """Cut the power after these entries; tell of each cut how it was and what is wrong."""
        replay = Replay(recording.image)
        crashed = self.place / "crashed"
        for number, entry in enumerate(recording.entries):
            replay.take(entry)
            for _ in range(moments.count(number)):
                how, writes = survivors(replay.unflushed, self.rng)
                replay.leave(crashed, writes)
                yield how, self.examine(setting, crashed, recording.journal(entry.end))

    def examine(self, setting: Setting, crashed: Path, journal: Journal) -> str | None:
        """Mount a disk that a power cut has left; tell what is wrong, if anything is."""
        try:
            with mounts.mounted(crashed, self.place / "mount", "loop") as mount:
                return attempt(examine, Home(setting, mount / _HOME), journal, self.rng)
        except ProgramFailed as error:
            return str(error)


def _campaign(workshop: _Workshop, scale: float, report: Report) -> None:
    """Record and replay on one file system."""
    name, rng = workshop.file_system.name, workshop.rng
    kinds = settings(rng, Durability.FSYNC)
    wanted = max(round(_REPLAYS * scale), 3)
    for begin in range(0, wanted, _REPLAYS_OF_A_RECORD):
        setting = next(kinds)
        recording = workshop.record(setting, without=None)
        if recording.problem is not None:
            report.violations.append(f"{name}, {setting}, before any cut: {recording.problem}")
            continue
        chosen = recording.moments(rng, min(wanted - begin, _REPLAYS_OF_A_RECORD))
        for kind, count in recording.counts().items():
            report.tried[f"{kind} recorded on {name}"] += count
        for how, problem in workshop.replay(setting, recording, chosen):
            report.tried[f"replays on {name}, with {how}"] += 1
            if problem is not None:
                report.violations.append(f"{name}, {setting}, with {how}: {problem}")
    for without in ("sync", "flush") if workshop.file_system is EXT4 else ("sync",):
        setting = next(kinds)
        recording = workshop.record(setting, without)
        chosen = [len(recording.entries) - 1] * max(round(_CONTROL_REPLAYS * scale), 3)
        found = workshop.replay(setting, recording, chosen, lambda *_: ("nothing unflushed", []))
        report.caught[f"{without} on {name}"] += sum(tells_of_loss(problem) for _, problem in found)


def _require_recording() -> None:
    """Check that a file served through FUSE can be a disk here.

    Raises:
        Unsupported: It cannot.
    """
    mounts.require("mount", "umount", "fallocate", "cp", "mkfs.ext4", "mkfs.xfs")
    try:
        for file_system in (EXT4, XFS):
            with mounts.scratch() as place:
                image = mounts.make_image(file_system, place / "image")
                with (
                    recorded(image, place) as recording,
                    mounts.mounted(recording.disk, place / "mount", "loop"),
                ):
                    pass
    except (ProgramFailed, OSError) as error:
        raise Unsupported(f"no loop device on a FUSE file here: {error}") from error


@campaigning()
def _run(scale: float, seed: int) -> Report:
    _require_recording()
    report, rng = Report(), Random(seed)
    for file_system in (EXT4, XFS):
        with mounts.scratch() as place:
            _campaign(_Workshop(file_system, place, rng), scale, report)
    return report


CAMPAIGN = Campaign("block-log", "replays a recorded disk, with what was not flushed lost", _run)
