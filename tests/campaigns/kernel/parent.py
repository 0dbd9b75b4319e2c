"""Running a child, taking its events, and ending it: see `tests.campaigns.kernel.child`."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec
import trio
from attrs import frozen

from tests.campaigns.kernel.bounded import HANG_S
from tests.campaigns.kernel.child import Job
from tests.campaigns.kernel.journal import Event, Journal

ROOT = Path(__file__).parents[3]
"""Where ``python -m tests.campaigns`` runs."""


@frozen
class Ended:
    """How a child ended."""

    returncode: int
    stderr: str
    hung: bool

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it, and that on purpose."""
        return self.returncode == -signal.SIGKILL and not self.hung

    @property
    def problem(self) -> str | None:
        """What went wrong, if it neither did its job nor was killed."""
        if self.hung:
            return f"it hung for {HANG_S} s"
        if self.returncode and not self.killed:
            last = self.stderr.strip().rpartition("\n")[2]
            return f"it ended with status {self.returncode}: {last}"
        return None


async def run_child(
    job: Job,
    journal: Journal,
    *,
    kill_after_s: float | None = None,
    through: Sequence[str] = (),
) -> Ended:
    """Run a child to its end, while `journal` takes its events.

    Args:
        job: What it is to do.
        journal: Takes its events.
        kill_after_s: Kill it at this moment after it began to open its database.
        through: The beginning of a command line that runs it, such as that of strace.
    """
    start = partial(
        trio.run_process,
        [*through, *job.command()],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
        deliver_cancel=_kill,
        start_new_session=True,
    )
    with tempfile.TemporaryFile() as stderr:
        with trio.move_on_after(HANG_S) as limit:
            async with trio.open_nursery() as nursery:
                process: trio.Process = await nursery.start(partial(start, stderr=stderr))
                opening = trio.Event()
                if kill_after_s is not None:
                    nursery.start_soon(_kill_after, process, opening, kill_after_s)
                await _take_events(process, journal, opening)
        stderr.seek(0)
        assert process.returncode is not None
        return Ended(process.returncode, stderr.read().decode(), limit.cancelled_caught)


async def _take_events(process: trio.Process, journal: Journal, opening: trio.Event) -> None:
    """Tell the journal every event, and `opening` that the first one is there, or none will be.

    A child that is killed may leave half a line behind: what that tells of had not begun.
    """
    assert process.stdout is not None
    decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
    rest = b""
    async for data in process.stdout:
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            journal.take(decoder.decode(line))
        opening.set()
    opening.set()


async def _kill_after(process: trio.Process, opening: trio.Event, seconds: float) -> None:
    await opening.wait()
    with trio.move_on_after(seconds):
        await process.wait()
    await _kill(process)


async def _kill(process: trio.Process) -> None:
    """Kill a child with whatever runs it: they are a process group of their own."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
