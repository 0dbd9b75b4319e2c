"""What the tests of first aid share: logs on simulated disks, and ways of damaging them."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import trio

from reddb import BinDb, DbConfig, FileStorage, JsonDb, RedDb, RonDb, YamlDb
from reddb.actor.frames import (
    FRAME_HEADER_BYTES,
    HEADER_BYTES,
    Fact,
    Frame,
    FrameKind,
    Header,
    decode_frames,
    decode_header,
    encode_frame,
    encode_header,
)
from reddb.testing.simulated_disk import SimulatedDisk

FORMATS: tuple[type[RedDb[Any]], ...] = (BinDb, JsonDb, RonDb, YamlDb)
PATH = Path("notes.json")
SAVED = Path("saved.json")


@contextlib.asynccontextmanager
async def opened(
    disk: SimulatedDisk, path: Path = PATH, database: type[RedDb[Any]] = JsonDb
) -> AsyncIterator[RedDb[Any]]:
    """Open a database on a simulated disk; it never compacts of itself."""
    config = DbConfig(path.stem, compaction_ratio=1e9)
    async with database.open(config, storage=FileStorage(path, disk=disk)) as db:
        yield db


async def contents(disk: SimulatedDisk, path: Path = PATH) -> list[Any]:
    """Open a log, and give the data of all its documents."""
    async with opened(disk, path) as db:
        return [document.data for document in await db.find_all()]


async def names_in(directory: Path) -> list[str]:
    """Give the names of the files in a real directory, sorted."""
    return sorted(path.name for path in await trio.Path(directory).iterdir())


def on_disk(log: bytes) -> SimulatedDisk:
    return SimulatedDisk({PATH: log})


def log_of(*commits: Sequence[Fact], header: Header | None = None, first_seq: int = 1) -> bytes:
    """Give a log of these commits, each written and synced before the next."""
    header = header or Header("json", bytes(range(16)), first_seq - 1, HEADER_BYTES)
    log = encode_header(header)
    for seq, facts in enumerate(commits, first_seq):
        log += encode_frame(header, len(log), FrameKind.COMMIT, seq, len(log), facts)
    return log


def puts(*keys: int, text: str = "") -> list[Fact]:
    """Give the facts of a commit that puts documents; each has its key for a value, or `text`."""
    return [(key, f'"{text or key}"'.encode()) for key in keys]


def ten_commits() -> bytes:
    """Give a log of ten commits, each of which inserts one document: ``"1"`` to ``"10"``."""
    return log_of(*(puts(key) for key in range(1, 11)))


def frames_of(log: bytes) -> list[Frame]:
    return list(decode_frames(decode_header(log[:HEADER_BYTES]), HEADER_BYTES, log[HEADER_BYTES:]))


def starts_of(log: bytes) -> list[int]:
    """Give where each frame of a whole log begins, and where the last one ends."""
    return [HEADER_BYTES, *(frame.end for frame in frames_of(log))]


def flipped(log: bytes, at: int) -> bytes:
    return log[:at] + bytes([log[at] ^ 0xFF]) + log[at + 1 :]


def damaged(log: bytes, *frames: int) -> bytes:
    """Give a whole log with a flipped byte in the payload of some frames, counted from 0."""
    starts = starts_of(log)
    for frame in frames:
        log = flipped(log, starts[frame] + FRAME_HEADER_BYTES)
    return log


def resealed(log: bytes, start: int, body: bytes, payload: bytes) -> bytes:
    """Give the bytes of a frame with checksums that hold at `start`.

    Args:
        log: The log, for its header.
        start: Where the frame is to be.
        body: The frame's header without its checksum.
        payload: Its payload.
    """
    origin = decode_header(log[:HEADER_BYTES]).file_id + struct.pack("<Q", start)
    crc = zlib.crc32(body, zlib.crc32(origin))
    sealed = body + struct.pack("<I", crc) + payload
    return sealed + struct.pack("<I", zlib.crc32(payload, crc))


def ids(*keys: int) -> tuple[UUID, ...]:
    return tuple(UUID(int=key) for key in keys)
