"""Many tasks on one handle: transactions side by side, nothing lost, and cancellation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from databases import DATABASES, HeldStorage, Home, data, simulated
from trio.testing import Sequencer, wait_all_tasks_blocked

from reddb import (
    DbConfig,
    Document,
    Durability,
    JsonCodec,
    JsonDb,
    MemDb,
    RedDb,
    TransactionConflict,
    WriteOrder,
)


@pytest.fixture(
    params=[(database, order) for database in DATABASES for order in WriteOrder],
    ids=lambda kind: f"{kind[0].__name__}-{kind[1].value}",
)
def words(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """Every database, in both write orders, synced."""
    database, order = request.param
    return Home(database, tmp_path, write_order=order, durability=Durability.FSYNC)


# Transactions.


@pytest.mark.parametrize("raises_first", [False, True])
async def test_one_task_commits_its_transaction_while_another_rolls_its_own_back(
    words: Home, raises_first: bool
) -> None:
    sequence = Sequencer()
    commits_at, raises_at = (3, 2) if raises_first else (2, 3)
    committed: list[Document[Any]] = []

    async def commit(db: RedDb[Any]) -> None:
        tx = db.begin()
        async with sequence(0):
            added = tx.insert_one(words.value("good"))
        async with sequence(commits_at):
            await tx.commit()
            committed.append(added)
            assert await db.find_all() == committed

    async def roll_back(db: RedDb[Any]) -> None:
        tx = db.begin()
        async with sequence(1):
            tx.insert_one(words.value("bad"))
            assert data(tx.query().all()) == [words.value("bad")]
        with pytest.raises(ZeroDivisionError):
            async with sequence(raises_at), tx:
                raise ZeroDivisionError
        assert db.snapshot().find_all() == committed

    async with words.lasting() as db, trio.open_nursery() as nursery:
        nursery.start_soon(commit, db)
        nursery.start_soon(roll_back, db)


async def test_of_many_transactions_that_race_all_succeed_in_the_end(words: Home) -> None:
    async def add_one(db: RedDb[int], document: Document[int]) -> None:
        while True:
            try:
                async with db.begin() as tx:
                    tx.update_one(document.id, tx.find_one(document.id).data + 1)
            except TransactionConflict:
                continue
            return

    async with words.open(int) as db:
        counter = await db.insert_one(0)
        async with trio.open_nursery() as nursery:
            for _ in range(12):
                nursery.start_soon(add_one, db, counter)
        assert data(await db.find_all()) == [12]


# Nothing is lost.


async def test_many_tasks_insert_at_once_and_lose_nothing(words: Home) -> None:
    mine: list[list[Document[Any]]] = [[] for _ in range(64)]

    async def insert(db: RedDb[Any], number: int) -> None:
        for turn in range(3):
            mine[number].append(await db.insert_one(words.value(str(number), turn)))
        mine[number] += await db.insert([words.value(str(number), turn) for turn in (3, 4)])

    async with words.open() as db:
        async with trio.open_nursery() as nursery:
            for number in range(64):
                nursery.start_soon(insert, db, number)
        everything = await db.find_all()
        assert (await db.stats()).commits_in_largest_batch > 1
    for own in mine:
        ids = {document.id for document in own}
        assert [document for document in everything if document.id in ids] == own
    assert len(everything) == 64 * 5
    if words.persistent:
        async with words.open() as db:
            assert await db.find_all() == everything


async def test_a_full_mailbox_makes_tasks_wait_and_loses_nothing(words: Home) -> None:
    async with words.open(str, mailbox_commands_max=2, batch_commands_max=3) as db:
        async with trio.open_nursery() as nursery:
            for number in range(64):
                nursery.start_soon(db.insert_one, str(number))
        assert sorted(map(int, data(await db.find_all()))) == list(range(64))
        assert (await db.stats()).commits_in_largest_batch <= 3


async def test_every_task_reads_its_own_writes_at_once(words: Home) -> None:
    async def write_and_read(db: RedDb[str], text: str) -> None:
        document = await db.insert_one(text)
        assert document in await db.find(text)
        assert await db.update_one(document.id, text + "!")
        assert (await db.find_one(document.id)).data == text + "!"
        assert (await db.delete_one(document.id)).data == text + "!"
        assert await db.get(document.id) is None

    async with words.open(str) as db:
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(write_and_read, db.clone(), str(number))
        assert await db.find_all() == []


# Cancellation.


async def test_a_cancelled_call_that_waited_did_not_happen() -> None:
    storage = HeldStorage()
    config = DbConfig("words", mailbox_commands_max=1)
    outcomes: dict[str, str] = {}

    async def insert(db: RedDb[str], text: str) -> None:
        with trio.CancelScope() as scope:
            scopes.append(scope)
            await db.insert_one(text)
            outcomes[text] = "returned"
        if scope.cancelled_caught:
            outcomes[text] = "cancelled"

    scopes: list[trio.CancelScope] = []
    async with MemDb.open(config, str, codec=JsonCodec(), storage=storage) as db:
        async with trio.open_nursery() as nursery:
            for text in ("taken", "in the mailbox", "in line", "untouched"):
                nursery.start_soon(insert, db, text)
                await wait_all_tasks_blocked()
            for scope in scopes[:3]:
                scope.cancel()
            await wait_all_tasks_blocked()
            assert outcomes == {"in the mailbox": "cancelled", "in line": "cancelled"}
            storage.gate.set()
        assert outcomes["taken"] == outcomes["untouched"] == "returned"
        assert data(await db.find_all()) == ["taken", "untouched"]


async def _insert_by_transaction(db: RedDb[str], text: str) -> None:
    async with db.begin() as tx:
        tx.insert_one(text)


WRITES: dict[str, Callable[[RedDb[str], str], Any]] = {
    "insert_one": lambda db, text: db.insert_one(text),
    "insert": lambda db, text: db.insert([text]),
    "returning": lambda db, text: db.update_where(lambda each: each == "a" + text).exec(
        lambda _: text
    ),
    "commit": _insert_by_transaction,
}


@pytest.mark.parametrize("write_order", WriteOrder)
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_call_cancelled_at_any_moment_happened_if_and_only_if_it_returned(
    write: Callable[[RedDb[str], str], Any], write_order: WriteOrder
) -> None:
    home = simulated(JsonDb, write_order=write_order, durability=Durability.FSYNC)
    texts = [f"{rounds}-{copy}" for rounds in range(20) for copy in range(3)]
    happened: set[str] = set()

    async def call(db: RedDb[str], text: str) -> None:
        with trio.CancelScope() as scope:
            _cancel_later(nursery, scope, int(text.partition("-")[0]))
            await write(db, text)
            happened.add(text)

    async with home.open(str) as db:
        await db.insert(["a" + text for text in texts])
        for text in texts:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(call, db, text)
                nursery.start_soon(db.update, "other", "other")
                nursery.start_soon(db.insert_one, "b" + text)
        kept = await db.find_all()
        assert {text for text in data(kept) if text[0].isdigit()} == happened
        assert 0 < len(happened) < len(texts)
    async with home.open(str) as db:
        assert await db.find_all() == kept


def _cancel_later(nursery: trio.Nursery, scope: trio.CancelScope, rounds: int) -> None:
    """Cancel `scope` when the event loop has gone round that often; at once if not at all."""

    async def wait_and_cancel() -> None:
        for _ in range(rounds):
            await trio.lowlevel.checkpoint()
        scope.cancel()

    if rounds:
        nursery.start_soon(wait_and_cancel)
    else:
        scope.cancel()


async def test_a_cancelled_insert_of_many_did_not_happen_at_all() -> None:
    async with MemDb.open("words", str) as db:
        for rounds in range(25):
            before = await db.find_all()
            async with trio.open_nursery() as nursery:
                with trio.CancelScope() as scope:
                    _cancel_later(nursery, scope, rounds)
                    await db.insert([str(number) for number in range(300)])
            found = len(await db.find_all()) - len(before)
            assert found == (0 if scope.cancelled_caught else 300)
        assert await db.find_all()
