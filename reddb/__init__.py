"""reddb: the embedded document database for trio programs.

General layout:

- `reddb.api` is what a program holds: handles, snapshots, queries, transactions, configuration.
- `reddb.actor` is the engine, private: the writer task, the state, the log and the disk.
- `reddb.codecs` turns values into bytes and back: one module a format, and the typing layer.
- `reddb.cli` is the command line, which needs the extra ``reddb[cli]``.
- `reddb.testing` has the conformance suites for codecs and storages of your own.
- `reddb.migrate` moves data in from the Rust crate, and back.
- `reddb.transfer` writes databases to files that other programs read, and reads those.
- `reddb.errors` has all exceptions.

Everything public is named here, once.
"""

from reddb import migrate as migrate
from reddb import transfer as transfer
from reddb.actor.backing_up import BackupReport
from reddb.actor.document import Document
from reddb.actor.file_storage import FileStorage
from reddb.actor.frames import Commit
from reddb.actor.salvaging import SalvageReport
from reddb.actor.storage import MemoryStorage, Recovery, Storage
from reddb.actor.survey import Damage, TornTail
from reddb.actor.verification import VerifyReport
from reddb.api.config import DbConfig, Durability, WriteOrder
from reddb.api.database import BinDb, JsonDb, MemDb, RedDb, RonDb, YamlDb
from reddb.api.feed import DocumentChange, Feed, FeedCommit
from reddb.api.first_aid import salvage, verify
from reddb.api.progress import Progress
from reddb.api.query import Collected, LiveResults, Query, SnapshotQuery
from reddb.api.reading import read_snapshot
from reddb.api.snapshot import Snapshot
from reddb.api.stats import Stats
from reddb.api.transaction import Transaction, TransactionStatus
from reddb.api.update import Update
from reddb.codecs import (
    CborCodec,
    Codec,
    DocumentType,
    FormerNames,
    JsonCodec,
    Notation,
    RonCodec,
    TypeHook,
    YamlCodec,
)
from reddb.errors import (
    CodecMismatch,
    DatabaseBroken,
    DatabaseClosed,
    DatabaseLocked,
    DataCorrupted,
    DecodeError,
    DocumentNotFound,
    EncodeError,
    FeedLagged,
    IndexNotFound,
    PersistFailed,
    RedDbError,
    TransactionClosed,
    TransactionConflict,
    UniqueViolation,
)

__all__ = [
    "BackupReport",
    "BinDb",
    "CborCodec",
    "Codec",
    "CodecMismatch",
    "Collected",
    "Commit",
    "Damage",
    "DataCorrupted",
    "DatabaseBroken",
    "DatabaseClosed",
    "DatabaseLocked",
    "DbConfig",
    "DecodeError",
    "Document",
    "DocumentChange",
    "DocumentNotFound",
    "DocumentType",
    "Durability",
    "EncodeError",
    "Feed",
    "FeedCommit",
    "FeedLagged",
    "FileStorage",
    "FormerNames",
    "IndexNotFound",
    "JsonCodec",
    "JsonDb",
    "LiveResults",
    "MemDb",
    "MemoryStorage",
    "Notation",
    "PersistFailed",
    "Progress",
    "Query",
    "Recovery",
    "RedDb",
    "RedDbError",
    "RonCodec",
    "RonDb",
    "SalvageReport",
    "Snapshot",
    "SnapshotQuery",
    "Stats",
    "Storage",
    "TornTail",
    "Transaction",
    "TransactionClosed",
    "TransactionConflict",
    "TransactionStatus",
    "TypeHook",
    "UniqueViolation",
    "Update",
    "VerifyReport",
    "WriteOrder",
    "YamlCodec",
    "YamlDb",
    "read_snapshot",
    "salvage",
    "verify",
]
__version__ = "0.1.0"
