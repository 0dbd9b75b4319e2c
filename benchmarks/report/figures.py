"""Which plots there are, and of what."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.report.pages import title_of
from benchmarks.report.plots import bars, lines
from benchmarks.side_by_side.mixed import MIXES

_READS = ["get", "index lookup", "filtered scan", "ordered page"]


def draw_all(directory: Path) -> None:
    """Draw every plot of which there are figures."""
    if peers := results.read("peers"):
        for level, words in {"memory": "in memory", "FSYNC": "synced to the disk"}.items():
            path = directory / f"inserts-{level.lower()}.svg"
            series = _inserts(peers, level)
            lines(path, f"insert_one, {words}", "tasks", "inserts per second", series)
        mixes = {
            f"{mix}: {words}".replace(", ", ",\n"): f"YCSB {mix}" for mix, words in MIXES.items()
        }
        path = directory / "mixed.svg"
        bars(path, "YCSB, 64 tasks", "operations per second", _groups(peers, mixes))
        reads = {name: name for name in _READS}
        path = directory / "reads.svg"
        bars(path, "Reads, one task", "per second", _groups(peers, reads))
    for axis, costs in results.read("growth").items():
        series = {
            name: {float(size): statistics.median(each) for size, each in points.items()}
            for name, points in costs.items()
        }
        title = f"Cost of an operation, by {axis}"
        lines(directory / f"growth-{axis}.svg", title, axis, "microseconds", series)


def _inserts(peers: dict[str, Any], level: str) -> dict[str, dict[float, float]]:
    series: dict[str, dict[float, float]] = {}
    for peer, found in peers.items():
        for workload, figures in found["cells"].items():
            if workload.startswith(f"insert_one {level} ") and figures["values"]:
                tasks = float(workload.rpartition(" ")[2])
                median = statistics.median(figures["values"])
                series.setdefault(title_of(peer), {})[tasks] = median
    return series


def _groups(peers: dict[str, Any], workloads: dict[str, str]) -> dict[str, dict[str, float]]:
    return {
        words: {
            title_of(peer): statistics.median(found["cells"][workload]["values"])
            for peer, found in peers.items()
            if found["cells"].get(workload, {}).get("values")
        }
        for words, workload in workloads.items()
    }
