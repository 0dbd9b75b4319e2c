"""Every operation of the seed, on every database: what it gives, and what is there afterwards.

The `db` fixture sees to it that whatever a test leaves behind outlasts reopening and compaction.
"""

from __future__ import annotations

import copy
import pickle
from typing import Any
from uuid import RFC_4122, UUID

import pytest
from attrs.exceptions import FrozenInstanceError
from databases import MISSING, Home, count_of, counted, data, text_of

from reddb import Document, DocumentNotFound, RedDb


@pytest.fixture
async def seeded(db: RedDb[Any], home: Home) -> list[Document[Any]]:
    """Four documents; the second and the last are equal."""
    return await db.insert([home.value(text) for text in ("ada", "bob", "cyd", "bob")])


async def test_insert_one_gives_the_document_that_is_stored(db: RedDb[Any], home: Home) -> None:
    document = await db.insert_one(home.value("ada", 1))
    assert document.data == home.value("ada", 1)
    assert await db.find_one(document.id) == document
    assert await db.find_all() == [document]


async def test_every_document_has_an_id_of_its_own(db: RedDb[Any], home: Home) -> None:
    documents = [await db.insert_one(home.value("ada")) for _ in range(3)]
    assert len({document.id for document in documents}) == 3
    for document in documents:
        id_ = document.id
        assert (id_.version, id_.variant) == (4, RFC_4122)
        for same in (UUID(str(id_)), copy.deepcopy(id_), pickle.loads(pickle.dumps(id_))):
            assert same == id_
            assert hash(same) == hash(id_)
            assert await db.find_one(same) == document


async def test_insert_gives_the_documents_in_the_order_of_the_values(
    db: RedDb[Any], home: Home
) -> None:
    values = [home.value(str(number), number) for number in range(10)]
    documents = await db.insert(value for value in values)
    assert data(documents) == values
    assert await db.find_all() == documents


async def test_insert_takes_no_values_at_all(db: RedDb[Any]) -> None:
    assert await db.insert([]) == []
    assert await db.find_all() == []


async def test_find_one_and_get_find_by_id(db: RedDb[Any], seeded: list[Document[Any]]) -> None:
    for document in seeded:
        assert await db.find_one(document.id) == document
        assert await db.get(document.id) == document


async def test_find_one_raises_for_a_missing_document_and_get_gives_none(db: RedDb[Any]) -> None:
    with pytest.raises(DocumentNotFound) as caught:
        await db.find_one(MISSING)
    assert caught.value.id == MISSING
    assert await db.get(MISSING) is None


async def test_find_gives_the_documents_that_are_equal_to_a_value(
    db: RedDb[Any], home: Home, seeded: list[Document[Any]]
) -> None:
    assert await db.find(home.value("bob")) == [seeded[1], seeded[3]]
    assert await db.find(home.value("dee")) == []


async def test_update_one_keeps_place_and_id(
    db: RedDb[Any], home: Home, seeded: list[Document[Any]]
) -> None:
    assert await db.update_one(seeded[1].id, home.value("eve")) is True
    expected = [seeded[0], Document(seeded[1].id, home.value("eve")), *seeded[2:]]
    assert await db.find_all() == expected
    assert await db.find_one(seeded[1].id) == expected[1]


async def test_update_one_of_a_missing_document_does_nothing(
    db: RedDb[Any], home: Home, seeded: list[Document[Any]]
) -> None:
    assert await db.update_one(MISSING, home.value("eve")) is False
    assert await db.find_all() == seeded


async def test_update_replaces_all_that_are_equal(
    db: RedDb[Any], home: Home, seeded: list[Document[Any]]
) -> None:
    assert await db.update(home.value("bob"), home.value("eve")) == 2
    found = await db.find_all()
    assert [document.id for document in found] == [document.id for document in seeded]
    assert [text_of(document.data) for document in found] == ["ada", "eve", "cyd", "eve"]


async def test_update_of_nothing_gives_zero(
    db: RedDb[Any], home: Home, seeded: list[Document[Any]]
) -> None:
    assert await db.update(home.value("dee"), home.value("eve")) == 0
    assert await db.find_all() == seeded


async def test_exec_gives_how_many_it_changed(db: RedDb[Any], seeded: list[Document[Any]]) -> None:
    update = db.update_where(lambda value: text_of(value) != "cyd")
    assert await update.exec(counted) == 3
    found = await db.find_all()
    assert [document.id for document in found] == [document.id for document in seeded]
    assert [count_of(document.data) for document in found] == [1, 1, 0, 1]


