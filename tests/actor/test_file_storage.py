"""The log in a file: what it writes, what it leaves when the disk fails, and who may open it."""

from __future__ import annotations

import contextlib
import errno
import resource
import stat
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from log_tools import (
    LOCK_PATH,
    NEW_PATH,
    PATH,
    Acknowledged,
    Found,
    Skipping,
    after,
    broken_promises,
    commit,
    commits,
    compacted,
    flipped,
    frame_starts,
    header_of,
    live,
    on_disk,
    opened,
    read_back,
    written,
    zeroed,
)

from reddb.actor import file_storage
from reddb.actor.disk import Disk, RealDisk
from reddb.actor.file_storage import FileStorage
from reddb.actor.frames import (
    HEADER_BYTES,
    Commit,
    FrameKind,
    encode_checksum,
    encode_facts,
    encode_frame,
    encode_frame_header,
)
from reddb.actor.storage import Recovery
from reddb.errors import DatabaseLocked, DataCorrupted
from reddb.testing.journal import Created, Renamed, Synced, Truncated, Wrote
from reddb.testing.simulated_disk import Operation, SimulatedDisk

FIVE = commits(5)
LONG = commits(20, 400)


# Appending.


@pytest.mark.parametrize("batch", [FIVE[:1], FIVE])
async def test_a_batch_is_one_write_and_one_sync(batch: Sequence[Commit]) -> None:
    disk = SimulatedDisk()
    async with opened(disk) as (storage, _):
        before = len(disk.journal)
        await storage.append(batch)
        write, sync = disk.journal[before:]
        assert isinstance(write, Wrote) and isinstance(sync, Synced)
        assert storage.size_bytes == len(disk.content(PATH)) == write.offset + len(write.data)


def large(seq: int) -> Commit:
    """Give a commit that is too large to be written, or read, at once."""
    return Commit(seq, [(seq << 20 | number, b"%d" % number * 100) for number in range(5_000)])


LARGE = (commit(1), large(2), commit(3), commit(4), large(5), large(6), commit(7))


async def test_a_large_commit_is_the_same_frame_written_in_pieces() -> None:
    in_pieces = await written(LARGE)
    header, at = header_of(in_pieces), HEADER_BYTES
    for each in LARGE:
        frame = encode_frame(header, at, FrameKind.COMMIT, each.seq, HEADER_BYTES, each.facts)
        assert in_pieces[at : at + len(frame)] == frame
        at += len(frame)
    assert at == len(in_pieces)


async def test_a_large_commit_is_read_back() -> None:
    found = await read_back(on_disk(await written(LARGE[:3], LARGE[3:])))
    assert found.documents == after(LARGE)
    assert (found.seq, found.recovery) == (7, Recovery(len(LARGE)))


@pytest.mark.parametrize("cut", [1, 4, 5, 70_000, 1_000_000])
async def test_a_large_commit_that_was_cut_off_never_happened(cut: int) -> None:
    log = await written(LARGE[:2])
    found = await read_back(on_disk(log[:-cut]))
    assert found.folded == [LARGE[0]]
    assert found.recovery.commits == 1 and found.recovery.torn_bytes > 0


@pytest.mark.parametrize("back", [1, 4, 5, 70_000, 1_000_000])
async def test_a_large_commit_with_a_flipped_byte_is_never_taken(back: int) -> None:
    log = await written(LARGE[:2], [LARGE[2]])
    start = frame_starts(log)[2]
    with pytest.raises(DataCorrupted, match="checksum"):
        await read_back(on_disk(flipped(log, start - back)))


async def test_a_large_frame_whose_facts_are_malformed_is_damage() -> None:
    log = await written([commit(1)])
    header = header_of(log)
    payload = encode_facts(large(2).facts) + b"\1"
    head = encode_frame_header(header, len(log), FrameKind.COMMIT, 2, 0, len(payload), 5_000)
    crc = zlib.crc32(payload, int.from_bytes(head[-4:], "little"))
    with pytest.raises(DataCorrupted, match="malformed"):
        await read_back(on_disk(log + head + payload + encode_checksum(crc)))


@pytest.mark.parametrize("nth", range(1, 6))
async def test_a_large_append_that_fails_half_way_leaves_nothing(nth: int) -> None:
    disk = SimulatedDisk()
    async with opened(disk) as (storage, _):
        await storage.append([commit(1)])
        disk.fail(Operation.WRITE, nth=nth, error=errno.ENOSPC)
        with pytest.raises(OSError, match=r"(?i)no space left"):
            await storage.append([commit(2), large(3)])
    found = await read_back(disk)
    assert found.folded == [commit(1)]


