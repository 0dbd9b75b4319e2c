"""The writer: the one place where anything changes.

It takes whatever commands have arrived as one batch, decides each against the state that the one
before it left, has the storage keep the batch with one write and one sync, publishes the new state
with one assignment, and answers. While the storage works, the next batch queues up by itself; no
timer is involved, so a lone command waits for nobody.

What it promises:

- Every command that was taken is answered exactly once, also when the writer fails.
- What a batch comes to is published as soon as it is decided (`WriteOrder.MEMORY_FIRST`), or as
  soon as it is kept (`WriteOrder.FILE_FIRST`). A command is answered when its commit is kept, in
  both orders.
- If the storage refuses (OSError), the published state is again the last one that was kept; the
  batch and every later write get `PersistFailed`, and reads go on.
- Any other exception is a bug. The writer ends, and everybody gets `DatabaseBroken`.

Cancellation does not reach it: its owner ends it by closing the mailbox, which drains it.

It is a task. Where no log is kept, senders of quick commands may call it while that task rests:
see `Mailbox`.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Generic, TypeVar, cast

import msgspec
import trio
from attrs import define, field, frozen

from reddb.actor.changes import Facts
from reddb.actor.commands import (
    AddIndex,
    CommitTransaction,
    Compact,
    Decidable,
    Insert,
    InsertOne,
    Record,
    insertions,
)
from reddb.actor.decide import Decision, decide, decide_at_once
from reddb.actor.feeds import Feeds
from reddb.actor.frames import Commit, Fact, Puts
from reddb.actor.history import Applied, History, LoneInserts, Run
from reddb.actor.mailbox import Call, CallStatus, Mailbox
from reddb.actor.scan import SLICE_CHANGES, sliced
from reddb.actor.state import State
from reddb.actor.steps import run_cooperatively
from reddb.actor.storage import MemoryStorage, Storage
from reddb.actor.turns import let_others_run
from reddb.errors import DatabaseBroken, PersistFailed

T = TypeVar("T")

_LOG = logging.getLogger("reddb")

_COMPACTION_BYTES_MIN = 4096
"""No log smaller than a disk block is compacted of itself: nothing would be saved."""

_BATCH_BYTES_MAX = 4 * 1024 * 1024
"""A batch that holds so many bytes takes no more commands. Writing them takes longer than a sync,
so sharing that with yet others saves little, and a batch is in memory once more as frames."""

_CHANGES_AT_ONCE = 2048
"""The facts of more changes are made by the storage, which makes a slice of them at a time. What
so many changes leave behind, and a state of more documents, is let go of in slices, too."""

_INSERTS_AT_ONCE = 1024
"""So many single inserts become commits in some tenths of a millisecond."""

_WEIGHT_OF_STEP = 64
"""After so many changes of single commands others may run, or a fraction of that where there are
indexes: see `_weight`. They take about half a millisecond, and up to ten times as long where they
are far apart in a database of a million documents."""

_COMMITS_A_CHANGE = 16
"""To check a transaction against so many commits takes about as long as a change."""

_PARTS_AT_ONCE = 16
"""Parts of up to 128 documents, keys, slots or changes that are let go of at a time."""


@define(eq=False)
class Counts:
    """What the writer has done since it began."""

    commits: int = 0
    batches: int = 0
    """Batches that the storage kept: each one write and, at `Durability.FSYNC`, one sync."""
    commits_in_largest_batch: int = 0
    compactions: int = 0

    def add(self, commits: int) -> None:
        """Count a batch of so many commits."""
        if not commits:
            return
        self.commits += commits
        self.batches += 1
        if commits > self.commits_in_largest_batch:  # noqa: PLR1730  # In a third of the time.
            self.commits_in_largest_batch = commits


class _Batch(msgspec.Struct, Generic[T], eq=False):
    """Commands that are kept together: all of them, or none."""

    state: State[T]
    """What the commits in `applied` came to."""
    inserts: dict[int, Record] = {}
    """What is to become the last commits, by key: each inserts one document."""
    applied: list[Run] = []
    """The commits, with what they did."""
    commits: list[Sequence[Commit]] = []
    """The same as the log has them; none where there is no log."""
    decided: list[tuple[Call[Any], object, BaseException | None]] = []
    """The calls to be answered once the batch is kept, each with its result or its error."""
    data_bytes: int = 0
    """How many bytes of documents its commits put; 0 where there is no log."""
    in_step: int = 0
    """The weight of what it has taken in since others have run."""
    rewrites_log: bool = False
    """Whether the log is written anew with the batch, instead of being appended to."""


@define(eq=False)
class _Compaction:
    """A compaction that is running."""

    calls: list[Call[Any]]
    """Who asked for it; nobody, if the log's size did."""
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    ended: trio.Event = field(factory=trio.Event)


