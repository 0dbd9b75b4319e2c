"""``get`` and ``find``: documents by their ids and by filters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cli_tools import FORMATS, NOBODY, Note, made, notes, reddb

from reddb import RedDb
from reddb.cli.failures import ExitCode

MILK = {"text": "buy oat milk", "done": False, "priority": 5}
ADA = {"text": "call Ada", "done": True, "priority": 1}

# get


@pytest.mark.parametrize("database", FORMATS)
def test_documents_are_got_by_their_ids(tmp_path: Path, database: type[RedDb[Any]]) -> None:
    path, (milk, ada, _) = notes(tmp_path, database)
    ran = reddb("get", path, ada, milk, "--json")
    assert (ran.code, ran.err) == (ExitCode.DONE, "")
    assert ran.records == [{"id": str(ada), "data": ADA}, {"id": str(milk), "data": MILK}]


def test_on_a_pipe_each_document_is_a_line(tmp_path: Path) -> None:
    path, (milk, *_) = notes(tmp_path)
    id_, text = reddb("get", path, milk).out.rstrip("\n").split("\t")
    assert (UUID(id_), json.loads(text)) == (milk, MILK)
    typed = reddb("get", path, milk, "--type", "cli_tools:Note").out
    assert typed == f"{milk}\t{Note('buy oat milk', priority=5)!r}\n"


def test_an_id_that_is_not_there_is_told_and_the_others_are_shown(tmp_path: Path) -> None:
    path, (milk, _, gone) = notes(tmp_path)
    ran = reddb("get", path, NOBODY, milk, gone)
    assert ran.code == ExitCode.NOTHING_FOUND
    assert ran.out.startswith(str(milk))
    assert ran.err == f"{path} has no document {NOBODY}, {gone}\n"


def test_an_id_that_is_none_is_a_wrong_command_line(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    ran = reddb("get", path, "first")
    assert ran.code == ExitCode.USAGE
    assert "'first' is not a valid UUID" in ran.err


# find

TEXTS = ["b", "a", "d", "c"]


def some(directory: Path) -> Path:
    async def fill(db: RedDb[Any]) -> None:
        priorities = [2, 1, 2, 1]
        pairs = zip(TEXTS, priorities, strict=True)
        await db.insert([Note(text, priority=priority) for text, priority in pairs])

    path, _ = made(directory, fill)
    return path


def found(path: Path, *options: object) -> list[Any]:
    return [record["data"]["text"] for record in reddb("find", path, *options, "--json").records]


@pytest.mark.parametrize("database", FORMATS)
def test_documents_are_found_by_a_filter(tmp_path: Path, database: type[RedDb[Any]]) -> None:
    path, (milk, ada, _) = notes(tmp_path, database)
    ran = reddb("find", path, 'priority >= 3 and text matches "milk$"', "--json")
    assert (ran.code, ran.records) == (ExitCode.DONE, [{"id": str(milk), "data": MILK}])
    ran = reddb("find", path, "done", "--json")
    assert ran.records == [{"id": str(ada), "data": ADA}]


def test_without_a_filter_all_are_found_in_insertion_order(tmp_path: Path) -> None:
    path = some(tmp_path)
    assert found(path) == TEXTS
    assert found(path, "--reverse") == TEXTS[::-1]


def test_what_is_found_can_be_sorted_and_cut(tmp_path: Path) -> None:
    path = some(tmp_path)
    assert found(path, "--order-by", "text") == ["a", "b", "c", "d"]
    assert found(path, "--order-by", "text", "--reverse") == ["d", "c", "b", "a"]
    assert found(path, "--order-by", "priority") == ["a", "c", "b", "d"]
    assert found(path, "--order-by", "priority", "--order-by", "text") == ["a", "c", "b", "d"]
    assert found(path, "--order-by", "priority", "--reverse") == ["b", "d", "a", "c"]
    assert found(path, "--order-by", "text", "--skip", 1, "--limit", 2) == ["b", "c"]
    assert found(path, "--limit", 1) == ["b"]
    assert found(path, "--skip", 3) == ["c"]


def test_what_lacks_the_field_is_sorted_behind_the_others(tmp_path: Path) -> None:
    async def fill(db: RedDb[Any]) -> None:
        for text in ("2", "1"):
            await db.insert_one(Note(text))

    path, _ = made(tmp_path, fill)
    assert found(path, "--order-by", "missing") == ["2", "1"]
    assert found(path, "--order-by", "missing", "--reverse") == ["2", "1"]
    assert found(path, "--order-by", "missing", "--order-by", "text") == ["1", "2"]


def test_ids_and_counts_can_be_had_alone(tmp_path: Path) -> None:
    path, (milk, ada, _) = notes(tmp_path)
    assert reddb("find", path, "--ids").out == f"{milk}\n{ada}\n"
    assert reddb("find", path, "--ids", "--json").records == [{"id": str(milk)}, {"id": str(ada)}]
    assert reddb("find", path, "--count").out == "2\n"
    assert reddb("find", path, "--count", "--json").records == [{"count": 2}]


@pytest.mark.parametrize("option", [[], ["--json"], ["--ids"]])
def test_finding_nothing_has_an_exit_code_of_its_own(tmp_path: Path, option: list[str]) -> None:
    path, _ = notes(tmp_path)
    ran = reddb("find", path, "missing", *option)
    assert (ran.code, ran.out, ran.err) == (ExitCode.NOTHING_FOUND, "", "")
    assert reddb("find", path, "missing", "--count").code == ExitCode.NOTHING_FOUND


def test_a_filter_sees_what_json_shows_also_of_a_type(tmp_path: Path) -> None:
    path, (milk, *_) = notes(tmp_path)
    filter_ = 'text == "buy oat milk"'
    ran = reddb("find", path, filter_, "--type", "cli_tools:Note", "--order-by", "text", "--json")
    assert ran.records == [{"id": str(milk), "data": MILK}]


def test_documents_that_do_not_fit_the_type_are_told(tmp_path: Path) -> None:
    path, (milk, *_) = notes(tmp_path)
    ran = reddb("find", path, "--type", "builtins:int")
    assert ran.code == ExitCode.MISFIT
    assert str(milk) in ran.err
    error = reddb("find", path, "--type", "builtins:int", "--json").error
    assert (error["id"], error["path_in_document"]) == (str(milk), "$")


def test_a_filter_that_cannot_be_read_is_shown_with_the_place(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    ran = reddb("find", path, "text = 1")
    assert ran.code == ExitCode.USAGE
    assert ran.err == (
        "Error: cannot read the filter: write '==' to compare, at column 6:\n  text = 1\n       ^\n"
    )
    assert reddb("find", path, "text = 1", "--json").error["column"] == 6
    assert reddb("find", path, "--order-by", "1").code == ExitCode.USAGE


def test_values_of_every_kind_are_shown(tmp_path: Path) -> None:
    async def fill(db: RedDb[Any]) -> None:
        await db.insert_one(Note("a\n\t[bold]\x1b[31m é 💾"))

    path, _ = made(tmp_path, fill)
    ran = reddb("find", path)
    assert "\x1b" not in ran.out and len(ran.out.splitlines()) == 1
    assert "[bold]" in ran.out and "é 💾" in ran.out
    assert "\x1b" not in reddb("find", path, "--type", "cli_tools:Note").out
