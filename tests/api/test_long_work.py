"""What is large is done in slices, so that no task waits for the whole of it."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from uuid import UUID

import pytest
import trio
from attrs import define, frozen
from databases import HeldStorage
from trio.testing import wait_all_tasks_blocked

from reddb import DatabaseClosed, Document, DocumentNotFound, MemDb, UniqueViolation
from reddb.actor.scan import SLICE_CHANGES

COUNT = 5 * SLICE_CHANGES


class Steps(trio.abc.Instrument):
    """Counts what is done in each step of a task."""

    def __init__(self) -> None:
        self.number = 0
        self.done: Counter[int] = Counter()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.number += 1

    def note(self, _value: object) -> bool:
        self.done[self.number] += 1
        return True


@contextmanager
def counted_steps() -> Iterator[Steps]:
    steps = Steps()
    trio.lowlevel.add_instrument(steps)
    try:
        yield steps
    finally:
        trio.lowlevel.remove_instrument(steps)


@pytest.fixture
def no_collector() -> Iterator[None]:
    """What is freed is freed because nothing refers to it."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("log", [False, True])
async def test_others_run_beside_many_commands(log: bool, refuses: bool) -> None:
    def key(value: object) -> object:
        steps.note(value)
        if refuses:
            raise Refused
        return value

    async def insert(number: int) -> None:
        with suppress(Refused):
            await db.insert_one(number)

    storage = HeldStorage()
    storage.gate.set()
    async with MemDb.open("x", int, storage=storage if log else None) as db:
        with counted_steps() as steps:
            await db.add_index("each", key)
            async with trio.open_nursery() as nursery:
                for number in range(COUNT):
                    nursery.start_soon(insert, number)
        assert steps.done.total() == COUNT
        assert max(steps.done.values()) <= SLICE_CHANGES
        stats = await db.stats()
    assert stats.live_document_count == (0 if refuses else COUNT)
    assert refuses or not log or stats.commits_in_largest_batch == COUNT


class Refused(Exception):
    """Nothing that reddb knows."""


async def test_what_a_call_gave_is_not_kept() -> None:
    class Result:
        pass

    async with MemDb.open("x", int) as db:
        result = await db.transact(lambda _tx: Result())
        known = weakref.ref(result)
        del result
        assert known() is None


@define(slots=False)
class Burdened:
    """A document that leads to whoever asked for it."""

    name: str

    def __attrs_post_init__(self) -> None:
        self.owner = OWNER.get(None)


OWNER: ContextVar[object] = ContextVar("OWNER")


async def test_what_keeps_the_error_of_its_own_insert_is_let_go_of() -> None:
    class Owner:
        error: BaseException

    async def fail() -> weakref.ref[Owner]:
        owner = Owner()
        OWNER.set(owner)
        with pytest.raises(UniqueViolation) as caught:
            await db.insert_one(Burdened("ada"))
        owner.error = caught.value
        return weakref.ref(owner)

    async with MemDb.open("x", Burdened) as db:
        await db.add_index("name", lambda value: value.name, unique=True)
        await db.insert_one(Burdened("ada"))
        known = await fail()
        OWNER.set(None)
        gc.collect()
        assert known() is None


@pytest.mark.parametrize("log", [False, True])
async def test_an_error_is_let_go_of_by_whoever_caught_it(log: bool, no_collector: None) -> None:
    storage = HeldStorage()
    storage.gate.set()
    async with MemDb.open("x", int, storage=storage if log else None) as db:
        with pytest.raises(DocumentNotFound) as caught:
            await db.delete_one(UUID(int=1))
        known = weakref.ref(caught.value)
        del caught
        assert known() is None


@frozen
class Shared:
    """Immutable, so the database keeps the very instance that it was given."""

    number: int


async def test_what_a_closed_database_held_is_let_go_of(no_collector: None) -> None:
    async with MemDb.open("x", Shared) as db:
        value, other = Shared(1), Shared(2)
        known, also_known = weakref.ref(value), weakref.ref(other)
        await db.insert_one(value)
        await db.insert([other] * COUNT)
        del value, other
        assert known() is not None and also_known() is not None
    assert known() is None and also_known() is None
    with pytest.raises(DatabaseClosed):
        await db.find_all()


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_closing_lets_go_in_small_steps_unless_cancelled(is_cancelled: bool) -> None:
    with trio.CancelScope() as scope, counted_steps() as steps:
        async with MemDb.open("x", int) as db:
            await db.insert(range(100 * SLICE_CHANGES))
            await wait_all_tasks_blocked()
            before = steps.number
            if is_cancelled:
                scope.cancel()
    assert (steps.number - before < 30) is is_cancelled


async def test_readers_of_feeds_keep_nothing_of_a_closed_database(no_collector: None) -> None:
    async with trio.open_nursery() as nursery, MemDb.open("x", Shared) as db:

        async def follow() -> None:
            async with db.watch() as feed:
                async for _ in feed:
                    pass

        async def wait() -> None:
            with pytest.raises(DatabaseClosed):
                await db.wait_for(document.id, lambda value: value.number == 0)

        value = Shared(1)
        known = weakref.ref(value)
        document = await db.insert_one(value)
        nursery.start_soon(follow)
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        del value
        document = Document(document.id, Shared(1))
    assert known() is None


async def test_many_large_inserts_leave_nothing_behind_that_grows() -> None:
    async with MemDb.open("x", int) as db:
        await db.insert(range(30 * SLICE_CHANGES))
        await wait_all_tasks_blocked()
        with counted_steps() as steps:
            for _ in range(5):
                await db.insert(range(20 * SLICE_CHANGES))
        few = steps.number
        await db.insert(range(1000 * SLICE_CHANGES))
        await wait_all_tasks_blocked()
        with counted_steps() as steps:
            for _ in range(5):
                await db.insert(range(20 * SLICE_CHANGES))
        assert steps.number <= 1.5 * few, "a large insert takes as long in a large database"


async def test_others_run_beside_a_feed_that_gives_a_large_commit() -> None:
    async with MemDb.open("x", int) as db:
        with counted_steps() as steps:
            async with db.watch(steps.note) as feed:
                await db.insert(range(COUNT))
                commit = await anext(feed)
        assert [change.after for change in commit.changes] == list(range(COUNT))
        assert steps.done.total() == COUNT
        assert max(steps.done.values()) <= SLICE_CHANGES


async def test_a_commit_that_a_feed_has_begun_to_give_is_not_lost_by_cancellation() -> None:
    async with MemDb.open("x", int) as db:
        scope = trio.CancelScope()

        def cancel(_value: int) -> bool:
            scope.cancel()
            return True

        async with db.watch(cancel) as feed:
            await db.insert(range(COUNT))
            with scope:
                commit = await anext(feed)
        assert len(commit.changes) == COUNT


async def test_a_feed_is_read_by_one_task_while_it_gives_a_large_commit() -> None:
    async with MemDb.open("x", int) as db, trio.open_nursery() as nursery:
        refusals: list[trio.BusyResourceError] = []

        async def read_too() -> None:
            with pytest.raises(trio.BusyResourceError) as caught:
                await anext(feed)
            refusals.append(caught.value)

        def read_beside(number: int) -> bool:
            if number == 0:
                nursery.start_soon(read_too)
            return True

        async with db.watch(read_beside) as feed:
            await db.insert(range(COUNT))
            commit = await anext(feed)
            assert len(commit.changes) == COUNT
            assert len(refusals) == 1
