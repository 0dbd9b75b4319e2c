"""Deciding a command: what it comes to, what it leaves alone, and where others may run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

import outcome
import pytest
from actor_tools import (
    Model,
    changes_to,
    contents,
    empty_state,
    encoded,
    insertion,
    record,
    state_of,
)

from reddb.actor.changes import RUN_CHANGES, Change, ChangeRuns, Facts, Insertions
from reddb.actor.commands import (
    AddIndex,
    CommitTransaction,
    Decidable,
    DeleteOne,
    DeleteWhere,
    Insert,
    Record,
    Staged,
    UpdateOne,
    UpdateWhere,
    insertions,
)
from reddb.actor.decide import Decision, decide, decide_at_once
from reddb.actor.document import Document
from reddb.actor.history import Applied, History, LoneInserts
from reddb.actor.scan import sliced
from reddb.actor.state import State
from reddb.actor.steps import run_at_once
from reddb.errors import DocumentNotFound, RedDbError, TransactionConflict, UniqueViolation

LITTLE: Model = {1: "one", 2: "two", 3: "three"}
MUCH: Model = {key: "even" if key % 2 == 0 else "odd" for key in range(1000)}


def decided(state: State[Any], command: Decidable, history: History | None = None) -> Decision[Any]:
    """Decide a command in steps; what is decided at once as well must come to the same."""
    at_once = outcome.capture(decide_at_once, state.branch(), command)
    in_steps = outcome.capture(run_at_once, decide(state, command, history or History(state.seq)))
    if isinstance(at_once, outcome.Error):
        assert isinstance(in_steps, outcome.Error)
        assert repr(at_once.error) == repr(in_steps.error)
    decision = in_steps.unwrap()
    decision.state.check()
    if isinstance(at_once, outcome.Value) and at_once.value is not None:
        assert contents(at_once.value.state) == contents(decision.state)
        assert at_once.value.state.seq == decision.state.seq
        assert at_once.value.result == decision.result
        assert facts(at_once.value) == facts(decision)
    return decision


def facts(decision: Decision[Any]) -> list[tuple[int, bytes | None, bytes | None]]:
    return [(change.key, change.before, change.after) for change in decision.changes]


@pytest.mark.parametrize(
    ("command", "is_decided"),
    [
        (insertion(4), True),
        (insertion(1), False),
        (insertion(4, 5), False),
        (insertion(), False),
        (Insert([Change(4, None, b"four")]), False),
        (UpdateOne(record(1, "new")), True),
        (UpdateOne(record(4, "new")), True),
        (DeleteOne(1), True),
        (DeleteWhere(bool), False),
        (AddIndex("index", str, unique=False), False),
    ],
)
def test_what_changes_one_document_is_decided_at_once(command: Decidable, is_decided: bool) -> None:
    decision = decide_at_once(state_of(LITTLE), command)
    assert (decision is not None) is is_decided


def test_a_removal_that_leaves_mostly_holes_is_not_decided_at_once() -> None:
    state = state_of(dict.fromkeys(range(2000), "one of many"))
    for key in range(2000):
        if (decision := decide_at_once(state, DeleteOne(key))) is None:
            break
        state = decision.state
    assert decided(state, DeleteOne(key)).state.count == state.count - 1
    assert 1000 < key < 1999


def transaction(
    state: State[Any],
    changes: Sequence[Change] = (),
    missing: Sequence[int] = (),
    read_keys: Iterable[int] = (),
    read_predicates: Sequence[Callable[[Any], object]] = (),
) -> CommitTransaction:
    """Give the commit of a transaction that began on `state`."""
    keys = {change.key for change in changes}.union(read_keys)
    return CommitTransaction(state.seq, Staged(changes, missing), keys, read_predicates)


@pytest.mark.parametrize(
    ("changes", "missing", "is_decided"),
    [
        ([Change(4, None, b"four"), Change(1, b"one", None), Change(2, b"two", b"2")], [], True),
        ([], [], True),
        ([Change(key, None, b"new") for key in range(4, 132)], [], True),
        ([Change(key, None, b"new") for key in range(4, 133)], [], False),
        ([Change(1, b"one", None)], [7], False),
    ],
)
def test_a_small_transaction_is_decided_at_once(
    changes: list[Change], missing: list[int], is_decided: bool
) -> None:
    state = state_of(LITTLE)
    assert (decide_at_once(state, transaction(state, changes, missing)) is not None) is is_decided


def test_a_transaction_that_a_commit_came_in_between_of_is_not_decided_at_once() -> None:
    state = state_of(LITTLE)
    later = decided(state, DeleteOne(1)).state
    assert decide_at_once(later, transaction(state, [Change(2, b"two", b"2")])) is None
    gone = transaction(later, [Change(1, None, b"again")])
    assert decide_at_once(later, gone) is None, "its id was here before"


def decided_after(state: State[Any], meanwhile: Decidable, command: Decidable) -> Decision[Any]:
    """Decide a command that began on `state` after another one."""
    history = History(state.seq)
    first = decided(state, meanwhile)
    history.add(Applied(first.state.seq, first.changes))
    return decided(first.state, command, history)


def pauses(state: State[Any], command: Decidable) -> int:
    return len(list(decide(state, command, History(state.seq))))


def rewritten(function: Callable[[Any], Any]) -> Callable[[Document[Any]], Record]:
    return lambda document: record(document.id.int, function(document.data))


def anything(_: object) -> bool:
    return True


def is_even(value: str) -> bool:
    return value == "even"


# What commands come to.


def test_an_insert_adds_its_documents_in_order() -> None:
    decision = decided(state_of(LITTLE), insertion(9, 4, value="new"))
    assert contents(decision.state) == {**LITTLE, 9: "new", 4: "new"}
    assert decision.state.seq == 2
    assert [change.after for change in decision.changes] == [
        encoded("new"),
        encoded("new"),
    ]


@pytest.mark.parametrize("keys", [(3,), (9, 3), (9, 9)])
def test_an_insert_of_an_id_that_is_there_is_refused(keys: tuple[int, ...]) -> None:
    with pytest.raises(RedDbError, match=r"is there already|given the same id"):
        decided(state_of(LITTLE), insertion(*keys))


def test_an_insert_of_nothing_is_no_commit() -> None:
    state = state_of(LITTLE)
    decision = decided(state, insertion())
    assert (decision.state, [*decision.changes]) == (state, [])


def test_an_update_says_whether_the_document_was_there() -> None:
    state = state_of(LITTLE)
    there = decided(state, UpdateOne(record(2, "new")))
    assert there.result is True
    assert contents(there.state) == {1: "one", 2: "new", 3: "three"}
    missing = decided(state, UpdateOne(record(9, "new")))
    assert (missing.result, missing.state, [*missing.changes]) == (False, state, [])


def test_a_deletion_gives_the_document() -> None:
    decision = decided(state_of(LITTLE), DeleteOne(2))
    assert decision.result == Document(UUID(int=2), "two")
    assert contents(decision.state) == {1: "one", 3: "three"}
    with pytest.raises(DocumentNotFound) as caught:
        decided(decision.state, DeleteOne(2))
    assert caught.value.id == UUID(int=2)


@pytest.mark.parametrize("limit", [None, 0, 1, 3, 400, 5000])
def test_an_update_of_many_rewrites_the_first_that_match(limit: int | None) -> None:
    decision = decided(state_of(MUCH), UpdateWhere(is_even, limit, rewritten(str.upper)))
    first = [key for key in MUCH if key % 2 == 0][:limit]
    assert contents(decision.state) == MUCH | dict.fromkeys(first, "EVEN")
    assert decision.result == [Document(UUID(int=key), "EVEN") for key in first]
    assert decision.state.seq == (2 if first else 1)


def test_a_deletion_of_many_says_how_many() -> None:
    decision = decided(state_of(MUCH), DeleteWhere(is_even))
    assert decision.result == 500
    assert contents(decision.state) == {key: value for key, value in MUCH.items() if key % 2}
    none = decided(decision.state, DeleteWhere(is_even))
    assert (none.result, none.state) == (0, decision.state)


def test_an_index_is_no_commit() -> None:
    decision = decided(state_of(MUCH), AddIndex("parity", str, unique=False))
    assert (decision.state.seq, [*decision.changes]) == (1, [])
    assert sum(map(len, decision.state.indexed("parity", "odd"))) == 500


def test_a_document_that_comes_back_by_a_command_is_there() -> None:
    gone = decided(state_of(LITTLE), DeleteOne(2)).state
    again = decided(gone, insertion(2, value="again")).state
    assert contents(again) == {1: "one", 3: "three", 2: "again"}
    assert contents(gone) == {1: "one", 3: "three"}


def test_deleting_most_documents_leaves_no_holes() -> None:
    state = state_of({key: key for key in range(3000)})
    sparse = decided(state, DeleteWhere(lambda value: value % 100)).state
    assert not sparse.is_mostly_holes()
    assert contents(sparse) == {key: key for key in range(0, 3000, 100)}
    assert len(contents(state)) == 3000


# Transactions.


def test_a_transaction_applies_its_net_changes() -> None:
    state = state_of(LITTLE)
    changes = changes_to(state, {2: "new", 9: "nine"}, [1])
    decision = decided(state, transaction(state, changes))
    assert contents(decision.state) == {2: "new", 3: "three", 9: "nine"}


def test_a_transaction_that_misses_a_document_is_refused() -> None:
    with pytest.raises(DocumentNotFound) as caught:
        decided(empty_state(), transaction(empty_state(), missing=[7]))
    assert caught.value.id == UUID(int=7)


@pytest.mark.parametrize(
    "meanwhile", [UpdateOne(record(2, "other")), UpdateOne(record(2, "two")), DeleteOne(2)]
)
def test_a_transaction_conflicts_with_any_change_to_what_it_writes(meanwhile: Decidable) -> None:
    state = state_of(LITTLE)
    command = transaction(state, changes_to(state, {2: "new"}))
    with pytest.raises(TransactionConflict, match=str(UUID(int=2))):
        decided_after(state, meanwhile, command)


@pytest.mark.parametrize("meanwhile", [UpdateOne(record(2, "other")), DeleteOne(2), insertion(9)])
def test_a_transaction_conflicts_with_any_change_to_an_id_it_read(meanwhile: Decidable) -> None:
    state = state_of(LITTLE)
    command = transaction(state, changes_to(state, {3: "new"}), read_keys=[2, 9])
    with pytest.raises(TransactionConflict):
        decided_after(state, meanwhile, command)


@pytest.mark.parametrize(
    "meanwhile",
    [UpdateOne(record(1, "seen")), UpdateOne(record(2, "now unseen")), insertion(9, value="seen")],
)
def test_a_transaction_conflicts_with_what_its_queries_would_see(meanwhile: Decidable) -> None:
    state = state_of({1: "unseen", 2: "seen", 3: "other"})
    seen = [lambda value: value == "seen"]
    command = transaction(state, changes_to(state, {3: "new"}), read_predicates=seen)
    with pytest.raises(TransactionConflict):
        decided_after(state, meanwhile, command)


def test_a_transaction_does_not_conflict_with_what_it_neither_read_nor_writes() -> None:
    state = state_of(LITTLE)
    seen = [lambda value: value == "three"]
    command = transaction(state, changes_to(state, {3: "new"}), read_predicates=seen)
    decision = decided_after(state, UpdateOne(record(1, "other")), command)
    assert contents(decision.state) == {1: "other", 2: "two", 3: "new"}


def test_a_transaction_that_outlived_the_history_is_refused() -> None:
    state = state_of(LITTLE)
    command = transaction(state, changes_to(state, {3: "new"}))
    later = decided(state, UpdateOne(record(1, "other"))).state
    with pytest.raises(TransactionConflict, match="run it again"):
        decided(later, command, History(later.seq))


def test_a_transaction_does_not_conflict_with_what_was_only_moved() -> None:
    state = state_of({key: key for key in range(3000)})
    command = transaction(state, changes_to(state, {2900: "new"}))
    decision = decided_after(state, DeleteWhere(lambda value: value < 2800), command)
    assert decision.state.get(2900) == Document(UUID(int=2900), "new")


# Errors.


def fail(_: object) -> Any:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (UpdateWhere(fail, None, rewritten(str)), ZeroDivisionError),
        (UpdateWhere(anything, None, fail), ZeroDivisionError),
        (DeleteWhere(fail), ZeroDivisionError),
        (AddIndex("other", fail, unique=False), ZeroDivisionError),
        (AddIndex("other", str, unique=True), UniqueViolation),
        (UpdateWhere(is_even, None, rewritten(lambda _: 0)), TypeError),
    ],
)
def test_an_error_leaves_the_state_as_it_was(command: Decidable, error: type[Exception]) -> None:
    state = decided(state_of(MUCH), AddIndex("length", len, unique=False)).state
    with pytest.raises(error):
        decided(state, command)
    state.check()
    assert contents(state) == MUCH
    assert contents(decided(state, insertion(2000, value="new")).state) == {**MUCH, 2000: "new"}


# Where others may run.


@pytest.mark.parametrize(
    "command",
    [
        insertion(9),
        UpdateOne(record(2, "new")),
        DeleteOne(2),
        CommitTransaction(1, Staged((), ()), frozenset(), ()),
        UpdateWhere(anything, None, rewritten(str.upper)),
        DeleteWhere(anything),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_command_that_takes_but_a_moment_never_yields(command: Decidable) -> None:
    assert pauses(state_of(LITTLE), command) == 0


@pytest.mark.parametrize(
    "command",
    [
        insertion(*range(2000, 3000)),
        UpdateWhere(is_even, None, rewritten(str.upper)),
        DeleteWhere(anything),
        AddIndex("parity", str, unique=False),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_command_that_takes_long_yields(command: Decidable) -> None:
    assert pauses(state_of(MUCH), command) >= 3


def test_changes_are_applied_a_few_at_a_time() -> None:
    state = state_of(MUCH)
    changes = changes_to(state, dict.fromkeys(range(0, 1000, 10), "new"))
    assert pauses(state, transaction(state, changes)) == 3


def test_a_transaction_that_has_only_ids_is_checked_in_one_step() -> None:
    state, history = state_of(LITTLE), History(1)
    for seq in range(2, 1002):
        history.add(Applied(seq, [Change(4 * seq + each, None, b"0") for each in range(4)]))
    command = transaction(state, changes_to(state, {3: "new"}))
    later = state.apply([], 1001)
    assert list(decide(later, command, history)) == []
    command = transaction(state, changes_to(state, {3: "new"}), read_keys=[4 * 1001])
    with pytest.raises(TransactionConflict) as caught:
        decided(later, command, history)
    assert caught.value.seq == 1001


def test_the_check_of_a_transaction_yields_the_more_the_more_it_has_asked() -> None:
    state, history = state_of(LITTLE), History(1)
    first = decided(state, insertion(*range(10, 4210)))
    history.add(Applied(first.state.seq, first.changes))
    counts = []
    for predicates in ([], [lambda value: value == "none"] * 8):
        command = transaction(state, changes_to(state, {3: "new"}), read_predicates=predicates)
        counts.append(len(list(decide(first.state, command, history))))
    assert counts == [2, 262]


@pytest.mark.parametrize(
    ("read_keys", "sought", "conflict"),
    [([], None, None), ([1, 99], None, None), ([11], None, 3), ([], "new", 2), ([], "none", None)],
)
def test_a_transaction_is_checked_against_inserts_in_a_row(
    read_keys: list[int], sought: str | None, conflict: int | None
) -> None:
    state, history = state_of(LITTLE), History(1)
    new = insertions([record(key, "new") for key in (10, 11, 12)])
    history.add(LoneInserts(range(2, 5), new))
    predicates = [] if sought is None else [lambda value: value == sought]
    command = transaction(state, changes_to(state, {3: "changed"}), (), read_keys, predicates)
    later = state.apply(new, 4)
    if conflict is None:
        assert contents(decided(later, command, history).state)[3] == "changed"
    else:
        with pytest.raises(TransactionConflict) as caught:
            decided(later, command, history)
        assert caught.value.seq == conflict


def test_a_commit_of_many_changes_in_slices_has_one_number() -> None:
    decision = decided(state_of(LITTLE), insertion(*range(10, 1000)))
    assert decision.state.seq == 2


def test_keys_may_change_hands_in_a_commit_of_many_changes() -> None:
    state = state_of({key: key for key in range(1000)})
    state = decided(state, AddIndex("value", lambda value: value, unique=True)).state
    reverse = UpdateWhere(anything, None, rewritten(lambda value: 999 - value))
    assert contents(decided(state, reverse).state) == {key: 999 - key for key in range(1000)}


# Inserting very many.


def inserted(state: State[Any], keys: Sequence[int]) -> Decision[Any]:
    changes = ChangeRuns()
    for run in sliced(tuple(keys), RUN_CHANGES):
        changes.append_run(Insertions(tuple(run), tuple(map(encoded, run)), None))
    return decided(state, Insert(changes))


def test_a_large_insert_is_what_many_small_ones_are() -> None:
    state = state_of(LITTLE)
    decision = inserted(state, range(100, 1_100))
    assert contents(decision.state) == {**LITTLE, **{key: key for key in range(100, 1_100)}}
    decision.state.check()
    assert decision.state.seq == state.seq + 1
    assert [change.key for change in decision.changes] == list(range(100, 1_100))


@pytest.mark.parametrize("at", [0, 127, 128, 999])
def test_a_large_insert_of_an_id_that_is_there_is_refused(at: int) -> None:
    keys = list(range(100, 1_100))
    keys[at] = 3
    with pytest.raises(RedDbError, match="is there already"):
        inserted(state_of({3: "three"}), keys)


@pytest.mark.parametrize("at", [1, 127, 128, 999])
def test_a_large_insert_with_an_id_twice_is_refused(at: int) -> None:
    keys = list(range(100, 1_100))
    keys[at] = keys[0]
    state = state_of(LITTLE)
    with pytest.raises(RedDbError, match="given the same id"):
        inserted(state, keys)
    assert contents(state) == LITTLE
    assert contents(inserted(state, range(100, 1_100)).state).keys() == {
        *LITTLE,
        *range(100, 1_100),
    }


def test_a_large_insert_may_bring_back_ids_that_are_gone() -> None:
    state = state_of({key: key for key in range(1_000)})
    emptied = decided(state, DeleteWhere(lambda _: True)).state
    again = inserted(emptied, range(999, -1, -1)).state
    again.check()
    assert list(contents(again)) == list(range(999, -1, -1))
    assert len(contents(state)) == 1_000


def test_insertions_are_the_changes_that_they_stand_for() -> None:
    documents = [Document(UUID(int=key), key) for key in (1, 2, 3)]
    changes = Insertions((1, 2, 3), (b"1", b"2", b"3"), tuple(documents))
    expected = [(1, None, b"1", documents[0]), (2, None, b"2", documents[1])]
    assert [(c.key, c.before, c.after, c.document) for c in changes[:2]] == expected
    assert (
        [(c.key, c.after) for c in changes]
        == Facts(changes)[:]
        == [(1, b"1"), (2, b"2"), (3, b"3")]
    )
    assert changes[2].document is documents[2] and Facts(changes)[2] == (3, b"3")
