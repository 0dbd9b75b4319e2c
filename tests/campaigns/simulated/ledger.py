"""What a database was asked to keep: every commit in order, and which of them were promised.

The commits are a tree: one that was refused, or lost with the power, is a branch that ended, and
the next one goes on from what was found at opening. What a crash leaves must be a point of that
tree which has the last promised point behind it, or is it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from attrs import define, field, frozen

from reddb import Commit, Document, Recovery, Storage
from reddb.actor.frames import Fact
from reddb.actor.storage import Fold
from reddb.codecs import DocumentCodec

Contents: TypeAlias = tuple[tuple[UUID, object], ...]
"""All documents of a database, in its order."""

Effect: TypeAlias = dict[UUID, object | None]
"""What a commit did: the document that it left under each id, None where it removed one."""


class Violation(Exception):  # It says what was found, not what went wrong here.
    """A promise was broken; the message says which."""


@frozen(eq=False)
class Point:
    """The database after one commit, in the tree of all commits."""

    parent: Point | None
    seq: int
    contents: Contents
    effect: Effect

    def has(self, other: Point) -> bool:
        """Tell whether `other` is this point, or one that led to it."""
        point: Point | None = self
        while point is not None and point.seq > other.seq:
            point = point.parent
        return point is other


ORIGIN = Point(None, 0, (), {})
"""The empty database."""


@define(eq=False)
class Ledger:
    """Every commit that was tried, and every promise that was given.

    Args:
        codec: Decodes what the storage is given.
    """

    codec: DocumentCodec[object]
    tip: Point = ORIGIN
    """The last commit that was tried and not refused."""
    points: list[Point] = field(factory=lambda: [ORIGIN])
    answered: list[tuple[int, Point]] = field(factory=lambda: [(0, ORIGIN)])
    """What the callers were told was kept, with the moment: the length of the disk's journal."""
    synced: list[tuple[int, Point]] = field(factory=lambda: [(0, ORIGIN)])
    """What must outlast a power cut, with the moment from which on."""

    def forked(self, moment: int, floor: Point) -> Ledger:
        """Give a ledger that goes on from here with other commits; at first it promises `floor`."""
        promised = [(moment, floor)]
        return Ledger(self.codec, self.tip, [*self.points], promised, [*promised])

    def add(self, commit: Commit) -> None:
        """Take down a commit that is being tried."""
        effect: Effect = {}
        contents = dict(self.tip.contents)
        for key, data in commit.facts:
            id_ = UUID(int=key)
            effect[id_] = None if data is None else self.codec.decode(data)
            if data is None:
                del contents[id_]
            else:
                contents[id_] = effect[id_]
        if commit.seq != self.tip.seq + 1:
            raise Violation(f"commit {commit.seq} was tried after commit {self.tip.seq}")
        self.tip = Point(self.tip, commit.seq, tuple(contents.items()), effect)
        self.points.append(self.tip)

    def acknowledge(self, moment: int, effect: Effect, *, synced: bool) -> None:
        """Take down that a caller was told its commit is kept.

        Raises:
            Violation: No such commit was tried, or it was refused.
        """
        if not effect:
            return
        point: Point | None = self.tip
        while point is not None and point.effect != effect:
            point = point.parent
        if point is None:
            raise Violation(f"acknowledged, but not logged as one commit: {effect!r:.200}")
        self.promise(moment, point, synced=synced)

    def promise(self, moment: int, point: Point, *, synced: bool) -> None:
        """Take down that `point` must be found from `moment` on."""
        for promises in (self.answered, self.synced) if synced else (self.answered,):
            promises.append((moment, point))

    def floor(self, moment: int, *, killed: bool = False) -> Point:
        """Give the newest point that must be found after a power cut, or after a mere kill."""
        promises = self.answered if killed else self.synced
        return max((point for at, point in promises if at <= moment), key=lambda point: point.seq)

    def find(self, seq: int, contents: Contents, floor: Point) -> Point:
        """Give the point that was found on a disk.

        Raises:
            Violation: There is no such point, or it lacks what was promised.
        """
        found = [each for each in self.points if each.seq == seq and each.contents == contents]
        for point in found:
            if point.has(floor):
                return point
        if found:
            raise Violation(f"commit {floor.seq} was promised; what is left ends at commit {seq}")
        raise Violation(f"what is left is no state there ever was, at commit {seq}")


@define(eq=False)
class RecordingStorage:
    """A storage that takes down in a ledger what it is asked to keep."""

    storage: Storage
    ledger: Ledger

    async def open(self, codec: str) -> None:
        """See `Storage.open`."""
        await self.storage.open(codec)

    async def recover(self, fold: Fold) -> Recovery:
        """See `Storage.recover`."""
        return await self.storage.recover(fold)

    async def append(self, commits: Sequence[Commit]) -> None:
        """See `Storage.append`."""
        before = self.ledger.tip
        for commit in commits:
            self.ledger.add(commit)
        try:
            await self.storage.append(commits)
        except BaseException:
            self.ledger.tip = before
            raise

    async def compact(self, seq: int, live: Iterable[Fact]) -> None:
        """See `Storage.compact`."""
        await self.storage.compact(seq, live)

    def compacted_bytes(self, document_count: int, data_bytes: int) -> int:
        """See `Storage.compacted_bytes`."""
        return self.storage.compacted_bytes(document_count, data_bytes)

    @property
    def size_bytes(self) -> int:
        """See `Storage.size_bytes`."""
        return self.storage.size_bytes

    async def aclose(self) -> None:
        """See `Storage.aclose`."""
        await self.storage.aclose()


def contents_of(documents: Iterable[Document[Any]]) -> Contents:
    """Give what some documents hold."""
    return tuple((document.id, document.data) for document in documents)