async def test_returning_gives_the_updated_documents_in_insertion_order(
    db: RedDb[Any], seeded: list[Document[Any]]
) -> None:
    updated = await db.update_where(lambda value: text_of(value) == "bob").returning(counted)
    assert updated == [Document(seeded[at].id, counted(seeded[at].data)) for at in (1, 3)]
    assert await db.find_all() == [seeded[0], updated[0], seeded[2], updated[1]]


@pytest.mark.parametrize(
    ("limit", "counts"), [(0, [0, 0, 0, 0]), (1, [0, 1, 0, 0]), (9, [0, 1, 0, 1])]
)
async def test_an_update_changes_no_more_than_its_limit(
    db: RedDb[Any], seeded: list[Document[Any]], limit: int, counts: list[int]
) -> None:
    update = db.update_where(lambda value: text_of(value) == "bob").limit(limit)
    assert await update.exec(counted) == sum(counts)
    assert [count_of(value) for value in data(await db.find_all())] == counts


async def test_a_limit_gives_a_new_update_and_leaves_the_old_one(
    db: RedDb[Any], seeded: list[Document[Any]]
) -> None:
    update = db.update_where(lambda _: True)
    assert await update.limit(1).exec(counted) == 1
    assert await update.exec(counted) == len(seeded)


@pytest.mark.parametrize("wrong", [-1, True])
async def test_a_limit_of_an_update_that_is_no_number_from_0_on_is_refused(
    db: RedDb[Any], wrong: int
) -> None:
    with pytest.raises(ValueError, match="limit"):
        db.update_where(lambda _: True).limit(wrong)


async def test_delete_one_gives_what_it_removed(
    db: RedDb[Any], seeded: list[Document[Any]]
) -> None:
    assert await db.delete_one(seeded[1].id) == seeded[1]
    assert await db.get(seeded[1].id) is None
    assert await db.find_all() == [seeded[0], *seeded[2:]]


async def test_delete_one_raises_for_a_missing_document(
    db: RedDb[Any], seeded: list[Document[Any]]
) -> None:
    await db.delete_one(seeded[0].id)
    with pytest.raises(DocumentNotFound) as caught:
        await db.delete_one(seeded[0].id)
    assert caught.value.id == seeded[0].id
    assert await db.find_all() == seeded[1:]


async def test_delete_removes_all_that_are_equal(
    db: RedDb[Any], home: Home, seeded: list[Document[Any]]
) -> None:
    assert await db.delete(home.value("bob")) == 2
    assert await db.delete(home.value("bob")) == 0
    assert await db.find_all() == [seeded[0], seeded[2]]


async def test_delete_where_removes_what_the_predicate_accepts(
    db: RedDb[Any], seeded: list[Document[Any]]
) -> None:
    assert await db.delete_where(lambda value: text_of(value) < "c") == 3
    assert await db.find_all() == [seeded[2]]
    assert await db.delete_where(lambda _: True) == 1
    assert await db.find_all() == []


async def test_what_is_inserted_after_a_removal_comes_last(
    db: RedDb[Any], home: Home, seeded: list[Document[Any]]
) -> None:
    await db.delete_one(seeded[0].id)
    last = await db.insert_one(home.value("ada"))
    assert await db.find_all() == [*seeded[1:], last]


async def test_a_committed_transaction_applies_all_that_was_staged(
    db: RedDb[Any], home: Home, seeded: list[Document[Any]]
) -> None:
    tx = db.begin()
    added = tx.insert_one(home.value("eve"))
    tx.update_one(seeded[2].id, home.value("dee"))
    tx.delete_one(seeded[0].id)
    assert await db.find_all() == seeded
    await tx.commit()
    expected = [seeded[1], Document(seeded[2].id, home.value("dee")), seeded[3], added]
    assert await db.find_all() == expected


async def test_a_transaction_block_commits_at_its_end(
    db: RedDb[Any], home: Home, seeded: list[Document[Any]]
) -> None:
    async with db.begin() as tx:
        added = tx.insert_one(home.value("eve"))
        tx.delete_one(seeded[3].id)
    assert await db.find_all() == [*seeded[:3], added]


async def test_a_rolled_back_transaction_changes_nothing(
    db: RedDb[Any], home: Home, seeded: list[Document[Any]]
) -> None:
    tx = db.begin()
    tx.insert_one(home.value("eve"))
    tx.delete_one(seeded[0].id)
    tx.rollback()
    assert await db.find_all() == seeded


