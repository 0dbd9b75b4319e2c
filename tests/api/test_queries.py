"""Queries, on a handle and on a snapshot alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import pytest
import trio
from attrs import frozen
from databases import data, terminal
from hypothesis import given, settings
from hypothesis import strategies as st

from reddb import MemDb, Query, RedDb, SnapshotQuery

AnyQuery: TypeAlias = Query[int] | SnapshotQuery[int]

NUMBERS = [5, 3, 8, 1, 8, 2]


@pytest.fixture
async def numbers() -> AsyncIterator[RedDb[int]]:
    async with MemDb.open("numbers", int) as db:
        await db.insert(NUMBERS)
        yield db


@pytest.fixture(params=["handle", "snapshot"])
def query(request: pytest.FixtureRequest, numbers: RedDb[int]) -> AnyQuery:
    """A query for everything."""
    return numbers.query() if request.param == "handle" else numbers.snapshot().query()


def is_even(number: int) -> bool:
    return number % 2 == 0


def itself(number: int) -> int:
    return number


async def test_a_query_without_steps_gives_everything_in_insertion_order(query: AnyQuery) -> None:
    assert data(await terminal(query, "all")) == NUMBERS


async def test_several_filters_are_anded(query: AnyQuery) -> None:
    found = await terminal(query.filter(is_even).filter(lambda number: number > 2), "all")
    assert data(found) == [8, 8]


async def test_a_later_filter_sees_only_what_the_ones_before_kept(query: AnyQuery) -> None:
    seen: list[int] = []
    await terminal(query.filter(is_even).filter(seen.append), "all")
    assert seen == [8, 8, 2]


async def test_a_filter_may_give_anything_that_is_true(query: AnyQuery) -> None:
    found = await terminal(query.filter(lambda number: "even" * is_even(number)), "all")
    assert data(found) == [8, 8, 2]


@pytest.mark.parametrize("reverse", [False, True])
async def test_order_by_sorts(query: AnyQuery, reverse: bool) -> None:
    found = await terminal(query.order_by(itself, reverse=reverse), "all")
    assert data(found) == sorted(NUMBERS, reverse=reverse)


@pytest.mark.parametrize("reverse", [False, True])
async def test_equal_keys_keep_insertion_order(query: AnyQuery, reverse: bool) -> None:
    found = await terminal(query.order_by(is_even, reverse), "all")
    even, odd = [8, 8, 2], [5, 3, 1]
    assert data(found) == ([*even, *odd] if reverse else [*odd, *even])


async def test_a_later_order_by_breaks_the_ties_of_the_one_before(query: AnyQuery) -> None:
    found = await terminal(query.order_by(is_even).order_by(itself, reverse=True), "all")
    assert data(found) == [5, 3, 1, 8, 8, 2]


async def test_skip_and_limit_cut_a_page_after_sorting(query: AnyQuery) -> None:
    assert data(await terminal(query.limit(2).skip(1), "all")) == [3, 8]
    found = await terminal(query.skip(4).limit(9).order_by(itself), "all")
    assert data(found) == [8, 8]
    assert await terminal(query.skip(6), "all") == []


async def test_first_gives_the_first_or_none(query: AnyQuery) -> None:
    assert (await terminal(query.filter(is_even), "first")).data == 8
    assert (await terminal(query.order_by(itself), "first")).data == 1
    assert (await terminal(query.skip(3), "first")).data == 1
    assert await terminal(query.filter(lambda number: number > 8), "first") is None
    assert await terminal(query.limit(0), "first") is None


async def test_count_counts_after_skip_and_limit(query: AnyQuery) -> None:
    assert await terminal(query, "count") == 6
    assert await terminal(query.filter(is_even), "count") == 3
    assert await terminal(query.filter(is_even).skip(1).limit(9), "count") == 2
    assert await terminal(query.limit(0), "count") == 0


async def test_ids_gives_the_ids_of_what_all_gives(query: AnyQuery) -> None:
    page = query.filter(is_even).order_by(itself).limit(2)
    assert await terminal(page, "ids") == [each.id for each in await terminal(page, "all")]


async def test_every_step_gives_a_new_query_and_leaves_the_old_one(query: AnyQuery) -> None:
    base = query.filter(is_even)
    steps = [base.filter(bool), base.order_by(itself), base.skip(1), base.limit(1)]
    assert len({id(each) for each in (query, base, *steps)}) == 6
    assert data(await terminal(base, "all")) == [8, 8, 2]
    assert await terminal(query, "count") == 6


@pytest.mark.parametrize("step", ["skip", "limit"])
@pytest.mark.parametrize("wrong", [-1, 1.5, "1", None, True, False])
async def test_skip_and_limit_take_whole_numbers_only(
    query: AnyQuery, step: str, wrong: object
) -> None:
    with pytest.raises(ValueError, match=step):
        getattr(query, step)(wrong)


async def test_a_query_is_lazy_and_looks_at_the_newest_state(numbers: RedDb[int]) -> None:
    seen: list[int] = []

    def is_large(number: int) -> bool:
        seen.append(number)
        return number > 8

    query = numbers.query().filter(is_large)
    assert seen == []
    await numbers.insert_one(9)
    assert data(await query.all()) == [9]
    await numbers.insert_one(10)
    assert data(await query.all()) == [9, 10]


async def test_a_query_on_a_snapshot_looks_at_that_snapshot_alone(numbers: RedDb[int]) -> None:
    query = numbers.snapshot().query()
    await numbers.insert_one(9)
    assert query.count() == len(NUMBERS)


@pytest.fixture(scope="module")
def many() -> list[int]:
    return [number * 7919 % 1_000 for number in range(9_000)]


@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize(("skip", "limit"), [(0, None), (3, 20), (5_000, None), (0, 0), (8_999, 9)])
async def test_every_terminal_agrees_on_what_many_documents_come_to(
    many: list[int], skip: int, limit: int | None, ordered: bool, filtered: bool
) -> None:
    expected = [number for number in many if number % 2 == 0 or not filtered]
    expected = sorted(expected, reverse=True) if ordered else expected
    expected = expected[skip : None if limit is None else skip + limit]
    async with MemDb.open("numbers", int) as db:
        await db.insert(many)
        everything: list[AnyQuery] = [db.query(), db.snapshot().query()]
        for each in everything:
            query = each.skip(skip) if limit is None else each.skip(skip).limit(limit)
            query = query.filter(is_even) if filtered else query
            query = query.order_by(itself, reverse=True) if ordered else query
            found = await terminal(query, "all")
            assert data(found) == expected
            assert await terminal(query, "count") == len(expected)
            assert await terminal(query, "ids") == [document.id for document in found]


async def test_ties_of_an_ordered_page_keep_their_order(many: list[int]) -> None:
    async with MemDb.open("numbers", int) as db:
        await db.insert(many)
        query = db.query().order_by(lambda number: number % 3, reverse=True).order_by(is_even)
        page = await query.skip(2_000).limit(3_000).all()
    by_parity = sorted(many, key=is_even)
    assert data(page) == sorted(by_parity, key=lambda n: n % 3, reverse=True)[2_000:5_000]


async def test_a_query_sees_one_state_though_others_write_meanwhile() -> None:
    async with MemDb.open("numbers", int) as db:
        await db.insert([0] * 9_000)
        counts: list[int] = []

        async def count() -> None:
            counts.append(await db.query().filter(lambda number: number == 0).count())

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(count)
                nursery.start_soon(db.update_where(lambda _: True).exec, lambda number: 1 - number)
        assert set(counts) <= {0, 9_000}


@frozen
class Steps:
    """A query as Hypothesis draws it."""

    modulus: int
    orders: list[tuple[int, bool]]
    skip: int | None
    limit: int | None

    def on(self, query: AnyQuery) -> AnyQuery:
        """Give `query` with these steps."""
        query = query.filter(lambda number: number % self.modulus == 0)
        for divisor, reverse in self.orders:
            query = query.order_by(_remainder(divisor), reverse)
        query = query if self.skip is None else query.skip(self.skip)
        return query if self.limit is None else query.limit(self.limit)

    def expected(self, numbers: list[int]) -> list[int]:
        """Give what they find in `numbers`."""
        found = [number for number in numbers if number % self.modulus == 0]
        for divisor, reverse in reversed(self.orders):
            found.sort(key=_remainder(divisor), reverse=reverse)
        found = found[self.skip or 0 :]
        return found if self.limit is None else found[: self.limit]


def _remainder(divisor: int) -> Callable[[int], int]:
    return lambda number: number % divisor


_steps = st.builds(
    Steps,
    modulus=st.integers(1, 3),
    orders=st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=3),
    skip=st.none() | st.integers(0, 6),
    limit=st.none() | st.integers(0, 6),
)


@given(numbers=st.lists(st.integers(0, 20), max_size=12), steps=_steps)
@settings(deadline=None, max_examples=60)
def test_a_query_finds_what_plain_python_finds(numbers: list[int], steps: Steps) -> None:
    async def check() -> None:
        async with MemDb.open("numbers", int) as db:
            documents = await db.insert(numbers)
            ids = {document.id: document.data for document in documents}
            expected = steps.expected(numbers)
            for query in (steps.on(db.query()), steps.on(db.snapshot().query())):
                found: Any = await terminal(query, "all")
                assert data(found) == expected
                assert [ids[document.id] for document in found] == expected
                assert await terminal(query, "count") == len(expected)
                assert await terminal(query, "ids") == [document.id for document in found]
                assert await terminal(query, "first") == next(iter(found), None)

    trio.run(check)
