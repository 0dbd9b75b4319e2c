"""The mailbox: how a task hands the writer a command and waits for the answer.

A call is *queued*, then *taken* by the writer, then *answered*. While it is queued its task may
withdraw it, which is what cancellation does; from the moment it is taken, cancelling its task
changes nothing until the answer is there. So a call that raises `trio.Cancelled` did not happen,
and one that happened returns. There is no third outcome.

The queue is a bounded trio memory channel: senders wait in line when it is full. The mailbox counts
what is in it, because a channel says that it is empty by an exception, which takes as long as all
the rest.

While the writer rests, it may leave commands that take but a moment to their senders: these
*gather* for a turn of the scheduler, and whichever of the tasks goes on first does them all, as one
batch, in one step. So nobody has to be woken, neither the writer nor a sender. This is flat
combining (Hendler, Incze, Shavit and Tzafrir, SPAA 2010). trio runs one task at a time, so whoever
does them is alone with the state, as the writer is. What cannot be done so is left to the writer:
then it is as if the call had been queued.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import Enum
from typing import Any, Generic, TypeVar

import msgspec
import trio

from reddb.actor.commands import Command, CommitTransaction, OfOneDocument
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
        """Give the answer, or raise it if it is an error; once."""
        if self._error is not None:
            error, self._error = self._error, None
            try:
                raise error
            finally:
                del error  # Its traceback leads here: only the collector would free it.
        result: Any = self._result
        return result  # type: ignore[no-any-return]  # `answer` is given what the command names.

    def withdraw(self, _: object) -> trio.lowlevel.Abort:
        """Take the call back if it is queued: what trio calls when the task is cancelled."""
        if self.status is not _QUEUED:
            return trio.lowlevel.Abort.FAILED
        self.status = _WITHDRAWN
        return trio.lowlevel.Abort.SUCCEEDED


def _is_deep() -> bool:
    """Tell whether the task's stack is half full: to do what has gathered takes room on it."""
    try:
        sys._getframe(sys.getrecursionlimit() // 2)  # noqa: SLF001  # In no time, unlike `inspect`.
    except ValueError:
        return False
    return True


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
        self.do_now: Callable[[list[Call[Any]]], int] | None = None
        """Does the first of some quick calls, takes and answers them, and gives how many. It is
        called while the writer rests. None: the writer does all."""
        self.refusal: Callable[[], RedDbError] = _closed
        """Gives what senders get once it is closed."""
        self._waiting = 0
        """Calls that are in the channel, or whose senders wait in line."""
        self._gathered: list[Call[Any]] = []
        """Calls that the first of their senders to go on does, or the writer, if it is woken."""
        self._gathered_max = 0
        self._gathers = False
        """Whether quick calls gather: while the writer rests and nothing has woken it."""
        self._is_crowded = False
        """Whether the last batch was of more than may gather."""

    def gather_at_most(self, calls_max: int) -> None:
        """Let so many quick calls gather, but no more than fit a batch with one that wakes it."""
        self._gathered_max = min(calls_max, self._batch_max - 1)

    @trio.lowlevel.enable_ki_protection  # Ctrl-C would leave others without an answer.
    async def ask(self, command: Command[ResultT]) -> ResultT:
        """Send a command and give its answer.

        Raises:
            RedDbError: The mailbox was closed before it took the command; see `refusal`.
            Exception: The answer, where that is an exception.
        """
        call = Call(command)
        if self._gathers and self._may_gather(command):
            await self._gather(call)
        else:
            self._waiting += 1
            self._gathers = False  # The writer is about to wake: who comes now comes after this.
            try:
                try:
                    self._send.send_nowait(call)
                except trio.WouldBlock:
                    await self._send.send(call)
            except (trio.ClosedResourceError, trio.BrokenResourceError):
                self._waiting -= 1
                call.take()
                call.answer(None, self.refusal())
            except BaseException:
                self._waiting -= 1
                raise
        if call.status is not _ANSWERED:  # The answer may have come while it was on its way.
            call.task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(call.withdraw)
        return call.unwrap()

    def _may_gather(self, command: Command[Any]) -> bool:
        if len(self._gathered) >= self._gathered_max or _is_deep():
            return False
        if isinstance(command, OfOneDocument):
            return True
        # Behind others a transaction would have to be checked against them, which takes longer.
        return isinstance(command, CommitTransaction) and not self._gathered

    async def _gather(self, call: Call[Any]) -> None:
        """Have a call done by the first sender to go on, unless something wakes the writer.

        This is a checkpoint in two halves: before it gathers a call may be cancelled, after that it
        is not withdrawn, so who does what has gathered finds no call that must not happen.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        self._gathered.append(call)
        await trio.lowlevel.cancel_shielded_checkpoint()
        if self._gathers and call.status is _QUEUED:
            self._do_gathered()

    def _do_gathered(self) -> None:
        """Do what has gathered; wake the writer for the rest."""
        assert self.do_now is not None, "else nothing gathers"
        done = self.do_now(self._gathered)
        del self._gathered[:done]
        if self._gathered:
            self._gathers = False
            self._waiting += 1
            # The writer waits at the channel, so there is room. It takes this one after the others.
            self._send.send_nowait(self._gathered.pop())

    def _take_gathered(self) -> list[Call[Any]]:
        gathered, self._gathered = self._gathered, []
        return [call for call in gathered if call.take()]

    async def take_batch(self) -> list[Call[Any]]:
        """Wait for a command, and give it with all that have arrived; nothing once closed."""
        batch: list[Call[Any]] = []
        while not batch:
            is_quiet = not self._waiting and not self._is_crowded
            self._gathers = is_quiet and self.do_now is not None
            try:
                # A moment's wait even if a command is there: who was answered last may join in.
                call = await self._receive.receive()
            except trio.EndOfChannel:
                return self._take_gathered()
            finally:
                self._gathers = False  # Whatever has woken the writer, it is at work now.
            self._waiting -= 1
            batch = self._take_gathered()
            if call.take():
                batch.append(call)
            if self._waiting:
                batch += self._take_waiting(self._batch_max - len(batch))
        self._is_crowded = len(batch) > self._gathered_max
        return batch

    def _take_waiting(self, calls_max: int) -> list[Call[Any]]:
        taken: list[Call[Any]] = []
        while self._waiting and len(taken) < calls_max:
            try:
                call = self._receive.receive_nowait()
            except (trio.WouldBlock, trio.EndOfChannel):
                break  # Who waited in line was cancelled or sent away, and has yet to be told.
            self._waiting -= 1
            if call.take():
                taken.append(call)
        return taken

    def close(self) -> None:
        """Take no more commands; those that are in the mailbox will still be taken."""
        self._gathers = False
        self._send.close()

    def break_off(self) -> list[Call[Any]]:
        """Close, and give what is in the mailbox; who waits in line is refused."""
        self.close()
        left = self._take_gathered() + self._take_waiting(calls_max=sys.maxsize)
        self._receive.close()
        return left

    def waiting(self) -> tuple[int, int]:
        """Give how many commands are in it, and how many senders wait in line."""
        channel = self._receive.statistics()
        return len(self._gathered) + channel.current_buffer_used, channel.tasks_waiting_send
