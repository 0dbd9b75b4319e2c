"""Hash indexes: kept on every write, unique if asked, and what goes wrong with their keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from attrs import evolve
from databases import Home, Note, count_of, data, text_of

from reddb import CborCodec, Document, IndexNotFound, MemDb, RedDb, UniqueViolation


@pytest.fixture
async def notes() -> AsyncIterator[RedDb[Note]]:
    async with MemDb.open("notes", Note) as db:
        yield db


async def check_index(db: RedDb[Note], name: str, keys: list[int]) -> None:
    """Assert that an index of counts finds for each of `keys` what a scan finds."""
    for key in keys:
        scanned = [document for document in await db.find_all() if document.data.count == key]
        assert await db.using_index(name, key) == scanned


async def test_every_kind_of_write_keeps_an_index(notes: RedDb[Note]) -> None:
    keys = list(range(6))
    await notes.add_index("count", count_of)
    first = await notes.insert_one(Note("first", 1))
    await check_index(notes, "count", keys)
    documents = await notes.insert([Note(str(number), number % 3) for number in range(9)])
    await check_index(notes, "count", keys)
    await notes.update_one(first.id, Note("first", 2))
    await check_index(notes, "count", keys)
    await notes.update(Note("0", 0), Note("0", 3))
    await check_index(notes, "count", keys)
    await (
        notes.update_where(lambda note: note.count == 2)
        .limit(2)
        .exec(lambda note: evolve(note, count=1))
    )
    await check_index(notes, "count", keys)
    await notes.delete_one(documents[4].id)
    await check_index(notes, "count", keys)
    await notes.delete(Note("1", 1))
    await check_index(notes, "count", keys)
    async with notes.begin() as tx:
        tx.insert_one(Note("new", 4))
        tx.update_one(documents[5].id, Note("5", 5))
        tx.delete_one(documents[6].id)
    await check_index(notes, "count", keys)
    await notes.compact()
    await check_index(notes, "count", keys)
    await notes.delete_where(lambda note: note.count < 4)
    await check_index(notes, "count", keys)
    assert await notes.query().count() == 2


async def test_an_index_gives_insertion_order_whatever_was_updated(notes: RedDb[Note]) -> None:
    await notes.add_index("count", count_of)
    documents = await notes.insert([Note(str(number), 0) for number in range(300)])
    for document in (documents[200], documents[3]):
        await notes.update_one(document.id, evolve(document.data, count=1))
    for document in (documents[3], documents[200]):
        await notes.update_one(document.id, document.data)
    assert await notes.using_index("count", 0) == documents


async def test_an_index_outlasts_the_removal_of_most_documents(notes: RedDb[Note]) -> None:
    await notes.add_index("count", count_of)
    documents = await notes.insert([Note(str(number), number % 5) for number in range(4000)])
    await notes.delete_where(lambda note: int(note.text) % 50 != 0)
    added = await notes.insert([Note("new", number) for number in range(5)])
    await check_index(notes, "count", list(range(5)))
    assert await notes.find_all() == [*documents[::50], *added]


async def test_an_index_is_built_beside_writes(notes: RedDb[Note]) -> None:
    await notes.insert([Note("old", number % 3) for number in range(3000)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(notes.add_index, "count", count_of)
        for number in range(20):
            nursery.start_soon(notes.insert_one, Note("new", number % 3))
    await check_index(notes, "count", [0, 1, 2, 3])


async def test_an_index_that_is_not_there(notes: RedDb[Note]) -> None:
    with pytest.raises(IndexNotFound, match="count") as caught:
        await notes.using_index("count", 1)
    assert caught.value.name == "count"


async def test_indexes_are_added_anew_after_reopening(file_home: Home) -> None:
    async with file_home.open() as db:
        document = await db.insert_one(file_home.value("ada"))
        await db.add_index("text", text_of)
    async with file_home.open() as db:
        with pytest.raises(IndexNotFound):
            await db.using_index("text", "ada")
        await db.add_index("text", text_of)
        assert await db.using_index("text", "ada") == [document]


async def test_an_index_replaces_the_one_of_its_name(notes: RedDb[Note]) -> None:
    document = await notes.insert_one(Note("ada", 3))
    await notes.add_index("key", text_of)
    await notes.add_index("key", count_of)
    assert await notes.using_index("key", 3) == [document]
    assert await notes.using_index("key", "ada") == []


async def test_keys_may_be_anything_hashable(notes: RedDb[Note]) -> None:
    await notes.add_index("key", lambda note: (note.text, None, frozenset({note.count})))
    document = await notes.insert_one(Note("ada", 3))
    assert await notes.using_index("key", ("ada", None, frozenset({3}))) == [document]


async def test_none_is_a_key(notes: RedDb[Note]) -> None:
    await notes.add_index("key", lambda note: note.text or None)
    document = await notes.insert_one(Note(""))
    assert await notes.using_index("key", None) == [document]


async def test_a_name_that_is_no_text_is_refused(notes: RedDb[Note]) -> None:
    with pytest.raises(TypeError, match="the name of an index is a str, not 3"):
        await notes.add_index(3, text_of)  # type: ignore[arg-type]  # Wrong on purpose.
    assert (await notes.stats()).index_count == 0


async def test_a_key_that_is_not_hashable_is_refused(notes: RedDb[Note]) -> None:
    await notes.insert_one(Note("ada"))
    with pytest.raises(TypeError, match="unhashable"):
        await notes.add_index("key", lambda note: [note.text])  # type: ignore[arg-type,return-value]  # Wrong on purpose.
    await notes.add_index("text", text_of)
    with pytest.raises(TypeError, match="unhashable"):
        await notes.using_index("text", ["ada"])  # type: ignore[arg-type]  # Wrong on purpose.


async def test_documents_without_a_key_of_their_own_are_not_held() -> None:
    async with MemDb.open("numbers", float) as db:
        await db.add_index("number", float, unique=True)
        inserted = await db.insert([float("nan"), 1.0, float("nan")])
        assert await db.using_index("number", float("nan")) == []
        await db.update_one(inserted[0].id, 2.0)
        await db.update_one(inserted[1].id, float("nan"))
        assert await db.using_index("number", 2.0) == [Document(inserted[0].id, 2.0)]
        assert await db.using_index("number", 1.0) == []


async def test_a_nan_inside_a_key_does_no_harm() -> None:
    async with MemDb.open("numbers", codec=CborCodec()) as db:
        await db.add_index("pair", tuple)
        await db.insert([[float("nan"), number] for number in range(3000)])
        await db.delete_where(lambda _: True)
        last = await db.insert_one([1.0, 2])
        await db.delete_where(lambda _: False)
        assert await db.using_index("pair", (1.0, 2)) == [last]


# Unique indexes.


@pytest.fixture
async def people(notes: RedDb[Note]) -> list[Document[Note]]:
    documents = await notes.insert([Note("ada", 1), Note("bob", 2), Note("cyd", 3)])
    await notes.add_index("text", text_of, unique=True)
    return documents


async def test_a_taken_key_is_refused_and_changes_nothing(
    notes: RedDb[Note], people: list[Document[Note]]
) -> None:
    ada, bob, _ = people
    taken = Note("ada", 9)
    with pytest.raises(UniqueViolation) as caught:
        await notes.insert_one(taken)
    assert (caught.value.index, caught.value.key, caught.value.id) == ("text", "ada", ada.id)
    with pytest.raises(UniqueViolation):
        await notes.insert([Note("new"), taken])
    with pytest.raises(UniqueViolation):
        await notes.insert([Note("twin"), Note("twin")])
    with pytest.raises(UniqueViolation):
        await notes.update_one(bob.id, taken)
    with pytest.raises(UniqueViolation):
        await notes.update(bob.data, taken)
    with pytest.raises(UniqueViolation):
        await notes.update_where(lambda _: True).exec(lambda note: evolve(note, text="same"))
    assert await notes.find_all() == people
    assert await notes.using_index("text", "new") == []
    assert await notes.using_index("text", "ada") == [ada]


async def test_a_document_keeps_its_own_unique_key(
    notes: RedDb[Note], people: list[Document[Note]]
) -> None:
    assert await notes.update_one(people[0].id, Note("ada", 9))
    assert await notes.update_where(lambda _: True).exec(lambda note: note) == 3
    assert data(await notes.using_index("text", "ada")) == [Note("ada", 9)]


async def test_unique_keys_may_change_hands_within_one_commit(
    notes: RedDb[Note], people: list[Document[Note]]
) -> None:
    following = {"ada": "bob", "bob": "cyd", "cyd": "ada"}
    await notes.update_where(lambda _: True).exec(
        lambda note: evolve(note, text=following[note.text])
    )
    assert data(await notes.find_all()) == [Note("bob", 1), Note("cyd", 2), Note("ada", 3)]
    for text, document in zip(("bob", "cyd", "ada"), people, strict=True):
        assert [found.id for found in await notes.using_index("text", text)] == [document.id]


async def test_many_unique_keys_may_change_hands_within_one_commit(notes: RedDb[Note]) -> None:
    await notes.insert([Note(str(number), number) for number in range(1000)])
    await notes.add_index("count", count_of, unique=True)
    await notes.update_where(lambda _: True).exec(lambda note: evolve(note, count=note.count + 1))
    assert [note.count for note in data(await notes.find_all())] == list(range(1, 1001))


async def test_a_removed_document_gives_its_unique_key_back(
    notes: RedDb[Note], people: list[Document[Note]]
) -> None:
    await notes.delete_one(people[0].id)
    added = await notes.insert_one(Note("ada", 9))
    assert await notes.using_index("text", "ada") == [added]
    async with notes.begin() as tx:
        tx.delete_one(added.id)
        last = tx.insert_one(Note("ada", 10))
    assert await notes.using_index("text", "ada") == [last]


async def test_a_unique_index_on_documents_that_share_a_key_is_not_added(
    notes: RedDb[Note],
) -> None:
    twins = await notes.insert([Note("ada", 1), Note("ada", 2)])
    await notes.add_index("text", count_of)
    with pytest.raises(UniqueViolation) as caught:
        await notes.add_index("text", text_of, unique=True)
    assert (caught.value.key, caught.value.id) == ("ada", twins[0].id)
    assert await notes.using_index("text", 2) == [twins[1]]
    with pytest.raises(UniqueViolation):
        await notes.add_index("other", text_of, unique=True)
    with pytest.raises(IndexNotFound):
        await notes.using_index("other", "ada")


@pytest.mark.parametrize("unique", [False, True])
async def test_a_key_function_that_raises_refuses_the_write(
    notes: RedDb[Note], unique: bool
) -> None:
    def key(note: Note) -> float:
        return 1 / note.count

    document = await notes.insert_one(Note("ada", 1))
    await notes.add_index("key", key, unique=unique)
    calls: list[Any] = [
        lambda: notes.insert_one(Note("bob", 0)),
        lambda: notes.insert([Note("bob", 2), Note("cyd", 0)]),
        lambda: notes.update_one(document.id, Note("ada", 0)),
        lambda: notes.update(document.data, Note("ada", 0)),
        lambda: notes.update_where(lambda _: True).exec(lambda note: evolve(note, count=0)),
        lambda: _commit_one(notes, Note("bob", 0)),
    ]
    for call in calls:
        with pytest.raises(ZeroDivisionError) as caught:
            await call()
        assert caught.value.__notes__ == ["in the key of index 'key'"]
        assert await notes.find_all() == [document]
        assert await notes.using_index("key", 1.0) == [document]
        assert await notes.using_index("key", 0.5) == []


async def _commit_one(notes: RedDb[Note], note: Note) -> None:
    async with notes.begin() as tx:
        tx.insert_one(note)


async def test_a_key_function_that_raises_while_an_index_is_built_leaves_none(
    notes: RedDb[Note],
) -> None:
    await notes.insert([Note("ada", 1), Note("bob", 0)])
    with pytest.raises(ZeroDivisionError) as caught:
        await notes.add_index("key", lambda note: 1 / note.count)
    assert caught.value.__notes__ == ["in the key of index 'key'"]
    with pytest.raises(IndexNotFound):
        await notes.using_index("key", 1.0)
    await notes.insert_one(Note("cyd", 0))
