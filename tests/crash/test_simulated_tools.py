"""What the campaigns on the simulated disk are made of: it must see what they are to find."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from uuid import UUID

import pytest
import trio

from reddb import Commit, JsonDb, MemoryStorage
from reddb.actor.frames import Fact
from reddb.testing import Operation, SimulatedDisk
from reddb.testing.journal import Renamed
from tests.campaigns.simulated.failing import SESSIONS, operations
from tests.campaigns.simulated.hangs import Hang, bare, run_or_hang
from tests.campaigns.simulated.ledger import ORIGIN, Ledger, Violation
from tests.campaigns.simulated.search import states_at, varied
from tests.campaigns.simulated.steps import SCRIPT, STEPS, Step, work
from tests.campaigns.simulated.workload import Note, Run, Setting, silent, small_steps

SETTING = Setting(JsonDb)


def fact(key: int, text: str) -> Fact:
    return key, b'{"text":"%s","group":0}' % text.encode()


def put(key: int, text: str) -> dict[UUID, object | None]:
    return {UUID(int=key): Note(text)}


@pytest.fixture
def ledger() -> Ledger:
    """A ledger of two commits: one of two documents, and one of a third."""
    ledger = SETTING.ledger()
    ledger.add(Commit(1, [fact(1, "a"), fact(2, "b")]))
    ledger.add(Commit(2, [fact(3, "c")]))
    return ledger


# The ledger.


def test_what_was_committed_is_found(ledger: Ledger) -> None:
    contents = tuple((put(1, "a") | put(2, "b")).items())
    point = ledger.find(1, contents, ORIGIN)
    assert ledger.tip.has(point) and not point.has(ledger.tip)
    assert ledger.find(0, (), ORIGIN) is ORIGIN


def test_half_a_commit_is_found_out(ledger: Ledger) -> None:
    with pytest.raises(Violation, match="no state there ever was"):
        ledger.find(1, tuple(put(1, "a").items()), ORIGIN)


def test_a_lost_commit_is_found_out(ledger: Ledger) -> None:
    ledger.acknowledge(7, put(3, "c"), synced=True)
    assert ledger.floor(6) is ORIGIN
    with pytest.raises(Violation, match="commit 2 was promised"):
        ledger.find(1, tuple((put(1, "a") | put(2, "b")).items()), ledger.floor(7))


def test_an_unsynced_commit_may_be_lost_with_the_power_alone(ledger: Ledger) -> None:
    ledger.acknowledge(7, put(3, "c"), synced=False)
    assert ledger.floor(7) is ORIGIN
    assert ledger.floor(7, killed=True) is ledger.tip


def test_an_acknowledgement_without_a_commit_is_found_out(ledger: Ledger) -> None:
    for effect in (put(1, "a"), put(3, "other"), put(4, "c"), put(2, "b") | put(3, "c")):
        with pytest.raises(Violation, match="not logged as one commit"):
            ledger.acknowledge(7, effect, synced=True)


def test_a_refused_commit_is_a_branch_that_ended(ledger: Ledger) -> None:
    refused, ledger.tip = ledger.tip, ledger.points[1]
    ledger.add(Commit(2, [fact(4, "d")]))
    ledger.acknowledge(7, put(4, "d"), synced=True)
    assert ledger.find(2, refused.contents, ORIGIN) is refused
    with pytest.raises(Violation, match="promised"):
        ledger.find(2, refused.contents, ledger.floor(7))
    with pytest.raises(Violation, match="after commit 2"):
        ledger.add(Commit(4, []))


# Hangs.


def test_tasks_that_wait_for_each_other_are_woken() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.Event().wait)
            with trio.CancelScope(shield=True):
                await trio.Event().wait()

    with pytest.raises(ExceptionGroup) as group:
        run_or_hang(main, seed=1)
    assert isinstance(bare(group.value), Hang)


class Stuck(MemoryStorage):
    """A storage that never keeps anything."""

    async def append(self, commits: Sequence[Commit]) -> None:
        await trio.Event().wait()


def test_a_call_that_is_never_answered_is_woken() -> None:
    async def main() -> None:
        async with JsonDb.open("notes", storage=Stuck()) as db:
            await db.insert_one("stuck")

    with silent(), pytest.raises(ExceptionGroup) as group:
        run_or_hang(main, seed=1)
    assert isinstance(bare(group.value), Hang)


def test_what_does_not_hang_is_let_alone() -> None:
    async def main() -> int:
        await trio.lowlevel.checkpoint()
        return 7

    assert run_or_hang(main, seed=1) == 7


# The workloads.


def worked(seed: int, sessions: Sequence[Sequence[Step]] = SCRIPT) -> SimulatedDisk:
    disk = SimulatedDisk()
    run = Run(SETTING, disk, SETTING.ledger(), Random(seed))
    with small_steps():
        run_or_hang(lambda: work(run, sessions), seed)
    return disk


def test_a_seed_gives_one_workload_byte_for_byte() -> None:
    assert worked(1).journal == worked(1).journal
    assert worked(1).journal != worked(2).journal


def test_the_scripts_do_everything() -> None:
    assert {step for session in SCRIPT for step in session} == {*Step} == {*STEPS}
    assert {*operations(SETTING, 1)} == {*Operation}


def test_the_workload_of_the_error_loop_is_compacted_by_its_size_too() -> None:
    called = sum(step in {Step.COMPACT, Step.COMPACT_UNDER_FIRE} for s in SESSIONS for step in s)
    renamed = sum(isinstance(event, Renamed) for event in worked(1, SESSIONS).journal)
    assert renamed > 1 + called, "creating the log renames a file, and so does each compaction"


def test_a_choice_of_states_has_all_kinds() -> None:
    disk = worked(1, [[Step.BURST]])
    moment = max(range(len(disk.journal)), key=lambda at: len(states_at(disk, at, 1)))
    causes = " ".join(state.cause for state in varied(states_at(disk, moment, 1), 20, Random(1)))
    for kind in ("nothing unsynced", "everything", "at full length", "all but sector"):
        assert kind in causes
