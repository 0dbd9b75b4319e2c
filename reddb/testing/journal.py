"""The journal of a simulated disk: what was done to its files and names, in order.

A file is a number, which outlives its names. An event says what the operating system was asked
for and granted; whether it is on disk is what `reddb.testing.crash_states` makes of the journal.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias, assert_never

from attrs import frozen


@frozen
class Created:
    """A new, empty file got a name; the name is not on disk yet."""

    path: Path
    file: int


@frozen
class Wrote:
    """Bytes were written to a file; they are not on disk yet."""

    file: int
    offset: int
    data: bytes


@frozen
class Truncated:
    """A file was cut, or grew by zeros; that is not on disk yet."""

    file: int
    size: int


@frozen
class Synced:
    """All of a file that can be on disk is on disk."""

    file: int


@frozen
class SyncFailed:
    """What of a file was not on disk yet may never be, though the cache shows it."""

    file: int


@frozen
class Renamed:
    """A file got another name; that is not on disk yet."""

    source: Path
    target: Path
    file: int


@frozen
class Unlinked:
    """A name was removed; that is not on disk yet."""

    path: Path


@frozen
class DirectorySynced:
    """All names of a directory are on disk."""

    path: Path


FileChange: TypeAlias = Wrote | Truncated
NameChange: TypeAlias = Created | Renamed | Unlinked
Event: TypeAlias = FileChange | NameChange | Synced | SyncFailed | DirectorySynced


def change_content(content: bytearray, change: FileChange) -> None:
    """Do to a file's content what `change` says."""
    match change:
        case Wrote(_, offset, data):
            content.extend(bytes(max(offset - len(content), 0)))
            content[offset : offset + len(data)] = data
        case Truncated(_, size):
            content.extend(bytes(max(size - len(content), 0)))
            del content[size:]
        case _:
            assert_never(change)


def changed_content(content: bytes, changes: Iterable[FileChange]) -> bytes:
    """Give a file's content after `changes`."""
    changed = bytearray(content)
    for change in changes:
        change_content(changed, change)
    return bytes(changed)


def change_names(names: dict[Path, int], change: NameChange) -> None:
    """Do to the names of files what `change` says, also where an earlier change was lost."""
    match change:
        case Created(path, file):
            names[path] = file
        case Renamed(source, target, file):
            names.pop(source, None)
            names[target] = file
        case Unlinked(path):
            names.pop(path, None)
        case _:
            assert_never(change)


def directory_of(change: NameChange) -> Path:
    """Give the directory whose sync has a change of names on disk."""
    return (change.target if isinstance(change, Renamed) else change.path).parent
