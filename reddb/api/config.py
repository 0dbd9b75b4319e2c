"""How a database is opened: one frozen value, checked when it is made."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from struct import Struct
from typing import TypeGuard
from uuid import UUID, uuid4

from attrs import field, frozen

from reddb.actor.state import DECODED_DOCUMENTS_MAX


class WriteOrder(Enum):
    """When others see a write. Its caller always waits until the log has it."""

    MEMORY_FIRST = "memory_first"
    """As soon as the writer has applied it; taken back if the log then fails."""
    FILE_FIRST = "file_first"
    """Only when the log has it, to the level that the durability names."""


class Durability(Enum):
    """What an acknowledged write survives."""

    FSYNC = "fsync"
    """A power cut: it was synced to the disk."""
    OS = "os"
    """A killed process: it was handed to the operating system, which writes it in its own time."""


def _check_name(name: str) -> None:
    if not isinstance(name, str):
        raise ValueError(f"name must be a str, not {type(name).__name__}")
    if not name or name in {".", ".."} or any(sign in name for sign in "/\\\0"):
        raise ValueError(f"name must be a plain file name without its suffix, not {name!r}")
    try:
        encoded = os.fsencode(name)
    except UnicodeEncodeError:
        raise ValueError(f"name must be text that a file can be named by, not {name!r}") from None
    if len(encoded) > _NAME_BYTES_MAX:
        raise ValueError(f"name must be at most {_NAME_BYTES_MAX} bytes long, not {name!r}")


def _directory(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(path)
    except TypeError:
        raise ValueError(f"dir must be a path, not {path!r}") from None


def is_whole_number(value: object) -> TypeGuard[int]:
    """Tell whether a value is an int, and not True or False, which Python has for ints too."""
    return isinstance(value, int) and not isinstance(value, bool)


_NAME_BYTES_MAX = 230
"""File systems take names of 255 bytes; the suffixes of the log and its companions need some."""

_DOCUMENT_BYTES_CEILING = (1 << 32) - 1
"""The file format counts a document's bytes in 32 bits."""


_KEYS_AT_ONCE = 64
_KEYS_BYTES = 16 * _KEYS_AT_ONCE
_EACH = sum(1 << 128 * number for number in range(_KEYS_AT_ONCE))
"""Times this, 128 bits are those of every key in a row of so many."""
_VERSION_AND_VARIANT = _EACH * (0x4 << 76 | 0x2 << 62)
_RANDOM_BITS = ~(_EACH * (0xF << 76 | 0x3 << 62))
_cut_keys = Struct("16s" * _KEYS_AT_ONCE).unpack


def _random_keys() -> Callable[[], int]:
    """Give what gives the numbers of random UUIDs, such as `uuid.uuid4` makes (RFC 9562).

    The operating system is asked for the bits of many at a time, for asking takes longer than all
    the rest. In a fork of the process the same ones would come: an open database ends there.
    """
    keys: list[int] = []

    def new_key() -> int:
        while True:
            try:
                return keys.pop()
            except IndexError:
                bits = int.from_bytes(os.urandom(_KEYS_BYTES)) & _RANDOM_BITS
                data = (bits | _VERSION_AND_VARIANT).to_bytes(_KEYS_BYTES)
                keys.extend(map(int.from_bytes, _cut_keys(data)))

    return new_key


