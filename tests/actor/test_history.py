"""The history is the last commits, and says when it does not go back far enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reddb.actor import history as history_module
from reddb.actor.changes import Change
from reddb.actor.history import Applied, History


def applied(seq: int, change_count: int = 1) -> Applied:
    return Applied(seq, [Change(key, None, None) for key in range(change_count)])


def seqs(history: History, since: int) -> list[int] | None:
    commits = history.since(since)
    return None if commits is None else [commit.seq for commit in commits]


@given(floor=st.integers(0, 100), count=st.integers(0, 20), asked=st.integers(0, 130))
def test_it_gives_what_came_after_a_commit(floor: int, count: int, asked: int) -> None:
    history = History(floor)
    newest = floor + count
    for seq in range(floor + 1, newest + 1):
        history.add([applied(seq)])
    expected = list(range(asked + 1, newest + 1)) if asked >= floor else None
    assert seqs(history, asked) == expected


def test_it_keeps_only_so_many_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "COMMITS_MAX", 3)
    history = History(10)
    for seq in range(11, 16):
        history.add([applied(seq)])
    assert (history.floor, seqs(history, 12), seqs(history, 11)) == (12, [13, 14, 15], None)


def test_it_keeps_only_so_many_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "CHANGES_MAX", 10)
    history = History(0)
    for seq, change_count in enumerate([4, 4, 2, 3], 1):
        history.add([applied(seq, change_count)])
    assert (history.floor, seqs(history, 1), seqs(history, 0)) == (1, [2, 3, 4], None)
    history.add([applied(5, 11)])
    assert (history.floor, seqs(history, 5), seqs(history, 4)) == (5, [], None)
