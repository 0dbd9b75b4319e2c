"""Snapshots: all documents at one moment, read by plain calls, the same for ever."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
import trio
from databases import MISSING, HeldStorage, Home, count_of, counted, text_of

from reddb import (
    Document,
    DocumentNotFound,
    IndexNotFound,
    JsonCodec,
    MemDb,
    RedDb,
    Snapshot,
)


async def test_a_snapshot_reads_what_the_handle_reads(db: RedDb[Any], home: Home) -> None:
    documents = await db.insert([home.value(text) for text in ("ada", "bob", "ada")])
    await db.add_index("text", text_of)
    snapshot = db.snapshot()
    assert snapshot.find_all() == list(snapshot) == documents
    assert len(snapshot) == 3
    assert repr(snapshot) == "<Snapshot of 3 documents at commit 1>"
    assert snapshot.find(home.value("ada")) == [documents[0], documents[2]]
    assert snapshot.using_index("text", "ada") == [documents[0], documents[2]]
    assert snapshot.query().filter(lambda value: text_of(value) == "bob").all() == [documents[1]]
    for document in documents:
        assert snapshot.get(document.id) == snapshot.find_one(document.id) == document
        assert document.id in snapshot


async def test_a_snapshot_stays_the_same_for_ever(db: RedDb[Any], home: Home) -> None:
    documents = await db.insert([home.value(str(number), number) for number in range(200)])
    await db.add_index("count", count_of)
    snapshot = db.snapshot()

    def check() -> None:
        assert snapshot.find_all() == list(snapshot) == documents
        assert len(snapshot) == 200
        assert snapshot.seq == 1
        assert snapshot.get(documents[7].id) == documents[7]
        assert added is None or added.id not in snapshot
        assert snapshot.using_index("count", 9) == [documents[9]]

    added: Document[Any] | None = None
    check()
    await db.update_where(lambda _: True).exec(counted)
    check()
    added = await db.insert_one(home.value("new", 9))
    check()
    await db.delete_where(lambda value: count_of(value) < 150)
    check()
    await db.compact()
    check()
    await db.delete_where(lambda _: True)
    await db.insert([home.value("newer", 9)] * 2000)
    await db.delete_where(lambda _: True)
    check()


async def test_a_snapshot_outlives_its_database(any_home: Home) -> None:
    async with any_home.open() as db:
        documents = await db.insert([any_home.value("ada"), any_home.value("bob")])
        snapshot = db.snapshot()
    assert snapshot.find_all() == documents
    assert snapshot.query().count() == 2


async def test_a_snapshot_of_a_reopened_database_is_read_in_a_worker_thread(
    file_home: Home,
) -> None:
    async with file_home.open() as db:
        documents = await db.insert([file_home.value(str(number)) for number in range(300)])
    async with file_home.open() as db:
        snapshot = db.snapshot()

        def read() -> None:
            for _ in range(5):
                assert snapshot.find_all() == documents
                assert snapshot.query().count() == 300

        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(trio.to_thread.run_sync, read)
            await db.delete_where(lambda _: True)
            await db.insert([file_home.value("new")] * 100)
        read()


async def test_a_snapshot_asks_nobody() -> None:
    storage = HeldStorage()
    async with (
        MemDb.open("words", str, codec=JsonCodec(), storage=storage) as db,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(db.insert_one, "ada")
        await trio.testing.wait_all_tasks_blocked()
        assert [document.data for document in db.snapshot()] == ["ada"]
        storage.gate.set()


async def test_the_sequence_number_grows_with_every_commit(db: RedDb[Any], home: Home) -> None:
    assert db.snapshot().seq == 0
    seqs = [0]
    document = await db.insert_one(home.value("ada"))
    seqs.append(db.snapshot().seq)
    await db.update_one(document.id, home.value("bob"))
    seqs.append(db.snapshot().seq)
    await db.delete_one(document.id)
    seqs.append(db.snapshot().seq)
    assert seqs == [0, 1, 2, 3]


async def test_the_sequence_number_goes_on_after_reopening(file_home: Home) -> None:
    async with file_home.open() as db:
        await db.insert([file_home.value("ada"), file_home.value("bob")])
        await db.insert_one(file_home.value("cyd"))
    async with file_home.open() as db:
        assert db.snapshot().seq == 2
        await db.compact()
        assert db.snapshot().seq == 2
    async with file_home.open() as db:
        assert db.snapshot().seq == 2
        await db.insert_one(file_home.value("dee"))
        assert db.snapshot().seq == 3


async def test_what_is_missing_in_a_snapshot(any_home: Home) -> None:
    async with any_home.open() as db:
        snapshot: Snapshot[Any] = db.snapshot()
        await db.add_index("text", text_of)
    assert snapshot.get(MISSING) is None
    assert MISSING not in snapshot
    assert str(MISSING) not in snapshot
    assert len(snapshot) == 0
    assert list(snapshot) == []
    with pytest.raises(DocumentNotFound) as missing:
        snapshot.find_one(MISSING)
    assert missing.value.id == MISSING
    with pytest.raises(IndexNotFound):
        snapshot.using_index("text", "ada")
    with pytest.raises(TypeError, match="UUID"):
        snapshot.get(str(uuid4()))  # type: ignore[arg-type]  # Wrong on purpose.


async def test_a_snapshot_keeps_an_index_that_was_replaced(any_home: Home) -> None:
    async with any_home.open() as db:
        document = await db.insert_one(any_home.value("ada", 3))
        await db.add_index("key", text_of)
        snapshot = db.snapshot()
        await db.add_index("key", count_of)
        assert snapshot.using_index("key", "ada") == [document]
        assert db.snapshot().using_index("key", 3) == [document]
        assert db.snapshot().using_index("key", "ada") == []
