"""Finding the records of a JSON array, of a CBOR sequence and of CSV; see `reddb.api.pieces`.

None of these says how long a record is. A JSON or CBOR value is read to see where it ends; if the
bytes do not suffice, it is tried again when there are twice as many, so that a large value costs
no more than twice its reading.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable
from enum import Enum
from io import BytesIO
from typing import Final

import cbor2

from reddb.api.pieces import Piece, RawLines, SplitError

RECORD_BYTES_MAX: Final = 512 * 1024 * 1024
"""No record is larger. In a file that is damaged one may seem to have no end."""

_PATIENCE_CHARS: Final = 64
"""How near to the end of what was read an error may be one that more of the file would mend."""

_DELIMITERS: Final = frozenset(", ]\t\r\n")
_TOO_LARGE: Final = f"a record has no end in {RECORD_BYTES_MAX} bytes"

_space = re.compile(r"[ \t\r\n]*").match
_space_and_mark = re.compile(r"\ufeff?[ \t\r\n]*").match  # Some programs mark UTF-8 files.
_raw_decode = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode


class _Expected(Enum):
    """What comes next in an array."""

    ARRAY = "`[`, for the file is a JSON array"
    ITEM_OR_END = "a value or `]`"
    ITEM = "a value"
    COMMA_OR_END = "`,` or `]`"
    NOTHING = "nothing behind the array"


_SIGNS: Final = {
    (_Expected.ARRAY, "["): _Expected.ITEM_OR_END,
    (_Expected.ITEM_OR_END, "]"): _Expected.NOTHING,
    (_Expected.COMMA_OR_END, ","): _Expected.ITEM,
    (_Expected.COMMA_OR_END, "]"): _Expected.NOTHING,
}


class JsonArray:
    """Finds the items of a JSON array.

    Example:
        >>> array = JsonArray()
        >>> [piece.data for piece in array.feed(b'[{"a": 1}, {"a"')]
        [b'{"a": 1}']
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0
        self._try_at = 0
        self._offset = 0
        self._line = 1
        self._number = 1
        self._expected = _Expected.ARRAY

    def feed(self, data: bytes) -> Iterable[Piece]:
        """See `Splitter.feed`."""
        return self._found(data, is_end=False)

    def end(self) -> Iterable[Piece]:
        """See `Splitter.end`."""
        yield from self._found(b"", is_end=True)
        if self._expected is not _Expected.NOTHING:
            raise self._error(f"the file ends where there should be {self._expected.value}")

    def _found(self, data: bytes, *, is_end: bool) -> Iterable[Piece]:
        try:
            more = self._decoder.decode(data, final=is_end)
        except UnicodeDecodeError as error:
            raise self._error(f"not UTF-8: {error}") from error
        self._text = self._text[self._at :] + more
        self._at = 0
        if len(self._text) < self._try_at and not is_end:
            return
        self._try_at = 0
        while self._skip_space():
            sign = self._text[self._at]
            after = _SIGNS.get((self._expected, sign))
            if after is not None:
                self._expected = after
                self._step_to(self._at + 1)
            elif self._expected in {_Expected.ITEM, _Expected.ITEM_OR_END}:
                end = self._item_end(is_end=is_end)
                if end is None:
                    return
                yield self._item(end)
            else:
                raise self._error(f"expected {self._expected.value}, found {sign!r}")

    def _skip_space(self) -> bool:
        """Go to the next sign; tell whether there is one yet."""
        match = (_space if self._offset else _space_and_mark)(self._text, self._at)
        assert match is not None, "the pattern matches nothing too"
        self._step_to(match.end())
        return self._at < len(self._text)

    def _item_end(self, *, is_end: bool) -> int | None:
        """Give where the item ends that begins here; None if that is not to be seen yet."""
        text = self._text
        try:
            _, end = _raw_decode(text, self._at)
        except RecursionError as error:
            raise self._error("nested too deeply") from error
        except json.JSONDecodeError as error:
            is_patient = error.pos >= len(text) - _PATIENCE_CHARS or "Unterminated" in error.msg
            if is_end or not is_patient:
                raise self._error(f"not JSON: {error.msg}") from error
        else:
            # A number may go on, and `1.` or `1e` looks like an end after the 1.
            if is_end or text[end : end + 1] in _DELIMITERS or end + _PATIENCE_CHARS < len(text):
                return end
        self._try_at = 2 * (len(text) - self._at)
        if self._try_at > RECORD_BYTES_MAX:
            raise self._error(_TOO_LARGE)
        return None

    def _item(self, end: int) -> Piece:
        data = self._text[self._at : end].encode()
        piece = Piece(self._number, self._offset, self._line, data)
        self._number += 1
        self._expected = _Expected.COMMA_OR_END
        self._step_to(end)
        return piece

    def _step_to(self, end: int) -> None:
        passed = self._text[self._at : end]
        self._offset += len(passed.encode())
        self._line += passed.count("\n")
        self._at = end

    def _error(self, reason: str) -> SplitError:
        return SplitError(self._offset, f"line {self._line}: {reason}")


