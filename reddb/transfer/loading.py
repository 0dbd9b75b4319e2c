"""Import: a file's documents, stored in a database."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import define, field

from reddb.actor.disk import Disk
from reddb.api.bulk import Bulk
from reddb.api.database import RedDb
from reddb.api.first_aid import opened_for_reading
from reddb.api.pieces import Piece, SplitError, go_through
from reddb.api.progress import OnProgress, Progress
from reddb.codecs import DocumentCodec, JsonCodec
from reddb.codecs.plain import Misfit
from reddb.errors import DataCorrupted, DecodeError, EncodeError
from reddb.transfer.formats import Format, Reader, format_of, reader_of

_BATCH_BYTES_MAX = 1024 * 1024
_BATCH_DOCUMENTS_MAX = 1000
"""How much is stored in one commit where it need not be all in one."""

_OWN_MAGIC = b"REDDB\0"


async def load(
    path: str | os.PathLike[str],
    db: RedDb[Any],
    *,
    format: Format | str | None = None,  # noqa: A002  # What else would one call it?
    ids: bool = True,
    atomic: bool = True,
    progress: OnProgress | None = None,
    disk: Disk | None = None,
) -> int:
    """Store the documents of a file, behind those that are there; give how many they are.

    By default all of them are one commit: a call that raises, is cancelled, or is killed with its
    program has stored nothing. Until then the encoded documents are held in memory, as they are
    by the database afterwards.

    Args:
        path: The file. It is only read. Its suffix names its format, unless `format` does.
        db: The database, of any format and any document type.
        format: How the file is written: a `Format` or its value, such as ``"jsonl"``.
        ids: Whether the field ``_id`` of a record, where there is one, is the document's id.
            Otherwise it is a field as any other, and every document gets a new id.
        atomic: Whether all documents are one commit. Otherwise they are stored in commits of up
            to 1,000 documents and about 1 MiB each, which others see as they come; those that were
            stored before an error or a cancellation stay.
        progress: Called now and then with how far it is.
        disk: The file system of the file; the real one by default.

    Raises:
        DataCorrupted: The file is not of the format; `offset` and `reason` say where and why.
        DecodeError: A document does not fit the document type; the message names the record.
        EncodeError: A document does not fit the format of the database, or is too large.
        RedDbError: Two documents have the same id, or the database has one with that id.
        UniqueViolation: Two documents would share a key of a unique index.
        PersistFailed: The database could not be written.
        FileNotFoundError: There is no such file.
        ValueError: There is no such format, or the suffix names none.
        OSError: The file cannot be read.
        Exception: Whatever `progress` or an index's key function raises.

    Example:
        >>> await reddb.transfer.load("notes.jsonl", db)
        120
    """
    where = Path(path)
    reader = reader_of(format_of(where, format), db.document_type, ids=ids)
    async with opened_for_reading(disk, where) as file:
        if (await file.read(0, len(_OWN_MAGIC))) == _OWN_MAGIC:
            raise DataCorrupted(str(where), 0, "it is a database, not an export; open it")
        load = _Load(where, await file.size(), reader, db, atomic, progress)
        try:
            await go_through(file, reader.splitter, load.store, load.report)
            await load.commit()
        except SplitError as error:
            raise DataCorrupted(str(where), error.offset, error.reason) from error
    return load.count


@define
class _Load:
    """One import."""

    _path: Path
    _size: int
    _reader: Reader
    _db: RedDb[Any]
    _atomic: bool
    _progress: OnProgress | None
    _codec: DocumentCodec[Any] = field(init=False)
    _bulk: Bulk[Any] = field(init=False)
    count: int = field(default=0, init=False)
    """How many documents were read."""

    def __attrs_post_init__(self) -> None:
        self._codec = DocumentCodec(JsonCodec(), self._db.document_type)
        self._bulk = self._db._bulk()  # noqa: SLF001  # Another room of our own.

    async def store(self, pieces: Sequence[Piece]) -> None:
        """Add the documents of some records, and commit them if that is due."""
        for piece in pieces:
            self._add(piece)
        if not self._atomic and (
            len(self._bulk) >= _BATCH_DOCUMENTS_MAX or self._bulk.size_bytes >= _BATCH_BYTES_MAX
        ):
            await self.commit()

    async def commit(self) -> None:
        """Store what was added."""
        if len(self._bulk):
            await self._bulk.commit()

    def report(self, bytes_done: int) -> None:
        """Tell how far it is."""
        if self._progress is not None:
            self._progress(
                Progress(done=bytes_done, total=self._size, unit="bytes", document_count=self.count)
            )

    def _add(self, piece: Piece) -> None:
        id_ = None
        try:
            row = self._reader.read(piece)
            if row is None:
                return
            id_, plain = row
            self._bulk.add(id_, self._codec.from_plain(plain))
        except Misfit as misfit:
            raise DecodeError(f"{piece.place}: {misfit.message}", misfit.path) from misfit
        except DecodeError as error:
            raise DecodeError(f"{piece.place}: {error.args[0]}", error.path, id_) from error
        except EncodeError as error:
            raise EncodeError(f"{piece.place}: {error.args[0]}", error.path) from error
        except ValueError as error:
            reason = f"{piece.place}: {error}"
            raise DataCorrupted(str(self._path), piece.offset, reason) from error
        self.count += 1
