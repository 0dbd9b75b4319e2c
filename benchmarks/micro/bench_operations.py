"""The operations as pytest-benchmark runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.micro.operations import OPERATIONS


@pytest.mark.parametrize("name", OPERATIONS)
def bench_operation(benchmark: Any, name: str, tmp_path: Path) -> None:
    benchmark(OPERATIONS[name](tmp_path))
