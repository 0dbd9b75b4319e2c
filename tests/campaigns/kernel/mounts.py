"""File systems of a campaign's own: images, mounts, and power cuts. Linux and root only.

Everything is a context manager that takes away what it put there, also on Ctrl-C. Images lie on a
tmpfs, so no physical disk is involved: a power cut here is one that the file system is told of.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Self

from attrs import define, field, frozen

from tests.campaigns.campaign import Unsupported

_SHUTDOWN = 0x8004587D
"""``EXT4_IOC_SHUTDOWN`` and ``XFS_IOC_GOINGDOWN``: the file system stops at once, as at a power
cut."""

_NO_LOG_FLUSH = struct.pack("=I", 2)
"""Do not even write out the journal that is in memory."""


@frozen
class FileSystem:
    """A kind of file system, and how to make one."""

    name: str
    image_bytes: int
    make: tuple[str, ...]


EXT4 = FileSystem("ext4", 32 << 20, ("mkfs.ext4", "-q", "-b", "4096"))
XFS = FileSystem("xfs", 300 << 20, ("mkfs.xfs", "-q"))


def require(*programs: str, root: bool = True) -> None:
    """Check that this machine has what a campaign needs.

    Raises:
        Unsupported: It is not Linux, a program is missing, or we should be root and are not.
    """
    if sys.platform != "linux":
        raise Unsupported("needs Linux")
    for program in programs:
        if shutil.which(program) is None:
            raise Unsupported(f"needs {program}")
    if root and os.geteuid() != 0:
        raise Unsupported("needs root, to mount file systems")


class ProgramFailed(Exception):
    """A program such as mount has failed; the message says how."""


def run(*command: str | Path) -> None:
    """Run a program to its end, Ctrl-C or not.

    Raises:
        ProgramFailed: It says that it has failed.
    """
    with _uninterrupted():
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, start_new_session=True
        )
    if ended.returncode:
        reason, *_ = ended.stderr.strip().splitlines() or ["no reason given"]
        raise ProgramFailed(f"{' '.join(map(str, command))}: {reason}")


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off until the body is done, so that nobody is left with half a mount."""
    came: list[tuple[int, FrameType | None]] = []
    before = signal.signal(signal.SIGINT, lambda *signal_: came.append(signal_))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came and callable(before):
            before(*came[0])


@contextlib.contextmanager
def mounted(source: Path | str, at: Path, *options: str, kind: str = "auto") -> Iterator[Path]:
    """Mount a file system on the directory `at`, which is made if need be.

    Raises:
        ProgramFailed: It cannot be mounted, or not be unmounted.
    """
    at.mkdir(exist_ok=True)
    try:
        run("mount", "-t", kind, "-o", ",".join(options or ("defaults",)), source, at)
        yield at
    finally:
        unmount(at)


def unmount(at: Path) -> None:
    """Unmount what is mounted at `at`; nothing is fine.

    Raises:
        ProgramFailed: It is in use; it goes away when it no longer is.
    """
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    if str(at) not in {line.split()[1] for line in mounts}:
        return
    try:
        run("umount", at)
    except ProgramFailed:
        run("umount", "--lazy", at)
        raise


@contextlib.contextmanager
def scratch(size: str = "75%") -> Iterator[Path]:
    """A directory in memory, of this size in bytes or in parts of the machine's memory.

    Raises:
        ProgramFailed: A tmpfs cannot be mounted.
    """
    stack = contextlib.ExitStack()
    try:
        with _uninterrupted():
            directory = tempfile.TemporaryDirectory(prefix="reddb-")
            at = Path(stack.enter_context(directory)).resolve() / "scratch"
            stack.enter_context(mounted("tmpfs", at, f"size={size}", kind="tmpfs"))
        yield at
    finally:
        with _uninterrupted():
            stack.close()


def make_image(file_system: FileSystem, path: Path) -> Path:
    """Make an image that takes no more room than what it holds.

    Raises:
        ProgramFailed: The file system cannot be made.
    """
    with path.open("wb") as image:
        image.truncate(file_system.image_bytes)
    run(*file_system.make, path)
    run("fallocate", "--dig-holes", path)
    return path


@define(eq=False)
class Machine:
    """A file system under which the power can be cut. Use it as a context manager.

    Example:
        >>> with Machine(make_image(EXT4, scratch / "image"), scratch / "mount") as machine:
        ...     (machine.at / "file").write_text("not synced")
        ...     machine.cut_power()
        ...     machine.restart()
        ...     assert not (machine.at / "file").exists()
    """

    image: Path
    at: Path
    running: bool = field(default=True, init=False)
    """Whether the power is on."""
    _mount: contextlib.ExitStack = field(factory=contextlib.ExitStack, init=False)

    def __enter__(self) -> Self:
        self._mount.enter_context(mounted(self.image, self.at, "loop"))
        return self

    def __exit__(self, *error: object) -> None:
        self._mount.close()

    def cut_power(self) -> None:
        """Have nothing more get to the disk. Cutting twice is fine, and any thread may cut."""
        if self.running:
            self.running = False
            _shut_down(self.at)

    def restart(self) -> None:
        """Have power again. Nobody may have a file open."""
        self._mount.close()
        self._mount.enter_context(mounted(self.image, self.at, "loop"))
        self.running = True


def _shut_down(at: Path) -> None:
    fd = os.open(at, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(fd, _SHUTDOWN, _NO_LOG_FLUSH)
    finally:
        os.close(fd)


def make_lasting_directory(path: Path) -> Path:
    """Make a directory that a power cut does not undo."""
    path.mkdir()
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    return path


def require_tmpfs() -> None:
    """Check that directories in memory can be mounted here.

    Raises:
        Unsupported: They cannot.
    """
    require("mount", "umount")
    try:
        with scratch():
            pass
    except (ProgramFailed, OSError) as error:
        raise Unsupported(str(error)) from error


def require_power_cuts() -> None:
    """Check that images can be mounted here, and that power cuts undo what was not synced.

    Raises:
        Unsupported: They cannot, or they do not.
    """
    require("mount", "umount", "fallocate", "mkfs.ext4", "mkfs.xfs")
    try:
        for file_system in (EXT4, XFS):
            with scratch() as place:
                _try_power_cut(make_image(file_system, place / "image"), place / "mount")
    except (ProgramFailed, OSError) as error:
        raise Unsupported(str(error)) from error


def _try_power_cut(image: Path, at: Path) -> None:
    with Machine(image, at) as machine:
        (at / "file").touch()
        machine.cut_power()
        machine.restart()
        if (at / "file").exists():
            raise Unsupported("the shutdown ioctl does not undo here what was not synced")
