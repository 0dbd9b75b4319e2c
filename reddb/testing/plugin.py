"""The pytest plugin: a database in memory, one on a simulated disk, one in a temporary directory.

pytest finds it by itself once reddb is installed. It has these fixtures and nothing else: no hook,
no option, no marker. See `reddb.testing.fixtures` for what they give.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reddb.testing.fixtures import InDirectory, InMemory, OnSimulatedDisk


@pytest.fixture
def reddb_in_memory() -> InMemory:
    """Open databases in memory, a new one with each call. See `InMemory`."""
    return InMemory()


@pytest.fixture
def reddb_on_simulated_disk() -> OnSimulatedDisk:
    """Open a database on a disk of its own that can fail: ``reddb_on_simulated_disk.disk``."""
    return OnSimulatedDisk()


@pytest.fixture
def reddb_in_directory(tmp_path: Path) -> InDirectory:
    """Open a database in a file in the test's temporary directory."""
    return InDirectory(tmp_path)
