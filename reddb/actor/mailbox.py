"""The mailbox: how a task hands the writer a command and waits for the answer.

A call is *queued*, then *taken* by the writer, then *answered*. While it is queued its task may
withdraw it, which is what cancellation does; from the moment it is taken, cancelling its task
changes nothing until the answer is there. So a call that raises `trio.Cancelled` did not happen,
and one that happened returns. There is no third outcome.

The queue is a bounded trio memory channel: senders wait in line when it is full. The mailbox counts
what is in it, because a channel says that it is empty by an exception, which takes as long as all
the rest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import Enum
from typing import Any, Generic, TypeVar

import msgspec
import trio

from reddb.actor.commands import Command
from reddb.errors import DatabaseClosed, RedDbError

ResultT = TypeVar("ResultT")


class CallStatus(Enum):
    """Where a call is on its way."""

    QUEUED = "queued"
    """In the mailbox, or on its way there."""
    WITHDRAWN = "withdrawn"
    """Its task was cancelled before the writer came to it: it does not happen."""
    TAKEN = "taken"
    """The writer has it: it will be answered, whatever happens."""
    ANSWERED = "answered"
    """Its answer is there."""


_QUEUED, _WITHDRAWN, _TAKEN, _ANSWERED = CallStatus  # Quicker to look up than an enum's attributes.


class Call(msgspec.Struct, Generic[ResultT], eq=False):
    """One command on its way to the writer and back."""

    command: Command[ResultT]
    status: CallStatus = _QUEUED
    task: trio.lowlevel.Task | None = None
    """Who is parked until the answer is there."""
    _result: ResultT | None = None
    _error: BaseException | None = None

    def take(self) -> bool:
        """Claim the call for the writer; False if it was withdrawn."""
        if self.status is not _QUEUED:
            return False
        self.status = _TAKEN
        return True

    def answer(self, result: Any, error: BaseException | None = None) -> None:
        """Wake the waiting task with a result or, if there is one, an error."""
        assert self.status is _TAKEN, "a call is answered once, after it was taken"
        self.status = _ANSWERED
        self._result = result
        self._error = error
        if self.task is not None:
            trio.lowlevel.reschedule(self.task)

    def unwrap(self) -> ResultT:
        """Give the answer, or raise it if it is an error."""
        if self._error is not None:
            raise self._error
        result: Any = self._result
        return result  # type: ignore[no-any-return]  # `answer` is given what the command names.

    def withdraw(self, _: object) -> trio.lowlevel.Abort:
        """Take the call back if it is queued: what trio calls when the task is cancelled."""
        if self.status is not _QUEUED:
            return trio.lowlevel.Abort.FAILED
        self.status = _WITHDRAWN
        return trio.lowlevel.Abort.SUCCEEDED


def _closed() -> DatabaseClosed:
    return DatabaseClosed("the database is closed")


class Mailbox:
    """The commands that wait for the writer.

    Args:
        commands_max: How many may wait; further senders wait in line.
        batch_max: How many the writer takes at once.
    """

    def __init__(self, commands_max: int, batch_max: int) -> None:
        self._send, self._receive = trio.open_memory_channel[Call[Any]](commands_max)
        self._batch_max = batch_max
        self.refusal: Callable[[], RedDbError] = _closed
        """Gives what senders get once it is closed."""
        self._waiting = 0
        """Calls that are in the channel, or whose senders wait in line."""

    async def ask(self, command: Command[ResultT]) -> ResultT:
        """Send a command and give its answer.

        Raises:
            RedDbError: The mailbox was closed before it took the command; see `refusal`.
            Exception: The answer, where that is an exception.
        """
        call = Call(command)
        self._waiting += 1
        try:
            try:
                self._send.send_nowait(call)
            except trio.WouldBlock:
                await self._send.send(call)
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            self._waiting -= 1
        except BaseException:
            self._waiting -= 1
            raise
        else:
            if call.status is not _ANSWERED:
                call.task = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(call.withdraw)
            return call.unwrap()
        raise self.refusal()

    async def take_batch(self) -> list[Call[Any]]:
        """Wait for a command, and give it with all that have arrived; nothing once closed."""
        batch: list[Call[Any]] = []
        while not batch:
            try:
                # A moment's wait even if a command is there: who was answered last may join in.
                call = await self._receive.receive()
            except trio.EndOfChannel:
                return []
            self._waiting -= 1
            if call.take():
                batch.append(call)
            if self._waiting:
                batch += self._take_waiting(self._batch_max - 1)
        return batch

    def _take_waiting(self, calls_max: int) -> list[Call[Any]]:
        taken: list[Call[Any]] = []
        while self._waiting and len(taken) < calls_max:
            try:
                call = self._receive.receive_nowait()
            except (trio.WouldBlock, trio.EndOfChannel):  # Who waited in line has been sent away.
                break
            self._waiting -= 1
            if call.take():
                taken.append(call)
        return taken

    def close(self) -> None:
        """Take no more commands; those that are in the mailbox will still be taken."""
        self._send.close()

    def break_off(self) -> list[Call[Any]]:
        """Close, and give what is in the mailbox; who waits in line gets `DatabaseClosed`."""
        self._send.close()
        left = self._take_waiting(calls_max=sys.maxsize)
        self._receive.close()
        return left

    def statistics(self) -> trio.MemoryChannelStatistics:
        """Say how many commands and senders wait."""
        return self._receive.statistics()
