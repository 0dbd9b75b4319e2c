"""Export: the documents of one moment, written to a file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import trio

from reddb.actor.disk import Disk, RealDisk
from reddb.actor.new_file import new_file
from reddb.actor.write_out import write_out
from reddb.api.database import RedDb
from reddb.api.progress import OnProgress, report_documents
from reddb.api.snapshot import Snapshot
from reddb.codecs import Notation
from reddb.codecs.typed import DocumentType, Schema
from reddb.errors import EncodeError
from reddb.transfer.formats import Format, Row, format_of, writer_of


async def dump(
    db: RedDb[Any] | Snapshot[Any],
    path: str | os.PathLike[str],
    *,
    format: Format | str | None = None,  # noqa: A002  # What else would one call it?
    ids: bool = True,
    overwrite: bool = False,
    progress: OnProgress | None = None,
    disk: Disk | None = None,
) -> int:
    """Write all documents of one moment to a file; give how many there are.

    `load` reads what it writes, and every value comes back equal. Documents are written one after
    the other, as they are decoded; others read and write the database meanwhile.

    The file gets its name when it is whole and on disk, and only its owner may read it. A call that
    raises or is cancelled leaves no file.

    Args:
        db: The database, or a snapshot of it.
        path: The new file. Its suffix names its format, unless `format` does.
        format: How to write it: a `Format` or its value, such as ``"jsonl"``.
        ids: Whether to write each document's id, as the field ``_id``.
        overwrite: Whether to replace a file of that name.
        progress: Called now and then with how far it is.
        disk: The file system of the file; the real one by default.

    Raises:
        DecodeError: A stored document does not fit the document type.
        EncodeError: A document cannot be written; the message names it.
        DatabaseLocked: The path is that of a database that is open.
        FileExistsError: There is a file of that name.
        ValueError: There is no such format, or the suffix names none.
        OSError: The file cannot be written.
        Exception: Whatever `progress` raises.

    Example:
        >>> await reddb.transfer.dump(db, "notes.jsonl")
        120
    """
    where = Path(path)
    chosen = format_of(where, format)
    snapshot = db.snapshot() if isinstance(db, RedDb) else db
    document_type = snapshot.document_type
    is_plain = DocumentType.of(document_type).type is Any
    keys = await _keys_of(snapshot) if chosen is Format.CSV and is_plain else None
    writer = writer_of(chosen, document_type, keys, ids=ids)
    total = len(snapshot)

    def report(pieces: int) -> None:
        # What stands before and after the documents are pieces too.
        report_documents(progress, max(0, min(pieces - 1, total)), total)

    async with new_file(disk or RealDisk(), where, overwrite=overwrite) as file:
        await write_out(file, writer.pieces(_rows_of(snapshot)), report)
        await file.sync()
    return total


def _rows_of(snapshot: Snapshot[Any]) -> Iterator[Row]:
    schema: Schema[Any] = Schema(snapshot.document_type, Notation.PLAIN)
    for document in snapshot:
        try:
            yield document.id, schema.to_plain(document.data)
        except EncodeError as error:
            raise EncodeError(f"document {document.id}: {error.args[0]}", error.path) from error


async def _keys_of(snapshot: Snapshot[Any]) -> Sequence[str] | None:
    """Give the keys of all documents, in the order of their first occurrence.

    None if one of the documents is no dict.
    """
    keys: dict[str, None] = {}
    for number, document in enumerate(snapshot):
        if type(document.data) is not dict:
            return None
        keys.update(dict.fromkeys(document.data))
        if number % _SLICE_DOCUMENTS == 0:
            await trio.lowlevel.checkpoint()
    return list(keys)


_SLICE_DOCUMENTS = 128
"""How many documents are looked at between two checkpoints."""
