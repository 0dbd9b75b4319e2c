"""The last commits, kept a while: what transactions are checked against, and feeds begin with.

A transaction conflicts if a commit since its beginning touched what it read or wrote. What it read
are ids and predicates; a predicate is tested against every document, old and new, that those
commits changed. That is precision locking (Jordan, Banerjee and Batman, SIGMOD 1981) done at
commit time. It finds write skew and phantoms, and lets commits of other documents pass.

Only so many commits are kept. Who comes with a beginning older than that is told so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import msgspec
from attrs import define, field

from reddb.actor.changes import Change, Insertions
from reddb.actor.columns import Columns

COMMITS_MAX = 4096
"""Commits that are kept. A transaction that lasts longer has probably been forgotten."""

CHANGES_MAX = 65_536
"""Changes that are kept in all of them, for they keep the documents they replaced in memory."""


class Applied(msgspec.Struct, eq=False, gc=False):
    """A commit with what it did. Nothing in it leads back to it, so no collector need track it."""

    seq: int
    changes: Sequence[Change]
    _keys: tuple[int, ...] | None = None

    @property
    def keys(self) -> Sequence[int]:
        """The keys of the documents that it changed, remembered once somebody has asked."""
        if self._keys is None:
            self._keys = tuple([change.key for change in self.changes])
        return self._keys


class LoneInserts(Columns[Applied]):
    """Commits that follow each other and each inserted one document.

    Its columns are the commits' numbers and the `Insertions` that are their changes.
    """

    __slots__ = ()

    @property
    def seqs(self) -> range:
        """The commits' numbers."""
        seqs: range = self.columns[0]
        return seqs

    @property
    def keys(self) -> Sequence[int]:
        """The keys of the documents."""
        inserted: Insertions = self.columns[1]
        return inserted.keys

    @staticmethod
    def _item(seq: int, change: Change) -> Applied:
        return Applied(seq, (change,))


Run: TypeAlias = Applied | LoneInserts
"""A commit, or several that were made together."""


def commits_of(runs: Iterable[Run]) -> Iterator[Applied]:
    """Give the commits of some runs, one by one."""
    for run in runs:
        if isinstance(run, Applied):
            yield run
        else:
            yield from run


@define(eq=False)
class History:
    """The last commits, in order.

    Args:
        floor: The number of the newest commit that is not kept: all later ones are.
    """

    floor: int
    _runs: deque[Run] = field(factory=deque, init=False)
    """All commits that are kept, and perhaps some more: the first of the oldest run."""
    _commit_count: int = field(default=0, init=False)
    _change_count: int = field(default=0, init=False)

    def add(self, newest: Run) -> None:
        """Keep the newest commits, and let go of the oldest that are too many."""
        self._runs.append(newest)
        if isinstance(newest, Applied):
            self._commit_count += 1
            self._change_count += len(newest.changes)
        else:
            self._commit_count += len(newest)
            self._change_count += len(newest)
        while self._commit_count > COMMITS_MAX or self._change_count > CHANGES_MAX:
            self._let_go()

    def _let_go(self) -> None:
        """Let go of the oldest commit or, in a run, of as many as are too many."""
        oldest = self._runs[0]
        if isinstance(oldest, Applied):
            self._commit_count -= 1
            self._change_count -= len(oldest.changes)
            self.floor = last = oldest.seq
        else:
            last = oldest.seqs[-1]
            too_many = max(self._commit_count - COMMITS_MAX, self._change_count - CHANGES_MAX)
            gone = min(too_many, last - self.floor)
            self._commit_count -= gone
            self._change_count -= gone
            self.floor += gone
        if self.floor == last:
            self._runs.popleft()

    def since(self, seq: int) -> list[Run] | None:
        """Give the commits after number `seq`, in order, or None if some are not kept any more."""
        if seq < self.floor:
            return None
        newer: list[Run] = []
        for run in reversed(self._runs):
            if isinstance(run, Applied):
                if run.seq <= seq:
                    break
                newer.append(run)
                continue
            seen = seq + 1 - run.seqs[0]
            if seen >= len(run):
                break
            newer.append(run[seen:] if seen > 0 else run)
        newer.reverse()
        return newer
