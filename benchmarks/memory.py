"""How much memory this process holds."""

from __future__ import annotations

import gc
import os
import resource
import sys
from pathlib import Path


def resident_bytes() -> int:
    """Give the process's resident memory, after a full garbage collection.

    Where the system does not say (it does on Linux), give the most that it ever was.
    """
    gc.collect()
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
