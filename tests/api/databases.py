"""What the tests of the public API share: kinds of databases, shapes of documents, every call.

A `Home` is one kind of database in a place of its own, real or simulated, which can be opened
again and again. A `Shape` is one way of typing what are otherwise the same documents.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import attrs
import trio
from attrs import evolve, field, frozen

from reddb import (
    BinDb,
    Commit,
    DbConfig,
    Document,
    Durability,
    FileStorage,
    JsonDb,
    MemDb,
    MemoryStorage,
    Query,
    RedDb,
    RonDb,
    SnapshotQuery,
    WriteOrder,
    YamlDb,
)
from reddb.testing.simulated_disk import SimulatedDisk

Database: TypeAlias = type[RedDb[Any]]

DATABASES: tuple[Database, ...] = (MemDb, BinDb, JsonDb, RonDb, YamlDb)
FILE_DATABASES: tuple[Database, ...] = DATABASES[1:]

SUFFIXES: dict[Database, str] = {
    BinDb: ".bin",
    JsonDb: ".json",
    RonDb: ".ron",
    YamlDb: ".yaml",
}

MISSING = UUID(int=1)
"""The id of no document."""


# Documents.


@frozen
class Note:
    """A document that nobody can change."""

    text: str
    count: int = 0


@dataclasses.dataclass
class Draft:
    """A document that anybody can change."""

    text: str
    count: int = 0
    tags: list[str] = dataclasses.field(default_factory=list)


def plain_note(text: str, count: int = 0) -> dict[str, Any]:
    """Give a document of plain values."""
    return {"text": text, "count": count, "tags": []}


def part(value: Any, name: str) -> Any:
    """Give a field of a document of any shape."""
    return value[name] if isinstance(value, dict) else getattr(value, name)


def text_of(value: Any) -> Any:
    """Give the text of a document of any shape."""
    return part(value, "text")


def count_of(value: Any) -> Any:
    """Give the count of a document of any shape."""
    return part(value, "count")


def counted(value: Any) -> Any:
    """Give a document of the same shape whose count is one higher."""
    changed = {"count": count_of(value) + 1}
    if isinstance(value, dict):
        return value | changed
    if attrs.has(type(value)):
        return attrs.evolve(value, **changed)
    return dataclasses.replace(value, **changed)


@frozen
class Shape:
    """A way of typing documents."""

    name: str
    document_type: Any
    value: Callable[[str, int], Any]


FROZEN = Shape("frozen", Note, Note)
MUTABLE = Shape("mutable", Draft, Draft)
UNTYPED = Shape("untyped", Any, plain_note)
SHAPES = (FROZEN, MUTABLE, UNTYPED)


# Databases.


@frozen
class Home:
    """One kind of database, and the place where it lives."""

    database: Database
    directory: Path = field(factory=Path)
    shape: Shape = FROZEN
    write_order: WriteOrder = WriteOrder.MEMORY_FIRST
    durability: Durability = Durability.OS
    simulated: SimulatedDisk | None = None
    """Where it lives if not on the real disk."""

    @property
    def persistent(self) -> bool:
        """Whether it can be opened again."""
        return self.database is not MemDb

    @property
    def disk(self) -> SimulatedDisk:
        """The simulated disk, where there must be one."""
        assert self.simulated is not None
        return self.simulated

    @property
    def log(self) -> Path:
        """Where the log is."""
        return self.directory / ("notes" + SUFFIXES[self.database])

    def value(self, text: str, count: int = 0) -> Any:
        """Give a document of this home's shape."""
        return self.shape.value(text, count)

    def config(self, **settings: Any) -> DbConfig:
        """Give how it is opened."""
        choices: dict[str, Any] = {
            "dir": self.directory,
            "write_order": self.write_order,
            "durability": self.durability,
        }
        return DbConfig("notes", **(choices | settings))

    def open(
        self, document_type: Any = None, **settings: Any
    ) -> contextlib.AbstractAsyncContextManager[RedDb[Any]]:
        """Open the database, for another document type than the shape's if one is given."""
        type_ = self.shape.document_type if document_type is None else document_type
        storage = None
        if self.simulated is not None and self.persistent:
            sync = self.durability is Durability.FSYNC
            storage = FileStorage(self.log, sync=sync, disk=self.simulated)
        return self.database.open(self.config(**settings), type_, storage=storage)

    @contextlib.asynccontextmanager
    async def lasting(self) -> AsyncIterator[RedDb[Any]]:
        """Open the database; at the end see that all of it outlasts reopening and compaction."""
        async with self.open() as db:
            yield db
            documents = await db.find_all()
            if not self.persistent:
                await db.compact()
                assert await db.find_all() == documents
        for _ in range(2 if self.persistent else 0):
            async with self.open() as db:
                assert await db.find_all() == documents
                await db.compact()
                assert await db.find_all() == documents


