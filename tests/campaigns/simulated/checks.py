"""What must hold of every state that a crash leaves."""

from __future__ import annotations

from collections import defaultdict
from random import Random

from reddb import RedDb
from reddb.testing.simulated_disk import SimulatedDisk
from tests.campaigns.simulated.ledger import Ledger, Point, Violation, contents_of
from tests.campaigns.simulated.steps import insert
from tests.campaigns.simulated.workload import Note, Run, Setting, group_of


async def check(setting: Setting, disk: SimulatedDisk, ledger: Ledger, floor: Point) -> None:
    """Open what a crash left, and see that it is what it may be.

    Raises:
        Violation: It holds what it must not hold.
        Exception: It does not open.
    """
    async with setting.open(disk, ledger.forked(0, floor), Random(0)) as db:
        found = db.snapshot()
        ledger.find(found.seq, contents_of(found), floor)
        await check_indexes(db)


async def check_indexes(db: RedDb[Note]) -> None:
    """See that the state is sound, and that an index finds what a scan finds.

    Raises:
        Violation: It does not.
    """
    await db.add_index("group", group_of)
    found = db.snapshot()
    try:
        found._state.check()
    except AssertionError as error:
        raise Violation(f"the state is not sound: {error}") from error
    scanned = defaultdict(list)
    for document in found:
        scanned[group_of(document.data)].append(document)
    for group in range(4):
        if found.using_index("group", group) != scanned[group]:
            raise Violation(f"the index does not find what a scan finds for {group}")


async def work_a_little(run: Run) -> None:
    """Open what a crash left, insert a few documents, and close it.

    Raises:
        Violation: It holds what it must not hold.
        Exception: It does not open, or cannot be written.
    """
    async with run.open() as db:
        for _ in range(4):  # As large as those of a burst, whose frames they may replace.
            await insert(run, db, size=40)
