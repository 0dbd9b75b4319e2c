"""How a run ends: an exit code for each kind of failure, and one sentence or one JSON object."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from cli_tools import FORMATS, NOBODY, OwnCodec, flipped, held_open, notes, reddb

from reddb import PersistFailed, RedDb, RedDbError
from reddb.actor.disk import RealDisk
from reddb.actor.frames import HEADER_BYTES, Header, encode_header
from reddb.cli.failures import ExitCode, failure_of

READERS = ["info", "verify", "log", "find", f"get {NOBODY}"]
COMMANDS = [*READERS, "compact", "salvage new", "backup new", "dump new"]


def on(path: Path, command: str, *options: str) -> tuple[object, ...]:
    """Give the arguments that run a command on a file."""
    name, *rest = command.split()
    return name, path, *(path.with_name(each) if each == "new" else each for each in rest), *options


# Files that are not as they should be.


def missing(path: Path) -> None:
    pass


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text('{"a": 1}\n')


def directory(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def of_the_rust_crate(path: Path) -> None:
    path.write_bytes(b"REDDB\0\2\0" + bytes(100))


def of_a_later_version(path: Path) -> None:
    header = encode_header(Header("json", bytes(16), 0, HEADER_BYTES))[:-4]
    header = header[:6] + b"\4\0" + header[8:]
    path.write_bytes(header + bytes(4))


def of_an_own_codec(path: Path) -> None:
    path.write_bytes(encode_header(Header("own", bytes(16), 0, HEADER_BYTES)))


FILES: list[tuple[Callable[[Path], None], ExitCode, str]] = [
    (missing, ExitCode.FILE, "there is no file PATH"),
    (empty, ExitCode.FOREIGN, "PATH is empty: it is no database"),
    (text, ExitCode.FOREIGN, "PATH is no reddb database"),
    (directory, ExitCode.FILE, "PATH is a directory: name the database file in it"),
    (pipe, ExitCode.FILE, "PATH is no regular file"),
    (of_the_rust_crate, ExitCode.FOREIGN, "PATH was written by the Rust crate"),
    (of_a_later_version, ExitCode.FOREIGN, "PATH has version 4 of the format"),
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("make", "code", "message"), FILES)
def test_a_file_that_is_no_database_is_told_from_one(
    tmp_path: Path, command: str, make: Callable[[Path], None], code: ExitCode, message: str
) -> None:
    path = tmp_path / "notes.json"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    ran = reddb(*on(path, command))
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("Error: " + message.replace("PATH", str(path)))
    assert ran.err.count("\n") == 1
    error = reddb(*on(path, command, "--json")).error
    assert (error["code"], error["kind"]) == (code, code.name.lower())
    assert error["path"] == str(path)
    assert [each.name for each in tmp_path.iterdir()] == ([] if make is missing else [path.name])
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize(
    "command", ["info", "log", "find", f"get {NOBODY}", "compact", "backup new", "dump"]
)
def test_damage_is_said_with_its_place_and_what_to_do(tmp_path: Path, command: str) -> None:
    path, _ = notes(tmp_path)
    flipped(path, 120)
    ran = reddb(*on(path, command))
    assert (ran.code, ran.out) == (ExitCode.DAMAGED, "")
    assert ran.err.startswith(f"Error: {path} is damaged at byte 64: ")
    assert "reddb verify" in ran.err and "reddb salvage" in ran.err
    error = reddb(*on(path, command, "--json")).error
    assert (error["offset"], error["kind"]) == (64, "damaged")


def test_a_damaged_header_is_damage_not_a_foreign_file(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    flipped(path, 30)
    ran = reddb("info", path)
    assert ran.code == ExitCode.DAMAGED
    assert ran.err.endswith("save it with 'reddb salvage --codec NAME'\n")


@pytest.mark.parametrize("command", ["info", "verify", "salvage new"])
def test_where_nothing_is_left_nobody_is_told_to_save_it(tmp_path: Path, command: str) -> None:
    path, _ = notes(tmp_path)
    os.truncate(path, 20)
    ran = reddb(*on(path, command))
    assert ran.code == ExitCode.DAMAGED
    assert ran.err.endswith("No whole commit is left in it: restore a backup\n")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("at", [0, 6], ids=["magic", "version"])
def test_a_database_whose_beginning_is_damaged_is_no_foreign_file(
    tmp_path: Path, command: str, at: int
) -> None:
    path, _ = notes(tmp_path)
    flipped(path, at)
    assert reddb(*on(path, command)).code == ExitCode.DAMAGED


@pytest.mark.parametrize("command", ["log --documents", "find", f"get {NOBODY}", "compact"])
def test_a_file_of_an_own_codec_needs_its_name(tmp_path: Path, command: str) -> None:
    path = tmp_path / "notes.own"
    of_an_own_codec(path)
    ran = reddb(*on(path, command))
    assert ran.code == ExitCode.FOREIGN
    assert ran.err.endswith("not reddb's own: name it with --codec MODULE:CLASS\n")
    ran = reddb(*on(path, command, "--codec", "cli_tools:OwnCodec"))
    assert ran.code in {ExitCode.DONE, ExitCode.NOTHING_FOUND}
    assert reddb("info", path).code == ExitCode.DONE


def test_a_codec_that_did_not_write_the_file_is_refused(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    for command in ("find", "log", "compact", "verify"):
        ran = reddb(command, path, "--codec", "cli_tools:OwnCodec")
        assert ran.code == ExitCode.FOREIGN
        assert ran.err.endswith("was written with the codec 'json': leave out --codec\n")
    assert OwnCodec().name == "own"


@pytest.mark.parametrize("command", READERS)
def test_a_file_that_may_not_be_read_is_told(
    tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests may run as root, who may read everything: so the disk says it."""
    path, _ = notes(tmp_path)

    async def refuse(_: object, path: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(RealDisk, "open", refuse)
    ran = reddb(*on(path, command))
    assert ran.code == ExitCode.FILE
    assert ran.err == f"Error: {path} may not be read or written: permission denied\n"


def test_a_disk_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = notes(tmp_path)

    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("reddb.actor.disk._read", fail)
    ran = reddb("info", path)
    assert ran.code == ExitCode.FILE
    assert ran.err == f"Error: {path} cannot be read or written: input/output error\n"


def test_a_disk_that_is_full_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = notes(tmp_path)
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("reddb.actor.disk._write", fail)
    ran = reddb("compact", path)
    assert ran.code == ExitCode.FILE and "no space left on device" in ran.err
    assert path.read_bytes() == before


def test_a_name_that_is_nearly_right_is_put_right(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    assert f"; is it {path}?" in reddb("info", tmp_path / "notes").err
    assert f"; is it {path}?" in reddb("info", tmp_path / "note.json").err
    assert f", nor a directory {tmp_path / 'no'}" in reddb("info", tmp_path / "no" / "x").err


@pytest.mark.parametrize("command", ["backup", "salvage", "dump", "load"])
def test_a_new_file_needs_a_directory(tmp_path: Path, command: str) -> None:
    path, _ = notes(tmp_path)
    directory = tmp_path / "no"
    ran = reddb(command, path, directory / "new.json")
    assert ran.err == f"Error: there is no directory {directory}: create it first\n"
    error = reddb(command, path, directory / "new.json", "--json").error
    assert (error["kind"], error["path"]) == ("file", str(directory))
    assert error["reason"] == "no such directory (create it first)"


def test_a_new_file_in_what_is_no_directory_names_that(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    ran = reddb("backup", path, path / "new.json")
    assert ran.err == f"Error: {path} cannot be read or written: not a directory\n"


# Databases that are in use.


def test_what_only_reads_works_while_another_process_has_the_database_open(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    with held_open(path):
        before = path.read_bytes(), path.stat().st_mtime_ns, sorted(tmp_path.iterdir())
        for command in READERS:
            ran = reddb(*on(path, command))
            assert ran.code == (ExitCode.NOTHING_FOUND if "get" in command else ExitCode.DONE)
        assert before == (path.read_bytes(), path.stat().st_mtime_ns, sorted(tmp_path.iterdir()))


@pytest.mark.parametrize("database", FORMATS)
def test_reading_leaves_nothing_behind(tmp_path: Path, database: type[RedDb[Any]]) -> None:
    path, _ = notes(tmp_path, database)
    before = path.read_bytes(), path.stat().st_mtime_ns, tmp_path.stat().st_mtime_ns
    for command in READERS:
        reddb(*on(path, command))
    assert before == (path.read_bytes(), path.stat().st_mtime_ns, tmp_path.stat().st_mtime_ns)
    assert list(tmp_path.iterdir()) == [path]


# Command lines that are wrong.

WRONG = [
    (["nonsense"], "no such command 'nonsense'; see 'reddb --help'"),
    (["info"], "missing argument 'FILE'; see 'reddb info --help'"),
    (["info", "--nope", "x"], "no such option"),
    (["find", "x", "--limit", "-1"], "-1 is not in the range"),
    (["find", "x", "--type", "Note"], "'Note' is not of the form MODULE:NAME"),
    (["find", "x", "--type", "no_such_module:Note"], "no_such_module:Note cannot be imported: Mod"),
    (["find", "x", "--type", "cli_tools:Nope"], "cli_tools:Nope cannot be imported: Attribute"),
    (["find", "x", "--type", "cli_tools:NOBODY"], "cli_tools:NOBODY: the document type cannot be"),
    (["find", "x", "--codec", "cli_tools:Note"], "cli_tools:Note is no codec: "),
    (["find", "x", "--codec", "cli_tools:NOBODY"], "cli_tools:NOBODY is no codec: "),
    (["find", "x", "--ids", "--count"], "--ids and --count exclude each other; see 'reddb"),
    (["completion", "tcsh"], "'tcsh' is not one of"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_a_wrong_command_line_is_explained(arguments: list[str], message: str) -> None:
    ran = reddb(*arguments)
    assert (ran.code, ran.out) == (ExitCode.USAGE, "")
    assert ran.err.lower().startswith(f"error: {message.lower()}") or message in ran.err
    error = reddb(*arguments, "--json").error
    assert error["kind"] == "usage"


def test_without_a_command_there_is_help() -> None:
    ran = reddb()
    assert ran.code == ExitCode.USAGE and "Usage: reddb" in ran.out + ran.err


def test_a_bug_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    monkeypatch.setattr("reddb.cli.commands.looking._facts", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        reddb("info", path)


def test_ctrl_c_is_an_exit_code_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, _ = notes(tmp_path)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reddb.cli.commands.looking._facts", interrupt)
    ran = reddb("info", path)
    assert (ran.code, ran.out, ran.err) == (ExitCode.INTERRUPTED, "", "\nStopped.\n")


def test_ctrl_c_that_comes_out_of_a_nursery_is_one_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, _ = notes(tmp_path)

    async def interrupt(*_: object) -> None:
        async with trio.open_nursery():
            raise KeyboardInterrupt

    monkeypatch.setattr("reddb.cli.commands.looking._info", interrupt)
    ran = reddb("info", path)
    assert (ran.code, ran.out, ran.err) == (ExitCode.INTERRUPTED, "", "Stopped.\n")


# The rest of what can go wrong.


def test_other_errors_of_the_database_are_refusals() -> None:
    for error in (RedDbError("it is not empty"), PersistFailed("earlier")):
        failure = failure_of(error)
        assert failure is not None and failure.code == ExitCode.REFUSED
        assert failure.message == str(error)
    assert failure_of(ValueError("a bug")) is None


def test_the_exit_codes_are_documented() -> None:
    page = Path(__file__).parents[2] / "docs" / "command-line.md"
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", page.read_text(), re.MULTILINE)
    assert [int(code) for code, _ in rows] == [int(code) for code in ExitCode]
