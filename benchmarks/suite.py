"""Runs all measurements, part by part, and writes the pages: what ``python -m benchmarks`` runs.

    python -m benchmarks.suite [--quick] [--rounds N] [--only PART ...] [--report]

In each part the rounds are outermost, so what is compared is measured in turn; each measurement has
a process of its own. A measurement that fails is noted and does not end the run. Figures are kept
as they come, in ``benchmarks/results``, and the pages are made of those: ``--report`` makes them
again without measuring.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from attrs import asdict, evolve, field, frozen

from benchmarks import growth, profiles, results, rust
from benchmarks.fresh import in_fresh_process
from benchmarks.peers import PEERS
from benchmarks.report import pages
from benchmarks.side_by_side.cells import Size
from benchmarks.side_by_side.groups import GROUPS, run_group
from benchmarks.targets.workloads import WORKLOADS, measure

_LONG = {"hold", "open-linear", "latency"}
"""Targets that take minutes: they get fewer rounds."""


@frozen
class Plan:
    """How large a run is."""

    rounds: int = 3
    rounds_targets: int = 5
    rounds_long: int = 2
    documents: int = 100_000
    size: Size = field(factory=Size)
    growth_documents: tuple[int, ...] = growth.DOCUMENTS
    growth_tasks: tuple[int, ...] = growth.TASKS


QUICK = Plan(
    rounds=1,
    rounds_targets=1,
    rounds_long=1,
    documents=5000,
    size=Size(documents=5000, seconds=0.1, open_documents=(1000, 5000), tasks=(1, 64)),
    growth_documents=(1000, 10_000),
    growth_tasks=(1, 10, 100),
)


def _attempt(what: str, fn: Callable[..., Any], *args: Any) -> tuple[Any, str]:
    """Measure in a process of its own; give the result, or None and what went wrong."""
    start = time.perf_counter()
    try:
        result, failed = in_fresh_process(fn, *args), ""
    except Exception as error:  # One that fails does not end the run.
        result, failed = None, f"{type(error).__name__}: {error}"
    print(
        f"{time.perf_counter() - start:7.1f} s  {what}{failed and '  FAILED: ' + failed}",
        flush=True,
    )
    return result, failed


def run_targets(plan: Plan) -> None:
    """Measure the ratios that reddb is held to."""
    figures: dict[str, Any] = {name: {"rounds": [], "failed": []} for name in WORKLOADS}
    for round_number in range(plan.rounds_targets):
        for name in WORKLOADS:
            if name in _LONG and round_number >= plan.rounds_long:
                continue
            result, failed = _attempt(f"target {name}", measure, name, plan.documents)
            if failed:
                figures[name]["failed"].append(failed)
            else:
                figures[name]["rounds"].append(asdict(result))
            results.write("targets", figures)


def run_peers(plan: Plan) -> None:
    """Measure reddb beside its peers."""
    figures: dict[str, Any] = {name: {"cells": {}, "failed": []} for name in PEERS}
    for _ in range(plan.rounds):
        for group in GROUPS:
            for name in PEERS:
                cells, failed = _attempt(f"{group} of {name}", run_group, group, name, plan.size)
                if failed:
                    figures[name]["failed"].append(f"{group}: {failed}")
                for cell in cells or ():
                    empty = {"values": [], "cannot": cell.cannot, "failed": []}
                    kept = figures[name]["cells"].setdefault(cell.workload, empty)
                    if cell.value is not None:
                        kept["values"].append(cell.value)
                    if cell.failed:
                        kept["failed"].append(cell.failed)
                results.write("peers", figures)


def run_growth(plan: Plan) -> None:
    """Measure how costs grow."""
    sizes = {
        "documents": plan.growth_documents,
        "tasks": plan.growth_tasks,
        "indexes": growth.INDEXES,
    }
    figures: dict[str, Any] = {axis: {} for axis in sizes}
    for round_number in range(plan.rounds):
        for axis, each in sizes.items():
            for size in each:
                if size >= 1_000_000 and round_number:
                    continue
                what = f"growth with {size} {axis}"
                costs, _ = _attempt(what, growth.measure, axis, size)
                for name, cost in (costs or {}).items():
                    figures[axis].setdefault(name, {}).setdefault(str(size), []).append(cost)
                results.write("growth", figures)


def run_rust(plan: Plan) -> None:
    """Measure what the Rust crate was measured to do."""
    figures: dict[str, Any] = {}
    for _ in range(plan.rounds):
        found, _ = _attempt(
            "figures of the Rust crate", rust.measure, plan.documents, plan.size.seconds
        )
        for name, value in (found or {}).items():
            figures.setdefault(name, []).append(value)
        results.write("rust", figures)


def run_profiles(plan: Plan) -> None:
    """Profile the hot paths."""
    figures: dict[str, Any] = {}
    for name in profiles.PATHS:
        shares, _ = _attempt(f"profile of {name}", profiles.measure, name, plan.documents // 4)
        figures[name] = [asdict(share) for share in shares or ()]
        results.write("profiles", figures)


PARTS = {
    "targets": run_targets,
    "peers": run_peers,
    "growth": run_growth,
    "rust": run_rust,
    "profiles": run_profiles,
}


def main() -> None:
    """Run what the command line asks for, then write the pages."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--quick", action="store_true", help="few and small: to see that it works")
    parser.add_argument("--rounds", type=int, help="rounds to take medians of")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--report", action="store_true", help="only write the pages again")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else Plan()
    if arguments.rounds:
        rounds, rounds_long = arguments.rounds, min(arguments.rounds, plan.rounds_long)
        plan = evolve(plan, rounds=rounds, rounds_targets=rounds, rounds_long=rounds_long)
    if not arguments.report:
        results.write("machine", {**results.machine(), "quick": "yes" if arguments.quick else ""})
        for part in arguments.only:
            PARTS[part](plan)
    pages.write_all()


if __name__ == "__main__":
    main()
