"""The real script in a real terminal, on a pipe, and stopped half way."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from fcntl import ioctl
from pathlib import Path
from subprocess import PIPE
from termios import TIOCSWINSZ
from typing import Any

import pytest
import trio
from attrs import frozen
from cli_tools import Note, environment, made, notes, reddb
from click.shell_completion import ShellComplete

from reddb import DbConfig, JsonDb, RedDb
from reddb.cli.app import cli
from reddb.cli.failures import ExitCode

SCRIPT = str(Path(sys.executable).with_name("reddb"))
AT_ONCE = (
    "import sys; from reddb.cli import progress; progress.PATIENCE_S = 0; "
    "from reddb.cli import main; main()"
)
"""Runs the command line with bars that do not wait for work to take long."""


STOPPABLE = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "sys.stdout.reconfigure(write_through=True); from reddb.cli import main; main()"
)
"""Heeds Ctrl-C also where the tests run in the background of a shell, which has it ignored."""


@frozen
class Seen:
    """What a terminal has shown."""

    code: int
    text: str

    @property
    def plain(self) -> str:
        """The text without colours and movements."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text).replace("\r\n", "\n")


def in_terminal(
    command: Sequence[object],
    *,
    stdout: int | None = None,
    columns: int = 100,
    variables: Mapping[str, str] = {},
) -> Seen:
    """Run a command in a terminal of its own; its output may go elsewhere."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    with subprocess.Popen(
        [str(part) for part in command],
        stdin=theirs,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
        env=environment(**variables),
    ) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # The terminal is gone with its last process.
            while data := os.read(ours, 65536):
                shown += data
        os.close(ours)
        code = process.wait()
    return Seen(code, shown.decode())


def test_a_terminal_gets_colours_and_a_layout(tmp_path: Path) -> None:
    path, (milk, *_) = notes(tmp_path)
    seen = in_terminal([SCRIPT, "find", path, "not done"])
    assert seen.code == ExitCode.DONE and "\x1b[36m" in seen.text
    value = '{"text": "buy oat milk", "done": false, "priority": 5}'
    assert seen.plain == f"{milk}  {value}\n"
    narrow = in_terminal([SCRIPT, "find", path, "not done"], columns=60)
    assert narrow.plain == f"{milk}\n  {value}\n"
    narrower = in_terminal([SCRIPT, "find", path, "not done"], columns=50)
    assert narrower.plain.splitlines()[1:3] == ["  {", '    "text": "buy oat milk",']


def test_a_terminal_without_colours_gets_none(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    seen = in_terminal([SCRIPT, "info", path], variables={"NO_COLOR": "1"})
    assert seen.code == ExitCode.DONE
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", seen.text)


def test_typed_documents_are_shown_as_python_shows_them(tmp_path: Path) -> None:
    path, (milk, *_) = notes(tmp_path)
    command = [SCRIPT, "get", path, milk, "--type", "cli_tools:Note"]
    seen = in_terminal(command, variables={"PYTHONPATH": str(Path(__file__).parent)})
    assert seen.plain == f"{milk}  {Note('buy oat milk', priority=5)!r}\n"


def big(directory: Path, count: int = 20_000) -> Path:
    async def fill(db: RedDb[Any]) -> None:
        await db.insert([Note("x" * 100)] * count)

    path, _ = made(directory, fill)
    return path


def test_long_work_shows_a_bar_on_the_terminal_and_nothing_of_it_in_the_output(
    tmp_path: Path,
) -> None:
    path = big(tmp_path)
    with (tmp_path / "out").open("wb") as out:
        command = [sys.executable, "-c", AT_ONCE, "verify", path, "--decode"]
        seen = in_terminal(command, stdout=out.fileno())
    assert seen.code == ExitCode.DONE
    assert "Checking notes.json" in seen.plain and "%" in seen.plain
    assert (tmp_path / "out").read_text().endswith("\nsound\n")
    assert "\x1b" not in (tmp_path / "out").read_text()


def test_the_bars_of_other_commands_and_none_on_a_pipe(tmp_path: Path) -> None:
    path = big(tmp_path)
    command = [sys.executable, "-c", AT_ONCE, "compact", path]
    assert "Compacting notes.json" in in_terminal(command).plain
    ran = subprocess.run(
        [str(part) for part in command], env=environment(), capture_output=True, check=True
    )
    assert ran.stderr == b"" and ran.stdout.endswith(b", 20,000 documents\n")


def test_who_stops_reading_is_no_error(tmp_path: Path) -> None:
    path = big(tmp_path, 2_000)  # More than a pipe holds.
    command = [SCRIPT, "find", str(path)]
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, env=environment()) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == ExitCode.BROKEN_PIPE


def stopped(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process that was told to stop; end it if it does not heed that."""
    try:
        return process.wait(60)
    finally:
        process.kill()


