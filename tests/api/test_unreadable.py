"""Documents that cannot be read: strict calls name them, `collect` passes them over."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from attrs import frozen
from databases import Home, data

from reddb import DecodeError, RedDb


@frozen
class Strict:
    text: str


BAD = (1, 3)
"""Which of the documents are none of `Strict`."""


async def damaged(home: Home, count: int = 5) -> list[UUID]:
    """Store documents, some of which are none of `Strict`; give their ids."""
    async with home.open(Any) as db:
        documents = await db.insert([{"text": n if n in BAD else str(n)} for n in range(count)])
    return [document.id for document in documents]


def messages(errors: list[DecodeError]) -> list[tuple[UUID | None, str]]:
    return [(error.id, error.path) for error in errors]


async def test_strict_calls_name_the_document(file_home: Home) -> None:
    ids = await damaged(file_home)
    async with file_home.open(Strict) as db:
        for call in (db.find_all, db.query().all, db.query().count, lambda: db.get(ids[BAD[0]])):
            with pytest.raises(DecodeError) as caught:
                await call()
            assert messages([caught.value]) == [(ids[BAD[0]], "$.text")]
            assert str(ids[BAD[0]]) in str(caught.value)
        assert (await db.find_one(ids[0])).data == Strict("0")


async def test_collect_gives_documents_and_errors(file_home: Home) -> None:
    ids = await damaged(file_home)
    async with file_home.open(Strict) as db:
        for found in (
            await db.query().collect(),
            db.snapshot().query().collect(),
            db.begin().query().collect(),
        ):
            assert data(found.documents) == [Strict("0"), Strict("2"), Strict("4")]
            assert messages(found.errors) == [(ids[n], "$.text") for n in BAD]


async def test_collect_filters_orders_and_limits_what_can_be_read(file_home: Home) -> None:
    ids = await damaged(file_home)
    async with file_home.open(Strict) as db:
        query = db.query().filter(lambda note: note.text > "0")
        ordered = await query.order_by(lambda note: note.text, reverse=True).limit(1).collect()
        assert data(ordered.documents) == [Strict("4")]
        assert messages(ordered.errors) == [(ids[n], "$.text") for n in BAD]
        assert data((await query.skip(1).collect()).documents) == [Strict("4")]


async def test_collect_stops_at_its_limit(file_home: Home) -> None:
    await damaged(file_home, 2_000)
    async with file_home.open(Strict) as db:
        found = await db.query().limit(1).collect()
        assert data(found.documents) == [Strict("0")]
        everything = await db.query().collect()
        assert len(everything.documents) == 1_998
        assert len(everything.errors) == 2


async def test_collect_of_readable_documents_is_all(any_home: Home) -> None:
    async with any_home.open() as db:
        await db.insert([any_home.value(text) for text in "abc"])
        for _ in range(2):
            found = await db.query().collect()
            assert found.documents == await db.find_all()
            assert found.errors == []


async def test_a_predicate_s_own_error_comes_out_of_collect(file_home: Home) -> None:
    await damaged(file_home)

    def fails(_: Strict) -> bool:
        raise DecodeError("not a document's")

    async with file_home.open(Strict) as db:
        with pytest.raises(DecodeError, match="not a document's"):
            await db.query().filter(fails).collect()


async def test_what_cannot_be_read_can_be_replaced(file_home: Home) -> None:
    ids = await damaged(file_home)
    async with file_home.open(Strict) as db:
        await mend(db)
        assert data(await db.find_all()) == [Strict(text) for text in ("0", "?", "2", "?", "4")]
        assert [document.id for document in await db.find_all()] == ids


async def mend(db: RedDb[Strict]) -> None:
    for error in (await db.query().collect()).errors:
        assert error.id is not None
        await db.update_one(error.id, Strict("?"))
