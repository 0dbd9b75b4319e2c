"""A log in a file: what keeps the commits of every database but `MemDb`.

Beside the log ``notes.json`` lie ``notes.json.lock`` while a database has it open, and
``notes.json.new`` while the log is created or compacted. A log is never created or compacted in
place: the new file is written and synced under its other name first, so whatever bears the log's
name is whole.

The end of a log that is written to may be zeros: space that was preallocated. To sync what makes a
file longer, the file system has to write down its new size as well; on ext4 that takes half as long
again as to sync what is written over zeros. Closing gives the space back.

A failed write or sync is final. What the page cache holds after one is not what the disk holds,
so nothing is written any more, least of all the sync again.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import trio
from attrs import define, evolve, field

from reddb.actor.disk import Disk, DiskFile, DiskLock, RealDisk
from reddb.actor.frames import (
    FACT_OVERHEAD_BYTES,
    FRAME_OVERHEAD_BYTES,
    HEADER_BYTES,
    Commit,
    Fact,
    FrameKind,
    Header,
    Puts,
    encode_checksum,
    encode_commits,
    encode_facts,
    encode_frame_header,
    encode_header,
    facts_bytes,
    frame_of,
)
from reddb.actor.recovery import (
    PREALLOCATED_BLOCK_BYTES,
    RecoveredLog,
    read_header,
    read_log,
)
from reddb.actor.scan import sliced
from reddb.actor.storage import Fold, Recovery
from reddb.actor.turns import let_others_run
from reddb.errors import DatabaseLocked

_LOG = logging.getLogger("reddb")

_CHECKPOINT_BYTES = 128 * 1024
"""About the size of a frame in a compacted log; such a frame is made in about a millisecond."""

_CATCH_UP_BYTES = 256 * 1024
"""How much may be left to copy when compaction stops the writer to switch files."""

_WRITE_AGAIN_BYTES = 1024 * 1024
"""How much is held in memory at a time when the end of a log is written again at opening."""

_FACTS_AT_ONCE = 2048
"""A commit of more facts is written in pieces: to encode so many takes some two milliseconds."""

_CHECKPOINT_FACTS_AT_ONCE = 256
"""Documents that compaction encodes between two checkpoints: a fifth of a millisecond."""

_COMMITS_AT_ONCE = 256
"""Frames that are made between two checkpoints: about a millisecond."""

_CATCH_UP_ROUNDS_MAX = 16
"""After so many rounds compaction switches, however much is left."""

_SMALL_APPEND_BYTES = 32 * 1024
"""After a larger append nothing is preallocated: the zeros would take as long as they save."""

_PREALLOCATED_APPENDS = 16
"""For how many more appends like the last one space is preallocated."""

_PREALLOCATED_BYTES_MIN = 64 * 1024
"""At least so much is preallocated: to write and sync less takes hardly less time."""


@define(eq=False)
class FileStorage:
    """Keeps commits in one log file. See `reddb.actor.storage.Storage` for the methods.

    Args:
        path: The log's path, such as ``/var/lib/app/notes.json``; its directory must exist. Make it
            absolute if the program changes its working directory, and free of symbolic links if
            the log is opened by other names: the lock belongs to the name.
        sync: Whether `append` returns only when the commits are on disk, not merely handed to
            the operating system.
        disk: The file system; the real one by default.
        random_bytes: Gives that many random bytes, for the files' own ids.
        preallocated_from_bytes: How long a log is, at least, behind which space is preallocated; a
            smaller one would mostly consist of it.
    """

    path: Path = field(converter=Path)
    sync: bool = field(default=True, kw_only=True)
    disk: Disk = field(factory=RealDisk, kw_only=True)
    random_bytes: Callable[[int], bytes] = field(default=os.urandom, kw_only=True)
    preallocated_from_bytes: int = field(default=64 * 1024, kw_only=True)
    _lock: DiskLock | None = field(default=None, init=False)
    _file: DiskFile | None = field(default=None, init=False)
    _header: Header | None = field(default=None, init=False)
    _size: int = field(default=0, init=False)
    _synced: int = field(default=0, init=False)
    _failed: bool = field(default=False, init=False)
    _failed_errno: int = field(default=errno.EIO, init=False)
    """What the operating system said when it failed."""
    _turn: trio.Lock = field(factory=trio.Lock, init=False)
    """Held by whoever writes to the log or switches it for another."""
    _zeros_end: int = field(default=0, init=False)
    """Up to here zeros were preallocated, if there was room for them."""
    _last_append_bytes: int = field(default=_SMALL_APPEND_BYTES + 1, init=False)
    """How much the last `append` wrote. At first it is too much to preallocate, for there may be
    but one append before the log is closed."""
    _meanwhile: list[Commit] | None = field(default=None, init=False)
    """What was appended since compaction began; None while none runs."""

    @property
    def size_bytes(self) -> int:
        """The log's size."""
        return self._size

    @property
    def _new_path(self) -> Path:
        return self.path.with_name(self.path.name + ".new")

    async def open(self, codec: str) -> None:
        """See `Storage.open`."""
        lock_path = self.path.with_name(self.path.name + ".lock")
        self._lock = await self.disk.lock(lock_path)
        if self._lock is None:
            raise DatabaseLocked(str(lock_path))
        await self.disk.unlink(self._new_path)
        self._file = await self.disk.open(self.path)
        if self._file is None:
            header = Header(codec, self.random_bytes(16), base_seq=0, synced=HEADER_BYTES)
            async with self._replacement() as self._file:
                await self._file.write(0, encode_header(header), sync=True)
                await self.disk.rename(self._new_path, self.path)
                await self.disk.sync_directory(self.path.parent)
        else:  # The last program may have been killed before it did so.
            await self.disk.sync_directory(self.path.parent)
        self._header = await read_header(self._file, self.path, codec)

    @contextlib.asynccontextmanager
    async def _replacement(self) -> AsyncIterator[DiskFile]:
        """A new file that the body renames to the log's name; removed if it does not get there."""
        file = await self.disk.create(self._new_path)
        try:
            yield file
        except BaseException:
            with trio.CancelScope(shield=True):
                with contextlib.suppress(OSError):
                    await file.aclose()
                with contextlib.suppress(OSError):
                    await self.disk.unlink(self._new_path)
            raise

    async def recover(self, fold: Fold) -> Recovery:
        """See `Storage.recover`. A torn tail is cut off, and what is left is on disk then."""
        assert self._file is not None and self._header is not None, "open() comes first"
        log = await read_log(self._file, self.path, self._header, fold)
        if log.report.torn_bytes:
            _LOG.warning(
                "%s: cut %d bytes of an unfinished write at byte %d: %s",
                self.path,
                log.report.torn_bytes,
                log.end,
                log.report.reason,
            )
        if log.file_bytes > log.end:
            await self._file.truncate(log.end)
        await self._settle(self._file, log)
        await self._file.sync()
        self._size = self._synced = log.end
        return log.report

    async def _settle(self, file: DiskFile, log: RecoveredLog) -> None:
        """Write what may not be on disk, although it can be read, for the next sync to save it.

        If a sync of the last program's failed, these bytes may be in the page cache alone, which
        takes them for saved. Mostly they are the last batch. What it has yet to save has to be on
        disk before: else a power cut could leave a gap where an earlier write was, and half of
        this one in it, which would read as damage.
        """
        if log.synced < log.end:
            await file.sync()
        for at in range(log.synced, log.end, _WRITE_AGAIN_BYTES):
            data = await file.read(at, min(_WRITE_AGAIN_BYTES, log.end - at))
            await file.write(at, data, sync=False)

    async def append(self, commits: Sequence[Commit]) -> None:
        """See `Storage.append`: one write, and one sync if the storage syncs."""
        await self._take_turn()
        try:
            if self._failed:
                await trio.lowlevel.checkpoint()
                message = "an earlier write failed; open the database again"
                raise OSError(self._failed_errno, message)
            assert self._file is not None and self._header is not None, "open() comes first"
            start, zeros = self._size, self._to_preallocate()
            try:
                self._size = await _write_commits(
                    self._file,
                    self._header,
                    start,
                    self._synced,
                    commits,
                    sync=self.sync,
                    preallocate=zeros,
                )
            except BaseException as error:
                await self._fail(error)
                raise
            self._last_append_bytes = self._size - start
            if zeros:
                self._zeros_end = _end_of_block(self._size + zeros)
            if self.sync:
                self._synced = self._size
            if self._meanwhile is not None:
                self._meanwhile.extend(commits)
        finally:
            self._turn.release()

    async def _take_turn(self) -> None:
        """Wait until nobody else has the turn; not a moment if nobody has, for a write follows."""
        if self._turn.locked():
            await self._turn.acquire()
        else:
            self._turn.acquire_nowait()

    def _to_preallocate(self) -> int:
        """Say how much to preallocate behind the next append, if that is like the last one."""
        last = self._last_append_bytes
        if self._size + last <= self._zeros_end or last > _SMALL_APPEND_BYTES:
            return 0
        if not self.sync or self._size < self.preallocated_from_bytes:
            return 0
        return max(_PREALLOCATED_APPENDS * last, _PREALLOCATED_BYTES_MIN)

    async def _fail(self, error: BaseException) -> None:
        """Write no more; take what the failed write may have left off the file, if that goes."""
        self._note_failure(error)
        assert self._file is not None
        with trio.CancelScope(shield=True), contextlib.suppress(OSError):
            await self._file.truncate(self._size)

    def _note_failure(self, error: BaseException) -> None:
        self._failed = True
        self._failed_errno = getattr(error, "errno", None) or errno.EIO

    async def compact(self, seq: int, live: Iterable[Fact]) -> None:
        """See `Storage.compact`. `append` waits only while the files are switched."""
        assert self._header is not None and self._meanwhile is None, "one compaction at a time"
        self._meanwhile = []
        try:
            async with self._replacement() as file:
                header = Header(self._header.codec, self.random_bytes(16), seq, synced=0)
                size = await self._write_checkpoint(file, header, live)
                size = await self._catch_up(file, header, size)
                await self._switch(file, header, size)
        finally:
            self._meanwhile = None

    async def _write_checkpoint(self, file: DiskFile, header: Header, live: Iterable[Fact]) -> int:
        return await write_checkpoint(file, header, live)

    async def _catch_up(self, file: DiskFile, header: Header, size: int) -> int:
        """Copy what was committed meanwhile, until little of it is left."""
        for _ in range(_CATCH_UP_ROUNDS_MAX):
            start, fresh = size, self._taken_meanwhile(header)
            size = await _write_commits(file, header, start, 0, fresh, sync=True)
            if size - start < _CATCH_UP_BYTES:
                break
        return size

    def _taken_meanwhile(self, header: Header) -> list[Commit]:
        assert self._meanwhile is not None
        commits, self._meanwhile = self._meanwhile, []
        return [commit for commit in commits if commit.seq > header.base_seq]

    async def _switch(self, file: DiskFile, header: Header, size: int) -> None:
        """Copy the rest, complete the header, and let the new file take the log's name."""
        with trio.CancelScope(shield=True):
            async with self._turn:
                fresh = self._taken_meanwhile(header)
                size = await _write_commits(file, header, size, 0, fresh, sync=False)
                header = evolve(header, synced=size)
                await file.write(0, encode_header(header), sync=True)
                await self.disk.rename(self._new_path, self.path)
                old, self._file = self._file, file
                self._header, self._size, self._synced = header, size, size
                self._zeros_end = size
                assert old is not None, "the log is open while it is compacted"
                with contextlib.suppress(OSError):  # It is of no more use.
                    await old.aclose()
                try:
                    await self.disk.sync_directory(self.path.parent)
                except OSError as error:
                    self._note_failure(error)  # A power cut could bring the old file back.
                    raise

    def compacted_bytes(self, document_count: int, data_bytes: int) -> int:
        """See `Storage.compacted_bytes`."""
        facts = document_count * FACT_OVERHEAD_BYTES + data_bytes
        frames = -(-facts // _CHECKPOINT_BYTES)
        return HEADER_BYTES + frames * FRAME_OVERHEAD_BYTES + facts

    async def aclose(self) -> None:
        """See `Storage.aclose`. What was only handed to the operating system is synced first.

        Space that was preallocated is given back; if that fails, the zeros do no harm.
        """
        file, self._file = self._file, None
        lock, self._lock = self._lock, None
        with trio.CancelScope(shield=True):
            async with contextlib.AsyncExitStack() as stack:
                if lock is not None:
                    stack.push_async_callback(lock.aclose)
                if file is not None:
                    stack.push_async_callback(file.aclose)
                    if not self._failed and self._synced < self._size:
                        await file.sync()
                    if not self._failed and self._size < self._zeros_end:
                        with contextlib.suppress(OSError):
                            await file.truncate(self._size)


async def write_checkpoint(
    file: DiskFile,
    header: Header,
    live: Iterable[Fact],
    report: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the documents of a compacted log behind where its header will be; sync nothing.

    Args:
        file: The new log.
        header: What its header will be, but for `Header.synced`.
        live: The documents, in order.
        report: Called with how many are written, after each frame.

    Returns:
        Where the documents end.
    """
    size, count = HEADER_BYTES, 0
    for facts in _chunks(live):
        kind, seq = FrameKind.CHECKPOINT, header.base_seq
        payload = await _encoded(facts)
        frame = frame_of(header, size, kind, seq, 0, payload, len(facts))
        await file.write(size, frame, sync=False)
        size += len(frame)
        count += len(facts)
        report(count)
    return size


async def _encoded(facts: Sequence[Fact]) -> bytes:
    """Give the payload of a checkpoint, which commits are made beside, a slice at a time."""
    pieces: list[bytes] = []
    for part in sliced(facts, _CHECKPOINT_FACTS_AT_ONCE):
        pieces.append(encode_facts(part))
        await let_others_run()
    return b"".join(pieces)


async def _write_commits(
    file: DiskFile,
    header: Header,
    offset: int,
    synced: int,
    commits: Sequence[Commit],
    *,
    sync: bool,
    preallocate: int = 0,
) -> int:
    """Write a frame for each commit, with one write if none is large; give where the last ends.

    Preallocate at least so many bytes behind it, up to the end of a block.
    """
    pieces: list[bytes] = []
    start = offset
    for number, (large, run) in enumerate(_runs(commits)):
        if number:
            await let_others_run()
        if large:
            await file.write(start, b"".join(pieces), sync=False)
            start, last = await _write_large_frame(file, header, offset, synced, run[0])
            pieces, offset = [last], start + len(last)
        else:
            pieces.append(encode_commits(header, offset, synced, run))
            offset += len(pieces[-1])
    zeros = _end_of_block(offset + preallocate) - offset if preallocate else 0
    await file.write(start, b"".join(pieces), sync=sync, preallocate=zeros)
    return offset


def _end_of_block(at: int) -> int:
    return -(-at // PREALLOCATED_BLOCK_BYTES) * PREALLOCATED_BLOCK_BYTES


def _is_large(commit: Commit) -> bool:
    return len(commit.facts) > _FACTS_AT_ONCE


def _runs(commits: Sequence[Commit]) -> Iterator[tuple[bool, Sequence[Commit]]]:
    """Cut commits into runs whose frames are made at once, and single ones that are too large."""
    if isinstance(commits, Puts):
        for part in sliced(commits, _COMMITS_AT_ONCE):
            yield False, part
        return
    for large, run in groupby(commits, _is_large):
        for part in sliced(list(run), 1 if large else _COMMITS_AT_ONCE):
            yield large, part


async def _write_large_frame(
    file: DiskFile, header: Header, offset: int, synced: int, commit: Commit
) -> tuple[int, bytes]:
    """Write a frame a piece at a time, so that nobody waits for the whole of it.

    Until its checksum is there, which is given back, to be written last, it is no frame.
    """
    payload_bytes, count = 0, len(commit.facts)
    for part in sliced(commit.facts, _FACTS_AT_ONCE):
        payload_bytes += facts_bytes(part)
        await let_others_run()
    kind, seq = FrameKind.COMMIT, commit.seq
    piece = encode_frame_header(header, offset, kind, seq, synced, payload_bytes, count)
    crc = int.from_bytes(piece[-4:], "little")
    for part in sliced(commit.facts, _FACTS_AT_ONCE):
        payload = encode_facts(part)
        crc = zlib.crc32(payload, crc)
        piece += payload
        await file.write(offset, piece, sync=False)
        offset += len(piece)
        piece = b""
    return offset, encode_checksum(crc)


def _chunks(live: Iterable[Fact]) -> Iterator[list[Fact]]:
    """Cut the live documents into lists of about `_CHECKPOINT_BYTES` each."""
    chunk: list[Fact] = []
    size = 0
    for fact in live:
        chunk.append(fact)
        size += FACT_OVERHEAD_BYTES + len(fact[1] or b"")
        if size >= _CHECKPOINT_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
