"""What a disk may hold of one file that is being written.

The operating system keeps a file's content in its cache and has it on disk a sector at a time, in
an order of its own. So, until a sync, each sector is on disk as it was at *some* moment since the
last one, and so is the file's length; a sector that the length covers and that was never written
reads as zeros. Nothing else can be found after a power cut: this is the whole model.

Beyond it go two shapes that other storage leaves, and that programs like to rely on not to happen:
a write of which only the first bytes are there, and a change that is missing although a later one
to the same sector, or of the length, is there.

A sync that fails leaves its sectors in doubt for ever: the cache takes them for saved, so a later
sync passes over them, unless they were written again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import TypeAlias

from attrs import define, field

from reddb.testing.journal import FileChange, Truncated, Wrote, changed_content

SECTOR_BYTES = 512
"""What a disk writes whole or not at all."""

_TORN_BYTES_MAX = 2048
"""Within a write up to this size every byte is a place to tear; of a larger one, its edges."""

_MISSING_MAX = 16
"""How many of the last unsynced writes are left out one by one; random samples do the rest."""

Found: TypeAlias = tuple[bytes, str]
"""A content that may be found after a power cut, and how it came about."""

_Version: TypeAlias = tuple[int, bytes]
"""A sector's content since a moment."""

_Pick: TypeAlias = Callable[[Sequence[_Version]], bytes]
"""Chooses one of the versions of a sector, of which there is at least one, oldest first."""