async def test_a_transaction_block_that_raises_changes_nothing(
    db: RedDb[Any], home: Home, seeded: list[Document[Any]]
) -> None:
    error = ZeroDivisionError()
    tx = db.begin()
    tx.insert_one(home.value("eve"))
    tx.delete_one(seeded[0].id)
    with pytest.raises(ZeroDivisionError) as caught:
        async with tx:
            raise error
    assert caught.value is error
    assert await db.find_all() == seeded


async def test_an_index_finds_what_a_scan_finds(
    db: RedDb[Any], home: Home, seeded: list[Document[Any]]
) -> None:
    await db.add_index("text", text_of)
    assert await db.using_index("text", "bob") == [seeded[1], seeded[3]]
    assert await db.using_index("text", "dee") == []
    added = await db.insert_one(home.value("bob", 7))
    await db.update_one(seeded[1].id, home.value("ada"))
    assert await db.using_index("text", "bob") == [seeded[3], added]
    assert await db.using_index("text", "ada") == [await db.find_one(at.id) for at in seeded[:2]]


async def test_compaction_by_call_changes_nothing_that_can_be_read(
    db: RedDb[Any], home: Home, seeded: list[Document[Any]]
) -> None:
    await db.update_where(lambda _: True).exec(counted)
    await db.delete_one(seeded[1].id)
    documents = await db.find_all()
    await db.compact()
    assert await db.find_all() == documents
    added = await db.insert_one(home.value("eve"))
    assert await db.find_all() == [*documents, added]


async def test_hundreds_of_documents_keep_their_order(db: RedDb[Any], home: Home) -> None:
    inserted = await db.insert([home.value(str(number), number) for number in range(600)])
    assert await db.find_all() == inserted
    updated = await db.update_where(lambda value: count_of(value) % 3 == 0).returning(counted)
    removed = await db.delete_where(lambda value: count_of(value) % 3 == 2)
    assert (len(updated), removed) == (200, 200)
    kept = [document for document in await db.find_all() if count_of(document.data) % 3 == 1]
    assert await db.find_all() == kept
    assert [int(text_of(value)) for value in data(kept)] == [n for n in range(600) if n % 3 != 2]


@pytest.mark.parametrize(
    "operation", ["insert", "exec", "returning", "update", "delete", "delete_where", "commit"]
)
async def test_a_bulk_operation_is_one_commit(any_home: Home, operation: str) -> None:
    async with any_home.open() as db:
        await db.insert([any_home.value("ada"), any_home.value("ada")])
        before = db.snapshot().seq
        match operation:
            case "insert":
                await db.insert([any_home.value(str(number)) for number in range(300)])
            case "exec":
                await db.update_where(lambda _: True).exec(counted)
            case "returning":
                await db.update_where(lambda _: True).returning(counted)
            case "update":
                await db.update(any_home.value("ada"), any_home.value("bob"))
            case "delete":
                await db.delete(any_home.value("ada"))
            case "delete_where":
                await db.delete_where(lambda _: True)
            case "commit":
                async with db.begin() as tx:
                    tx.insert_one(any_home.value("bob"))
                    tx.insert_one(any_home.value("cyd"))
        assert db.snapshot().seq == before + 1


@pytest.mark.parametrize("call", ["get", "find_one", "delete_one"])
async def test_an_id_that_is_no_uuid_is_refused(any_home: Home, call: str) -> None:
    async with any_home.open() as db:
        with pytest.raises(TypeError, match="UUID"):
            await getattr(db, call)(str(MISSING))
        with pytest.raises(TypeError, match="UUID"):
            await db.update_one(str(MISSING), any_home.value("ada"))  # type: ignore[arg-type]  # Wrong on purpose.


@pytest.mark.parametrize("call", ["get", "find_one", "delete_one"])
async def test_a_document_in_place_of_its_id_is_refused(any_home: Home, call: str) -> None:
    async with any_home.open() as db:
        document = await db.insert_one(any_home.value("ada"))
        with pytest.raises(TypeError, match=r"not a Document; its \.id is one"):
            await getattr(db, call)(document)


async def test_documents_are_frozen(any_home: Home) -> None:
    async with any_home.open() as db:
        document = await db.insert_one(any_home.value("ada"))
    with pytest.raises(FrozenInstanceError):
        document.data = any_home.value("bob")  # type: ignore[misc]  # Wrong on purpose.
