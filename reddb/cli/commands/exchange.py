"""The commands that exchange documents with other programs: ``dump`` and ``load``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import rich_click as click
import trio

from reddb import transfer
from reddb.actor.wording import counted
from reddb.cli.failures import CommandError, ExitCode
from reddb.cli.options import (
    FilePath,
    as_json,
    database,
    examples,
    names_say_formats,
    typed,
    with_options,
)
from reddb.cli.output import Output, stderr_console
from reddb.cli.progress import Bar, progress, telling
from reddb.cli.sources import Kind, Source, reading_disk
from reddb.cli.standard_output import StandardOutput
from reddb.codecs import Codec
from reddb.errors import DataCorrupted

_STREAM: Final = Path("-")
"""Stands for standard output."""

_format = click.option(
    "--format",
    "notation",
    type=click.Choice([each.value for each in transfer.Format]),
    help="How it is written; by default, what the name's ending says.",
)
_no_ids = click.option(
    "--no-ids", "ids", flag_value=False, default=True, help="Leave the ids of documents out of it."
)


async def _dump(
    source: Source, to: Path, notation: str | None, ids: bool, overwrite: bool, bar: Bar
) -> int:
    snapshot = await source.snapshot(bar)
    disk = StandardOutput() if to == _STREAM else None
    if disk is not None:
        bar.close()
        notation = notation or transfer.Format.JSONL
    return await transfer.dump(
        snapshot,
        to,
        format=notation,
        ids=ids,
        overwrite=overwrite,
        progress=None if disk else telling(bar),
        disk=disk,
    )


@click.command(
    epilog=examples(
        "reddb dump notes.json notes.jsonl",
        "reddb dump notes.json notes.csv --type app.models:Note",
        "reddb dump notes.json | gzip > notes.jsonl.gz",
    )
)
@database
@click.argument("to", type=FilePath(), metavar="[NEW-FILE]", default="-")
@_format
@_no_ids
@click.option("--overwrite", is_flag=True, help="Replace a file of that name.")
@typed
@as_json
def dump(
    path: Path,
    to: Path,
    notation: str | None,
    ids: bool,
    overwrite: bool,
    kind: Kind,
    codec: Codec | None,
    as_json: bool,
) -> ExitCode:
    """Write all documents to a file for other programs.

    The name of NEW-FILE says how: .jsonl, .json, .csv, .cbor or .yaml. It must not be there yet,
    and gets its name when it is whole. Without NEW-FILE the documents go to standard output, as
    JSON lines. A program may have the database open; what it writes meanwhile is left out.
    """
    with progress(f"Writing {path.name}", stderr_console()) as bar, names_say_formats():
        source = Source(path, kind, codec)
        count = trio.run(_dump, source, to, notation, ids, overwrite, bar)
    if to != _STREAM:
        _say(Output(as_json), path, to, count, "written_to")
    return ExitCode.DONE


async def _load(
    path: Path, target: Source, notation: str | None, ids: bool, in_parts: bool, bar: Bar
) -> int:
    async with target.database_or_new(keep=in_parts) as db:
        before = len(db.snapshot())
        try:
            return await transfer.load(
                path,
                db,
                format=notation,
                ids=ids,
                atomic=not in_parts,
                progress=telling(bar),
                disk=reading_disk(path, bar),
            )
        except DataCorrupted as error:
            raise _not_loaded(path, error, len(db.snapshot()) - before) from error


def _not_loaded(path: Path, error: DataCorrupted, count: int) -> CommandError:
    stored = f"Stored before it: {counted(count, 'document')}" if count else "Nothing was stored"
    reason = with_options(error.reason)
    message = f"{path} cannot be loaded: at byte {error.offset}: {reason}. {stored}"
    details: dict[str, Any] = {"offset": error.offset, "reason": reason, "documents": count}
    return CommandError(ExitCode.MISFIT, message, path=str(path), **details)


@click.command(
    epilog=examples(
        "reddb load notes.jsonl notes.json",
        "reddb load people.csv people.json --type app.models:Person",
    )
)
@click.argument("path", type=FilePath(), metavar="FILE")
@click.argument("to", type=FilePath(), metavar="DATABASE")
@_format
@_no_ids
@click.option(
    "--in-parts", is_flag=True, help="Store in many commits: less memory, but not all or nothing."
)
@typed
@as_json
def load(
    path: Path,
    to: Path,
    notation: str | None,
    ids: bool,
    in_parts: bool,
    kind: Kind,
    codec: Codec | None,
    as_json: bool,
) -> ExitCode:
    """Store the documents of a file of another program.

    The name of FILE says how it is written: .jsonl, .json, .csv, .cbor or .yaml. The documents are
    added to DATABASE, which no other program may have open; if there is none, one is made, in the
    format of its name's ending: .bin, .json, .ron or .yaml. Either all are stored, in one commit,
    or none is. Name the class of the documents to have each checked.
    """
    with progress(f"Loading {path.name}", stderr_console()) as bar, names_say_formats():
        target = Source(to, kind, codec)
        count = trio.run(_load, path, target, notation, ids, in_parts, bar)
    _say(Output(as_json), path, to, count, "loaded_into")
    return ExitCode.DONE


def _say(output: Output, path: Path, to: Path, count: int, what: str) -> None:
    if output.as_json:
        output.record({"path": str(path), what: str(to), "documents": count})
    else:
        output.line(f"{path} → {to}: {counted(count, 'document')}")


COMMANDS: Final = (dump, load)
