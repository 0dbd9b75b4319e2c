"""Deciding a command: from a state and a command to the next state, purely.

`decide` is a generator. It yields wherever the writer may let other tasks run, and a command that
takes but a moment never yields; it returns the decision. Nothing is changed on the way, so an
exception, be it ours or one of a user's closure, leaves the state as it was.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Generic, TypeVar, assert_never
from uuid import UUID

import msgspec

from reddb.actor.changes import Change, ChangeRuns, Insertions
from reddb.actor.commands import (
    AddIndex,
    Command,
    CommitTransaction,
    Decidable,
    DeleteOne,
    DeleteWhere,
    Insert,
    InsertOne,
    Staged,
    Transact,
    UpdateOne,
    UpdateWhere,
)
from reddb.actor.document import Document
from reddb.actor.history import Applied, History, Run, commits_of
from reddb.actor.index import Index
from reddb.actor.scan import SLICE_CHANGES, scan, sliced
from reddb.actor.state import State
from reddb.actor.wording import counted
from reddb.errors import DocumentNotFound, RedDbError, TransactionConflict

T = TypeVar("T")


class Decision(msgspec.Struct, Generic[T], eq=False):
    """What a command comes to."""

    state: State[T]
    """The next state."""
    changes: Sequence[Change]
    """What the log must hold for it; nothing if the command changed no document."""
    result: object
    """What the caller gets."""


def decide(
    state: State[T], command: Decidable, history: History
) -> Generator[None, None, Decision[T]]:
    """Decide `command` against `state`; yield where others may run.

    Args:
        state: What all commands before this one came to.
        command: What is wanted.
        history: The commits that led to `state`, as far as they are kept.

    Raises:
        DocumentNotFound: The command needs a document that is not there.
        TransactionConflict: What a transaction read or writes was changed since it began.
        UniqueViolation: Two documents would share a key of a unique index.
        Exception: Whatever a closure of the user's raises.
    """
    match command:
        case Insert(changes):
            _check_emptiness(state, command)
            after = yield from _dense((yield from _inserted(state, changes)))
            return Decision(after, changes, None)
        case InsertOne() | UpdateOne() | DeleteOne() | Transact():
            changes, result = _looked_up(state, command)
        case CommitTransaction():
            if command.began < state.seq:
                yield from _check_reads(state, command, history)
            changes, result = _staged(command.staged), None
        case UpdateWhere() | DeleteWhere():
            changes, result = yield from _searched(state, command)
        case AddIndex():
            empty = Index(command.name, command.key_fn, command.unique)
            index = yield from state.fill_index(empty)
            return Decision(state.with_index(index), (), None)
        case _:
            assert_never(command)
    after = yield from _applied(state, changes)
    return Decision((yield from _dense(after)), changes, result)


def _dense(state: State[T]) -> Generator[None, None, State[T]]:
    """Give a state without holes in place of one that consists mostly of them."""
    return (yield from state.compacted()) if state.is_mostly_holes() else state


def decide_at_once(state: State[T], command: Command[Any]) -> Decision[T] | None:
    """Decide a command that takes but a moment, as most do; else None.

    These are the commands that change one document, and small transactions since whose beginning
    nothing was committed. It comes to what `decide` would come to. It is worth its lines because a
    generator, and the steps of all the other kinds, take as long as the rest.

    Raises:
        Exception: As `decide`.
    """
    result: object = None
    if isinstance(command, InsertOne):
        if state.has_known(command.record.key):
            return None
        changes: Sequence[Change] = (command.record.change(None),)
        return Decision(state.apply(changes, state.seq + 1), changes, None)  # It makes no holes.
    if isinstance(command, UpdateOne | DeleteOne):
        changes, result = _looked_up(state, command)
    elif isinstance(command, CommitTransaction) and _is_unopposed(state, command):
        changes = command.staged.changes
    else:
        return None
    after = state.apply(changes, state.seq + 1) if changes else state
    return None if after.is_mostly_holes() else Decision(after, changes, result)


def _is_unopposed(state: State[Any], command: CommitTransaction) -> bool:
    """Tell whether a transaction is small, and only an index can speak against it."""
    changes = command.staged.changes
    if command.began != state.seq or command.staged.missing or len(changes) > SLICE_CHANGES:
        return False
    return not any(change.before is None and state.has_known(change.key) for change in changes)


def _looked_up(
    state: State[Any], command: InsertOne | UpdateOne | DeleteOne | Transact
) -> tuple[Sequence[Change], object]:
    """Give the changes and the result of a command that names its documents."""
    match command:
        case InsertOne(record):
            _check_is_new(record.key in state, record.key)
            return (record.change(None),), None
        case UpdateOne(record):
            before = state.data(record.key)
            if before is None:
                return (), False
            return [record.change(before)], True
        case DeleteOne(key):
            document = state.get(key)
            if document is None:
                raise DocumentNotFound(UUID(int=key))
            return [Change(key, state.data(key), None)], document
        case Transact(run):
            staged, result = run(state)
            return _staged(staged), result
        case _:
            assert_never(command)


def _searched(
    state: State[Any], command: UpdateWhere | DeleteWhere
) -> Generator[None, None, tuple[Sequence[Change], object]]:
    """Give the changes and the result of a command that looks for its documents."""
    changes = ChangeRuns()
    updated: list[Document[Any]] = []
    limit = command.limit if isinstance(command, UpdateWhere) else None
    for number, documents in enumerate(scan(state)):
        if number:
            yield
        for document in documents:
            if limit is not None and len(changes) == limit:
                return changes, updated
            if not command.predicate(document.data):
                continue
            before = state.data(document.key)
            if isinstance(command, DeleteWhere):
                changes.append(Change(document.key, before, None))
            else:
                record = command.rewrite(document)
                changes.append(record.change(before))
                updated.append(record.document)
    return changes, updated if isinstance(command, UpdateWhere) else len(changes)


def _inserted(state: State[T], changes: Sequence[Change]) -> Generator[None, None, State[T]]:
    """Apply the changes of one insert, a slice at a time, and check each against those before."""
    before, seq = state, state.seq + 1
    for part in map(Insertions.of, sliced(changes, SLICE_CHANGES)):
        if state.seq == seq:
            yield
        known = [key for key in part.keys if state.has_known(key)]
        for key in known:
            _check_is_new(key in before, key)
        if len(set(part.keys)) < len(part) or any(key in state for key in known):
            raise RedDbError("two of the documents were given the same id")
        if known:
            state = yield from state.compacted()
        state = state.apply(part, seq)
    return state


def _check_emptiness(state: State[Any], command: Insert) -> None:
    if command.expects_empty and len(state):
        raise RedDbError(f"the database is not empty: it has {counted(len(state), 'document')}")


def _check_is_new(is_there: bool, key: int) -> None:
    if is_there:
        raise RedDbError(f"a document with the id {UUID(int=key)} is there already")


_APPLIED_AT_ONCE = 32
"""So many changes of documents that are far apart, in a database of a million, take a few
milliseconds: a slice copies the pages around each of them."""


def _applied(state: State[T], changes: Sequence[Change]) -> Generator[None, None, State[T]]:
    """Apply one commit's changes, a slice at a time if there are many.

    Within a slice keys may change hands, so where keys are unique all changes are one slice.
    """
    if not changes:
        return state
    seq = state.seq + 1
    unique = any(index.unique for index in state.indexes.values())
    for part in sliced(changes, len(changes) if unique else _APPLIED_AT_ONCE):
        if state.seq == seq:
            yield
        new = [change.key for change in part if change.before is None]
        if any(map(state.has_known, new)):
            state = yield from state.compacted()
        state = state.apply(part, seq)
    return state


def _staged(staged: Staged) -> Sequence[Change]:
    for key in staged.missing:
        raise DocumentNotFound(UUID(int=key))
    return staged.changes


_PREDICATE_TESTS = 16
"""As many looks for an id in a large commit take about as long as one predicate. Small commits are
looked at as wholes, so a transaction that has only ids to look for is mostly checked in one step,
and shares its batch with others that began when it did."""


def _check_reads(
    state: State[Any], command: CommitTransaction, history: History
) -> Generator[None, None, None]:
    """Refuse a transaction if a commit since it began touched what it read or writes."""
    runs = history.since(command.began)
    if runs is None:
        raise TransactionConflict(
            f"the transaction began after commit {command.began}, and what followed is known only "
            f"from commit {history.floor + 1} on; run it again"
        )
    tests_a_change = 1 + _PREDICATE_TESTS * len(command.read_predicates)
    tests = 0
    for commit in commits_of(run for run in runs if not _is_apart(run, command)):
        for change in commit.changes:
            if _touches(state, command, change):
                id_ = UUID(int=change.key)
                raise TransactionConflict(
                    f"commit {commit.seq} changed document {id_}, which the transaction had read "
                    f"or writes too; run it again",
                    commit.seq,
                    id_,
                )
            tests += tests_a_change
            if tests >= SLICE_CHANGES * _PREDICATE_TESTS:
                tests = 0
                yield


def _is_apart(run: Run, command: CommitTransaction) -> bool:
    """Tell, where one step does, whether commits touched nothing of a transaction."""
    if command.read_predicates:
        return False
    if isinstance(run, Applied) and len(run.changes) > SLICE_CHANGES:
        return False
    return command.read_keys.isdisjoint(run.keys)


def _touches(state: State[Any], command: CommitTransaction, change: Change) -> bool:
    if change.key in command.read_keys:
        return True
    if not command.read_predicates:
        return False
    versions = [data for data in (change.before, change.after) if data is not None]
    return any(
        predicate(state.reader.decode(change.key, data))
        for predicate in command.read_predicates
        for data in versions
    )
