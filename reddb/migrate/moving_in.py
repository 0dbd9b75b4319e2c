"""Moving in: the files of the Rust crate read into a database that is open and empty.

A file is gone through twice. The first time only to note which record holds the last version of
each document that is there in the end; the second time to read those, and no others. So old
versions and deleted documents take no memory, and need not fit the document type. What is read is
stored in one commit.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from attrs import define, field

from reddb.actor.disk import Disk, DiskFile
from reddb.actor.document import uuid_of
from reddb.actor.survey import TornTail
from reddb.actor.wording import counted
from reddb.api.bulk import Bulk
from reddb.api.database import RedDb
from reddb.api.first_aid import opened_for_reading
from reddb.api.pieces import Lines, Piece, Splitter, YamlDocuments, go_through
from reddb.api.progress import OnProgress, Progress
from reddb.codecs.plain import Misfit
from reddb.codecs.ron import Node
from reddb.codecs.typed.plan import Plan
from reddb.errors import DataCorrupted, DecodeError, EncodeError, RedDbError
from reddb.migrate import serde_formats, v1_format, v2_format
from reddb.migrate.serde_types import plan_of
from reddb.migrate.v2_format import HEADER_BYTES, Format, Head, Op

_LOG = logging.getLogger("reddb")

_SUFFIXES = {".json": Format.JSON, ".ron": Format.RON, ".yaml": Format.YAML, ".yml": Format.YAML}


def format_of(path: Path) -> Format:
    """Give the format that a file's suffix names.

    Raises:
        ValueError: It names none.
    """
    try:
        return _SUFFIXES[path.suffix.lower()]
    except KeyError:
        raise ValueError(
            f"the suffix of {path} says no format; it must be one of {', '.join(_SUFFIXES)}"
        ) from None


class _Source(Protocol):
    """One of the two kinds of files."""

    def splitter(self) -> Splitter:
        """Give what finds the records."""

    def head(self, piece: Piece) -> Head:
        """Give what a record says of itself, or raise ValueError."""

    def node(self, piece: Piece) -> Node:
        """Give a record's document, or raise ValueError."""


@define
class _V1:
    format: Format

    def splitter(self) -> Splitter:
        return YamlDocuments() if self.format is Format.YAML else Lines()

    def head(self, piece: Piece) -> Head:
        return v1_format.read_record(self.format, piece.data)[0]

    def node(self, piece: Piece) -> Node:
        return v1_format.read_record(self.format, piece.data)[1]


@define
class _V2:
    format: Format
    file_bytes: int

    def splitter(self) -> Splitter:
        return v2_format.Records(self.file_bytes)

    def head(self, piece: Piece) -> Head:
        if not piece.whole:
            raise ValueError("the record is cut short")
        return v2_format.head_of(piece.data)

    def node(self, piece: Piece) -> Node:
        return serde_formats.read(self.format, v2_format.payload_of(piece.data))


async def from_v1(
    path: str | os.PathLike[str],
    db: RedDb[Any],
    *,
    progress: OnProgress | None = None,
    on_torn: Callable[[TornTail], None] | None = None,
    disk: Disk | None = None,
) -> int:
    """Read a v1 file of the Rust crate (0.2.3) into a database; give how many documents it has.

    The format is that of the path's suffix: ``.json``, ``.ron``, or ``.yaml`` (also ``.yml``).
    Everything else is as for `from_v2`.

    Args:
        path: The file. It is only read.
        db: As for `from_v2`.
        progress: As for `from_v2`.
        on_torn: As for `from_v2`. The tail is what the last record is cut short to.
        disk: As for `from_v2`.

    Raises:
        Exception: As `from_v2`, but bincode is unknown here.
        ValueError: The suffix names no format.

    Example:
        >>> async with JsonDb.open("users", User) as db:
        ...     await reddb.migrate.from_v1("old/users.ron", db)
        3
    """
    where = Path(path)
    source = _V1(format_of(where))
    _check_empty(db)
    async with opened_for_reading(disk, where) as file:
        return await _Move(where, file, source, db, progress, on_torn).run()


