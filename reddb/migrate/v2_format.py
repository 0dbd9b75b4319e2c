r"""The v2 files of the Rust crate, as bytes: a header of 32 bytes, then one record a change.

======  =====================================================================
bytes   header
======  =====================================================================
8       ``REDDB\0\2\0``
2       the version, 2
1       the format: 0 JSON, 1 RON, 2 YAML, 3 bincode
21      zero
======  =====================================================================

======  =====================================================================
bytes   record
======  =====================================================================
4       the payload's length
1       what it does: 1 inserts, 2 updates, 3 deletes
16      the document's UUID
...     the payload; a deletion has none
======  =====================================================================

Numbers are little-endian. There are no checksums.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from attrs import frozen

from reddb.api.pieces import Piece
from reddb.errors import DataCorrupted, RedDbError

MAGIC: Final = b"REDDB\0\2\0"
HEADER_BYTES: Final = 32
_HEADER = struct.Struct("<8sHB21x")
_RECORD = struct.Struct("<IB16s")
_VERSION: Final = 2
_OWN_VERSIONS_MIN: Final = 3


class Format(IntEnum):
    """How the payloads of a file are written."""

    JSON = 0
    RON = 1
    YAML = 2
    BINCODE = 3


class Op(IntEnum):
    """What a record does."""

    INSERT = 1
    UPDATE = 2
    DELETE = 3


_OPS: Final = frozenset(Op)


@frozen
class Head:
    """What a record says of itself."""

    op: Op
    key: int
    """The number of the document's UUID."""


def header_of(format: Format) -> bytes:  # noqa: A002  # It is what the crate calls it.
    """Give the bytes of a file's header."""
    return _HEADER.pack(MAGIC, _VERSION, format)


def record_of(key: int, payload: bytes) -> bytes:
    """Give the bytes of a record that inserts a document."""
    return _RECORD.pack(len(payload), Op.INSERT, key.to_bytes(16)) + payload


def read_header(path: str, data: bytes) -> Format:
    """Give the format that a file's first `HEADER_BYTES` bytes name.

    Raises:
        DataCorrupted: They are no header of a v2 file.
        RedDbError: The format is bincode.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise DataCorrupted(path, 0, _not_v2(data))
    if len(data) < HEADER_BYTES:
        raise DataCorrupted(path, len(data), "the file ends within the header of a v2 file")
    _, version, number = _HEADER.unpack(data)
    if version != _VERSION:
        raise DataCorrupted(path, 8, f"its version is {version}, not {_VERSION}")
    try:
        found = Format(number)
    except ValueError:
        raise DataCorrupted(path, 10, f"its format is {number}, which is none of 0 to 3") from None
    if found is Format.BINCODE:
        raise RedDbError(
            f"{path} is written in bincode, which only the Rust types that it was written from can "
            f"read; have the Rust program write it in JSON or RON, and migrate that"
        )
    return found


def _not_v2(data: bytes) -> str:
    if not data:
        return "the file is empty"
    if data[:6] == MAGIC[:6] and int.from_bytes(data[6:8], "little") >= _OWN_VERSIONS_MIN:
        return "this is a file of reddb itself, not of the Rust crate; open it as it is"
    return "this is no v2 file of the Rust crate"


def head_of(record: bytes) -> Head:
    """Give what a whole record says of itself.

    Raises:
        ValueError: It does nothing that is known.
    """
    _, op, key = _RECORD.unpack_from(record)
    if op not in _OPS:
        raise ValueError(f"it neither inserts, updates nor deletes (op {op})")
    return Head(Op(op), int.from_bytes(key))


def payload_of(record: bytes) -> bytes:
    """Give a whole record's payload."""
    return record[_RECORD.size :]


class Records:
    """Finds the records of a file; its splitter (see `reddb.api.pieces.Splitter`).

    It is fed the whole file, header included. A record that is not whole comes out at the end.

    Args:
        file_bytes: The file's size. A record that would end behind it is not waited for.
    """

    def __init__(self, file_bytes: int) -> None:
        self._file_bytes = file_bytes
        self._buffer = bytearray()
        self._skip = HEADER_BYTES
        self._offset = HEADER_BYTES
        self._number = 1
        self._cut = False

    def feed(self, data: bytes) -> Iterable[Piece]:
        """See `Splitter.feed`."""
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        if not self._cut:
            self._buffer += memoryview(data)[skipped:]
            yield from self._whole()

    def end(self) -> Iterable[Piece]:
        """See `Splitter.end`."""
        if self._buffer:
            yield Piece(self._number, self._offset, None, bytes(self._buffer), whole=False)

    def _whole(self) -> Iterable[Piece]:
        at = 0
        while len(self._buffer) - at >= _RECORD.size:
            size = _RECORD.size + _RECORD.unpack_from(self._buffer, at)[0]
            if self._offset + size > self._file_bytes:
                self._cut = True  # Its beginning is enough to say so.
                del self._buffer[at + _RECORD.size :]
            if len(self._buffer) - at < size:
                break
            yield Piece(self._number, self._offset, None, bytes(self._buffer[at : at + size]))
            self._number += 1
            self._offset += size
            at += size
        del self._buffer[:at]
