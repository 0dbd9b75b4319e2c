"""Random runs of operations against a model: a plain dict, and scans in place of indexes.

A run is a list of steps, drawn by Hypothesis, each a method of `Run` with its arguments. After
every step the database must hold what the model holds, in the same order, find by its indexes what
a scan finds, and give from every snapshot what it gave when it was made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias
from uuid import UUID

import pytest
import trio
from attrs import define, field
from databases import (
    DATABASES,
    MISSING,
    SHAPES,
    Home,
    Shape,
    count_of,
    data,
    part,
    simulated,
    text_of,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reddb import (
    Document,
    DocumentNotFound,
    MemDb,
    RedDb,
    Snapshot,
    Transaction,
    TransactionConflict,
    UniqueViolation,
    WriteOrder,
    YamlDb,
)

Contents: TypeAlias = dict[UUID, Any]

KEYS: dict[str, Callable[[Any], Any]] = {"text": text_of, "count": count_of}


class Stop(Exception):
    """What a transaction's block raises."""


@define
class Run:
    """A database, what it must hold, and the snapshots that were taken on the way."""

    home: Home
    db: RedDb[Any]
    contents: Contents = field(factory=dict)
    unique: dict[str, bool] = field(factory=dict)
    """The indexes that there are, and whether they are unique."""
    snapshots: list[tuple[Snapshot[Any], Contents]] = field(factory=list)

    def id_at(self, at: int) -> UUID:
        """Give the id of some document, or now and then one of none."""
        ids = [*self.contents, MISSING]
        return ids[at % len(ids)]

    def value(self, value: tuple[str, int]) -> Any:
        """Give a document of the home's shape."""
        return self.home.value(*value)

    def fits(self, values: Iterable[Any]) -> bool:
        """Tell whether documents of these values may be there together."""
        unique = [KEYS[name] for name, unique in self.unique.items() if unique]
        return all(len({key(value) for value in values}) == len([*values]) for key in unique)

    async def change(self, changes: Contents, call: Callable[[], Awaitable[Any]]) -> Any:
        """Make a call that makes `changes`, unless a unique index forbids that."""
        expected = self.contents | changes
        if not self.fits(expected.values()):
            with pytest.raises(UniqueViolation):
                await call()
            return None
        result = await call()
        self.contents = expected
        return result

    # Steps.

    async def insert_one(self, value: tuple[str, int]) -> None:
        """Insert a document."""
        made = self.value(value)
        if self.fits([*self.contents.values(), made]):
            document = await self.db.insert_one(made)
            self.contents[document.id] = document.data
            assert document.data == made
        else:
            with pytest.raises(UniqueViolation):
                await self.db.insert_one(made)

    async def insert(self, values: list[tuple[str, int]]) -> None:
        """Insert documents in one commit."""
        made = [self.value(value) for value in values]
        if self.fits([*self.contents.values(), *made]):
            documents = await self.db.insert(made)
            self.contents |= {document.id: document.data for document in documents}
            assert data(documents) == made
        else:
            with pytest.raises(UniqueViolation):
                await self.db.insert(made)

    async def update_one(self, at: int, value: tuple[str, int]) -> None:
        """Update a document, which may be missing."""
        id_, made = self.id_at(at), self.value(value)
        there = id_ in self.contents
        changes = {id_: made} if there else {}
        assert await self.change(changes, lambda: self.db.update_one(id_, made)) in {there, None}

    async def update(self, search: tuple[str, int], value: tuple[str, int]) -> None:
        """Update all documents that are equal to one."""
        old, new = self.value(search), self.value(value)
        changes = {id_: new for id_, each in self.contents.items() if each == old}
        count = await self.change(changes, lambda: self.db.update(old, new))
        assert count in {len(changes), None}

    async def update_where(self, least: int, limit: int | None, value: tuple[str, int]) -> None:
        """Update some of the documents of a certain count."""
        new = self.value(value)
        found = [id_ for id_, each in self.contents.items() if count_of(each) >= least][:limit]
        update = self.db.update_where(lambda each: count_of(each) >= least)
        update = update if limit is None else update.limit(limit)
        changes = dict.fromkeys(found, new)
        result = await self.change(changes, lambda: update.returning(lambda _: new))
        assert result in (documents_of(changes), None)

    async def delete_one(self, at: int) -> None:
        """Remove a document, which may be missing."""
        id_ = self.id_at(at)
        if id_ in self.contents:
            assert await self.db.delete_one(id_) == Document(id_, self.contents.pop(id_))
        else:
            with pytest.raises(DocumentNotFound):
                await self.db.delete_one(id_)

    async def delete(self, value: tuple[str, int]) -> None:
        """Remove all documents that are equal to one."""
        old, before = self.value(value), len(self.contents)
        self.contents = {id_: each for id_, each in self.contents.items() if each != old}
        assert await self.db.delete(old) == before - len(self.contents)

    async def delete_where(self, least: int) -> None:
        """Remove the documents of a certain count."""
        before = len(self.contents)
        self.contents = {id_: each for id_, each in self.contents.items() if count_of(each) < least}
        assert await self.db.delete_where(lambda each: count_of(each) >= least) == (
            before - len(self.contents)
        )

    async def transaction(self, writes: list[tuple[int, Any]], end: str) -> None:
        """Stage writes, see them in the transaction alone, then end it one way or another."""
        tx = self.db.begin()
        staged, touched = self.stage(tx, writes)
        assert await self.db.find_all() == documents_of(self.contents)
        if end == "roll back":
            tx.rollback()
        elif end == "raise":
            with pytest.raises(Stop):
                async with tx:
                    raise Stop
        elif end == "conflict" and touched:
            for id_ in touched:
                await self.db.update_one(id_, self.contents[id_])
            with pytest.raises(TransactionConflict):
                await tx.commit()
        elif self.fits(staged.values()):
            await tx.commit()
            self.contents = staged
        else:
            with pytest.raises(UniqueViolation):
                await tx.commit()

    def stage(
        self, tx: Transaction[Any], writes: list[tuple[int, Any]]
    ) -> tuple[Contents, set[UUID]]:
        """Stage writes; give what there will be, and what of it was there before."""
        staged = dict(self.contents)
        for at, value in writes:
            id_ = [*staged, MISSING][at % (len(staged) + 1)]
            if id_ == MISSING and value is not None:
                document = tx.insert_one(self.value(value))
                staged[document.id] = document.data
            elif id_ != MISSING and value is not None:
                tx.update_one(id_, self.value(value))
                staged[id_] = self.value(value)
            elif id_ != MISSING:
                tx.delete_one(id_)
                del staged[id_]
            if at % 2:
                assert tx.query().all() == documents_of(staged)
        touched = {
            id_
            for id_, value in self.contents.items()
            if id_ not in staged or staged[id_] is not value
        }
        return staged, touched

    async def add_index(self, name: str, unique: bool) -> None:
        """Add or replace an index."""
        keys = [KEYS[name](value) for value in self.contents.values()]
        if unique and len(set(keys)) < len(keys):
            with pytest.raises(UniqueViolation):
                await self.db.add_index(name, KEYS[name], unique=True)
        else:
            await self.db.add_index(name, KEYS[name], unique=unique)
            self.unique[name] = unique

    async def compact(self) -> None:
        """Compact the log."""
        await self.db.compact()

    async def hold_snapshot(self) -> None:
        """Take a snapshot and hold it to the end."""
        self.snapshots.append((self.db.snapshot(), dict(self.contents)))

    # Checks.

    async def check(self) -> None:
        """Assert that the database and all snapshots hold what they must."""
        check_snapshot(self.db.snapshot(), self.contents)
        documents = documents_of(self.contents)
        assert await self.db.find_all() == documents
        assert (await self.db.stats()).live_document_count == len(documents)
        for document in documents:
            assert await self.db.find_one(document.id) == document
        for name in self.unique:
            for key in {part(document.data, name) for document in documents} | {"none"}:
                found = [each for each in documents if part(each.data, name) == key]
                assert await self.db.using_index(name, key) == found
        for snapshot, contents in self.snapshots:
            check_snapshot(snapshot, contents)


