"""What a command writes: documents and records on standard output, everything else elsewhere.

On a terminal documents are laid out and coloured. On a pipe or in a file each is one line, id and
value with a tab between, without colour and without being broken, for other programs to cut up.
With ``--json`` each record is one JSON object on a line of its own, on a terminal, too.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from attrs import asdict, define, field
from rich.console import Console
from rich.filesize import decimal
from rich.highlighter import JSONHighlighter, ReprHighlighter
from rich.pretty import pretty_repr
from rich.text import Text

from reddb.actor.survey import Damage, TornTail
from reddb.actor.wording import counted
from reddb.cli import layout
from reddb.cli.sources import Kind
from reddb.codecs import JsonCodec

_JSON = JsonCodec()
_INDENT = 2
_REPR_CHARS_MIN = 40


def stderr_console() -> Console:
    """Give the console of what is no result: progress bars and notes."""
    return Console(stderr=True, highlight=False)


class _Notes(logging.Handler):
    """Shows what reddb logs."""

    def emit(self, record: logging.LogRecord) -> None:
        note = Text.assemble(("Note: ", "bold yellow"), record.getMessage())
        stderr_console().print(note, soft_wrap=True)


@contextlib.contextmanager
def notes_shown(*, hidden: bool) -> Iterator[None]:
    """Show on standard error what reddb logs meanwhile, such as what it cuts off a file.

    Args:
        hidden: Whether to hide it instead, as where standard error is for JSON alone.
    """
    logger = logging.getLogger("reddb")
    handler = logging.NullHandler() if hidden else _Notes(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class ReaderGoneError(Exception):
    """Who was to read standard output has closed it, as ``head`` does when it has seen enough."""


@define(eq=False)
class Output:
    """Writes what a command has found.

    Args:
        as_json: Whether every record is a JSON object.
    """

    as_json: bool
    _console: Console = field(factory=lambda: Console(highlight=False, markup=False))

    @property
    def on_terminal(self) -> bool:
        """Whether somebody looks on."""
        return self._console.is_terminal

    def bar_console(self) -> Console:
        """Give the console for a bar beside output: none where both would be on one terminal."""
        return Console(quiet=True, file=io.StringIO()) if self.on_terminal else stderr_console()

    def record(self, record: Mapping[str, Any]) -> None:
        """Write one JSON object on a line.

        Raises:
            ReaderGoneError: Nobody is there to read it.
        """
        self._write(_JSON.encode(dict(record)))

    def line(self, text: str | Text) -> None:
        """Write one line of text, which is never broken.

        Raises:
            ReaderGoneError: Nobody is there to read it.
        """
        if self.on_terminal:
            self._console.print(text, soft_wrap=True)
        else:
            self._write(str(text).encode(errors="backslashreplace"))

    def flush(self) -> None:
        """Have everything that was written where it is to go.

        Raises:
            ReaderGoneError: Nobody is there to read it.
        """
        try:
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise ReaderGoneError from error

    def _write(self, line: bytes) -> None:
        try:
            sys.stdout.buffer.write(line + b"\n")
            if self.on_terminal:
                sys.stdout.buffer.flush()
        except BrokenPipeError as error:
            raise ReaderGoneError from error

    def facts(self, facts: Mapping[str, str]) -> None:
        """Write what is known of one thing, one line each."""
        width = max(map(len, facts))
        for name, value in facts.items():
            self.line(Text.assemble((f"{name:<{width}}  ", "bold"), value))

    def document(self, id_: UUID, data: Any, kind: Kind) -> None:
        """Write one document."""
        if self.as_json:
            self.record({"id": str(id_), "data": kind.plain(data)})
        elif self.on_terminal:
            self.beside(Text(str(id_), "cyan"), data, kind)
        else:
            self.line(f"{id_}\t{one_line(data, kind)}")

    def beside(self, head: Text, data: Any, kind: Kind) -> None:
        """Write a document's data beside a head if there is room for both, or else below it."""
        if not self.on_terminal:
            self.line(f"{head}  {one_line(data, kind)}")
            return
        room = self._console.width - head.cell_len - 2
        value = self._shown(data, kind, room)
        if "\n" not in value.plain and value.cell_len <= room:
            self.line(Text.assemble(head, "  ", value))
        else:
            self.line(head)
            for line in value.split("\n"):
                self.line(Text.assemble(" " * _INDENT, line))

    def _shown(self, data: Any, kind: Kind, room: int) -> Text:
        """Give a value as a person reads it, over several lines where it is long."""
        if kind.typed:
            return ReprHighlighter()(pretty_repr(data, max_width=max(room, _REPR_CHARS_MIN)))
        text = layout.one_line(data)
        if len(text) > room:
            text = layout.laid_out(data, self._console.width - _INDENT)
        return JSONHighlighter()(text)


def one_line(data: Any, kind: Kind) -> str:
    """Give a value on one line: as JSON or, if it has a type, as Python shows it."""
    if kind.typed:
        return " ".join(repr(data).splitlines())
    return _JSON.encode(kind.plain(data)).decode()


def bytes_text(count: int) -> str:
    """Give a size for people, such as ``12,345 bytes (12.3 kB)``."""
    return counted(count, "byte") + (f" ({decimal(count)})" if count >= 1000 else "")


def damages(damage: Iterable[Damage], torn_tail: TornTail | None) -> dict[str, Any]:
    """Give what is wrong with a log for programs."""
    return {"damage": [asdict(each) for each in damage], "unfinished": torn(torn_tail)}


def torn(tail: TornTail | None) -> dict[str, Any] | None:
    """Give an unfinished write for programs."""
    return None if tail is None else asdict(tail)