async def test_a_storage_that_does_not_sync_syncs_when_it_is_closed() -> None:
    disk = SimulatedDisk()
    async with opened(disk, sync=False) as (storage, _):
        before = len(disk.journal)
        await storage.append(FIVE[:1])
        await storage.append(FIVE[1:])
        assert [type(event) for event in disk.journal[before:]] == [Wrote, Wrote]
    assert isinstance(disk.journal[-1], Synced)
    assert (await read_back(disk)).documents == after(FIVE)


async def test_a_storage_to_which_nothing_was_appended_does_not_sync_when_it_is_closed() -> None:
    disk = on_disk(await written(FIVE))
    async with opened(disk, sync=False):
        before = len(disk.journal)
    assert len(disk.journal) == before


async def test_every_log_has_an_id_of_its_own() -> None:
    first, second = header_of(await written(FIVE)), header_of(await written(FIVE))
    assert first.file_id != second.file_id
    fixed = await written(FIVE, random_bytes=bytes)
    assert header_of(fixed).file_id == bytes(16)


@pytest.mark.parametrize("failing", [Operation.WRITE, Operation.SYNC])
@pytest.mark.parametrize("short", [True, False])
async def test_after_a_failed_append_nothing_more_is_written_until_reopened(
    failing: Operation, short: bool
) -> None:
    disk = SimulatedDisk()
    async with opened(disk) as (storage, _):
        await storage.append(FIVE[:2])
        kept = disk.content(PATH)
        disk.fail(failing, error=errno.ENOSPC, short=short)
        with pytest.raises(OSError, match="No space left"):
            await storage.append(FIVE[2:3])
        assert disk.content(PATH) == kept
        before = len(disk.journal)
        with pytest.raises(OSError, match="open the database again"):
            await storage.append(FIVE[2:3])
    assert len(disk.journal) == before
    async with opened(disk) as (storage, found):
        assert found.documents == after(FIVE[:2])
        await storage.append(FIVE[2:])
    assert (await read_back(disk)).documents == after(FIVE)


async def test_an_append_that_is_cancelled_is_taken_off_and_ends_the_writing() -> None:
    disk = SimulatedDisk()
    async with opened(disk) as (storage, _):
        kept = disk.content(PATH)
        with trio.CancelScope() as scope:
            scope.cancel()
            await storage.append(FIVE)
        assert scope.cancelled_caught
        assert disk.content(PATH) == kept


# Preallocated space.


def zeros_behind(disk: SimulatedDisk, storage: FileStorage) -> int:
    """Give how many bytes there are behind the log, all of which must be zeros."""
    behind = disk.content(PATH)[storage.size_bytes :]
    assert not any(behind)
    return len(behind)


async def test_small_synced_appends_go_over_zeros_that_were_synced_before() -> None:
    disk = SimulatedDisk()
    async with opened(disk) as (storage, _):
        await storage.append(FIVE[:1])
        assert zeros_behind(disk, storage) == 0, "there may be no other"
        await storage.append(FIVE[1:2])
        size = len(disk.content(PATH))
        assert size % 4096 == 0
        assert 64 * 1024 <= zeros_behind(disk, storage) < 68 * 1024
        for each in FIVE[2:]:
            await storage.append([each])
        assert len(disk.content(PATH)) == size
    assert disk.content(PATH)[storage.size_bytes :] == b"", "closing gives them back"
    assert (await read_back(disk)).documents == after(FIVE)


async def test_a_small_log_is_not_preallocated() -> None:
    disk = SimulatedDisk()
    async with opened(disk, preallocated_from_bytes=FileStorage(PATH).preallocated_from_bytes) as (
        storage,
        _,
    ):
        for each in commits(80, 1_000):
            before = storage.size_bytes
            await storage.append([each])
            assert (zeros_behind(disk, storage) > 0) == (before >= 64 * 1024)
        assert zeros_behind(disk, storage) > 0


