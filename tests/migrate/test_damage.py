"""Files that are cut short, damaged, or none at all: what is saved, what is refused, and why."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from attrs import frozen
from migrate_tools import RUST, User, inserts, record, v2_file

from reddb import DataCorrupted, DecodeError, MemDb, RedDbError, TornTail, migrate
from reddb.migrate.v2_format import Format, Op
from reddb.testing.simulated_disk import SimulatedDisk

V2 = Path("rust.json")
PAYLOADS = [b'{"n":1}', b'{"n":22}', b'{"n":333}']
WHOLE = v2_file(
    *inserts(PAYLOADS),
    record(Op.UPDATE, 1, b'{"n":4444}'),
    record(Op.DELETE, 2),
    record(Op.INSERT, 2, b'{"n":55555}'),
)
STATES = [{}, {1: 1}, {1: 1, 2: 22}, {1: 1, 2: 22, 3: 333}, {1: 4444, 2: 22, 3: 333}]
STATES += [{1: 4444, 3: 333}, {1: 4444, 3: 333, 2: 55555}]
"""What the file holds after each record."""


async def moved(
    data: bytes, path: Path = V2, kind: Any = Any
) -> tuple[dict[int, Any], list[TornTail]]:
    """Migrate a file of these bytes; give the documents by id, and what was torn off."""
    torn: list[TornTail] = []
    disk = SimulatedDisk({path: data})
    async with MemDb.open("to", kind) as db:
        read = migrate.from_v1 if b"_st" in data else migrate.from_v2
        count = await read(path, db, on_torn=torn.append, disk=disk)
        found = {document.id.int: document.data for document in await db.find_all()}
    assert count == len(found)
    assert disk.content(path) == data
    return found, torn


def ends_of_records() -> list[int]:
    ends, at = [32], 32
    while at < len(WHOLE):
        at += 21 + int.from_bytes(WHOLE[at : at + 4], "little")
        ends.append(at)
    return ends


async def test_a_file_that_is_cut_anywhere_is_saved_up_to_its_last_whole_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ends = ends_of_records()
    for cut in range(32, len(WHOLE) + 1):
        caplog.clear()
        found, torn = await moved(WHOLE[:cut])
        whole = max(end for end in ends if end <= cut)
        state = STATES[ends.index(whole)]
        assert {key: value["n"] for key, value in found.items()} == state
        assert list(found) == list(state)
        if cut == whole:
            assert (torn, caplog.records) == ([], [])
        else:
            (tail,) = torn
            assert (tail.offset, tail.length_bytes) == (whole, cut - whole)
            assert "cut short" in tail.reason
            (warning,) = caplog.records
            assert (warning.name, warning.levelno) == ("reddb", logging.WARNING)
            assert str(tail) in warning.getMessage()


async def test_a_file_that_is_cut_in_its_header_is_none() -> None:
    for cut in range(32):
        with pytest.raises(DataCorrupted) as caught:
            await moved(WHOLE[:cut])
        assert caught.value.path == str(V2)


async def test_an_exception_in_on_torn_leaves_nothing() -> None:
    def refuse(tail: TornTail) -> None:
        raise ZeroDivisionError

    disk = SimulatedDisk({V2: WHOLE[:-1]})
    async with MemDb.open("to") as db:
        with pytest.raises(ZeroDivisionError):
            await migrate.from_v2(V2, db, on_torn=refuse, disk=disk)
        assert len(db.snapshot()) == 0


V1_LINES = (RUST / "v1.json").read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("name", ["v1.json", "v1.ron"])
async def test_a_v1_file_that_is_cut_in_its_last_record_is_saved_up_to_it(name: str) -> None:
    data = (RUST / name).read_bytes()
    last = data.rstrip(b"\n").rfind(b"\n") + 1
    before, torn = await moved(data[:last], Path(name))
    assert torn == []
    for cut in range(last + 1, len(data) - 1):
        found, torn = await moved(data[:cut], Path(name))
        assert found == before
        (tail,) = torn
        assert (tail.offset, tail.length_bytes) == (last, cut - last)
    found, torn = await moved(data[:-1], Path(name))
    assert (found, torn) == ((await moved(data, Path(name)))[0], [])


YAML_V1 = b"""\
---
_id: 00000000-0000-0000-0000-000000000001
data:
  name: "a\\n---\\nb"
  day: 2024-01-01
  yes: no
_st: In
---
_id: 00000000-0000-0000-0000-000000000002
data:
  name: ~
  day: "12"
