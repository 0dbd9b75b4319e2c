"""First aid takes little memory, however large the file is."""

from __future__ import annotations

import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
from first_aid_tools import log_of, puts

from reddb import DbConfig, JsonDb, salvage, verify
from reddb.actor.frames import HEADER_BYTES, FrameKind, Header, encode_frame, encode_header

_FILE_BYTES = 12_000_000
_MEMORY_BYTES_MAX = 3_000_000


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A log of many commits, none of them synced, with damage here and there."""
    path = tmp_path / "large.json"
    header = Header("json", bytes(16), 0, HEADER_BYTES)
    with path.open("wb") as file:
        file.write(encode_header(header))
        seq = 0
        while (at := file.tell()) < _FILE_BYTES:
            seq += 1
            facts = [(seq % 100, b'"' + b"x" * 12_000 + b'"')]
            frame = encode_frame(header, at, FrameKind.COMMIT, seq, HEADER_BYTES, facts)
            file.write(b"x" * len(frame) if seq % 500 == 0 else frame)
    return path


@pytest.fixture
def overwritten(large: Path) -> Path:
    """The same log, half of which was overwritten."""
    with large.open("r+b") as file:
        file.seek(_FILE_BYTES // 4)
        file.write(b"another file's" * (_FILE_BYTES // 28))
    return large


async def peak_of(work: Callable[[], Awaitable[object]]) -> int:
    tracemalloc.start()
    try:
        await work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_verifying_holds_a_window_of_the_file(large: Path) -> None:
    assert await peak_of(lambda: verify(large)) < _MEMORY_BYTES_MAX


async def test_however_much_is_damaged(overwritten: Path) -> None:
    to = overwritten.with_name("saved.json")
    assert await peak_of(lambda: verify(overwritten)) < _MEMORY_BYTES_MAX
    assert await peak_of(lambda: salvage(overwritten, to)) < _MEMORY_BYTES_MAX
    assert 0.4 * _FILE_BYTES < to.stat().st_size < 0.6 * _FILE_BYTES


async def test_however_much_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "torn.json"
    path.write_bytes(log_of(puts(1)) + b"x" * _FILE_BYTES)

    async def open_and_close() -> None:
        async with JsonDb.open(DbConfig("torn", dir=tmp_path)) as db:
            assert (await db.stats()).recovery.torn_bytes == _FILE_BYTES

    assert await peak_of(lambda: verify(path)) < _MEMORY_BYTES_MAX
    assert await peak_of(open_and_close) < _MEMORY_BYTES_MAX


async def test_salvaging_holds_a_window_of_the_file(large: Path) -> None:
    to = large.with_name("saved.json")
    assert await peak_of(lambda: salvage(large, to)) < _MEMORY_BYTES_MAX
    assert to.stat().st_size > 0.9 * _FILE_BYTES


async def test_a_reader_that_holds_the_file_is_noticed(large: Path) -> None:
    async def read() -> bytes:
        return await trio.Path(large).read_bytes()

    assert await peak_of(read) > _MEMORY_BYTES_MAX
