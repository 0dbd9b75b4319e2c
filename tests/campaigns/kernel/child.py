"""A life in a process of its own, which tells its events through a pipe as lines of JSON.

The one argument is a `Job`. The child may kill itself at a step of its disk; the parent may kill
it at any moment. An event is in the pipe before the child goes on, and a pipe outlives its writer.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from typing import TypeVar

import msgspec
import trio
from attrs import define, frozen

from reddb.actor.disk import Disk, RealDisk
from tests.campaigns.kernel.home import Home
from tests.campaigns.kernel.journal import Event
from tests.campaigns.kernel.life import live
from tests.campaigns.kernel.steps import WITHOUT, Step, SteppedDisk

R = TypeVar("R")


@frozen
class Death:
    """A named point at which a child kills itself: at the n-th such step, before it or after."""

    step: Step
    nth: int
    before: bool


@frozen
class Job:
    """What a child is to do."""

    home: Home
    seed: int
    tasks: int = 4
    calls: int = 150
    late: bool = False
    without: str | None = None
    """The protection that the disk lacks: see `tests.campaigns.kernel.steps.WITHOUT`."""
    death: Death | None = None

    def command(self) -> list[str]:
        """Give the command line of a child that does this."""
        job = msgspec.json.encode(self, enc_hook=str).decode()  # A path as a str.
        return [sys.executable, "-m", "tests.campaigns.kernel.child", job]


@define(eq=False)
class _KillAt:
    """Kills this very process at a step."""

    death: Death
    seen: int = 0

    async def __call__(self, step: Step, act: Callable[[], Awaitable[R]]) -> R:
        self.seen += step is self.death.step
        due = step is self.death.step and self.seen == self.death.nth
        if due and self.death.before:
            os.kill(os.getpid(), signal.SIGKILL)
        result = await act()
        if due:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def _disk(job: Job) -> Disk:
    disk: Disk = RealDisk()
    if job.without is not None:
        disk = SteppedDisk(disk, WITHOUT[job.without])
    if job.death is not None:
        disk = SteppedDisk(disk, _KillAt(job.death))
    return disk


def _send(event: Event) -> None:
    line = memoryview(msgspec.json.encode(event) + b"\n")
    while line:
        line = line[os.write(sys.stdout.fileno(), line) :]


def main() -> None:
    """Do the job that the command line gives."""
    job = msgspec.json.decode(sys.argv[1], type=Job, dec_hook=lambda path, text: path(text))
    work = partial(live, late=job.late, tasks=job.tasks, calls=job.calls)
    trio.run(work, job.home, _send, Random(job.seed), _disk(job))


if __name__ == "__main__":
    main()
