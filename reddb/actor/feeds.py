"""Telling watchers what was committed, without ever waiting for them.

The writer hands every kept commit to every `Subscription`, whose buffer is bounded. One that is
full takes no more: its reader gets what is in it and then `FeedLagged`; or, if it coalesces, the
newest commits become one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

import trio
from attrs import define, field

from reddb.actor.changes import Change
from reddb.actor.history import Applied, Run, commits_of
from reddb.errors import FeedLagged


@define(eq=False)
class _Coalesced:
    """Several commits that had to be made one."""

    seq: int
    net: dict[int, Change]

    def add(self, commit: Applied) -> None:
        """Take in the commit that follows; it costs what that commit alone does."""
        self.seq = commit.seq
        add_changes(self.net, commit.changes)

    def commit(self) -> Applied:
        return Applied(self.seq, list(self.net.values()))


@define(eq=False)
class Subscription:
    """What one reader has yet to see."""

    seen: int
    """The number of the last commit that the reader has seen, or that it asked to begin after."""
    commits_max: int
    coalesce: bool
    key: int | None = None
    """The one document that the reader wants to hear of, by the number of its id; None for all."""
    _buffer: deque[Applied | _Coalesced] = field(factory=deque, init=False)
    _catching_up: int = field(default=0, init=False)
    """How many of the first in the buffer are from before the subscription; they do not count."""
    _lagged: bool = field(default=False, init=False)
    _ended: bool = field(default=False, init=False)
    _error: Callable[[], BaseException] | None = field(default=None, init=False)
    _news: trio.Event = field(factory=trio.Event, init=False)

    def put(self, commit: Applied) -> None:
        """Take a commit in, unless the reader has seen it or is too slow."""
        if commit.seq <= self.seen or self._lagged:
            return
        if len(self._buffer) - self._catching_up < self.commits_max:
            self._buffer.append(commit)
        elif self.coalesce:
            self._coalesce(commit)
        else:
            self._lagged = True
        self._news.set()

    def replay(self, commits: Sequence[Applied]) -> None:
        """Take in, before all others, commits from before the subscription, however many."""
        self._buffer.extend(commits)
        self._catching_up = len(commits)

    def end(self, error: Callable[[], BaseException] | None) -> None:
        """Say that nothing more comes and, if that is not for the better, what to raise."""
        self._ended, self._error = True, self._error or error
        self._news.set()

    def close(self, error: Callable[[], BaseException]) -> None:
        """Give nothing any more, not even what is in the buffer; raise `error` instead."""
        self._buffer.clear()
        self._lagged = False
        self.end(error)

    async def get(self) -> Applied | None:
        """Give the next commit; None when the database was closed. One task at a time may wait.

        Raises:
            FeedLagged: The reader was too slow, and commits were lost.
            DatabaseBroken: The writer has died.
        """
        await trio.lowlevel.checkpoint()
        while not (self._buffer or self._lagged or self._ended):
            self._news = trio.Event()
            await self._news.wait()
        if not self._buffer:
            if self._lagged:
                raise FeedLagged(self.seen)
            if self._error is not None:
                raise self._error()
            return None
        commit = self._buffer.popleft()
        self._catching_up = max(0, self._catching_up - 1)
        self.seen = commit.seq
        return commit.commit() if isinstance(commit, _Coalesced) else commit

    def _coalesce(self, commit: Applied) -> None:
        newest = self._buffer[-1]
        if not isinstance(newest, _Coalesced):
            newest = _Coalesced(newest.seq, {change.key: change for change in newest.changes})
            self._buffer[-1] = newest
        newest.add(commit)


def add_changes(net: dict[int, Change], changes: Sequence[Change]) -> None:
    """Add to the net changes of some commits those of the next one.

    A document keeps its place among the changes, so that the insertions are in insertion order.
    """
    for change in changes:
        earlier = net.get(change.key)
        before = change.before if earlier is None else earlier.before
        if before is not None or change.after is not None:
            net[change.key] = Change(change.key, before, change.after, change.document)
        else:
            net.pop(change.key, None)


@define(eq=False)
class Feeds:
    """All subscriptions of a database.

    Those to one key are kept by it, so a commit of other documents costs them nothing.
    """

    _to_all: list[Subscription] = field(factory=list, init=False)
    _to_one: dict[int, list[Subscription]] = field(factory=dict, init=False)

    def publish(self, runs: Iterable[Run]) -> None:
        """Hand commits, which are kept, to every subscription that they concern."""
        if not self._to_all and not self._to_one:
            return
        for commit in commits_of(runs):
            for subscription in self._to_all:
                subscription.put(commit)
            for change in commit.changes if self._to_one else ():
                for subscription in self._to_one.get(change.key, ()):
                    subscription.put(commit)

    def add(self, subscription: Subscription) -> None:
        """Let a subscription have what is published from now on."""
        if subscription.key is None:
            self._to_all.append(subscription)
        else:
            self._to_one.setdefault(subscription.key, []).append(subscription)

    def remove(self, subscription: Subscription) -> None:
        """Let it have nothing more."""
        if subscription.key is None:
            self._to_all.remove(subscription)
        else:
            same_key = self._to_one[subscription.key]
            same_key.remove(subscription)
            if not same_key:
                del self._to_one[subscription.key]

    def end(self, error: Callable[[], BaseException] | None = None) -> None:
        """Say to all that nothing more comes."""
        for subscriptions in (self._to_all, *self._to_one.values()):
            for subscription in subscriptions:
                subscription.end(error)

    def may_be_live(self) -> bool:
        """Tell whether one is perhaps that of a live query: those take commits as one."""
        return any(subscription.coalesce for subscription in self._to_all)

    def __len__(self) -> int:
        return len(self._to_all) + sum(map(len, self._to_one.values()))
