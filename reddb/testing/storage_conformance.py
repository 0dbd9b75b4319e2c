"""What every storage below a database must do; run it over a storage of your own.

`check_storage` runs all checks, one after the other, on one place that begins empty. Each check
opens the place anew, finds what the checks before it left, and goes on from there. Call it from a
test:

    async def test_my_storage(tmp_path: Path) -> None:
        await check_storage(lambda: MyStorage(tmp_path / "log"))

What it cannot check is what only a power cut shows: that what `append` kept outlasts one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import trio
from attrs import define, field, frozen

from reddb.actor.frames import Commit, Fact, Puts
from reddb.actor.storage import Recovery, Storage
from reddb.errors import CodecMismatch, DatabaseLocked

_CODEC: Final = "conformance"
_LARGE_BYTES: Final = 1 << 20
_MANY_FACTS: Final = 5000
_LARGEST_KEY: Final = (1 << 128) - 1


@define
class _Kept:
    """What a storage should hold, or was found to hold."""

    seq: int = 0
    documents: dict[int, bytes] = field(factory=dict)
    """Data by key, in insertion order."""

    def fold(self, seq: int, facts: Sequence[Fact]) -> None:
        """Take in facts, as a database does."""
        if seq < self.seq:
            raise AssertionError(f"recover() gave commit {seq} after commit {self.seq}")
        self.seq = seq
        for key, data in facts:
            if data is None:
                self.documents.pop(key, None)
            else:
                self.documents[key] = data

    def next_commit(self, *facts: Fact) -> Commit:
        """Give the commit that follows, and count it as kept."""
        self.fold(self.seq + 1, facts)
        return Commit(self.seq, facts)

    def next_puts(self, documents: dict[int, bytes]) -> Puts:
        """Give the commits that follow, of one document each, and count them as kept."""
        first = self.seq + 1
        for fact in documents.items():
            self.next_commit(fact)
        return Puts(range(first, self.seq + 1), tuple(documents), tuple(documents.values()))

    def data_bytes(self) -> int:
        return sum(map(len, self.documents.values()))


@frozen
class _Place:
    """The place that the checks share, and what should be in it."""

    make_storage: Callable[[], Storage]
    durable: bool
    kept: _Kept = field(factory=_Kept)

    async def open(self) -> Storage:
        """Open the place; whatever the checks before left must be there."""
        storage = self.make_storage()
        await storage.open(_CODEC)
        found = _Kept()
        recovery = await storage.recover(found.fold)
        _equal(type(recovery), Recovery, "the type of what recover() gives")
        _equal(recovery.torn_bytes, 0, "the torn bytes after a clean close")
        if self.durable:
            _equal(found.seq, self.kept.seq, "the last sequence number that recover() gave")
            same = [*found.documents.items()] == [*self.kept.documents.items()]
            _equal(same, True, "that recover() gives what was kept, in order")
        else:
            _equal(found, _Kept(), "what recover() gives of a storage that keeps nothing")
            self.kept.seq, self.kept.documents = 0, {}
        return storage

    async def reopen(self, storage: Storage) -> Storage:
        await storage.aclose()
        return await self.open()

    async def append(self, storage: Storage, *facts: Fact) -> None:
        """Append one commit."""
        await storage.append([self.kept.next_commit(*facts)])

    def live(self) -> Iterator[Fact]:
        """Give what a compaction should write, as a database does: while others append."""
        return iter([*self.kept.documents.items()])

    def expect_size(self, storage: Storage, what: str) -> None:
        """Expect the size to be within the estimate of what compaction leaves."""
        count, data_bytes = len(self.kept.documents), self.kept.data_bytes()
        estimate = storage.compacted_bytes(count, data_bytes)
        if storage.size_bytes > estimate:
            raise AssertionError(
                f"size_bytes {what}: {storage.size_bytes} is more than the {estimate} that "
                f"compacted_bytes({count}, {data_bytes}) gives; a database would compact for ever"
            )


def _equal(actual: object, expected: object, what: str) -> None:
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r:.200}, got {actual!r:.200}")


def _ignore(_: int, __: Sequence[Fact]) -> None:
    """Fold nothing."""


async def check_storage(make_storage: Callable[[], Storage], *, durable: bool = True) -> None:
    """Check that a storage does what a database needs of it.

    Args:
        make_storage: Gives a new storage object on the same place, which holds nothing yet.
        durable: Whether the storage keeps commits beyond its closing. One that does not, such as
            `MemoryStorage`, must recover nothing, and may be opened by several at once.

    Raises:
        AssertionError: The storage does not do what its message says.

    Example:
        >>> await check_storage(lambda: FileStorage(tmp_path / "log.json"))
        >>> await check_storage(MemoryStorage, durable=False)
    """
    place = _Place(make_storage, durable)
    for check in (*_CHECKS, *(_DURABLE_CHECKS if durable else ())):
        await check(place)


# What every storage must do.


async def _check_a_new_place(place: _Place) -> None:
    storage = await place.open()
    _equal(place.kept.seq, 0, "the sequence number of a new storage")
    place.expect_size(storage, "of a new storage")
    storage = await place.reopen(storage)
    await storage.aclose()


async def _check_closing(place: _Place) -> None:
    unused = place.make_storage()
    await unused.open(_CODEC)
    await unused.aclose()
    await unused.aclose()
    storage = await place.open()
    await place.append(storage, (1, b"one"))
    await storage.aclose()
    await storage.aclose()
    await (await place.open()).aclose()


async def _check_commits(place: _Place) -> None:
    storage = await place.open()
    await place.append(storage, (2, b"two"), (3, b""), (_LARGEST_KEY, bytes(range(256))))
    before = storage.size_bytes
    kept = place.kept
    batch = [
        kept.next_commit((2, b"two again")),
        kept.next_commit((3, None), (4, b"four")),
        kept.next_commit((3, b"three again")),
    ]
    await storage.append(batch)
    puts = kept.next_puts({5: b"five", 6: b""})
    await storage.append(puts)
    if storage.size_bytes < before:
        raise AssertionError("size_bytes shrank by an append")
    storage = await place.reopen(storage)
    await place.append(storage, (0, b"after opening again"))
    storage = await place.reopen(storage)
    await (await place.reopen(storage)).aclose()


async def _check_large_commits(place: _Place) -> None:
    storage = await place.open()
    await place.append(storage, (10, bytes(_LARGE_BYTES)), (11, b"\xff" * _LARGE_BYTES))
    await place.append(storage, *((100 + key, b"%d" % key) for key in range(_MANY_FACTS)))
    await place.append(storage, (10, None), (11, None))
    await (await place.reopen(storage)).aclose()


async def _check_compacting(place: _Place) -> None:
    storage = await place.open()
    before = storage.size_bytes
    await storage.compact(place.kept.seq, place.live())
    place.expect_size(storage, "after compact()")
    if storage.size_bytes > before:
        raise AssertionError("size_bytes grew by compact()")
    storage = await place.reopen(storage)
    await place.append(storage, (20, b"after compact()"), (2, None))
    await storage.compact(place.kept.seq, place.live())
    await place.append(storage, (21, b"after compact(), without opening again"))
    storage = await place.reopen(storage)
    await storage.compact(place.kept.seq, place.live())
    await storage.compact(place.kept.seq, place.live())
    place.kept.next_commit((22, b"too large to be appended"), (3, None))
    await storage.compact(place.kept.seq, place.live())
    storage = await place.reopen(storage)
    await place.append(storage, (23, b"after a commit that was compacted"))
    await (await place.reopen(storage)).aclose()


async def _check_compacting_beside_appends(place: _Place) -> None:
    storage = await place.open()
    done = trio.Event()

    async def compact() -> None:
        await storage.compact(place.kept.seq, place.live())
        done.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(compact)
        for key in range(30, 60):
            await place.append(storage, (key, b"beside compact()"), (key - 1, None))
        await done.wait()
        await place.append(storage, (60, b"after it"))
    await (await place.reopen(storage)).aclose()


async def _check_cancelling_a_compaction(place: _Place) -> None:
    storage = await place.open()

    def cancelling(facts: Iterable[Fact]) -> Iterator[Fact]:
        scope.cancel()
        yield from facts

    with trio.CancelScope() as scope:
        await storage.compact(place.kept.seq, cancelling(place.live()))
    await place.append(storage, (70, b"after a cancelled compact()"))
    storage = await place.reopen(storage)
    await storage.compact(place.kept.seq, place.live())
    await (await place.reopen(storage)).aclose()


# What a storage must do that keeps commits.


async def _check_a_second_holder(place: _Place) -> None:
    storage = await place.open()
    second = place.make_storage()
    try:
        await second.open(_CODEC)
    except DatabaseLocked:
        pass
    else:
        raise AssertionError("open() of a place that is open: expected DatabaseLocked")
    await second.aclose()
    await place.append(storage, (80, b"after another was refused"))
    await (await place.reopen(storage)).aclose()


async def _check_another_codec(place: _Place) -> None:
    storage = place.make_storage()
    try:
        await storage.open("another")
        await storage.recover(_ignore)
    except CodecMismatch as error:
        _equal((error.expected, error.found), ("another", _CODEC), "what CodecMismatch names")
    else:
        raise AssertionError("open() and recover() with another codec: expected CodecMismatch")
    await storage.aclose()
    await (await place.open()).aclose()


async def _check_emptying(place: _Place) -> None:
    storage = await place.open()
    await place.append(storage, *((key, None) for key in list(place.kept.documents)))
    storage = await place.reopen(storage)
    await storage.compact(place.kept.seq, ())
    place.expect_size(storage, "after compact() of nothing")
    storage = await place.reopen(storage)
    await place.append(storage, (1, b"one once more"))
    await (await place.reopen(storage)).aclose()


_CHECKS: Final = (
    _check_a_new_place,
    _check_closing,
    _check_commits,
    _check_large_commits,
    _check_compacting,
    _check_compacting_beside_appends,
    _check_cancelling_a_compaction,
)
_DURABLE_CHECKS: Final = (_check_a_second_holder, _check_another_codec, _check_emptying)
