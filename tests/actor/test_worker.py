"""A thread of one's own makes calls for tasks, as `trio.to_thread` would."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from reddb.actor.turns import threads_at_work
from reddb.actor.worker import Worker


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    """A worker, closed at the end."""
    made = Worker()
    yield made
    made.close()


async def test_a_call_gives_what_its_function_gives(worker: Worker) -> None:
    assert await worker.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await worker.run(divmod, 7, 0)
    assert await worker.run(divmod, 8, 2) == (4, 0)


async def test_all_calls_are_made_in_one_other_thread(worker: Worker) -> None:
    first, second = await worker.run(threading.get_ident), await worker.run(threading.get_ident)
    assert first == second != threading.get_ident()


async def test_calls_of_many_tasks_are_made_in_their_order(worker: Worker) -> None:
    release, order = threading.Event(), list[int]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: worker.run(release.wait))
        for number in range(20):
            await wait_all_tasks_blocked()
            nursery.start_soon(worker.run, order.append, number)
        await wait_all_tasks_blocked()
        assert order == []
        assert len(threads_at_work) == 21
        release.set()
    assert order == list(range(20))
    assert not threads_at_work


async def test_a_cancelled_task_makes_no_call(worker: Worker) -> None:
    calls: list[int] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        await worker.run(calls.append, 1)
    assert scope.cancelled_caught
    assert calls == []


async def test_a_call_that_has_begun_gives_its_result_when_cancelled(worker: Worker) -> None:
    begun, release = trio.Event(), threading.Event()
    token = trio.lowlevel.current_trio_token()
    results: list[bool] = []

    def wait() -> bool:
        token.run_sync_soon(begun.set)
        return release.wait()

    async def call() -> None:
        results.append(await worker.run(wait))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await begun.wait()
        nursery.cancel_scope.cancel()
        release.set()
    assert results == [True]


async def test_closing_ends_the_thread_after_the_last_call(worker: Worker) -> None:
    release, threads = threading.Event(), list[threading.Thread]()

    def last() -> None:
        threads.append(threading.current_thread())
        release.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker.run, last)
        await wait_all_tasks_blocked()
        worker.close()
        release.set()
    (thread,) = threads
    assert thread.daemon
    thread.join(60)
    assert not thread.is_alive()


async def test_a_waiting_thread_holds_nothing_of_the_last_call(worker: Worker) -> None:
    class Held:
        """Something that can be seen to be gone."""

    held = Held()
    gone = weakref.ref(held)
    await worker.run(id, held)
    del held
    await worker.run(gc.collect)
    assert gone() is None


def test_a_run_of_trio_that_has_crashed_leaves_the_thread_at_work() -> None:
    worker, release = Worker(), threading.Event()

    async def crash() -> None:
        token, task = trio.lowlevel.current_trio_token(), trio.lowlevel.current_task()
        await worker.run(id, None)
        worker._jobs.put((token, task, release.wait, ()))  # As of a task that trio has lost.

    async def use() -> int:
        return await worker.run(abs, -1)

    trio.run(crash)
    release.set()
    assert trio.run(use) == 1
    worker.close()
