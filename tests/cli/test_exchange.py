"""``dump`` and ``load``: documents to files of other programs, and from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_tools import held_open, notes, reddb

from reddb.cli.failures import ExitCode
from reddb.transfer import Format


@pytest.mark.parametrize("notation", list(Format))
@pytest.mark.parametrize("typed", [[], ["--type", "cli_tools:Note"]])
def test_documents_come_back_the_same_with_their_ids(
    tmp_path: Path, notation: Format, typed: list[str]
) -> None:
    path, _ = notes(tmp_path)
    dumped, back = tmp_path / f"dumped.{notation}", tmp_path / "back.ron"
    ran = reddb("dump", path, dumped, *typed)
    assert (ran.code, ran.out, ran.err) == (0, f"{path} → {dumped}: 2 documents\n", "")
    ran = reddb("load", dumped, back, *typed, "--json")
    assert ran.code == ExitCode.DONE
    assert ran.records == [{"path": str(dumped), "loaded_into": str(back), "documents": 2}]
    assert reddb("find", back, "--json").out == reddb("find", path, "--json").out


def test_without_a_file_documents_go_to_standard_output(tmp_path: Path) -> None:
    path, ids = notes(tmp_path)
    ran = reddb("dump", path)
    assert (ran.code, ran.err) == (ExitCode.DONE, "")
    assert [record["_id"] for record in ran.records] == [str(id_) for id_ in ids[:2]]
    ran = reddb("dump", path, "-", "--format", "csv", "--no-ids")
    assert ran.out.splitlines()[0] == "text,done,priority"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_without_ids_documents_get_new_ones(tmp_path: Path) -> None:
    path, (milk, *_) = notes(tmp_path)
    dumped = tmp_path / "dumped.jsonl"
    assert reddb("dump", path, dumped, "--no-ids").code == ExitCode.DONE
    assert "_id" not in dumped.read_text()
    assert reddb("load", dumped, path).code == ExitCode.DONE
    assert reddb("find", path, "--count").out == "4\n"
    assert reddb("find", path, "--ids").out.count(str(milk)) == 1


def test_a_dump_replaces_a_file_only_where_that_is_asked_for(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    dumped = tmp_path / "dumped.jsonl"
    dumped.write_text("mine")
    ran = reddb("dump", path, dumped)
    assert ran.code == ExitCode.FILE and "is there already" in ran.err
    assert dumped.read_text() == "mine"
    assert reddb("dump", path, dumped, "--overwrite").code == ExitCode.DONE
    assert len(dumped.read_text().splitlines()) == 2


def test_a_name_that_says_no_format_is_refused(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    assert reddb("dump", path, tmp_path / "dumped.txt").code == ExitCode.USAGE
    assert reddb("dump", path, tmp_path / "dumped.txt", "--format", "yaml").code == ExitCode.DONE
    assert reddb("load", tmp_path / "dumped.txt", tmp_path / "new.json").code == ExitCode.USAGE
    assert reddb("load", tmp_path / "dumped.txt", tmp_path / "new").code == ExitCode.USAGE
    assert reddb("dump", path, "--format", "xml").code == ExitCode.USAGE
    assert not (tmp_path / "new.json").exists()


def test_errors_name_options_as_the_command_line_has_them(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    assert ".yml, or --format\n" in reddb("dump", path, tmp_path / "dumped.txt").err
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"_id": "first"}\n')
    for error in (reddb("load", bad, path).err, reddb("load", bad, path, "--json").error["reason"]):
        assert "with --no-ids it is a field as any other" in error
    assert reddb("load", bad, path, "--no-ids").code == ExitCode.DONE


def test_what_cannot_be_loaded_stores_nothing(tmp_path: Path) -> None:
    bad, new = tmp_path / "bad.jsonl", tmp_path / "new.json"
    bad.write_text('{"text": "a"}\n{"text": \n')
    ran = reddb("load", bad, new)
    assert ran.code == ExitCode.MISFIT
    assert ran.err.startswith(f"Error: {bad} cannot be loaded: at byte 14: ")
    assert ran.err.endswith(". Nothing was stored\n")
    assert not new.exists()
    path, _ = notes(tmp_path)
    before = reddb("find", path).out
    assert reddb("load", bad, path, "--json").error["offset"] == 14
    assert reddb("find", path).out == before


def test_what_is_loaded_in_parts_stays_up_to_the_error(tmp_path: Path) -> None:
    bad, new = tmp_path / "bad.jsonl", tmp_path / "new.json"
    lines = [json.dumps({"n": number}) for number in range(1500)]
    bad.write_text("\n".join([*lines, "{"]))
    ran = reddb("load", bad, new, "--in-parts")
    stored = int(reddb("find", new, "--count").out)
    assert ran.code == ExitCode.MISFIT
    assert ran.err.endswith(f"Stored before it: {stored:,} documents\n")
    assert 1000 <= stored <= 1500


def test_what_is_loaded_in_parts_is_nothing_if_the_first_cannot_be(tmp_path: Path) -> None:
    bad, new = tmp_path / "bad.jsonl", tmp_path / "new.json"
    bad.write_text('{"n": 1}\n{')
    ran = reddb("load", bad, new, "--in-parts")
    assert ran.code == ExitCode.MISFIT and ran.err.endswith("Nothing was stored\n")
    assert reddb("find", new, "--count").out == "0\n"


def test_documents_that_do_not_fit_the_type_are_not_loaded(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "a"}\n{"text": 5}\n')
    ran = reddb("load", bad, tmp_path / "new.json", "--type", "cli_tools:Note")
    assert ran.code == ExitCode.MISFIT and "found int" in ran.err
    assert list(tmp_path.iterdir()) == [bad]


def test_the_same_ids_are_not_loaded_twice(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    dumped = tmp_path / "dumped.jsonl"
    reddb("dump", path, dumped)
    assert reddb("load", dumped, path).code == ExitCode.REFUSED
    assert reddb("find", path, "--count").out == "2\n"


def test_a_database_in_use_is_dumped_but_not_loaded_into(tmp_path: Path) -> None:
    path, dumped = tmp_path / "notes.json", tmp_path / "dumped.jsonl"
    with held_open(path):
        assert reddb("dump", path, dumped).out.endswith(": 1 document\n")
        assert reddb("load", dumped, path).code == ExitCode.LOCKED


def test_files_that_are_missing_or_databases_are_told(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    ran = reddb("load", tmp_path / "none.jsonl", tmp_path / "new.json")
    assert ran.code == ExitCode.FILE and "there is no file" in ran.err
    ran = reddb("load", path, tmp_path / "new.json")
    assert ran.code == ExitCode.MISFIT and "it is a database, not an export" in ran.err
    assert list(tmp_path.iterdir()) == [path]
