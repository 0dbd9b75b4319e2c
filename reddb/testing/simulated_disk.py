"""A disk in memory that fails when told to and forgets what was not synced.

`SimulatedDisk` stands in for the real disk below a `FileStorage`. It needs no thread, so it works
under `trio.testing.MockClock`; its latency is `trio.sleep`. It keeps a journal of all that was
done to it, from which `crash_states` derives what a power cut could have left.

The model is that of a POSIX file system at its least obliging:

- What was written is on disk after a sync of that file, not before; names, after a sync of their
  directory. Until then any part of it may be there, or none.
- What a failed sync should have saved stays in the cache, where it can be read, and may never get
  to the disk: a later sync that succeeds saves only what was written since. (So does Linux; see
  the PostgreSQL project's page "Fsync Errors".)
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from attrs import define, evolve, field

from reddb.actor.disk import DiskFile, DiskLock
from reddb.testing.crash_states import CrashState, crash_states
from reddb.testing.journal import Created, DirectorySynced, Event, Renamed, Truncated, Unlinked
from reddb.testing.platter import (
    Failure,
    Operation,
    Platter,
    SimulatedFile,
    SimulatedLock,
    os_error,
)

__all__ = ["Operation", "SimulatedDisk"]


@define(eq=False)
class SimulatedDisk:
    """A disk in memory, for a `FileStorage`. See `reddb.actor.disk.Disk` for the methods.

    Args:
        files: What is on disk at the beginning.
        latency_s: How long each operation takes, in seconds of trio's clock.

    Example:
        >>> disk = SimulatedDisk()
        >>> storage = FileStorage("notes.json", disk=disk)
        >>> disk.fail(Operation.SYNC, nth=3)
        >>> async with RedDb.open("notes", Note, codec=JsonCodec(), storage=storage) as db: ...
    """

    files: Mapping[Path, bytes] = field(factory=dict)
    latency_s: float = field(default=0.0, kw_only=True)
    _platter: Platter = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._platter = Platter(self.latency_s)
        for file, (path, data) in enumerate(self.files.items()):
            self._platter.names[path] = file
            self._platter.contents[file] = bytearray(data)

    @property
    def operations(self) -> Sequence[Operation]:
        """What the disk was asked to do, in order, be it done or not."""
        return self._platter.operations

    @property
    def operation_count(self) -> int:
        """How many operations were begun."""
        return len(self._platter.operations)

    @property
    def journal(self) -> Sequence[Event]:
        """What was done, in order."""
        return self._platter.journal

    def content(self, path: str | os.PathLike[str]) -> bytes:
        """Give what a file holds now, synced or not.

        Raises:
            KeyError: There is no such file.
        """
        return bytes(self._platter.contents[self._platter.names[Path(path)]])

    def paths(self) -> list[Path]:
        """Give the names of all files, sorted."""
        return sorted(self._platter.names)

    def crash_states(
        self, *, since: int = 0, samples: int = 8, seed: int = 0
    ) -> Iterator[CrashState]:
        """Give every state that a power cut could have left. See the function of that name.

        Example:
            >>> for state in disk.crash_states():
            ...     storage = FileStorage("notes.json", disk=state.disk())
        """
        return crash_states(self, since=since, samples=samples, seed=seed)

    def killed(self, event: int | None = None) -> SimulatedDisk:
        """Give the disk as the next program finds it if the last one was killed, not the power.

        All that was written can be read; what of it was not synced is still not on disk, and the
        locks are free.

        Args:
            event: After how many events of the journal; after all of them by default.
        """
        disk = evolve(self)
        for done in self.journal[:event]:
            disk._platter.take(done)  # noqa: SLF001  # A disk of our own class.
        return disk

    # Failing.

    def fail(
        self,
        operation: Operation | None = None,
        *,
        nth: int = 1,
        error: int = errno.EIO,
        forever: bool = False,
        short: bool = False,
    ) -> None:
        """Make the `nth` operation from now on fail.

        Args:
            operation: Which kind to count; all kinds by default.
            nth: Which one of them fails: 1 is the next.
            error: The `errno` of the OSError that it raises.
            forever: Whether all after it fail too.
            short: Whether a failing write first writes half of its data.

        Raises:
            ValueError: `nth` is below 1.
        """
        if nth < 1:
            raise ValueError(f"nth counts from 1, not from {nth}")
        self._platter.failures.append(Failure(operation, nth, error, forever, short))

    def heal(self) -> None:
        """Let nothing fail any more. What was lost stays lost."""
        self._platter.failures.clear()

    # The disk.

    async def lock(self, path: Path) -> DiskLock | None:
        """See `Disk.lock`. The lock is no file here."""
        await self._platter.begin(Operation.LOCK, path)
        if path in self._platter.locked:
            return None
        self._platter.locked.add(path)
        return SimulatedLock(self._platter, path)

    async def open(self, path: Path) -> DiskFile | None:
        """See `Disk.open`."""
        await self._platter.begin(Operation.OPEN, path)
        file = self._platter.names.get(path)
        return None if file is None else SimulatedFile(self._platter, file, path)

    async def create(self, path: Path) -> DiskFile:
        """See `Disk.create`."""
        await self._platter.begin(Operation.CREATE, path)
        file = self._platter.names.get(path)
        if file is None:
            file = len(self._platter.contents)
            self._platter.take(Created(path, file))
        else:
            self._platter.take(Truncated(file, 0))
        return SimulatedFile(self._platter, file, path)

    async def rename(self, source: Path, target: Path) -> None:
        """See `Disk.rename`."""
        await self._platter.begin(Operation.RENAME, source)
        file = self._platter.names.get(source)
        if file is None:
            raise os_error(errno.ENOENT, source)
        self._platter.take(Renamed(source, target, file))

    async def unlink(self, path: Path) -> None:
        """See `Disk.unlink`."""
        await self._platter.begin(Operation.UNLINK, path)
        if path in self._platter.names:
            self._platter.take(Unlinked(path))

    async def sync_directory(self, path: Path) -> None:
        """See `Disk.sync_directory`."""
        await self._platter.begin(Operation.SYNC_DIRECTORY, path)
        self._platter.take(DirectorySynced(path))
