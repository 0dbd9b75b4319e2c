"""Reading a database file as a snapshot, while another process may have it open."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeVar, overload

from reddb.actor.disk import Disk
from reddb.actor.reading import LogReader, read_state
from reddb.actor.state import State
from reddb.api.first_aid import opened_for_reading
from reddb.api.snapshot import Snapshot
from reddb.codecs import Codec, DocumentCodec, DocumentType
from reddb.codecs.builtin import BUILTIN_CODECS
from reddb.errors import CodecMismatch

D = TypeVar("D")


@overload
async def read_snapshot(
    path: str | os.PathLike[str],
    document_type: type[D] | DocumentType[D],
    *,
    codec: Codec | None = None,
    disk: Disk | None = None,
) -> Snapshot[D]: ...


@overload
async def read_snapshot(
    path: str | os.PathLike[str],
    document_type: Any = Any,
    *,
    codec: Codec | None = None,
    disk: Disk | None = None,
) -> Snapshot[Any]: ...


async def read_snapshot(
    path: str | os.PathLike[str],
    document_type: Any = Any,
    *,
    codec: Codec | None = None,
    disk: Disk | None = None,
) -> Snapshot[Any]:
    """Read a database file as it is now, without its lock and without changing it.

    It does not matter whether a database has the file open, in this or another process, and goes
    on to write to it or compacts it meanwhile: the snapshot holds every commit that was whole in
    the file when reading began. A write that is just under way, or that a crash has left
    unfinished, is left out.

    The file's header says its format, so nobody needs to know it. All documents are in memory
    then, as they are in an open database.

    Args:
        path: The file, such as ``/var/lib/app/notes.json``.
        document_type: The type of the documents' data, or a `DocumentType`; plain values by
            default.
        codec: The format, for a file of a codec of your own; not needed for reddb's own formats.
        disk: The file system; the real one by default.

    Raises:
        CodecMismatch: The file was written with another codec than `codec`, or without one given,
            with one that is not reddb's own.
        DataCorrupted: It is damaged, or no database of this version.
        FileNotFoundError: There is no such file.
        OSError: It cannot be read.
        TypeError: The document type cannot be stored.

    Example:
        >>> snapshot = await reddb.read_snapshot("notes.json", Note)
        >>> snapshot.query().filter(lambda note: note.done).count()
        3
    """
    async with opened_for_reading(disk, Path(path)) as file:
        log = await LogReader.of(file, Path(path))
        found = log.header.codec
        codec = codec or BUILTIN_CODECS.get(found)
        if codec is None or codec.name != found:
            expected = "one of reddb's own" if codec is None else codec.name
            raise CodecMismatch(str(path), expected=expected, found=found)
        state: State[Any] = await read_state(log, DocumentCodec(codec, document_type))
    return Snapshot(state, document_type)