def documents_of(contents: Contents) -> list[Document[Any]]:
    """Give the documents that the model holds."""
    return [Document(id_, value) for id_, value in contents.items()]


def check_snapshot(snapshot: Snapshot[Any], contents: Contents) -> None:
    """Assert that a snapshot holds what it must."""
    assert snapshot.find_all() == documents_of(contents)
    assert len(snapshot) == len(contents)
    assert all(id_ in snapshot for id_ in contents)


Step: TypeAlias = tuple[Callable[..., Awaitable[None]] | None, tuple[Any, ...]]
"""A method of `Run` and its arguments; None is to close the database and open it again."""

_values = st.tuples(
    st.sampled_from(["a", "b", "", "\n", "null", "é☃\U0001f600"]), st.integers(0, 4)
)
_places = st.integers(0, 40)


def _step(step: Callable[..., Awaitable[None]] | None, *arguments: Any) -> Any:
    return st.tuples(st.just(step), st.tuples(*arguments))


_steps = st.one_of(
    _step(Run.insert_one, _values),
    _step(Run.insert, st.lists(_values, max_size=6)),
    _step(Run.insert, st.lists(_values, min_size=60, max_size=80)),
    _step(Run.update_one, _places, _values),
    _step(Run.update, _values, _values),
    _step(Run.update_where, st.integers(0, 5), st.none() | st.integers(0, 4), _values),
    _step(Run.delete_one, _places),
    _step(Run.delete, _values),
    _step(Run.delete_where, st.integers(1, 5)),
    _step(
        Run.transaction,
        st.lists(st.tuples(_places, st.none() | _values), max_size=6),
        st.sampled_from(["commit", "commit", "roll back", "raise", "conflict"]),
    ),
    _step(Run.add_index, st.sampled_from(sorted(KEYS)), st.booleans()),
    _step(Run.compact),
    _step(Run.hold_snapshot),
    _step(None),
)