async def test_more_is_preallocated_when_it_is_used_up_and_for_larger_appends() -> None:
    disk, history = SimulatedDisk(), commits(200, 10_000)
    async with opened(disk) as (storage, _):
        seen = set()
        for each in history:
            await storage.append([each])
            behind = zeros_behind(disk, storage)
            assert behind < 16 * 10_200 + 4096
            seen.add(behind > 150_000)
        assert seen == {True, False}
        lengths = [event.size for event in disk.journal if isinstance(event, Truncated)]
        assert 10 < len(lengths) < 20, "a write in sixteen makes the file longer"
    assert (await read_back(disk)).documents == after(history)


@pytest.mark.parametrize(
    ("sync", "size"), [(False, 5), (True, 40_000)], ids=["not synced", "too large"]
)
async def test_nothing_is_preallocated_where_it_would_not_pay(sync: bool, size: int) -> None:
    disk = SimulatedDisk()
    async with opened(disk, sync=sync) as (storage, _):
        for each in commits(5, size):
            await storage.append([each])
            assert zeros_behind(disk, storage) == 0
        assert Operation.TRUNCATE not in disk.operations


async def test_a_compacted_log_is_preallocated_anew() -> None:
    disk = SimulatedDisk()
    async with opened(disk) as (storage, _):
        await storage.append(FIVE[:1])
        await storage.append(FIVE[1:3])
        await storage.compact(3, live(FIVE[:3]))
        assert zeros_behind(disk, storage) == 0
        await storage.append(FIVE[3:4])
        assert zeros_behind(disk, storage) > 0
        await storage.append(FIVE[4:])
    assert (await read_back(disk)).documents == after(FIVE)


