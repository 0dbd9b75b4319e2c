"""First aid takes little memory, however large the file is."""

from __future__ import annotations

import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from reddb import salvage, verify
from reddb.actor.frames import HEADER_BYTES, FrameKind, Header, encode_frame, encode_header

_FILE_BYTES = 24_000_000
_MEMORY_BYTES_MAX = 3_000_000


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A log of many commits, with damage here and there."""
    path = tmp_path / "large.json"
    header = Header("json", bytes(16), 0, HEADER_BYTES)
    with path.open("wb") as file:
        file.write(encode_header(header))
        seq = 0
        while (at := file.tell()) < _FILE_BYTES:
            seq += 1
            facts = [(seq % 100, b'"' + b"x" * 12_000 + b'"')]
            frame = encode_frame(header, at, FrameKind.COMMIT, seq, at, facts)
            file.write(bytes(len(frame)) if seq % 500 == 0 else frame)
    return path


async def peak_of(work: Callable[[], Awaitable[object]]) -> int:
    tracemalloc.start()
    try:
        await work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_verifying_holds_a_window_of_the_file(large: Path) -> None:
    assert await peak_of(lambda: verify(large)) < _MEMORY_BYTES_MAX


async def test_salvaging_holds_a_window_of_the_file(large: Path) -> None:
    to = large.with_name("saved.json")
    assert await peak_of(lambda: salvage(large, to)) < _MEMORY_BYTES_MAX
    assert to.stat().st_size > 0.9 * _FILE_BYTES


async def test_a_reader_that_holds_the_file_is_noticed(large: Path) -> None:
    async def read() -> bytes:
        return await trio.Path(large).read_bytes()

    assert await peak_of(read) > _MEMORY_BYTES_MAX
