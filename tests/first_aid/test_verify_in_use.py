"""A file can be verified while others write to it: what is on its way never looks like damage."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, PIPE

import pytest
import trio
from attrs import define, field
from first_aid_tools import (
    PATH,
    SAVED,
    contents,
    damaged,
    flipped,
    log_of,
    puts,
    starts_of,
    ten_commits,
)

from reddb import DataCorrupted, VerifyReport, verify
from reddb.actor import survey
from reddb.actor.disk import DiskFile
from reddb.actor.frames import (
    HEADER_BYTES,
    FrameKind,
    Header,
    decode_header,
    encode_frame,
    encode_header,
)
from reddb.actor.reading import LogReader
from reddb.actor.recovery import read_header, read_log
from reddb.actor.salvaging import salvage_log
from reddb.actor.verification import verify_log
from reddb.testing.simulated_disk import SimulatedDisk


@define(eq=False)
class ChangingFile:
    """A file that somebody else changes: before each operation on it, `change` is called."""

    content: bytes
    change: Callable[[ChangingFile], None]
    operations: int = field(default=0, init=False)

    async def size(self) -> int:
        await self._begin()
        return len(self.content)

    async def read(self, offset: int, size: int) -> bytes:
        await self._begin()
        assert offset >= 0 and size > 0
        return self.content[offset : offset + size]

    async def _begin(self) -> None:
        self.operations += 1
        assert self.operations < 10_000, "it does not end"
        self.change(self)
        await trio.lowlevel.checkpoint()

    async def write(self, offset: int, data: bytes, *, sync: bool, preallocate: int = 0) -> None:
        raise AssertionError("it is only read")

    async def sync(self) -> None:
        raise AssertionError("it is only read")

    async def truncate(self, size: int) -> None:
        raise AssertionError("it is only read")

    async def aclose(self) -> None:
        raise AssertionError("it is not its reader's to close")


async def verified(file: DiskFile) -> VerifyReport:
    return await verify_log(file, PATH, None)


@pytest.mark.parametrize("step", [1, 7, 50, 68, 100, 1000])
async def test_a_log_that_grows_is_sound_up_to_where_it_was(step: int) -> None:
    log = ten_commits()
    start = starts_of(log)[4] + 20

    def grow(file: ChangingFile) -> None:
        file.content = log[: min(start + step * file.operations, len(log))]

    report = await verified(ChangingFile(log[:start], grow))
    assert report.ok
    assert report.last_seq >= 4


@pytest.mark.parametrize("step", [1, 7, 50, 68, 100, 1000])
async def test_a_log_that_grows_over_zeros_is_sound(step: int) -> None:
    log = ten_commits()
    written = starts_of(log)[4] + 20

    def grow(file: ChangingFile) -> None:
        nonlocal written
        written = min(written + step, len(log))
        file.content = log[:written].ljust(4096, b"\0")

    report = await verified(ChangingFile(b"", grow))
    assert report.ok and 3 <= report.last_seq <= 10
    assert report.torn_tail is None or report.torn_tail.offset == starts_of(log)[report.last_seq]


async def test_a_reader_that_has_come_to_zeros_still_tells_a_torn_tail_from_damage() -> None:
    log = ten_commits()
    header = decode_header(log[:HEADER_BYTES])
    lost = encode_frame(header, len(log), FrameKind.COMMIT, 11, len(log), puts(11, text="x" * 1500))
    at = len(log) + len(lost)
    whole = encode_frame(header, at, FrameKind.COMMIT, 12, len(log), puts(12))
    file = ChangingFile(log.ljust(65_536, b"\0"), lambda _: None)
    reader = await LogReader.of(file, PATH)
    while await reader.next() is not None:
        pass
    found = reader.torn_tail
    assert found is None
    assert not await reader.grow(), "zeros are nothing to go on with"
    file.content = (log + bytes(len(lost)) + whole).ljust(65_536, b"\0")
    assert await reader.grow()
    assert await reader.next() is None
    found = reader.torn_tail
    assert found is not None
    assert (found.offset, found.length_bytes) == (len(log), len(lost) + len(whole))


async def test_a_log_that_grows_for_ever_is_come_to_an_end_with() -> None:
    def grow(file: ChangingFile) -> None:
        file.content += b"x" * 10

    report = await verified(ChangingFile(ten_commits(), grow))
    assert report.ok and report.last_seq == 10
    assert report.torn_tail is not None and report.torn_tail.offset == len(ten_commits())


def written_at_once(completed_at: int) -> ChangingFile:
    """Give a log of five frames that were written at once; at first the second one is not there."""
    header = Header("json", bytes(16), 0, HEADER_BYTES)
    log = encode_header(header)
    for seq in range(1, 6):
        log += encode_frame(header, len(log), FrameKind.COMMIT, seq, 64, puts(seq))
    start, end = starts_of(log)[1:3]
    holed = log[:start] + bytes(range(1, end - start + 1)) + log[end:]

    def complete(file: ChangingFile) -> None:
        if file.operations >= completed_at:
            file.content = log

    return ChangingFile(holed, complete)


@pytest.mark.parametrize("completed_at", range(1, 12))
async def test_a_later_frame_that_is_seen_first_makes_no_damage_of_an_earlier_one(
    completed_at: int,
) -> None:
    """Nothing says that a reader sees the parts of a write in order."""
    report = await verified(written_at_once(completed_at))
    assert report.ok and report.last_seq == 5


async def test_without_looking_again_a_write_under_way_is_taken_for_damage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(survey, "_LOOKS_MAX", 1)
    assert (await verified(written_at_once(11))).damage


@pytest.mark.parametrize("seen", range(1, 12))
async def test_a_torn_tail_may_be_cut_off_meanwhile(seen: int) -> None:
    log = ten_commits()
    torn = log + bytes(70_000)

    def cut(file: ChangingFile) -> None:
        if file.operations >= seen:
            file.content = log

    report = await verified(ChangingFile(torn, cut))
    assert report.ok and report.last_seq == 10


@pytest.mark.parametrize("left", [0, 30, 64, 100, 400])
@pytest.mark.parametrize("seen", range(2, 10))
async def test_a_file_may_be_emptied_meanwhile(seen: int, left: int) -> None:
    log = damaged(ten_commits(), 5)

    def empty(file: ChangingFile) -> None:
        if file.operations >= seen:
            file.content = log[:left]

    report = await verified(ChangingFile(log, empty))
    assert report.last_seq <= 10


@pytest.mark.parametrize("left", [70, 300])
@pytest.mark.parametrize("flip", [None, 300])
@pytest.mark.parametrize("seen", range(2, 9))
async def test_opening_ends_too_when_the_file_is_cut_meanwhile(
    seen: int, flip: int | None, left: int
) -> None:
    """The lock should see to it that nobody does; not everybody heeds it."""
    log = ten_commits() if flip is None else flipped(ten_commits(), flip)

    def cut(file: ChangingFile) -> None:
        if file.operations >= seen:
            file.content = log[:left]

    file = ChangingFile(log, cut)
    header = await read_header(file, PATH, "json")
    with contextlib.suppress(DataCorrupted):
        found = await read_log(file, PATH, header, lambda *_: None)
        assert found.seq <= 10


_WRITER = """
import sys, trio
from reddb import DbConfig, Durability, JsonDb

