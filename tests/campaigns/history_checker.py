"""Checks a recorded history of transactions for strict serializability, in linear time.

In general that is hard, for the order of the transactions must be guessed. Here it is known: the
writer numbers its commits. So what is left is to run through the commits in that order and see
that each transaction read what the ones before it had left (serializable), that who began after
another had ended comes after it (strict), and that every change is one of a transaction that said
it happened. That every value is written but once tells which commit a transaction is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

from attrs import define, field, frozen

Value: TypeAlias = "tuple[int, int]"
"""What a document holds: its group, and a number that is written but once."""


@define(eq=False)
class Deed:
    """One transaction as its task has seen it."""

    began: int
    """When, in a count of everything that is noted down."""
    seen: int | None = None
    """The number of the commit that it read after, where it read at all."""
    ended: int = -1
    committed: bool = False
    gets: dict[UUID, Value | None] = field(factory=dict)
    searches: dict[int, dict[UUID, Value]] = field(factory=dict)
    """What it found, by the group that it searched."""
    writes: list[Value] = field(factory=list)
    deletes: list[Value] = field(factory=list)
    """The data of what it deleted."""
    may_be_dirty: bool = False
    """Whether what it read may have been taken back when the log failed."""


@frozen(eq=False)
class Committed:
    """One commit as the log has it."""

    seq: int
    changes: Sequence[tuple[UUID, Value | None, Value | None]]
    """Each document with what it was and what it is."""


def violations(deeds: Sequence[Deed], commits: Sequence[Committed]) -> Iterator[str]:
    """Give each way in which a history is not strictly serializable.

    Args:
        deeds: Every transaction.
        commits: Every commit from the first on, in order.
    """
    if [commit.seq for commit in commits] != list(range(1, len(commits) + 1)):
        yield "the commits are not numbered one after the other"
    seqs: dict[Deed, int] = {}
    yield from _placed(deeds, commits, seqs)
    yield from _unclaimed(commits, seqs)
    yield from _misread(commits, seqs)
    yield from _out_of_order(deeds, seqs)


def _placed(
    deeds: Sequence[Deed], commits: Sequence[Committed], seqs: dict[Deed, int]
) -> Iterator[str]:
    """Find the place of each deed: its commit, or what it read after if it wrote nothing."""
    written = {after: each.seq for each in commits for _, _, after in each.changes if after}
    deleted = {
        before: each.seq for each in commits for _, before, after in each.changes if not after
    }
    for deed in deeds:
        found = {written.get(value) for value in deed.writes}
        found |= {deleted.get(value) for value in deed.deletes} if deed.committed else set()
        if not deed.committed:
            if found - {None}:
                yield f"what did not happen was committed as {found}"
        elif len(found) > 1 or None in found:
            yield f"one transaction was committed in part, or as several: {found}"
        elif found:
            seqs[deed] = next(iter(found)) or 0
        elif deed.seen is not None and deed.seen <= len(commits):
            seqs[deed] = deed.seen
        elif deed.seen is not None and not deed.may_be_dirty:
            yield f"commit {deed.seen} was read, but there is none"


def _unclaimed(commits: Sequence[Committed], seqs: Mapping[Deed, int]) -> Iterator[str]:
    """See that each change of each commit is one that a deed says it has made."""
    claimed: Counter[int] = Counter()
    for deed, seq in seqs.items():
        claimed[seq] += len(deed.writes) + len(deed.deletes)
    for commit in commits:
        if claimed[commit.seq] != len(commit.changes):
            yield f"of commit {commit.seq}, with {len(commit.changes)} changes, not all are known"


def _misread(commits: Sequence[Committed], seqs: Mapping[Deed, int]) -> Iterator[str]:
    """Run through the commits and compare what was read with what was there."""
    after: dict[int, list[Deed]] = {}
    for deed, seq in seqs.items():
        is_write = bool(deed.writes or deed.deletes)
        after.setdefault(seq - is_write, []).append(deed)
    there: dict[UUID, Value] = {}
    groups: dict[int, dict[UUID, Value]] = {}
    for seq in range(len(commits) + 1):
        if seq:
            yield from _apply(commits[seq - 1], there, groups)
        for deed in after.get(seq, ()):
            for id_, value in deed.gets.items():
                if there.get(id_) != value:
                    yield f"after commit {seq}, {id_} was {there.get(id_)}, but read as {value}"
            for group, found in deed.searches.items():
                if groups.get(group, {}) != found:
                    yield f"after commit {seq}, a search of group {group} found something else"


def contents(commits: Sequence[Committed]) -> dict[UUID, Value]:
    """Give what there is after all commits, in insertion order."""
    there: dict[UUID, Value] = {}
    for commit in commits:
        for id_, _, after in commit.changes:
            if after is None:
                there.pop(id_, None)
            else:
                there[id_] = after
    return there


def _apply(
    commit: Committed, there: dict[UUID, Value], groups: dict[int, dict[UUID, Value]]
) -> Iterator[str]:
    for id_, before, after in commit.changes:
        if there.get(id_) != before:
            yield f"commit {commit.seq} replaced {before} where {there.get(id_)} was"
        if (gone := there.pop(id_, None)) is not None:
            groups[gone[0]].pop(id_)
        if after is not None:
            there[id_] = after
            groups.setdefault(after[0], {})[id_] = after


def _out_of_order(deeds: Sequence[Deed], seqs: Mapping[Deed, int]) -> Iterator[str]:
    """See that who began after another had ended comes after it."""
    moments = [(deed.began, deed, True) for deed in deeds if deed in seqs]
    moments += [(deed.ended, deed, False) for deed in deeds if deed in seqs]
    moments.sort(key=lambda moment: moment[0])
    newest = 0
    at_least: dict[Deed, int] = {}
    for _, deed, begins in moments:
        if begins:
            at_least[deed] = newest + bool(deed.writes or deed.deletes)
        else:
            if seqs[deed] < at_least[deed]:
                yield f"commit {seqs[deed]} comes before {at_least[deed]}, which had ended"
            newest = max(newest, seqs[deed])
