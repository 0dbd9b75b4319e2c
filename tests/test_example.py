"""The main example, run as a user runs it: in every format, and where it cannot do its work."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reddb import BinDb, DbConfig, JsonDb, RedDb, RonDb, YamlDb

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "index_stdlib.py"
FILE_FORMATS: dict[str, type[RedDb[Any]]] = {
    "bin": BinDb,
    "json": JsonDb,
    "ron": RonDb,
    "yaml": YamlDb,
}


def run_example(*options: str | Path, modules: int = 25) -> subprocess.CompletedProcess[str]:
    """Run the example on a few modules, outside of any terminal."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE, "--modules", str(modules), *options],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def succeed(*options: str | Path, modules: int = 25) -> str:
    """Run the example, which must go well and say nothing of errors; give what it printed."""
    run = run_example(*options, modules=modules)
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout


def refuse(*options: str | Path, status: int = 1) -> str:
    """Run the example, which must fail; give the one line that says why."""
    run = run_example(*options)
    assert run.returncode == status
    *_, last = run.stderr.splitlines()
    assert last.startswith("index_stdlib")
    assert status != 1 or run.stderr == f"{last}\n"
    return last


def number(text: str) -> int:
    return int(text.replace(",", ""))


@pytest.mark.parametrize("file_format", FILE_FORMATS)
async def test_a_run_in_a_file(file_format: str, tmp_path: Path) -> None:
    printed = succeed("--format", file_format, "--dir", tmp_path)
    assert "Skipped" not in printed
    indexed = re.search(r"([\d,]+) definitions in 25 modules", printed)
    counts = re.search(r"snapshot: ([\d,]+), database: ([\d,]+)", printed)
    reopened = re.search(r"all ([\d,]+) are there, checksum [0-9a-f]{16}", printed)
    assert indexed and counts and reopened
    held, left = map(number, counts.groups())
    assert held == number(indexed[1]) + 1
    assert held > left == number(reopened[1]) > 0
    assert re.search(r"[\d,]+ commits went to the log in [\d,]+ writes", printed)
    assert names_in(tmp_path) == [f"stdlib.{file_format}"]

    async with FILE_FORMATS[file_format].open(DbConfig("stdlib", dir=tmp_path)) as db:
        found = [document.data for document in await db.find_all()]
    assert len(found) == left
    assert {definition["kind"] for definition in found} == {"function", "method", "class"}
    assert not any(definition["name"] == "__init__" for definition in found)
    assert sum(definition["tags"] == ["alias"] for definition in found) == 1


def test_a_run_in_memory(tmp_path: Path) -> None:
    printed = succeed("--format", "mem", "--dir", tmp_path)
    assert "a MemDb begins empty: 0" in printed
    assert "went to the log" not in printed
    assert names_in(tmp_path) == []


def test_json_in_a_temporary_directory_is_the_default() -> None:
    printed = succeed()
    assert "with JsonDb, 16 tasks" in printed
    assert "are there, checksum" in printed


def test_a_terminal_that_knows_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.setenv("TERM", "dumb")
    assert succeed().isascii()


def test_one_task_and_one_module() -> None:
    assert "definitions in 1 modules" in succeed("--tasks", "1", modules=1)


def test_a_second_run_is_refused_until_it_may_begin_afresh(tmp_path: Path) -> None:
    succeed("--dir", tmp_path)
    assert "--fresh removes them first" in refuse("--dir", tmp_path)
    assert "are there, checksum" in succeed("--dir", tmp_path, "--fresh")


def test_a_missing_directory(tmp_path: Path) -> None:
    assert "No such directory (create it first)" in refuse("--dir", tmp_path / "missing")


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    # A file in the place of a directory refuses everybody, root included.
    (tmp_path / "file").touch()
    assert "Not a directory" in refuse("--dir", tmp_path / "file")


def test_a_locked_database(tmp_path: Path) -> None:
    with (tmp_path / "stdlib.json.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "the database is open elsewhere" in refuse("--dir", tmp_path)


def test_a_damaged_file(tmp_path: Path) -> None:
    succeed("--dir", tmp_path)
    path = tmp_path / "stdlib.json"
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    assert "damaged at byte 64" in refuse("--dir", tmp_path, "--fresh")
    assert path.read_bytes() == data


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "stdlib.json").write_text('{"hello": "world"}')
    assert "this is not a reddb file" in refuse("--dir", tmp_path)


@pytest.mark.parametrize("option", [("--tasks", "0"), ("--modules", "many"), ("--format", "xml")])
def test_bad_options(option: tuple[str, str]) -> None:
    assert option[0] in refuse(*option, status=2)
