"""The figures of a run, kept in files as they come, so that a run that is ended loses none.

One JSON file for each part of a run. `record` reads it, changes it, and writes it again.
"""

from __future__ import annotations

import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import trio

from benchmarks.peers import PEERS, load

RESULTS = Path(__file__).parent / "results"


def read(part: str) -> dict[str, Any]:
    """Give what a part has come to; nothing, if it was not run."""
    path = RESULTS / f"{part}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def write(part: str, figures: dict[str, Any]) -> None:
    """Keep what a part has come to so far."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{part}.json"
    new = path.with_suffix(".new")
    new.write_text(json.dumps(figures, indent=1))
    new.replace(path)


def machine() -> dict[str, str]:
    """Say what the figures were measured on, and with which versions."""
    versions = {"trio": trio.__version__}
    for name in PEERS:
        try:
            distribution = load(name).distribution
        except ImportError:
            continue
        if distribution and distribution != "reddb":
            versions[distribution] = metadata.version(distribution)
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{memory_bytes / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(f"{name} {version}" for name, version in sorted(versions.items())),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
