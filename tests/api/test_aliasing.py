"""Nothing that a program has in its hands is part of what is stored.

Each leak below gets hold of values in one way and spoils them all. Whatever it stores is equal to
what was there, so afterwards everything must be as if nothing had happened.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from attrs import field, frozen
from databases import DATABASES, Draft, Home, Shape, data, simulated

from reddb import Document, RedDb


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


def spoil(value: Any) -> None:
    """Change every part of a value that can be changed."""
    match value:
        case Document():
            spoil(value.data)
        case dict():
            for item in value.values():
                spoil(item)
            value["spoilt"] = ["spoilt"]
        case list():
            for item in value:
                spoil(item)
            value.append("spoilt")
        case Draft():
            spoil(value.tags)
            value.text = "spoilt"
        case Frozen():
            spoil(value.tags)
        case Nested():
            spoil(value.draft)
            spoil(value.by_name)


def spoils(answer: Any) -> Callable[[Any], Any]:
    """Give a closure that spoils the value that it is given, and answers `answer`."""

    def closure(value: Any) -> Any:
        spoil(value)
        return answer

    return closure


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
    await db.add_index("after", str)
    await db.insert_one(value)
    await db.update_one(document.id, value)
    await db.delete_one(document.id)
    assert await db.using_index("after", str(value)) == await db.find_all()


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
]


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
@pytest.mark.parametrize("database", DATABASES, ids=lambda database: database.__name__)
async def test_spoiling_a_value_changes_nothing_stored(
    database: type[RedDb[Any]], shape: Shape, leak: Leak
) -> None:
    home = simulated(database, shape=shape)
    async with home.open() as db:
        documents = await db.insert([home.value("ada") for _ in range(3)])
        before = db.snapshot()
        await leak(db, documents[1], home.value("ada"))
        for found in (await db.find_all(), db.snapshot().find_all()):
            assert data(found) == [home.value("ada")] * len(found)
        assert data(before.find_all()) == [home.value("ada")] * 3
        left = await db.find_all()
    if home.persistent:
        async with home.open() as db:
            assert await db.find_all() == left


async def test_a_list_of_results_belongs_to_its_caller(any_home: Home) -> None:
    async with any_home.open() as db:
        await db.insert([any_home.value("ada")])
        (await db.find_all()).clear()
        (await db.query().all()).clear()
        db.snapshot().find_all().clear()
        assert len(await db.find_all()) == len(db.snapshot().find_all()) == 1
