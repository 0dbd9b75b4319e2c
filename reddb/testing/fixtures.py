"""Databases for tests: in memory, on a simulated disk, in a directory.

Each object here is one place for one database. Calling it opens that database, as often as you
like, so a test can close it and see what is there when it is opened again. They are plain objects
that give async context managers; so they work under pytest-trio, under AnyIO's pytest plugin, and
in a function of your own that goes to `trio.run`. As pytest fixtures they are called
``reddb_in_memory``, ``reddb_on_simulated_disk`` and ``reddb_in_directory``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, overload

from attrs import evolve, field, frozen

from reddb.actor.file_storage import FileStorage
from reddb.api.config import DbConfig, Durability
from reddb.api.database import JsonDb, MemDb, RedDb
from reddb.codecs import DocumentType
from reddb.testing.crash_states import CrashState
from reddb.testing.simulated_disk import SimulatedDisk

D = TypeVar("D")

_Opening: TypeAlias = AbstractAsyncContextManager[RedDb[D]]

_NAME = "test"


class _Place:
    """Where one database lives."""

    @overload
    def __call__(
        self, document_type: type[D] | DocumentType[D], **settings: Any
    ) -> _Opening[D]: ...

    @overload
    def __call__(self, document_type: Any = Any, **settings: Any) -> _Opening[Any]: ...

    def __call__(self, document_type: Any = Any, **settings: Any) -> _Opening[Any]:
        """Open the database.

        Args:
            document_type: The type of the documents' data, as for `RedDb.open`.
            settings: Fields of `DbConfig` that are not to have their defaults.

        Raises:
            Exception: As `RedDb.open`.
        """
        return self._open(document_type, settings)

    def _open(self, document_type: Any, settings: dict[str, Any]) -> _Opening[Any]:
        raise NotImplementedError


@frozen
class InMemory(_Place):
    """A database in memory: a new one with each call.

    Example:
        >>> async def test_notes(reddb_in_memory):
        ...     async with reddb_in_memory(Note) as db:
        ...         await db.insert_one(Note("buy milk"))
    """

    def _open(self, document_type: Any, settings: dict[str, Any]) -> _Opening[Any]:
        return MemDb.open(DbConfig(_NAME, **settings), document_type)


@frozen
class OnSimulatedDisk(_Place):
    """A database on a disk that fails when told to, and whose power can be cut. It needs no thread.

    Example:
        >>> async def test_notes_outlast_a_power_cut(reddb_on_simulated_disk):
        ...     async with reddb_on_simulated_disk(Note) as db:
        ...         await db.insert_one(Note("kept"))
        ...         acknowledged = reddb_on_simulated_disk.moment
        ...     for state, left in reddb_on_simulated_disk.power_cuts():
        ...         async with left(Note) as db:
        ...             count = await db.query().count()
        ...             assert count == 1 or state.event < acknowledged
    """

    disk: SimulatedDisk = field(factory=SimulatedDisk)
    """The disk. Have it fail with ``disk.fail(...)``."""
    database: type[RedDb[Any]] = field(default=JsonDb, kw_only=True)
    """Which kind of database it is."""
    random_bytes: Callable[[int], bytes] = field(default=os.urandom, kw_only=True)
    """What the ids of files are made of; `seeded_bytes` in a run that is to be repeatable."""

    @property
    def moment(self) -> int:
        """The moment that it is now, to be compared with a `CrashState.event`."""
        return len(self.disk.journal)

    def power_cuts(
        self, *, since: int = 0, samples: int = 8, seed: int = 0
    ) -> Iterator[tuple[CrashState, OnSimulatedDisk]]:
        """Give what power cuts could have left, and for each a place with the database on it.

        Args:
            since: From which moment on.
            samples: As for `SimulatedDisk.crash_states`.
            seed: As for `SimulatedDisk.crash_states`.
        """
        for state in self.disk.crash_states(since=since, samples=samples, seed=seed):
            yield state, evolve(self, disk=state.disk())

    def _open(self, document_type: Any, settings: dict[str, Any]) -> _Opening[Any]:
        config = DbConfig(_NAME, **settings)
        synced = config.durability is Durability.FSYNC
        storage = FileStorage(
            Path(_NAME), sync=synced, disk=self.disk, random_bytes=self.random_bytes
        )
        return self.database.open(config, document_type, storage=storage)


@frozen
class InDirectory(_Place):
    """A database in a file, in a directory that is there.

    Example:
        >>> async def test_notes_are_there_when_opened_again(reddb_in_directory):
        ...     async with reddb_in_directory(Note) as db:
        ...         await db.insert_one(Note("kept"))
        ...     async with reddb_in_directory(Note) as db:
        ...         assert await db.query().count() == 1
    """

    directory: Path
    """The directory; the fixture's is a temporary one of the test's own."""
    database: type[RedDb[Any]] = field(default=JsonDb, kw_only=True)
    """Which kind of database it is."""

    def _open(self, document_type: Any, settings: dict[str, Any]) -> _Opening[Any]:
        return self.database.open(DbConfig(_NAME, dir=self.directory, **settings), document_type)
