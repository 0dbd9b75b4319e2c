"""What a power cut could have left on a `SimulatedDisk`, at every moment of its life.

`crash_states` replays the disk's journal and, after each event, gives the files as they could be
found when power comes back:

- Of a file: what is on disk for certain, with any of the writes since then missing or there: the
  newest one torn at any byte, each sector of it missing or alone, each write missing or alone,
  and, by seeded chance, any mixture of sectors and of writes. Where the file's length is there and
  its content is not, it reads as zeros. What a failed sync should have saved stays in doubt.
  `reddb.testing.cached_file` has the details.
- Of the names: those that are on disk for certain, with any of the changes since then lost; a
  rename is there whole, or lost whole.

No two states of one moment are equal. In turn each file goes through all of its possibilities
while the others are as their last sync left them, or whole; the random samples mix all files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, TypeAlias

from attrs import define, evolve, field, frozen

from reddb.testing.cached_file import CachedFile
from reddb.testing.journal import (
    Created,
    DirectorySynced,
    Event,
    NameChange,
    Renamed,
    Synced,
    SyncFailed,
    Truncated,
    Unlinked,
    Wrote,
    change_names,
    directory_of,
)

if TYPE_CHECKING:
    from reddb.testing.simulated_disk import SimulatedDisk

_Image: TypeAlias = tuple[dict[Path, bytes], str]
"""The files that one power cut left, and how that came about."""


@frozen
class CrashState:
    """The files that one power cut left.

    Example:
        >>> for state in disk.crash_states():
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
    _crashed: SimulatedDisk = field(repr=False, eq=False, alias="crashed")

    def disk(self) -> SimulatedDisk:
        """Give a new disk that holds these files, and is otherwise like the one that crashed."""
        return evolve(self._crashed, files=self.files)


def crash_states(
    disk: SimulatedDisk, *, since: int = 0, samples: int = 8, seed: int = 0
) -> Iterator[CrashState]:
    """Give every state that a power cut could have left.

    Their number is bounded by choosing at random, from `seed`, among the mixtures of several
    unsynced writes and names; what one write alone can come to is given completely, up to a size.

    Args:
        disk: The disk, as it is now.
        since: How many events of its journal to pass over: only later moments are given.
        samples: How many mixtures to draw at each moment.
        seed: What to draw them from.

    Example:
        >>> for state in crash_states(disk, since=len(disk.journal)):
        ...     print(state.cause, sorted(state.files))
    """
    replay = _Replay.of(disk.files)
    for count, event in enumerate([None, *disk.journal]):
        if event is not None:
            replay.take(event)
        if count < since:
            continue
        random = Random(f"{seed} {count}")  # noqa: S311  # It must be repeatable, not secret.
        seen: set[frozenset[tuple[Path, bytes]]] = set()
        for files, cause in replay.images(event, samples, random):
            key = frozenset(files.items())
            if key not in seen:
                seen.add(key)
                yield CrashState(count, files, cause, disk)


@define
class _Replay:
    """The disk at one event of its journal."""

    files: dict[int, CachedFile]
    names: dict[Path, int]
    unsynced_names: list[NameChange] = field(factory=list)

    @classmethod
    def of(cls, files: Mapping[Path, bytes]) -> _Replay:
        contents = {number: CachedFile(data) for number, data in enumerate(files.values())}
        return cls(contents, {path: number for number, path in enumerate(files)})

    def take(self, event: Event) -> None:
        match event:
            case Wrote(file) | Truncated(file):
                self.files[file].take(event)
            case Synced(file):
                self.files[file].sync()
            case SyncFailed(file):
                self.files[file].fail_sync()
            case Created(_, file):
                self.files[file] = CachedFile()
                self.unsynced_names.append(event)
            case Renamed() | Unlinked():
                self.unsynced_names.append(event)
            case DirectorySynced(directory):
                self._sync_names(directory)

    def _sync_names(self, directory: Path) -> None:
        unsynced = self.unsynced_names
        self.unsynced_names = [each for each in unsynced if directory_of(each) != directory]
        for change in unsynced:
            if directory_of(change) == directory:
                change_names(self.names, change)

    def _names_after(self, changes: Sequence[NameChange]) -> dict[Path, int]:
        names = dict(self.names)
        for change in changes:
            change_names(names, change)
        return names

    def images(self, newest: Event | None, samples: int, random: Random) -> Iterator[_Image]:
        """Give what could be found now."""
        changes = self.unsynced_names
        for count in range(len(changes) + 1):
            cause = f"the first {count} of {len(changes)} changes of names"
            yield from self._contents(self._names_after(changes[:count]), newest, cause)
        for number in range(len(changes) - 1):
            names = self._names_after([*changes[:number], *changes[number + 1 :]])
            yield from self._extremes(names, f"all but change {number} of names")
        for _ in range(samples):
            yield self._sample(random)

    def _extremes(self, names: Mapping[Path, int], cause: str) -> Iterator[_Image]:
        least = {path: self.files[file].least() for path, file in names.items()}
        yield least, f"{cause}, nothing unsynced"
        most = {path: self.files[file].most() for path, file in names.items()}
        yield most, f"{cause}, everything unsynced"

    def _contents(
        self, names: Mapping[Path, int], newest: Event | None, cause: str
    ) -> Iterator[_Image]:
        extremes = list(self._extremes(names, cause))
        yield from extremes
        for path, number in names.items():
            torn = newest if isinstance(newest, Wrote) and newest.file == number else None
            for content, how in self.files[number].possibilities(torn):
                for others, _ in extremes if len(names) > 1 else extremes[:1]:
                    yield {**others, path: content}, f"{cause}, {path.name}: {how}"

    def _sample(self, random: Random) -> _Image:
        names = self._names_after([each for each in self.unsynced_names if random.random() < 0.7])
        found = {path: self.files[file].sample(random) for path, file in names.items()}
        how = "; ".join(f"{path.name}: {cause}" for path, (_, cause) in found.items())
        return {path: content for path, (content, _) in found.items()}, f"by chance, {how}"
