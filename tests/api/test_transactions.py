"""Transactions: staged, then applied as one commit, or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trio
from databases import MISSING, data

from reddb import (
    DatabaseClosed,
    DbConfig,
    Document,
    DocumentNotFound,
    EncodeError,
    IndexNotFound,
    JsonDb,
    MemDb,
    RedDb,
    RedDbError,
    Transaction,
    TransactionClosed,
    TransactionConflict,
    UniqueViolation,
)


@pytest.fixture
async def db() -> AsyncIterator[RedDb[str]]:
    async with MemDb.open("words", str) as db:
        yield db


@pytest.fixture
async def words(db: RedDb[str]) -> list[Document[str]]:
    return await db.insert(["ada", "bob", "cyd"])


async def test_nothing_else_is_seen_of_a_transaction(
    db: RedDb[str], words: list[Document[str]]
) -> None:
    tx = db.begin()
    tx.insert_one("dee")
    tx.update_one(words[0].id, "eve")
    tx.delete_one(words[1].id)
    assert db.snapshot().find_all() == words
    assert db.begin().query().all() == words


async def test_a_transaction_reads_its_own_writes(
    db: RedDb[str], words: list[Document[str]]
) -> None:
    tx = db.begin()
    added = tx.insert_one("dee")
    tx.update_one(words[0].id, "eve")
    tx.delete_one(words[1].id)
    changed = Document(words[0].id, "eve")
    assert tx.query().all() == [changed, words[2], added]
    assert tx.query().filter(lambda word: word > "d").count() == 2
    assert tx.get(added.id) == tx.find_one(added.id) == added
    assert tx.find("eve") == [changed]
    assert tx.find("ada") == []
    assert tx.get(words[1].id) is None
    with pytest.raises(DocumentNotFound):
        tx.find_one(words[1].id)
    tx.update_one(added.id, "fay")
    assert tx.get(added.id) == Document(added.id, "fay")
    tx.delete_one(added.id)
    assert tx.query().all() == [changed, words[2]]


async def test_a_transaction_that_has_deleted_everything_sees_nothing(
    db: RedDb[str], words: list[Document[str]]
) -> None:
    tx = db.begin()
    for word in words:
        tx.delete_one(word.id)
    assert [tx.query().all(), tx.query().all(), tx.find_all()] == [[], [], []]
    tx.rollback()


async def test_a_transaction_reads_the_state_of_its_beginning(
    db: RedDb[str], words: list[Document[str]]
) -> None:
    tx = db.begin()
    await db.delete_where(lambda _: True)
    await db.insert_one("dee")
    assert tx.query().all() == words
    tx.rollback()


async def test_a_transaction_uses_indexes_with_its_own_writes_on_top(
    db: RedDb[str], words: list[Document[str]]
) -> None:
    await db.add_index("length", len)
    tx = db.begin()
    tx.update_one(words[0].id, "adam")
    added = tx.insert_one("dave")
    assert tx.using_index("length", 4) == [Document(words[0].id, "adam"), added]
    assert tx.using_index("length", 3) == words[1:]
    assert await db.using_index("length", 4) == []
    with pytest.raises(IndexNotFound):
        tx.using_index("width", 4)


async def test_only_the_last_of_several_writes_to_one_document_counts(
    db: RedDb[str], words: list[Document[str]]
) -> None:
    async with db.begin() as tx:
        first, second = tx.insert_one("dee"), tx.insert_one("eve")
        tx.update_one(first.id, "fay")
        tx.update_one(first.id, "gus")
        tx.delete_one(second.id)
        tx.update_one(words[0].id, "hal")
        tx.delete_one(words[0].id)
    assert await db.find_all() == [*words[1:], Document(first.id, "gus")]


async def test_a_conflict_applies_nothing(db: RedDb[str], words: list[Document[str]]) -> None:
    tx = db.begin()
    tx.insert_one("dee")
    tx.update_one(words[0].id, "eve")
    await db.update_one(words[0].id, "fay")
    with pytest.raises(TransactionConflict, match=str(words[0].id)):
        await tx.commit()
    assert data(await db.find_all()) == ["fay", "bob", "cyd"]


@pytest.mark.parametrize("mine", ["update", "delete"])
@pytest.mark.parametrize("theirs", ["update", "delete", "there and back"])
async def test_a_write_to_what_was_changed_meanwhile_is_a_conflict(
    db: RedDb[str], words: list[Document[str]], mine: str, theirs: str
) -> None:
    id_ = words[0].id
    tx = db.begin()
    if mine == "update":
        tx.update_one(id_, "eve")
    else:
        tx.delete_one(id_)
    if theirs == "delete":
        await db.delete_one(id_)
    else:
        await db.update_one(id_, "fay")
    if theirs == "there and back":
        await db.update_one(id_, "ada")
    before = await db.find_all()
    with pytest.raises(TransactionConflict):
        await tx.commit()
    assert await db.find_all() == before


async def test_of_two_transactions_on_one_document_the_first_to_commit_wins(
    db: RedDb[str], words: list[Document[str]]
) -> None:
    first, second = db.begin(), db.begin()
    second.update_one(words[0].id, "second")
    first.update_one(words[0].id, "first")
    await first.commit()
    with pytest.raises(TransactionConflict):
        await second.commit()
    assert (await db.find_one(words[0].id)).data == "first"


async def test_transactions_on_different_documents_both_commit(
    db: RedDb[str], words: list[Document[str]]
) -> None:
    first, second = db.begin(), db.begin()
    first.update_one(words[0].id, "first")
    second.update_one(words[1].id, "second")
    fourth, fifth = second.insert_one("fourth"), first.insert_one("fifth")
    await second.commit()
    await first.commit()
    assert data(await db.find_all()) == ["first", "second", "cyd", "fourth", "fifth"]
    assert (await db.find_all())[3:] == [fourth, fifth]


READS: dict[str, Callable[[Transaction[str], Document[str]], object]] = {
    "get": lambda tx, word: tx.get(word.id),
    "find_one": lambda tx, word: tx.find_one(word.id),
    "find": lambda tx, word: tx.find(word.data),
    "query": lambda tx, word: tx.query().filter(lambda text: text == word.data).first(),
    "find_all": lambda tx, _: tx.find_all(),
    "using_index": lambda tx, word: tx.using_index("first letter", word.data[0]),
}


@pytest.mark.parametrize("theirs", ["update", "delete"])
@pytest.mark.parametrize("read", READS.values(), ids=READS)
async def test_what_a_transaction_read_must_not_change_either(
    db: RedDb[str], words: list[Document[str]], read: Any, theirs: str
) -> None:
    await db.add_index("first letter", lambda word: word[0])
    tx = db.begin()
    read(tx, words[0])
    tx.update_one(words[1].id, "eve")
    if theirs == "update":
        await db.update_one(words[0].id, "fay")
    else:
        await db.delete_one(words[0].id)
    before = await db.find_all()
    with pytest.raises(TransactionConflict):
        await tx.commit()
    assert await db.find_all() == before


@pytest.mark.parametrize("read", ["find", "query", "find_all", "using_index"])
async def test_what_a_transaction_looked_for_in_vain_must_not_appear(
    db: RedDb[str], words: list[Document[str]], read: str
) -> None:
    await db.add_index("first letter", lambda word: word[0])
    tx = db.begin()
    READS[read](tx, Document(MISSING, "dee"))
    tx.insert_one("eve")
    added = await db.insert_one("dee")
    with pytest.raises(TransactionConflict):
        await tx.commit()
    assert await db.find_all() == [*words, added]


@pytest.mark.parametrize("read", sorted(set(READS) - {"find_all"}))
async def test_what_a_transaction_did_not_read_may_change(
    db: RedDb[str], words: list[Document[str]], read: str
) -> None:
    await db.add_index("first letter", lambda word: word[0])
    tx = db.begin()
    READS[read](tx, words[0])
    tx.update_one(words[1].id, "eve")
    await db.update_one(words[2].id, "fay")
    await db.insert_one("gus")
    await tx.commit()
    assert data(await db.find_all()) == ["ada", "eve", "fay", "gus"]


@pytest.mark.parametrize("write", ["update_one", "delete_one"])
async def test_a_write_to_a_missing_document_fails_the_commit(
    db: RedDb[str], words: list[Document[str]], write: str
) -> None:
    tx = db.begin()
    tx.insert_one("dee")
    if write == "update_one":
        tx.update_one(MISSING, "eve")
    else:
        tx.delete_one(MISSING)
    with pytest.raises(DocumentNotFound) as caught:
        await tx.commit()
    assert caught.value.id == MISSING
    assert await db.find_all() == words


async def test_a_document_that_the_transaction_deleted_is_missing(
    db: RedDb[str], words: list[Document[str]]
) -> None:
    tx = db.begin()
    tx.delete_one(words[0].id)
    tx.update_one(words[0].id, "eve")
    with pytest.raises(DocumentNotFound):
        await tx.commit()
    assert await db.find_all() == words


USES: dict[str, Callable[[Transaction[str]], object]] = {
    "insert_one": lambda tx: tx.insert_one("eve"),
    "update_one": lambda tx: tx.update_one(MISSING, "eve"),
    "delete_one": lambda tx: tx.delete_one(MISSING),
    "get": lambda tx: tx.get(MISSING),
    "find_one": lambda tx: tx.find_one(MISSING),
    "find": lambda tx: tx.find("ada"),
    "query": lambda tx: tx.query(),
    "using_index": lambda tx: tx.using_index("length", 3),
    "rollback": lambda tx: tx.rollback(),
}


@pytest.mark.parametrize("end", ["commit", "rollback", "failed commit", "block"])
async def test_an_ended_transaction_is_closed(db: RedDb[str], end: str) -> None:
    tx = db.begin()
    match end:
        case "commit":
            await tx.commit()
        case "rollback":
            tx.rollback()
        case "failed commit":
            tx.delete_one(MISSING)
            with pytest.raises(DocumentNotFound):
                await tx.commit()
        case "block":
            async with tx:
                tx.insert_one("dee")
    for use in USES.values():
        with pytest.raises(TransactionClosed):
            use(tx)
    with pytest.raises(TransactionClosed):
        await tx.commit()


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_a_block_may_end_its_transaction_itself(db: RedDb[str], end: str) -> None:
    async with db.begin() as tx:
        tx.insert_one("dee")
        if end == "commit":
            await tx.commit()
        else:
            tx.rollback()
    assert data(await db.find_all()) == (["dee"] if end == "commit" else [])


async def test_an_exception_after_a_commit_in_the_block_leaves_it_committed(
    db: RedDb[str],
) -> None:
    async def commit_and_raise() -> None:
        async with db.begin() as tx:
            tx.insert_one("dee")
            await tx.commit()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await commit_and_raise()
    assert data(await db.find_all()) == ["dee"]


async def test_a_transaction_shows_where_it_began_and_how_it_is(
    db: RedDb[str], words: list[Document[str]]
) -> None:
    tx = db.begin()
    assert repr(tx) == "<Transaction on commit 1, open>"
    tx.rollback()
    assert repr(tx) == "<Transaction on commit 1, rolled back>"


async def test_a_cancelled_block_rolls_back(db: RedDb[str]) -> None:
    with trio.CancelScope() as scope:
        async with db.begin() as tx:
            tx.insert_one("dee")
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert await db.find_all() == []
    with pytest.raises(TransactionClosed):
        tx.rollback()


async def test_a_cancelled_commit_did_not_happen(db: RedDb[str]) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        async with db.begin() as tx:
            tx.insert_one("dee")
    assert scope.cancelled_caught
    assert await db.find_all() == []


async def test_an_empty_transaction_commits_nothing(db: RedDb[str]) -> None:
    before = db.snapshot().seq
    async with db.begin():
        pass
    assert db.snapshot().seq == before


async def test_a_value_that_does_not_fit_is_refused_where_it_is_staged(
    db: RedDb[str], words: list[Document[str]]
) -> None:
    wrong: Any = 5
    async with db.begin() as tx:
        with pytest.raises(EncodeError):
            tx.insert_one(wrong)
        with pytest.raises(EncodeError):
            tx.update_one(words[0].id, wrong)
        added = tx.insert_one("dee")
    assert await db.find_all() == [*words, added]


@pytest.mark.parametrize("wrong", ["update_one", "delete_one", "get", "find_one"])
async def test_an_id_that_is_no_uuid_is_refused_by_a_transaction(
    db: RedDb[str], wrong: str
) -> None:
    tx = db.begin()
    values = ("ada",) if wrong == "update_one" else ()
    with pytest.raises(TypeError, match="UUID"):
        getattr(tx, wrong)(str(MISSING), *values)


async def test_a_transaction_that_breaks_a_unique_index_applies_nothing(
    db: RedDb[str], words: list[Document[str]]
) -> None:
    await db.add_index("word", str, unique=True)
    tx = db.begin()
    tx.update_one(words[2].id, "dee")
    tx.update_one(words[0].id, "bob")
    with pytest.raises(UniqueViolation) as caught:
        await tx.commit()
    assert (caught.value.index, caught.value.key, caught.value.id) == ("word", "bob", words[1].id)
    assert await db.find_all() == words


async def test_a_transaction_may_swap_unique_keys_and_read_in_between(
    db: RedDb[str], words: list[Document[str]]
) -> None:
    await db.add_index("word", str, unique=True)
    async with db.begin() as tx:
        tx.update_one(words[0].id, "bob")
        assert tx.get(words[1].id) == words[1]
        assert tx.using_index("word", "bob") == [Document(words[0].id, "bob"), words[1]]
        tx.update_one(words[1].id, "ada")
    assert data(await db.find_all()) == ["bob", "ada", "cyd"]
    assert await db.using_index("word", "bob") == [Document(words[0].id, "bob")]


async def test_a_transaction_goes_on_beside_compaction() -> None:
    async with MemDb.open("words", str) as db:
        word = await db.insert_one("ada")
        tx = db.begin()
        await db.compact()
        tx.update_one(word.id, "eve")
        await tx.commit()
        assert data(await db.find_all()) == ["eve"]


async def test_a_transaction_cannot_commit_to_a_closed_database() -> None:
    async with MemDb.open("words", str) as db:
        tx = db.begin()
        tx.insert_one("dee")
    with pytest.raises(DatabaseClosed):
        await tx.commit()


async def test_a_transaction_belongs_to_its_handle() -> None:
    async with MemDb.open("words", str) as db:
        clone = db.clone()
        tx = clone.begin()
        tx.insert_one("dee")
        await clone.aclose()
        with pytest.raises(DatabaseClosed):
            await tx.commit()
        assert await db.find_all() == []


async def test_an_inserted_id_that_is_taken_is_refused() -> None:
    config = DbConfig("words", new_id=lambda: MISSING)
    async with MemDb.open(config, str) as db:
        word = await db.insert_one("ada")
        with pytest.raises(RedDbError):
            await db.insert_one("bob")
        with pytest.raises(RedDbError):
            await db.insert(["bob"])
        with pytest.raises(RedDbError):
            async with db.begin() as tx:
                tx.insert_one("bob")
        assert await db.find_all() == [word]


async def test_a_transaction_of_many_documents_is_one_commit(tmp_path: Any) -> None:
    config = DbConfig("words", dir=tmp_path)
    async with JsonDb.open(config, str) as db:
        async with db.begin() as tx:
            added = [tx.insert_one(str(number)) for number in range(500)]
            assert tx.query().all() == added
        assert db.snapshot().seq == 1
    async with JsonDb.open(config, str) as db:
        assert await db.find_all() == added


# Transactions in the writer.


async def test_transact_gives_what_its_function_gives(
    db: RedDb[str], words: list[Document[str]]
) -> None:
    def replace(tx: Transaction[str], old: str, new: str) -> Document[str]:
        for document in tx.find(old):
            tx.delete_one(document.id)
        assert tx.find(old) == []
        return tx.insert_one(new)

    added = await db.transact(replace, "ada", "dee")
    assert await db.find_all() == [*words[1:], added]
    assert db.snapshot().seq == 2


async def test_transact_sees_the_newest_state_and_is_never_in_conflict(db: RedDb[str]) -> None:
    counter = await db.insert_one("0")

    def add(tx: Transaction[str], amount: int) -> int:
        total = int(tx.find_one(counter.id).data) + amount
        tx.update_one(counter.id, str(total))
        return total

    async def add_twice() -> None:
        assert await db.transact(add, 1) < await db.transact(add, 1)

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(add_twice)
    assert data(await db.find_all()) == ["40"]


@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), KeyboardInterrupt("mine")], ids=repr)
async def test_what_a_function_raises_in_transact_rolls_back(
    db: RedDb[str], words: list[Document[str]], error: BaseException
) -> None:
    kept: list[Transaction[str]] = []

    def fail(tx: Transaction[str]) -> None:
        kept.append(tx)
        tx.insert_one("dee")
        tx.delete_one(words[0].id)
        raise error

    with pytest.raises(type(error)) as caught:
        await db.transact(fail)
    assert caught.value is error
    assert await db.find_all() == words
    await db.transact(kept.append)
    for tx in kept:
        with pytest.raises(TransactionClosed):
            tx.insert_one("eve")
    assert await db.find_all() == words


async def test_transact_that_cannot_be_applied_applies_nothing(
    db: RedDb[str], words: list[Document[str]]
) -> None:
    await db.add_index("word", str, unique=True)
    with pytest.raises(DocumentNotFound):
        await db.transact(lambda tx: (tx.insert_one("dee"), tx.delete_one(MISSING)))
    with pytest.raises(UniqueViolation):
        await db.transact(lambda tx: (tx.insert_one("dee"), tx.insert_one("ada")))
    with pytest.raises(EncodeError):
        await db.transact(lambda tx: (tx.insert_one("dee"), tx.insert_one(5)))
    assert await db.find_all() == words


async def test_transact_may_roll_itself_back(db: RedDb[str], words: list[Document[str]]) -> None:
    def change_its_mind(tx: Transaction[str]) -> str:
        tx.insert_one("dee")
        tx.rollback()
        return "nothing"

    assert await db.transact(change_its_mind) == "nothing"
    assert await db.find_all() == words


async def test_transact_takes_plain_functions_only(
    db: RedDb[str], words: list[Document[str]]
) -> None:
    async def wrong(tx: Transaction[str]) -> None:
        tx.insert_one("dee")

    fn: Any = wrong
    with pytest.raises(TypeError, match="plain function"):
        await db.transact(fn)
    assert await db.find_all() == words


async def test_a_cancelled_transact_did_not_happen(db: RedDb[str]) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await db.transact(lambda tx: tx.insert_one("dee"))
    assert scope.cancelled_caught
    assert await db.find_all() == []
