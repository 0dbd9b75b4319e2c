"""Every system call that reddb makes on its files fails, each once and from then on (`strace`).

A child writes while the n-th call of a kind fails with EIO or ENOSPC, for every n until none is
left to fail. Its log is a new one, or one with a torn tail to recover. Afterwards:

- Nothing hangs, and the child has not died of anything.
- Whoever was affected got `PersistFailed`, with that very error as its cause.
- What was acknowledged is there when the log is opened again, and what was refused is not.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from copy import deepcopy
from itertools import count, cycle, product
from pathlib import Path
from random import Random

import trio
from attrs import define, evolve, field, frozen

from reddb import Durability
from tests.campaigns.campaign import Campaign, Report, Unsupported
from tests.campaigns.kernel.bounded import Watchdog, campaigning
from tests.campaigns.kernel.child import Job
from tests.campaigns.kernel.examine import examine, tells_of_loss
from tests.campaigns.kernel.home import NEVER, Home, Setting, settings
from tests.campaigns.kernel.journal import Journal
from tests.campaigns.kernel.life import live
from tests.campaigns.kernel.mounts import require
from tests.campaigns.kernel.parent import run_child

_CALLS: dict[str, tuple[int, ...]] = {
    "pwrite64": (errno.EIO, errno.ENOSPC),
    "fdatasync": (errno.EIO, errno.ENOSPC),
    "fsync": (errno.EIO,),
    "openat": (errno.EIO, errno.ENOSPC),
    "?rename,?renameat,?renameat2": (errno.EIO, errno.ENOSPC),
    "ftruncate": (errno.EIO,),
    "?unlink,?unlinkat": (errno.EIO,),
    "close": (errno.EIO,),
    "pread64": (errno.EIO,),
    "?fstat,?newfstatat,?statx": (errno.EIO,),
    "flock": (errno.ENOLCK,),
}
"""The system calls, as strace names them, and the errors that they get."""

_TORN = b"\xf5RDB\x01 half a frame"
"""A tail that a killed process may leave."""

_CONTROL_FAULTS = 10


@frozen
class _Fault:
    """What fails: the n-th of some system calls, or that one and all after it."""

    calls: str
    number: int
    forever: bool = False
    nth: int = 1

    def __str__(self) -> str:
        """Give it as strace takes it."""
        when = f"{self.nth}+" if self.forever else f"{self.nth}"
        return f"{self.calls}:error={errno.errorcode[self.number]}:when={when}"

    def strace(self, home: Home, record: Path) -> list[str]:
        """Give the command line that has it happen to a database's files, and to no others."""
        lock, new = (home.log.with_name(home.log.name + suffix) for suffix in (".lock", ".new"))
        paths = [f"--trace-path={path}" for path in (home.directory, home.log, lock, new)]
        events = [f"--trace={self.calls}", f"--inject={self}"]
        return ["strace", "-f", "--quiet", "--seccomp-bpf", f"--output={record}", *paths, *events]


@define(eq=False)
class _Bench:
    """A kind of database that one fault after the other happens to."""

    place: Path
    setting: Setting
    rng: Random
    torn: bool
    """Whether each life begins with a log that has a torn tail, not with none."""
    without: str | None = None
    _journal: Journal = field(factory=Journal, init=False)
    """What is in the log that each life begins with."""

    @property
    def home(self) -> Home:
        """Where each life is."""
        return Home(self.setting, self.place / "home", NEVER)

    async def prepare(self) -> None:
        """Make the log that each life begins with, if there is one, and keep it."""
        self.home.directory.mkdir(parents=True)
        if self.torn:
            await live(self.home, self._journal.take, self.rng, tasks=2, calls=4)
            self._journal.restart(self._journal.newest)
            with self.home.log.open("ab") as log:
                log.write(_TORN)
        self.home.directory.rename(self.place / "kept")

    async def inject(self, fault: _Fault) -> tuple[bool, str | None]:
        """Live with a fault; tell whether it happened, and what is wrong, if anything is."""
        shutil.rmtree(self.home.directory, ignore_errors=True)
        shutil.copytree(self.place / "kept", self.home.directory)
        journal, record = deepcopy(self._journal), self.place / "record"
        job = Job(self.home, seed=1, tasks=2, calls=8, without=self.without)
        ended = await run_child(job, journal, through=fault.strace(self.home, record))
        happened = "(INJECTED)" in record.read_text()
        problem = ended.problem
        if self.without is None:
            problem = problem or _wrongly_told(journal, fault, happened)
        journal.forget_refused()
        return happened, problem or await examine(self.home, journal, self.rng)


