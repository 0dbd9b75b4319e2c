"""What every store is asked to do, so that one workload runs on all of them.

A `Store` has the operations that a document store for trio would have. A peer whose library blocks
is written as a `Blocking` class of plain methods; `Threaded` gives it to trio, each call a hop to
one worker thread, as its users would. What a peer has no way to do, it names in `cannot`, with the
reason, and it is not asked to.
"""

from __future__ import annotations

import contextlib
import heapq
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, TypeVar, TypeVarTuple

import trio
from attrs import define, evolve, field

from benchmarks.documents import Person

R = TypeVar("R")
Args = TypeVarTuple("Args")

Key = Any
"""What a store calls a document by: a UUID, its bytes, a number."""

PAGE_DOCUMENTS = 20


class Level(Enum):
    """What a write that has returned survives."""

    MEMORY = "memory"
    """Nothing: all is in memory."""
    OS = "OS"
    """A killed process: it was handed to the operating system."""
    FSYNC = "FSYNC"
    """A power cut: it was synced to the disk."""


def top_scores(people: Iterable[Person]) -> list[Person]:
    """Give a page where the store cannot order."""
    return heapq.nlargest(PAGE_DOCUMENTS, people, key=lambda person: person.score)


def toggled(person: Person) -> Person:
    """Give what updates make of a document."""
    return evolve(person, active=not person.active)


class Store:
    """A store of `Person` documents, used from one event loop by many tasks."""

    cannot: ClassVar[dict[str, str]] = {}
    """What the store has no way to do, with the reason; by the names of `Level`s and methods."""

    async def run_tasks(self, tasks: Sequence[Callable[[], Awaitable[object]]]) -> None:
        """Run functions side by side, each in a task, until all have ended."""
        async with trio.open_nursery() as nursery:
            for task in tasks:
                nursery.start_soon(task)

    async def insert_one(self, person: Person) -> Key:
        """Store a document; return when the level is reached."""
        raise NotImplementedError

    async def insert(self, people: Sequence[Person]) -> Sequence[Key]:
        """Store documents in one transaction."""
        raise NotImplementedError

    async def get(self, key: Key) -> Person:
        """Give a document by its key."""
        raise NotImplementedError

    def snapshot(self) -> Callable[[Key], Person]:
        """Give a function that looks up documents as they are now, for as long as it is held."""
        raise NotImplementedError

    async def add_index(self) -> None:
        """Index the documents by team."""
        raise NotImplementedError

    async def lookup(self, team: int) -> list[Person]:
        """Give a team's documents, by the index."""
        raise NotImplementedError

    async def scan(self, low: float, high: float) -> list[Person]:
        """Give the documents with a score in a range, without an index."""
        raise NotImplementedError

    async def page(self) -> list[Person]:
        """Give the `PAGE_DOCUMENTS` documents of the highest scores, in that order."""
        raise NotImplementedError

    async def update_one(self, key: Key, person: Person) -> None:
        """Replace a document."""
        raise NotImplementedError

    async def delete_one(self, key: Key) -> None:
        """Remove a document."""
        raise NotImplementedError

    async def update_where(self, low: float, high: float) -> int:
        """Toggle the documents that `scan` would give, in one transaction; give how many."""
        raise NotImplementedError

    async def transact(self, key: Key) -> None:
        """Read a document and write it back toggled, in one transaction."""
        raise NotImplementedError

    async def transaction(self, people: Sequence[Person]) -> None:
        """Store a few documents, one call each, in one transaction."""
        await self.insert(people)

    async def compact(self) -> None:
        """Give the disk what deleted and replaced documents took."""
        raise NotImplementedError


class Blocking(ABC):
    """A store whose library blocks: the operations of `Store` as plain methods."""

    cannot: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def close(self) -> None: ...
    @abstractmethod
    def insert(self, people: Sequence[Person]) -> Sequence[Key]: ...
    @abstractmethod
    def get(self, key: Key) -> Person: ...
    @abstractmethod
    def scan(self, low: float, high: float) -> list[Person]: ...
    @abstractmethod
    def page(self) -> list[Person]: ...
    @abstractmethod
    def update_one(self, key: Key, person: Person) -> None: ...
    @abstractmethod
    def delete_one(self, key: Key) -> None: ...
    @abstractmethod
    def update_where(self, low: float, high: float) -> int: ...

    def insert_one(self, person: Person) -> Key:
        return self.insert([person])[0]

    def transact(self, key: Key) -> None:
        """No other call runs meanwhile: there is one worker thread."""
        self.update_one(key, toggled(self.get(key)))

    def add_index(self) -> None:
        raise NotImplementedError

    def lookup(self, team: int) -> list[Person]:
        raise NotImplementedError


@define(eq=False)
class Threaded(Store):
    """A blocking store behind `trio.to_thread.run_sync`, one call at a time."""

    blocking: Blocking
    _limiter: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(1))

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, make: Callable[[Path, Level], Blocking], path: Path, level: Level
    ) -> AsyncIterator[Store]:
        """Open a store, for the length of a block."""
        limiter = trio.CapacityLimiter(1)
        store = cls(await trio.to_thread.run_sync(make, path, level, limiter=limiter), limiter)
        try:
            yield store
        finally:
            await store.hop(store.blocking.close)

    async def hop(self, fn: Callable[[*Args], R], *args: *Args) -> R:
        """Call a function in the worker thread."""
        return await trio.to_thread.run_sync(fn, *args, limiter=self._limiter)

    async def insert_one(self, person: Person) -> Key:
        return await self.hop(self.blocking.insert_one, person)

    async def insert(self, people: Sequence[Person]) -> Sequence[Key]:
        return await self.hop(self.blocking.insert, people)

    async def get(self, key: Key) -> Person:
        return await self.hop(self.blocking.get, key)

    async def add_index(self) -> None:
        await self.hop(self.blocking.add_index)

    async def lookup(self, team: int) -> list[Person]:
        return await self.hop(self.blocking.lookup, team)

    async def scan(self, low: float, high: float) -> list[Person]:
        return await self.hop(self.blocking.scan, low, high)

    async def page(self) -> list[Person]:
        return await self.hop(self.blocking.page)

    async def update_one(self, key: Key, person: Person) -> None:
        await self.hop(self.blocking.update_one, key, person)

    async def delete_one(self, key: Key) -> None:
        await self.hop(self.blocking.delete_one, key)

    async def update_where(self, low: float, high: float) -> int:
        return await self.hop(self.blocking.update_where, low, high)

    async def transact(self, key: Key) -> None:
        await self.hop(self.blocking.transact, key)


@define
class Peer:
    """A store that can be opened, and what there is to say about it."""

    name: str
    open: Callable[[Path, Level], contextlib.AbstractAsyncContextManager[Store]]
    """Open it at a path that does not exist yet, or where it was before."""
    cannot: dict[str, str]
    """As `Store.cannot`."""
    distribution: str | None = None
    """The package that it comes from; None for the standard library and ours."""
    documents_max: int | None = None
    """How many documents the larger workloads give it, where all of them would take hours."""
    inserts_only: bool = False
    """Whether it does nothing but `insert_one`."""
    note: str = ""
    """How it is used, for the reader of the table."""
    run: Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any] = trio.run
    """Runs its event loop."""
