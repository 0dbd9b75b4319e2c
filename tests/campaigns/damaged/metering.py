"""What an operation takes of time and memory, both measured so that a run can be repeated.

Time is counted in steps of tasks: the real one says more about the machine.
"""

from __future__ import annotations

import contextlib
import tracemalloc
from collections import Counter
from collections.abc import Iterator

import trio
from attrs import define, field

_STEPS_MAX = 200
_BYTES_PER_STEP = 4
"""A frame has 44 bytes at least; what looks at one takes a few steps."""

_PEAK_BYTES_MAX = 2_000_000
_PEAK_BYTES_PER_BYTE = 64
"""A fact takes 21 bytes, and some hundred as Python objects, in each of several lists."""


class Violation(Exception):  # It says what was found, not what went wrong here.
    """A promise was broken; the message says which."""


@define(eq=False)
class Meter(trio.abc.Instrument):
    """Measures what an operation takes: steps of tasks, which are counted, and memory.

    Args:
        peaks: The most that any operation took.
    """

    peaks: Counter[str] = field(factory=Counter)
    _steps: int = field(default=0, init=False)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count a step."""
        self._steps += 1

    @contextlib.contextmanager
    def running(self, *, memory: bool) -> Iterator[None]:
        """Measure in the body, which must be in trio. Measuring memory takes its time."""
        trio.lowlevel.add_instrument(self)
        if memory:
            tracemalloc.start()
        try:
            yield
        finally:
            tracemalloc.stop()
            trio.lowlevel.remove_instrument(self)

    @contextlib.contextmanager
    def bounded(self, log_bytes: int) -> Iterator[None]:
        """See that the body takes no more than a log of this size accounts for.

        Raises:
            Violation: It does.
        """
        self._steps = 0
        before, _ = tracemalloc.get_traced_memory()
        if tracemalloc.is_tracing():
            tracemalloc.reset_peak()
        try:
            yield
        finally:
            steps, peak = self._steps, tracemalloc.get_traced_memory()[1] - before
        self.peaks |= Counter({"most steps of one operation": steps})
        self.peaks |= Counter({"most bytes of memory of one operation": peak})
        if steps > _STEPS_MAX + log_bytes // _BYTES_PER_STEP:
            raise Violation(f"{steps} steps for {log_bytes} bytes")
        if peak > _PEAK_BYTES_MAX + log_bytes * _PEAK_BYTES_PER_BYTE:
            raise Violation(f"{peak} bytes of memory for {log_bytes} bytes")
