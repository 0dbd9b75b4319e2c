"""What must never be seen of transactions that run side by side."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import trio
from bases import Base, values
from trio.testing import MockClock, Sequencer, wait_all_tasks_blocked

from reddb import (
    Document,
    DocumentNotFound,
    MemDb,
    PersistFailed,
    RedDb,
    Transaction,
    TransactionClosed,
    TransactionConflict,
)
from reddb.actor import history
from reddb.testing.simulated_disk import Operation

pytest_plugins = ("isolation_fixtures",)

MISSING = UUID(int=1)
Tx = Transaction[Any]


async def test_no_update_is_lost(base: Base) -> None:
    async with base.open(int) as db:
        counter = await db.insert_one(0)
        first, second = db.begin(), db.begin()
        for tx in (first, second):
            tx.update_one(counter.id, tx.find_one(counter.id).data + 1)
        await first.commit()
        with pytest.raises(TransactionConflict, match=str(counter.id)) as caught:
            await second.commit()
        assert (caught.value.seq, caught.value.id) == (2, counter.id)
        assert values(await db.find_all()) == [1]


Doctors = Callable[[Tx, Document[Any], Document[Any]], int]
ON_CALL: dict[str, Doctors] = {
    "get": lambda tx, a, b: sum(tx.find_one(each.id).data["on"] for each in (a, b)),
    "query": lambda tx, *_: tx.query().filter(lambda data: data["on"]).count(),
    "find": lambda tx, *_: len(tx.find({"on": True})),
    "find_all": lambda tx, *_: sum(each.data["on"] for each in tx.find_all()),
    "using_index": lambda tx, *_: len(tx.using_index("on", True)),
}


@pytest.mark.parametrize("on_call", ON_CALL.values(), ids=ON_CALL)
async def test_no_write_skew(base: Base, on_call: Doctors) -> None:
    async with base.open() as db:
        await db.add_index("on", lambda data: data["on"])
        ada, bob = await db.insert([{"on": True}, {"on": True}])
        first, second = db.begin(), db.begin()
        for tx, own in ((first, ada), (second, bob)):
            assert on_call(tx, ada, bob) == 2
            tx.update_one(own.id, {"on": False})
        await second.commit()
        with pytest.raises(TransactionConflict, match=str(bob.id)):
            await first.commit()
        assert values(await db.find_all()) == [{"on": True}, {"on": False}]


LOOKS: dict[str, Callable[[Tx], Any]] = {
    "all": lambda tx: tx.query().filter(lambda data: data > 10).all(),
    "first": lambda tx: tx.query().filter(lambda data: data > 10).first(),
    "ids": lambda tx: tx.query().filter(lambda data: data > 10).skip(1).ids(),
    "two filters": lambda tx: (
        tx.query().filter(lambda data: data > 10).filter(lambda data: data < 99).count()
    ),
    "find": lambda tx: tx.find(11),
    "index": lambda tx: tx.using_index("itself", 11),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
async def test_no_phantom_appears(base: Base, look: Callable[[Tx], Any]) -> None:
    async with base.open(int) as db:
        await db.add_index("itself", lambda data: data)
        tx = db.begin()
        look(tx)
        tx.insert_one(5)
        appeared = await db.insert_one(11)
        with pytest.raises(TransactionConflict, match=str(appeared.id)):
            await tx.commit()
        tx = db.begin()
        look(tx)
        tx.insert_one(5)
        await db.delete_one(appeared.id)
        with pytest.raises(TransactionConflict, match=str(appeared.id)):
            await tx.commit()
        tx = db.begin()
        look(tx)
        tx.insert_one(5)
        await db.insert_one(7)
        await tx.commit()
        assert values(await db.find_all()) == [7, 5]


async def test_a_value_that_was_looked_for_may_be_changed_by_its_owner_afterwards() -> None:
    async with MemDb.open("x") as db:
        wanted = {"name": "ada"}
        tx = db.begin()
        assert tx.find(wanted) == []
        wanted["name"] = "bob"
        tx.insert_one({"name": "none found"})
        await db.insert_one({"name": "ada"})
        with pytest.raises(TransactionConflict):
            await tx.commit()


async def test_nothing_unfinished_or_aborted_is_read(any_base: Base) -> None:
    async with any_base.open(int) as db:
        document = await db.insert_one(1)
        tx = db.begin()
        tx.update_one(document.id, 2)
        tx.insert_one(3)
        assert values(await db.find_all()) == values(db.begin().find_all()) == [1]
        tx.rollback()
        with pytest.raises(ZeroDivisionError):
            async with db.begin() as failing:
                failing.delete_one(document.id)
                raise ZeroDivisionError
        assert values(await db.find_all()) == [1]


async def test_what_a_transaction_read_was_not_taken_back(
    slow_base: Base, autojump_clock: MockClock
) -> None:
    outcomes: list[str] = []

    async def write(db: RedDb[int]) -> None:
        with pytest.raises(PersistFailed):
            await db.insert_one(1)

    async def read(db: RedDb[int]) -> None:
        tx = db.begin()
        seen = values(tx.find_all())
        try:
            await tx.commit()
        except PersistFailed:
            outcomes.append("refused")
        else:
            outcomes.append(f"read {seen}")

    async with slow_base.open(int) as db, trio.open_nursery() as nursery:
        slow_base.disk.fail(Operation.SYNC)
        nursery.start_soon(write, db)
        await wait_all_tasks_blocked()
        nursery.start_soon(read, db)
    assert outcomes in (["refused"], ["read []"])


async def test_no_deleted_document_is_resurrected(base: Base) -> None:
    async with base.open(int) as db:
        document = await db.insert_one(1)
        tx = db.begin()
        tx.update_one(document.id, 2)
        await db.delete_one(document.id)
        with pytest.raises(TransactionConflict):
            await tx.commit()
        assert await db.find_all() == []
        tx = db.begin()
        tx.update_one(document.id, 3)
        with pytest.raises(DocumentNotFound):
            await tx.commit()
        assert await db.find_all() == []


async def test_unrelated_commits_do_not_conflict(any_base: Base) -> None:
    async with any_base.open(int) as db:
        documents = await db.insert(range(20))
        transactions = [db.begin() for _ in documents]
        for tx, own in zip(transactions, documents, strict=True):
            tx.query().filter(partial(operator.eq, own.data)).all()
            tx.update_one(own.id, tx.find_one(own.id).data + 100)
        for tx in reversed(transactions):
            await tx.commit()
        assert values(await db.find_all()) == list(range(100, 120))


async def test_a_transaction_that_outlived_the_history_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "COMMITS_MAX", 3)
    async with MemDb.open("x", int) as db:
        document = await db.insert_one(0)
        in_time, late, reader = db.begin(), db.begin(), db.begin()
        for tx in (in_time, late):
            tx.update_one(document.id, 1)
        assert values(reader.find_all()) == [0]
        for number in range(3):
            await db.insert_one(number)
        await in_time.commit()
        with pytest.raises(TransactionConflict, match="run it again") as caught:
            await late.commit()
        assert (caught.value.seq, caught.value.id) == (None, None)
        await reader.commit()


async def test_one_huge_commit_makes_older_transactions_outlive_the_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "CHANGES_MAX", 3)
    async with MemDb.open("x", int) as db:
        tx = db.begin()
        tx.insert_one(0)
        await db.insert(range(4))
        with pytest.raises(TransactionConflict):
            await tx.commit()
        async with db.begin() as again:
            again.insert_one(0)


# Misuse.


async def test_two_tasks_cannot_use_one_transaction_at_once(
    slow_base: Base, autojump_clock: MockClock
) -> None:
    async with slow_base.open(int) as db:
        tx = db.begin()
        tx.insert_one(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tx.commit)
            await wait_all_tasks_blocked()
            uses: list[Callable[[], object]] = [
                lambda: tx.insert_one(2),
                lambda: tx.update_one(MISSING, 2),
                lambda: tx.delete_one(MISSING),
                lambda: tx.get(MISSING),
                lambda: tx.find_one(MISSING),
                tx.find_all,
                lambda: tx.find(1),
                tx.query,
                lambda: tx.using_index("none", 1),
                tx.rollback,
            ]
            for use in uses:
                with pytest.raises(trio.BusyResourceError):
                    use()
            with pytest.raises(trio.BusyResourceError):
                await tx.commit()
            with pytest.raises(trio.BusyResourceError):
                async with tx:
                    pass
            with pytest.raises(ZeroDivisionError):
                async with tx:
                    raise ZeroDivisionError
        assert values(await db.find_all()) == [1]


@pytest.mark.parametrize("end", ["commit", "rollback", "conflict", "cancel"])
async def test_an_ended_transaction_takes_nothing_more(base: Base, end: str) -> None:
    async with base.open(int) as db:
        document = await db.insert_one(0)
        tx = db.begin()
        query = tx.query()
        tx.update_one(document.id, 1)
        if end == "rollback":
            tx.rollback()
        elif end == "conflict":
            await db.update_one(document.id, 2)
            with pytest.raises(TransactionConflict):
                await tx.commit()
        else:
            with trio.CancelScope() as scope:
                if end == "cancel":
                    scope.cancel()
                await tx.commit()
        how = "rolled back" if end == "rollback" else "handed in for commit"
        for use in (query.all, tx.find_all, tx.rollback, lambda: tx.insert_one(1)):
            with pytest.raises(TransactionClosed, match=how):
                use()
        with pytest.raises(TransactionClosed):
            await tx.commit()
        expected = {"commit": 1, "conflict": 2, "rollback": 0, "cancel": 0}[end]
        assert values(await db.find_all()) == [expected]


# Two tasks on one handle.


@pytest.mark.parametrize("raises_first", [False, True])
async def test_one_task_commits_and_one_raises(any_base: Base, raises_first: bool) -> None:
    sequence = Sequencer()

    async def commit(db: RedDb[str]) -> None:
        async with sequence(0):
            tx = db.begin()
            tx.insert_one("acknowledged")
        async with sequence(3 if raises_first else 2):
            await tx.commit()

    async def fail(db: RedDb[str]) -> None:
        with pytest.raises(ZeroDivisionError):
            async with db.begin() as tx:
                async with sequence(1):
                    tx.insert_one("never")
                async with sequence(2 if raises_first else 3):
                    raise ZeroDivisionError

    async with any_base.open(str) as db:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(commit, db)
            nursery.start_soon(fail, db)
        assert values(await db.find_all()) == ["acknowledged"]
    if any_base.kind is not MemDb:
        async with any_base.open(str) as db:
            assert values(await db.find_all()) == ["acknowledged"]