def simulated(
    database: Database, *, log: bytes | None = None, latency_s: float = 0.0, **choices: Any
) -> Home:
    """Give a database on a simulated disk of its own, with that log if one is given."""
    home = Home(database, **choices)
    files = {} if log is None else {home.log: log}
    return evolve(home, simulated=SimulatedDisk(files, latency_s=latency_s))


class HeldStorage(MemoryStorage):
    """Keeps commits only when let go on, and dies of `error` then if one is set."""

    def __init__(self) -> None:
        self.gate = trio.Event()
        self.error: BaseException | None = None
        self.appended: list[Commit] = []
        self.closed = trio.Event()

    async def append(self, commits: Sequence[Commit]) -> None:
        """Keep commits once the gate is open."""
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.appended += commits

    async def aclose(self) -> None:
        """Note that it was closed."""
        self.closed.set()


# Calls.

Call: TypeAlias = Callable[[RedDb[Any], UUID], Awaitable[Any]]
"""Does one operation on a database of texts, and on the document of that id."""


async def _commit(db: RedDb[Any], id_: UUID) -> None:
    async with db.begin() as tx:
        tx.insert_one("new")
        tx.update_one(id_, "newer")


async def _watch(db: RedDb[Any], _: UUID) -> None:
    async with db.watch():
        pass


async def _live(db: RedDb[Any], _: UUID) -> None:
    async with db.query().live() as results:
        async for _documents in results:
            break


WRITES: dict[str, Call] = {
    "insert_one": lambda db, _: db.insert_one("new"),
    "insert": lambda db, _: db.insert(["new", "newer"]),
    "update_one": lambda db, id_: db.update_one(id_, "newer"),
    "update": lambda db, _: db.update("old", "new"),
    "exec": lambda db, _: db.update_where(lambda _: True).exec(lambda text: text),
    "returning": lambda db, _: db.update_where(lambda _: True).returning(lambda text: text),
    "delete_one": lambda db, id_: db.delete_one(id_),
    "delete": lambda db, _: db.delete("old"),
    "delete_where": lambda db, _: db.delete_where(lambda _: True),
    "commit": _commit,
    "transact": lambda db, id_: db.transact(lambda tx: tx.update_one(id_, "newer")),
    "compact": lambda db, _: db.compact(),
}
READS: dict[str, Call] = {
    "get": lambda db, id_: db.get(id_),
    "find_one": lambda db, id_: db.find_one(id_),
    "find_all": lambda db, _: db.find_all(),
    "find": lambda db, _: db.find("old"),
    "all": lambda db, _: db.query().filter(lambda _: True).order_by(str).all(),
    "first": lambda db, _: db.query().first(),
    "count": lambda db, _: db.query().count(),
    "ids": lambda db, _: db.query().ids(),
    "using_index": lambda db, _: db.using_index("length", 3),
    "stats": lambda db, _: db.stats(),
    "watch": _watch,
    "live": _live,
}
CALLS: dict[str, Call] = {
    **WRITES,
    **READS,
    "add_index": lambda db, _: db.add_index("length", len),
}
PLAIN_CALLS: dict[str, Callable[[RedDb[Any]], object]] = {
    "snapshot": lambda db: db.snapshot(),
    "begin": lambda db: db.begin(),
    "query": lambda db: db.query(),
    "update_where": lambda db: db.update_where(bool),
    "clone": lambda db: db.clone(),
}


async def terminal(query: Query[Any] | SnapshotQuery[Any], name: str) -> Any:
    """Run a terminal of either kind of query."""
    result = getattr(query, name)()
    return await result if isinstance(query, Query) else result


def data(documents: Sequence[Document[Any]]) -> list[Any]:
    """Give the documents' data."""
    return [document.data for document in documents]