async def from_v2(
    path: str | os.PathLike[str],
    db: RedDb[Any],
    *,
    progress: OnProgress | None = None,
    on_torn: Callable[[TornTail], None] | None = None,
    disk: Disk | None = None,
) -> int:
    """Read a v2 file of the Rust crate into a database; give how many documents it has.

    The documents keep their ids. They come in the order in which they were inserted; an update
    keeps a document's place, and one that was deleted and inserted again has the later place. All
    are stored in one commit: a call that raises, is cancelled, or is killed with its program has
    stored nothing.

    A record that the file's end cuts short is left out, with a warning on the ``reddb`` logger.

    Args:
        path: The file. It is only read. Its header says whether it is JSON, RON or YAML.
        db: An open database without documents, of any format and any document type.
        progress: Called now and then with how far it is. What was read is stored after all
            of it is, so the last call does not mean that it is.
        on_torn: Called with what is left out at the end of the file, if anything is, before the
            rest is stored. Raise an exception in it to have nothing stored.
        disk: The file system of the file; the real one by default.

    Raises:
        DataCorrupted: The file is no v2 file, or a record is damaged; `offset` says where.
        DecodeError: A document does not fit the document type; the message names the record.
        EncodeError: A document does not fit the format of the database, or is too large.
        RedDbError: The database has documents, or the file is written in bincode.
        UniqueViolation: Two documents would share a key of a unique index.
        PersistFailed: The database could not be written.
        FileNotFoundError: There is no such file.
        TypeError: The document type has no equal in Rust.
        OSError: The file cannot be read.
        Exception: Whatever `progress`, `on_torn` or an index's key function raises.

    Example:
        >>> async with JsonDb.open("users", User) as db:
        ...     await reddb.migrate.from_v2("old/users.ron", db)
        22
    """
    where = Path(path)
    _check_empty(db)
    async with opened_for_reading(disk, where) as file:
        found = v2_format.read_header(str(where), await file.read(0, HEADER_BYTES))
        source = _V2(found, await file.size())
        return await _Move(where, file, source, db, progress, on_torn).run()


def _check_empty(db: RedDb[Any]) -> None:
    count = len(db.snapshot())
    if count:
        message = f"the database is not empty: it has {counted(count, 'document')}; take another"
        raise RedDbError(message)


@define
class _Move:
    """One migration."""

    _path: Path
    _file: DiskFile
    _source: _Source
    _db: RedDb[Any]
    _progress: OnProgress | None
    _on_torn: Callable[[TornTail], None] | None
    _plan: Plan = field(init=False)
    _bulk: Bulk[Any] = field(init=False)
    _size: int = field(default=0, init=False)
    _last: dict[int, int] = field(factory=dict, init=False)
    """The number of the record that each document is read from, in the order of insertion."""
    _wanted: dict[int, int] = field(factory=dict, init=False)
    """The key of the document that is read from each of these records."""
    _torn: TornTail | None = field(default=None, init=False)

    async def run(self) -> int:
        """Go through the file twice, and store what is there in the end."""
        self._plan = plan_of(self._db.document_type)
        self._bulk = self._db._bulk()  # noqa: SLF001  # Another room of our own.
        self._size = await self._file.size()
        await self._go_through(self._note, 0)
        self._wanted = {number: key for key, number in self._last.items()}
        await self._go_through(self._read, self._size)
        if await self._file.size() != self._size:
            raise DataCorrupted(str(self._path), self._size, "it was changed while it was read")
        self._report(2 * self._size)
        if self._torn is not None:
            _LOG.warning("%s: %s; it is left out", self._path, self._torn)
            if self._on_torn is not None:
                self._on_torn(self._torn)
        await self._bulk.commit(order=self._last, expects_empty=True)
        return len(self._last)

    async def _go_through(
        self, handle: Callable[[Sequence[Piece]], Awaitable[None]], done_before: int
    ) -> None:
        def report(bytes_done: int) -> None:
            self._report(done_before + bytes_done)

        await go_through(self._file, self._source.splitter(), handle, report)

    def _report(self, bytes_done: int) -> None:
        if self._progress is not None:
            self._progress(
                Progress(
                    done=bytes_done,
                    total=2 * self._size,
                    unit="bytes",
                    document_count=len(self._bulk),
                )
            )

    async def _note(self, pieces: Sequence[Piece]) -> None:
        """Note which records hold what is there in the end."""
        for piece in pieces:
            try:
                head = self._source.head(piece)
            except ValueError as error:
                if piece.whole:
                    raise self._damaged(piece, error) from error
                length = self._size - piece.offset
                self._torn = TornTail(piece.offset, length, f"{piece.place}: {error}")
                continue
            if head.op is Op.DELETE:
                self._last.pop(head.key, None)
            else:
                self._last[head.key] = piece.number

    async def _read(self, pieces: Sequence[Piece]) -> None:
        """Read the documents that are there in the end."""
        for piece in pieces:
            key = self._wanted.get(piece.number)
            if key is not None:
                self._add(piece, uuid_of(key))

    def _add(self, piece: Piece, id: UUID) -> None:  # noqa: A002
        try:
            node = self._source.node(piece)
        except ValueError as error:
            raise self._damaged(piece, error) from error
        try:
            self._bulk.add(id, self._plan.decode(node))
        except Misfit as misfit:
            raise DecodeError(f"{piece.place}: {misfit.message}", misfit.path, id) from misfit
        except RecursionError:
            raise DecodeError(f"{piece.place}: nested too deeply", "$", id) from None
        except EncodeError as error:
            raise EncodeError(f"{piece.place}: {error.args[0]}", error.path) from error

    def _damaged(self, piece: Piece, error: ValueError) -> DataCorrupted:
        return DataCorrupted(str(self._path), piece.offset, f"{piece.place}: {error}")
