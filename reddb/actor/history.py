"""The last commits, kept a while: what transactions are checked against, and feeds begin with.

A transaction conflicts if a commit since its beginning touched what it read or wrote. What it read
are ids and predicates; a predicate is tested against every document, old and new, that those
commits changed. That is precision locking (Jordan, Banerjee and Batman, SIGMOD 1981) done at
commit time. It finds write skew and phantoms, and lets commits of other documents pass.

Only so many commits are kept. Who comes with a beginning older than that is told so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import chain

import msgspec
from attrs import define, field

from reddb.actor.changes import Change
from reddb.actor.columns import Columns

COMMITS_MAX = 4096
"""Commits that are kept, or some more. A transaction that lasts longer is probably forgotten."""

CHANGES_MAX = 65_536
"""Changes that are kept in all of them, for they keep the documents they replaced in memory."""


class Applied(msgspec.Struct, eq=False, gc=False):
    """A commit with what it did. Nothing in it leads back to it, so no collector need track it."""

    seq: int
    changes: Sequence[Change]


class LoneInserts(Columns[Applied]):
    """Commits that follow each other and each inserted one document.

    Its columns are the commits' numbers and their changes, such as `Insertions`.
    """

    @staticmethod
    def _item(seq: int, change: Change) -> Applied:
        return Applied(seq, (change,))


@define(eq=False)
class History:
    """The last commits, in order.

    Args:
        floor: The number of the newest commit that is not kept: all later ones are.
    """

    floor: int
    _runs: deque[tuple[Sequence[Applied], int]] = field(factory=deque, init=False)
    """Commits as they were added, and how many changes there are in them."""
    _commit_count: int = field(default=0, init=False)
    _change_count: int = field(default=0, init=False)

    def add(self, commits: Sequence[Applied], change_count: int) -> None:
        """Keep the commits that follow, and let go of what is too much.

        Args:
            commits: One, or several in a row, which are let go of together: so some more are kept.
            change_count: How many changes there are in all of them.
        """
        self._runs.append((commits, change_count))
        self._commit_count += len(commits)
        self._change_count += change_count
        while self._change_count > CHANGES_MAX or (
            self._commit_count > COMMITS_MAX
            and self._commit_count - COMMITS_MAX >= len(self._runs[0][0])
        ):
            oldest, oldest_changes = self._runs.popleft()
            self._commit_count -= len(oldest)
            self._change_count -= oldest_changes
            self.floor = oldest[-1].seq

    def since(self, seq: int) -> list[Applied] | None:
        """Give the commits after number `seq`, in order, or None if some are not kept any more."""
        if seq < self.floor:
            return None
        newer: list[Sequence[Applied]] = []
        for commits, _ in reversed(self._runs):
            seen = seq + 1 - commits[0].seq
            if seen >= len(commits):
                break
            newer.append(commits[max(0, seen) :])
        newer.reverse()
        return [*chain.from_iterable(newer)]
