"""Moving out: a database written as a v2 file, which the Rust crate opens."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from attrs import define, field

from reddb.actor.disk import Disk, DiskFile, RealDisk
from reddb.actor.document import Document
from reddb.actor.new_file import new_file
from reddb.actor.write_out import write_out
from reddb.api.database import RedDb
from reddb.api.progress import OnProgress, report_documents
from reddb.api.snapshot import Snapshot
from reddb.codecs import CborCodec, DocumentCodec
from reddb.codecs.plain import Misfit
from reddb.codecs.typed.plan import Plan
from reddb.errors import EncodeError
from reddb.migrate import serde_formats, v2_format
from reddb.migrate.moving_in import format_of
from reddb.migrate.serde_types import plan_of
from reddb.migrate.v2_format import Format


async def to_v2(
    db: RedDb[Any] | Snapshot[Any],
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    progress: OnProgress | None = None,
    disk: Disk | None = None,
) -> int:
    """Write a v2 file, which the Rust crate opens; give how many documents it has.

    It has one record for each document of one moment, in the order of insertion. Values are written
    as serde writes them for the document type: open the database with one, for without it nothing
    says what is an option, a struct or a variant. Each document is read back and compared before
    it counts, so `from_v2` of the file gives an equal database.

    The file gets its name when it is whole and on disk, and only its owner may read it. A call that
    raises or is cancelled leaves no file.

    Args:
        db: The database, or a snapshot of it. It may be written to meanwhile.
        path: The new file. Its suffix names its format: ``.json``, ``.ron``, or ``.yaml``.
        overwrite: Whether to replace a file of that name.
        progress: Called now and then with how far it is.
        disk: The file system of the file; the real one by default.

    Raises:
        EncodeError: A value cannot be said in the format such that serde reads it; the message
            names the document, and `path` the place in it.
        DecodeError: A stored document does not fit the document type.
        DatabaseLocked: The path is that of a database that is open.
        FileExistsError: There is a file of that name.
        ValueError: The suffix names no format.
        TypeError: The document type has no equal in Rust.
        OSError: The file cannot be written.
        Exception: Whatever `progress` raises.

    Example:
        >>> async with JsonDb.open("users", User) as db:
        ...     await reddb.migrate.to_v2(db, "rust/users.ron")
        22
    """
    snapshot = db.snapshot() if isinstance(db, RedDb) else db
    where = Path(path)
    writer = _Writer(format_of(where), snapshot)
    async with new_file(disk or RealDisk(), where, overwrite=overwrite) as file:
        await writer.write(file, progress)
    return len(snapshot)


@define
class _Writer:
    """Writes the documents of a snapshot."""

    _format: Format
    _snapshot: Snapshot[Any]
    _plan: Plan = field(init=False)
    _codec: DocumentCodec[Any] = field(init=False)
    """Tells exactly whether two values are the same: their bytes are."""

    def __attrs_post_init__(self) -> None:
        self._plan = plan_of(self._snapshot.document_type)
        self._codec = DocumentCodec(CborCodec(), self._snapshot.document_type)

    async def write(self, file: DiskFile, on_progress: OnProgress | None) -> None:
        """Write the file from its header to its end, and sync it."""
        await file.write(0, v2_format.header_of(self._format), sync=False)
        await write_out(
            file,
            map(self._record, self._snapshot),
            lambda count: report_documents(on_progress, count, len(self._snapshot)),
            offset=v2_format.HEADER_BYTES,
        )
        await file.sync()

    def _record(self, document: Document[Any]) -> bytes:
        """Give the record of a document."""
        try:
            payload = serde_formats.write(self._format, self._plan.encode(document.data))
            self._check(document.data, payload)
        except Misfit as misfit:
            raise EncodeError(f"document {document.id}: {misfit.message}", misfit.path) from misfit
        except RecursionError:
            raise EncodeError(f"document {document.id}: nested too deeply") from None
        return v2_format.record_of(document.id.int, payload)

    def _check(self, value: Any, payload: bytes) -> None:
        """Refuse a payload that would not be read as the value."""
        back = self._plan.decode(serde_formats.read(self._format, payload))
        if self._codec.encode(back) != self._codec.encode(value):
            raise Misfit(f"{self._format.name} would give it back as another value")
