"""What the tests of mailbox, writer and engine share: a storage to hold up and to break."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import outcome
import trio
import trio.testing
from actor_tools import empty_state
from attrs import define, field

from reddb.actor.commands import Command
from reddb.actor.engine import Engine, run_engine
from reddb.actor.frames import Commit, Fact
from reddb.actor.mailbox import Call, CallStatus, Mailbox
from reddb.actor.state import State
from reddb.actor.storage import MemoryStorage, Storage
from reddb.actor.writer import Writer, WriterSettings
from reddb.codecs import DocumentCodec, JsonCodec


@define(eq=False)
class Gate:
    """Where an operation of a storage waits, and what it then raises."""

    error: BaseException | None = None
    _event: trio.Event | None = None

    def shut(self) -> None:
        self._event = trio.Event()

    def open(self) -> None:
        if self._event is not None:
            self._event.set()
            self._event = None

    async def pass_through(self) -> None:
        if self._event is not None:
            await self._event.wait()
        else:
            await trio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error


@define(eq=False)
class HeldStorage(MemoryStorage):
    """Keeps commits in a list, when it is let."""

    size_bytes: int = 0
    live_bytes: int = 0
    appending: Gate = field(factory=Gate)
    compacting: Gate = field(factory=Gate)
    closing: Gate = field(factory=Gate)
    batches: list[list[Commit]] = field(factory=list)
    compactions: list[tuple[int, list[int]]] = field(factory=list)
    """Of each compaction that began, the commit it began from and the keys it was given."""
    closed: bool = False

    def let_go(self) -> None:
        for gate in (self.appending, self.compacting, self.closing):
            gate.open()

    async def append(self, commits: Sequence[Commit]) -> None:
        self.batches.append([*commits])
        await self.appending.pass_through()

    async def compact(self, seq: int, live: Iterable[Fact]) -> None:
        self.compactions.append((seq, [key for key, _ in live]))
        await self.compacting.pass_through()
        self.size_bytes = self.live_bytes

    def compacted_bytes(self, document_count: int, data_bytes: int) -> int:
        return self.live_bytes

    async def aclose(self) -> None:
        self.closed = True
        await self.closing.pass_through()


@define(eq=False)
class Desk:
    """Hands commands to a mailbox, each in a task of its own, and collects the answers."""

    mailbox: Mailbox
    nursery: trio.Nursery
    answers: dict[str, outcome.Outcome[Any]] = field(factory=dict)
    """The answers, in the order in which they came."""
    scopes: dict[str, trio.CancelScope] = field(factory=dict)
    asked: list[str] = field(factory=list)
    """The names of the commands, in the order in which their tasks came to ask."""

    async def send(self, **commands: Command[Any]) -> None:
        """Send commands by name, in order, and wait until nothing moves any more."""
        for name, command in commands.items():
            self.hand_in(name, command)
            await trio.testing.wait_all_tasks_blocked()

    def hand_in(self, name: str, command: Command[Any]) -> None:
        """Send a command, and wait for nothing."""
        self.scopes[name] = trio.CancelScope()
        self.nursery.start_soon(self._ask, name, command)

    async def _ask(self, name: str, command: Command[Any]) -> None:
        with self.scopes[name]:
            self.asked.append(name)
            try:
                self.answers[name] = outcome.Value(await self.ask(command))
            except trio.Cancelled:
                raise
            except BaseException as error:  # Whatever it is, it is the answer.
                self.answers[name] = outcome.Error(error)

    async def ask(self, command: Command[Any]) -> Any:
        return await self.mailbox.ask(command)

    async def cancel(self, name: str) -> None:
        self.scopes[name].cancel()
        await trio.testing.wait_all_tasks_blocked()

    def answer(self, name: str) -> Any:
        """Give an answer; raise it if it is an error."""
        return self.answers[name].unwrap()

    def error(self, name: str) -> BaseException:
        answer = self.answers[name]
        assert isinstance(answer, outcome.Error), f"{name} was answered {answer}"
        return answer.error


@contextlib.asynccontextmanager
async def desk(commands_max: int = 64, batch_max: int = 64) -> AsyncIterator[Desk]:
    """Give a desk with a mailbox that nobody empties."""
    async with trio.open_nursery() as nursery:
        yield Desk(Mailbox(commands_max, batch_max), nursery)


class WatchedMailbox(Mailbox):
    """A mailbox that knows which calls were taken, so that none of them stays unanswered."""

    def __init__(self, commands_max: int, batch_max: int) -> None:
        super().__init__(commands_max, batch_max)
        self.taken: list[Call[Any]] = []

    async def take_batch(self) -> list[Call[Any]]:
        batch = await super().take_batch()
        self.taken += batch
        return batch

    def break_off(self) -> list[Call[Any]]:
        left = super().break_off()
        self.taken += left
        return left

    def answer_the_unanswered(self) -> None:
        """Let a test fail that would else hang."""
        for call in self.taken:
            if call.status is CallStatus.TAKEN:
                call.answer(None, AssertionError("the writer has left this call unanswered"))


@define(eq=False)
class Office(Desk):
    """A desk whose mailbox a writer empties."""

    writer: Writer[Any] = field(kw_only=True)
    storage: HeldStorage = field(kw_only=True)

    @property
    def taken(self) -> list[Call[Any]]:
        """The calls that the writer's task has taken."""
        assert isinstance(self.mailbox, WatchedMailbox)
        return self.mailbox.taken

    async def settle(self) -> None:
        await trio.testing.wait_all_tasks_blocked()

    async def let_append(self) -> None:
        self.storage.appending.open()
        await self.settle()


@contextlib.asynccontextmanager
async def office(
    storage: HeldStorage | None = None,
    *,
    state: State[Any] | None = None,
    log: bool = True,
    file_first: bool = False,
    ratio: float = 2.0,
    commands_max: int = 64,
    batch_max: int = 64,
) -> AsyncIterator[Office]:
    """Run a writer beside the body, and close its mailbox after it.

    It writes to the storage, or to none if there is to be no log.
    """
    storage = storage or HeldStorage()
    below: Storage = storage if log else MemoryStorage()
    mailbox = WatchedMailbox(commands_max, batch_max)
    settings = WriterSettings(file_first, ratio)
    writer = Writer(state or empty_state(), below, mailbox, settings)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run)
        await trio.testing.wait_all_tasks_blocked()
        try:
            yield Office(mailbox, nursery, writer=writer, storage=storage)
        finally:
            mailbox.close()
            storage.let_go()
            with trio.CancelScope(shield=True):
                await trio.testing.wait_all_tasks_blocked()
            mailbox.answer_the_unanswered()


@contextlib.asynccontextmanager
async def engine_on(storage: Storage, document_type: Any = Any) -> AsyncIterator[Engine[Any]]:
    codec: DocumentCodec[Any] = DocumentCodec(JsonCodec(), document_type)
    settings = WriterSettings(file_first=False, compaction_ratio=2.0)
    async with run_engine(
        storage, codec, settings, mailbox_commands_max=8, batch_commands_max=8, clock=None
    ) as engine:
        yield engine
