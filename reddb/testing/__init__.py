"""For the tests of programs that use reddb, and of codecs, disks and storages of your own.

`SimulatedDisk` is a disk in memory that fails when told to; its `crash_states` are what a power
cut could leave. `InMemory`, `OnSimulatedDisk` and `InDirectory` open databases for tests; pytest
has them as the fixtures of `reddb.testing.plugin`. `cancel_everywhere` cancels a function at each
of its checkpoints; `run_seeded` makes a run that can be repeated. The conformance modules have the
tests that every codec, disk and storage must pass.
"""

from reddb.testing.cancellation import cancel_everywhere
from reddb.testing.crash_states import CrashState
from reddb.testing.determinism import run_seeded, seeded_bytes, seeded_id, seeded_random
from reddb.testing.fixtures import InDirectory, InMemory, OnSimulatedDisk
from reddb.testing.simulated_disk import Operation, SimulatedDisk

__all__ = [
    "CrashState",
    "InDirectory",
    "InMemory",
    "OnSimulatedDisk",
    "Operation",
    "SimulatedDisk",
    "cancel_everywhere",
    "run_seeded",
    "seeded_bytes",
    "seeded_id",
    "seeded_random",
]
