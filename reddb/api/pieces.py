"""Going through a file from its beginning to its end, a piece at a time: a line, a record.

A *splitter* finds the pieces. It is given the file's bytes as they come, in chunks of any size,
touches no file itself, and holds no more than the piece that is not whole yet. `go_through` reads
the file in a worker thread, and lets other tasks run between slices of the pieces.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Protocol

from attrs import frozen

from reddb.actor.disk import DiskFile
from reddb.actor.scan import sliced
from reddb.actor.turns import let_others_run

CHUNK_BYTES: Final = 256 * 1024
"""How much is read at a time."""

_SLICE_PIECES: Final = 32
"""How many pieces are handled between two checkpoints: 2 ms of the slowest format."""


@frozen
class Piece:
    """One record of a file, as it stands there."""

    number: int
    """Which one it is, counted from 1."""
    offset: int
    """Where it begins, in bytes from the beginning of the file."""
    line: int | None
    """In which line it begins, counted from 1; None in a file without lines."""
    data: bytes
    whole: bool = True
    """False if the file ended before a sign that the piece does."""

    @property
    def place(self) -> str:
        """Name the piece, for an error's message."""
        where = f"byte {self.offset}" if self.line is None else f"line {self.line}"
        return f"record {self.number} ({where})"


class SplitError(Exception):
    """There is no finding the pieces of a file.

    Attributes:
        offset: Where, in bytes from the beginning of the file.
        reason: Why.
    """

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(offset, reason)
        self.offset = offset
        self.reason = reason


class Splitter(Protocol):
    """Finds the pieces of a file. It raises `SplitError` where that cannot be done."""

    def feed(self, data: bytes) -> Iterable[Piece]:
        """Take the next bytes; give the pieces that are whole now."""

    def end(self) -> Iterable[Piece]:
        """Give what is left when there are no more bytes."""


async def go_through(
    file: DiskFile,
    splitter: Splitter,
    handle: Callable[[Sequence[Piece]], Awaitable[None]],
    report: Callable[[int], None],
) -> None:
    """Read a file to its end, and have its pieces handled in order.

    Args:
        file: What to read.
        splitter: Finds the pieces.
        handle: Called with a few pieces at a time.
        report: Called with the bytes that are done, after each chunk.
    """
    offset = 0
    while data := await file.read(offset, CHUNK_BYTES):
        offset += len(data)
        await _handle_all(list(splitter.feed(data)), handle)
        report(offset)
    await _handle_all(list(splitter.end()), handle)


async def _handle_all(
    pieces: Sequence[Piece], handle: Callable[[Sequence[Piece]], Awaitable[None]]
) -> None:
    for part in sliced(pieces, _SLICE_PIECES):
        await handle(part)
        await let_others_run()


class Lines:
    r"""Finds the pieces of a file that are one line each; blank lines are none.

    Example:
        >>> lines = Lines()
        >>> [piece.data for piece in lines.feed(b"a\n\nb\nc")]
        [b'a', b'b']
        >>> [piece.data for piece in lines.end()]
        [b'c']
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._offset = 0
        self._line = 1
        self._number = 1

    def feed(self, data: bytes) -> Iterable[Piece]:
        """See `Splitter.feed`."""
        *lines, last = data.split(b"\n")
        for line in lines:
            if self._rest:
                line = bytes(self._rest + line)  # noqa: PLW2901  # Only the first one's beginning.
                self._rest.clear()
            if (piece := self._piece(line, whole=True)) is not None:
                yield piece
            self._offset += len(line) + 1
            self._line += 1
        self._rest += last

    def end(self) -> Iterable[Piece]:
        """See `Splitter.end`."""
        piece = self._piece(bytes(self._rest), whole=False)
        return [] if piece is None else [piece]

    def _piece(self, line: bytes, *, whole: bool) -> Piece | None:
        if not line.strip():
            return None
        self._number += 1
        return Piece(self._number - 1, self._offset, self._line, line, whole)


class YamlDocuments:
    r"""Finds the pieces of a YAML stream: its documents, each of which begins with ``---``.

    What stands before the first ``---`` is a document if it holds more than comments and
    directives. Nothing says that the last document ends, so it is never `Piece.whole`.

    Example:
        >>> documents = YamlDocuments()
        >>> [piece.data for piece in documents.feed(b"---\na: 1\n---\na: 2\n")]
        [b'---\na: 1\n']
    """

    def __init__(self) -> None:
        self._lines = RawLines()
        self._held: list[bytes] = []
        self._number = 1
        self._offset = self._next_offset = 0
        self._line = self._next_line = 1

    def feed(self, data: bytes) -> Iterable[Piece]:
        """See `Splitter.feed`."""
        for line in self._lines.feed(data):
            yield from self._take(line)

    def end(self) -> Iterable[Piece]:
        """See `Splitter.end`."""
        for line in self._lines.end():
            yield from self._take(line)
        yield from self._document(whole=False)

    def _take(self, line: bytes) -> Iterable[Piece]:
        if line.startswith(b"---") and line[3:4] in {b"", b" ", b"\t", b"\r", b"\n"}:
            yield from self._document(whole=True)
        self._held.append(line)
        self._next_offset += len(line)
        self._next_line += 1

    def _document(self, *, whole: bool) -> Iterable[Piece]:
        """Give the lines that are held, if they are a document."""
        if any(map(_is_content, self._held)):
            yield Piece(self._number, self._offset, self._line, b"".join(self._held), whole)
            self._number += 1
        self._held = []
        self._offset, self._line = self._next_offset, self._next_line


def _is_content(line: bytes) -> bool:
    return bool(line.strip()) and not line.startswith((b"#", b"%", b"..."))


class RawLines:
    """Finds lines, with their ends."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterable[bytes]:
        """Take the next bytes; give the lines that are whole now."""
        *lines, last = data.split(b"\n")
        for line in lines:
            yield bytes(self._rest) + line + b"\n"
            self._rest.clear()
        self._rest += last

    def end(self) -> Iterable[bytes]:
        """Give what is left when there are no more bytes."""
        if self._rest:
            yield bytes(self._rest)
