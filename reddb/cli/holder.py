"""Which process has a database open, as far as the operating system says.

Nothing is locked to find out, not even for a moment: that could get in the way of a program which
opens the database just then. Linux lists the locks of all processes in ``/proc/locks``; elsewhere
nobody is known.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from attrs import frozen

_LOCKS: Final = Path("/proc/locks")
_COMMAND_CHARS_MAX: Final = 60


@frozen
class Holder:
    """A process that has a database open."""

    pid: int
    command: str
    """Its command line, cut off where it is long; empty if it may not be seen."""

    def __str__(self) -> str:
        return f"process {self.pid}" + (f" ({self.command})" if self.command else "")


def holder_of(lock_path: Path) -> Holder | None:
    """Give the process that holds the lock of a database; None if none does, or none is known."""
    try:
        stat = lock_path.stat()
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return None
    place = f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}:{stat.st_ino}"
    for line in lines:
        # Such as "1: FLOCK  ADVISORY  WRITE 4242 08:01:131 0 EOF"; who waits has "->" in it.
        match line.split():
            case [_, "FLOCK", _, _, pid, where, *_] if where == place and int(pid) > 0:
                return Holder(int(pid), _command_of(int(pid)))
    return None


def _command_of(pid: int) -> str:
    command = b""
    with contextlib.suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    text = " ".join(command.decode(errors="replace").split("\0")).strip()
    text = "".join(sign if sign.isprintable() else "?" for sign in text)
    return text if len(text) <= _COMMAND_CHARS_MAX else text[:_COMMAND_CHARS_MAX] + "..."
