"""What the tests of the log share: commits, logs on simulated disks, and what is read back."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from reddb.actor.disk import Disk, DiskFile
from reddb.actor.file_storage import FileStorage
from reddb.actor.frames import Commit, Fact, Header, decode_frames, decode_header
from reddb.actor.storage import Recovery
from reddb.testing.simulated_disk import Operation, SimulatedDisk

PATH = Path("somewhere/notes.json")
NEW_PATH = PATH.with_name("notes.json.new")
LOCK_PATH = PATH.with_name("notes.json.lock")


def commit(seq: int, size: int = 5) -> Commit:
    """Give a commit that puts one document of `size` bytes, other ones for each number."""
    return Commit(seq, [(seq, bytes([seq % 251 + 1]) * size)])


def commits(count: int, size: int = 5) -> list[Commit]:
    return [commit(seq, size) for seq in range(1, count + 1)]


@define
class Found:
    """What was recovered from a log."""

    seq: int = -1
    documents: dict[int, bytes] = field(factory=dict)
    folded: list[Commit] = field(factory=list)
    recovery: Recovery = field(factory=Recovery)

    def fold(self, seq: int, facts: Sequence[Fact]) -> None:
        self.seq = seq
        if facts:
            self.folded.append(Commit(seq, list(facts)))
        for key, data in facts:
            if data is None:
                del self.documents[key]
            else:
                self.documents[key] = data


def after(history: Iterable[Commit]) -> dict[int, bytes]:
    """Give the documents that are there after `history`."""
    found = Found()
    for each in history:
        found.fold(each.seq, each.facts)
    return found.documents


def live(history: Iterable[Commit]) -> Iterator[Fact]:
    return iter(after(history).items())


@contextlib.asynccontextmanager
async def opened(disk: Disk, **options: Any) -> AsyncIterator[tuple[FileStorage, Found]]:
    """Open the log on `disk`, and close it again. Small ones are preallocated, too."""
    storage = FileStorage(PATH, disk=disk, **{"preallocated_from_bytes": 0, **options})
    try:
        await storage.open("json")
        found = Found()
        found.recovery = await storage.recover(found.fold)
        yield storage, found
    finally:
        await storage.aclose()


async def read_back(disk: Disk) -> Found:
    async with opened(disk) as (_, found):
        return found


async def written(*batches: Sequence[Commit], **options: Any) -> bytes:
    """Give a log to which these batches were appended."""
    disk = SimulatedDisk()
    async with opened(disk, **options) as (storage, _):
        for batch in batches:
            await storage.append(batch)
    return disk.content(PATH)


async def compacted(history: Sequence[Commit], *later: Commit) -> bytes:
    """Give a log that was compacted after `history`, and `later` appended to it."""
    disk = SimulatedDisk()
    async with opened(disk) as (storage, _):
        await storage.append(history)
        await storage.compact(history[-1].seq, live(history))
        for each in later:
            await storage.append([each])
    return disk.content(PATH)


def on_disk(data: bytes) -> SimulatedDisk:
    return SimulatedDisk({PATH: data})


def header_of(log: bytes) -> Header:
    return decode_header(log[:64])


def frame_starts(log: bytes) -> list[int]:
    """Give where each frame of a whole log begins, and where the last one ends."""
    return [64, *(frame.end for frame in decode_frames(header_of(log), 64, log[64:]))]


def flipped(log: bytes, at: int, mask: int = 0xFF) -> bytes:
    return log[:at] + bytes([log[at] ^ mask]) + log[at + 1 :]


def zeroed(log: bytes, start: int, end: int) -> bytes:
    return log[:start] + bytes(end - start) + log[end:]


# Power cuts.


@define
class Acknowledged:
    """What was acknowledged, and how long the disk's journal was then."""

    disk: SimulatedDisk
    history: list[Commit] = field(factory=list)
    """Every commit that was asked for."""
    marks: list[tuple[int, int]] = field(factory=list)

    async def append(self, storage: FileStorage, *batch: Commit) -> None:
        self.history += batch
        await storage.append(batch)
        self.mark()

    def mark(self) -> None:
        """Note that the whole history must be there from now on."""
        self.marks.append((len(self.disk.journal), len(self.history)))

    def at_least(self, event: int) -> int:
        return max((seq for length, seq in self.marks if length <= event), default=0)


async def broken_promises(acknowledged: Acknowledged, since: int = 0) -> list[str]:
    """Open what every power cut leaves; say where that is not as it must be."""
    broken: list[str] = []
    for state in acknowledged.disk.crash_states(since=since, samples=2):
        disk = state.disk()
        try:
            found = await read_back(disk)
        except Exception as error:  # Whatever it is, it must not be raised.
            broken.append(f"{state.event}, {state.cause}: {error!r}")
            continue
        survived = acknowledged.history[: found.seq]
        if found.seq < acknowledged.at_least(state.event):
            broken.append(f"{state.event}, {state.cause}: only {found.seq} commits are left")
        elif found.documents != after(survived):
            broken.append(f"{state.event}, {state.cause}: the documents are others")
        elif disk.paths() != [PATH]:
            broken.append(f"{state.event}, {state.cause}: {disk.paths()} are left")
    return broken


# Disks that leave something out, to show that it is needed.


@frozen(eq=False)
class Skipping:
    """A simulated disk that does not do some operations and says that it did."""

    disk: SimulatedDisk
    skipped: frozenset[Operation]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.disk, name)

    async def open(self, path: Path) -> DiskFile | None:
        file = await self.disk.open(path)
        return file and _SkippingFile(file, self.skipped)

    async def create(self, path: Path) -> DiskFile:
        return _SkippingFile(await self.disk.create(path), self.skipped)

    async def sync_directory(self, path: Path) -> None:
        if Operation.SYNC_DIRECTORY not in self.skipped:
            await self.disk.sync_directory(path)


@frozen(eq=False)
class _SkippingFile:
    file: DiskFile
    skipped: frozenset[Operation]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    async def write(self, offset: int, data: bytes, *, sync: bool, preallocate: int = 0) -> None:
        sync = sync and Operation.SYNC not in self.skipped
        await self.file.write(offset, data, sync=sync, preallocate=preallocate)

    async def sync(self) -> None:
        if Operation.SYNC not in self.skipped:
            await self.file.sync()
