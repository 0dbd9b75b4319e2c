"""A subscription gives every commit in order, and one that coalesces loses no net change."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from actor_tools import Model, decode, encoded
from attrs import define, field
from hypothesis import example, given
from hypothesis import strategies as st

from reddb.actor.changes import Change
from reddb.actor.feeds import Subscription
from reddb.actor.history import Applied
from reddb.errors import FeedLagged

PUT, GET = "put", "get"
courses = st.lists(
    st.tuples(st.just(PUT), st.sets(st.integers(0, 3), min_size=1, max_size=3))
    | st.tuples(st.just(GET), st.just(set[int]())),
    max_size=30,
)


@define
class Source:
    """Commits that follow each other, each of which changes some keys."""

    seq: int = 0
    stored: dict[int, bytes] = field(factory=dict)
    history: list[Applied] = field(factory=list)

    def commit(self, keys: set[int]) -> Applied:
        self.seq += 1
        changes = []
        for key in keys:
            before = self.stored.pop(key, None)
            after = None if before is not None and (self.seq + key) % 3 == 0 else self.next(key)
            changes.append(Change(key, before, after))
            if after is not None:
                self.stored[key] = after
        self.history.append(Applied(self.seq, changes))
        return self.history[-1]

    def next(self, key: int) -> bytes:
        return encoded(self.seq)


def follow(seen: Model, commit: Applied) -> None:
    """Change what a reader has seen as a commit says; each change must fit it."""
    for change in commit.changes:
        before = None if change.before is None else decode(change.key, change.before)
        assert seen.pop(change.key, None) == before
        if change.after is not None:
            seen[change.key] = decode(change.key, change.after)


def seen_by(source: Source) -> Model:
    return {key: decode(key, data) for key, data in source.stored.items()}


async def taken(subscription: Subscription) -> Applied:
    commit = await subscription.get()
    assert commit is not None
    return commit


def run(main: Any, *args: Any) -> None:
    trio.run(main, *args, clock=trio.testing.MockClock(autojump_threshold=0))


@example([(PUT, {1}), (PUT, {2}), (PUT, {3}), (GET, set()), (PUT, {1})], 2)
@given(courses, st.integers(1, 4))
def test_one_that_coalesces_follows_every_net_change(
    course: list[tuple[str, set[int]]], commits_max: int
) -> None:
    async def main() -> None:
        source, seen = Source(), Model()
        subscription = Subscription(0, commits_max, coalesce=True)
        for step, keys in [*course, *[(GET, set[int]())] * 30]:
            if step == PUT:
                subscription.put(source.commit(keys))
            elif subscription.seen < source.seq:
                before = subscription.seen
                commit = await taken(subscription)
                assert before < commit.seq == subscription.seen
                follow(seen, commit)
        assert subscription.seen == source.seq
        assert seen == seen_by(source)

    run(main)


@given(courses, st.integers(1, 4))
def test_one_that_does_not_gives_each_commit_until_it_has_lagged(
    course: list[tuple[str, set[int]]], commits_max: int
) -> None:
    async def main() -> None:
        source = Source()
        subscription = Subscription(0, commits_max, coalesce=False)
        waiting, lagged = 0, False
        for step, keys in course:
            if step == PUT:
                lagged = lagged or waiting == commits_max
                waiting += not lagged
                subscription.put(source.commit(keys))
            elif waiting:
                waiting -= 1
                expected = source.history[subscription.seen]
                assert await subscription.get() is expected
        while subscription.seen < source.seq and not (lagged and not waiting):
            waiting -= 1
            assert await subscription.get() is source.history[subscription.seen - 1]
        if lagged:
            with pytest.raises(FeedLagged):
                await subscription.get()

    run(main)


@pytest.mark.parametrize("coalesce", [False, True])
async def test_what_is_replayed_comes_first_and_takes_no_room(coalesce: bool) -> None:
    source = Source()
    old = [source.commit({1}) for _ in range(5)]
    subscription = Subscription(0, 2, coalesce)
    subscription.replay(old)
    newer = [source.commit({2}), source.commit({3})]
    for commit in newer:
        subscription.put(commit)
    assert [await subscription.get() for _ in range(6)] == [*old, newer[0]]
    newer.append(source.commit({4}))
    subscription.put(newer[2])
    subscription.put(source.commit({5}))  # There is no room for this one any more.
    assert await subscription.get() is newer[1]
    if coalesce:
        assert len((await taken(subscription)).changes) == 2
    else:
        assert await subscription.get() is newer[2]
        with pytest.raises(FeedLagged):
            await subscription.get()


async def test_what_was_seen_is_not_given_again() -> None:
    source = Source()
    commits = [source.commit({1}) for _ in range(3)]
    subscription = Subscription(2, 8, coalesce=False)
    for commit in commits:
        subscription.put(commit)
    assert await subscription.get() is commits[2]


async def test_the_end_comes_after_what_is_waiting() -> None:
    subscription = Subscription(0, 8, coalesce=False)
    commit = Source().commit({1})
    subscription.put(commit)
    subscription.end(None)
    assert await subscription.get() is commit
    for _ in range(2):
        assert await subscription.get() is None


async def test_a_reader_that_waits_is_woken_by_the_end_and_by_its_error() -> None:
    for error in (None, lambda: LookupError("died")):
        subscription = Subscription(0, 8, coalesce=False)
        ends: list[object] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(note_end, subscription, ends)
            await trio.testing.wait_all_tasks_blocked()
            assert ends == []
            subscription.end(error)
        assert ends == ([None] if error is None else ["died"])


async def note_end(subscription: Subscription, ends: list[object]) -> None:
    try:
        ends.append(await subscription.get())
    except LookupError as error:
        ends.append(str(error))
