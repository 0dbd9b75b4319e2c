"""The handle: what a program holds of an open database, and every operation on it.

A handle is cheap and shared freely among tasks. Its writes become commands for the writer; its
reads look at the newest snapshot. Closing the handle that `open` or `serve` gave closes the
database; closing a clone closes that clone alone.
"""

from __future__ import annotations

import contextlib
import errno
import inspect
import os
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar, overload
from uuid import UUID

import trio

from reddb.actor.backing_up import BackupReport, write_backup
from reddb.actor.changes import RUN_CHANGES, ChangeRuns
from reddb.actor.commands import (
    AddIndex,
    CommitTransaction,
    Compact,
    DeleteOne,
    DeleteWhere,
    Insert,
    InsertOne,
    Record,
    Staged,
    Transact,
    UpdateOne,
    UpdateWhere,
    insertions,
)
from reddb.actor.disk import Disk, RealDisk
from reddb.actor.document import Document, leaf_document, open_document
from reddb.actor.engine import Engine, run_engine
from reddb.actor.file_storage import FileStorage
from reddb.actor.scan import sliced
from reddb.actor.state import State
from reddb.actor.steps import run_cooperatively
from reddb.actor.storage import MemoryStorage, Storage
from reddb.actor.turns import let_others_run
from reddb.actor.writer import WriterSettings
from reddb.api.bulk import Bulk
from reddb.api.config import DbConfig, Durability, WriteOrder, key_maker
from reddb.api.feed import Feed
from reddb.api.progress import OnProgress, report_documents
from reddb.api.query import Plan, Query, equal_to, plain_function, select, whole_number
from reddb.api.snapshot import Snapshot, key_of
from reddb.api.stats import Stats
from reddb.api.transaction import Transaction, TransactionStatus
from reddb.api.update import Update
from reddb.codecs import (
    CborCodec,
    Codec,
    DocumentCodec,
    DocumentType,
    JsonCodec,
    RonCodec,
    YamlCodec,
)
from reddb.errors import DatabaseClosed, DocumentNotFound, EncodeError, FeedLagged

T = TypeVar("T")
D = TypeVar("D")
R = TypeVar("R")

_WAIT_COMMITS_MAX = 1024
"""How many commits of its document `wait_for` can be behind before it goes on from the newest."""

_RECORDS_AT_ONCE = 32
"""Values that are encoded between two checkpoints: a tenth of a millisecond. For a commit beside
them a thread waits three times for the interpreter's lock, each time until one is passed."""


