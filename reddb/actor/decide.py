"""Deciding a command: from a state and a command to the next state, purely.

`decide` is a generator. It yields wherever the writer may let other tasks run, and a command that
takes but a moment never yields; it returns the decision. Nothing is changed on the way, so an
exception, be it ours or one of a user's closure, leaves the state as it was.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Generic, TypeVar, assert_never
from uuid import UUID

from attrs import frozen

from reddb.actor.commands import (
    AddIndex,
    CommitTransaction,
    Decidable,
    DeleteOne,
    DeleteWhere,
    Insert,
    Record,
    UpdateOne,
    UpdateWhere,
)
from reddb.actor.document import Document
from reddb.actor.index import Index
from reddb.actor.scan import SLICE_CHANGES, scan, sliced
from reddb.actor.state import Change, State
from reddb.errors import DocumentNotFound, RedDbError, TransactionConflict

T = TypeVar("T")


@frozen(eq=False)
class Decision(Generic[T]):
    """What a command comes to."""

    state: State[T]
    """The next state."""
    changes: Sequence[Change]
    """What the log must hold for it; nothing if the command changed no document."""
    result: object
    """What the caller gets."""


def decide(state: State[T], command: Decidable) -> Generator[None, None, Decision[T]]:
    """Decide `command` against `state`; yield where others may run.

    Raises:
        DocumentNotFound: The command needs a document that is not there.
        TransactionConflict: A document that a transaction writes was changed since it began.
        UniqueViolation: Two documents would share a key of a unique index.
        Exception: Whatever a closure of the user's raises.
    """
    match command:
        case Insert() | UpdateOne() | DeleteOne() | CommitTransaction():
            changes, result = _looked_up(state, command)
        case UpdateWhere() | DeleteWhere():
            changes, result = yield from _searched(state, command)
        case AddIndex():
            empty = Index(command.name, command.key_fn, command.unique)
            index = yield from state.fill_index(empty)
            return Decision(state.with_index(index), (), None)
        case _:
            assert_never(command)
    after = state
    if any(change.before is None and state.has_known(change.key) for change in changes):
        after = yield from state.compacted()
    if len(changes) == 1:
        after = after.apply(changes, state.seq + 1)
    elif changes:
        after = yield from _applied(after, changes)
    if after.is_mostly_holes():
        after = yield from after.compacted()
    return Decision(after, changes, result)


def _looked_up(
    state: State[Any], command: Insert | UpdateOne | DeleteOne | CommitTransaction
) -> tuple[Sequence[Change], object]:
    """Give the changes and the result of a command that names its documents."""
    match command:
        case Insert(records):
            return _insertions(state, records), None
        case UpdateOne(record):
            before = state.entry(record.entry.key)
            if before is None:
                return (), False
            return [Change(before.key, before, record.entry, record.document)], True
        case DeleteOne(key):
            document = state.get(key)
            if document is None:
                raise DocumentNotFound(UUID(int=key))
            return [Change(key, state.entry(key), None)], document
        case CommitTransaction():
            _check_transaction(state, command)
            return command.changes, None
        case _:
            assert_never(command)


def _searched(
    state: State[Any], command: UpdateWhere | DeleteWhere
) -> Generator[None, None, tuple[Sequence[Change], object]]:
    """Give the changes and the result of a command that looks for its documents."""
    changes: list[Change] = []
    updated: list[Document[Any]] = []
    limit = command.limit if isinstance(command, UpdateWhere) else None
    for documents in scan(state):
        for document in documents:
            if len(changes) == limit:
                return changes, updated
            if not command.predicate(document.data):
                continue
            key = document.id.int
            if isinstance(command, DeleteWhere):
                changes.append(Change(key, state.entry(key), None))
            else:
                record = command.rewrite(document)
                changes.append(Change(key, state.entry(key), record.entry, record.document))
                updated.append(record.document)
        yield
    return changes, updated if isinstance(command, UpdateWhere) else len(changes)


def _applied(state: State[T], changes: Sequence[Change]) -> Generator[None, None, State[T]]:
    """Apply one commit's changes, a slice at a time if there are many.

    Within a slice keys may change hands, so where keys are unique all changes are one slice.
    """
    seq = state.seq + 1
    unique = any(index.unique for index in state.indexes.values())
    for part in sliced(changes, len(changes) if unique else SLICE_CHANGES):
        if state.seq == seq:
            yield
        state = state.apply(part, seq)
    return state


def _insertions(state: State[Any], records: Sequence[Record]) -> list[Change]:
    changes: list[Change] = []
    keys = set()
    for record in records:
        key = record.entry.key
        if key in keys or key in state:
            raise RedDbError(f"a document with the id {record.document.id} is there already")
        keys.add(key)
        changes.append(Change(key, None, record.entry, record.document))
    return changes


def _check_transaction(state: State[Any], command: CommitTransaction) -> None:
    for key in command.missing:
        raise DocumentNotFound(UUID(int=key))
    for change in command.changes:
        if state.entry(change.key) is not change.before:
            raise TransactionConflict(
                f"document {UUID(int=change.key)} was changed after the transaction began"
            )
