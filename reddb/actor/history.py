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

import msgspec
from attrs import define, field

from reddb.actor.changes import Change

COMMITS_MAX = 4096
"""Commits that are kept. A transaction that lasts longer has probably been forgotten."""

CHANGES_MAX = 65_536
"""Changes that are kept in all of them, for they keep the documents they replaced in memory."""


class Applied(msgspec.Struct, eq=False, gc=False):
    """A commit with what it did. Nothing in it leads back to it, so no collector need track it."""

    seq: int
    changes: Sequence[Change]


@define(eq=False)
class History:
    """The last commits, in order.

    Args:
        floor: The number of the newest commit that is not kept: all later ones are.
    """

    floor: int
    _commits: deque[Applied] = field(factory=deque, init=False)
    _change_count: int = field(default=0, init=False)

    def add(self, commits: Sequence[Applied]) -> None:
        """Keep the newest commits, in order, and let go of what is too much."""
        for commit in commits:
            self._commits.append(commit)
            self._change_count += len(commit.changes)
        while len(self._commits) > COMMITS_MAX or self._change_count > CHANGES_MAX:
            oldest = self._commits.popleft()
            self._change_count -= len(oldest.changes)
            self.floor = oldest.seq

    def since(self, seq: int) -> list[Applied] | None:
        """Give the commits after number `seq`, in order, or None if some are not kept any more."""
        if seq < self.floor:
            return None
        newer: list[Applied] = []
        for commit in reversed(self._commits):
            if commit.seq <= seq:
                break
            newer.append(commit)
        newer.reverse()
        return newer
