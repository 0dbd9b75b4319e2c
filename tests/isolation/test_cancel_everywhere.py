"""The helper that cancels at every moment: it comes to all of them, and catches who breaks."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from reddb.testing.cancellation import cancel_everywhere


async def test_it_cancels_at_every_checkpoint_in_turn() -> None:
    reached: list[int] = []
    outcomes: list[bool] = []

    async def three_checkpoints() -> None:
        for number in range(3):
            reached.append(number)
            await trio.lowlevel.checkpoint()
        reached.append(3)

    await cancel_everywhere(three_checkpoints, outcomes.append)
    assert outcomes == [True] * 4 + [False]
    assert reached == [0, 0, 0, 1, 0, 1, 2, 0, 1, 2, 3]


async def test_its_check_need_not_ask_what_came_of_it() -> None:
    checks: list[str] = []

    def check() -> None:
        checks.append("plain")

    async def check_slowly() -> None:
        await trio.lowlevel.checkpoint()
        checks.append("async")

    for each in (check, check_slowly):
        await cancel_everywhere(trio.lowlevel.checkpoint, each)
    assert checks == ["plain"] * 3 + ["async"] * 3


async def test_what_ends_without_a_checkpoint_is_never_cancelled() -> None:
    outcomes: list[bool] = []

    async def nothing() -> None:
        pass

    await cancel_everywhere(nothing, outcomes.append)
    assert outcomes == [False, False]


async def test_it_cancels_while_another_task_works_for_the_function() -> None:
    progress: list[int] = []
    seen: set[int] = set()

    async def work(done: trio.Event) -> None:
        for number in range(5):
            progress.append(number)
            await trio.lowlevel.checkpoint()
        done.set()

    async def wait() -> None:
        progress.clear()
        done = trio.Event()
        background.start_soon(work, done)
        await done.wait()

    async def check(cancelled: bool) -> None:
        if cancelled:
            seen.add(len(progress))
        await trio.testing.wait_all_tasks_blocked()

    async with trio.open_nursery() as background:
        await cancel_everywhere(wait, check)
    assert len(seen) >= 3


async def test_a_function_that_has_half_happened_when_cancelled_is_caught() -> None:
    done: list[str] = []

    async def torn() -> None:
        done.append("first half")
        await trio.lowlevel.checkpoint()
        done.append("second half")

    def check(cancelled: bool) -> None:
        assert len(done) == (0 if cancelled else 2)
        done.clear()

    with pytest.raises(AssertionError) as caught:
        await cancel_everywhere(torn, check)
    assert caught.value.__notes__ == ["in the run that was cancelled after 0 steps"]


async def test_a_function_that_happens_and_then_says_it_was_cancelled_is_caught() -> None:
    done: list[str] = []

    async def late() -> None:
        await trio.lowlevel.checkpoint()
        done.append("all")
        await trio.lowlevel.checkpoint()

    async def check(cancelled: bool) -> None:
        await trio.lowlevel.checkpoint()
        assert len(done) == (0 if cancelled else 1)
        done.clear()

    with pytest.raises(AssertionError):
        await cancel_everywhere(late, check)


async def test_a_shielded_function_is_asked_and_returns() -> None:
    outcomes: list[bool] = []

    async def shielded() -> None:
        with trio.CancelScope(shield=True):
            for _ in range(3):
                await trio.lowlevel.checkpoint()

    asked = await cancel_everywhere(shielded, outcomes.append)
    assert (asked, outcomes) == (4, [False] * 5)


async def test_one_that_never_ends_is_given_up() -> None:
    async def endless() -> None:
        while True:
            await trio.lowlevel.checkpoint()

    with pytest.raises(AssertionError, match="has not ended"):
        await cancel_everywhere(endless, lambda _: None, runs_max=20)


async def test_what_the_function_raises_comes_out() -> None:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await cancel_everywhere(fail, lambda _: None)


async def test_cancellation_from_outside_is_not_mistaken() -> None:
    checked: list[bool] = []
    with trio.CancelScope() as outer:
        outer.cancel()
        await cancel_everywhere(trio.lowlevel.checkpoint, checked.append, runs_max=1)
    assert outer.cancelled_caught
    assert checked == []