@frozen
class WriterSettings:
    """How a writer works."""

    file_first: bool
    compaction_ratio: float


@define(eq=False)
class Writer(Generic[T]):
    """Owns the state and the storage. `run` is its task; the rest is for looking at it."""

    published: State[T]
    """What readers see. Any task may read this attribute at any time."""
    _storage: Storage
    _mailbox: Mailbox
    _settings: WriterSettings
    counts: Counts = field(factory=Counts, init=False)
    history: History = field(init=False)
    """The last commits that were decided, kept or not."""
    feeds: Feeds = field(factory=Feeds, init=False)
    """Who is told of commits once they are kept."""
    refusal: OSError | None = field(default=None, init=False)
    """Why writes are refused: the storage's error. None while all is well."""
    failure: BaseException | None = field(default=None, init=False)
    """The bug that ended the writer. None while all is well."""
    _has_log: bool = field(init=False)
    """Whether the storage keeps anything. Where it does not, nothing is made ready for it."""
    kept: State[T] = field(init=False)
    """The newest state whose every commit the storage has kept."""
    _taken: list[Call[Any]] = field(factory=list, init=False)
    """The batch that is being worked on."""
    _used_up: list[tuple[Iterator[object], int]] = field(factory=list, init=False)
    """The changes of large commits and the states that they replaced, in parts, and how many of
    these are to be let go of at a time."""
    _lets_go: bool = field(default=False, init=False)
    """Whether a task is at it."""
    _compaction: _Compaction | None = field(default=None, init=False)
    """The compaction that is running, if one is."""
    _wanting_compaction: list[Call[Any]] = field(factory=list, init=False)
    """Calls that came while a compaction was running: they get one of their own after it."""
    _compact_again_at: int = field(default=0, init=False)
    """Below this size no compaction starts of itself: the last one failed, or saved too little."""

    def __attrs_post_init__(self) -> None:
        self._has_log = type(self._storage) is not MemoryStorage
        self.kept = self.published
        self.history = History(self.published.seq)

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Work until the mailbox is closed and empty. Raises nothing: see `failure`."""
        try:
            with trio.CancelScope(shield=True):
                async with trio.open_nursery() as nursery:
                    self._compact_if_due(nursery)
                    if not self._has_log:  # Users' key functions find the same context everywhere.
                        context = trio.lowlevel.current_task().context
                        self._mailbox.do_now = lambda calls: context.run(self._do_now, calls)
                        self._let_gather()
                    while True:
                        self._taken = await self._mailbox.take_batch()
                        if not self._taken:
                            break
                        await self._work(nursery)
                        self._taken = []  # What it came to is the callers' alone.
                        if self._used_up and not self._lets_go:
                            self._lets_go = True
                            nursery.start_soon(self._let_go_of_used_up)
                        if self._has_log:
                            self._compact_if_due(nursery)
                        else:
                            self._let_gather()
                    if self.failure is not None:  # The bug was met in the step of a sender.
                        raise self.failure
                    if self._compaction is not None and not self._compaction.calls:
                        self._compaction.scope.cancel()
        except BaseException as error:  # Whatever it is, nobody may stay parked.
            self._break(error)

    def _break(self, error: BaseException) -> None:
        """Remember the bug, and tell everybody."""
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        _LOG.critical("the writer has died of an unexpected error", exc_info=error)
        self.failure = error
        self.published = self.kept
        self.feeds.end(self.broken)
        waiting = [*self._taken, *self._wanting_compaction, *self._mailbox.break_off()]
        if self._compaction is not None:
            waiting += self._compaction.calls
        self._answer_broken(waiting)

    def _answer_broken(self, calls: Iterable[Call[Any]]) -> None:
        for call in calls:
            if call.status is CallStatus.TAKEN:
                call.answer(None, self.broken())

    def broken(self) -> DatabaseBroken:
        """Give what callers get once the writer has died."""
        error = DatabaseBroken("the writer has died of an unexpected error; open again to go on")
        error.__cause__ = self.failure
        return error

    def refused(self) -> PersistFailed:
        """Give what writers get once the storage has refused."""
        error = PersistFailed(
            f"the log could not be written ({self.refusal}); open the database again to write on"
        )
        error.__cause__ = self.refusal
        return error

    async def let_go(self) -> None:
        """Let go of all documents, many a few at a time; nobody may ask for the state any more."""
        if len(self.kept) > _CHANGES_AT_ONCE:
            self._use_up(self.kept, after=None)
        self.history = History(self.kept.seq)
        self.published = self.kept = State(self.kept.reader, self.kept.seq)
        await self._let_go_of_used_up()

    def _use_up(self, state: State[T], after: State[T] | None) -> None:
        """Have a state let go of that others follow, or nothing."""
        self._used_up.append((state.parts(), _PARTS_AT_ONCE))
        self._used_up.append((state.table_parts(after), 1))

    async def _let_go_of_used_up(self) -> None:
        while self._used_up:
            await _let_go(*self._used_up.pop(0))
        self._lets_go = False

    # Batches.

    async def _work(self, nursery: trio.Nursery) -> None:
        """Decide and keep what was taken: in one batch, unless one grows large or takes long."""
        batch = _Batch(self.kept)
        for call in self._taken:
            if batch.in_step >= _WEIGHT_OF_STEP:
                await let_others_run()
                batch.in_step = 0
            if self.refusal is not None and not isinstance(call.command, AddIndex):
                call.answer(None, self.refused())
            elif not self._decide_at_once(call, batch):
                batch = await self._do(call, batch, nursery)
            if batch.data_bytes >= _BATCH_BYTES_MAX:
                await self._keep(batch)
                batch = _Batch(self.kept)
        await self._keep(batch)

    def _let_gather(self) -> None:
        """Let so many commands gather as one step may do."""
        self._mailbox.gather_at_most(_WEIGHT_OF_STEP // _weight(self.kept))

    def _do_now(self, calls: list[Call[Any]]) -> int:
        """Do the first of some calls as one batch, in the step of a sender; give how many.

        Only where no log is kept, and while the writer's task rests. What raises is left to that
        task: nothing has happened then, and the traceback of an error would lead to the stack of
        this sender, whoever gets it.
        """
        batch, done = _Batch(self.kept), 0
        try:
            for call in calls:
                if not self._joins_inserts(call, batch, alone=len(calls) == 1):
                    try:
                        decision = decide_at_once(batch.state, call.command)
                    except BaseException:
                        break
                    if decision is None:
                        break
                    self._take_in(batch, call, decision)
                call.take()
                done += 1
            if batch.inserts:
                self._settle(batch)
            self._finish(batch)
        except BaseException as error:  # A bug: the writer's task ends of it, too.
            self.failure = error
            self._mailbox.close()
            for call in calls:
                call.take()
            self._answer_broken(calls)
            return len(calls)
        return done

    def _decide_at_once(self, call: Call[Any], batch: _Batch[T]) -> bool:
        """Decide one command, if it is of the kind that most are; tell whether it is."""
        if self._joins_inserts(call, batch, alone=len(self._taken) == 1):
            return True
        try:
            decision = decide_at_once(batch.state, call.command)
        except BaseException as error:
            self._take_in_error(batch, call, error)
            return True
        if decision is None:
            return False
        self._take_in(batch, call, decision)
        return True

    def _joins_inserts(self, call: Call[Any], batch: _Batch[T], *, alone: bool) -> bool:
        """Put an insert to those before it; make commits of these where it is something else."""
        command = call.command
        if not alone and isinstance(command, InsertOne) and not batch.state.indexes:
            record = command.record
            if record.key not in batch.inserts and not batch.state.has_known(record.key):
                batch.inserts[record.key] = record
                if self._has_log:
                    batch.data_bytes += len(record.data)
                batch.decided.append((call, None, None))
                if len(batch.inserts) == _INSERTS_AT_ONCE:
                    self._settle(batch)
                return True
        if batch.inserts:
            self._settle(batch)
        return False

    async def _do(self, call: Call[Any], batch: _Batch[T], nursery: trio.Nursery) -> _Batch[T]:
        """Do what is not decided at once; give the batch to go on with."""
        command = call.command
        if isinstance(command, Compact):
            self._wanting_compaction.append(call)
            self._start_compaction(nursery)
            return batch
        if isinstance(command, Insert) and command.rewrites_log:
            return await self._decide_alone(call, batch)
        return await self._decide(call, batch)

    async def _decide(self, call: Call[Any], batch: _Batch[T]) -> _Batch[T]:
        """Decide one command on top of `batch`, and give the batch that it ended up in.

        A command that takes long begins another batch, so that nobody who came before waits for it.
        Whatever a user's closure raises is the caller's, be it no `Exception` even; but what was
        decided on commits of the same batch is no answer before those are kept.
        """
        command = call.command
        if isinstance(command, CommitTransaction):
            batch.in_step += (batch.state.seq - command.began) // _COMMITS_A_CHANGE
        steps = decide(batch.state, cast("Decidable", command), self.history)
        try:
            next(steps)
        except StopIteration as stop:
            self._take_in(batch, call, stop.value)
            return batch
        except BaseException as error:
            self._take_in_error(batch, call, error)
            return batch
        await self._keep(batch)
        if self.kept is not batch.state:  # What it was decided on was taken back.
            call.answer(None, self.refused())
            return _Batch(self.kept)
        return await self._decide_slowly(call, steps)

    async def _decide_slowly(
        self, call: Call[Any], steps: Generator[None, None, Decision[T]]
    ) -> _Batch[T]:
        """Go on with a decision, which others may run beside."""
        batch = _Batch(self.kept)
        try:
            decision = await run_cooperatively(steps)
        except BaseException as error:
            call.answer(None, error)
        else:
            if len(decision.changes) > _CHANGES_AT_ONCE:
                changes = sliced(decision.changes, SLICE_CHANGES)
                self._used_up.append((changes, _PARTS_AT_ONCE))
                if not isinstance(call.command, Insert):  # That replaces next to nothing.
                    self._use_up(self.kept, decision.state)
            self._take_in(batch, call, decision)
        return batch

    async def _decide_alone(self, call: Call[Any], batch: _Batch[T]) -> _Batch[T]:
        """Decide a command for which the log is written anew; give the batch for the next one."""
        await self._keep(batch)
        if self.refusal is not None:
            call.answer(None, self.refused())
            return _Batch(self.kept)
        steps = decide(self.kept, cast("Decidable", call.command), self.history)
        alone = await self._decide_slowly(call, steps)
        alone.rewrites_log = True
        await self._keep(alone)
        return _Batch(self.kept)

    def _settle(self, batch: _Batch[T]) -> None:
        """Make commits of the last inserts of a batch, and put them into its state together.

        Whatever else is decided is decided after this, on a state and a history that have them.
        """
        new = insertions([*batch.inserts.values()])
        batch.inserts.clear()
        first, last = batch.state.seq + 1, batch.state.seq + len(new)
        batch.state = batch.state.apply(new, last)
        batch.in_step += len(new)
        seqs = range(first, last + 1)
        applied = LoneInserts(seqs, new)
        batch.applied.append(applied)
        self.history.add(applied)
        if self._has_log:
            batch.commits.append(Puts(seqs, new.keys, new.data))

    def _take_in(self, batch: _Batch[T], call: Call[Any], decision: Decision[T]) -> None:
        """Add to a batch what a call comes to."""
        batch.state = decision.state
        batch.in_step += (len(decision.changes) or 1) * _weight(decision.state)
        if decision.changes:
            applied = Applied(decision.state.seq, decision.changes)
            batch.applied.append(applied)
            self.history.add(applied)
            if self._has_log:
                self._make_ready(batch, applied)
        batch.decided.append((call, decision.result, None))

    def _take_in_error(self, batch: _Batch[T], call: Call[Any], error: BaseException) -> None:
        """Add to a batch what a call is answered that comes to nothing."""
        batch.in_step += _weight(batch.state)
        batch.decided.append((call, None, error))

    def _make_ready(self, batch: _Batch[T], applied: Applied) -> None:
        """Add to a batch a commit as the log is to have it."""
        facts: Sequence[Fact]
        if len(applied.changes) > _CHANGES_AT_ONCE:
            facts, batch.data_bytes = Facts(applied.changes), _BATCH_BYTES_MAX
        else:
            facts = []
            for change in applied.changes:
                data = change.after
                facts.append((change.key, data))
                batch.data_bytes += 0 if data is None else len(data)
        batch.commits.append((Commit(applied.seq, facts),))

    async def _keep(self, batch: _Batch[T]) -> None:
        """Have the storage keep a batch, publish its state, and answer its calls."""
        if batch.inserts:
            self._settle(batch)
        if batch.commits:
            if not self._settings.file_first:
                self.published = batch.state
            try:
                if batch.rewrites_log:
                    await self._rewrite_log(batch.state)
                else:
                    runs = batch.commits
                    commits = runs[0] if len(runs) == 1 else [*chain.from_iterable(runs)]
                    await self._storage.append(commits)
            except OSError as error:
                self._refuse(batch, error)
                return
        self._finish(batch)

    def _finish(self, batch: _Batch[T]) -> None:
        """Publish what a batch came to, and answer its calls."""
        self._publish(batch.state, batch.applied)
        for call, result, raised in batch.decided:
            call.answer(result, raised)
        batch.decided.clear()  # The traceback of an error leads here.

    def _publish(self, state: State[T], applied: Iterable[Run]) -> None:
        """Let everybody see a state that is kept, and the commits that led to it."""
        self.counts.add(state.seq - self.kept.seq)
        self.kept = self.published = state
        self.feeds.publish(applied)

    async def _rewrite_log(self, state: State[T]) -> None:
        """Have the storage keep `state` in place of all that it holds."""
        while self._compaction is not None:
            await self._compaction.ended.wait()
        await self._storage.compact(state.seq, state.facts())

    def _refuse(self, batch: _Batch[T], error: OSError) -> None:
        """Take the published state back to what is kept; write no more."""
        _LOG.error("the log could not be written, so no more is written to it: %s", error)
        self.refusal = error
        self.published = self.kept
        for call, *_ in batch.decided:
            call.answer(None, self.refused())

    # Compaction.

    def _compact_if_due(self, nursery: trio.Nursery) -> None:
        """Start a compaction if the log has grown to its ratio."""
        size = self._storage.size_bytes
        if size < _COMPACTION_BYTES_MIN:
            return
        if size < self._compact_again_at or self.refusal is not None:
            return
        live = self._storage.compacted_bytes(len(self.kept), self.kept.data_bytes)
        if size >= live * self._settings.compaction_ratio:
            self._start_compaction(nursery)

    def _rest_after_compaction(self) -> None:
        """Start none of itself soon if the documents became larger than the state counts them."""
        size, ratio = self._storage.size_bytes, self._settings.compaction_ratio
        live = self._storage.compacted_bytes(len(self.kept), self.kept.data_bytes)
        self._compact_again_at = int(size * ratio) if size >= live * ratio else 0

    def _start_compaction(self, nursery: trio.Nursery) -> None:
        if self._compaction is None:
            self._compaction = _Compaction(self._wanting_compaction)
            self._wanting_compaction = []
            nursery.start_soon(self._compact, nursery, self._compaction)

    async def _compact(self, nursery: trio.Nursery, compaction: _Compaction) -> None:
        """Compact beside the writer, answer who asked, and go on for who asked meanwhile."""
        failed: PersistFailed | None = None
        with compaction.scope:
            try:
                await self._storage.compact(self.kept.seq, self.kept.renewed_facts())
                self._rest_after_compaction()
                self.counts.compactions += 1
            except OSError as error:
                _LOG.warning("compaction failed, so the log stays as it is: %s", error)
                self._compact_again_at = 2 * self._storage.size_bytes
                failed = PersistFailed(f"compaction failed ({error}); the log is as it was")
                failed.__cause__ = error
        for call in compaction.calls:
            call.answer(None, failed)
        self._compaction = None
        compaction.ended.set()
        if self._wanting_compaction:
            self._start_compaction(nursery)


def _weight(state: State[Any]) -> int:
    """Say how much a change weighs: an index takes about as long as all the rest."""
    return 1 + len(state.indexes)


async def _let_go(parts: Iterator[object], at_once: int) -> None:
    """Let go of a few parts at a time: to free half a million documents takes a tenth of a second.

    Others may hold them too, and then nothing is freed.
    """
    held: list[object] = []
    while few := list(islice(parts, at_once)):
        held += few
        await let_others_run()
    del parts, few  # Now the whole goes, which has nothing but its parts.
    while held:
        del held[-at_once:]
        await let_others_run()