@frozen
class DbConfig:
    """How to open a database.

    Example:
        >>> config = DbConfig("notes", dir="/var/lib/app", durability=Durability.OS)
        >>> async with JsonDb.open(config, Note) as db: ...

    Raises:
        ValueError: A value is out of its bounds; the message says which.
    """

    name: str = field()
    """The file's name without its suffix, which the database adds: for `JsonDb`, ``notes`` is the
    file ``notes.json``, and ``notes.json`` would be ``notes.json.json``. It is no path."""
    dir: Path = field(default=Path(), converter=_directory, kw_only=True)
    """The directory, which must exist. `MemDb` ignores it."""
    compaction_ratio: float = field(default=2.0, kw_only=True)
    """The log is compacted when it is this many times as large as its live documents."""
    write_order: WriteOrder = field(default=WriteOrder.MEMORY_FIRST, kw_only=True)
    """When others see a write."""
    durability: Durability = field(default=Durability.FSYNC, kw_only=True)
    """What an acknowledged write survives."""
    mailbox_commands_max: int = field(default=1024, kw_only=True)
    """How many commands may wait for the writer before their senders wait in line."""
    batch_commands_max: int = field(default=1024, kw_only=True)
    """How many commands the writer takes at once, to be kept by one write and one sync."""
    document_bytes_max: int = field(default=64 * 1024 * 1024, kw_only=True)
    """How large one encoded document may be; a larger one raises `EncodeError`."""
    decoded_documents_max: int = field(default=DECODED_DOCUMENTS_MAX, kw_only=True)
    """How many documents a database may have and still keep those decoded that were read, for the
    next reader. One that has more decodes at every read: the garbage collector visits all decoded
    documents each time that it looks at everything, and the whole program waits for that. It
    counts only for deeply immutable documents; others are never kept. 0 keeps none."""
    new_id: Callable[[], UUID] = field(default=uuid4, kw_only=True)
    """Gives the ids of new documents. Inject a seeded one to make a run repeatable. If it gives
    anything else than a UUID, whatever inserts raises TypeError."""
    clock: Callable[[], float] | None = field(default=None, kw_only=True)
    """Gives the time in seconds; by default trio's, so `trio.testing.MockClock` works. It is asked
    when a snapshot is taken, for its age in `Stats`. Nothing else depends on the time."""

    def __attrs_post_init__(self) -> None:
        _check_name(self.name)
        ratio: object = self.compaction_ratio
        if isinstance(ratio, bool) or not (isinstance(ratio, int | float) and ratio >= 1):
            raise ValueError(f"compaction_ratio must be at least 1, not {ratio!r}")
        if not isinstance(self.write_order, WriteOrder):
            raise ValueError(f"write_order must be a WriteOrder, not {self.write_order!r}")
        if not isinstance(self.durability, Durability):
            raise ValueError(f"durability must be a Durability, not {self.durability!r}")
        for limit in ("mailbox_commands_max", "batch_commands_max", "document_bytes_max"):
            value = getattr(self, limit)
            if not is_whole_number(value) or value < 1:
                raise ValueError(f"{limit} must be a whole number of at least 1, not {value!r}")
        kept = self.decoded_documents_max
        if not is_whole_number(kept) or kept < 0:
            raise ValueError(f"decoded_documents_max must be a whole number, not {kept!r}")
        if self.document_bytes_max > _DOCUMENT_BYTES_CEILING:
            raise ValueError("document_bytes_max must be below 4 GiB")
        if not callable(self.new_id):
            raise ValueError(f"new_id must be a function that gives UUIDs, not {self.new_id!r}")
        if not (self.clock is None or callable(self.clock)):
            raise ValueError(f"clock must be a function that gives seconds, not {self.clock!r}")

    @classmethod
    def of(cls, config: DbConfig | str) -> DbConfig:
        """Give `config` itself, or the defaults under that name."""
        return config if isinstance(config, DbConfig) else cls(config)


def key_maker(config: DbConfig) -> Callable[[], int]:
    """Give what gives the number of a new id; where ids are random, without a UUID on the way.

    It raises TypeError where `DbConfig.new_id` gives something else than a UUID.
    """
    new_id: Callable[[], object] = config.new_id
    if new_id is uuid4:
        return _random_keys()

    def new_key() -> int:
        id_ = new_id()
        if not isinstance(id_, UUID):
            raise TypeError(f"new_id must give a uuid.UUID, not {id_!r}")
        return id_.int

    return new_key
