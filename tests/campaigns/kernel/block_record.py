"""The parent's side of a recorded disk: having one, and what it may hold after a power cut."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

from attrs import define, evolve, field, frozen

from tests.campaigns.kernel.fuse_file import Entry
from tests.campaigns.kernel.mounts import ProgramFailed, run, unmount
from tests.campaigns.kernel.parent import ROOT

_SECTOR_BYTES = 512


@frozen
class RecordedDisk:
    """A file to mount as a disk, and the record of what was done to it."""

    disk: Path
    record: Path

    @property
    def position(self) -> int:
        """How long the record is now: what is in it has happened, what is not has not."""
        return self.record.stat().st_size


@contextlib.contextmanager
def recorded(image: Path, place: Path) -> Iterator[RecordedDisk]:
    """Serve `image`, which is changed, as a disk that is recorded; use the directory `place`.

    Raises:
        ProgramFailed: This machine does not allow it.
    """
    disk = RecordedDisk(place / "disk", place / "record")
    disk.disk.touch()
    disk.record.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.campaigns.kernel.fuse_file"]
    server = subprocess.Popen(
        [*command, image, disk.disk, disk.record],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C must not take the disk away from under its users.
    )
    with server:
        assert server.stdout is not None and server.stderr is not None
        try:
            if server.stdout.readline() != "ready\n":
                raise ProgramFailed(server.stderr.read().strip().rpartition("\n")[2])
            yield disk
            unmount(disk.disk)  # Which ends the server.
        except BaseException:
            server.kill()
            unmount(disk.disk)
            raise


@define(eq=False)
class Replay:
    """A disk as its record has it, one moment after the other.

    Example:
        >>> replay = Replay(image)
        >>> for entry in read_record(record):
        ...     replay.take(entry)
        ...     replay.leave(crashed, replay.unflushed[:-1])
    """

    image: Path
    """What is on disk for certain: everything before the last flush."""
    unflushed: list[Entry] = field(factory=list)
    """The writes since then."""

    def take(self, entry: Entry) -> None:
        """Go on to the moment after this entry."""
        if entry.data is None:
            write_to(self.image, self.unflushed)
            self.unflushed.clear()
        else:
            self.unflushed.append(entry)

    def leave(self, path: Path, writes: Iterable[Entry]) -> None:
        """Make at `path` the disk that a power cut leaves which only saves these writes."""
        run("cp", "--sparse=always", self.image, path)
        write_to(path, writes)


def write_to(image: Path, writes: Iterable[Entry]) -> None:
    """Do writes to an image."""
    with image.open("r+b", buffering=0) as file:
        for write in writes:
            assert write.data is not None
            file.seek(write.offset)
            file.write(write.data)


def survivors(writes: list[Entry], rng: Random) -> tuple[str, list[Entry]]:
    """Choose which of the unflushed writes a power cut saves, and say how."""
    if not writes:
        return "nothing unflushed", []
    match rng.randrange(3):
        case 0:
            return "the first unflushed writes", writes[: rng.randint(0, len(writes))]
        case 1:
            return "any unflushed writes", [write for write in writes if rng.random() < 0.5]
        case _:
            sectors = [sector for write in writes for sector in _sectors(write)]
            chosen = [sector for sector in sectors if rng.random() < 0.5]
            return "any unflushed sectors", chosen


def _sectors(write: Entry) -> Iterator[Entry]:
    assert write.data is not None
    for at in range(0, len(write.data), _SECTOR_BYTES):
        data = write.data[at : at + _SECTOR_BYTES]
        yield evolve(write, data=data, offset=write.offset + at)
