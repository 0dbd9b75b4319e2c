"""A database that is open: storage, writer and mailbox, from opening to the last byte on disk.

`run_engine` is the whole life: open the storage, recover the state, run the writer beside the
body, drain the mailbox, close the storage. An exception of the body's leaves it as it is, never
in an exception group, because the writer's task never raises.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Generic, TypeVar
from uuid import UUID

import trio
from attrs import define, field

from reddb.actor.commands import Command
from reddb.actor.feeds import Subscription
from reddb.actor.folding import Folding
from reddb.actor.held import Held
from reddb.actor.history import commits_of
from reddb.actor.mailbox import Mailbox
from reddb.actor.state import DECODED_DOCUMENTS_MAX, Reader, State
from reddb.actor.storage import Recovery, Storage
from reddb.actor.writer import Writer, WriterSettings
from reddb.codecs import DocumentCodec
from reddb.errors import DatabaseBroken, DatabaseClosed, DecodeError, FeedLagged, PersistFailed

T = TypeVar("T")
ResultT = TypeVar("ResultT")


@define(eq=False)
class Engine(Generic[T]):
    """An open database, as all its handles share it."""

    codec: DocumentCodec[T]
    storage: Storage
    writer: Writer[T]
    recovery: Recovery
    mailbox: Mailbox
    snapshots: Held[Any]
    """The snapshots that somebody still holds, for statistics."""
    ended: trio.Event = field(factory=trio.Event, init=False)
    """Set when the writer has ended and the storage is closed."""
    _closing: bool = field(default=False, init=False)
    closing_error: Exception | None = field(default=None, init=False)

    def state(self) -> State[T]:
        """Give the newest published state.

        Raises:
            DatabaseClosed: The database is closed, or closing.
            DatabaseBroken: The writer has died.
        """
        self.check()
        return self.writer.published

    def check(self) -> None:
        """Raise if the database is closed or broken."""
        if self.writer.failure is not None or self._closing:
            raise self.ended_by()

    def ended_by(self) -> DatabaseBroken | DatabaseClosed:
        """Give why no more commands are taken."""
        if self.writer.failure is not None:
            return self.writer.broken()
        return DatabaseClosed("the database is closed")

    def ask(self, command: Command[ResultT]) -> Awaitable[ResultT]:
        """Have the writer do `command`; give its answer.

        Raises:
            DatabaseClosed: The database is closed, or closing.
            DatabaseBroken: The writer has died.
            PersistFailed: The log could not be written.
            Exception: What `reddb.actor.decide.decide` raises for this command.
        """
        return self.mailbox.ask(command)

    @contextlib.contextmanager
    def subscribed(
        self, since: int | None, commits_max: int, coalesce: bool, key: int | None = None
    ) -> Iterator[Subscription]:
        """Give a subscription, to all commits or those of one key, for the length of the body.

        Raises:
            FeedLagged: What followed `since` is not kept any more.
            PersistFailed: `since` was taken back: the log has failed.
            ValueError: `since` is yet to come.
        """
        writer = self.writer
        newest, kept = writer.published.seq, writer.kept.seq
        seen = kept if since is None else since
        if seen > newest and writer.refusal is not None:
            raise writer.refused()
        if not 0 <= seen <= newest:
            raise ValueError(f"since is {seen}, but the newest commit has the number {newest}")
        missed = writer.history.since(seen) if seen < kept else []
        if missed is None:
            raise FeedLagged(seen)
        subscription = Subscription(seen, commits_max, coalesce, key)
        subscription.replay([commit for commit in commits_of(missed) if commit.seq <= kept])
        writer.feeds.add(subscription)
        try:
            yield subscription
        finally:
            writer.feeds.remove(subscription)
            subscription.close(_watched_no_more)

    async def close(self) -> None:
        """Take no more commands; wait until all that were accepted are done and on disk."""
        self._closing = True
        self.mailbox.close()
        with trio.CancelScope(shield=True):
            await self.ended.wait()

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Run the writer to its end, then close the storage. Raises nothing.

        A handle that was closed may be kept for long; what it leads to is not. Only a live query
        that is still open may have a last result to give, and who is cancelled does not wait.
        """
        try:
            with trio.CancelScope(shield=True):
                await self.writer.run()
                await self.storage.aclose()
        except Exception as error:  # Mostly an OSError; whatever it is, nobody may stay parked.
            self.closing_error = error
        finally:
            self.writer.feeds.end()
            self.ended.set()
        is_cancelled = trio.current_effective_deadline() == -math.inf
        if not is_cancelled and not self.writer.feeds.may_be_live():
            with trio.CancelScope(shield=True):
                await self.writer.let_go()

    def raise_if_ended_badly(self) -> None:
        """Raise what went wrong outside of every call."""
        if self.writer.failure is not None:
            raise self.writer.broken()
        if self.closing_error is not None:
            raise PersistFailed("the log could not be synced at closing") from self.closing_error


def _watched_no_more() -> DatabaseClosed:
    return DatabaseClosed("the feed is closed: the block that it belongs to has been left")


@contextlib.asynccontextmanager
async def run_engine(
    storage: Storage,
    codec: DocumentCodec[T],
    settings: WriterSettings,
    *,
    mailbox_commands_max: int,
    batch_commands_max: int,
    decoded_documents_max: int = DECODED_DOCUMENTS_MAX,
    clock: Callable[[], float] | None,
) -> AsyncIterator[Engine[T]]:
    """Open a database for the length of the body.

    Raises:
        DatabaseLocked: It is open elsewhere.
        CodecMismatch: It was written with another codec.
        DataCorrupted: It is damaged, or no database.
        PersistFailed: It cannot be reached, or could not be closed well.
        DatabaseBroken: The body ended well, but the writer had died.
    """
    state, recovery = await _recovered(storage, codec, decoded_documents_max)
    mailbox = Mailbox(mailbox_commands_max, batch_commands_max)
    writer = Writer(state, storage, mailbox, settings)
    del state  # Else it would keep what is replaced in memory, until the database is closed.
    snapshots: Held[Any] = Held(clock or trio.lowlevel.current_clock().current_time)
    engine = Engine(codec, storage, writer, recovery, mailbox, snapshots)
    mailbox.refusal = engine.ended_by
    raised: BaseException | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run)
        try:
            yield engine
        except BaseException as error:  # Raised again below, outside the nursery.
            raised = error
        await engine.close()
    if raised is not None:
        raise raised
    engine.raise_if_ended_badly()


def reader_of(
    codec: DocumentCodec[T], decoded_documents_max: int = DECODED_DOCUMENTS_MAX
) -> Reader[T]:
    """Give the reader of what a codec wrote."""

    def decode(key: int, data: bytes) -> T:
        try:
            return codec.decode(data)
        except DecodeError as error:
            raise DecodeError(error.args[0], error.path, UUID(int=key)) from error.__cause__

    return Reader(decode, codec.immutable, codec.renew, decoded_documents_max)


async def _recovered(
    storage: Storage, codec: DocumentCodec[T], decoded_documents_max: int
) -> tuple[State[T], Recovery]:
    """Open `storage` and fold its commits into a state; close it again if that fails."""
    folding = Folding(reader_of(codec, decoded_documents_max))
    try:
        await storage.open(codec.name)
        recovery = await storage.recover(folding.add)
    except BaseException as error:
        with trio.CancelScope(shield=True), contextlib.suppress(OSError):
            await storage.aclose()
        if isinstance(error, OSError):
            raise PersistFailed(f"the log cannot be opened: {error}") from error
        raise
    return folding.state(), recovery
