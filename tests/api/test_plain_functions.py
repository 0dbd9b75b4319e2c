"""Predicates, keys and transforms are plain functions: a coroutine would be as good as True."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from reddb import MemDb, RedDb

NUMBERS = [1, 2, 3]


async def never(_data: object) -> bool:
    return False


class Never:
    async def __call__(self, _data: object) -> bool:
        return False

    async def method(self, _data: object) -> bool:
        return False


async def watch(db: RedDb[int], fn: Any) -> None:
    async with db.watch(fn):
        pass


async def wait_for(db: RedDb[int], fn: Any) -> None:
    await db.wait_for((await db.find_all())[0].id, fn)


TAKERS: dict[str, Callable[[RedDb[int], Any], Awaitable[object]]] = {
    "filter": lambda db, fn: db.query().filter(fn).all(),
    "order_by": lambda db, fn: db.query().order_by(fn).all(),
    "update_where": lambda db, fn: db.update_where(fn).exec(lambda data: data + 1),
    "update_where ... exec": lambda db, fn: db.update_where(bool).exec(fn),
    "update_where ... returning": lambda db, fn: db.update_where(bool).returning(fn),
    "delete_where": lambda db, fn: db.delete_where(fn),
    "add_index": lambda db, fn: db.add_index("each", fn),
    "watch": watch,
    "wait_for": wait_for,
}


@pytest.mark.parametrize("name", TAKERS)
@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (never, "takes a plain function, not an async one"),
        (partial(never), "takes a plain function, not an async one"),
        (Never(), "takes a plain function, not an async one"),
        (Never().method, "takes a plain function, not an async one"),
        (3, "takes a function, not 3"),
        ("team", "takes a function, not 'team'"),
    ],
    ids=["function", "partial", "object", "method", "number", "text"],
)
async def test_what_is_no_plain_function_is_refused(name: str, fn: Any, message: str) -> None:
    async with MemDb.open("x", int) as db:
        documents = await db.insert(NUMBERS)
        with pytest.raises(TypeError, match=f"{name.partition(' ')[0]} {message}"):
            await TAKERS[name](db, fn)
        assert await db.find_all() == documents
        assert (await db.stats()).index_count == 0


async def test_a_snapshot_and_a_transaction_take_plain_functions_only() -> None:
    wrong: Any = never
    async with MemDb.open("x", int) as db, db.begin() as tx:
        for query in (db.snapshot().query(), tx.query()):
            with pytest.raises(TypeError, match="not an async one"):
                query.filter(wrong)


async def test_what_can_be_called_is_taken(any_callable: Callable[[int], object]) -> None:
    async with MemDb.open("x", int) as db:
        await db.insert(NUMBERS)
        assert await db.query().filter(any_callable).order_by(any_callable).count() == 3


class Plain:
    def __call__(self, _data: int) -> bool:
        return True


@pytest.fixture(
    params=[bool, partial(int.__le__, 1), Plain(), (0).__lt__],
    ids=["class", "partial", "object", "method"],
)
def any_callable(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("one", ["abc", b"abc", {"text": "milk"}])
async def test_one_value_is_no_list_of_values(one: Any) -> None:
    async with MemDb.open("x") as db:
        with pytest.raises(TypeError, match="insert_one stores one"):
            await db.insert(one)
        assert await db.find_all() == []