async def test_what_was_preallocated_when_the_program_was_killed_is_no_torn_tail(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = SimulatedDisk()
    async with opened(disk) as (storage, _):
        for each in FIVE:
            await storage.append([each])
        killed, size = disk.killed(), storage.size_bytes
    assert len(killed.content(PATH)) > size
    found = await read_back(killed)
    assert (found.documents, found.recovery) == (after(FIVE), Recovery(5))
    assert len(killed.content(PATH)) == size
    assert not caplog.records


@pytest.mark.parametrize("part", [1, 39, 60])
async def test_an_append_that_was_cut_short_over_zeros_is_a_torn_tail_up_to_them(part: int) -> None:
    disk = SimulatedDisk()
    async with opened(disk) as (storage, _):
        await storage.append(FIVE[:1])
        await storage.append(FIVE[1:2])
        at = storage.size_bytes
        await storage.append(FIVE[2:3])
        end = storage.size_bytes
        log = disk.content(PATH)
    torn = on_disk(zeroed(log, at + part, end))
    recovery = (await read_back(torn)).recovery
    assert (recovery.commits, recovery.torn_offset) == (2, at)
    assert recovery.torn_bytes == len(log[at : at + part].rstrip(b"\0"))
    assert len(torn.content(PATH)) == at


async def test_zeros_that_end_elsewhere_were_not_preallocated() -> None:
    log = await written(FIVE)
    for size in (4096, 8192):
        assert (await read_back(on_disk(log.ljust(size, b"\0")))).recovery == Recovery(5)
        recovery = (await read_back(on_disk(log.ljust(size + 1, b"\0")))).recovery
        assert (recovery.torn_offset, recovery.torn_bytes) == (len(log), size + 1 - len(log))


async def test_zeros_in_place_of_what_was_on_disk_are_damage() -> None:
    log = await compacted(FIVE)
    blank = zeroed(log, HEADER_BYTES, len(log)).ljust(4096, b"\0")
    with pytest.raises(DataCorrupted, match="no frame begins here"):
        await read_back(on_disk(blank))


async def test_a_log_closes_though_it_cannot_be_cut_to_its_length() -> None:
    disk = SimulatedDisk()
    async with opened(disk) as (storage, _):
        await storage.append(FIVE[:1])
        await storage.append(FIVE[1:])
        disk.fail(Operation.TRUNCATE)
    assert len(disk.content(PATH)) > storage.size_bytes
    found = await read_back(disk)
    assert (found.documents, found.recovery) == (after(FIVE), Recovery(5))


async def test_after_a_failure_closing_changes_nothing() -> None:
    disk = SimulatedDisk()
    async with opened(disk) as (storage, _):
        await storage.append(FIVE[:1])
        await storage.append(FIVE[1:2])
        disk.fail(Operation.SYNC)
        with pytest.raises(OSError, match="Input/output"):
            await storage.append(FIVE[2:3])
        before = disk.operation_count
    assert disk.operation_count == before


@pytest.mark.parametrize("at", [1, 200, 300_000, 524_287])
async def test_the_end_of_a_torn_tail_is_found_however_long_it_is(at: int) -> None:
    log = await written(FIVE)
    disk = on_disk((log + b"\0" * at + b"!").ljust(1 << 20, b"\0"))
    recovery = (await read_back(disk)).recovery
    assert (recovery.torn_offset, recovery.torn_bytes) == (len(log), at + 1)
    assert disk.content(PATH) == log


@pytest.mark.parametrize("room", [0, 10_000])
async def test_where_there_is_no_room_for_zeros_commits_are_kept_all_the_same(
    tmp_path: Path, room: int
) -> None:
    path = tmp_path / "notes.json"
    storage = FileStorage(path, preallocated_from_bytes=0)
    await storage.open("json")
    await storage.recover(Found().fold)
    await storage.append(FIVE[:1])
    with file_size_limit(storage.size_bytes * 2 + room):
        await storage.append(FIVE[1:2])
        assert path.stat().st_size == storage.size_bytes, "what did not fit was given back"
    await storage.append(FIVE[2:])
    await storage.aclose()
    assert path.stat().st_size == storage.size_bytes
    found = Found()
    reopened = FileStorage(path)
    await reopened.open("json")
    assert await reopened.recover(found.fold) == Recovery(5)
    assert found.documents == after(FIVE)
    await reopened.aclose()


@contextlib.contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Have the operating system refuse to make any file longer than this."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# Power cuts while appending.


async def appended(disk: Disk, simulated: SimulatedDisk, **options: Any) -> Acknowledged:
    """Append batches of several sizes to a new log on `disk`."""
    acknowledged = Acknowledged(simulated)
    async with opened(disk, **options) as (storage, _):
        await acknowledged.append(storage, *commits(1))
        await acknowledged.append(storage, commit(2, 700), commit(3), commit(4, 200))
        await acknowledged.append(storage, Commit(5, [(2, None), (1, b"new")]))
        await acknowledged.append(storage, commit(6, 30))
    return acknowledged


async def test_an_acknowledged_append_outlasts_any_power_cut() -> None:
    disk = SimulatedDisk()
    acknowledged = await appended(disk, disk)
    assert not await broken_promises(acknowledged)


async def test_without_syncs_a_power_cut_takes_acknowledged_appends() -> None:
    disk = SimulatedDisk()
    acknowledged = await appended(Skipping(disk, frozenset({Operation.SYNC})), disk)
    assert any("are left" in each for each in await broken_promises(acknowledged))


async def test_without_syncs_what_a_power_cut_leaves_is_still_a_prefix() -> None:
    disk = SimulatedDisk()
    acknowledged = await appended(disk, disk, sync=False)
    acknowledged.marks.clear()
    assert not await broken_promises(acknowledged)


# Creating.


async def test_a_new_log_is_there_whole_or_not_at_all_after_any_power_cut() -> None:
    disk = SimulatedDisk()
    async with opened(disk):
        pass
    assert not await broken_promises(Acknowledged(disk))


async def test_a_log_that_was_created_in_place_would_be_refused_after_a_power_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = SimulatedDisk()
    with monkeypatch.context() as patches:
        patches.setattr(FileStorage, "_new_path", PATH)
        await read_back(disk)
    broken = await broken_promises(Acknowledged(disk))
    assert any(DataCorrupted.__name__ in each for each in broken)


async def test_without_a_sync_of_the_directory_a_power_cut_takes_a_new_log() -> None:
    disk = SimulatedDisk()
    acknowledged = await appended(Skipping(disk, frozenset({Operation.SYNC_DIRECTORY})), disk)
    assert await broken_promises(acknowledged)


@pytest.mark.parametrize("short", [True, False])
async def test_creating_a_log_can_fail_at_any_operation_and_be_done_again(short: bool) -> None:
    nth, done = 0, False
    while not done:
        nth += 1
        disk = SimulatedDisk()
        disk.fail(nth=nth, short=short)
        try:
            await read_back(disk)
            done = True
        except OSError:
            assert NEW_PATH not in disk.paths()
        disk.heal()
        await read_back(disk)
        assert disk.paths() == [PATH]
    assert nth > 6


async def test_what_an_interrupted_creation_or_compaction_left_is_removed() -> None:
    log = await written(FIVE)
    disk = SimulatedDisk({PATH: log, NEW_PATH: b"REDDB\0\3\0 half of it"})
    assert (await read_back(disk)).documents == after(FIVE)
    assert disk.paths() == [PATH]
    assert disk.content(PATH) == log


# A program that was killed, and a power cut after the next one went on.


async def went_on(disk: SimulatedDisk, history: Sequence[Commit]) -> Acknowledged:
    """Open what a killed program left, and append to it."""
    acknowledged = Acknowledged(disk)
    async with opened(disk) as (storage, found):
        acknowledged.history += history[: found.seq]
        acknowledged.mark()
        await acknowledged.append(storage, commit(found.seq + 1, 40))
    return acknowledged


async def test_what_the_next_program_acknowledges_outlasts_a_power_cut() -> None:
    disk = SimulatedDisk()
    async with opened(disk) as (storage, _):
        await storage.append(FIVE[:2])
        await storage.append(FIVE[2:4])
        await storage.compact(4, live(FIVE[:4]))
        await storage.append(FIVE[4:])
    for event in range(len(disk.journal) + 1):
        killed = disk.killed(event)
        acknowledged = await went_on(killed, FIVE)
        assert not await broken_promises(acknowledged, since=event), f"killed at {event}"


@pytest.mark.parametrize("operation", [Operation.SYNC, Operation.WRITE])
async def test_what_was_appended_after_a_failure_outlasts_a_power_cut(
    operation: Operation,
) -> None:
    disk = SimulatedDisk()
    async with opened(disk) as (storage, _):
        await storage.append(FIVE[:2])
        disk.fail(operation, short=True)
        disk.fail(Operation.TRUNCATE)
        with pytest.raises(OSError, match="Input/output"):
            await storage.append(FIVE[2:3])
    since = len(disk.journal)
    acknowledged = await went_on(disk, FIVE)
    assert not await broken_promises(acknowledged, since=since)


# Locking.


async def test_a_log_is_open_once_at_a_time() -> None:
    disk = SimulatedDisk()
    async with opened(disk) as (storage, _):
        other = FileStorage(PATH, disk=disk)
        with pytest.raises(DatabaseLocked) as caught:
            await other.open("json")
        assert caught.value.path == str(LOCK_PATH)
        await other.aclose()
        with pytest.raises(DatabaseLocked):
            await other.open("json")
        await storage.append(FIVE)
    assert (await read_back(disk)).documents == after(FIVE)


async def test_a_log_that_was_refused_is_not_locked() -> None:
    disk = on_disk(b"something else")
    for _ in range(2):
        with pytest.raises(DataCorrupted):
            await read_back(disk)


class Jammed(SimulatedDisk):
    """A disk whose files cannot be closed without an error."""

    async def create(self, path: Path) -> Any:
        return self.jam(await super().create(path))

    async def open(self, path: Path) -> Any:
        file = await super().open(path)
        return file and self.jam(file)

    def jam(self, file: Any) -> Any:
        aclose = file.aclose

        async def jammed_aclose() -> None:
            await aclose()
            raise OSError(errno.EIO, "jammed")

        return _Jammed(file, jammed_aclose)


class _Jammed:
    def __init__(self, file: Any, aclose: Any) -> None:
        self.file = file
        self.aclose = aclose

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


async def test_the_lock_is_given_up_though_the_file_cannot_be_closed() -> None:
    disk = Jammed()
    for _ in range(2):
        with pytest.raises(OSError, match="jammed"):
            await read_back(disk)
    assert await disk.lock(LOCK_PATH) is not None


@pytest.mark.parametrize("operation", [Operation.SYNC, Operation.WRITE])
async def test_the_lock_is_given_up_though_the_disk_has_failed(operation: Operation) -> None:
    disk = SimulatedDisk()

    async def body() -> None:
        async with opened(disk, sync=False) as (storage, _):
            disk.fail(operation, forever=True)
            await storage.append(FIVE)

    with pytest.raises(OSError, match="Input/output"):
        await body()
    disk.heal()
    assert (await read_back(disk)).seq in {0, 5}


# Compacting.


async def test_a_compacted_log_holds_the_live_documents_alone() -> None:
    history = [*LONG, Commit(21, [(key, None) for key in range(2, 21)])]
    log = await compacted(history)
    found = await read_back(on_disk(log))
    assert found.documents == after(history)
    assert (found.seq, found.recovery.commits) == (21, 0)
    assert len(log) < 600
    assert header_of(log).base_seq == 21
    assert header_of(log).synced == len(log)


async def test_the_size_after_compaction_is_what_was_estimated() -> None:
    disk = SimulatedDisk()
    async with opened(disk) as (storage, _):
        await storage.append(LONG)
        estimate = storage.compacted_bytes(20, 20 * 400)
        await storage.compact(20, live(LONG))
        assert storage.size_bytes == estimate == len(disk.content(PATH))
        await storage.compact(20, ())
        assert storage.size_bytes == storage.compacted_bytes(0, 0)


async def test_a_large_state_is_compacted_in_several_frames() -> None:
    history = commits(10, 50_000)
    log = await compacted(history)
    assert len(frame_starts(log)) - 1 == 4
    assert (await read_back(on_disk(log))).documents == after(history)
    async with opened(SimulatedDisk()) as (storage, _):
        assert storage.compacted_bytes(10, 500_000) == len(log)


async def test_appends_wait_only_while_the_files_are_switched(
    autojump_clock: trio.testing.MockClock,
) -> None:
    disk = SimulatedDisk(latency_s=1)
    async with opened(disk) as (storage, _), trio.open_nursery() as nursery:
        await storage.append(LONG)
        nursery.start_soon(storage.compact, 20, live(LONG))
        await trio.testing.wait_all_tasks_blocked()
        start = trio.current_time()
        await storage.append([commit(21)])
        assert trio.current_time() - start == 2, "a write and a sync, as without a compaction"


@pytest.mark.parametrize("before", range(8))
@pytest.mark.parametrize("catch_up_bytes", [100, 256 * 1024])
async def test_compaction_beside_appends_loses_nothing(
    before: int,
    catch_up_bytes: int,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(file_storage, "_CATCH_UP_BYTES", catch_up_bytes)
    disk = SimulatedDisk(latency_s=1)
    async with opened(disk) as (storage, _), trio.open_nursery() as nursery:
        for at, each in enumerate(LONG):
            if at == before:
                nursery.start_soon(storage.compact, at, live(LONG[:at]))
            await storage.append([each])
    found = await read_back(disk)
    assert found.documents == after(LONG)
    assert found.recovery.commits == 20 - before
    assert disk.paths() == [PATH]


async def test_a_compaction_that_can_never_catch_up_switches_all_the_same(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_storage, "_CATCH_UP_BYTES", 0)
    disk = SimulatedDisk(latency_s=1)
    async with opened(disk) as (storage, _), trio.open_nursery() as nursery:
        nursery.start_soon(storage.compact, 0, ())
        for each in commits(200):
            await storage.append([each])
    *_, renamed = (at for at, event in enumerate(disk.journal) if isinstance(event, Renamed))
    events = disk.journal[:renamed]
    *_, created = (event for event in events if isinstance(event, Created))
    assert events.count(Synced(created.file)) == 17, "sixteen rounds, and the header"
    assert (await read_back(disk)).documents == after(commits(200))


async def compacted_beside_appends(disk: Disk, simulated: SimulatedDisk) -> Acknowledged:
    acknowledged = Acknowledged(simulated)
    async with opened(disk) as (storage, _):
        await acknowledged.append(storage, *FIVE)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(storage.compact, 5, live(FIVE))
            await acknowledged.append(storage, commit(6))
            await acknowledged.append(storage, Commit(7, [(3, None)]))
        await acknowledged.append(storage, commit(8))
    return acknowledged


async def test_a_power_cut_at_any_moment_of_a_compaction_loses_nothing() -> None:
    disk = SimulatedDisk()
    acknowledged = await compacted_beside_appends(disk, disk)
    assert not await broken_promises(acknowledged)


@pytest.mark.parametrize("skipped", [Operation.SYNC, Operation.SYNC_DIRECTORY])
async def test_without_each_of_its_syncs_a_power_cut_during_a_compaction_loses_something(
    skipped: Operation,
) -> None:
    disk = SimulatedDisk()
    async with opened(disk):
        pass
    acknowledged = await compacted_beside_appends(Skipping(disk, frozenset({skipped})), disk)
    assert await broken_promises(acknowledged)


async def fail_compaction(nth: int, **failure: Any) -> bool:
    """Let the `nth` operation of a compaction fail; False if there are fewer."""
    disk = SimulatedDisk()
    async with opened(disk) as (storage, _):
        await storage.append(FIVE[:3])
        log = disk.content(PATH)
        disk.fail(nth=nth, **failure)
        try:
            await storage.compact(3, live(FIVE[:3]))
        except OSError:
            disk.heal()
        else:
            return False
        assert disk.paths() == [PATH] or "forever" in failure
        if disk.content(PATH) == log:
            await storage.append(FIVE[3:4])
            await storage.compact(4, live(FIVE[:4]))
            assert disk.paths() == [PATH]
            kept = 4
        else:
            with pytest.raises(OSError, match="open the database again"):
                await storage.append(FIVE[3:4])
            kept = 3
    assert (await read_back(disk)).documents == after(FIVE[:kept])
    return True


@pytest.mark.parametrize(
    "failure",
    [{}, {"error": errno.ENOSPC}, {"short": True}, {"error": errno.ENOSPC, "forever": True}],
    ids=repr,
)
async def test_a_compaction_that_fails_leaves_the_old_log(failure: dict[str, Any]) -> None:
    nth = 1
    while await fail_compaction(nth, **failure):
        nth += 1
    assert nth > 6


async def test_a_compaction_whose_rename_is_not_on_disk_for_certain_ends_the_writing() -> None:
    disk = SimulatedDisk()
    acknowledged = Acknowledged(disk)
    async with opened(disk) as (storage, _):
        await acknowledged.append(storage, *FIVE)
        disk.fail(Operation.SYNC_DIRECTORY)
        with pytest.raises(OSError, match="Input/output"):
            await storage.compact(5, live(FIVE))
        with pytest.raises(OSError, match="open the database again"):
            await storage.append([commit(6)])
    assert not await broken_promises(acknowledged)


async def test_an_old_log_that_cannot_be_closed_does_not_matter() -> None:
    disk = Jammed()

    async def body() -> None:
        async with opened(disk) as (storage, _):
            await storage.append(FIVE[:3])
            await storage.compact(3, live(FIVE[:3]))
            await storage.append(FIVE[3:])

    with pytest.raises(OSError, match="jammed"):
        await body()
    assert (await read_back(on_disk(disk.content(PATH)))).documents == after(FIVE)


async def test_a_compaction_can_be_cancelled_at_any_moment(
    autojump_clock: trio.testing.MockClock,
) -> None:
    for moment in range(12):
        disk = SimulatedDisk(latency_s=1)
        async with opened(disk) as (storage, _):
            await storage.append(FIVE[:3])
            with trio.move_on_after(moment + 0.5) as scope:
                await storage.compact(3, live(FIVE[:3]))
            assert disk.paths() == [PATH]
            await storage.append(FIVE[3:])
        assert (await read_back(disk)).documents == after(FIVE)
    assert not scope.cancelled_caught, "the last moment was after its end"


async def test_a_failed_append_beside_a_compaction_is_not_in_the_new_log(
    autojump_clock: trio.testing.MockClock,
) -> None:
    disk = SimulatedDisk(latency_s=1)
    async with opened(disk) as (storage, _):
        await storage.append(FIVE[:3])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(storage.compact, 3, live(FIVE[:3]))
            await trio.testing.wait_all_tasks_blocked()
            disk.fail(Operation.WRITE)
            with pytest.raises(OSError, match="Input/output"):
                await storage.append(FIVE[3:])
    assert (await read_back(disk)).documents == after(FIVE[:3])


# On the real disk.


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_a_log_is_its_owners_alone_also_when_compacted(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    storage = FileStorage(path)
    await storage.open("json")
    await storage.recover(lambda *_: None)
    assert {mode_of(path), mode_of(tmp_path / "notes.json.lock")} == {0o600}
    await storage.append(FIVE)
    await storage.compact(5, live(FIVE))
    assert mode_of(path) == 0o600
    await storage.aclose()
    assert [each.name for each in await trio.Path(tmp_path).iterdir()] == ["notes.json"]


@pytest.mark.parametrize("directory", ["missing", "file"])
async def test_a_directory_that_is_none_is_an_os_error(tmp_path: Path, directory: str) -> None:
    (tmp_path / "file").touch()
    storage = FileStorage(tmp_path / directory / "notes.json")
    with pytest.raises(OSError, match=directory):
        await storage.open("json")
    await storage.aclose()


async def test_a_log_that_is_a_directory_is_an_os_error_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    path.mkdir()
    storage = FileStorage(path, disk=RealDisk())
    with pytest.raises(IsADirectoryError):
        await storage.open("json")
    await storage.aclose()
    assert path.is_dir()
