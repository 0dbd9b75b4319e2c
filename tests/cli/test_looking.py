"""``info``, ``verify`` and ``log``: what they say of a file, to people and to programs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from cli_tools import FORMATS, Note, flipped, held_open, made, notes, reddb

from reddb import JsonDb, RedDb
from reddb.cli.failures import ExitCode

# info


@pytest.mark.parametrize("database", FORMATS)
def test_info_tells_about_a_file_of_any_format(tmp_path: Path, database: type[RedDb[Any]]) -> None:
    path, _ = notes(tmp_path, database)
    ran = reddb("info", path, "--json")
    assert (ran.code, ran.err) == (ExitCode.DONE, "")
    [found] = ran.records
    compacted = found.pop("compacted_size_bytes")
    assert 64 < compacted < path.stat().st_size
    assert found == {
        "path": str(path),
        "codec": {"bin": "cbor"}.get(path.suffix[1:], path.suffix[1:]),
        "file_size_bytes": path.stat().st_size,
        "documents": 2,
        "commits": 4,
        "first_seq": 0,
        "last_seq": 4,
        "dead_records": 3,
        "unfinished_bytes": 0,
        "open_in_process": None,
        "open_in_command": None,
    }


def test_what_info_says_of_the_size_after_compaction_is_so(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    [before] = reddb("info", path, "--json").records
    assert reddb("compact", path).code == ExitCode.DONE
    [after] = reddb("info", path, "--json").records
    assert after["file_size_bytes"] == before["compacted_size_bytes"]
    assert after["file_size_bytes"] == after["compacted_size_bytes"]
    assert (after["first_seq"], after["last_seq"], after["dead_records"]) == (4, 4, 0)
    assert "those up to 4 are compacted" in reddb("info", path).out


def test_info_for_people_is_aligned(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    with path.open("ab") as file:
        file.write(b"unfinished")
    lines = reddb("info", path).out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "file",
        "format",
        "size",
        "compacted",
        "documents",
        "commits",
        "unfinished",
    ]
    assert "10 bytes at the end" in lines[-1]


def test_one_is_counted_as_one_and_none_is_left_out(tmp_path: Path) -> None:
    async def fill(db: RedDb[Any]) -> None:
        note = await db.insert_one(Note("a"))
        await db.update_one(note.id, Note("b"))

    path, _ = made(tmp_path, fill)
    assert ", without 1 dead record\n" in reddb("info", path).out
    assert reddb("compact", path).out.endswith(" bytes, 1 document\n")
    assert "dead record" not in reddb("info", path).out


@pytest.mark.skipif(not os.path.exists("/proc/locks"), reason="it is Linux that tells")  # noqa: PTH110
def test_info_says_who_has_the_database_open(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    with held_open(path) as process:
        [found] = reddb("info", path, "--json").records
        assert found["open_in_process"] == process
        assert "python" in found["open_in_command"]
        assert f"process {process} (" in reddb("info", path).out
    assert reddb("info", path, "--json").records[0]["open_in_process"] is None


# verify


@pytest.mark.parametrize("database", FORMATS)
@pytest.mark.parametrize("options", [[], ["--decode"], ["--type", "cli_tools:Note"]])
def test_a_sound_file_is_found_sound(
    tmp_path: Path, database: type[RedDb[Any]], options: list[str]
) -> None:
    path, _ = notes(tmp_path, database)
    ran = reddb("verify", path, *options)
    assert (ran.code, ran.err) == (ExitCode.DONE, "")
    assert ran.out.endswith("4 commits up to 4, 2 documents, 3 dead records\nsound\n")


def test_all_damage_is_listed(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    flipped(path, 120)
    ran = reddb("verify", path)
    assert ran.code == ExitCode.DAMAGED
    assert ran.out.endswith("commits missing: 1\nNOT SOUND\n")
    [report] = reddb("verify", path, "--json").records
    [damage] = report["damage"]
    assert not report["ok"] and damage["offset"] == 64 and damage["commits_missing"] == 1


def test_a_damaged_header_is_damage_also_where_documents_should_be_decoded(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    flipped(path, 9)
    ran = reddb("verify", path, "--decode", "--json")
    assert ran.code == ExitCode.DAMAGED
    assert ran.records[0]["codec"] is None


def test_an_unfinished_write_is_no_damage(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    os.truncate(path, path.stat().st_size - 1)
    ran = reddb("verify", path, "--json")
    assert ran.code == ExitCode.DONE
    assert ran.records[0]["unfinished"]["length_bytes"] > 20


def test_documents_of_another_type_are_listed(tmp_path: Path) -> None:
    path, ids = notes(tmp_path)
    ran = reddb("verify", path, "--type", "builtins:int", "--json")
    assert ran.code == ExitCode.MISFIT
    [report] = ran.records
    assert sorted(report["undecodable"]) == sorted(map(str, ids[:2]))
    assert report["undecodable_reasons"] == ["expected int, found dict (at $)"] * 2
    ran = reddb("verify", path, "--type", "builtins:int")
    assert f"cannot be decoded: document {ids[0]}: expected int, found dict (at $)\n" in ran.out


# log


def test_the_log_is_every_commit_in_order(tmp_path: Path) -> None:
    path, (milk, ada, mend) = notes(tmp_path)
    ran = reddb("log", path)
    assert (ran.code, ran.err) == (ExitCode.DONE, "")
    assert re.sub(r"byte \d+", "byte N", ran.out) == (
        f"commit 1  at byte N, 1 change\n"
        f"  insert  {milk}\n"
        f"commit 2  at byte N, 2 changes\n"
        f"  insert  {ada}\n"
        f"  insert  {mend}\n"
        f"commit 3  at byte N, 1 change\n"
        f"  update  {milk}\n"
        f"commit 4  at byte N, 1 change\n"
        f"  delete  {mend}\n"
    )


@pytest.mark.parametrize("database", FORMATS)
def test_the_log_as_json_says_where_each_commit_is(
    tmp_path: Path, database: type[RedDb[Any]]
) -> None:
    path, (milk, _, mend) = notes(tmp_path, database)
    commits = reddb("log", path, "--json", "--documents").records
    assert [commit["seq"] for commit in commits] == [1, 2, 3, 4]
    end = 64
    for commit in commits:
        assert commit["offset"] == end
        end += commit["length_bytes"]
    assert end == path.stat().st_size
    new = {"text": "buy oat milk", "done": False, "priority": 5}
    assert commits[2]["changes"] == [{"op": "update", "id": str(milk), "data": new}]
    assert commits[3]["changes"] == [{"op": "delete", "id": str(mend)}]
    assert not any(commit["compacted"] for commit in commits)


def test_the_log_with_documents_has_each_on_its_line(tmp_path: Path) -> None:
    path, (milk, *_) = notes(tmp_path)
    out = reddb("log", path, "--documents").out
    assert f'  insert  {milk}  {{"text":"buy milk","done":false,"priority":1}}\n' in out
    typed = reddb("log", path, "--documents", "--type", "cli_tools:Note").out
    assert f"  update  {milk}  {Note('buy oat milk', priority=5)!r}\n" in typed


def test_the_log_of_one_document_is_its_history(tmp_path: Path) -> None:
    path, (milk, _, mend) = notes(tmp_path)
    commits = reddb("log", path, "--id", milk, "--json").records
    assert [commit["seq"] for commit in commits] == [1, 3]
    commits = reddb("log", path, "--id", mend, "--json").records
    assert [[change["op"] for change in commit["changes"]] for commit in commits] == [
        ["insert"],
        ["delete"],
    ]


def test_the_log_begins_after_a_number(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    assert [commit["seq"] for commit in reddb("log", path, "--since", 2, "--json").records] == [
        3,
        4,
    ]
    ran = reddb("log", path, "--since", 4)
    assert (ran.code, ran.out) == (ExitCode.NOTHING_FOUND, "")


def test_what_was_compacted_comes_first(tmp_path: Path) -> None:
    async def fill(db: RedDb[Any]) -> None:
        await db.insert([Note("a"), Note("b")])
        await db.compact()
        await db.insert_one(Note("c"))

    path, _ = made(tmp_path, fill)
    commits = reddb("log", path, "--json").records
    assert [(commit["seq"], commit["compacted"]) for commit in commits] == [(1, True), (2, False)]
    assert reddb("log", path).out.startswith("compacted up to 1  at byte 64, 2 changes\n")


def test_the_log_of_a_damaged_file_is_shown_up_to_the_damage(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    flipped(path, path.stat().st_size - 100)
    ran = reddb("log", path)
    assert ran.code == ExitCode.DAMAGED
    assert ran.out.startswith("commit 1") and "commit 4" not in ran.out
    assert "is damaged at byte" in ran.err


def test_all_that_was_compacted_is_listed(tmp_path: Path) -> None:
    async def fill(db: RedDb[Any]) -> None:
        await db.insert([Note("x" * 1000)] * 1000)
        await db.compact()

    path, _ = made(tmp_path, fill)
    frames = reddb("log", path, "--json").records
    assert len(frames) > 3 and all(frame["compacted"] for frame in frames)
    assert sum(len(frame["changes"]) for frame in frames) == 1000


def test_a_large_commit_is_logged_whole(tmp_path: Path) -> None:
    async def fill(db: RedDb[Any]) -> None:
        await db.insert([Note("x" * 1000)] * 1000)

    path, _ = made(tmp_path, fill, JsonDb)
    [commit] = reddb("log", path, "--json").records
    assert len(commit["changes"]) == 1000
