"""A call is withdrawn or answered, exactly one of them, whatever is cancelled and closed when."""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Mapping
from itertools import chain, takewhile
from random import Random
from typing import Any

import pytest
import trio
import trio.testing
from actor_tools import insertion
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from writer_tools import Desk, desk

from reddb.actor.commands import Command, CommitTransaction, Compact, DeleteOne, Staged
from reddb.actor.mailbox import Call, CallStatus, Mailbox
from reddb.errors import DatabaseClosed


def commands(calls: list[Call[Any]]) -> list[object]:
    return [call.command for call in calls]


FIRST, SECOND, THIRD, FOURTH = (insertion(key) for key in range(4))


# Taking and answering.


async def test_a_batch_is_what_has_arrived_in_order() -> None:
    async with desk() as at:
        await at.send(first=FIRST, second=SECOND, third=THIRD)
        batch = await at.mailbox.take_batch()
        assert commands(batch) == [FIRST, SECOND, THIRD]
        assert {call.status for call in batch} == {CallStatus.TAKEN}
        for call in batch:
            call.answer(None)


async def test_a_batch_is_no_larger_than_it_may_be() -> None:
    async with desk(batch_max=2) as at:
        await at.send(first=FIRST, second=SECOND, third=THIRD)
        for expected in ([FIRST, SECOND], [THIRD]):
            batch = await at.mailbox.take_batch()
            assert commands(batch) == expected
            for call in batch:
                call.answer(None)


async def test_every_caller_gets_its_own_answer() -> None:
    error = LookupError("second")
    async with desk() as at:
        await at.send(first=FIRST, second=SECOND)
        first, second = await at.mailbox.take_batch()
        second.answer(None, error)
        first.answer("one")
    assert at.answer("first") == "one"
    assert at.error("second") is error


async def test_an_answer_that_comes_before_its_caller_waits_is_not_lost() -> None:
    async with desk(commands_max=1) as at:
        await at.send(first=FIRST, in_line=SECOND)
        batch = await at.mailbox.take_batch()
        assert len(batch) == 2
        for call in batch:
            call.answer(call.command)
    assert at.answer("in_line") == SECOND


async def test_a_call_is_answered_once_and_only_when_it_was_taken() -> None:
    call = Call(FIRST)
    with pytest.raises(AssertionError, match="after it was taken"):
        call.answer(None)
    assert call.take() and not call.take()
    error = LookupError("one")
    call.answer(None, error)
    with pytest.raises(AssertionError, match="answered once"):
        call.answer(None)
    with pytest.raises(LookupError, match="one"):
        call.unwrap()


# Cancelling.


async def test_a_call_that_is_cancelled_while_it_is_queued_is_withdrawn() -> None:
    async with desk() as at:
        await at.send(first=FIRST, second=SECOND)
        await at.cancel("first")
        assert at.scopes["first"].cancelled_caught
        (call,) = await at.mailbox.take_batch()
        assert call.command is SECOND
        call.answer(None)
    assert [*at.answers] == ["second"]


