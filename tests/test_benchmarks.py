"""The benchmarks run, at tiny sizes: nothing is timed here, only kept from going stale."""

from __future__ import annotations

import math

import pytest

from benchmarks.targets.rows import ROWS
from benchmarks.targets.workloads import WORKLOADS, measure


@pytest.mark.parametrize("name", WORKLOADS)
def test_each_target_can_be_measured(name: str) -> None:
    measured = measure(name, 200)
    assert measured.ratios.keys() <= {row.name for row in ROWS}
    for value in (*measured.ratios.values(), *measured.seconds.values(), *measured.sizes.values()):
        assert math.isfinite(value) and value >= 0


def test_every_row_is_measured_once() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    named = {name for name in WORKLOADS if name in {row.name for row in ROWS}}
    assert named | {"memory", "latency"} == set(WORKLOADS)
