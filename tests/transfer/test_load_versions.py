"""Loading documents of a type that has a version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import frozen

from reddb import DecodeError, DocumentType, MemDb
from reddb.transfer import load


@frozen
class Person:
    first: str
    last: str = ""


def split(old: Any) -> Any:
    first, _, last = old["name"].partition(" ")
    return {"first": first, "last": last}


PEOPLE = DocumentType(Person, version=2, upgrades={1: split})


async def loaded(path: Path, lines: str, kind: Any) -> list[Any]:
    await trio.Path(path).write_text(lines, encoding="utf-8")
    async with MemDb.open("people", kind) as db:
        await load(path, db)
        return [document.data for document in await db.find_all()]


async def test_a_document_that_says_its_version_is_upgraded(tmp_path: Path) -> None:
    lines = (
        '{"name": "Ada Lovelace", "__version__": 1}\n'
        '{"first": "Alan", "last": "Turing", "__version__": 2}\n'
        '{"first": "Grace"}\n'
    )
    people = await loaded(tmp_path / "people.jsonl", lines, PEOPLE)
    assert people == [Person("Ada", "Lovelace"), Person("Alan", "Turing"), Person("Grace")]


async def test_a_newer_document_is_refused(tmp_path: Path) -> None:
    lines = '{"first": "Alan", "__version__": 3}\n'
    for kind in (PEOPLE, Person):
        with pytest.raises(DecodeError, match="a newer program has written it"):
            await loaded(tmp_path / "people.jsonl", lines, kind)


async def test_without_a_type_a_version_is_a_field(tmp_path: Path) -> None:
    lines = '{"first": "Alan", "__version__": 3}\n'
    assert await loaded(tmp_path / "people.jsonl", lines, Any) == [
        {"first": "Alan", "__version__": 3}
    ]
