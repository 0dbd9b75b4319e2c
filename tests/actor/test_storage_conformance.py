"""Our storages pass the suite that is there for everybody's, and the suite finds what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from attrs import define, field

from reddb.actor.file_storage import FileStorage
from reddb.actor.frames import Commit, Fact
from reddb.actor.storage import Fold, MemoryStorage, Recovery, Storage
from reddb.errors import CodecMismatch, DatabaseLocked
from reddb.testing.simulated_disk import SimulatedDisk
from reddb.testing.storage_conformance import check_storage


@pytest.mark.parametrize("sync", [True, False])
async def test_the_file_storage_conforms(tmp_path: Path, sync: bool) -> None:
    await check_storage(lambda: FileStorage(tmp_path / "log", sync=sync))


async def test_the_file_storage_conforms_on_a_simulated_disk() -> None:
    disk = SimulatedDisk()
    await check_storage(lambda: FileStorage("log", disk=disk))


async def test_the_memory_storage_conforms() -> None:
    await check_storage(MemoryStorage, durable=False)


# Negative controls: a storage with one mistake each.


@define
class Shelf:
    """The place that all storages of one test share."""

    codec: str | None = None
    held: bool = False
    seq: int = 0
    compacted: list[Fact] = field(factory=list)
    commits: list[Commit] = field(factory=list)


@define(eq=False)
class ListStorage:
    """Keeps commits in a list, rightly; subclasses make one mistake each."""

    shelf: Shelf
    mine: bool = False

    async def open(self, codec: str) -> None:
        if self.shelf.held:
            raise DatabaseLocked("shelf")
        if self.shelf.codec not in {None, codec}:
            raise CodecMismatch("shelf", codec, str(self.shelf.codec))
        self.shelf.codec, self.shelf.held, self.mine = codec, True, True

    async def recover(self, fold: Fold) -> Recovery:
        fold(self.shelf.seq, self.shelf.compacted)
        for commit in self.shelf.commits:
            fold(commit.seq, commit.facts)
        return Recovery(len(self.shelf.commits))

    async def append(self, commits: Sequence[Commit]) -> None:
        self.shelf.commits += commits

    async def compact(self, seq: int, live: Iterable[Fact]) -> None:
        self.shelf.compacted, self.shelf.seq = list(live), seq
        self.shelf.commits = [commit for commit in self.shelf.commits if commit.seq > seq]

    def compacted_bytes(self, document_count: int, data_bytes: int) -> int:
        return document_count

    @property
    def size_bytes(self) -> int:
        return len(self.shelf.compacted) + sum(len(each.facts) for each in self.shelf.commits)

    async def aclose(self) -> None:
        if self.mine:
            self.shelf.held = self.mine = False


class WantsLists(ListStorage):
    async def append(self, commits: Sequence[Commit]) -> None:
        self.shelf.commits = self.shelf.commits + commits  # type: ignore[operator]


class OneOfABatch(ListStorage):
    async def append(self, commits: Sequence[Commit]) -> None:
        self.shelf.commits += commits[-1:]


class LosesRemovals(ListStorage):
    async def append(self, commits: Sequence[Commit]) -> None:
        for commit in commits:
            puts = [(key, data) for key, data in commit.facts if data is not None]
            self.shelf.commits.append(Commit(commit.seq, puts))


class ForgetsOnClosing(ListStorage):
    async def aclose(self) -> None:
        await super().aclose()
        self.shelf.commits = []


class CompactsOutOfOrder(ListStorage):
    async def compact(self, seq: int, live: Iterable[Fact]) -> None:
        await super().compact(seq, sorted(live))


class CompactsToCommitZero(ListStorage):
    async def compact(self, seq: int, live: Iterable[Fact]) -> None:
        await super().compact(seq, live)
        self.shelf.seq = 0


class NeverShrinks(ListStorage):
    @property
    def size_bytes(self) -> int:
        return 1 << 20


class Unlocked(ListStorage):
    async def open(self, codec: str) -> None:
        self.shelf.held = False
        await super().open(codec)


class UnlocksForOthers(ListStorage):
    async def aclose(self) -> None:
        self.shelf.held = False


class AnyCodec(ListStorage):
    async def open(self, codec: str) -> None:
        await super().open(str(self.shelf.codec or codec))


async def check(kind: type[ListStorage]) -> None:
    shelf = Shelf()

    def make_storage() -> Storage:
        return kind(shelf)

    await check_storage(make_storage)


async def test_a_storage_without_mistakes_conforms() -> None:
    await check(ListStorage)


async def test_a_storage_that_wants_lists_is_found_out() -> None:
    with pytest.raises(TypeError, match="concatenate"):
        await check(WantsLists)


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        (OneOfABatch, "that recover\\(\\) gives what was kept"),
        (LosesRemovals, "gives what was kept"),
        (ForgetsOnClosing, "sequence number"),
        (CompactsOutOfOrder, "in order"),
        (CompactsToCommitZero, "sequence number"),
        (NeverShrinks, "compact for ever"),
        (Unlocked, "expected DatabaseLocked"),
        (AnyCodec, "expected CodecMismatch"),
    ],
)
async def test_a_mistaken_storage_is_found_out(kind: type[ListStorage], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        await check(kind)


async def test_a_storage_that_keeps_nothing_must_say_so() -> None:
    with pytest.raises(AssertionError, match="sequence number"):
        await check_storage(MemoryStorage)
    shelf = Shelf()
    with pytest.raises(AssertionError, match="keeps nothing"):
        await check_storage(lambda: ListStorage(shelf), durable=False)