class CborSequence:
    r"""Finds the items of a CBOR sequence (RFC 8742).

    Example:
        >>> [piece.data for piece in CborSequence().feed(cbor2.dumps(1) + cbor2.dumps("a"))]
        [b'\x01', b'aa']
    """

    def __init__(self) -> None:
        self._rest = b""
        self._try_at = 0
        self._offset = 0
        self._number = 1

    def feed(self, data: bytes) -> Iterable[Piece]:
        """See `Splitter.feed`."""
        self._rest += data
        if len(self._rest) < self._try_at:
            return
        self._try_at = 0
        stream, at = BytesIO(self._rest), 0
        while at < len(self._rest):
            try:
                cbor2.load(stream)
            except cbor2.CBORDecodeEOF:
                self._try_at = 2 * (len(self._rest) - at)
                break
            except RecursionError as error:
                raise SplitError(self._offset, "nested too deeply") from error
            except Exception as error:  # Hostile bytes find TypeErrors and MemoryErrors in it too.
                raise SplitError(self._offset, f"not CBOR: {error}") from error
            item = self._rest[at : stream.tell()]
            yield Piece(self._number, self._offset, None, item)
            self._number += 1
            self._offset += len(item)
            at += len(item)
        self._rest = self._rest[at:]
        if self._try_at > RECORD_BYTES_MAX:
            raise SplitError(self._offset, _TOO_LARGE)

    def end(self) -> Iterable[Piece]:
        """See `Splitter.end`."""
        self._try_at = 0
        yield from self.feed(b"")
        if self._rest:
            raise SplitError(self._offset, f"the file ends within record {self._number}")


class CsvRecords:
    r"""Finds the records of a CSV file: lines, but for line ends that stand between quotes.

    A quote within quotes is written twice, so a record ends with the first line with which the
    number of quotes is even.

    Example:
        >>> [piece.data for piece in CsvRecords().feed(b'a,b\r\n1,"x\ny"\r\n')]
        [b'a,b\r\n', b'1,"x\ny"\r\n']
    """

    def __init__(self) -> None:
        self._lines = RawLines()
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._quotes = 0
        self._number = 1
        self._offset = 0
        self._line = 1

    def feed(self, data: bytes) -> Iterable[Piece]:
        """See `Splitter.feed`."""
        for line in self._lines.feed(data):
            yield from self._take(line)

    def end(self) -> Iterable[Piece]:
        """See `Splitter.end`."""
        for line in self._lines.end():
            yield from self._take(line)
        if self._held:
            raise SplitError(self._offset, f"line {self._line}: a quote is not closed")

    def _take(self, line: bytes) -> Iterable[Piece]:
        self._held.append(line)
        self._held_bytes += len(line)
        self._quotes += line.count(b'"')
        if self._quotes % 2:
            if self._held_bytes > RECORD_BYTES_MAX:
                raise SplitError(self._offset, f"line {self._line}: {_TOO_LARGE}")
            return
        data = b"".join(self._held)
        if data.strip():
            yield Piece(self._number, self._offset, self._line, data)
            self._number += 1
        self._offset += len(data)
        self._line += len(self._held)
        self._held, self._held_bytes, self._quotes = [], 0, 0
