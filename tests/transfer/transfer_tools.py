"""What the tests of import and export share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import trio
from attrs import frozen

from reddb import Document, MemDb
from reddb.api.pieces import Piece, Splitter
from reddb.testing.simulated_disk import SimulatedDisk
from reddb.transfer import Format, dump, load

FORMATS = tuple(Format)
SUFFIXES = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".cbor": Format.CBOR,
    ".cborseq": Format.CBOR,
    ".yaml": Format.YAML,
    ".yml": Format.YAML,
}


@frozen
class Note:
    text: str
    done: bool = False
    tags: tuple[str, ...] = ()
    rank: float | None = None


NOTES = [
    Note("buy milk"),
    Note("", done=True, tags=("a", ""), rank=0.5),
    Note('quo"tes, commas\r\nand\nlines', rank=-0.0),
    Note("---\n[1, {"),
    Note("é\u2028🦀\x00\ufeff"),
]


async def there_and_back(
    kind: Any, values: list[Any], chosen: Format, *, ids: bool = True
) -> tuple[list[Document[Any]], list[Document[Any]]]:
    """Dump a database of values and load it into another; give the documents of both."""
    path, disk = Path("dump"), SimulatedDisk()
    async with MemDb.open("from", kind) as db:
        before = await db.insert(values)
        assert await dump(db, path, format=chosen, ids=ids, disk=disk) == len(values)
    async with MemDb.open("to", kind) as db:
        assert await load(path, db, format=chosen, ids=ids, disk=disk) == len(values)
        return before, await db.find_all()


async def loaded(path: Path, content: str | bytes, kind: Any = Any, **options: Any) -> list[Any]:
    """Load a file of this content; give the data of all documents."""
    await trio.Path(path).write_bytes(content.encode() if isinstance(content, str) else content)
    async with MemDb.open("to", kind) as db:
        await load(path, db, **options)
        return [document.data for document in await db.find_all()]


def split(splitter: Splitter, parts: Iterable[bytes]) -> list[Piece]:
    """Feed a splitter all parts of a file; give all pieces."""
    pieces = [piece for part in parts for piece in splitter.feed(part)]
    return [*pieces, *splitter.end()]