@define
class CachedFile:
    """A file, as the cache shows it and as the disk may have it.

    Args:
        settled: What is on disk for certain.
    """

    settled: bytes = b""
    _sectors: dict[int, list[_Version]] = field(factory=dict, init=False)
    """Each sector that may be on disk in more than one version: all of them, oldest first."""
    _lengths: list[tuple[int, int]] = field(init=False)
    """Each length that may be on disk, and since which moment it is the cache's."""
    _unsynced: set[int] = field(factory=set, init=False)
    """The sectors that the next sync would save."""
    _length_is_unsynced: bool = field(default=False, init=False)
    _fresh: list[FileChange] = field(factory=list, init=False)
    """What was done since the last sync, be it a failed one."""
    _fresh_since: int = field(default=0, init=False)
    _moment: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._lengths = [(0, len(self.settled))]

    # What is done to the file.

    def take(self, change: FileChange) -> None:
        """Change the file in the cache."""
        self._moment += 1
        self._fresh.append(change)
        length = self._lengths[-1][1]
        match change:
            case Wrote(_, offset, data):
                for part in _sectors(offset, data):
                    self._write_sector(*part)
                if offset + len(data) >= length:
                    self._set_length(offset + len(data))
            case Truncated(_, size):
                first_gone = -(-size // SECTOR_BYTES)
                if size % SECTOR_BYTES:
                    kept = self._newest(size // SECTOR_BYTES)[: size % SECTOR_BYTES]
                    self._add_version(size // SECTOR_BYTES, kept)
                for number in range(first_gone, -(-length // SECTOR_BYTES)):
                    self._add_version(number, b"")
                self._set_length(size)

    def _write_sector(self, number: int, at: int, data: bytes) -> None:
        newest = self._newest(number).ljust(SECTOR_BYTES, b"\0")
        self._add_version(number, newest[:at] + data + newest[at + len(data) :])

    def _add_version(self, number: int, content: bytes) -> None:
        versions = self._sectors.setdefault(number, [(0, self._settled_sector(number))])
        versions.append((self._moment, content))
        self._unsynced.add(number)

    def _newest(self, number: int) -> bytes:
        versions = self._sectors.get(number)
        return versions[-1][1] if versions else self._settled_sector(number)

    def _settled_sector(self, number: int) -> bytes:
        return self.settled[number * SECTOR_BYTES : (number + 1) * SECTOR_BYTES]

    def _set_length(self, length: int) -> None:
        self._lengths.append((self._moment, length))
        self._length_is_unsynced = True

    def sync(self) -> None:
        """Have what was written since the last sync on disk."""
        settled = bytearray(self.settled)
        for number in self._unsynced:
            content = self._sectors.pop(number)[-1][1].ljust(SECTOR_BYTES, b"\0")
            start = number * SECTOR_BYTES
            settled.extend(bytes(max(start + SECTOR_BYTES - len(settled), 0)))
            settled[start : start + SECTOR_BYTES] = content
        if self._length_is_unsynced:
            self._lengths = [(0, self._lengths[-1][1])]
        self.settled = bytes(settled)
        self._forget_unsynced()

    def fail_sync(self) -> None:
        """Leave in doubt for ever what was written since the last sync."""
        self._forget_unsynced()

    def _forget_unsynced(self) -> None:
        self._unsynced.clear()
        self._length_is_unsynced = False
        self._fresh.clear()
        self._fresh_since = self._moment

    # What may be found.

    def least(self) -> bytes:
        """Give the file with nothing of what is unsynced or in doubt."""
        return self._at(0)

    def most(self) -> bytes:
        """Give the file with all of it."""
        return self._at(self._moment)

    def _at(self, moment: int) -> bytes:
        """Give the file as it was at a moment, as far as the disk may have it so."""

        def pick(versions: Sequence[_Version]) -> bytes:
            return next(content for since, content in reversed(versions) if since <= moment)

        length = next(length for since, length in reversed(self._lengths) if since <= moment)
        return self._image(length, pick)

    def _image(self, length: int, pick: _Pick) -> bytes:
        """Put a file of this length together from its sectors."""
        image = bytearray(self.settled[:length].ljust(length, b"\0"))
        for number, versions in self._sectors.items():
            start = number * SECTOR_BYTES
            if start >= length:
                continue
            content = pick(versions).ljust(SECTOR_BYTES, b"\0")[: length - start]
            image[start : start + len(content)] = content
        return bytes(image)

    def possibilities(self, torn: Wrote | None) -> Iterator[Found]:
        """Give what may be found, in a fixed order; some of it may be found in several ways.

        Args:
            torn: The last write, if it came just now.
        """
        for base in dict.fromkeys((self._at(0), self._at(self._fresh_since))):
            yield from self._with_writes_missing(base)
            if torn is not None:
                yield from _torn(changed_content(base, self._fresh[:-1]), torn)

    def _with_writes_missing(self, base: bytes) -> Iterator[Found]:
        fresh = self._fresh
        for count in range(len(fresh)):
            yield changed_content(base, fresh[:count]), f"the first {count} changes"
        for number in range(len(fresh))[-_MISSING_MAX:]:
            others = [*fresh[:number], *fresh[number + 1 :]]
            yield changed_content(base, others), f"all but change {number}"
            yield changed_content(base, [fresh[number]]), f"only change {number}"

    def sample(self, random: Random) -> Found:
        """Give what may be found, by chance."""
        return random.choice((self._sectors_mixed, self._writes_mixed))(random)

    def _sectors_mixed(self, random: Random) -> Found:
        """Have each sector, and the length, as it was at a moment of its own."""
        _, length = random.choice((random.choice(self._lengths), self._lengths[-1]))
        bias = random.choice((0.1, 0.5, 0.9))

        def pick(versions: Sequence[_Version]) -> bytes:
            if random.random() < bias:
                return versions[-1][1]
            return random.choice(versions)[1]

        return self._image(length, pick), "sectors of several moments"

    def _writes_mixed(self, random: Random) -> Found:
        """Leave some of the writes out, and tear the last that is left if nothing is behind it."""
        base = self._at(random.choice((0, self._fresh_since)))
        kept = [change for change in self._fresh if random.random() < 0.7]
        content = changed_content(base, kept[:-1])
        how = f"{len(kept)} of {len(self._fresh)} changes"
        if kept:
            last = kept[-1]
            if isinstance(last, Wrote) and last.offset + len(last.data) > len(content):
                size = random.randint(0, len(last.data))
                last = Wrote(last.file, last.offset, last.data[:size])
                how += f", the last one torn after {size} bytes"
            content = changed_content(content, [last])
        if random.random() < 0.5:
            content = content.ljust(self._lengths[-1][1], b"\0")
        return content, how


def _sectors(offset: int, data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Cut a write where sectors end: give each sector's number, where in it, and what."""
    at = 0
    while at < len(data):
        number, start = divmod(offset + at, SECTOR_BYTES)
        part = data[at : at + SECTOR_BYTES - start]
        yield number, start, part
        at += len(part)


def _torn(before: bytes, write: Wrote) -> Iterator[Found]:
    """Give what may be found of a file to which `write` was just done."""
    size = len(write.data)
    longer = before.ljust(write.offset + size, b"\0")
    for kept in _tears(size):
        part = write.data[:kept]
        how = f"the first {kept} of {size} bytes"
        yield _overwritten(before, write.offset, part), how
        yield _overwritten(longer, write.offset, part), f"{how}, at full length"
    whole = _overwritten(longer, write.offset, write.data)
    for number, start, data in _sectors(write.offset, write.data):
        at = number * SECTOR_BYTES + start
        missing = longer[at : at + len(data)]
        yield _overwritten(whole, at, missing), f"all but sector {number}"
        yield _overwritten(longer, at, data), f"only sector {number}"


def _overwritten(content: bytes, offset: int, data: bytes) -> bytes:
    return content[:offset].ljust(offset, b"\0") + data + content[offset + len(data) :]


def _tears(size: int) -> Sequence[int]:
    """Give how many bytes of a torn write of `size` bytes may be there."""
    if size <= _TORN_BYTES_MAX:
        return range(size)
    edges = {0, 1, size - 1, *range(0, size, 8 * SECTOR_BYTES)}
    return sorted(edges | {edge - 1 for edge in edges if edge})
