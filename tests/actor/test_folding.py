"""Folding a log gives the state that applying its commits one after the other gives."""

from __future__ import annotations

from typing import TypeAlias

from actor_tools import Model, applied, changes_to, contents, decode, empty_state
from hypothesis import given
from hypothesis import strategies as st

from reddb.actor.folding import Folding
from reddb.actor.frames import Fact
from reddb.actor.pages import PAGE_SLOTS
from reddb.actor.state import Reader

Commits: TypeAlias = list[dict[int, str | None]]
"""What each commit does to which keys: the value that it puts, or None where it removes."""

keys = st.integers(0, 2 * PAGE_SLOTS + 2) | st.sampled_from([0, 1 << 60, (1 << 128) - 1])
commits = st.lists(
    st.dictionaries(keys, st.none() | st.sampled_from(["", "one", "other"]), max_size=40)
    | st.integers(1, 3 * PAGE_SLOTS).map(lambda count: dict.fromkeys(range(count), "many"))
    | st.integers(1, 3 * PAGE_SLOTS).map(lambda count: dict.fromkeys(range(count))),
    max_size=12,
)


@given(commits)
def test_folding_facts_comes_to_the_same_as_applying_changes(history: Commits) -> None:
    reader = Reader(decode, shared=True)
    folding, state = Folding(reader), empty_state(shared=True)
    for puts_and_removals in history:
        puts: Model = {key: text for key, text in puts_and_removals.items() if text is not None}
        changes = changes_to(state, puts, puts_and_removals.keys() - puts.keys())
        state = applied(state, changes)
        facts: list[Fact] = [(change.key, change.after) for change in changes]
        folding.add(state.seq, facts)
    folded = folding.state()
    folded.check()
    assert contents(folded) == contents(state)
    assert (folded.seq, folded.data_bytes) == (state.seq, state.data_bytes)
    later = {7: "later", 1 << 70: "new"}
    after = [applied(each, changes_to(each, later, [0])) for each in (folded, state)]
    after[0].check()
    assert contents(after[0]) == contents(after[1])


def test_what_is_removed_and_was_never_there_is_nothing() -> None:
    folding = Folding(Reader(decode, shared=False))
    folding.add(3, [(1, None)])
    state = folding.state()
    state.check()
    assert (len(state), state.seq, state.has_known(1)) == (0, 3, False)
