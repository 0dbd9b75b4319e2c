"""The history is the last commits, and says when it does not go back far enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reddb.actor import history as history_module
from reddb.actor.changes import Change
from reddb.actor.history import Applied, History, LoneInserts


def applied(seq: int, change_count: int = 1) -> Applied:
    return Applied(seq, [Change(key, None, None) for key in range(change_count)])


def lone_inserts(first: int, count: int) -> LoneInserts:
    changes = [Change(key, None, b"") for key in range(count)]
    return LoneInserts(range(first, first + count), changes)


def seqs(history: History, since: int) -> list[int] | None:
    commits = history.since(since)
    return None if commits is None else [commit.seq for commit in commits]


@given(floor=st.integers(0, 100), count=st.integers(0, 20), asked=st.integers(0, 130))
def test_it_gives_what_came_after_a_commit(floor: int, count: int, asked: int) -> None:
    history = History(floor)
    newest = floor + count
    for seq in range(floor + 1, newest + 1):
        history.add([applied(seq)], 1)
    expected = list(range(asked + 1, newest + 1)) if asked >= floor else None
    assert seqs(history, asked) == expected


def test_it_keeps_only_so_many_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "COMMITS_MAX", 3)
    history = History(10)
    for seq in range(11, 16):
        history.add([applied(seq)], 1)
    assert (history.floor, seqs(history, 12), seqs(history, 11)) == (12, [13, 14, 15], None)


def test_it_keeps_only_so_many_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "CHANGES_MAX", 10)
    history = History(0)
    for seq, change_count in enumerate([4, 4, 2, 3], 1):
        history.add([applied(seq, change_count)], change_count)
    assert (history.floor, seqs(history, 1), seqs(history, 0)) == (1, [2, 3, 4], None)
    history.add([applied(5, 11)], 11)
    assert (history.floor, seqs(history, 5), seqs(history, 4)) == (5, [], None)


@given(runs=st.lists(st.integers(1, 9)), asked=st.integers(0, 60))
def test_inserts_in_a_row_are_let_go_of_together(runs: list[int], asked: int) -> None:
    history, newest, firsts = History(0), 0, [1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history_module, "COMMITS_MAX", 12)
        for number, count in enumerate(runs):
            inserts = lone_inserts(newest + 1, count)
            history.add(inserts if number % 3 else [*inserts], count)
            newest += count
            firsts.append(newest + 1)
    floor = max([first - 1 for first in firsts if newest - (first - 1) >= 12], default=0)
    assert history.floor == floor
    assert seqs(history, asked) == ([*range(asked + 1, newest + 1)] if asked >= floor else None)
