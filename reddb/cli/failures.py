"""How a run ends: the exit codes, and one clear sentence for everything that can go wrong.

The codes are documented in `docs/command-line.md` and fixed. An exception that has no place here
is a bug and comes out with its traceback.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from difflib import get_close_matches
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import trio
from attrs import field, frozen

from reddb.actor.disk import NO_DIRECTORY
from reddb.api.first_aid import verify
from reddb.cli.filters import FilterError
from reddb.cli.holder import holder_of
from reddb.codecs.builtin import BUILTIN_CODECS
from reddb.errors import (
    CodecMismatch,
    DatabaseLocked,
    DataCorrupted,
    DecodeError,
    EncodeError,
    PersistFailed,
    RedDbError,
)


class ExitCode(IntEnum):
    """What the process ends with."""

    DONE = 0
    """It was done."""
    NOTHING_FOUND = 1
    """There is nothing of what was asked for."""
    USAGE = 2
    """The command line is wrong: an option, a filter, a type that cannot be imported."""
    DAMAGED = 3
    """The database is damaged."""
    LOCKED = 4
    """Another process has the database open, and the command would change it."""
    FILE = 5
    """A file is missing or in the way, or cannot be read or written."""
    FOREIGN = 6
    """The file is no database of this version, or of a codec that is not known."""
    MISFIT = 7
    """A document, or a file to be loaded or migrated, does not fit the type or the format."""
    REFUSED = 8
    """The database refused, as where one that should be empty is not."""
    NOT_INSTALLED = 9
    """The libraries of the command line are not installed."""
    INTERRUPTED = 130
    """It was stopped by Ctrl-C."""
    BROKEN_PIPE = 141
    """Who was to read the output has gone."""


@frozen
class Failure:
    """Why a command was not done."""

    code: ExitCode
    message: str
    """What happened, and what to do."""
    details: dict[str, Any] = field(factory=dict)
    """The same for programs."""


class CommandError(Exception):
    """A command cannot be done, for a reason of the command line's own.

    Args:
        code: What to end with.
        message: What happened, and what to do.
        details: The same for programs.
    """

    def __init__(self, code: ExitCode, message: str, **details: Any) -> None:
        super().__init__(message)
        self.failure = Failure(code, message, details)


def failure_of(error: Exception) -> Failure | None:
    """Say what an exception means for the user; None if it is a bug."""
    for kind, failure in _FAILURES:
        if isinstance(error, kind):
            return failure(error)
    return None


def _filter(error: FilterError) -> Failure:
    details = {"column": error.column + 1}
    return Failure(ExitCode.USAGE, f"cannot read the filter: {error}", details)


def _not_kept(error: PersistFailed) -> Failure:
    cause = error.__cause__
    return _file(cause) if isinstance(cause, OSError) else _refused(error)


def _refused(error: RedDbError) -> Failure:
    return Failure(ExitCode.REFUSED, str(error))


def _locked(error: DatabaseLocked) -> Failure:
    path = error.path.removesuffix(".lock")
    holder = holder_of(Path(error.path))
    who = "another process" if holder is None else str(holder)
    message = (
        f"{path} is open in {who}, and this command would change it: end that first, "
        f"or have that program do it"
    )
    details = {"path": path, "process": None if holder is None else holder.pid}
    return Failure(ExitCode.LOCKED, message, details)


def _corrupted(error: DataCorrupted) -> Failure:
    path = error.path
    has_commits = error.offset > 0 or _has_commits(Path(path))
    foreign = None if has_commits else _foreign(Path(path))
    if foreign is not None:
        return Failure(ExitCode.FOREIGN, f"{path} {foreign}", {"path": path})
    codec = "" if error.offset > 0 else " --codec NAME"  # A damaged header does not tell it.
    remedy = (
        f"Copy the file away, look what is left with 'reddb verify', then restore a backup or save "
        f"it with 'reddb salvage{codec}'"
    )
    if not has_commits:
        remedy = "No whole commit is left in it: restore a backup"
    message = f"{path} is damaged at byte {error.offset}: {error.reason}. {remedy}"
    details = {"path": path, "offset": error.offset, "reason": error.reason}
    return Failure(ExitCode.DAMAGED, message, details)


def _has_commits(path: Path) -> bool:
    """Tell whether a file is a database, as its commits prove, whatever its header has become."""
    try:
        trio.run(verify, path)
    except DataCorrupted:
        return False
    return True


_MAGIC = b"REDDB\0"


def _foreign(path: Path) -> str | None:
    """Say what a file is that is no database; None if it is a damaged one."""
    with path.open("rb") as file:
        beginning = file.read(len(_MAGIC) + 2)
    if not beginning:
        return "is empty: it is no database"
    if not _MAGIC.startswith(beginning[: len(_MAGIC)]):
        return (
            "is no reddb database, and no commit of one is in it. (If the Rust crate wrote it, "
            "'reddb migrate' reads it)"
        )
    match int.from_bytes(beginning[len(_MAGIC) :], "little"):
        case 1 | 2:
            return "was written by the Rust crate: move it here with 'reddb migrate'"
        case 3:
            return None
        case version:
            return f"has version {version} of the format, which this reddb does not read"


def _mismatch(error: CodecMismatch) -> Failure:
    details = {"path": error.path, "codec": error.found}
    if error.found in BUILTIN_CODECS:
        message = f"{error.path} was written with the codec {error.found!r}: leave out --codec"
    else:
        message = (
            f"{error.path} was written with the codec {error.found!r}, which is not reddb's own: "
            f"name it with --codec MODULE:CLASS"
        )
    return Failure(ExitCode.FOREIGN, message, details)


def _misfit(error: DecodeError | EncodeError) -> Failure:
    id_ = getattr(error, "id", None)
    details = {"path_in_document": error.path, "id": None if id_ is None else str(id_)}
    return Failure(ExitCode.MISFIT, f"a document does not fit: {error}", details)


def _file(error: OSError) -> Failure:
    path = None if error.filename is None else os.fsdecode(error.filename)
    reason = (error.strerror or str(error)).lower()
    shown = path or "the file"
    match error:
        case FileNotFoundError() if error.strerror == NO_DIRECTORY:
            message = f"there is no directory {path}: create it first"
        case FileNotFoundError() if path is not None:
            message = f"there is no file {path}{_meant(Path(path))}"
        case FileExistsError():
            message = f"{shown} is there already: choose another name, or move it away"
        case IsADirectoryError():
            message = f"{shown} is a directory: name the database file in it"
        case PermissionError():
            message = f"{shown} may not be read or written: {reason}"
        case _ if error.errno == errno.ESPIPE:
            message = f"{shown} is no regular file"
        case _:
            message = f"{shown} cannot be read or written: {reason}"
    return Failure(ExitCode.FILE, message, {"path": path, "reason": reason})


def _meant(path: Path) -> str:
    """Give the name of a file that may have been meant, as the end of a sentence."""
    if not path.parent.is_dir():
        return f", nor a directory {path.parent}"
    names = [each.name for each in path.parent.iterdir() if each.suffix not in {".lock", ".new"}]
    with_suffix = [path.name + codec.suffix for codec in BUILTIN_CODECS.values()]
    found = [name for name in with_suffix if name in names]
    found = found or get_close_matches(path.name, names, 1, 0.75)
    return f"; is it {path.with_name(found[0])}?" if found else ""


_FAILURES: Final[tuple[tuple[type[Exception], Callable[[Any], Failure]], ...]] = (
    (CommandError, lambda error: error.failure),
    (FilterError, _filter),
    (DatabaseLocked, _locked),
    (DataCorrupted, _corrupted),
    (CodecMismatch, _mismatch),
    (DecodeError, _misfit),
    (EncodeError, _misfit),
    (PersistFailed, _not_kept),
    (RedDbError, _refused),
    (OSError, _file),
)
"""What each kind of exception means; the first that fits counts."""
