"""The history is the last commits, and says when it does not go back far enough."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reddb.actor import history as history_module
from reddb.actor.changes import Change, Insertions
from reddb.actor.history import Applied, History, LoneInserts, Run, commits_of


def applied(seq: int, change_count: int = 1) -> Applied:
    return Applied(seq, [Change(key, None, None) for key in range(change_count)])


def lone_inserts(first: int, count: int) -> LoneInserts:
    inserted = Insertions(tuple(range(count)), (b"",) * count, None)
    return LoneInserts(range(first, first + count), inserted)


def seqs(history: History, since: int) -> list[int] | None:
    runs = history.since(since)
    return None if runs is None else [commit.seq for commit in commits_of(runs)]


@given(floor=st.integers(0, 100), count=st.integers(0, 20), asked=st.integers(0, 130))
def test_it_gives_what_came_after_a_commit(floor: int, count: int, asked: int) -> None:
    history = History(floor)
    newest = floor + count
    for seq in range(floor + 1, newest + 1):
        history.add(applied(seq))
    expected = list(range(asked + 1, newest + 1)) if asked >= floor else None
    assert seqs(history, asked) == expected


def test_it_keeps_only_so_many_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "COMMITS_MAX", 3)
    history = History(10)
    for seq in range(11, 16):
        history.add(applied(seq))
    assert (history.floor, seqs(history, 12), seqs(history, 11)) == (12, [13, 14, 15], None)


def test_it_keeps_only_so_many_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "CHANGES_MAX", 10)
    history = History(0)
    for seq, change_count in enumerate([4, 4, 2, 3], 1):
        history.add(applied(seq, change_count))
    assert (history.floor, seqs(history, 1), seqs(history, 0)) == (1, [2, 3, 4], None)
    history.add(applied(5, 11))
    assert (history.floor, seqs(history, 5), seqs(history, 4)) == (5, [], None)


sizes = st.lists(st.tuples(st.booleans(), st.integers(1, 9)), max_size=30)


@given(added=sizes, asked=st.integers(0, 60))
@example(added=[(True, 9), (False, 9)], asked=5)
def test_inserts_in_a_row_are_kept_like_one_after_the_other(
    added: list[tuple[bool, int]], asked: int
) -> None:
    together, one_by_one, newest = History(0), History(0), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history_module, "COMMITS_MAX", 8)
        patch.setattr(history_module, "CHANGES_MAX", 12)
        for are_inserts, count in added:
            run: Run = applied(newest + 1, count)
            if are_inserts:
                run = lone_inserts(newest + 1, count)
            together.add(run)
            for commit in commits_of([run]):
                one_by_one.add(commit)
                newest = commit.seq
            assert together.floor == one_by_one.floor
    assert seqs(together, asked) == seqs(one_by_one, asked)
