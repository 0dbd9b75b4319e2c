"""The commands that say how a file is: ``info`` and ``verify``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import rich_click as click
import trio
from attrs import define, field
from rich.text import Text

from reddb.actor.file_storage import FileStorage
from reddb.actor.frames import Frame, FrameKind
from reddb.actor.verification import VerifyReport
from reddb.actor.wording import counted
from reddb.api.first_aid import verify as verify_file
from reddb.cli.failures import ExitCode
from reddb.cli.holder import holder_of
from reddb.cli.options import as_json, database, examples, typed
from reddb.cli.output import Output, bytes_text, damages, stderr_console
from reddb.cli.progress import Bar, progress
from reddb.cli.sources import Kind, Source, reading_disk
from reddb.codecs import Codec
from reddb.errors import DataCorrupted


@define
class _Tally:
    """What the frames of a log come to."""

    commit_count: int = 0
    record_count: int = 0
    live_bytes: dict[int, int] = field(factory=dict)
    """How long the value of each live document is."""

    def add(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            self.commit_count += frame.header.kind is FrameKind.COMMIT
            self.record_count += len(frame.facts)
            for key, data in frame.facts:
                if data is None:
                    self.live_bytes.pop(key, None)
                else:
                    self.live_bytes[key] = len(data)


async def _info(source: Source, bar: Bar) -> dict[str, Any]:
    tally = _Tally()
    async with source.log(bar) as log:
        seq = log.header.base_seq
        while (piece := await log.next()) is not None:
            tally.add(piece.frames)
            seq = piece.frames[-1].header.seq
            await trio.lowlevel.checkpoint()
    count, data_bytes = len(tally.live_bytes), sum(tally.live_bytes.values())
    compacted = FileStorage(source.path).compacted_bytes(count, data_bytes)
    holder = holder_of(source.path.with_name(source.path.name + ".lock"))
    return {
        "path": str(source.path),
        "codec": log.header.codec,
        "file_size_bytes": log.size,
        "compacted_size_bytes": compacted,
        "documents": count,
        "commits": tally.commit_count,
        "first_seq": log.header.base_seq,
        "last_seq": seq,
        "dead_records": tally.record_count - count,
        "unfinished_bytes": log.torn_tail.length_bytes if log.torn_tail else 0,
        "open_in_process": None if holder is None else holder.pid,
        "open_in_command": None if holder is None else holder.command,
    }


@click.command(
    epilog=examples(
        "reddb info notes.json",
        "reddb info notes.json --json | jq .documents",
    )
)
@database
@as_json
def info(path: Path, as_json: bool) -> None:
    """Say what a file is, and what it holds.

    Its format and size, how many documents and commits there are, and which process has it open.
    The file is read once, with little memory, and every checksum is checked.
    """
    output = Output(as_json)
    with progress(f"Reading {path.name}", stderr_console()) as bar:
        found = trio.run(_info, Source(path), bar)
    if as_json:
        output.record(found)
    else:
        output.facts(_facts(found))


def _facts(found: Mapping[str, Any]) -> dict[str, str]:
    """Give what was found for people."""
    commits = f"{found['commits']:,}, the last is number {found['last_seq']:,}"
    if found["first_seq"]:
        commits += f"; those up to {found['first_seq']:,} are compacted"
    compacted = bytes_text(found["compacted_size_bytes"])
    if found["dead_records"]:
        compacted += f", without {counted(found['dead_records'], 'dead record')}"
    facts = {
        "file": found["path"],
        "format": found["codec"],
        "size": bytes_text(found["file_size_bytes"]),
        "compacted": compacted,
        "documents": f"{found['documents']:,}",
        "commits": commits,
    }
    if found["unfinished_bytes"]:
        facts["unfinished"] = f"{bytes_text(found['unfinished_bytes'])} at the end, of a write"
    if found["open_in_process"]:
        facts["open in"] = f"process {found['open_in_process']} ({found['open_in_command']})"
    return facts


async def _verify(source: Source, decode: bool, bar: Bar) -> VerifyReport:
    codec = source.codec
    if decode and codec is None:
        with contextlib.suppress(DataCorrupted):  # Then nothing tells what to decode with.
            async with source.log(bar) as log:
                codec = source.codec_of(log)
    return await verify_file(
        source.path,
        codec=codec,
        document_type=source.kind.document_type,
        disk=reading_disk(source.path, bar),
    )


def verified(report: VerifyReport) -> dict[str, Any]:
    """Give a report for programs."""
    return {
        "path": str(report.path),
        "ok": report.ok,
        "codec": report.codec,
        "file_size_bytes": report.file_size_bytes,
        "documents": report.live_document_count,
        "commits": report.commit_count,
        "last_seq": report.last_seq,
        **damages(report.damage, report.torn_tail),
        "undecodable": [str(each) for each in report.undecodable],
        "undecodable_reasons": list(report.undecodable_reasons),
    }


@click.command(
    epilog=examples(
        "reddb verify notes.json",
        "reddb verify notes.json --decode",
        "reddb verify notes.json --type app.models:Note",
    )
)
@database
@click.option("--decode", is_flag=True, help="Decode every document as well.")
@typed
@as_json
def verify(path: Path, decode: bool, kind: Kind, codec: Codec | None, as_json: bool) -> ExitCode:
    """Check every byte of a file, and list what is damaged.

    Exits with 0 if the file is sound, with 3 if something is damaged, with 7 if all is as it was
    written but documents do not fit the type. An unfinished write at the end is no damage: a crash
    leaves one, and the next opening removes it.
    """
    source = Source(path, kind, codec)
    with progress(f"Checking {path.name}", stderr_console()) as bar:
        report = trio.run(_verify, source, decode or kind.typed, bar)
    output = Output(as_json)
    if as_json:
        output.record(verified(report))
    else:
        output.line(str(report))
        output.line(Text("sound", "green") if report.ok else Text("NOT SOUND", "bold red"))
    if report.ok:
        return ExitCode.DONE
    return ExitCode.DAMAGED if report.damage else ExitCode.MISFIT


COMMANDS: Final = (info, verify)