class RedDb(Generic[T]):
    """A handle on an open database of documents of type `T`.

    Open one with `open` or `serve`. All methods may be called by any number of tasks at once; all
    async ones are checkpoints. A call that raises `trio.Cancelled` did not happen; a call that the
    writer has taken finishes and returns.

    Every call raises `DatabaseClosed` on a closed handle or database, and `DatabaseBroken` once
    the writer has died. Every write raises `PersistFailed` if the log could not be written.

    Example:
        >>> async with JsonDb.open("notes", Note) as db:
        ...     note = await db.insert_one(Note("buy milk"))
        ...     await db.find_one(note.id)
    """

    _codec: ClassVar[Callable[[], Codec] | None] = None
    """The codec of a seed database such as `JsonDb`."""
    _in_memory: ClassVar[bool] = False

    def __init__(self, engine: Engine[T], config: DbConfig, *, owner: bool) -> None:
        self._engine = engine
        self._config = config
        self._new_key = key_maker(config)
        self._owner = owner
        self._closed = False

    def __repr__(self) -> str:
        closed = ", closed" if self._closed else ""
        return f"<{type(self).__name__} {self._config.name!r}{closed}>"

    @property
    def document_type(self) -> Any:
        """The type of the documents' data, as it was given to `open`; `Any` if none was."""
        return self._engine.codec.document_type

    # Opening and closing.

    @overload
    @classmethod
    def open(
        cls,
        config: DbConfig | str,
        document_type: type[D] | DocumentType[D],
        *,
        codec: Codec | None = None,
        storage: Storage | None = None,
    ) -> contextlib.AbstractAsyncContextManager[RedDb[D]]: ...

    @overload
    @classmethod
    def open(
        cls,
        config: DbConfig | str,
        document_type: Any = Any,
        *,
        codec: Codec | None = None,
        storage: Storage | None = None,
    ) -> contextlib.AbstractAsyncContextManager[RedDb[Any]]: ...

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        config: DbConfig | str,
        document_type: Any = Any,
        *,
        codec: Codec | None = None,
        storage: Storage | None = None,
    ) -> AsyncIterator[RedDb[Any]]:
        """Open a database for the length of an ``async with`` block.

        Leaving the block finishes what was accepted, syncs, and releases the lock, also when the
        block is cancelled. An exception raised in the block comes out as it is.

        Args:
            config: A `DbConfig`, or just its name: ``notes``, not ``notes.json``, for the database
                adds the suffix.
            document_type: The type of the documents' data, or a `DocumentType`, which also has
                their version and hooks for types of your own. Without it they are plain values:
                None, bool, int, float, str, bytes, and lists and dicts of these.
            codec: The format, for `RedDb` itself; `JsonDb` and its like have their own.
            storage: Where commits are kept, in place of a file named by `config`.

        Raises:
            TypeError: The document type cannot be stored, or `RedDb` itself was given no codec.
            ValueError: The configuration is out of bounds.
            DatabaseLocked: The database is open already, here or in another process.
            CodecMismatch: The file was written in another format.
            DataCorrupted: The file is damaged, or no database.
            PersistFailed: The file cannot be opened or created, or not synced at closing.
            DatabaseBroken: The block ended well, but the writer had died.

        Example:
            >>> async with JsonDb.open(DbConfig("notes", dir="/var/lib/app"), Note) as db: ...
        """
        config = DbConfig.of(config)
        codec = codec or cls._default_codec()
        document_codec: DocumentCodec[Any] = DocumentCodec(codec, document_type)
        settings = WriterSettings(
            file_first=config.write_order is WriteOrder.FILE_FIRST,
            compaction_ratio=config.compaction_ratio,
        )
        async with run_engine(
            storage or cls._default_storage(config, codec),
            document_codec,
            settings,
            mailbox_commands_max=config.mailbox_commands_max,
            batch_commands_max=config.batch_commands_max,
            decoded_documents_max=config.decoded_documents_max,
            clock=config.clock,
        ) as engine:
            db = cls(engine, config, owner=True)
            try:
                yield db
            finally:
                db._closed = True

    @classmethod
    async def serve(
        cls,
        config: DbConfig | str,
        document_type: Any = Any,
        *,
        codec: Codec | None = None,
        storage: Storage | None = None,
        task_status: trio.TaskStatus[RedDb[Any]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Run a database as a service of the caller's nursery; `aclose` on its handle ends it.

        Args:
            config: As for `open`.
            document_type: As for `open`.
            codec: As for `open`.
            storage: As for `open`.
            task_status: Gives the handle to ``nursery.start``.

        Raises:
            Exception: As `open`.

        Example:
            >>> db = await nursery.start(JsonDb.serve, "notes", Note)
            >>> await db.aclose()
        """
        async with cls.open(config, document_type, codec=codec, storage=storage) as db:
            task_status.started(db)
            await db._engine.ended.wait()  # noqa: SLF001  # A handle of our own class.

    @classmethod
    def _default_codec(cls) -> Codec:
        if cls._codec is None:
            raise TypeError(f"{cls.__name__}.open needs codec=..., such as codec=JsonCodec()")
        return cls._codec()

    @classmethod
    def _default_storage(cls, config: DbConfig, codec: Codec) -> Storage:
        if cls._in_memory:
            return MemoryStorage()
        sync = config.durability is Durability.FSYNC
        # The program may change its working directory; and through a link a file has the same lock.
        path = os.path.realpath(config.dir / (config.name + codec.suffix))
        return FileStorage(path, sync=sync)

    def clone(self) -> Self:
        """Give another handle on the same database, to be closed on its own.

        Raises:
            DatabaseClosed: This handle or the database is closed.
        """
        self._check()
        return type(self)(self._engine, self._config, owner=False)

    async def aclose(self) -> None:
        """Close the handle and, if `open` or `serve` gave it, the database.

        Waits until everything that was accepted is done and on disk, also when cancelled. Closing
        twice is fine.
        """
        self._closed = True
        if self._owner:
            await self._engine.close()
        await trio.lowlevel.checkpoint()

    # Writing.

    async def insert_one(self, value: T) -> Document[T]:
        """Store a new document; give it with its id.

        Raises:
            EncodeError: The value does not fit the document type or the format.
            UniqueViolation: Its key is taken in a unique index.
            Exception: Whatever an index's key function raises.
        """
        self._check()
        record = self._record(None, value)
        await self._engine.ask(InsertOne(record))
        return record.document

    async def insert(self, values: Iterable[T]) -> list[Document[T]]:
        """Store new documents in one atomic commit; give them in the same order.

        Raises:
            EncodeError: A value does not fit, a note says which; none is stored.
            UniqueViolation: A key is taken in a unique index; none is stored.
            TypeError: `values` is one value: a text, bytes or a mapping.
            Exception: Whatever an index's key function raises; none is stored.
        """
        self._check()
        if isinstance(values, str | bytes | Mapping):
            raise TypeError("insert takes several values; insert_one stores one")
        changes, documents = ChangeRuns(), list[Document[T]]()
        rest = iter(values if isinstance(values, Iterator) else list(values))
        while part := list(islice(rest, RUN_CHANGES)):
            records: list[Record] = []
            for few in sliced(part, _RECORDS_AT_ONCE):
                try:
                    for value in few:
                        records.append(self._record(None, value))  # noqa: PERF401  # They count.
                except EncodeError as error:
                    error.add_note(f"in values[{len(documents) + len(records)}]")
                    raise
                await let_others_run()
            documents += [record.document for record in records]
            changes.append_run(insertions(records))
        await self._engine.ask(InsertOne(records[0]) if len(changes) == 1 else Insert(changes))
        return documents

    async def update_one(self, id: UUID, value: T) -> bool:  # noqa: A002
        """Replace one document's data; tell whether the document was there.

        Where there is none the answer is False; `delete_one`, which answers with the document that
        it removed, has to raise.

        Raises:
            EncodeError: The value does not fit the document type or the format.
            UniqueViolation: Its key is taken in a unique index.
            TypeError: The id is no UUID.
            Exception: Whatever an index's key function raises.
        """
        self._check()
        key_of(id)
        return await self._engine.ask(UpdateOne(self._record(id, value)))

    async def update(self, search: T, value: T) -> int:
        """Replace the data of all documents equal to `search`, in one commit; give how many.

        Raises:
            EncodeError: The value does not fit the document type or the format.
            UniqueViolation: Two documents would share a key of a unique index.
            Exception: Whatever an index's key function raises.
        """
        return await self.update_where(lambda data: data == search).exec(lambda _: value)

    def update_where(self, predicate: Callable[[T], object]) -> Update[T]:
        """Begin an update of the documents whose data `predicate` accepts.

        Raises:
            TypeError: The predicate is no function, or an async one.

        Example:
            >>> late = await db.update_where(is_late).limit(10).returning(mark_late)
        """
        self._check()
        return Update(self._ask_update, self._record, plain_function(predicate, "update_where"))

    async def delete_one(self, id: UUID) -> Document[T]:  # noqa: A002
        """Remove one document; give what it was.

        Where there is none it raises, having nothing to give; `update_one` answers False.

        Raises:
            DocumentNotFound: There is none with this id.
            TypeError: The id is no UUID.
        """
        self._check()
        return await self._engine.ask(DeleteOne(key_of(id)))

    async def delete(self, value: T) -> int:
        """Remove all documents equal to `value`, in one commit; give how many."""
        return await self.delete_where(lambda data: data == value)

    async def delete_where(self, predicate: Callable[[T], object]) -> int:
        """Remove the documents whose data `predicate` accepts, in one commit; give how many.

        Args:
            predicate: Given a document's data. It runs in the writer, at the command's turn.

        Raises:
            DecodeError: A stored document does not fit the document type.
            TypeError: The predicate is no function, or an async one.
            Exception: Whatever the predicate raises; nothing is removed then.
        """
        self._check()
        return await self._engine.ask(DeleteWhere(plain_function(predicate, "delete_where")))

    def begin(self) -> Transaction[T]:
        """Begin a transaction on what is there now.

        Example:
            >>> async with db.begin() as tx:
            ...     tx.insert_one(Note("both"))
            ...     tx.insert_one(Note("or none"))
        """
        return Transaction(self._state(), self._record, self._ask_commit)

    async def transact(self, fn: Callable[..., R], *args: object) -> R:
        """Run a transaction in the writer, at its turn, on the newest state; give its result.

        ``fn(tx, *args)`` is a plain function that is given a `Transaction`. It is never in
        conflict, for nobody else writes while it runs; all writers wait for it, so it must be
        quick. What it stages is applied when it returns, unless it rolls back.

        Args:
            fn: Called with the transaction and `args`.
            args: What else it is given.

        Raises:
            DocumentNotFound: It updates or deletes a document that is not there.
            UniqueViolation: Two documents would share a key of a unique index.
            TypeError: `fn` is an async function.
            Exception: Whatever `fn` raises; nothing is changed then.

        Example:
            >>> def move(tx, source, target, amount): ...
            >>> await db.transact(move, source.id, target.id, 10)
        """
        self._check()

        def run(state: State[T]) -> tuple[Staged, R]:
            tx = Transaction(state, self._record, _commit_in_writer)
            try:
                result = fn(tx, *args)
                if inspect.iscoroutine(result):
                    result.close()
                    raise TypeError("transact takes a plain function, not an async one")
            except BaseException:
                if tx.status is TransactionStatus.OPEN:
                    tx.rollback()
                raise
            return tx.end(), result

        result: R = await self._engine.ask(Transact(run))
        return result

    # Watching.

    @contextlib.asynccontextmanager
    async def watch(
        self,
        predicate: Callable[[T], object] | None = None,
        *,
        since: int | None = None,
        buffer_commits_max: int = 1024,
        coalesce: bool = False,
    ) -> AsyncIterator[Feed[T]]:
        """Follow what is committed: a feed of commits, in order, each after the log has it.

        With ``since=snapshot.seq`` the feed goes on where a snapshot ends and misses nothing.

        Args:
            predicate: Leaves out changes where it accepts the data neither before nor after, and
                commits without any other. It runs in the task that reads.
            since: The number of the commit to begin after; by default the newest one that cannot
                be taken back any more.
            buffer_commits_max: How many commits may wait for a slow reader, who then gets
                `FeedLagged`. Those between `since` and now do not count.
            coalesce: Make one commit of the newest ones where the buffer is full, instead.

        Raises:
            FeedLagged: `since` is too long ago: later commits are not kept any more.
            PersistFailed: `since` was seen in memory and taken back, for the log has failed.
            ValueError: `since` is yet to come, or the buffer is below 1.
            TypeError: The predicate is no function, or an async one.
            DatabaseClosed: The database is closed.
            DatabaseBroken: The writer has died.

        Example:
            >>> snapshot = db.snapshot()
            >>> async with db.watch(since=snapshot.seq) as feed:
            ...     async for commit in feed: ...
        """
        await trio.lowlevel.checkpoint()
        self._check()
        if whole_number(buffer_commits_max, "buffer_commits_max") < 1:
            raise ValueError("buffer_commits_max must be at least 1")
        if predicate is not None:
            plain_function(predicate, "watch")
        with self._engine.subscribed(since, buffer_commits_max, coalesce) as subscription:
            yield Feed(subscription, self._state().reader, predicate)

    async def wait_for(
        self,
        id: UUID,  # noqa: A002
        predicate: Callable[[T], object],
    ) -> Document[T]:
        """Wait until a document is there whose data `predicate` accepts; give it.

        Args:
            id: The document's id; it need not be there yet.
            predicate: Given the document's data, now and after every commit that changes it.

        Raises:
            DatabaseClosed: The database was closed meanwhile.
            DatabaseBroken: The writer has died.
            DecodeError: It does not fit the document type.
            TypeError: The id is no UUID, or the predicate no function, or an async one.
            Exception: Whatever the predicate raises.

        Example:
            >>> job = await db.wait_for(job.id, lambda job: job.done)
        """
        await trio.lowlevel.checkpoint()
        key = key_of(id)
        plain_function(predicate, "wait_for")
        while True:
            state = self._kept()
            document = state.get(key)
            if document is not None and predicate(document.data):
                return document
            with contextlib.suppress(FeedLagged):
                return await self._wait_since(state.seq, key, predicate)

    async def _wait_since(
        self, seq: int, key: int, predicate: Callable[[T], object]
    ) -> Document[T]:
        engine = self._engine
        with engine.subscribed(seq, _WAIT_COMMITS_MAX, coalesce=False, key=key) as subscription:
            async for commit in Feed(subscription, self._state().reader, None):
                for change in commit.changes:
                    if change.id.int == key and change.op != "delete":
                        document = change.document()
                        if predicate(document.data):
                            return document
        raise DatabaseClosed("the database was closed")

    # Reading.

    def snapshot(self) -> Snapshot[T]:
        """Give all documents as they are now, for as long as you like, at no cost."""
        snapshot = Snapshot(self._state(), self.document_type)
        self._engine.snapshots.add(snapshot)
        return snapshot

    async def get(self, id: UUID) -> Document[T] | None:  # noqa: A002
        """Give the document with this id, or None.

        Raises:
            DecodeError: It does not fit the document type.
            TypeError: The id is no UUID.
        """
        await trio.lowlevel.checkpoint()
        return self._state().get(key_of(id))

    async def find_one(self, id: UUID) -> Document[T]:  # noqa: A002
        """Give the document with this id.

        Raises:
            DocumentNotFound: There is none.
            DecodeError: It does not fit the document type.
            TypeError: The id is no UUID.
        """
        document = await self.get(id)
        if document is None:
            raise DocumentNotFound(id)
        return document

    async def find_all(self) -> list[Document[T]]:
        """Give all documents in insertion order.

        Raises:
            DecodeError: One does not fit the document type.
        """
        return await self.query().all()

    async def find(self, value: T) -> list[Document[T]]:
        """Give the documents whose data equals `value`, in insertion order.

        Raises:
            DecodeError: A document does not fit the document type.
        """
        self._check()
        return await run_cooperatively(select(self._state(), Plan().where(equal_to(value))))

    def query(self) -> Query[T]:
        """Begin a query; it looks at what is there when its terminal is awaited.

        Example:
            >>> await db.query().filter(lambda note: note.done).limit(10).all()
        """
        self._check()
        writer = self._engine.writer
        return Query(lambda _: self._state(), watch=self.watch, kept=lambda: writer.kept)

    # Indexes and upkeep.

    async def add_index(
        self, name: str, key_fn: Callable[[T], Hashable], *, unique: bool = False
    ) -> None:
        """Build a hash index and keep it from now on, in place of any index of that name.

        Indexes live in memory: add them after every opening.

        Args:
            name: What `using_index` calls it.
            key_fn: Given a document's data; gives its key, which must be hashable, and equal for
                equal data. Documents whose key is not equal to itself, such as NaN, are not held.
                What it raises, here or at a later write, gets a note that names the index.
            unique: Whether no two documents may have the same key.

        Raises:
            UniqueViolation: `unique`, and two documents have the same key already.
            DecodeError: A stored document does not fit the document type.
            TypeError: A key cannot be hashed, the name is no str, or `key_fn` is no function, or
                an async one.
            Exception: Whatever `key_fn` raises; there is no index then.
        """
        self._check()
        if not isinstance(name, str):
            raise TypeError(f"the name of an index is a str, not {name!r}")
        await self._engine.ask(AddIndex(name, plain_function(key_fn, "add_index"), unique))

    async def using_index(self, name: str, key: Hashable) -> list[Document[T]]:
        """Give the documents that have `key` in the index `name`, in insertion order.

        Raises:
            IndexNotFound: There is no such index.
            DecodeError: A document does not fit the document type.
            TypeError: The key cannot be hashed.
        """
        await trio.lowlevel.checkpoint()
        found: list[Document[T]] = []
        for documents in self._state().indexed(name, key):
            if found:
                await trio.lowlevel.checkpoint()
            found += documents
        return found

    async def compact(self) -> None:
        """Rewrite the log with one record per live document, beside reads and writes.

        Does nothing for `MemDb`.

        Raises:
            PersistFailed: It could not be done, and the log is as it was.
        """
        self._check()
        await self._engine.ask(Compact())

    async def backup(
        self,
        path: str | os.PathLike[str],
        *,
        progress: OnProgress | None = None,
        disk: Disk | None = None,
    ) -> BackupReport:
        """Write a copy of the database, as it is now, to a file that opens by itself.

        Others read and write meanwhile, and wait for nothing. The copy has the documents of one
        moment, in their order; of what was not yet in the log at that moment it has nothing. It
        is in the format of this database, so give it the same suffix. To restore it, copy it to
        where the database's file was, while no database of that name is open. A backup of a `MemDb`
        is a file for `JsonDb`.

        The file gets its name when it is whole and on disk, and only its owner may read it. A call
        that raises or is cancelled leaves no file.

        Args:
            path: The new file. There must be none of that name.
            progress: Called now and then with how far it is.
            disk: The file system of the file; by default that of the database.

        Raises:
            DatabaseLocked: The path is that of another database that is open.
            FileExistsError: There is a file of that name, such as that of this database.
            OSError: The file cannot be written.
            Exception: Whatever `progress` raises.

        Example:
            >>> await db.backup("backups/notes.json")
        """
        state = self._kept()
        storage = self._engine.storage
        own = storage if isinstance(storage, FileStorage) else None
        if own and disk is None and _is_same_file(path, own.path):
            reason = "this is the file of the database itself; name another for the backup"
            raise FileExistsError(errno.EEXIST, reason, os.fspath(path))
        return await write_backup(
            state,
            Path(path),
            self._engine.codec.name,
            disk=disk or (own.disk if own else RealDisk()),
            random_bytes=own.random_bytes if own else os.urandom,
            report=lambda count: report_documents(progress, count, len(state)),
        )

    async def stats(self) -> Stats:
        """Say how large the database is and what it has done since opening."""
        await trio.lowlevel.checkpoint()
        state, engine = self._state(), self._engine
        size = engine.storage.size_bytes
        live = engine.storage.compacted_bytes(len(state), state.data_bytes)
        commands_waiting, senders_waiting = engine.mailbox.waiting()
        counts = engine.writer.counts
        oldest, age_s = engine.snapshots.oldest() or (None, None)
        return Stats(
            file_size_bytes=size,
            live_size_bytes=live,
            live_document_count=len(state),
            compaction_ratio=size / live if live else 1.0,
            seq=state.seq,
            index_count=len(state.indexes),
            commit_count=counts.commits,
            batch_count=counts.batches,
            commits_in_largest_batch=counts.commits_in_largest_batch,
            compaction_count=counts.compactions,
            commands_waiting=commands_waiting,
            senders_waiting=senders_waiting,
            feed_count=len(engine.writer.feeds),
            snapshot_count=len(engine.snapshots),
            oldest_snapshot_seq=None if oldest is None else oldest.seq,
            oldest_snapshot_age_s=age_s,
            recovery=engine.recovery,
        )

    # Inside.

    def _check(self) -> None:
        if self._closed:
            raise DatabaseClosed("this handle is closed")
        self._engine.check()

    def _state(self) -> State[T]:
        self._check()
        return self._engine.writer.published

    def _kept(self) -> State[T]:
        """Give the newest state that cannot be taken back any more."""
        self._check()
        return self._engine.writer.kept

    async def _ask_update(self, command: UpdateWhere) -> list[Document[T]]:
        self._check()
        return await self._engine.ask(command)

    async def _ask_commit(self, command: CommitTransaction) -> None:
        """Commit a transaction; one that read only what is kept, and wrote nothing, is as good."""
        self._check()
        nothing = not command.staged.changes and not command.staged.missing
        if nothing and command.began <= self._engine.writer.kept.seq:
            await trio.lowlevel.checkpoint()
        else:
            await self._engine.ask(command)

    def _record(self, id: UUID | None, value: T) -> Record:  # noqa: A002
        """Make a value ready to be stored under `id`, or under a new one.

        Where values are mutable the document gets one of its own, so that it is no part of what
        the caller goes on to change; as well where an int in it was stored as a float.
        """
        codec = self._engine.codec
        widened_before = codec.widened.count
        data = self._encoded(value)
        key = self._new_key() if id is None else id.int
        if codec.immutable:
            if codec.widened.count != widened_before:
                value = codec.decode(data)
            document: Document[T] = leaf_document(key, value)
            return Record(key, data, document, document)
        return Record(key, data, open_document(key, codec.decode(data)))

    def _encoded(self, value: T) -> bytes:
        """Encode a value that is to be stored."""
        data = self._engine.codec.encode(value)
        if len(data) > self._config.document_bytes_max:
            raise EncodeError(
                f"the document takes {len(data)} bytes; document_bytes_max is "
                f"{self._config.document_bytes_max}"
            )
        return data

    def _bulk(self) -> Bulk[T]:
        """Begin to gather documents that are to be stored together, under ids of their own."""
        self._check()
        return Bulk(
            self._encoded,
            self._engine.ask,
            self._new_key,
            lambda: self._state().data_bytes,
        )


def _is_same_file(path: str | os.PathLike[str], other: Path) -> bool:
    return os.path.realpath(path) == os.path.realpath(other)


async def _commit_in_writer(_: object) -> None:
    raise RuntimeError("what transact() runs is committed when it returns, not by commit()")


class MemDb(RedDb[T]):
    """A database in memory alone. It takes what `JsonDb` takes, so the two swap in one word."""

    _codec = JsonCodec
    _in_memory = True


class BinDb(RedDb[T]):
    """A database in a ``.bin`` file of CBOR: the most compact of the formats."""

    _codec = CborCodec


class JsonDb(RedDb[T]):
    """A database in a ``.json`` file of JSON: the fastest of the formats."""

    _codec = JsonCodec


class RonDb(RedDb[T]):
    """A database in a ``.ron`` file of Rusty Object Notation."""

    _codec = RonCodec


class YamlDb(RedDb[T]):
    """A database in a ``.yaml`` file of YAML: readable, and by far the slowest of the formats."""

    _codec = YamlCodec
