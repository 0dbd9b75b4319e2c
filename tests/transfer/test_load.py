"""Loading into databases that have documents, files that are no good, and all or nothing."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path
from uuid import UUID

import pytest
import trio
from transfer_tools import FORMATS, NOTES, Note

from reddb import (
    DataCorrupted,
    DbConfig,
    DecodeError,
    EncodeError,
    MemDb,
    Progress,
    RedDbError,
)
from reddb.testing import cancel_everywhere
from reddb.testing.fixtures import OnSimulatedDisk
from reddb.testing.simulated_disk import SimulatedDisk
from reddb.transfer import Format, dump, load

FILE = Path("notes")
NUMBERS = b"".join(b'{"n":%d}\n' % number for number in range(3_000))


async def test_documents_come_behind_those_that_are_there() -> None:
    disk = SimulatedDisk({Path("a.jsonl"): NUMBERS})
    async with MemDb.open("to") as db:
        await db.insert_one("first")
        assert await load("a.jsonl", db, disk=disk) == 3_000
        found = [document.data for document in await db.find_all()]
    assert found == ["first", *({"n": number} for number in range(3_000))]


@pytest.mark.parametrize("atomic", [True, False])
async def test_an_id_that_is_there_already_is_named_and_nothing_is_lost(atomic: bool) -> None:
    disk = SimulatedDisk()
    async with MemDb.open("from") as db:
        documents = await db.insert([1, 2])
        await dump(db, "a.jsonl", disk=disk)
        with pytest.raises(RedDbError, match=f"{documents[0].id} is there already"):
            await load("a.jsonl", db, atomic=atomic, disk=disk)
        assert await db.find_all() == documents


async def test_an_id_that_the_file_has_twice_is_named() -> None:
    one = UUID(int=1)
    line = f'{{"_id":"{one}","a":1}}\n'.encode()
    disk = SimulatedDisk({Path("a.jsonl"): line * 2})
    async with MemDb.open("to") as db:
        with pytest.raises(RedDbError, match=f"two of the documents have the id {one}"):
            await load("a.jsonl", db, disk=disk)
        assert len(db.snapshot()) == 0


BAD: dict[str, tuple[Format, bytes, str]] = {
    "JSON lines": (Format.JSONL, b"1\n\n{\n", r"record 2 \(line 3\): "),
    "JSON": (Format.JSON, b"[1,\n2,\n3 4]", "line 3: expected `,` or `]`, found '4'"),
    "cut JSON": (Format.JSON, b"[1,\n2,", "ends where there should be a value"),
    "CBOR": (Format.CBOR, b"\x01\x18", "the file ends within record 2"),
    "CSV": (Format.CSV, b'a\n"b"c\n', r"record 2 \(line 2\): not CSV"),
    "CSV row": (Format.CSV, b"a,b\n1\n", "the header has 2 columns, this has 1"),
    "CSV header": (Format.CSV, b"a,a\n", "two columns have the same name"),
    "CSV text": (Format.CSV, b"a\n\xff\n", r"record 2 \(line 2\): "),
    "YAML": (Format.YAML, b"---\na: 1\n---\na: [\n", r"record 2 \(line 3\): not YAML"),
    "an id": (Format.JSONL, b'{"_id":"7"}\n', "its _id is '7', which is no UUID"),
    "an id in CSV": (Format.CSV, b"_id,a\n7,1\n", "its _id is '7', which is no UUID"),
    "a database": (Format.JSON, b"REDDB\0\3\0", "a database, not an export"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_file_that_is_no_good_is_refused_with_the_place(name: str) -> None:
    chosen, data, reason = BAD[name]
    disk = SimulatedDisk({FILE: data})
    async with MemDb.open("to") as db:
        with pytest.raises(DataCorrupted, match=reason) as caught:
            await load(FILE, db, format=chosen, disk=disk)
        assert caught.value.path == str(FILE)
        assert 0 <= caught.value.offset <= len(data)
        assert len(db.snapshot()) == 0


@pytest.mark.parametrize("chosen", FORMATS)
async def test_a_document_that_does_not_fit_is_named(chosen: Format) -> None:
    disk = SimulatedDisk()
    values = [{"text": "a", "done": True}, {"text": "b", "done": "yes"}]
    async with MemDb.open("from") as db:
        documents = await db.insert(values)
        await dump(db, FILE, format=chosen, disk=disk)
    number = 3 if chosen is Format.CSV else 2  # The header is a record too.
    async with MemDb.open("to", Note) as typed:
        with pytest.raises(DecodeError, match=rf"^record {number} \(") as caught:
            await load(FILE, typed, format=chosen, disk=disk)
        assert len(typed.snapshot()) == 0
    assert caught.value.path == "$.done"
    if chosen is not Format.CSV:
        assert caught.value.id == documents[1].id


async def test_a_document_that_is_too_large_is_named() -> None:
    disk = SimulatedDisk({Path("a.jsonl"): b'"a"\n"bbbbbbbbbbb"\n'})
    async with MemDb.open(DbConfig("to", document_bytes_max=10)) as db:
        with pytest.raises(EncodeError, match=r"^record 2 \(line 2\): .* document_bytes_max"):
            await load("a.jsonl", db, disk=disk)


async def test_unknown_formats_are_refused_with_those_that_are_known() -> None:
    async with MemDb.open("to") as db:
        for call in (dump(db, "a.txt"), load("a.txt", db)):
            with pytest.raises(ValueError, match=r"the suffix of a\.txt says no format.*\.jsonl"):
                await call
        with pytest.raises(ValueError, match="'xml' is not a valid Format"):
            await dump(db, "a.json", format="xml")
        with pytest.raises(FileNotFoundError):
            await load("a.csv", db, disk=SimulatedDisk())


@pytest.mark.parametrize("atomic", [True, False])
async def test_all_or_nothing_is_the_default_and_batches_are_the_other_way(atomic: bool) -> None:
    disk = SimulatedDisk({Path("a.jsonl"): NUMBERS + b"{\n"})
    async with MemDb.open("to") as db:
        with pytest.raises(DataCorrupted, match="line 3001"):
            await load("a.jsonl", db, atomic=atomic, disk=disk)
        count = len(db.snapshot())
        assert count == 0 if atomic else 2_000 <= count < 3_000
        found = [document.data for document in await db.find_all()]
        assert found == [{"n": number} for number in range(count)]
        assert (await db.stats()).seq == (0 if atomic else count // 1_000)


async def test_a_load_that_is_cancelled_did_not_happen() -> None:
    disk = SimulatedDisk({Path("a.jsonl"): NUMBERS[:1_000]})
    place = OnSimulatedDisk()
    async with place() as db:

        async def run() -> None:
            await load("a.jsonl", db, disk=disk)

        async def check(cancelled: bool) -> None:
            assert (len(db.snapshot()) == 0) is cancelled
            await db.delete_where(lambda _: True)

        assert await cancel_everywhere(run, check) > 3


async def test_a_dump_that_is_cancelled_leaves_no_file() -> None:
    disk = SimulatedDisk()
    async with MemDb.open("from", Note) as db:
        await db.insert(NOTES)

        async def run() -> None:
            await dump(db, FILE, format="csv", disk=disk)

        async def check(cancelled: bool) -> None:
            assert disk.paths() == ([] if cancelled else [FILE])
            await disk.unlink(FILE)

        assert await cancel_everywhere(run, check) > 3


async def test_a_dump_replaces_a_file_only_if_told_to() -> None:
    disk = SimulatedDisk({FILE: b"precious"})
    async with MemDb.open("from", Note) as db:
        with pytest.raises(FileExistsError):
            await dump(db, FILE, format="csv", disk=disk)
        assert disk.content(FILE) == b"precious"
        await dump(db, FILE, format="csv", overwrite=True, disk=disk)
    assert disk.content(FILE) == b"_id,text,done,tags,rank\r\n"


@pytest.mark.parametrize("chosen", FORMATS)
async def test_progress_goes_from_nothing_to_all(chosen: Format) -> None:
    disk = SimulatedDisk()
    seen: list[Progress] = []
    async with MemDb.open("from") as db:
        await db.insert(["x" * 500 for _ in range(2_000)])
        await dump(db, FILE, format=chosen, progress=seen.append, disk=disk)
        assert len(seen) > 3
        assert (seen[-1].done, seen[-1].total, seen[-1].unit) == (2_000, 2_000, "documents")
        assert [each.done for each in seen] == sorted(each.document_count for each in seen)
        seen.clear()
        await load(FILE, db, format=chosen, ids=False, progress=seen.append, disk=disk)
    size = len(disk.content(FILE))
    assert len(seen) > 3
    assert (seen[-1].done, seen[-1].total, seen[-1].unit) == (size, size, "bytes")


async def test_others_run_while_a_file_is_loaded_and_dumped() -> None:
    disk = SimulatedDisk({Path("a.jsonl"): NUMBERS})
    steps = 0

    async def others() -> None:
        nonlocal steps
        while True:
            await trio.lowlevel.checkpoint()
            steps += 1

    async with MemDb.open("to") as db, trio.open_nursery() as nursery:
        nursery.start_soon(others)
        await load("a.jsonl", db, disk=disk)
        assert steps > 3_000 // 32
        steps = 0
        await dump(db, "b.jsonl", disk=disk)
        assert steps > 3_000 // 32
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("chosen", [Format.JSON, Format.CSV, Format.CBOR])
async def test_beyond_the_documents_little_memory_is_needed(chosen: Format, tmp_path: Path) -> None:
    path = tmp_path / "large"
    async with MemDb.open("from", str) as db, MemDb.open("to", str) as other:
        await db.insert(["y" * 4_000] * 4_000)
        gc.collect()
        tracemalloc.start()
        try:
            await dump(db, path, format=chosen)
            _, written = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            await load(path, other, format=chosen, atomic=False)
            held, read = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(other.snapshot()) == 4_000
    assert path.stat().st_size > 16_000_000
    assert held > 16_000_000
    assert written < 4_000_000
    assert read - held < 4_000_000
