"""What the tests of the engine share: values, states, changes and commands, made easily."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeAlias
from uuid import UUID

from reddb.actor.changes import Change
from reddb.actor.commands import Insert, InsertOne, Record, insertions
from reddb.actor.document import Document
from reddb.actor.state import Reader, State
from reddb.actor.steps import run_at_once

Model: TypeAlias = dict[int, Any]
"""What should be stored: values by key, in insertion order."""


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def decode(_: int, data: bytes) -> Any:
    return json.loads(data)


def empty_state(*, shared: bool = False) -> State[Any]:
    return State(Reader(decode, shared))


def record(key: int, value: object) -> Record:
    document = Document(UUID(int=key), value)
    return Record(key, encoded(value), document, document)


def insertion(*keys: int, value: object = None) -> InsertOne | Insert:
    """Give the command that inserts documents; each has its key for a value if none is given."""
    records = [record(key, key if value is None else value) for key in keys]
    return InsertOne(*records) if len(records) == 1 else Insert(insertions(records))


def changes_to(state: State[Any], values: Model, removed: Iterable[int] = ()) -> list[Change]:
    """Give the changes that put `values` and remove the keys of `removed` that are there."""
    puts = [
        Change(key, state.data(key), encoded(value), Document(UUID(int=key), value))
        for key, value in values.items()
    ]
    removals = [Change(key, state.data(key), None) for key in removed if key in state]
    return puts + removals


def applied(state: State[Any], changes: list[Change]) -> State[Any]:
    """Give the next state, as the writer would."""
    if any(change.before is None and state.has_known(change.key) for change in changes):
        state = run_at_once(state.compacted())
    return state.apply(changes, state.seq + 1)


def state_of(values: Model, *, shared: bool = False) -> State[Any]:
    state = empty_state(shared=shared)
    return applied(state, changes_to(state, values))


def contents(state: State[Any]) -> Model:
    """Give what a state holds, read in each way that there is."""
    documents = [document for page in state.pages() for document in state.documents_of(page)]
    found = {document.id.int: document.data for document in documents}
    assert len(found) == len(documents) == len(state)
    assert list(found) == [key for key, _ in state.facts()]
    for document in documents:
        assert state.get(document.id.int) == document
    return found
