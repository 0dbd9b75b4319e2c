"""Opening and leaving: where the file is, who may open it, what comes out of the block."""

from __future__ import annotations

import ast
import errno
import os
import stat
import subprocess
import sys
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import pytest
import trio
from databases import (
    DATABASES,
    FILE_DATABASES,
    MISSING,
    SUFFIXES,
    Database,
    HeldStorage,
    Home,
    Note,
    data,
    simulated,
)
from trio.testing import MockClock, wait_all_tasks_blocked

import reddb
from reddb import (
    CodecMismatch,
    DatabaseClosed,
    DatabaseLocked,
    DataCorrupted,
    DbConfig,
    DocumentNotFound,
    Durability,
    FileStorage,
    JsonCodec,
    JsonDb,
    MemDb,
    MemoryStorage,
    Notation,
    PersistFailed,
    RedDb,
    RonCodec,
    WriteOrder,
)
from reddb.testing.journal import Synced, Wrote


def names_in(directory: Path) -> list[str]:
    """Give the names of the files in a directory."""
    return sorted(path.name for path in directory.iterdir())


# Where the file is.


@pytest.mark.parametrize("database", FILE_DATABASES, ids=lambda database: database.__name__)
async def test_a_name_is_a_file_in_the_working_directory(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with database.open("notes", Note) as db:
        note = await db.insert_one(Note("ada"))
    assert names_in(tmp_path) == ["notes" + SUFFIXES[database]]
    async with database.open(DbConfig("notes"), Note) as db:
        assert await db.find_all() == [note]


@pytest.mark.parametrize("name", ["my.notes", "a b", "-rf", "n\u00f6tes \u2603", "...", "x" * 230])
async def test_a_configuration_says_where_the_file_is(file_home: Home, name: str) -> None:
    config = DbConfig(name, dir=str(file_home.directory))
    async with file_home.database.open(config) as db:
        await db.insert_one("ada")
        await db.compact()
        assert repr(name) in repr(db)
    assert names_in(file_home.directory) == [name + SUFFIXES[file_home.database]]


async def test_a_program_may_change_its_working_directory_while_a_database_is_open(
    file_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = file_home.directory / "first", file_home.directory / "second"
    for directory in (first, second):
        directory.mkdir()
    monkeypatch.chdir(first)
    async with file_home.database.open("notes", str) as db:
        await db.insert_one("ada")
        monkeypatch.chdir(second)
        await db.compact()
        await db.insert_one("bob")
    assert names_in(second) == []
    assert names_in(first) == [file_home.log.name]
    monkeypatch.chdir(first)
    async with file_home.database.open("notes", str) as db:
        assert data(await db.find_all()) == ["ada", "bob"]


async def test_a_database_in_memory_ignores_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with MemDb.open(DbConfig("notes", dir=tmp_path / "missing"), Note) as db:
        await db.insert_one(Note("ada"))
        async with MemDb.open(DbConfig("notes", dir=tmp_path / "missing"), Note) as other:
            assert await other.find_all() == []
    assert names_in(tmp_path) == []


async def test_a_directory_that_is_missing_cannot_be_opened(file_home: Home) -> None:
    home = attrs.evolve(file_home, directory=file_home.directory / "missing")
    with pytest.raises(PersistFailed) as caught:
        async with home.open():
            raise AssertionError("it must not open")
    cause = caught.value.__cause__
    assert isinstance(cause, FileNotFoundError)
    assert (cause.errno, cause.filename) == (errno.ENOENT, str(home.directory))
    assert str(caught.value) == (
        f"the log cannot be opened: [Errno {errno.ENOENT}] "
        f"No such directory (create it first): {str(home.directory)!r}"
    )
    assert names_in(file_home.directory) == []


async def test_files_are_readable_by_their_owner_only(file_home: Home) -> None:
    umask = os.umask(0)
    try:
        async with file_home.open() as db:
            modes = [path.stat().st_mode for path in file_home.directory.iterdir()]
            await db.insert_one(file_home.value("ada"))
            await db.compact()
            modes += [path.stat().st_mode for path in file_home.directory.iterdir()]
    finally:
        os.umask(umask)
    modes.append(file_home.log.stat().st_mode)
    assert {stat.S_IMODE(mode) for mode in modes} == {0o600}


async def test_only_the_log_is_left_after_closing(file_home: Home) -> None:
    async with file_home.open() as db:
        await db.insert_one(file_home.value("ada"))
        await db.compact()
    assert names_in(file_home.directory) == [file_home.log.name]


# Composing one's own.


class ReprCodec:
    """A format of one's own: what Python writes."""

    name = "repr"
    suffix = ".repr"
    notation = Notation.PLAIN

    def encode(self, value: Any) -> bytes:
        """Give the value as Python writes it."""
        return repr(value).encode()

    def decode(self, data: bytes) -> Any:
        """Give the value back."""
        return ast.literal_eval(data.decode())


@pytest.mark.parametrize("document_type", [Note, Any], ids=["typed", "untyped"])
async def test_a_codec_of_ones_own(tmp_path: Path, document_type: Any) -> None:
    config = DbConfig("notes", dir=tmp_path)
    value: Any = Note("ada", 7) if document_type is Note else {"text": "ada", "n": [1, None]}
    async with RedDb.open(config, document_type, codec=ReprCodec()) as db:
        document = await db.insert_one(value)
    assert names_in(tmp_path) == ["notes.repr"]
    async with RedDb.open(config, document_type, codec=ReprCodec()) as db:
        assert await db.find_all() == [document]
        await db.compact()
        assert await db.find_all() == [document]


async def test_a_storage_of_ones_own(tmp_path: Path) -> None:
    storage = HeldStorage()
    storage.gate.set()
    config = DbConfig("notes", dir=tmp_path)
    async with RedDb.open(config, str, codec=JsonCodec(), storage=storage) as db:
        document = await db.insert_one("ada")
        await db.delete_one(document.id)
        assert not storage.closed.is_set()
    assert storage.closed.is_set()
    assert [commit.seq for commit in storage.appended] == [1, 2]
    assert [commit.facts for commit in storage.appended] == [
        [(document.id.int, b'"ada"')],
        [(document.id.int, None)],
    ]
    assert names_in(tmp_path) == []


async def test_the_storages_that_are_there_can_be_given_too(tmp_path: Path) -> None:
    path = tmp_path / "anything"
    async with RedDb.open("any", str, codec=RonCodec(), storage=FileStorage(path)) as db:
        await db.insert_one("ada")
    async with RedDb.open("any", str, codec=RonCodec(), storage=FileStorage(path)) as db:
        assert data(await db.find_all()) == ["ada"]
    async with RedDb.open("any", str, codec=RonCodec(), storage=MemoryStorage()) as db:
        assert await db.find_all() == []
    assert names_in(tmp_path) == ["anything"]


async def test_a_database_without_a_format_asks_for_a_codec(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="codec"):
        async with RedDb.open(DbConfig("notes", dir=tmp_path)):
            raise AssertionError("it must not open")
    assert names_in(tmp_path) == []


class Unstorable:
    """A class that says nothing about its fields."""

    def __init__(self, text: str) -> None:
        self.text = text


@pytest.mark.parametrize("document_type", [Unstorable, list[Unstorable], object(), "Note"], ids=str)
async def test_a_type_that_cannot_be_stored_is_refused(any_home: Home, document_type: Any) -> None:
    with pytest.raises(TypeError):
        async with any_home.open(document_type):
            raise AssertionError("it must not open")
    assert names_in(any_home.directory) == []


@pytest.mark.parametrize("other", FILE_DATABASES, ids=lambda database: database.__name__)
async def test_a_file_of_another_format_is_left_as_it_is(file_home: Home, other: Database) -> None:
    if other is file_home.database:
        other = RedDb
    async with file_home.open() as db:
        await db.insert_one(file_home.value("ada"))
    before = file_home.log.read_bytes()
    codec = ReprCodec() if other is RedDb else None
    storage = FileStorage(file_home.log)
    with pytest.raises(CodecMismatch) as caught:
        async with other.open("notes", Note, codec=codec, storage=storage):
            raise AssertionError("it must not open")
    assert caught.value.path == str(file_home.log)
    assert caught.value.found != caught.value.expected
    assert file_home.log.read_bytes() == before
    assert names_in(file_home.directory) == [file_home.log.name]


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"REDDB", b"REDDB\0\2\0" + bytes(200), b"\0" * 4096, b'{"text": "ada"}\n' * 99],
    ids=lambda content: ascii(content)[:20],
)
async def test_a_file_that_is_no_database_is_left_as_it_is(file_home: Home, content: bytes) -> None:
    file_home.log.write_bytes(content)
    with pytest.raises(DataCorrupted) as caught:
        async with file_home.open():
            raise AssertionError("it must not open")
    assert (caught.value.path, caught.value.offset) == (str(file_home.log), 0)
    assert file_home.log.read_bytes() == content
    assert names_in(file_home.directory) == [file_home.log.name]


