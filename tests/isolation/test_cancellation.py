"""Every public coroutine, cancelled at every moment: it happened if and only if it returned."""

from __future__ import annotations

import inspect
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import frozen
from bases import Base, values
from calls import CALLS, Happened, World, public_methods
from trio.testing import MockClock

import reddb
from reddb import MemDb, RedDb, read_snapshot, salvage, verify
from reddb.migrate import from_v2, to_v2
from reddb.testing import SimulatedDisk
from reddb.testing.cancellation import cancel_everywhere
from reddb.transfer import dump, load

pytest_plugins = ("isolation_fixtures",)


ROOT = Path(__file__).parents[2]
METHODS = {name.partition(".")[2] for name, waits in public_methods().items() if waits}
FUNCTIONS = {name for name, value in vars(reddb).items() if inspect.iscoroutinefunction(value)}


def test_no_public_coroutine_is_forgotten() -> None:
    assert set(CALLS) >= METHODS


def test_the_documentation_says_of_every_coroutine_what_it_has_done_when_cancelled() -> None:
    page = (ROOT / "docs/cancellation.md").read_text(encoding="utf-8")
    table = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    named = set(re.findall(r"`(\w+)`", " ".join(table)))
    assert named >= METHODS | FUNCTIONS, "docs/cancellation.md has a table of all coroutines"


@pytest.mark.parametrize(("call", "happened"), CALLS.values(), ids=CALLS)
async def test_a_call_happened_if_and_only_if_it_returned(
    slow_base: Base, autojump_clock: MockClock, call: Any, happened: Happened
) -> None:
    async with slow_base.open(int, compaction_ratio=float("inf")) as db:
        await db.add_index("itself", lambda data: data)
        world = World(slow_base, db)
        locked = set(slow_base.disk._platter.locked)

        async def run() -> None:
            world.result = await call(world)

        async def check(cancelled: bool) -> None:
            world.outcomes.add(cancelled)
            assert slow_base.disk._platter.locked == locked
            if not cancelled:
                happened(world)
            found = {document.id: document.data for document in await db.find_all()}
            assert found == world.expected
            await db.delete(1)  # Let the next run have the only one.
            world.expected = {id_: data for id_, data in world.expected.items() if data != 1}
            await world.prepare()

        await world.prepare()
        await cancel_everywhere(run, check)
        assert world.outcomes == {True, False}
        assert (await db.stats()).feed_count == 0
    async with slow_base.open(int) as db:
        found = {document.id: document.data for document in await db.find_all()}
        assert found == world.expected


async def test_opening_can_be_cancelled_and_leaves_nothing_locked(
    slow_base: Base, autojump_clock: MockClock
) -> None:
    async def use() -> None:
        async with slow_base.open(int) as db:
            await db.insert_one(1)

    async def check(cancelled: bool) -> None:
        async with slow_base.open(int) as db:  # The lock is free, and nothing is torn.
            assert await db.delete(1) <= 1
            await db.insert_one(1)
            await db.delete(1)

    await cancel_everywhere(use, check)


async def test_closing_under_cancellation_closes(
    slow_base: Base, autojump_clock: MockClock
) -> None:
    handles: list[RedDb[int]] = []

    async def serve_and_close() -> None:
        with trio.CancelScope(shield=True):
            db = await services.start(serve, slow_base)
            handles.append(db)
        await db.aclose()

    async def check(cancelled: bool) -> None:
        assert slow_base.disk._platter.locked == set()
        async with slow_base.open(int) as db:
            assert await db.find_all() == []

    async with trio.open_nursery() as services:
        await cancel_everywhere(serve_and_close, check)


async def serve(base: Base, task_status: trio.TaskStatus[RedDb[int]]) -> None:
    """Serve a database."""
    async with base.open(int) as db:
        task_status.started(db)
        await db._engine.ended.wait()


@pytest.mark.parametrize("read", [verify, read_snapshot], ids=lambda read: read.__name__)
async def test_looking_at_a_file_can_be_cancelled_and_changes_nothing(
    slow_base: Base, autojump_clock: MockClock, read: Any
) -> None:
    async with slow_base.open(int) as db:
        await db.insert_one(1)
    before = slow_base.disk.content("x.log")
    outcomes: set[bool] = set()

    def check(cancelled: bool) -> None:
        outcomes.add(cancelled)
        assert slow_base.disk.paths() == [Path("x.log")]
        assert slow_base.disk.content("x.log") == before

    await cancel_everywhere(partial(read, "x.log", disk=slow_base.disk), check)
    assert outcomes == {False, True}


async def test_salvaging_makes_a_file_if_and_only_if_it_returns(
    slow_base: Base, autojump_clock: MockClock
) -> None:
    async with slow_base.open(int) as db:
        await db.insert(range(50))
    outcomes: set[bool] = set()

    async def check(cancelled: bool) -> None:
        outcomes.add(cancelled)
        saved = [] if cancelled else [Path("saved.log")]
        assert slow_base.disk.paths() == [*saved, Path("x.log")]
        assert slow_base.disk._platter.locked == set()
        await slow_base.disk.unlink(Path("saved.log"))

    await cancel_everywhere(partial(salvage, "x.log", "saved.log", disk=slow_base.disk), check)
    assert outcomes == {False, True}


@frozen
class Text:
    """A document that the Rust crate could have."""

    text: str


MOVES = {"transfer": (dump, load), "migrate": (to_v2, from_v2)}


@pytest.mark.parametrize(("move_out", "move_in"), MOVES.values(), ids=MOVES)
async def test_moving_out_and_in_happened_if_and_only_if_it_returned(
    autojump_clock: MockClock, move_out: Any, move_in: Any
) -> None:
    disk = SimulatedDisk(latency_s=1)
    outcomes: set[tuple[bool, int]] = set()
    path = Path("moved.json")
    async with MemDb.open("x", Text) as db, MemDb.open("y", Text) as other:
        await db.insert([Text(str(number)) for number in range(200)])

        async def check_file(cancelled: bool) -> None:
            assert disk.paths() == ([] if cancelled else [path])
            await disk.unlink(path)

        async def check_documents(cancelled: bool) -> None:
            outcomes.add((cancelled, await other.delete_where(lambda _: True)))

        await cancel_everywhere(partial(move_out, db, path, disk=disk), check_file)
        await move_out(db, path, disk=disk)
        await cancel_everywhere(partial(move_in, path, other, disk=disk), check_documents)
    assert outcomes == {(True, 0), (False, 200)}


async def test_a_call_among_other_writers_happened_if_and_only_if_it_returned(
    slow_base: Base, autojump_clock: MockClock
) -> None:
    expected: list[int] = []
    count = 0

    async def insert() -> None:
        nonlocal count
        count += 1
        for _ in range(3):
            others.start_soon(db.update, -1, -1)
        await db.insert_one(count)

    def check(cancelled: bool) -> None:
        if not cancelled:
            expected.append(count)

    async with slow_base.open(int, mailbox_commands_max=2, batch_commands_max=2) as db:
        async with trio.open_nursery() as others:
            await cancel_everywhere(insert, check)
        assert values(await db.find_all()) == expected
        assert 0 < len(expected) < count
    async with slow_base.open(int) as db:
        assert values(await db.find_all()) == expected
