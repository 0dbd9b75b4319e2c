"""Runs the Python examples of the README and of the documentation as tests.

Each fenced ``python`` block is a complete program: it shares no names with the others, and runs in
an empty directory of its own.

For all tests Hypothesis judges what the code does, not how busy the machine is: it has no deadline.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

settings.register_profile("reddb", deadline=None)
settings.load_profile("reddb")


class ProgramEvaluator(PythonEvaluator):
    """Runs a block without the names that the blocks above it have defined."""

    def __call__(self, example: Example) -> None:
        """Run one block."""
        example.namespace.clear()
        super().__call__(example)


@pytest.fixture
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty directory."""
    monkeypatch.chdir(tmp_path)


pytest_collect_file = Sybil(
    parsers=[CodeBlockParser("python", ProgramEvaluator())],
    patterns=["*.md"],
    fixtures=["empty_directory"],
).pytest()