async def test_a_call_that_is_cancelled_before_it_is_made_does_not_happen() -> None:
    mailbox = Mailbox(1, 1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await mailbox.ask(FIRST)
    assert scope.cancelled_caught
    mailbox.close()
    assert await mailbox.take_batch() == []


async def test_a_call_that_was_taken_is_answered_though_it_is_cancelled() -> None:
    async with desk() as at:
        await at.send(first=FIRST)
        (call,) = await at.mailbox.take_batch()
        await at.cancel("first")
        assert at.answers == {}
        call.answer("done")
    assert at.answer("first") == "done"
    assert not at.scopes["first"].cancelled_caught


async def test_a_mailbox_of_withdrawn_calls_gives_no_batch() -> None:
    async with desk() as at:
        await at.send(first=FIRST, second=SECOND)
        await at.cancel("first")
        await at.cancel("second")
        batches: list[list[Call[Any]]] = []
        at.nursery.start_soon(take_into, at.mailbox, batches)
        await trio.testing.wait_all_tasks_blocked()
        assert batches == []
        await at.send(third=THIRD)
        (call,) = batches[0]
        assert call.command is THIRD
        call.answer(None)


async def take_into(mailbox: Mailbox, batches: list[list[Call[Any]]]) -> None:
    batches.append(await mailbox.take_batch())


# Gathering.


@define
class Stand:
    """Does calls in the place of a writer that rests, until there is a slow one."""

    slow: Command[Any] | None = None
    steps: list[list[object]] = field(factory=list)

    def do_now(self, calls: list[Call[Any]]) -> int:
        quick = [*takewhile(lambda call: call.command is not self.slow, calls)]
        self.steps.append(commands(quick))
        for call in quick:
            assert call.take()
            call.answer(call.command)
        return len(quick)


@define(eq=False)
class Rest:
    """A writer that rests, and the batches that it takes once it is woken."""

    at: Desk
    stand: Stand
    batches: list[list[Call[Any]]] = field(factory=list)

    async def take(self) -> None:
        while batch := await self.at.mailbox.take_batch():
            self.batches.append(batch)
            for call in batch:
                call.answer(call.command)

    async def hand_in(self, **named: Command[Any]) -> None:
        """Hand in commands, each in a task of its own, in one turn of the scheduler."""
        for name, command in named.items():
            self.at.hand_in(name, command)
        await trio.testing.wait_all_tasks_blocked()

    def in_order(self, named: Mapping[str, Command[Any]]) -> list[object]:
        return [named[name] for name in self.at.asked]


@contextlib.asynccontextmanager
async def resting(stand: Stand, batch_max: int = 64, gathered_max: int = 64) -> AsyncIterator[Rest]:
    async with desk(commands_max=1, batch_max=batch_max) as at:
        at.mailbox.do_now = stand.do_now
        at.mailbox.gather_at_most(gathered_max)
        rest = Rest(at, stand)
        at.nursery.start_soon(rest.take)
        await trio.testing.wait_all_tasks_blocked()
        yield rest
        at.mailbox.close()


FEW = {"first": FIRST, "second": SECOND, "third": THIRD, "fourth": FOURTH}


async def test_what_gathers_in_a_turn_is_done_in_one_step_without_the_writer() -> None:
    async with resting(Stand()) as rest:
        await rest.hand_in(**FEW)
        assert rest.stand.steps == [rest.in_order(FEW)]
        assert rest.batches == []
        for name, command in FEW.items():
            assert rest.at.answer(name) is command


async def test_the_writer_is_woken_for_what_is_not_done_at_once_and_does_the_rest() -> None:
    for _ in range(8):  # trio has the tasks run in any order.
        async with resting(Stand(slow=SECOND)) as rest:
            await rest.hand_in(**FEW)
            (done,) = rest.stand.steps
            (batch,) = rest.batches
            assert done + commands(batch) == rest.in_order(FEW)
            assert SECOND not in done and len(rest.at.answers) == 4
            await rest.hand_in(later=FOURTH)
            assert rest.stand.steps[1:] == [[FOURTH]], "the writer rests again"


async def test_a_transaction_gathers_if_it_is_the_first() -> None:
    transaction = CommitTransaction(0, Staged((), ()), frozenset(), ())
    async with resting(Stand()) as rest:
        await rest.hand_in(transaction=transaction)
        assert (rest.stand.steps, rest.batches) == ([[transaction]], [])
        named = {"one": transaction, "another": transaction}
        await rest.hand_in(**named)
        (batch,) = rest.batches
        assert commands(batch) == [transaction, transaction]


async def test_a_task_deep_in_recursion_does_nothing_for_others() -> None:
    async def ask(depth: int) -> object:
        return await (ask(depth - 1) if depth else rest.at.ask(FIRST))

    half = sys.getrecursionlimit() // 2
    async with resting(Stand()) as rest:
        assert await ask(half) is FIRST
        assert (rest.stand.steps, len(rest.batches)) == ([], 1)
        assert await ask(half // 2) is FIRST
        assert (rest.stand.steps, len(rest.batches)) == ([[FIRST]], 1)


async def test_nothing_gathers_while_more_come_than_may_gather() -> None:
    async with resting(Stand(), gathered_max=3) as rest:
        await rest.hand_in(**FEW)
        (batch,) = rest.batches
        assert commands(batch) == rest.in_order(FEW), "the last one wakes the writer"
        await rest.hand_in(one=FIRST)
        assert rest.stand.steps == [] and len(rest.batches) == 2
        await rest.hand_in(two=FIRST)
        assert rest.stand.steps == [[FIRST]] and len(rest.batches) == 2


async def test_what_has_gathered_is_left_to_a_writer_that_something_else_wakes() -> None:
    async with resting(Stand()) as rest:
        named: dict[str, Command[Any]] = {**FEW, "compact": Compact()}
        await rest.hand_in(**named)
        (batch,) = rest.batches
        assert commands(batch) == rest.in_order(named)
        assert rest.stand.steps == [] and len(rest.at.answers) == 5


async def test_a_call_that_is_cancelled_before_it_is_made_does_not_gather() -> None:
    async with resting(Stand()) as rest:
        with trio.CancelScope() as scope:
            scope.cancel()
            await rest.at.mailbox.ask(FIRST)
        assert scope.cancelled_caught
        assert rest.at.mailbox.waiting() == (0, 0)
    assert rest.stand.steps == rest.batches == []


@types.coroutine
def with_a_pause(
    steps: Coroutine[Any, Any, Any], action: Callable[[], None]
) -> Generator[Any, Any, Any]:
    """Run a coroutine, and do something just when it pauses first."""
    message = steps.send(None)
    action()
    while True:
        try:
            message = steps.send((yield message))
        except StopIteration as stop:
            return stop.value


async def test_a_call_that_is_cancelled_once_it_has_gathered_is_done() -> None:
    async with resting(Stand()) as rest:
        with trio.CancelScope() as scope:

            def cancel() -> None:
                assert rest.at.mailbox.waiting() == (1, 0)
                scope.cancel()

            assert await with_a_pause(rest.at.mailbox.ask(FIRST), cancel) is FIRST
        assert not scope.cancelled_caught
        assert (rest.stand.steps, rest.batches) == ([[FIRST]], [])


@pytest.mark.parametrize("batch_max", [1, 2, 3, 4])
async def test_what_has_gathered_and_what_wakes_the_writer_are_no_more_than_a_batch(
    batch_max: int,
) -> None:
    async with resting(Stand(), batch_max=batch_max) as rest:
        await rest.hand_in(**FEW)
        assert rest.stand.steps == []
        assert [*chain.from_iterable(map(commands, rest.batches))] == rest.in_order(FEW)
        assert max(map(len, rest.batches)) == batch_max


async def test_what_has_gathered_when_the_mailbox_is_closed_is_still_taken() -> None:
    async with resting(Stand()) as rest:
        assert await with_a_pause(rest.at.mailbox.ask(FIRST), rest.at.mailbox.close) is FIRST
        (batch,) = rest.batches
        assert commands(batch) == [FIRST]
        assert rest.stand.steps == []


async def test_a_mailbox_that_is_broken_off_gives_what_has_gathered() -> None:
    async with desk() as at:
        at.mailbox.do_now = Stand().do_now
        at.mailbox.gather_at_most(64)
        at.nursery.start_soon(take_until_broken_off, at.mailbox)
        await trio.testing.wait_all_tasks_blocked()

        def break_off() -> None:
            (call,) = at.mailbox.break_off()
            call.answer(None, LookupError("broken off"))

        with pytest.raises(LookupError, match="broken off"):
            await with_a_pause(at.mailbox.ask(FIRST), break_off)
        await at.send(late=SECOND)
    assert isinstance(at.error("late"), DatabaseClosed)


async def take_until_broken_off(mailbox: Mailbox) -> None:
    assert await mailbox.take_batch() == []


# Back-pressure.


async def test_senders_wait_in_line_while_the_mailbox_is_full() -> None:
    async with desk(commands_max=2, batch_max=2) as at:
        await at.send(first=FIRST, second=SECOND, third=THIRD, fourth=FOURTH)
        assert at.mailbox.waiting() == (2, 2)
        for expected in ([FIRST, SECOND], [THIRD, FOURTH]):
            batch = await at.mailbox.take_batch()
            assert commands(batch) == expected
            for call in batch:
                call.answer(None)
    assert len(at.answers) == 4


async def test_a_call_that_is_cancelled_while_it_waits_in_line_does_not_happen() -> None:
    async with desk(commands_max=1) as at:
        await at.send(first=FIRST, second=SECOND, third=THIRD)
        await at.cancel("second")
        assert at.scopes["second"].cancelled_caught
        batch = await at.mailbox.take_batch()
        assert commands(batch) == [FIRST, THIRD]
        for call in batch:
            call.answer(None)


# Closing.


async def test_what_is_in_a_closed_mailbox_is_still_taken() -> None:
    async with desk(commands_max=2) as at:
        await at.send(first=FIRST, second=SECOND, in_line=THIRD)
        at.mailbox.close()
        await at.send(late=FOURTH)
        batch = await at.mailbox.take_batch()
        assert commands(batch) == [FIRST, SECOND]
        for call in batch:
            call.answer(None)
        assert await at.mailbox.take_batch() == []
    for name in ("in_line", "late"):
        assert isinstance(at.error(name), DatabaseClosed)
    assert at.answers.keys() == {"first", "second", "in_line", "late"}


async def test_a_mailbox_that_is_broken_off_gives_what_is_in_it() -> None:
    async with desk(commands_max=2) as at:
        await at.send(first=FIRST, second=SECOND, in_line=THIRD)
        await at.cancel("first")
        left = at.mailbox.break_off()
        assert commands(left) == [SECOND]
        left[0].answer(None, LookupError())
        await at.send(late=FOURTH)
    assert isinstance(at.error("second"), LookupError)
    for name in ("in_line", "late"):
        assert isinstance(at.error(name), DatabaseClosed)


# The law.


class Numbered(DeleteOne, frozen=True, eq=False):
    """A command that is quick, and its own number."""

    @property
    def number(self) -> int:
        return self.key


def number_of(call: Call[Any]) -> int:
    command: Any = call.command
    number: int = command.number
    return number


@define
class Run:
    """Callers, who are cancelled at some moment or not, and a writer that breaks off or not."""

    seed: int
    callers: int
    breaks_off: bool
    gathers: bool
    taken: list[int] = field(factory=list)
    answered: list[int] = field(factory=list)
    closed: list[int] = field(factory=list)
    cancelled: list[int] = field(factory=list)
    chance: Random = field(init=False)
    mailbox: Mailbox = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.mailbox = Mailbox(self.chance.randint(1, 3), self.chance.randint(1, 4))
        if self.gathers:
            self.mailbox.do_now = self.do_now
            self.mailbox.gather_at_most(64)

    def do_now(self, calls: list[Call[Any]]) -> int:
        done = self.chance.randint(0, len(calls))
        for call in calls[:done]:
            assert call.take()
            self.taken.append(number_of(call))
            call.answer(number_of(call))
        return done

    async def pause(self) -> None:
        for _ in range(self.chance.randint(0, 4)):
            await trio.lowlevel.checkpoint()

    async def call(self, number: int, scope: trio.CancelScope) -> None:
        with scope:
            await trio.lowlevel.checkpoint()
            try:
                assert await self.mailbox.ask(Numbered(number)) == number
                self.answered.append(number)
            except DatabaseClosed:
                self.closed.append(number)
        if scope.cancelled_caught:
            self.cancelled.append(number)

    async def cancel(self, scope: trio.CancelScope) -> None:
        await self.pause()
        scope.cancel()

    async def write(self) -> None:
        for _ in range(self.chance.randint(0, self.callers)):
            await self.answer(await self.mailbox.take_batch())
        if self.breaks_off:
            await self.answer(self.mailbox.break_off())
            return
        self.mailbox.close()
        while batch := await self.mailbox.take_batch():
            await self.answer(batch)

    async def answer(self, batch: list[Call[Any]]) -> None:
        numbers = [number_of(call) for call in batch]
        self.taken += numbers
        await self.pause()
        for call, number in zip(batch, numbers, strict=True):
            call.answer(number)

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            for number in range(self.callers):
                scope = trio.CancelScope()
                nursery.start_soon(self.call, number, scope)
                if self.chance.random() < 0.5:
                    nursery.start_soon(self.cancel, scope)
            with trio.move_on_after(100):
                await self.write()
                return
            self.mailbox.break_off()


@given(
    seed=st.integers(0, 1 << 32),
    callers=st.integers(0, 12),
    breaks_off=st.booleans(),
    gathers=st.booleans(),
)
def test_what_was_taken_is_answered_and_nothing_else_happens(
    seed: int, callers: int, breaks_off: bool, gathers: bool
) -> None:
    run = Run(seed, callers, breaks_off, gathers)
    trio.run(run.run, clock=trio.testing.MockClock(autojump_threshold=0))
    assert sorted(run.answered) == sorted(run.taken)
    ends = run.answered + run.closed + run.cancelled
    assert sorted(ends) == list(range(callers)), "every call ends in one way"
