"""First aid for database files: `verify` says what is in one, `salvage` saves what can be saved.

Neither takes the lock of the file that it looks at, and neither changes it. Both work on a file of
any format, also while a database has it open. Errors of the operating system come out as they are,
for here it is the caller who named the files.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import trio

from reddb.actor.disk import Disk, DiskFile, RealDisk
from reddb.actor.salvaging import SalvageReport, salvage_log
from reddb.actor.verification import VerifyReport, verify_log
from reddb.codecs import Codec, DocumentCodec


async def verify(
    path: str | os.PathLike[str],
    *,
    codec: Codec | None = None,
    document_type: Any = Any,
    disk: Disk | None = None,
) -> VerifyReport:
    """Look a database file through, without a lock and without changing it.

    While a database is writing to it, the report is about the file as it was at the beginning, but
    for what is just being written: that may show as a torn tail, never as damage.

    It takes little memory: a window of the file (or the largest commit, if that is larger), and
    some hundred bytes for each live document.

    Args:
        path: The file, such as ``/var/lib/app/notes.json``.
        codec: Its format, to decode every document as well; checksums alone prove that the bytes
            are those that were written. Any codec will do to look at the file without.
        document_type: What to decode documents as, be it a type or a `DocumentType`; plain values
            by default. It needs `codec`.
        disk: The file system; the real one by default.

    Raises:
        CodecMismatch: `codec` is not the one that wrote the file.
        DataCorrupted: It is no database of this version, or so damaged that none can be recognized.
        FileNotFoundError: There is no such file.
        OSError: It cannot be read.
        TypeError: The document type cannot be stored.
        ValueError: The codec's name is not 1 to 16 ASCII characters.

    Example:
        >>> report = await reddb.verify("notes.json", codec=JsonCodec(), document_type=Note)
        >>> assert report.ok, str(report)
    """
    decoder = None if codec is None else DocumentCodec[Any](codec, document_type)
    async with opened_for_reading(disk, Path(path)) as file:
        return await verify_log(file, Path(path), decoder)


async def salvage(
    path: str | os.PathLike[str],
    to: str | os.PathLike[str],
    *,
    codec: Codec | str | None = None,
    disk: Disk | None = None,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> SalvageReport:
    """Write what is whole in a damaged database file to a new one, which opens as usual.

    Every commit is saved whose frame is whole, before and after what is damaged. A later commit
    puts and removes whole documents, so it is right without the ones that were lost; but what these
    did is missing: a document that one of them inserted is not there, one that it updated has its
    older value, one that it removed is back.

    The new file gets its name when it is whole and on disk. Only its owner may read it.

    Args:
        path: The damaged file. It is not changed.
        to: The new file. There must be none of that name.
        codec: The format that the damaged file was written in, or its name. It is needed where the
            file's header is damaged, for nothing else in it tells; so it cannot be checked.
        disk: The file system; the real one by default.
        random_bytes: Gives that many random bytes, for the new file's own id.

    Raises:
        CodecMismatch: `codec` is not what the file says itself.
        DatabaseLocked: A database of the new name is open.
        DataCorrupted: There is nothing of a database of this version in the file, or its header is
            damaged and `codec` is not given, or somebody else than a database has changed the file
            meanwhile.
        FileExistsError: There is a file of the new name.
        FileNotFoundError: There is no file to salvage.
        OSError: The damaged file cannot be read, or the new one cannot be written.
        ValueError: The codec's name is not 1 to 16 ASCII characters.

    Example:
        >>> print(await reddb.salvage("notes.json", "saved.json"))
        saved.json: saved 119 commits of notes.json, 80 documents
        214 bytes damaged at byte 8112: the payload's checksum does not match; commits missing: 1
    """
    name = codec if codec is None or isinstance(codec, str) else codec.name
    if name is not None and not (name.isascii() and 1 <= len(name) <= 16):
        raise ValueError(f"a codec's name is 1 to 16 ASCII characters, not {name!r}")
    async with opened_for_reading(disk, Path(path)) as file:
        return await salvage_log(
            file,
            Path(path),
            Path(to),
            name,
            disk=disk or RealDisk(),
            random_bytes=random_bytes,
        )


@contextlib.asynccontextmanager
async def opened_for_reading(disk: Disk | None, path: Path) -> AsyncIterator[DiskFile]:
    """Open a file that others may have open, for the length of the body.

    Raises:
        FileNotFoundError: There is no such file.
        OSError: It cannot be opened.
    """
    file = await (disk or RealDisk(read_only=True)).open(path)
    if file is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    try:
        yield file
    finally:
        with trio.CancelScope(shield=True):
            await file.aclose()
