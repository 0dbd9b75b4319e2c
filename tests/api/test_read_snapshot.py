"""`reddb.read_snapshot`: a file is read while others write to it, and nothing about it changes."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

import pytest
import trio
from attrs import frozen

from reddb import (
    BinDb,
    CodecMismatch,
    DataCorrupted,
    DbConfig,
    DecodeError,
    FileStorage,
    JsonCodec,
    JsonDb,
    RedDb,
    RonDb,
    Snapshot,
    YamlDb,
    read_snapshot,
)
from reddb.testing.simulated_disk import SimulatedDisk

PATH = Path("notes.json")


@frozen
class Note:
    text: str
    done: bool = False


async def filled(disk: SimulatedDisk, database: type[RedDb[Any]] = JsonDb) -> list[Any]:
    """Make a database of three notes, the middle one changed, and give its documents."""
    storage = FileStorage(PATH, disk=disk)
    async with database.open("notes", Note, storage=storage) as db:
        documents = await db.insert([Note("a"), Note("b"), Note("c")])
        await db.update_one(documents[1].id, Note("b", done=True))
        await db.delete_one(documents[0].id)
        return await db.find_all()


@pytest.mark.parametrize("database", [BinDb, JsonDb, RonDb, YamlDb])
async def test_a_file_of_any_format_is_read_by_its_path_alone(database: type[RedDb[Any]]) -> None:
    disk = SimulatedDisk()
    documents = await filled(disk, database)
    before = len(disk.journal)
    typed = await read_snapshot(PATH, Note, disk=disk)
    assert isinstance(typed, Snapshot)
    assert (typed.find_all(), typed.seq) == (documents, 3)
    plain = await read_snapshot(PATH, disk=disk)
    assert [each.data for each in plain] == [
        {"text": "b", "done": True},
        {"text": "c", "done": False},
    ]
    assert len(disk.journal) == before


async def test_a_database_that_is_open_here_can_be_read(tmp_path: Path) -> None:
    config = DbConfig("notes", dir=tmp_path)
    async with JsonDb.open(config, Note) as db:
        note = await db.insert_one(Note("a"))
        snapshot = await read_snapshot(tmp_path / "notes.json", Note)
        await db.update_one(note.id, Note("b"))
        await db.compact()
        assert snapshot.find_all() == [note]
        later = await read_snapshot(tmp_path / "notes.json", Note)
        assert (later.find_one(note.id).data, later.seq) == (Note("b"), 2)


def test_nothing_of_the_file_or_its_directory_is_touched(tmp_path: Path) -> None:
    async def fill() -> None:
        async with JsonDb.open(DbConfig("notes", dir=tmp_path)) as db:
            await db.insert_one("a")

    trio.run(fill)
    path = tmp_path / "notes.json"
    path.write_bytes(path.read_bytes() + b"torn")
    os.utime(path, ns=(1, 1))
    path.chmod(0o400)
    os.utime(tmp_path, ns=(1, 1))
    before = path.read_bytes(), path.stat().st_mtime_ns, tmp_path.stat().st_mtime_ns
    assert len(trio.run(read_snapshot, path)) == 1
    assert before == (path.read_bytes(), path.stat().st_mtime_ns, tmp_path.stat().st_mtime_ns)
    assert list(tmp_path.iterdir()) == [path]


_WRITER = """
import sys, trio
from reddb import DbConfig, Durability, JsonDb

async def main():
    async with JsonDb.open(DbConfig("notes", dir=sys.argv[1], durability=Durability.OS)) as db:
        print("open", flush=True)
        number = 0
        while True:
            await db.insert([number, number])
            number += 1
            if number % 50 == 0:
                await db.delete_where(lambda data: data < number - 20)

trio.run(main)
"""


async def test_what_another_process_writes_is_read_commit_by_commit(tmp_path: Path) -> None:
    """Each commit inserts a number twice and is never seen by halves; none goes missing."""
    async with trio.open_nursery() as nursery:
        command = [sys.executable, "-c", _WRITER, str(tmp_path)]
        run = partial(trio.run_process, command, stdout=PIPE, stderr=DEVNULL, check=False)
        process = await nursery.start(run)
        assert await process.stdout.receive_some()  # It has opened the database.
        seen = -1
        for _ in range(40):
            snapshot = await read_snapshot(tmp_path / "notes.json")
            numbers = [document.data for document in snapshot]
            assert numbers[::2] == numbers[1::2]
            assert numbers[::2] == list(range(numbers[0], numbers[-1] + 1)) if numbers else True
            assert snapshot.seq >= seen
            seen = snapshot.seq
        assert seen > 0
        process.kill()


async def test_an_unfinished_write_is_left_out() -> None:
    disk = SimulatedDisk()
    documents = await filled(disk)
    torn = SimulatedDisk({PATH: disk.content(PATH)[:-3]})
    snapshot = await read_snapshot(PATH, Note, disk=torn)
    assert len(snapshot) == 3 and snapshot.seq == 2
    assert snapshot.find_all()[1:] == documents


async def test_a_large_commit_is_read_whole() -> None:
    disk = SimulatedDisk()
    async with JsonDb.open("notes", storage=FileStorage(PATH, disk=disk)) as db:
        await db.insert(list(range(1000)))
    snapshot = await read_snapshot(PATH, disk=disk)
    assert [each.data for each in snapshot] == list(range(1000))


async def test_damage_is_refused_where_opening_refuses_it() -> None:
    disk = SimulatedDisk()
    await filled(disk)
    log = disk.content(PATH)
    log = log[:110] + bytes([log[110] ^ 1]) + log[111:]
    with pytest.raises(DataCorrupted) as opening:
        async with JsonDb.open("notes", storage=FileStorage(PATH, disk=SimulatedDisk({PATH: log}))):
            pass
    with pytest.raises(DataCorrupted) as reading:
        await read_snapshot(PATH, disk=SimulatedDisk({PATH: log}))
    assert str(reading.value) == str(opening.value)


@pytest.mark.parametrize("content", [b"", b"# Notes\n", b"REDDB\0\3\0json", b"REDDB\0\2\0" * 9])
async def test_what_is_no_database_of_this_version_is_refused(content: bytes) -> None:
    with pytest.raises(DataCorrupted) as caught:
        await read_snapshot(PATH, disk=SimulatedDisk({PATH: content}))
    assert caught.value.offset == 0


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        trio.run(read_snapshot, tmp_path / "notes.json")
    assert list(tmp_path.iterdir()) == []


class OwnCodec(JsonCodec):
    name = "own"


async def test_a_file_of_an_own_codec_needs_that_codec() -> None:
    disk = SimulatedDisk()
    storage = FileStorage(PATH, disk=disk)
    async with RedDb.open("notes", codec=OwnCodec(), storage=storage) as db:
        await db.insert_one("a")
    assert len(await read_snapshot(PATH, codec=OwnCodec(), disk=disk)) == 1
    for codec, expected in [(None, "one of reddb's own"), (JsonCodec(), "json")]:
        with pytest.raises(CodecMismatch) as caught:
            await read_snapshot(PATH, codec=codec, disk=disk)
        assert (caught.value.expected, caught.value.found) == (expected, "own")


async def test_documents_of_another_type_are_told_by_their_id() -> None:
    disk = SimulatedDisk()
    documents = await filled(disk)
    snapshot = await read_snapshot(PATH, int, disk=disk)
    with pytest.raises(DecodeError) as caught:
        snapshot.find_all()
    assert caught.value.id == documents[0].id
    with pytest.raises(TypeError, match="cannot be stored"):
        await read_snapshot(PATH, object(), disk=disk)
