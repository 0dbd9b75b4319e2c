"""What stands in the files: as people and other programs write and read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NotRequired, TypedDict
from uuid import UUID

import pytest
from attrs import frozen
from transfer_tools import FORMATS, Note, loaded

from reddb import DbConfig, MemDb
from reddb.transfer import Format, dump, load

ONE = UUID(int=1)
TWO = UUID(int=2)

WRITTEN = {
    Format.JSONL: (
        f'{{"_id":"{ONE}","text":"milk","done":false,"tags":["a"],"rank":null}}\n'
        f'{{"_id":"{TWO}","text":"","done":true,"tags":[],"rank":1.5}}\n'
    ),
    Format.JSON: (
        f'[\n{{"_id":"{ONE}","text":"milk","done":false,"tags":["a"],"rank":null}},\n'
        f'{{"_id":"{TWO}","text":"","done":true,"tags":[],"rank":1.5}}\n]\n'
    ),
    Format.CSV: (
        f'_id,text,done,tags,rank\r\n{ONE},milk,false,"[""a""]",\r\n{TWO},,true,[],1.5\r\n'
    ),
    Format.YAML: (
        f'---\n"_id": "{ONE}"\ntext: milk\ndone: false\ntags:\n- a\nrank: null\n'
        f'---\n"_id": "{TWO}"\ntext: ""\ndone: true\ntags: []\nrank: 1.5\n'
    ),
}


@pytest.mark.parametrize("chosen", WRITTEN)
async def test_a_file_looks_as_the_docs_show_it(chosen: Format, tmp_path: Path) -> None:
    ids = iter([ONE, TWO])
    config = DbConfig("notes", new_id=lambda: next(ids))
    async with MemDb.open(config, Note) as db:
        await db.insert([Note("milk", tags=("a",)), Note("", done=True, rank=1.5)])
        await dump(db, tmp_path / "notes", format=chosen)
    assert (tmp_path / "notes").read_bytes().decode() == WRITTEN[chosen]


@pytest.mark.parametrize("chosen", FORMATS)
async def test_only_its_owner_may_read_a_dump(chosen: Format, tmp_path: Path) -> None:
    async with MemDb.open("notes") as db:
        await dump(db, tmp_path / "notes", format=chosen)
    assert (tmp_path / "notes").stat().st_mode & 0o777 == 0o600


async def test_records_without_an_id_get_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"_id": "{ONE}", "a": 1}}\n\n{{"a": 2}}\n[3]\n')
    async with MemDb.open("a") as db:
        assert await load(path, db) == 3
        found = await db.find_all()
    assert [each.data for each in found] == [{"a": 1}, {"a": 2}, [3]]
    assert found[0].id == ONE
    assert len({each.id for each in found}) == 3


async def test_without_ids_the_field_of_that_name_is_one_as_any_other(tmp_path: Path) -> None:
    assert await loaded(tmp_path / "a.jsonl", '{"_id": "x"}', ids=False) == [{"_id": "x"}]
    assert await loaded(tmp_path / "a.csv", "_id,a\nx,1\n", ids=False) == [{"_id": "x", "a": 1}]


@frozen
class Odd:
    _id: int = 0
    other: str = ""


async def test_a_class_with_a_field_of_that_name_stands_in_value(tmp_path: Path) -> None:
    async with MemDb.open(DbConfig("a", new_id=lambda: ONE), Odd) as db:
        await db.insert_one(Odd(id=5))
        await dump(db, tmp_path / "a.jsonl")
        await dump(db, tmp_path / "a.csv")
    line = '{"_id":5,"other":""}'
    assert (tmp_path / "a.jsonl").read_text() == f'{{"_id":"{ONE}","_value":{line}}}\n'
    in_csv = line.replace('"', '""')
    assert (tmp_path / "a.csv").read_text() == f'_id,_value\n{ONE},"{in_csv}"\n'


class Film(TypedDict):
    title: str
    year: NotRequired[int | None]
    note: NotRequired[str]


async def test_csv_tells_nothing_from_none_and_both_from_an_empty_text(tmp_path: Path) -> None:
    films: list[Any] = [
        {"title": ""},
        {"title": "a", "year": None, "note": ""},
        {"title": "b", "year": 1, "note": '"'},
    ]
    for kind in (Film, Any):
        async with MemDb.open("films", kind) as db:
            await db.insert(films)
            await dump(db, tmp_path / "films.csv", overwrite=True)
        async with MemDb.open("films", kind) as db:
            await load(tmp_path / "films.csv", db)
            assert [each.data for each in await db.find_all()] == films


async def test_csv_of_other_programs_is_read_by_the_fields_types(tmp_path: Path) -> None:
    text = "\ufefftags,text,rank,unknown\r\n[],007,3,x\r\n,1e5,,\r\n"
    found = await loaded(tmp_path / "a.csv", text.encode(), Note)
    assert found == [Note("007", rank=3.0), Note("1e5")]
    plain = await loaded(tmp_path / "a.csv", "a,b,c,d\n1,007,,true\n")
    assert plain == [{"a": 1, "b": "007", "d": True}]


async def test_csv_has_cells_of_any_length(tmp_path: Path) -> None:
    long = "x" * 300_000
    assert await loaded(tmp_path / "a.csv", f"text\n{long}\n", Note) == [Note(long)]


async def test_yaml_streams_of_other_programs_are_read(tmp_path: Path) -> None:
    text = "%YAML 1.1\n---\ntext: a\n...\n---\ntext: '--- b'\n--- {text: c}\n---\ntext: |\n  d\n"
    found = await loaded(tmp_path / "a.yaml", text, Note)
    assert found == [Note("a"), Note("--- b"), Note("c"), Note("d\n")]
    assert await loaded(tmp_path / "b.yml", "text: first\n---\ntext: second\n", Note) == [
        Note("first"),
        Note("second"),
    ]


async def test_json_of_other_programs_is_read(tmp_path: Path) -> None:
    text = '\ufeff [ {"text" : "a"} ,\n\n{"text":"]"}]\n '
    assert await loaded(tmp_path / "a.json", text, Note) == [Note("a"), Note("]")]
    assert await loaded(tmp_path / "a.json", "[1,-2.5e3,0]") == [1, -2500.0, 0]
    assert await loaded(tmp_path / "a.json", "[]") == []
