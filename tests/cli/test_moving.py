"""``migrate``: databases moved in from the Rust crate, and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_tools import held_open, notes, reddb

from reddb.cli.failures import ExitCode

RUST = Path(__file__).parents[1] / "data" / "rust"
COUNTS = {"golden.json": 22, "golden.ron": 22, "golden.yaml": 22, "v1.json": 6, "v1.ron": 6}


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("suffix", [".bin", ".json", ".ron", ".yaml"])
def test_files_of_the_crate_are_moved_into_every_format(
    tmp_path: Path, name: str, suffix: str
) -> None:
    new = tmp_path / f"notes{suffix}"
    ran = reddb("migrate", RUST / name, new)
    assert (ran.code, ran.err) == (ExitCode.DONE, "")
    assert ran.out == f"{RUST / name} → {new}: {COUNTS[name]} documents\n"
    assert reddb("find", new, "--count").out == f"{COUNTS[name]}\n"


def test_documents_come_back_the_same(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    rust, back = tmp_path / "for-rust.ron", tmp_path / "back.json"
    ran = reddb("migrate", path, rust, "--to-v2", "--type", "cli_tools:Note", "--json")
    assert ran.records == [
        {"path": str(path), "moved_to": str(rust), "documents": 2, "unfinished": None}
    ]
    assert reddb("migrate", rust, back, "--type", "cli_tools:Note").code == ExitCode.DONE
    assert reddb("find", back, "--json").out == reddb("find", path, "--json").out


def test_moving_back_works_while_another_process_has_the_database_open(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    with held_open(path):
        ran = reddb("migrate", path, tmp_path / "for-rust.json", "--to-v2")
        assert (ran.code, ran.err) == (ExitCode.DONE, "")
        assert reddb("migrate", RUST / "v1.ron", path).code == ExitCode.LOCKED


def test_a_torn_file_is_moved_up_to_its_last_whole_record(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_bytes((RUST / "golden.json").read_bytes()[:700])
    ran = reddb("migrate", old, tmp_path / "new.json")
    assert ran.code == ExitCode.DONE and ran.out.endswith(": 2 documents\n")
    assert ran.err.startswith("Note: ") and "at byte 496 are an unfinished write" in ran.err
    ran = reddb("migrate", old, tmp_path / "other.json", "--json")
    assert ran.err == "" and ran.records[0]["unfinished"]["offset"] == 496


def test_a_database_with_documents_is_not_moved_into(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    before = path.read_bytes()
    ran = reddb("migrate", RUST / "v1.ron", path)
    assert ran.code == ExitCode.REFUSED and "not empty" in ran.err
    assert path.read_bytes() == before


def test_what_cannot_be_moved_leaves_no_new_database(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    data = (RUST / "golden.json").read_bytes()
    old.write_bytes(data[:300] + bytes(range(200)) + data[500:])
    new = tmp_path / "new.json"
    ran = reddb("migrate", old, new)
    assert ran.code == ExitCode.MISFIT and "Nothing was moved" in ran.err
    assert reddb("migrate", tmp_path / "none.json", new).code == ExitCode.FILE
    ran = reddb("migrate", RUST / "golden.json", new, "--type", "builtins:int")
    assert ran.code == ExitCode.MISFIT
    assert [each.name for each in tmp_path.iterdir()] == ["old.json"]


def test_names_whose_ending_says_no_format_are_refused(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    for arguments in (
        [RUST / "v1.ron", tmp_path / "new.db"],
        [path, tmp_path / "new.db", "--to-v2"],
    ):
        assert reddb("migrate", *arguments).code == ExitCode.USAGE
    assert reddb("migrate", path, path, "--to-v2").code == ExitCode.FILE
