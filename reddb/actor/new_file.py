"""New files that are whole as soon as they have their name.

A file is written as ``notes.json.new`` beside ``notes.json``, synced, and then renamed. While it is
written, ``notes.json.lock`` is held, as an open database of that name holds it: so no two write the
same file, and nobody's open database is replaced.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import trio

from reddb.actor.disk import Disk, DiskFile
from reddb.errors import DatabaseLocked


@contextlib.asynccontextmanager
async def new_file(disk: Disk, path: Path, *, overwrite: bool = False) -> AsyncIterator[DiskFile]:
    """A new file that gets the name `path` after the body, which has to sync it.

    It is removed if the body fails or is cancelled.

    Args:
        disk: The file system.
        path: The file's name.
        overwrite: Whether to replace a file of that name.

    Raises:
        DatabaseLocked: A database of that name is open, or another is writing the file.
        FileExistsError: There is a file of that name, and `overwrite` is False.
        OSError: The file cannot be written.
    """
    lock_path, new_path = (path.with_name(path.name + end) for end in (".lock", ".new"))
    lock = await disk.lock(lock_path)
    if lock is None:
        raise DatabaseLocked(str(lock_path))
    try:
        if not overwrite:
            await _expect_none(disk, path)
        await disk.unlink(new_path)
        file = await disk.create(new_path)
        try:
            yield file
            if not overwrite:
                await _expect_none(disk, path)
            with trio.CancelScope(shield=True):  # Once it has its name it has happened.
                await disk.rename(new_path, path)
                await disk.sync_directory(path.parent)
        except BaseException:
            with trio.CancelScope(shield=True), contextlib.suppress(OSError):
                await disk.unlink(new_path)
            raise
        finally:
            with trio.CancelScope(shield=True):
                await file.aclose()
    finally:
        with trio.CancelScope(shield=True):
            await lock.aclose()


async def _expect_none(disk: Disk, path: Path) -> None:
    file = await disk.open(path)
    if file is not None:
        await file.aclose()
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
