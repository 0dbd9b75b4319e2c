"""The command that moves databases in from the Rust crate, and back: ``migrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import rich_click as click
import trio

from reddb import migrate as moving
from reddb.actor.survey import TornTail
from reddb.actor.wording import counted
from reddb.api.first_aid import opened_for_reading
from reddb.cli.failures import CommandError, ExitCode
from reddb.cli.options import FilePath, as_json, examples, names_say_formats, typed
from reddb.cli.output import Output, stderr_console, torn
from reddb.cli.progress import Bar, progress, telling
from reddb.cli.sources import Kind, Source, reading_disk
from reddb.codecs import Codec
from reddb.errors import DataCorrupted

_V2_MAGIC: Final = b"REDDB\0\2\0"
"""What a v2 file begins with; a v1 file is lines of text."""


async def _move_in(old: Path, source: Source, bar: Bar) -> tuple[int, TornTail | None]:
    """Move a file of the Rust crate into a database; give its documents and what was left out."""
    looking = reading_disk(old, bar)
    async with opened_for_reading(looking, old) as file:
        is_v2 = await file.read(0, len(_V2_MAGIC)) == _V2_MAGIC
    left_out: list[TornTail] = []
    move = moving.from_v2 if is_v2 else moving.from_v1
    async with source.database_or_new() as db:
        try:
            count = await move(
                old, db, progress=telling(bar), on_torn=left_out.append, disk=looking
            )
        except DataCorrupted as error:
            raise _not_moved(old, error) from error
    return count, left_out[0] if left_out else None


def _not_moved(old: Path, error: DataCorrupted) -> CommandError:
    message = (
        f"{old} is no file of the Rust crate, or is damaged at byte {error.offset}: "
        f"{error.reason}. Nothing was moved"
    )
    details = {"path": str(old), "offset": error.offset, "reason": error.reason}
    return CommandError(ExitCode.MISFIT, message, **details)


async def _move_out(source: Source, new: Path, bar: Bar) -> tuple[int, TornTail | None]:
    """Write the documents of a database, which may be in use, to a file for the Rust crate."""
    snapshot = await source.snapshot(bar)
    return await moving.to_v2(snapshot, new, progress=telling(bar)), None


@click.command(
    epilog=examples(
        "reddb migrate old/notes.ron notes.json",
        "reddb migrate old/notes.ron notes.json --type app.models:Note",
        "reddb migrate notes.json for-rust.ron --to-v2 --type app.models:Note",
    )
)
@click.argument("old", type=FilePath(), metavar="OLD")
@click.argument("new", type=FilePath(), metavar="NEW")
@click.option("--to-v2", is_flag=True, help="Move back: write a v2 file, which the crate opens.")
@typed
@as_json
def migrate(
    old: Path, new: Path, to_v2: bool, kind: Kind, codec: Codec | None, as_json: bool
) -> ExitCode:
    """Move a database in from the Rust crate, or back.

    OLD is a file of the crate, v1 or v2: JSON, RON or YAML. NEW is a database without documents; if
    there is none, one is made, in the format of its name's ending: .bin, .json, .ron or .yaml. All
    documents keep their ids. OLD is not changed.

    With --to-v2, OLD is a database, which a program may have open, and NEW a file that must not be
    there yet: .json, .ron or .yaml. Name the class of the documents, for without it nothing says
    what is an option, a struct or a variant in Rust.
    """
    with progress(f"Reading {old.name}", stderr_console()) as bar, names_say_formats():
        if to_v2:
            count, left_out = trio.run(_move_out, Source(old, kind, codec), new, bar)
        else:
            count, left_out = trio.run(_move_in, old, Source(new, kind, codec), bar)
    output = Output(as_json)
    if as_json:
        record = {"path": str(old), "moved_to": str(new), "documents": count}
        output.record({**record, "unfinished": torn(left_out)})
    else:
        output.line(f"{old} → {new}: {counted(count, 'document')}")
    return ExitCode.DONE


COMMANDS: Final = (migrate,)
