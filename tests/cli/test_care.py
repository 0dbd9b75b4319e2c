"""``salvage`` and ``compact``: a better file of a worse one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from cli_tools import FORMATS, Note, OwnCodec, flipped, held_open, notes, reddb

from reddb import DbConfig, RedDb
from reddb.cli.failures import ExitCode


@pytest.mark.parametrize("database", FORMATS)
def test_a_backup_holds_all_and_opens_by_itself(tmp_path: Path, database: type[RedDb[Any]]) -> None:
    path, (milk, *_) = notes(tmp_path, database)
    copy = tmp_path / f"copy{path.suffix}"
    ran = reddb("backup", path, copy, "--json")
    assert (ran.code, ran.err) == (ExitCode.DONE, "")
    [report] = ran.records
    assert (report["path"], report["copied_to"]) == (str(path), str(copy))
    assert (report["documents"], report["last_seq"]) == (2, 4)
    assert report["file_size_bytes"] == copy.stat().st_size < path.stat().st_size
    assert copy.stat().st_mode & 0o777 == 0o600
    assert reddb("find", copy).out == reddb("find", path).out
    assert reddb("verify", copy).code == ExitCode.DONE

    async def change() -> None:
        async with database.open(DbConfig("copy", dir=tmp_path), Note) as db:
            await db.delete_one(milk)

    trio.run(change)
    assert reddb("find", path, "--count").out == "2\n"


def test_a_file_of_an_own_codec_is_backed_up_without_it(tmp_path: Path) -> None:
    path, copy = tmp_path / "notes.own", tmp_path / "copy.own"

    async def fill() -> None:
        config = DbConfig("notes", dir=tmp_path)
        async with RedDb.open(config, codec=OwnCodec()) as db:
            await db.insert_one("a")

    trio.run(fill)
    ran = reddb("backup", path, copy)
    assert ran.out == f"{copy}: 1 document at commit 1, {copy.stat().st_size} bytes of own\n"
    assert reddb("find", copy, "--codec", "cli_tools:OwnCodec", "--count").out == "1\n"


def test_a_backup_is_not_named_for_a_format_that_it_does_not_have(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    ran = reddb("backup", path, tmp_path / "copy.yaml")
    assert ran.code == ExitCode.USAGE
    assert "copy.yaml would be in the format json" in ran.err and "end in .json" in ran.err
    assert list(tmp_path.iterdir()) == [path]
    assert reddb("backup", path, tmp_path / "notes.bak").code == ExitCode.DONE


def test_a_database_in_use_is_backed_up_without_what_is_unfinished(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    copy = tmp_path / "copy.json"
    with held_open(path):
        with path.open("ab") as file:
            file.write(b"unfinished")
        assert reddb("backup", path, copy).code == ExitCode.DONE
        assert reddb("find", copy, "--count").out == "1\n"
        assert reddb("verify", copy, "--json").records[0]["unfinished"] is None


def test_a_damaged_database_is_not_backed_up_and_nothing_is_written_over(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    assert reddb("backup", path, path).code == ExitCode.FILE
    flipped(path, path.stat().st_size - 90)
    ran = reddb("backup", path, tmp_path / "copy.json")
    assert ran.code == ExitCode.DAMAGED
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_whole_in_a_damaged_file_is_saved(tmp_path: Path) -> None:
    path, (milk, ada, mend) = notes(tmp_path)
    flipped(path, 120)
    before = path.read_bytes()
    saved = tmp_path / "saved.json"
    ran = reddb("salvage", path, saved, "--json")
    assert (ran.code, ran.err) == (ExitCode.DONE, "")
    [report] = ran.records
    assert (report["commits"], report["commits_missing"], report["documents"]) == (3, 1, 2)
    assert report["damage"][0]["offset"] == 64
    assert path.read_bytes() == before
    assert [record["id"] for record in reddb("find", saved, "--json").records] == [
        str(ada),
        str(milk),
    ]
    assert str(mend) not in reddb("find", saved).out


def test_a_lost_header_needs_the_codec(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    flipped(path, 10)
    saved = tmp_path / "saved.json"
    ran = reddb("salvage", path, saved)
    assert ran.code == ExitCode.DAMAGED and "say which codec wrote it" in ran.err
    ran = reddb("salvage", path, saved, "--codec", "json")
    assert ran.code == ExitCode.DONE
    assert ran.out.startswith(f"{saved}: saved 4 commits of {path}, 2 documents\n")


@pytest.mark.parametrize("header_is_damaged", [False, True])
def test_what_is_salvaged_is_not_named_for_a_format_that_it_does_not_have(
    tmp_path: Path, header_is_damaged: bool
) -> None:
    path, _ = notes(tmp_path)
    flipped(path, 10 if header_is_damaged else 120)
    options = ["--codec", "json"] if header_is_damaged else []
    ran = reddb("salvage", path, tmp_path / "saved.yaml", *options)
    assert ran.code == ExitCode.USAGE
    assert "saved.yaml would be in the format json" in ran.err and "end in .json" in ran.err
    assert list(tmp_path.iterdir()) == [path]
    assert reddb("salvage", path, tmp_path / "saved.bak", *options).code == ExitCode.DONE


def test_a_name_that_no_codec_can_have_is_a_wrong_command_line(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    ran = reddb("salvage", path, tmp_path / "saved.json", "--codec", "")
    assert ran.code == ExitCode.USAGE
    assert ran.err == "Error: a codec's name is 1 to 16 ASCII characters, not ''\n"


def test_salvaging_never_writes_over_a_file(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    before = path.read_bytes()
    ran = reddb("salvage", path, path)
    assert ran.code == ExitCode.FILE and "is there already" in ran.err
    assert path.read_bytes() == before


def test_a_codec_that_the_file_does_not_have_is_refused(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    ran = reddb("salvage", path, tmp_path / "saved.json", "--codec", "ron")
    assert ran.code == ExitCode.FOREIGN
    assert ran.err.endswith("was written with the codec 'json': leave out --codec\n")


@pytest.mark.parametrize("database", FORMATS)
def test_compacting_leaves_the_documents_alone(tmp_path: Path, database: type[RedDb[Any]]) -> None:
    path, _ = notes(tmp_path, database)
    documents, before = reddb("find", path).out, path.stat().st_size
    ran = reddb("compact", path, "--json")
    assert (ran.code, ran.err) == (ExitCode.DONE, "")
    after = path.stat().st_size
    assert ran.records == [
        {
            "path": str(path),
            "size_before_bytes": before,
            "size_after_bytes": after,
            "documents": 2,
        }
    ]
    assert after < before and reddb("find", path).out == documents
    assert f" → {after} bytes, 2 documents\n" in reddb("compact", path).out
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_upgrades_are_made_permanent(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    upgraded = ["--type", "cli_tools:UPGRADED"]
    assert reddb("find", path, "priority == 9", "--count").code == ExitCode.NOTHING_FOUND
    assert reddb("find", path, "priority == 9", "--count", *upgraded).out == "2\n"
    assert reddb("compact", path, *upgraded).code == ExitCode.DONE
    assert reddb("find", path, "priority == 9", "--count").out == "2\n"


def test_what_compacting_cuts_off_is_noted(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"torn")
    torn = path.read_bytes()
    ran = reddb("compact", path)
    assert ran.code == ExitCode.DONE
    assert ran.err.startswith(f"Note: {path}: cut 4 bytes of an unfinished write at byte {size}: ")
    path.write_bytes(torn)
    assert reddb("compact", path, "--json").err == ""


def test_a_database_that_is_open_elsewhere_is_not_compacted(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    with held_open(path) as process:
        before = path.read_bytes()
        ran = reddb("compact", path)
        assert ran.code == ExitCode.LOCKED
        assert f"{path} is open in " in ran.err and "end that first" in ran.err
        error = reddb("compact", path, "--json").error
        assert error["process"] in {process, None}
        assert path.read_bytes() == before


def test_a_file_that_is_missing_is_not_made_by_compacting_it(tmp_path: Path) -> None:
    ran = reddb("compact", tmp_path / "notes.json")
    assert ran.code == ExitCode.FILE
    assert list(tmp_path.iterdir()) == []
