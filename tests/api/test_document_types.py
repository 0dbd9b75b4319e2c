"""Documents of every type that can be stored come back as they were, in every format."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal
from enum import Enum, IntEnum
from math import inf
from pathlib import Path
from typing import Any, NotRequired, TypedDict
from uuid import UUID

import attrs
import msgspec
import pytest
from databases import Home, data

from reddb import DbConfig, JsonDb, MemDb


class Color(Enum):
    RED = "red"
    BLUE = 2


class Rank(IntEnum):
    LOW = 1
    HIGH = 2


@attrs.frozen
class Point:
    x: int
    y: float = 0.5


@dataclasses.dataclass(frozen=True)
class Circle:
    center: Point
    radius: Decimal = Decimal("1.50")


class Square(msgspec.Struct, frozen=True):
    corner: tuple[int, int]
    tags: list[str] = []


class Label(TypedDict):
    text: str
    note: NotRequired[str | None]


@attrs.define
class Everything:
    shape: Circle | Square | None
    color: Color
    rank: Rank
    when: dt.datetime
    day: dt.date
    time: dt.time
    took: dt.timedelta
    id: UUID
    price: Decimal
    raw: bytes
    pair: tuple[int, str]
    many: tuple[float, ...]
    by_name: dict[str, list[Point]]
    label: Label
    either: int | str | list[int]
    children: list[Everything] = attrs.field(factory=list)
    anything: Any = None


def everything(**changes: Any) -> Everything:
    """Give a document with a value of every kind."""
    fields: dict[str, Any] = {
        "shape": Circle(Point(1, -2.25), Decimal("3.10")),
        "color": Color.RED,
        "rank": Rank.HIGH,
        "when": dt.datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=dt.timezone.utc),  # noqa: UP017  # Not what mypy calls an alias.
        "day": dt.date(1999, 12, 31),
        "time": dt.time(1, 2, 3, 4),
        "took": dt.timedelta(days=-1, microseconds=7),
        "id": UUID(int=7),
        "price": Decimal("0.10"),
        "raw": b"\x00\xff",
        "pair": (1, "one"),
        "many": (0.1, -0.0, inf),
        "by_name": {"": [], "two words": [Point(1), Point(2)]},
        "label": {"text": "$"},
        "either": "7",
    }
    return Everything(**(fields | changes))


EVERYTHING = [
    everything(),
    everything(
        shape=Square((1, 2), ["a"]), color=Color.BLUE, either=7, label={"text": "", "note": None}
    ),
    everything(
        shape=None, either=[1, 2], children=[everything(), everything(anything=[1, {"a": None}])]
    ),
    everything(when=dt.datetime(1, 1, 1), anything={"$bytes": "no"}, rank=Rank.LOW),
]

PLAIN: list[Any] = [
    None,
    True,
    0,
    -(10**40),
    10**4200,
    1.5,
    -0.0,
    inf,
    "",
    "a\nb\t\"'\\\0\u2028\U0001f600",
    "null",
    "2024-01-01",
    b"",
    b"\x00\xff",
    [],
    {},
    [None, [True], {"a": [1.0, 1]}],
    {"": 1, "two words": {"$bytes": "x"}, "yes": "no", "1": [b"x"]},
]


@pytest.mark.parametrize(
    ("document_type", "values"),
    [
        (Everything, EVERYTHING),
        (Point, [Point(1), Point(2, -inf)]),
        (Circle, [Circle(Point(1))]),
        (Square, [Square((1, 2))]),
        (Label, [{"text": "a"}, {"text": "b", "note": "c"}]),
        (Color, list(Color)),
        (Circle | Square | None, [Circle(Point(1)), Square((1, 2)), None]),
        (dict[str, list[int]], [{}, {"a": [1]}]),
        (tuple[int, ...], [(), (1, 2)]),
        (dt.datetime, [dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=-5)))]),
        (Any, PLAIN),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)) if not isinstance(value, list) else "",
)
async def test_documents_come_back_as_they_were(
    any_home: Home, document_type: Any, values: list[Any]
) -> None:
    async with any_home.open(document_type) as db:
        inserted = await db.insert(values)
        assert [repr(value) for value in data(inserted)] == [repr(value) for value in values]
        for document, value in zip(inserted, values, strict=True):
            assert (await db.find_one(document.id)).data == value
            await db.update_one(document.id, value)
        found = await db.find_all()
    if any_home.persistent:
        async with any_home.open(document_type) as db:
            assert await db.find_all() == found
            await db.compact()
        async with any_home.open(document_type) as db:
            found = await db.find_all()
    assert [repr(value) for value in data(found)] == [repr(value) for value in values]


async def test_without_a_document_type_the_values_are_plain(file_home: Home) -> None:
    async with file_home.database.open(file_home.config()) as db:
        document = await db.insert_one({"text": "ada", "tags": [1, None]})
    async with file_home.database.open(file_home.config()) as db:
        assert (await db.find_one(document.id)).data == {"text": "ada", "tags": [1, None]}
        assert await db.find({"text": "ada", "tags": [1, None]}) == [document]


@attrs.frozen
class Measured:
    """A document with floats in every kind of place."""

    value: float
    others: tuple[float, ...] = ()
    maybe: float | str | None = None


WITH_INTS = Measured(3, (1, 2.5), 7)
WITH_FLOATS = repr(Measured(3.0, (1.0, 2.5), 7.0))


async def test_an_int_where_a_float_is_due_is_a_float_at_once(tmp_path: Path) -> None:
    async with JsonDb.open(DbConfig("measured", dir=tmp_path), Measured) as db:
        await db.add_index("text", lambda data: str(data.value))
        one = await db.insert_one(WITH_INTS)
        (two,) = await db.insert([WITH_INTS])
        changed = await db.insert_one(Measured(0.5))
        assert await db.update_one(changed.id, WITH_INTS)
        (rewritten,) = await db.update_where(lambda data: data is two.data).returning(
            lambda _: WITH_INTS
        )
        async with db.begin() as tx:
            staged = tx.insert_one(WITH_INTS)
        for document in (one, two, rewritten, staged, *await db.find_all()):
            assert repr(document.data) == WITH_FLOATS
        assert len(await db.using_index("text", "3.0")) == 4
    async with JsonDb.open(DbConfig("measured", dir=tmp_path), Measured) as db:
        assert {repr(document.data) for document in await db.find_all()} == {WITH_FLOATS}


async def test_a_frozen_value_is_shared_as_it_is() -> None:
    value = Measured(0.5, (1.0,))
    async with MemDb.open("shared", Measured) as db:
        document = await db.insert_one(value)
        assert document.data is value
        assert (await db.get(document.id)) is document