async def _play(home: Home, steps: list[Step]) -> None:
    """Play the steps, opening the database anew wherever they say so."""
    contents: Contents = {}
    snapshots: list[tuple[Snapshot[Any], Contents]] = []
    rest = [*steps]
    while True:
        async with home.open() as db:
            run = Run(home, db, contents, snapshots=snapshots)
            await run.check()
            while rest:
                step, arguments = rest.pop(0)
                if step is None and home.persistent:
                    break
                if step is not None:
                    await step(run, *arguments)
                    await run.check()
            else:
                return
        contents = run.contents


@pytest.mark.parametrize("write_order", WriteOrder)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
@pytest.mark.parametrize("database", DATABASES, ids=lambda database: database.__name__)
def test_a_database_does_what_its_model_does(
    database: type[RedDb[Any]], shape: Shape, write_order: WriteOrder
) -> None:
    @settings(
        deadline=None,
        max_examples=6 if database is YamlDb else 14,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        database=None,
    )
    @given(steps=st.lists(_steps, max_size=25))
    def play(steps: list[Step]) -> None:
        home = simulated(database, shape=shape, write_order=write_order)
        trio.run(_play, home, steps)

    play()


def test_the_model_notices_a_database_that_forgets() -> None:
    async def forget() -> None:
        home = simulated(MemDb)
        async with home.open() as db:
            run = Run(home, db)
            await run.insert_one(("a", 1))
            await db.delete_where(lambda _: True)
            with pytest.raises(AssertionError):
                await run.check()

    trio.run(forget)
