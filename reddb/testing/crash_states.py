"""What a power cut could have left on a `SimulatedDisk`, at every moment of its life.

`crash_states` replays the disk's journal and, after each event, gives the files as they could be
found when power comes back:

- Of a file: what was synced, with any of the writes since then missing or there; the newest one
  torn at any byte, or with any sector of it missing; where it lies behind the file's old end,
  what is missing may read as zeros. A write that a failed sync
  should have saved is treated the same for ever: it may or may not be there.
- Of the names: those that were synced with their directory, and the first few changes since then.

No two states of one moment are equal. One file at a time goes through all of its possibilities;
the others are then as their last sync left them, or whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from attrs import define, field, frozen

from reddb.testing.simulated_disk import (
    Created,
    DirectorySynced,
    Event,
    Renamed,
    SimulatedDisk,
    Synced,
    SyncFailed,
    Truncated,
    Unlinked,
    Wrote,
)

SECTOR_BYTES = 512
"""What a disk writes whole or not at all."""

_TORN_BYTES_MAX = 2048
"""Within a write up to this size every byte is a place to tear; of a larger one, its edges."""

_Change: TypeAlias = Wrote | Truncated
_NameChange: TypeAlias = Created | Renamed | Unlinked


@frozen
class CrashState:
    """The files that one power cut left.

    Example:
        >>> for state in crash_states(disk):
        ...     async with open_on(state.disk()) as db:
        ...         assert promises_hold(db, acknowledged_before=state.event)
    """

    event: int
    """How many events of the journal had happened. What was acknowledged when the journal was
    this long, or shorter, must be there."""
    files: Mapping[Path, bytes]
    """What each file holds."""
    cause: str
    """How it came about, for messages."""

    def disk(self) -> SimulatedDisk:
        """Give a new disk that holds these files."""
        return SimulatedDisk(self.files)


def crash_states(disk: SimulatedDisk, *, since: int = 0) -> Iterator[CrashState]:
    """Give every state that a power cut could have left.

    Args:
        disk: The disk, as it is now.
        since: How many events of its journal to pass over: only later moments are given.
    """
    replay = _Replay.of(disk.files)
    for count, event in enumerate([None, *disk.journal]):
        if event is not None:
            replay.take(event)
        if count < since:
            continue
        seen: set[tuple[tuple[Path, bytes], ...]] = set()
        for files, cause in replay.images(event):
            key = tuple(sorted(files.items()))
            if key not in seen:
                seen.add(key)
                yield CrashState(count, files, cause)


@define
class _File:
    """What is on disk of a file, and what was done to it since."""

    synced: bytes = b""
    pending: list[_Change] = field(factory=list)

    def whole(self) -> bytes:
        return _applied(self.synced, self.pending)


@define
class _Replay:
    """The disk at one event of its journal."""

    files: dict[int, _File]
    names: dict[Path, int]
    pending_names: list[_NameChange] = field(factory=list)

    @classmethod
    def of(cls, files: Mapping[Path, bytes]) -> _Replay:
        contents = {number: _File(data) for number, data in enumerate(files.values())}
        return cls(contents, {path: number for number, path in enumerate(files)})

    def take(self, event: Event) -> None:
        match event:
            case Wrote(file) | Truncated(file):
                self.files[file].pending.append(event)
            case Synced(file):
                self.files[file].synced = self.files[file].whole()
                self.files[file].pending.clear()
            case SyncFailed():
                pass  # What was pending stays so: a later sync of ours would not help it.
            case Created(_, file):
                self.files[file] = _File()
                self.pending_names.append(event)
            case Renamed() | Unlinked():
                self.pending_names.append(event)
            case DirectorySynced(directory):
                self._sync_names(directory)

    def _sync_names(self, directory: Path) -> None:
        unsynced = [change for change in self.pending_names if _path(change).parent != directory]
        for change in self.pending_names:
            if change not in unsynced:
                _rename(self.names, change)
        self.pending_names = unsynced

    def images(self, newest: Event | None) -> Iterator[tuple[dict[Path, bytes], str]]:
        """Give what could be found now, with the cause of each."""
        names = dict(self.names)
        yield from self._contents(names, newest, "names as synced")
        for count, change in enumerate(self.pending_names, 1):
            _rename(names, change)
            yield from self._contents(names, newest, f"{count} changes of names")

    def _contents(
        self, names: Mapping[Path, int], newest: Event | None, cause: str
    ) -> Iterator[tuple[dict[Path, bytes], str]]:
        synced = {path: self.files[file].synced for path, file in names.items()}
        whole = {path: self.files[file].whole() for path, file in names.items()}
        yield synced, f"{cause}, nothing unsynced"
        yield whole, f"{cause}, everything unsynced"
        for path, number in names.items():
            file = self.files[number]
            torn = newest if isinstance(newest, Wrote) and newest.file == number else None
            for content, how in _possibilities(file, torn):
                for others in (synced, whole):
                    yield {**others, path: content}, f"{cause}, {path.name}: {how}"


def _path(change: _NameChange) -> Path:
    return change.target if isinstance(change, Renamed) else change.path


def _rename(names: dict[Path, int], change: _NameChange) -> None:
    match change:
        case Created(path, file):
            names[path] = file
        case Renamed(source, target):
            names[target] = names.pop(source)
        case Unlinked(path):
            names.pop(path, None)


def _applied(content: bytes, changes: Iterable[_Change]) -> bytes:
    data = bytearray(content)
    for change in changes:
        match change:
            case Wrote(_, offset, written):
                data.extend(bytes(max(offset - len(data), 0)))
                data[offset : offset + len(written)] = written
            case Truncated(_, size):
                data.extend(bytes(max(size - len(data), 0)))
                del data[size:]
    return bytes(data)


def _possibilities(file: _File, torn: Wrote | None) -> Iterator[tuple[bytes, str]]:
    """Give what could be found of one file; `torn` is its newest write, if that is news."""
    pending = file.pending
    for count in range(len(pending)):
        yield _applied(file.synced, pending[:count]), f"the first {count} changes"
        rest = [*pending[:count], *pending[count + 1 :]]
        yield _applied(file.synced, rest), f"all but change {count}"
    if torn is not None:
        yield from _torn(_applied(file.synced, pending[:-1]), torn)


def _torn(before: bytes, write: Wrote) -> Iterator[tuple[bytes, str]]:
    """Give what could be found of a file to which `write` was just done."""
    size = len(write.data)
    longer = before + bytes(max(write.offset + size - len(before), 0))
    for kept in _tears(size):
        part = Wrote(write.file, write.offset, write.data[:kept])
        yield _applied(before, [part]), f"the first {kept} of {size} bytes"
        yield _applied(longer, [part]), f"the first {kept} of {size} bytes, at full length"
    sectors = _sectors(write)
    for number, sector in enumerate(sectors):
        others = [*sectors[:number], *sectors[number + 1 :]]
        yield _applied(longer, others), f"all but sector {number}"
        yield _applied(longer, [sector]), f"only sector {number}"


def _tears(size: int) -> Iterable[int]:
    if size <= _TORN_BYTES_MAX:
        return range(size)
    edges = {0, 1, size - 1, *range(0, size, 8 * SECTOR_BYTES)}
    return sorted(edges | {edge - 1 for edge in edges if edge})


def _sectors(write: Wrote) -> list[Wrote]:
    """Cut a write where the disk's sectors end."""
    parts: list[Wrote] = []
    at = 0
    while at < len(write.data):
        size = SECTOR_BYTES - (write.offset + at) % SECTOR_BYTES
        parts.append(Wrote(write.file, write.offset + at, write.data[at : at + size]))
        at += size
    return parts
