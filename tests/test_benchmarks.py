"""The benchmarks run, at tiny sizes: nothing is timed here, only kept from going stale."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks import growth, profiles, results, rust
from benchmarks.micro.operations import OPERATIONS
from benchmarks.report import pages
from benchmarks.side_by_side.cells import Size
from benchmarks.side_by_side.groups import GROUPS, run_group
from benchmarks.targets.rows import ROWS
from benchmarks.targets.workloads import WORKLOADS, measure

SIZE = Size(documents=200, seconds=0.001, open_documents=(100,), tasks=(1, 3))
NEEDING_NO_PACKAGE = ["reddb", "sqlite3", "group-commit", "dict", "actor", "bare-file"]


@pytest.mark.parametrize("name", WORKLOADS)
def test_each_target_can_be_measured(name: str) -> None:
    measured = measure(name, 200)
    assert measured.ratios.keys() <= {row.name for row in ROWS}
    for value in (*measured.ratios.values(), *measured.seconds.values(), *measured.sizes.values()):
        assert math.isfinite(value) and value >= 0


def test_every_row_has_a_workload() -> None:
    rows = {row.name for row in ROWS}
    assert len(rows) == len(ROWS)
    of_several = {"memory-opened", "memory-decoded", "p99-compaction", "p99-scan", "p99-bulk"}
    assert rows - of_several == WORKLOADS.keys() - {"memory", "latency"}


@pytest.mark.parametrize("peer", NEEDING_NO_PACKAGE)
@pytest.mark.parametrize("group", GROUPS)
def test_each_peer_runs_each_workload(group: str, peer: str) -> None:
    for cell in run_group(group, peer, SIZE):
        assert not cell.failed, cell
        assert cell.cannot or (cell.value is not None and math.isfinite(cell.value))


@pytest.mark.parametrize(("axis", "size"), [("documents", 200), ("tasks", 3), ("indexes", 2)])
def test_growth_can_be_measured(axis: str, size: int) -> None:
    assert all(cost > 0 for cost in growth.measure(axis, size).values())


def test_the_figures_of_the_rust_crate_can_be_measured() -> None:
    found = rust.measure(200, 0.001)
    assert found.keys() == rust.FIGURES.keys()


@pytest.mark.parametrize("name", profiles.PATHS)
def test_each_hot_path_can_be_profiled(name: str) -> None:
    assert sum(share.share for share in profiles.measure(name, 200)) > 0.1


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_micro_benchmark_works(name: str, tmp_path: Path) -> None:
    OPERATIONS[name](tmp_path)()


def _figures_of_a_run() -> dict[str, Any]:
    cells = {"insert_one FSYNC 1": {"values": [1234.5, 1200.0], "cannot": "", "failed": []}}
    refused = {"insert_one FSYNC 1": {"values": [], "cannot": "keeps nothing", "failed": []}}
    return {
        "machine": {"processor": "one", "quick": ""},
        "peers": {
            "reddb": {"cells": cells, "failed": []},
            "dict": {"cells": refused, "failed": []},
        },
        "growth": {"tasks": {"insert_one": {"1": [3.0], "10": [2.0]}}},
        "rust": {"bulk": [58_800.0]},
    }


def test_the_pages_say_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(pages, "PAGES", tmp_path / "pages")
    for part, figures in _figures_of_a_run().items():
        results.write(part, figures)
    pages.write_all()
    inserts = (tmp_path / "pages" / "inserts-fsync.md").read_text()
    assert "| reddb | 1,220 ±1% |" in inserts
    assert "| limit: dict | cannot: keeps nothing |" in inserts
    assert "| 29,400 | 58,800 | 2.00 |" in (tmp_path / "pages" / "rust.md").read_text()
