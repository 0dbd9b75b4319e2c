"""The formats of import and export: which there are, and how their records are written and read.

A record is a plain value; `reddb.transfer.ids` says what it holds. CSV has columns instead, see
`reddb.transfer.cells`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

from attrs import define, field, frozen

from reddb.api.pieces import Lines, Piece, Splitter, YamlDocuments
from reddb.codecs import CborCodec, Codec, JsonCodec, YamlCodec
from reddb.codecs.protocol import Plain
from reddb.transfer import cells
from reddb.transfer.cells import Column
from reddb.transfer.ids import ID, VALUE, id_of, with_id, without_id
from reddb.transfer.splitters import CborSequence, CsvRecords, JsonArray


class Format(StrEnum):
    """How a file of documents is written."""

    JSONL = "jsonl"
    """JSON lines: a record a line. Suffixes ``.jsonl`` and ``.ndjson``."""
    JSON = "json"
    """One JSON array. Suffix ``.json``."""
    CSV = "csv"
    """Comma-separated values (RFC 4180) with a header. Suffix ``.csv``."""
    CBOR = "cbor"
    """A CBOR sequence (RFC 8742). Suffixes ``.cbor`` and ``.cborseq``."""
    YAML = "yaml"
    """A stream of YAML documents. Suffixes ``.yaml`` and ``.yml``."""


_SUFFIXES: Final = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".cbor": Format.CBOR,
    ".cborseq": Format.CBOR,
    ".yaml": Format.YAML,
    ".yml": Format.YAML,
}


def format_of(path: Path, given: Format | str | None) -> Format:
    """Give the format that is given, or else that of a path's suffix.

    Raises:
        ValueError: There is no such format, or the suffix names none.
    """
    if given is not None:
        return Format(given)
    try:
        return _SUFFIXES[path.suffix.lower()]
    except KeyError:
        raise ValueError(
            f"the suffix of {path} says no format; use one of {', '.join(_SUFFIXES)}, or format="
        ) from None


Row = tuple[UUID, Plain]
"""A document's id and its plain value."""


class Writer(Protocol):
    """Makes the pieces of a file."""

    def pieces(self, rows: Iterable[Row]) -> Iterator[bytes]:
        """Give what stands before the records, each record, and what stands after them."""


class Reader(Protocol):
    """Makes documents of the pieces of a file."""

    @property
    def splitter(self) -> Splitter:
        """What finds the pieces."""

    def read(self, piece: Piece) -> tuple[UUID | None, Plain] | None:
        """Give a document's plain value and its id, if it has one; None if the piece is none.

        Raises:
            ValueError: The piece is no record.
        """


# All formats but CSV: a value, and something around it.


@frozen
class _Notation:
    """What a format writes around its values."""

    codec: Codec
    splitter: Callable[[], Splitter]
    first: bytes = b""
    before: bytes = b""
    between: bytes = b""
    after: bytes = b""
    last: bytes = b""


_NOTATIONS: Final = {
    Format.JSONL: _Notation(JsonCodec(), Lines, after=b"\n"),
    Format.JSON: _Notation(JsonCodec(), JsonArray, first=b"[\n", between=b",\n", last=b"\n]\n"),
    Format.CBOR: _Notation(CborCodec(), CborSequence),
    Format.YAML: _Notation(YamlCodec(), YamlDocuments, before=b"---\n"),
}


@frozen
class _ValueWriter:
    _notation: _Notation
    _ids: bool

    def pieces(self, rows: Iterable[Row]) -> Iterator[bytes]:
        notation = self._notation
        yield notation.first
        between = b""
        for id_, value in rows:
            record = with_id(id_, value) if self._ids else value
            data = notation.codec.encode(record)
            yield b"".join((between, notation.before, data, notation.after))
            between = notation.between
        yield notation.last


@frozen
class _ValueReader:
    splitter: Splitter
    _codec: Codec
    _ids: bool

    def read(self, piece: Piece) -> tuple[UUID | None, Plain] | None:
        record = self._codec.decode(piece.data)
        return without_id(record) if self._ids else (None, record)


# CSV.


@frozen
class _CsvWriter:
    _columns: Sequence[Column]
    _ids: bool

    def pieces(self, rows: Iterable[Row]) -> Iterator[bytes]:
        names = [column.name for column in self._columns]
        is_value = names == [VALUE]
        yield cells.line_of([ID, *names] if self._ids else names)
        for id_, value in rows:
            row = cells.row_of(self._columns, {VALUE: value} if is_value else value)
            yield cells.line_of([str(id_), *row] if self._ids else row)


@define
class _CsvReader:
    _document_type: Any
    _ids: bool
    splitter: Splitter = field(factory=CsvRecords, init=False)
    _names: list[str] | None = field(default=None, init=False)
    _columns: Sequence[Column] = field(default=(), init=False)

    def read(self, piece: Piece) -> tuple[UUID | None, Plain] | None:
        row = cells.read_line(piece.data)
        if self._names is None:
            self._read_header(row)
            return None
        if len(row) != len(self._names):
            raise ValueError(f"the header has {len(self._names)} columns, this has {len(row)}")
        id_ = None
        if self._ids and ID in self._names:
            text = row.pop(self._names.index(ID))
            id_ = id_of(text) if text else None
        value = cells.read_row(self._columns, row)
        is_value = [column.name for column in self._columns] == [VALUE]
        return id_, value[VALUE] if is_value else value

    def _read_header(self, names: list[str]) -> None:
        if len(set(names)) < len(names):
            raise ValueError("two columns have the same name")
        self._names = names
        wanted = [name for name in names if not (self._ids and name == ID)]
        self._columns = cells.columns_for(self._document_type, wanted)


def writer_of(
    format: Format,  # noqa: A002  # It is what the argument of `dump` is called.
    document_type: Any,
    keys: Sequence[str] | None,
    *,
    ids: bool,
) -> Writer:
    """Give what writes a file.

    Args:
        format: How to write it.
        document_type: The type of the documents.
        keys: The keys of all documents, if they are plain values and all of them are dicts.
        ids: Whether to write ids.
    """
    if format is not Format.CSV:
        return _ValueWriter(_NOTATIONS[format], ids)
    columns = cells.columns_of(document_type)
    if columns is None and keys is not None and not {ID, VALUE}.intersection(keys):
        columns = cells.plain_columns(keys)
    return _CsvWriter([cells.value_column(document_type)] if columns is None else columns, ids)


def reader_of(format: Format, document_type: Any, *, ids: bool) -> Reader:  # noqa: A002
    """Give what reads a file.

    Args:
        format: How it is written.
        document_type: The type of the documents.
        ids: Whether a record's ``_id`` is the document's id.
    """
    if format is Format.CSV:
        return _CsvReader(document_type, ids)
    notation = _NOTATIONS[format]
    return _ValueReader(notation.splitter(), notation.codec, ids)