# One at a time.


async def test_a_second_open_is_refused_at_once(file_home: Home) -> None:
    async with file_home.open() as db:
        for _ in range(2):
            with pytest.raises(DatabaseLocked) as caught:
                async with file_home.open():
                    raise AssertionError("it must not open")
            assert caught.value.path.startswith(str(file_home.log))
        await db.insert_one(file_home.value("ada"))
    async with file_home.open() as db:
        assert len(await db.find_all()) == 1


async def test_a_second_open_by_another_path_is_refused_too(file_home: Home) -> None:
    link = file_home.directory / "link"
    link.symlink_to(file_home.directory)
    async with file_home.open():
        with pytest.raises(DatabaseLocked):
            async with attrs.evolve(file_home, directory=link).open():
                raise AssertionError("it must not open")


async def test_databases_of_other_names_or_formats_are_open_beside(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        for database in DATABASES:
            for name in ("one", "two"):
                config = DbConfig(name, dir=tmp_path, durability=Durability.OS)
                db = await stack.enter_async_context(database.open(config, str))
                await db.insert_one(name)
    assert len(names_in(tmp_path)) == 8


CHILD = """
import sys, trio
from reddb import DatabaseLocked, DbConfig, Durability, JsonDb

async def main():
    config = DbConfig("notes", dir=sys.argv[1], durability=Durability.OS)
    try:
        async with JsonDb.open(config, str) as db:
            await db.insert_one("child")
            print("open", flush=True)
            sys.stdin.read()
    except DatabaseLocked as error:
        print(type(error).__name__, error.path, flush=True)

trio.run(main)
"""


def child_command(directory: Path) -> list[str]:
    """Give the command of a process that opens the database in `directory`."""
    return [sys.executable, "-c", CHILD, str(directory)]


def child_environment() -> dict[str, str]:
    """Give an environment in which the child finds reddb."""
    return {**os.environ, "PYTHONPATH": str(Path(reddb.__file__).parents[1])}


async def test_another_process_is_refused_at_once(tmp_path: Path) -> None:
    async with JsonDb.open(DbConfig("notes", dir=tmp_path), str) as db:
        child = await trio.run_process(
            child_command(tmp_path), capture_stdout=True, env=child_environment()
        )
        assert child.stdout.decode().startswith(f"DatabaseLocked {tmp_path}")
        await db.insert_one("parent")
        assert data(await db.find_all()) == ["parent"]


async def test_a_process_that_was_killed_holds_nothing_and_loses_nothing(tmp_path: Path) -> None:
    config = DbConfig("notes", dir=tmp_path)
    async with trio.open_nursery() as nursery:
        child = await nursery.start(
            partial(
                trio.run_process,
                child_command(tmp_path),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                check=False,
                env=child_environment(),
            )
        )
        said = b""
        while b"\n" not in said:
            said += await child.stdout.receive_some()
        assert said == b"open\n"
        with pytest.raises(DatabaseLocked):
            async with JsonDb.open(config, str):
                raise AssertionError("it must not open")
        child.kill()
    async with JsonDb.open(config, str) as db:
        assert data(await db.find_all()) == ["child"]


# What comes out of the block.


class Stop(BaseException):
    """No `Exception`, as KeyboardInterrupt is none."""


ERRORS = [
    ValueError("mine"),
    DocumentNotFound(MISSING),
    ExceptionGroup("mine", [ValueError("one"), TypeError("two")]),
    BaseExceptionGroup("mine", [Stop("one")]),
    Stop("mine"),
    StopAsyncIteration("mine"),
    StopIteration("mine"),
    GeneratorExit("mine"),
]


async def left_by(home: Home, error: BaseException, scope: trio.CancelScope) -> object:
    """Raise `error` in the block of a database; give what comes out of the block."""
    try:
        async with home.open() as db:
            await db.insert_one(home.value("ada"))
            scope.cancel()
            raise error
    except BaseException as caught:
        return caught


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("cancelled", [False, True], ids=["", "cancelled"])
async def test_an_exception_of_the_block_comes_out_as_itself(
    any_home: Home, error: BaseException, cancelled: bool
) -> None:
    with trio.CancelScope() as scope:
        assert await left_by(any_home, error, scope if cancelled else trio.CancelScope()) is error
    if any_home.persistent:
        async with any_home.open() as db:
            assert data(await db.find_all()) == [any_home.value("ada")]


async def test_leaving_finishes_what_was_accepted(
    simulated_home: Home, autojump_clock: MockClock
) -> None:
    home = simulated(simulated_home.database, latency_s=1)
    texts: list[str] = []

    async def insert(db: RedDb[str], text: str) -> None:
        texts.append((await db.insert_one(text)).data)

    async with trio.open_nursery() as nursery:
        async with home.open(str) as db:
            for number in range(10):
                nursery.start_soon(insert, db, str(number))
            await wait_all_tasks_blocked()
        assert len(texts) == 10
    async with home.open(str) as db:
        assert sorted(data(await db.find_all())) == sorted(texts)


@pytest.mark.parametrize("durability", Durability)
async def test_leaving_a_cancelled_block_drains_syncs_and_unlocks(
    simulated_home: Home, durability: Durability, autojump_clock: MockClock
) -> None:
    order = simulated_home.write_order
    home = simulated(simulated_home.database, write_order=order, durability=durability, latency_s=1)
    texts: list[str] = []

    async def insert(db: RedDb[str], text: str) -> None:
        texts.append((await db.insert_one(text)).data)

    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            async with home.open(str) as db:
                for number in range(10):
                    nursery.start_soon(insert, db, str(number))
                await wait_all_tasks_blocked()
                scope.cancel()
                await trio.lowlevel.checkpoint()
        assert scope.cancelled_caught
        assert len(texts) == 10
        async with home.open(str) as db:
            assert sorted(data(await db.find_all())) == sorted(texts)
    whole = [event for event in home.disk.journal if isinstance(event, Wrote | Synced)]
    assert isinstance(whole[-1], Synced)


@pytest.mark.parametrize("durability", Durability)
async def test_leaving_syncs_what_was_only_handed_over(
    simulated_home: Home, durability: Durability
) -> None:
    home = attrs.evolve(simulated_home, durability=durability)
    async with home.open(str) as db:
        await db.insert_one("ada")
        acknowledged = len(home.disk.journal)
    after = [event for event in home.disk.journal[acknowledged:] if isinstance(event, Synced)]
    assert len(after) == (durability is Durability.OS)
    assert isinstance(home.disk.journal[-1], Synced)


# Cancelled while opening or closing.


async def cancel_after(scope: trio.CancelScope, checkpoints: int) -> None:
    """Cancel `scope` when the event loop has gone round that often."""
    for _ in range(checkpoints):
        await trio.lowlevel.checkpoint()
    scope.cancel()


async def test_an_open_cancelled_at_any_moment_leaves_nothing_behind(file_home: Home) -> None:
    for home in (simulated(file_home.database), file_home):
        opened, checkpoints = False, 0
        while not opened:
            async with trio.open_nursery() as nursery:
                with trio.CancelScope() as scope:
                    nursery.start_soon(cancel_after, scope, checkpoints)
                    async with home.open():
                        opened = not scope.cancel_called
            paths = home.disk.paths() if home.simulated else list(home.directory.iterdir())
            assert paths in ([], [home.log])
            checkpoints += 1 + checkpoints // (20 if home.simulated else 4)
        async with home.open() as db:
            assert await db.find_all() == []


async def test_an_open_cancelled_at_any_moment_loses_nothing(file_home: Home) -> None:
    home = simulated(file_home.database)
    async with home.open() as db:
        documents = await db.insert([home.value(str(number)) for number in range(50)])
    for checkpoints in range(30):
        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as scope:
                nursery.start_soon(cancel_after, scope, checkpoints)
                async with home.open() as db:
                    await trio.sleep_forever()
        assert scope.cancelled_caught
    async with home.open() as db:
        assert await db.find_all() == documents


@pytest.mark.parametrize("write_order", WriteOrder)
async def test_a_close_cancelled_at_any_moment_closes_all_the_same(
    write_order: WriteOrder,
) -> None:
    home = simulated(JsonDb, write_order=write_order, durability=Durability.OS)
    expected: list[str] = []

    async def insert(
        db: RedDb[str], text: str, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        task_status.started()
        expected.append((await db.insert_one(text)).data)

    async def close(db: RedDb[str], scope: trio.CancelScope) -> None:
        with scope:
            await db.aclose()
        with pytest.raises(DatabaseClosed):
            await db.insert_one("late")

    for checkpoints in range(12):
        async with trio.open_nursery() as nursery, home.open(str) as db:
            for number in range(3):
                await nursery.start(insert, db, f"{checkpoints}-{number}")
            scope = trio.CancelScope()
            nursery.start_soon(close, db, scope)
            await cancel_after(scope, checkpoints)
        assert len(expected) == 3 * (checkpoints + 1)
        async with home.open(str) as db:
            assert sorted(data(await db.find_all())) == sorted(expected)


# Configurations.


async def test_a_bad_name_is_refused_by_open_and_serve() -> None:
    with pytest.raises(ValueError, match="name"):
        async with JsonDb.open("../notes"):
            raise AssertionError("it must not open")
    with pytest.raises(ValueError, match="name"):
        await JsonDb.serve("")


async def test_the_ids_come_from_the_configuration(any_home: Home) -> None:
    ids = (UUID(int=number) for number in range(1, 100))
    async with any_home.open(new_id=ids.__next__) as db:
        await db.insert([any_home.value("ada"), any_home.value("bob")])
        await db.insert_one(any_home.value("cyd"))
        db.begin().insert_one(any_home.value("dee"))
        assert [document.id.int for document in await db.find_all()] == [1, 2, 3]


@pytest.mark.parametrize("wrong", [5, str(UUID(int=5)), None])
async def test_an_id_that_is_made_and_is_no_uuid_is_refused(any_home: Home, wrong: Any) -> None:
    async with any_home.open(new_id=lambda: wrong) as db:
        for insert in (
            lambda: db.insert_one(any_home.value("ada")),
            lambda: db.insert([any_home.value("ada")]),
            lambda: db.transact(lambda tx: tx.insert_one(any_home.value("ada"))),
        ):
            with pytest.raises(TypeError, match=r"new_id must give a uuid\.UUID, not"):
                await insert()
        assert await db.find_all() == []


async def test_a_link_leads_to_the_same_database(tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to("real.json")
    real, linked = DbConfig("real", dir=tmp_path), DbConfig("link", dir=tmp_path)
    async with JsonDb.open(real) as db:
        await db.insert_one(1)
        with pytest.raises(DatabaseLocked):
            async with JsonDb.open(linked):
                pass
    async with JsonDb.open(linked) as db:
        await db.insert_one(2)
        await db.compact()
    assert link.is_symlink()
    async with JsonDb.open(real) as db:
        assert data(await db.find_all()) == [1, 2]