async def main():
    async with JsonDb.open(DbConfig("notes", dir=sys.argv[1], durability=Durability.OS)) as db:
        print("open", flush=True)
        while True:
            async with trio.open_nursery() as nursery:
                for size in (10, 100, 10_000, 300_000):
                    nursery.start_soon(db.insert_one, "x" * size)
            await db.delete_where(lambda text: True)

trio.run(main)
"""


async def test_a_file_that_another_process_writes_to_shows_no_damage(tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        command = [sys.executable, "-c", _WRITER, str(tmp_path)]
        run = partial(trio.run_process, command, stdout=PIPE, stderr=DEVNULL, check=False)
        process = await nursery.start(run)
        assert await process.stdout.receive_some()  # It has opened the database.
        for _ in range(60):
            report = await verify(tmp_path / "notes.json")
            assert report.ok, str(report)
        process.kill()


async def test_the_number_of_reads_grows_with_the_file_alone() -> None:
    """Each possible frame claims all that follows: checking each would take the size squared."""
    counts: list[int] = []
    for frames in (100, 400):
        log = ten_commits()
        end = len(log) + frames * 40
        header = Header("json", bytes(range(16)), 0, HEADER_BYTES)
        for _ in range(frames):
            payload = bytes(max(end - len(log) - 44, 0))
            log += encode_frame(header, len(log), FrameKind.COMMIT, 9, 64, [(1, payload)])[:40]
        file = ChangingFile(log, lambda _: None)
        await verified(file)
        counts.append(file.operations)
    assert counts[1] < 5 * counts[0]


async def test_a_log_with_much_damage_takes_no_more_reads_than_it_has_frames() -> None:
    log = log_of(*(puts(key) for key in range(1, 201)))
    log = damaged(log, *range(0, 200, 2))
    file = ChangingFile(log, lambda _: None)
    report = await verified(file)
    assert len(report.damage) == 100
    assert file.operations < 10 * 200


@pytest.mark.parametrize("step", [1, 20, 68])
async def test_a_log_that_grows_is_salvaged_up_to_where_it_was(step: int) -> None:
    log = ten_commits()
    start = starts_of(log)[4] + 20

    def grow(file: ChangingFile) -> None:
        file.content = log[: min(start + step * file.operations, len(log))]

    disk = SimulatedDisk()
    report = await salvage_log(
        ChangingFile(log[:start], grow), PATH, SAVED, None, disk=disk, random_bytes=bytes
    )
    assert 4 <= report.last_seq == report.live_document_count <= 10
    assert await contents(disk, SAVED) == [str(seq) for seq in range(1, report.last_seq + 1)]


@pytest.mark.parametrize("seen", [5, 6])
async def test_a_log_that_is_emptied_between_looking_and_copying_is_refused(seen: int) -> None:
    log = ten_commits()

    def cut(file: ChangingFile) -> None:
        if file.operations >= seen:
            file.content = log[:300]

    disk = SimulatedDisk()
    with pytest.raises(DataCorrupted, match="changed while it was salvaged"):
        await salvage_log(ChangingFile(log, cut), PATH, SAVED, None, disk=disk, random_bytes=bytes)
    assert disk.paths() == []
