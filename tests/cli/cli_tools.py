"""What the tests of the command line share: running it, and databases to run it on."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any
from unittest import mock
from uuid import UUID

import trio
from attrs import frozen

from reddb import BinDb, DbConfig, DocumentType, JsonCodec, JsonDb, RedDb, RonDb, YamlDb
from reddb.cli.app import run

FORMATS: tuple[type[RedDb[Any]], ...] = (BinDb, JsonDb, RonDb, YamlDb)
SUFFIXES = {BinDb: "bin", JsonDb: "json", RonDb: "ron", YamlDb: "yaml"}
NOBODY = UUID(int=7)


@frozen
class Note:
    text: str
    done: bool = False
    priority: int = 1


def _with_priority(old: Any) -> Any:
    return {**old, "priority": 9}


UPGRADED = DocumentType(Note, version=2, upgrades={1: _with_priority})
"""Notes whose first version had no priority worth keeping."""


class OwnCodec(JsonCodec):
    """A codec that is not reddb's own."""

    name = "own"
    suffix = ".own"


@frozen
class Ran:
    """What a run of the command line came to."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[Any]:
        """The JSON objects on its standard output."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> Any:
        """The JSON object on its standard error."""
        return json.loads(self.err)["error"]


def environment(**variables: str) -> dict[str, str]:
    """Give the environment, without what the terminal that the tests run in has put into it."""
    own = {"NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES"}
    others = {name: value for name, value in os.environ.items() if name not in own}
    return {**others, "TERM": "xterm-256color", **variables}


def reddb(*arguments: object) -> Ran:
    """Run the command line in this process, with its output to nobody's terminal."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    redirected = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
    with redirected[0], redirected[1], mock.patch.dict(os.environ, environment(), clear=True):
        code = run([str(argument) for argument in arguments])
        out.flush()
    written = out.buffer
    assert isinstance(written, io.BytesIO)
    return Ran(code, written.getvalue().decode(), err.getvalue())


def notes(directory: Path, database: type[RedDb[Any]] = JsonDb) -> tuple[Path, list[UUID]]:
    """Make a database of four commits, and give its path and its ids in order.

    1 and 2 insert, 3 updates the first document, 4 deletes the last.
    """

    async def fill(db: RedDb[Any]) -> list[UUID]:
        milk = await db.insert_one(Note("buy milk"))
        others = await db.insert([Note("call Ada", done=True), Note("mend it", priority=3)])
        await db.update_one(milk.id, Note("buy oat milk", priority=5))
        gone = await db.delete_one(others[1].id)
        return [milk.id, others[0].id, gone.id]

    return made(directory, fill, database)


def made(
    directory: Path, fill: Callable[[RedDb[Any]], Any], database: type[RedDb[Any]] = JsonDb
) -> tuple[Path, Any]:
    """Make a database by a function of it; give its path and the function's result."""

    async def main() -> Any:
        config = DbConfig("notes", dir=directory, compaction_ratio=1e9)
        async with database.open(config, Note) as db:
            return await fill(db)

    result = trio.run(main)
    return directory / f"notes.{SUFFIXES[database]}", result


def flipped(path: Path, at: int) -> None:
    """Damage one byte of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


_HOLDER = """
import sys, trio
from pathlib import Path
from reddb import JsonDb, DbConfig

async def main():
    path = Path(sys.argv[1])
    async with JsonDb.open(DbConfig(path.stem, dir=path.parent)) as db:
        await db.insert_one({"text": "from the other process"})
        print("open", flush=True)
        await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)

trio.run(main)
"""


@contextlib.contextmanager
def held_open(path: Path) -> Iterator[int]:
    """Have another process keep a JSON database open, and give that process's number."""
    with Popen([sys.executable, "-c", _HOLDER, str(path)], stdin=PIPE, stdout=PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        try:
            yield process.pid
        finally:
            process.stdin.close()
            process.wait()