_st: In
---
_id: 00000000-0000-0000-0000-000000000001
data: {name: x, day: '1', yes: 1e-7}
_st: Up
---
_id: 00000000-0000-0000-0000-000000000002
data: {}
_st: De
"""


async def test_v1_yaml_is_read_which_the_crate_itself_cannot() -> None:
    found, torn = await moved(YAML_V1, Path("v1.yaml"))
    assert found == {1: {"name": "x", "day": "1", "yes": 1e-7}}
    assert torn == []
    first = YAML_V1.index(b"---\n_id: 00000000-0000-0000-0000-000000000002")
    found, _ = await moved(YAML_V1[:first], Path("v1.yml"))
    assert found == {1: {"name": "a\n---\nb", "day": "2024-01-01", "yes": "no"}}


async def test_v1_yaml_that_is_cut_anywhere_is_saved_up_to_its_last_whole_record() -> None:
    starts = [at for at in range(len(YAML_V1)) if YAML_V1.startswith(b"---\n_id", at)]
    for cut in range(starts[-1] + 5, len(YAML_V1) - 1):
        found, torn = await moved(YAML_V1[:cut], Path("v1.yaml"))
        assert set(found) == {1, 2}
        (tail,) = torn
        assert tail.offset == starts[-1]


DAMAGED = {
    "foreign": (b"PNG" + bytes(60), "v2.json", 0, "no v2 file"),
    "empty": (b"", "v2.json", 0, "the file is empty"),
    "our own": (b"REDDB\0\3\0" + bytes(60), "v2.json", 0, "a file of reddb itself"),
    "version": (WHOLE[:8] + b"\3" + WHOLE[9:], "v2.json", 8, "its version is 3"),
    "format": (WHOLE[:10] + b"\x09" + WHOLE[11:], "v2.json", 10, "its format is 9"),
    "op": (v2_file(record(7, 1)), "v2.json", 32, r"record 1 \(byte 32\): .*op 7"),
    "payload": (
        v2_file(*inserts([b"{}", b"{", b"{}"])),
        "v2.json",
        55,
        r"record 2 \(byte 55\):",
    ),
    "RON": (v2_file(*inserts([b"(a:"]), format=Format.RON), "v2.ron", 32, "record 1"),
    "YAML": (v2_file(*inserts([b"a: [\x01"]), format=Format.YAML), "v2.yaml", 32, "not YAML"),
    "two YAMLs": (v2_file(*inserts([b"1\n---\n2"]), format=Format.YAML), "v2.yaml", 32, "not YAML"),
    "v1 line": (V1_LINES[0] + b"{_st}\n" + V1_LINES[1], "v1.json", len(V1_LINES[0]), "line 2"),
    "v1 no record": (b'["_st"]\n', "v1.json", 0, "it has no fields"),
    "v1 field": (b'{"_id":1,"_st":"In"}\n', "v1.json", 0, "it has no field data"),
    "v1 status": (
        V1_LINES[0].replace(b'"In"', b'"Xx"'),
        "v1.json",
        0,
        "its _st is 'Xx', which is none of In, Up, De",
    ),
    "v1 id": (b'{"_id":"7","data":1,"_st":"In"}\n', "v1.json", 0, "its _id is '7', which is no"),
}


@pytest.mark.parametrize("name", DAMAGED)
async def test_damage_is_named_and_nothing_is_stored(name: str) -> None:
    data, path, offset, reason = DAMAGED[name]
    disk = SimulatedDisk({Path(path): data})
    async with MemDb.open("to") as db:
        read = migrate.from_v1 if path.startswith("v1") else migrate.from_v2
        with pytest.raises(DataCorrupted, match=reason) as caught:
            await read(path, db, disk=disk)
        assert caught.value.offset == offset
        assert len(db.snapshot()) == 0
    assert disk.content(path) == data


async def test_what_is_gone_in_the_end_need_not_be_readable() -> None:
    records = [
        record(Op.INSERT, 1, b"{"),
        record(Op.INSERT, 2, b'{"n":"of an older type"}'),
        record(Op.DELETE, 1),
        record(Op.UPDATE, 2, b'{"n":2}'),
    ]
    found, _ = await moved(v2_file(*records), kind=dict[str, int])
    assert found == {2: {"n": 2}}


async def test_bincode_is_refused() -> None:
    async with MemDb.open("to") as db:
        disk = SimulatedDisk({V2: v2_file(format=Format.BINCODE)})
        with pytest.raises(RedDbError, match="bincode, which only the Rust types"):
            await migrate.from_v2(V2, db, disk=disk)


async def test_a_document_that_does_not_fit_is_named() -> None:
    user = json.loads(V1_LINES[0])["data"]
    payloads = [json.dumps(each).encode() for each in (user, {**user, "role": "Boss"})]
    async with MemDb.open("to", User) as db:
        disk = SimulatedDisk({V2: v2_file(*inserts(payloads))})
        with pytest.raises(DecodeError, match="'Boss' is none of Role") as caught:
            await migrate.from_v2(V2, db, disk=disk)
        assert len(db.snapshot()) == 0
    assert caught.value.path == "$.role"
    assert caught.value.id == UUID(int=2)
    assert str(caught.value).startswith(f"record 2 (byte {53 + len(payloads[0])}): ")


@frozen
class Deep:
    inner: Deep | None = None


async def test_what_is_nested_too_deeply_is_refused() -> None:
    payload = b'{"inner":' * 5_000 + b"null" + b"}" * 5_000
    async with MemDb.open("to", Deep) as db:
        disk = SimulatedDisk({V2: v2_file(*inserts([payload]))})
        with pytest.raises((DataCorrupted, DecodeError), match="too deep"):
            await migrate.from_v2(V2, db, disk=disk)


async def test_a_missing_file_and_a_suffix_that_says_nothing_are_refused() -> None:
    async with MemDb.open("to") as db:
        for read in (migrate.from_v1, migrate.from_v2):
            with pytest.raises(FileNotFoundError):
                await read("missing.json", db, disk=SimulatedDisk())
        with pytest.raises(ValueError, match=r"the suffix of a\.txt says no format"):
            await migrate.from_v1("a.txt", db, disk=SimulatedDisk())
        with pytest.raises(ValueError, match=r"the suffix of a\.txt says no format"):
            await migrate.to_v2(db, "a.txt", disk=SimulatedDisk())