def test_ctrl_c_ends_a_regular_expression_that_would_take_for_ever(tmp_path: Path) -> None:
    async def fill(db: RedDb[Any]) -> None:
        await db.insert([Note("first"), Note("a" * 60)])

    path, _ = made(tmp_path, fill)
    filter_ = 'text == "first" or text matches "^(a+)+$" and text matches "^(a+)+b"'
    command = [sys.executable, "-c", STOPPABLE, "find", str(path), filter_]
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, env=environment()) as process:
        assert process.stdout is not None and process.stderr is not None
        assert b"first" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert stopped(process) == ExitCode.INTERRUPTED
        assert process.stderr.read().endswith(b"Stopped.\n")


def test_a_log_is_followed_while_it_grows_and_is_compacted(tmp_path: Path) -> None:
    path, (milk, *_) = notes(tmp_path)
    command = [
        sys.executable,
        "-c",
        STOPPABLE,
        "log",
        str(path),
        "--follow",
        "--since",
        "4",
        "--json",
    ]
    ran = subprocess.Popen(command, stdout=PIPE, stderr=PIPE, env=environment())

    assert ran.stdout is not None
    lines = ran.stdout

    async def next_seq() -> int:
        with trio.fail_after(60):
            line = await trio.to_thread.run_sync(lines.readline, abandon_on_cancel=True)
        return int(json.loads(line)["seq"])

    async def write() -> None:
        async with JsonDb.open(DbConfig("notes", dir=tmp_path), Note) as db:
            await db.update_one(milk, Note("five"))
            assert await next_seq() == 5
            await db.update_one(milk, Note("six"))
            await db.compact()
            await db.update_one(milk, Note("seven"))
            assert [await next_seq(), await next_seq()] == [6, 7]
            await db.update_one(milk, Note("eight"))
            assert await next_seq() == 8

    with ran:
        trio.run(write)
        ran.send_signal(signal.SIGINT)
        assert stopped(ran) == ExitCode.INTERRUPTED
        assert ran.stderr is not None and ran.stderr.read() == b"\nStopped.\n"


def test_python_runs_it_as_a_module_too(tmp_path: Path) -> None:
    path, _ = notes(tmp_path)
    command = [sys.executable, "-m", "reddb", "info", str(path)]
    ran = subprocess.run(command, env=environment(), capture_output=True, check=True)
    assert ran.stdout.startswith(b"file       ")
    ran = subprocess.run([SCRIPT, "--version"], env=environment(), capture_output=True, check=True)
    assert re.fullmatch(rb"reddb \d+\.\d+\.\d+\n", ran.stdout)


def test_without_its_libraries_it_says_what_to_install() -> None:
    hide = "import sys; sys.modules['rich_click'] = None; from reddb.cli import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", hide], env=environment(), capture_output=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (ExitCode.NOT_INSTALLED, b"")
    assert ran.stderr == (
        b"Error: the command line needs the extra 'cli': pip install 'reddb[cli]'\n"
    )


# Completion.


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    ran = reddb("completion", shell)
    assert ran.code == ExitCode.DONE
    assert "_REDDB_COMPLETE" in ran.out and "_reddb_completion" in ran.out


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ver"], ["verify"]),
        (["find", "notes.json", "--o"], ["--order-by"]),
        (["info", "no"], ["no"]),
        (["completion", "z"], ["zsh"]),
        ([""], ["find", "get", "info", "log", "verify"]),
    ],
)
def test_the_shell_is_told_what_could_come_next(words: list[str], offered: list[str]) -> None:
    *before, last = words
    found = ShellComplete(cli, {}, "reddb", "_REDDB_COMPLETE").get_completions(before, last)
    assert [each.value for each in found if each.value in offered or last] == offered


def test_the_script_answers_the_shell() -> None:
    asked = {"_REDDB_COMPLETE": "bash_complete", "COMP_WORDS": "reddb info no", "COMP_CWORD": "2"}
    ran = subprocess.run([SCRIPT], env=environment(**asked), capture_output=True, check=True)
    assert ran.stdout == b"file,no\n"
