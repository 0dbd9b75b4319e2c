"""The command that shows what was written, commit by commit: ``log``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from uuid import UUID

import rich_click as click
import trio
from attrs import define, evolve
from rich.text import Text

from reddb.actor.wording import counted
from reddb.cli.entries import Entry, EntryReader
from reddb.cli.failures import ExitCode
from reddb.cli.options import as_json, database, examples, typed
from reddb.cli.output import Output, stderr_console
from reddb.cli.progress import progress
from reddb.cli.sources import Kind, Source
from reddb.codecs import Codec, DocumentCodec
from reddb.errors import DecodeError


@define
class _LogWriter:
    """Writes those entries of a log that are wanted."""

    output: Output
    kind: Kind
    documents: bool
    since: int
    id: UUID | None
    shown: int = 0

    def take(self, entry: Entry, codec: DocumentCodec[Any]) -> None:
        """Write an entry, if it is wanted."""
        changes = [each for each in entry.changes if self.id in {None, each[1]}]
        if entry.seq <= self.since or not changes:
            return
        self.shown += 1
        if self.output.as_json:
            self._write_record(evolve(entry, changes=changes), codec)
        else:
            self._write_lines(evolve(entry, changes=changes), codec)

    def _write_record(self, entry: Entry, codec: DocumentCodec[Any]) -> None:
        changes: list[dict[str, Any]] = []
        for operation, id_, data in entry.changes:
            change: dict[str, Any] = {"op": operation, "id": str(id_)}
            if self.documents and data is not None:
                change["data"] = self.kind.plain(decoded(codec, id_, data))
            changes.append(change)
        self.output.record(
            {
                "seq": entry.seq,
                "offset": entry.offset,
                "length_bytes": entry.length_bytes,
                "compacted": entry.compacted,
                "changes": changes,
            }
        )

    def _write_lines(self, entry: Entry, codec: DocumentCodec[Any]) -> None:
        what = "compacted up to" if entry.compacted else "commit"
        where = f"  at byte {entry.offset}, {counted(len(entry.changes), 'change')}"
        self.output.line(Text.assemble((f"{what} {entry.seq}", "bold yellow"), (where, "dim")))
        for operation, id_, data in entry.changes:
            head = Text.assemble("  ", (operation, _STYLES[operation]), "  ", (str(id_), "cyan"))
            if self.documents and data is not None:
                self.output.beside(head, decoded(codec, id_, data), self.kind)
            else:
                self.output.line(head)


_STYLES: Final = {"insert": "green", "update": "blue", "delete": "red"}


def decoded(codec: DocumentCodec[Any], id_: UUID, data: bytes) -> Any:
    """Give the value of a document's bytes.

    Raises:
        DecodeError: They do not fit the document type; it names the document.
    """
    try:
        return codec.decode(data)
    except DecodeError as error:
        raise DecodeError(error.args[0], error.path, id_) from error.__cause__


@click.command(
    epilog=examples(
        "reddb log notes.json",
        "reddb log notes.json --id 6ba7b810-9dad-41d1-80b4-00c04fd430c8 --documents",
        "reddb log notes.json --since 120 --json",
        "reddb log notes.json --follow --documents",
    )
)
@database
@click.option("--documents", is_flag=True, help="Show the documents that a commit wrote.")
@click.option(
    "--since",
    type=click.IntRange(0),
    default=0,
    metavar="SEQ",
    help="Only commits after this number.",
)
@click.option(
    "--id", "id_", type=click.UUID, metavar="ID", help="Only what happened to this document."
)
@click.option("-f", "--follow", is_flag=True, help="Wait for more, until Ctrl-C.")
@typed
@as_json
def log(
    path: Path,
    documents: bool,
    since: int,
    id_: UUID | None,
    follow: bool,
    kind: Kind,
    codec: Codec | None,
    as_json: bool,
) -> ExitCode:
    """List the commits in order.

    Of each: its number, where in the file it is, and what it did to which documents.

    What compaction has put together of earlier commits comes first. Of a damaged file, the commits
    before the damage are listed.
    """
    output = Output(as_json)
    writer = _LogWriter(output, kind, documents, since, id_)
    reader = EntryReader(Source(path, kind, codec), writer.take, output.flush, _say_lost)
    with progress(f"Reading {path.name}", output.bar_console()) as bar:
        trio.run(reader.follow if follow else reader.read, bar)
    return ExitCode.DONE if writer.shown else ExitCode.NOTHING_FOUND


def _say_lost(seq: int) -> None:
    stderr_console().print(f"Commits up to number {seq} were compacted before they were seen.")


COMMANDS: Final = (log,)
