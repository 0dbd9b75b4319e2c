"""Nothing that a program has in its hands is part of what is stored.

Each leak below gets hold of values in one way and spoils them all. Whatever it stores is equal to
what was there, so afterwards everything must be as if nothing had happened.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

import pytest
import trio
import trio.testing
from attrs import field, frozen
from databases import DATABASES, Draft, Home, Shape, data, simulated
from hooked_table import HOOKS, VALUES
from spoiling import spoil
from typed_table import TABLE, fingerprint

from reddb import Collected, Document, DocumentType, JsonCodec, RedDb, RonDb, Transaction
from reddb.codecs import DocumentCodec


@frozen
class Frozen:
    """A frozen document with a part that is not."""

    text: str
    tags: list[str] = field(factory=list)


@dataclasses.dataclass
class Nested:
    """A document with a document inside."""

    draft: Draft
    by_name: dict[str, list[Draft]]


SHAPES = [
    Shape("dict", Any, lambda text, _: {"text": text, "tags": ["x"], "in": {"tags": []}}),
    Shape("list", Any, lambda text, _: [text, ["x"], {"tags": []}]),
    Shape("dataclass", Draft, lambda text, _: Draft(text, 1, ["x"])),
    Shape("frozen", Frozen, lambda text, _: Frozen(text, ["x"])),
    Shape("nested", Nested, lambda text, _: Nested(Draft(text), {"a": [Draft(text)]})),
    Shape("typed dict", dict[str, list[str]], lambda text, _: {text: ["x"]}),
]


def spoils(answer: Any) -> Callable[[Any], Any]:
    """Give a closure that spoils the value that it is given, and answers `answer`."""

    def closure(value: Any) -> Any:
        spoil(value)
        return answer

    return closure


def looks(value: Any) -> str:
    """Give what tells a value from others of its type, also where these are equal to it."""
    return repr(fingerprint(value))


Leak: TypeAlias = Callable[[RedDb[Any], Document[Any], Any], Awaitable[object]]
"""Given the database, one of its documents, and a value like all that are stored."""


async def inserted(db: RedDb[Any], _: Document[Any], value: Any) -> None:
    spoil(await db.insert_one(value))
    spoil(value)


async def inserted_many(db: RedDb[Any], _: Document[Any], value: Any) -> None:
    for document in await db.insert([value, value]):
        spoil(document)
    spoil(value)


async def updated_one(db: RedDb[Any], document: Document[Any], value: Any) -> None:
    await db.update_one(document.id, value)
    spoil(value)


async def updated_equals(db: RedDb[Any], document: Document[Any], value: Any) -> None:
    await db.update(document.data, value)
    spoil(value)


async def updated_where(db: RedDb[Any], _: Document[Any], value: Any) -> None:
    for updated in await db.update_where(lambda _: True).returning(lambda _: value):
        spoil(updated)
    spoil(value)


async def updated_to_itself(db: RedDb[Any], _: Document[Any], __: Any) -> None:
    given: list[Any] = []

    def keep(data: Any) -> Any:
        given.append(data)
        return data

    await db.update_where(lambda _: True).exec(keep)
    spoil(given)


async def predicates(db: RedDb[Any], _: Document[Any], value: Any) -> None:
    await db.query().filter(spoils(True)).order_by(spoils(0)).all()
    db.snapshot().query().filter(spoils(False)).order_by(spoils(0)).all()
    await db.update_where(spoils(False)).exec(spoils(value))
    await db.delete_where(spoils(False))
    db.begin().query().filter(spoils(True)).first()


async def transforms(db: RedDb[Any], _: Document[Any], value: Any) -> None:
    await db.update_where(lambda _: True).exec(spoils(value))


async def key_functions(db: RedDb[Any], document: Document[Any], value: Any) -> None:
    await db.add_index("spoiling", spoils("key"))
    await db.add_index("after", looks)
    await db.insert_one(value)
    await db.update_one(document.id, value)
    await db.delete_one(document.id)
    assert await db.using_index("after", looks(value)) == await db.find_all()


async def reads(db: RedDb[Any], document: Document[Any], value: Any) -> None:
    await db.add_index("key", lambda _: "key")
    for _ in range(2):
        spoil(await db.find_one(document.id))
        spoil(await db.get(document.id))
        for many in (
            await db.find_all(),
            await db.find(value),
            await db.query().all(),
            [await db.query().first()],
            await db.using_index("key", "key"),
        ):
            assert many
            spoil(many)
            for each in many:
                spoil(each)


async def snapshots(db: RedDb[Any], document: Document[Any], value: Any) -> None:
    snapshot = db.snapshot()
    expected = [value] * len(snapshot)
    for _ in range(2):
        spoil(snapshot.find_one(document.id))
        for many in (snapshot.find_all(), list(snapshot), snapshot.find(value), [*snapshot]):
            assert data(many) == expected
            for each in many:
                spoil(each)
    spoil(await db.delete_one(document.id))
    assert data(snapshot.find_all()) == expected


async def transactions(db: RedDb[Any], document: Document[Any], value: Any) -> None:
    async with db.begin() as tx:
        spoil(tx.insert_one(value))
        tx.update_one(document.id, value)
        for found in (tx.get(document.id), tx.find_one(document.id), *tx.query().all()):
            assert found is not None
            assert found.data == value
            spoil(found)
        spoil(value)


async def transacts(db: RedDb[Any], document: Document[Any], value: Any) -> None:
    def run(tx: Transaction[Any], given: Any) -> list[Document[Any]]:
        tx.update_one(document.id, given)
        found = [tx.insert_one(given), tx.find_one(document.id), *tx.find(given)]
        spoil(data(found))
        return tx.find_all()

    for each in await db.transact(run, value):
        spoil(each)
    spoil(value)


async def collected(db: RedDb[Any], _: Document[Any], __: Any) -> None:
    for query in (db.query(), db.snapshot().query()):
        found = query.filter(spoils(True)).collect()
        result = found if isinstance(found, Collected) else await found
        spoil(data(result.documents))


async def feeds(db: RedDb[Any], document: Document[Any], value: Any) -> None:
    async with db.watch(spoils(True)) as first, db.watch() as second:
        await db.insert_one(value)
        await db.update_one(document.id, value)
        await db.delete_one(document.id)
        for feed in (first, second):
            for _ in range(3):
                (change,) = (await anext(feed)).changes
                for given in (change.before, change.after, change.before, change.after):
                    if given is not None:
                        assert looks(given) == looks(value)
                        spoil(given)


async def waits(db: RedDb[Any], document: Document[Any], value: Any) -> None:
    spoil(await db.wait_for(document.id, spoils(True)))
    seen: list[Any] = []

    def is_second(given: Any) -> bool:
        seen.append(given)
        return len(seen) > 1

    async def wait() -> None:
        seen.append(await db.wait_for(document.id, is_second))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        await db.update_one(document.id, value)
    assert len(seen) == 3
    spoil(seen)


async def live_results(db: RedDb[Any], document: Document[Any], value: Any) -> None:
    async with db.query().filter(spoils(True)).order_by(spoils(0)).live() as results:
        for each in await anext(results):
            spoil(each)
        await db.update_one(document.id, value)
        for each in await anext(results):
            spoil(each)


LEAKS: list[Leak] = [
    inserted,
    inserted_many,
    updated_one,
    updated_equals,
    updated_where,
    updated_to_itself,
    predicates,
    transforms,
    key_functions,
    reads,
    snapshots,
    transactions,
    transacts,
    collected,
    feeds,
    waits,
    live_results,
]


async def check_leaks(home: Home, leaks: Iterable[Leak]) -> None:
    """Spoil what can be got hold of, and see that nothing stored has changed."""
    fresh = looks(home.value("ada"))
    async with home.open() as db:
        for leak in leaks:
            await db.delete_where(lambda _: True)
            documents = await db.insert([home.value("ada") for _ in range(3)])
            before = db.snapshot()
            await leak(db, documents[1], home.value("ada"))
            found = [*await db.find_all(), *db.snapshot().find_all(), *before.find_all()]
            assert {looks(each) for each in data(found)} == {fresh}, leak
            assert len(before.find_all()) == 3
        left = await db.find_all()
    if home.persistent:
        async with home.open() as db:
            assert await db.find_all() == left


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
@pytest.mark.parametrize("database", DATABASES, ids=lambda database: database.__name__)
async def test_spoiling_a_value_changes_nothing_stored(
    database: type[RedDb[Any]], shape: Shape, leak: Leak
) -> None:
    await check_leaks(simulated(database, shape=shape), [leak])


def hooked(annotation: Any) -> DocumentType[Any]:
    return DocumentType(annotation, hooks=HOOKS)


EVERY_TYPE: dict[str, tuple[DocumentType[Any], list[Any]]] = {
    **{name: (hooked(annotation), values) for name, (annotation, values) in TABLE.items()},
    **{
        f"own {name}": (hooked(annotation), values) for name, (annotation, values) in VALUES.items()
    },
}


def is_immutable(document_type: DocumentType[Any]) -> bool:
    return DocumentCodec[Any](JsonCodec(), document_type).immutable


def richest(values: list[Any]) -> Any:
    """Give the value that has most to spoil, among those that are equal to a copy."""
    equal = [value for value in values if copy.deepcopy(value) == value]
    return max(equal, key=lambda value: (spoil(copy.deepcopy(value)), len(repr(value))))


@pytest.mark.parametrize("name", EVERY_TYPE)
async def test_no_value_of_any_type_is_the_store_s_own(name: str) -> None:
    document_type, values = EVERY_TYPE[name]
    if is_immutable(document_type):
        assert [spoil(copy.deepcopy(value)) for value in values] == [0] * len(values)
        return
    value = richest(values)
    shape = Shape(name, document_type, lambda _, __: copy.deepcopy(value))
    await check_leaks(simulated(RonDb, shape=shape), LEAKS)


def test_what_is_not_immutable_can_be_spoilt() -> None:
    """So that the test above has something to find."""
    mutable = {
        name: values for name, (kind, values) in EVERY_TYPE.items() if not is_immutable(kind)
    }
    spoilt = {name for name, values in mutable.items() if spoil(copy.deepcopy(richest(values)))}
    assert sorted(mutable.keys() - spoilt) == []


async def test_a_list_of_results_belongs_to_its_caller(any_home: Home) -> None:
    async with any_home.open() as db:
        await db.insert([any_home.value("ada")])
        (await db.find_all()).clear()
        (await db.query().all()).clear()
        db.snapshot().find_all().clear()
        assert len(await db.find_all()) == len(db.snapshot().find_all()) == 1
