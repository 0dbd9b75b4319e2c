"""Measure the ratios that reddb is held to.

    python -m benchmarks.targets [NAME ...] [--documents N] [--rounds N] [--list]

Each round of each workload runs in a process of its own, in which the sides of a ratio take turns.
What is printed is the median of the rounds, with the least and the greatest. Measure on a machine
that does nothing else; where it does, only what both sides of a ratio suffer alike cancels out.
"""

from __future__ import annotations

import argparse
import inspect
import platform
import statistics

import trio

from benchmarks.fresh import in_fresh_process
from benchmarks.targets.measured import Measured
from benchmarks.targets.rows import ROWS
from benchmarks.targets.workloads import WORKLOADS, measure

_DOCUMENTS_MIN = 200
"""With fewer, some sides of a ratio would have none to insert."""


def _print(rounds: list[Measured]) -> None:
    for row in ROWS:
        if row.name in rounds[0].ratios:
            values = [each.ratios[row.name] for each in rounds]
            median = statistics.median(values)
            met = "met" if row.met(median) else "NOT met"
            spread = f"({min(values):.3g} to {max(values):.3g})"
            print(f"{median:9.3g} {spread:20} {row.bound:10} {met:8} {row.name}: {row.what}")
    for name in rounds[0].seconds:
        value = statistics.median([each.seconds[name] for each in rounds])
        print(f"{value * 1e6:21.2f} us  {name}")
    for name in rounds[0].sizes:
        value = statistics.median([each.sizes[name] for each in rounds])
        print(f"{value:18.0f} bytes  {name}")
    for note in rounds[0].notes:
        print(f"{'':21} {note}")


def main() -> None:
    """Measure what the command line asks for, and print it as it comes."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.targets", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="workloads to run; all by default")
    parser.add_argument("--documents", type=int, default=100_000, help="how many in a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds to take the median of")
    parser.add_argument("--list", action="store_true", help="say what the workloads are")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(WORKLOADS):
        parser.error(f"no such workload: {', '.join(sorted(unknown))}; see --list")
    if arguments.documents < _DOCUMENTS_MIN or arguments.rounds < 1:
        parser.error(f"there must be {_DOCUMENTS_MIN} documents and one round at least")
    if arguments.list:
        for name, workload in WORKLOADS.items():
            print(f"{name:16} {(inspect.getdoc(workload) or '').partition(chr(10))[0]}")
        return
    print(f"Python {platform.python_version()}, trio {trio.__version__}, {platform.machine()}")
    print(f"{arguments.documents} documents, medians of {arguments.rounds} rounds (least to most)")
    for name in arguments.names or WORKLOADS:
        try:
            rounds = [
                in_fresh_process(measure, name, arguments.documents)
                for _ in range(arguments.rounds)
            ]
        except Exception as error:  # One that fails does not end the others.
            print(f"FAILED    {name}: {type(error).__name__}: {error}")
        else:
            _print(rounds)


if __name__ == "__main__":
    main()
