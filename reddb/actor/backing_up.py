"""Writing a copy of a database: what `RedDb.backup` does.

The copy is a log as compaction writes it: the documents of one state, and nothing else. It appears
under its name when it is whole and on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from reddb.actor.disk import Disk
from reddb.actor.file_storage import write_checkpoint
from reddb.actor.frames import Header, encode_header
from reddb.actor.new_file import new_file
from reddb.actor.state import State
from reddb.actor.wording import counted


@frozen(kw_only=True)
class BackupReport:
    """What a backup holds. Get it from `RedDb.backup`.

    Example:
        >>> report = await db.backup("backups/notes.json")
        >>> report.live_document_count, report.file_size_bytes
        (120, 9847)
    """

    path: Path
    """The new file."""
    codec: str
    """The name of the codec that it is to be opened with."""
    seq: int
    """The number of the last commit that it holds."""
    live_document_count: int
    """How many documents it holds."""
    file_size_bytes: int
    """Its size."""

    def __str__(self) -> str:
        return (
            f"{self.path}: {counted(self.live_document_count, 'document')} at commit {self.seq}, "
            f"{counted(self.file_size_bytes, 'byte')} of {self.codec}"
        )


async def write_backup(
    state: State[Any],
    path: Path,
    codec: str,
    *,
    disk: Disk,
    random_bytes: Callable[[int], bytes],
    report: Callable[[int], None],
) -> BackupReport:
    """Write the documents of a state to a log of their own.

    Args:
        state: What to write.
        path: The new log.
        codec: The name of the codec that the documents are encoded with.
        disk: Where to write.
        random_bytes: Gives that many random bytes, for the file's own id.
        report: Called with how many documents are written, now and then.

    Raises:
        DatabaseLocked: A database of that name is open.
        FileExistsError: There is a file of that name.
        OSError: The file cannot be written.
    """
    async with new_file(disk, path) as file:
        header = Header(codec, random_bytes(16), base_seq=state.seq, synced=0)
        size = await write_checkpoint(file, header, state.facts(), report)
        await file.write(0, encode_header(evolve(header, synced=size)), sync=True)
    return BackupReport(
        path=path,
        codec=codec,
        seq=state.seq,
        live_document_count=len(state),
        file_size_bytes=size,
    )
