"""The commands that write another file, or a better one: ``backup``, ``salvage``, ``compact``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import rich_click as click
import trio
from rich.text import Text

from reddb.actor.backing_up import BackupReport, write_backup
from reddb.actor.disk import RealDisk
from reddb.actor.reading import read_state
from reddb.actor.salvaging import SalvageReport
from reddb.actor.verification import header_of
from reddb.actor.wording import counted
from reddb.api.first_aid import opened_for_reading
from reddb.api.first_aid import salvage as salvage_file
from reddb.cli.failures import CommandError, ExitCode
from reddb.cli.options import FilePath, as_json, database, examples, names_say_formats, typed
from reddb.cli.output import Output, bytes_text, damages, stderr_console
from reddb.cli.progress import Bar, progress
from reddb.cli.sources import Kind, Source, reading_disk
from reddb.cli.watched_disk import WatchedDisk
from reddb.codecs import Codec, DocumentCodec, JsonCodec
from reddb.codecs.builtin import BUILTIN_CODECS


async def _back_up(source: Source, to: Path, bar: Bar) -> BackupReport:
    disk = RealDisk(read_only=True)
    any_codec = DocumentCodec[Any](JsonCodec(), Any)  # No document is decoded.
    async with source.log(bar) as log:
        _check_ending(to, log.header.codec)
        state = await read_state(log, any_codec)
    return await write_backup(
        state,
        to,
        log.header.codec,
        disk=disk,
        random_bytes=os.urandom,
        report=lambda count: bar(count, len(state)),
    )


def _check_ending(to: Path, codec: str) -> None:
    """Refuse a name that says another format than the copy has: it would not open by that.

    Raises:
        CommandError: It does.
    """
    suffixes = {each.name: each.suffix for each in BUILTIN_CODECS.values()}
    own = suffixes.pop(codec, None)
    if own is not None and to.suffix in suffixes.values():
        message = (
            f"{to} would be in the format {codec}, as the database is: let its name end in {own}; "
            f"'reddb dump' and 'reddb load' then change the format"
        )
        raise CommandError(ExitCode.USAGE, message)


@click.command(
    epilog=examples(
        "reddb backup notes.json backups/notes.json",
        "reddb backup notes.json backups/notes.json --json",
    )
)
@database
@click.argument("to", type=FilePath(), metavar="NEW-FILE")
@as_json
def backup(path: Path, to: Path, as_json: bool) -> ExitCode:
    """Copy a database, also while a program writes to it.

    NEW-FILE, which must not be there yet, holds the documents of one moment and opens by itself: it
    has every commit that was whole when the copy began. It gets its name when all of it is on disk.
    Every checksum is checked: a damaged database is not copied. The format stays the same, so a
    name that ends like another format's is refused.
    """
    with progress(f"Copying {path.name}", stderr_console()) as bar:
        report = trio.run(_back_up, Source(path), to, bar)
    output = Output(as_json)
    if as_json:
        output.record(
            {
                "path": str(path),
                "copied_to": str(to),
                "codec": report.codec,
                "file_size_bytes": report.file_size_bytes,
                "documents": report.live_document_count,
                "last_seq": report.seq,
            }
        )
    else:
        output.line(str(report))
    return ExitCode.DONE


async def _salvage(path: Path, to: Path, codec: str | None, bar: Bar) -> SalvageReport:
    disk = reading_disk(path, bar)
    async with opened_for_reading(disk, path) as file:
        beginning = await header_of(file, path, codec or "")
    _check_ending(to, beginning.header.codec)
    return await salvage_file(path, to, codec=codec, disk=disk)


@click.command(
    epilog=examples(
        "reddb salvage notes.json saved.json",
        "reddb salvage notes.json saved.json --codec json",
    )
)
@database
@click.argument("to", type=FilePath(), metavar="NEW-FILE")
@click.option(
    "--codec",
    metavar="NAME",
    help="The format (cbor, json, ron, yaml or your own), where the header is damaged. "
    "Nothing in the file can check it.",
)
@as_json
def salvage(path: Path, to: Path, codec: str | None, as_json: bool) -> ExitCode:
    """Save what is whole in a damaged file.

    NEW-FILE, which must not be there yet, opens as usual. The damaged file is not changed. Every
    commit is saved whose checksum holds, before and after the damage. What the lost commits did is
    missing; the report says how many are known to be lost. The format stays the same, so a name
    that ends like another format's is refused.
    """
    with progress(f"Salvaging {path.name}", stderr_console()) as bar, names_say_formats():
        report = trio.run(_salvage, path, to, codec, bar)
    output = Output(as_json)
    if as_json:
        output.record(_salvaged(report))
    else:
        output.line(str(report))
    return ExitCode.DONE


def _salvaged(report: SalvageReport) -> dict[str, Any]:
    return {
        "path": str(report.source),
        "saved_to": str(report.target),
        "codec": report.codec,
        "file_size_bytes": report.file_size_bytes,
        "documents": report.live_document_count,
        "commits": report.commit_count,
        "last_seq": report.last_seq,
        "lost_bytes": report.lost_bytes,
        "commits_missing": report.commits_missing,
        **damages(report.damage, report.torn_tail),
    }


async def _compact(source: Source, bar: Bar) -> tuple[int, int, int]:
    """Compact a database; give its size before and after, and how many documents it has."""
    before = (await trio.Path(source.path).stat()).st_size
    expected: int | None = None

    def written(offset: int) -> None:
        bar(offset, expected)

    def read(offset: int) -> None:
        bar(offset, before)

    async with source.database(WatchedDisk(RealDisk(), read, written)) as db:
        expected = (await db.stats()).live_size_bytes
        await db.compact()
        stats = await db.stats()
    return before, stats.file_size_bytes, stats.live_document_count


@click.command(
    epilog=examples(
        "reddb compact notes.json",
    )
)
@database
@typed
@as_json
def compact(path: Path, kind: Kind, codec: Codec | None, as_json: bool) -> ExitCode:
    """Rewrite a file without what is replaced and deleted.

    One record for each document is left. No other program may have the database open; one that has
    compacts it by itself in due time, and at once when it calls db.compact(). Until the new file is
    whole and on disk, the old one stands. With --type, a DocumentType's upgrades become permanent.
    """
    with progress(f"Compacting {path.name}", stderr_console()) as bar:
        before, after, documents = trio.run(_compact, Source(path, kind, codec), bar)
    output = Output(as_json)
    if as_json:
        sizes = {"size_before_bytes": before, "size_after_bytes": after}
        output.record({"path": str(path), **sizes, "documents": documents})
    else:
        arrow = Text.assemble(bytes_text(before), " → ", (bytes_text(after), "bold"))
        output.line(Text.assemble(f"{path}: ", arrow, ", ", counted(documents, "document")))
    return ExitCode.DONE


COMMANDS: Final = (backup, compact, salvage)