def _wrongly_told(journal: Journal, fault: _Fault, happened: bool) -> str | None:
    """Tell what is wrong with what the callers were told."""
    # What close() says of a file that was replaced is of no use to anybody.
    if happened and not journal.refused and fault.calls != "close":
        return "nobody was told of the error"
    for refused in journal.refused:
        if refused.errno != fault.number:
            return f"{refused.call} was refused for another reason: {refused.reason}"
    return None


@define(eq=False)
class _Faults:
    """All kinds of faults, several beside each other."""

    report: Report
    rng: Random
    place: Path
    limiter: trio.CapacityLimiter
    watchdog: Watchdog

    async def run(self, scale: float) -> None:
        """Have every kind of fault happen at every call; at some if the scale is below 1."""
        faults = [
            (_Fault(calls, number, forever), torn)
            for calls, numbers in _CALLS.items()
            for number, forever, torn in product(numbers, (False, True), (False, True))
        ]
        self.rng.shuffle(faults)
        wanted = range(max(round(len(faults) * scale), 4))
        every = max(round(0.2 / scale), 1)
        kinds = settings(self.rng, *Durability)
        async with trio.open_nursery() as nursery:
            for number, (fault, torn) in zip(wanted, cycle(faults), strict=False):
                bench = _Bench(self.place / str(number), next(kinds), self.rng, torn)
                nursery.start_soon(self.inject, bench, fault, every)

    async def inject(self, bench: _Bench, fault: _Fault, every: int) -> None:
        """Have a fault happen at the first call, the second, and so on, until there is none."""
        what = f"faults of {fault.calls.split(',')[0].lstrip('?')}"
        async with self.limiter:
            await bench.prepare()
            for nth in count(1, every):
                fault = evolve(fault, nth=nth)
                happened, problem = await bench.inject(fault)
                self.watchdog.feed()
                self.report.tried[what] += happened
                if problem is not None:
                    beginning = "a torn log" if bench.torn else "no log"
                    where = f"{bench.setting}, beginning with {beginning}, {fault}"
                    self.report.violations.append(f"{where}: {problem}")
                if not happened:
                    return

    async def control(self, wanted: int) -> None:
        """Have faults happen to a database whose disk does not heed them."""
        kinds = settings(self.rng, *Durability)
        for nth in range(5, 5 + wanted):
            bench = _Bench(
                self.place / f"control {nth}",
                next(kinds),
                self.rng,
                torn=False,
                without="heeding errors",
            )
            await bench.prepare()
            _, problem = await bench.inject(_Fault("pwrite64", errno.EIO, forever=True, nth=nth))
            self.report.caught["heeding errors"] += tells_of_loss(problem)


def _require_strace() -> None:
    """Check that strace can make a system call fail here.

    Raises:
        Unsupported: It cannot.
    """
    require("strace", root=False)
    fault = ["--trace=close", "--inject=close:error=EIO:when=1"]
    command = ["strace", "-f", "--seccomp-bpf", *fault, "true"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if "(INJECTED)" not in ended.stderr:
        raise Unsupported(f"strace injects nothing here: {ended.stderr.strip()[-200:]}")


@campaigning()
def _run(scale: float, seed: int) -> Report:
    _require_strace()
    report, rng = Report(), Random(seed)
    with tempfile.TemporaryDirectory(prefix="reddb-") as directory, Watchdog() as watchdog:
        limiter = trio.CapacityLimiter(os.cpu_count() or 1)
        faults = _Faults(report, rng, Path(directory).resolve(), limiter, watchdog)
        trio.run(faults.run, scale)
        trio.run(faults.control, max(round(_CONTROL_FAULTS * scale), 3))
    return report


CAMPAIGN = Campaign("injected-errors", "has every system call on the files fail once", _run)
