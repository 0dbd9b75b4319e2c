"""`RedDb.transact`: a transaction in the writer's turn."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import trio
from bases import Base, values

from reddb import DocumentNotFound, Transaction, TransactionClosed, UniqueViolation

pytest_plugins = ("isolation_fixtures",)

MISSING = UUID(int=1)
Tx = Transaction[Any]


def add(tx: Tx, id_: UUID, amount: int) -> int:
    """Add to a document; give what it comes to."""
    total: int = tx.find_one(id_).data + amount
    tx.update_one(id_, total)
    return total


async def test_it_is_atomic_never_in_conflict_and_gives_its_result(any_base: Base) -> None:
    results: list[int] = []

    async with any_base.open(int) as db:
        counter = await db.insert_one(0)
        seq = db.snapshot().seq

        async def run() -> None:
            results.append(await db.transact(add, counter.id, 1))

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(run)
        assert sorted(results) == list(range(1, 21))
        assert values(await db.find_all()) == [20]
        assert db.snapshot().seq == seq + 20


async def test_many_changes_are_one_commit(base: Base) -> None:
    def fill(tx: Tx) -> None:
        for number in range(300):
            tx.insert_one(number)
        assert tx.query().count() == 300

    async with base.open(int) as db:
        await db.transact(fill)
        assert db.snapshot().seq == 1
        assert values(await db.find_all()) == list(range(300))


async def test_an_exception_rolls_back_and_comes_out(any_base: Base) -> None:
    def fail(tx: Tx) -> None:
        tx.insert_one(1)
        raise ZeroDivisionError

    async with any_base.open(int) as db:
        with pytest.raises(ZeroDivisionError):
            await db.transact(fail)
        assert (await db.find_all(), db.snapshot().seq) == ([], 0)
        await db.insert_one(2)


async def test_an_async_function_is_refused(base: Base) -> None:
    async def wrong(tx: Tx) -> None:
        tx.insert_one(1)

    async with base.open(int) as db:
        with pytest.raises(TypeError, match="plain function"):
            _ = await db.transact(wrong)
        assert await db.find_all() == []


async def test_rolling_back_inside_changes_nothing_and_gives_the_result(base: Base) -> None:
    def think_better(tx: Tx) -> str:
        tx.insert_one(1)
        tx.delete_one(MISSING)
        tx.rollback()
        with pytest.raises(TransactionClosed):
            tx.insert_one(2)
        return "rolled back"

    async with base.open(int) as db:
        assert await db.transact(think_better) == "rolled back"
        assert (await db.find_all(), db.snapshot().seq) == ([], 0)


@pytest.mark.parametrize("method", ["update_one", "delete_one"])
async def test_a_missing_id_applies_nothing(base: Base, method: str) -> None:
    def miss(tx: Tx) -> None:
        tx.insert_one(1)
        getattr(tx, method)(MISSING, *([2] if method == "update_one" else []))

    async with base.open(int) as db:
        with pytest.raises(DocumentNotFound):
            await db.transact(miss)
        assert await db.find_all() == []


async def test_a_unique_index_holds(base: Base) -> None:
    async with base.open(int) as db:
        await db.add_index("itself", lambda data: data, unique=True)
        one, two = await db.insert([1, 2])

        def swap(tx: Tx) -> None:
            tx.update_one(one.id, 2)
            tx.update_one(two.id, 1)

        await db.transact(swap)
        with pytest.raises(UniqueViolation):
            await db.transact(lambda tx: tx.insert_one(1))
        assert values(await db.find_all()) == [2, 1]


@pytest.mark.parametrize("fails", [False, True])
async def test_its_transaction_is_over_with_it(base: Base, fails: bool) -> None:
    leaked: list[Tx] = []

    def leak(tx: Tx) -> None:
        leaked.append(tx)
        if fails:
            raise ZeroDivisionError

    async with base.open(int) as db:
        try:
            await db.transact(leak)
        except ZeroDivisionError:
            assert fails
        with pytest.raises(TransactionClosed):
            leaked[0].insert_one(1)
        with pytest.raises(TransactionClosed):
            await leaked[0].commit()
