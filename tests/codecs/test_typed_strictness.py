"""A value has exactly the type that the annotation says, or is refused with the path to it."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import IntEnum
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Annotated, Any, Literal

import pytest
from attrs import define, field
from typed_table import (
    Access,
    Bits,
    Box,
    Color,
    Counted,
    Empty,
    Keyed,
    Level,
    Link,
    Movie,
    Note,
    Odd,
    Pair,
    Point,
    Request,
    Row,
    Tree,
)

from reddb.codecs import Notation, Schema
from reddb.codecs.typed.annotations import type_name
from reddb.errors import EncodeError

both_notations = pytest.mark.parametrize("notation", list(Notation))


class SubInt(int):
    pass


class SubStr(str):
    __slots__ = ()


class SubFloat(float):
    pass


class SubList(list[int]):
    pass


class SubTuple(tuple[int, ...]):
    __slots__ = ()


@define
class SubNote(Note):
    more: int = 0


class OtherLevel(IntEnum):
    LOW = 1


@define
class Nested:
    notes: dict[str, list[Note]]
    points: tuple[Point, ...] = ()
    movie: Movie = field(factory=lambda: Movie(title=""))
    odd: Odd = field(factory=lambda: Odd())  # noqa: PLW0108  # attrs would give it the instance.
    maybe: Point | None = None


class Zone(tzinfo):
    def utcoffset(self, _: datetime | None) -> timedelta:
        return timedelta(hours=2)

    def tzname(self, _: datetime | None) -> str:
        return "zone"

    def dst(self, _: datetime | None) -> None:
        return None


class OddZone(Zone):
    """A zone whose offset changes with each look."""

    offset = timedelta(0)

    def utcoffset(self, _: datetime | None) -> timedelta:
        self.offset += timedelta(minutes=1)
        return self.offset


class BrokenZone(Zone):
    def utcoffset(self, _: datetime | None) -> timedelta:
        raise LookupError("no such place")


def unset(note: Note) -> Note:
    del note.text
    return note


WRONG: list[tuple[Any, Any, str, str]] = [
    # Scalars
    (int, "1", "$", "expected int, found str"),
    (int, True, "$", "expected int, found bool"),
    (int, 1.0, "$", "expected int, found float"),
    (int, SubInt(1), "$", "expected int, found SubInt"),
    (int, Level.LOW, "$", "expected int, found Level"),
    (int, None, "$", "expected int, found NoneType"),
    (bool, 1, "$", "expected bool, found int"),
    (str, b"a", "$", "expected str, found bytes"),
    (str, SubStr("a"), "$", "expected str, found SubStr"),
    (bytes, bytearray(), "$", "expected bytes, found bytearray"),
    (bytes, memoryview(b""), "$", "expected bytes, found memoryview"),
    (bytearray, b"", "$", "expected bytearray, found bytes"),
    (None, 0, "$", "expected None, found int"),
    (float, True, "$", "expected float, found bool"),
    (float, "1.0", "$", "expected float, found str"),
    (float, SubFloat(1.0), "$", "expected float, found SubFloat"),
    (float, SubInt(1), "$", "expected float, found SubInt"),
    (float, 2**53 + 1, "$", "an int that no float equals: 0x20000000000001"),
    (float, 10**400, "$", "an int that no float equals"),
    (date, datetime(2026, 2, 28), "$", "expected date, found datetime"),
    (datetime, date(2026, 2, 28), "$", "expected datetime, found date"),
    (datetime, datetime(2026, 2, 28, tzinfo=OddZone()), "$", "cannot be written down"),
    (time, time(tzinfo=OddZone()), "$", "cannot be written down"),
    (
        datetime,
        datetime(2026, 2, 28, tzinfo=timezone(timedelta(microseconds=1))),
        "$",
        "cannot be written down; use a ZoneInfo",
    ),
    (Decimal, 1, "$", "expected Decimal, found int"),
    (Decimal, Decimal("sNaN"), "$", "a signalling NaN"),
    (Path, "a", "$", "expected PosixPath, found str"),
    (Path, PurePath("a"), "$", "expected PosixPath, found PurePosixPath"),
    (Any, (1,), "$", "expected a plain value, found tuple"),
    (Any, {"a": [1, {1}]}, "$.a[1]", "expected a plain value, found set"),
    (Any, {1: 2}, "$[1]", "expected a str as key, found int"),
    (Any, OrderedDict(), "$", "expected a plain value, found OrderedDict"),
    (Any, [SubInt(1)], "$[0]", "expected a plain value, found SubInt"),
    (Any, [Color.RED], "$[0]", "expected a plain value, found Color"),
    # Choices
    (Color, "red", "$", "expected Color, found str"),
    (Level, 1, "$", "expected Level, found int"),
    (Level, OtherLevel.LOW, "$", "expected Level, found OtherLevel"),
    (Access, 1, "$", "expected Access, found int"),
    (Access, Bits.ONE, "$", "expected Access, found Bits"),
    (Literal["a", 1], "b", "$", "expected Literal['a', 1], found 'b'"),
    (Literal["a", 1], True, "$", "expected Literal['a', 1], found True"),
    (Literal["a", 1], 1.0, "$", "expected Literal['a', 1], found 1.0"),
    (Literal["a", 1], SubStr("a"), "$", "expected Literal['a', 1], found 'a'"),
    (Literal["a", 1], [], "$", "expected Literal['a', 1], found []"),
    (Literal["a"], 10**5_000, "$", "expected Literal['a'], found <int>"),
    # Containers
    (list[int], (1,), "$", "expected list, found tuple"),
    (list[int], SubList([1]), "$", "expected list, found SubList"),
    (list[int], deque([1]), "$", "expected list, found deque"),
    (list[int], [1, "2"], "$[1]", "expected int, found str"),
    (list[list[int]], [[], [1, True]], "$[1][1]", "expected int, found bool"),
    (tuple[int, ...], [1], "$", "expected tuple, found list"),
    (tuple[int, ...], SubTuple([1]), "$", "expected tuple, found SubTuple"),
    (tuple[int, ...], Pair(1, ""), "$", "expected tuple, found Pair"),
    (tuple[int, ...], (1, None), "$[1]", "expected int, found NoneType"),
    (tuple[int, str], (1,), "$", "expected 2 items, found 1"),
    (tuple[int, str], (1, "a", 2), "$", "expected 2 items, found 3"),
    (tuple[int, str], (1, 2), "$[1]", "expected str, found int"),
    (tuple[()], (1,), "$", "expected 0 items, found 1"),
    (set[int], frozenset({1}), "$", "expected set, found frozenset"),
    (set[int], {"a"}, "$[0]", "expected int, found str"),
    (frozenset[int], {1}, "$", "expected frozenset, found set"),
    (Sequence[str], "abc", "$", "expected list or tuple, found str"),
    (Sequence[str], ("a", 1), "$[1]", "expected str, found int"),
    (dict[str, int], MappingProxyType({}), "$", "expected dict, found mappingproxy"),
    (dict[str, int], OrderedDict(), "$", "expected dict, found OrderedDict"),
    (dict[str, int], defaultdict(int), "$", "expected dict, found defaultdict"),
    (dict[str, int], {"a": 1, "b c": "2"}, "$['b c']", "expected int, found str"),
    (dict[str, int], {1: 1}, "$[1]", "expected str, found int"),
    (dict[str, int], {SubStr("a"): 1}, "$.a", "expected str, found SubStr"),
    (dict[int, int], {True: 1}, "$[True]", "expected int, found bool"),
    (dict[int, int], {10**5_000: "a"}, "$[<int>]", "expected int, found str"),
    (dict[Color, int], {"red": 1}, "$.red", "expected Color, found str"),
    (dict[tuple[int, int], int], {(1, "a"): 1}, "$[(1, 'a')][1]", "expected int, found str"),
    # Classes
    (Note, "a", "$", "expected Note, found str"),
    (Note, {"text": "a"}, "$", "expected Note, found dict"),
    (Note, SubNote("a"), "$", "expected Note, found SubNote"),
    (Note, Note(1), "$.text", "expected str, found int"),  # type: ignore[arg-type]  # The point.
    (Note, Note("a", ["b", None]), "$.tags[1]", "found NoneType"),  # type: ignore[list-item]
    (Note, unset(Note("a")), "$.text", "field 'text' is not set"),
    (Point, Empty(), "$", "expected Point, found Empty"),
    (Pair, (1, "a"), "$", "expected Pair, found tuple"),
    (Row, Row("a", Row("b", Row(1))), "$.next.next.key", "expected str"),  # type: ignore[arg-type]
    (Request, Request(1, extra_fields={"a": ()}), "$.extra_fields.a", "found tuple"),
    (Box[int], Box("a"), "$.content", "expected int, found str"),
    (Box[Box[int]], Box(Box(None)), "$.content.content", "expected int, found NoneType"),
    (Counted, Counted({"a": 1.5}), "$.items.a", "found float"),  # type: ignore[dict-item]
    (Tree, Tree(1, [Tree(2), Tree("3")]), "$.children[1].value", "int"),  # type: ignore[arg-type]
    (Link, Link(1, Link(2, Note("a"))), "$.next.next", "found Note"),  # type: ignore[arg-type]
    (Nested, Nested({"a b": [Note("a"), Note("b", [1])]}), "$.notes['a b'][1].tags[0]", "str"),  # type: ignore[list-item]
    (Nested, Nested({}, maybe=Point("1")), "$.maybe.x", "expected int"),  # type: ignore[arg-type]
    # TypedDicts
    (Movie, {}, "$.title", "the key 'title' of Movie is missing"),
    (Movie, {"title": "a", "yaer": 1}, "$.yaer", "Movie has no key 'yaer'"),
    (Movie, {"title": "a", 1: 2}, "$[1]", "Movie has no key 1"),
    (Movie, {SubStr("title"): "a"}, "$.title", "Movie has no key 'title'"),
    (Movie, {"title": "a", "year": "b"}, "$.year", "expected int, found str"),
    (Movie, OrderedDict(title="a"), "$", "expected Movie, found OrderedDict"),
    (Odd, {"two words": "a"}, "$['two words']", "expected int, found str"),
    (Keyed[date], {"key": 1}, "$.key", "expected date, found int"),
    (Nested, Nested({}, odd={"$id": 1}), "$.odd['$id']", "expected str"),  # type: ignore[typeddict-item]
    # Unions
    (int | None, "a", "$", "found str"),
    (int | str, None, "$", "expected int | str, found NoneType"),
    (int | str, True, "$", "expected int | str, found bool"),
    (float | str, 2**53 + 1, "$", "an int that no float equals"),
    (float | None, True, "$", "found bool"),
    (str | date, datetime(2026, 2, 28), "$", "expected str | date, found datetime"),
    (Point | Empty, Note("a"), "$", "expected Point | Empty, found Note"),
    (Note | Point, SubNote("a"), "$", "expected Note | Point, found SubNote"),
    (Note | Point, Note("a", [1]), "$.tags[0]", "found int"),  # type: ignore[list-item]
    (list[int] | list[str], [1, "a"], "$[0]", "expected str, found int"),
    (Annotated[int, "metadata"], "a", "$", "expected int, found str"),
]


@both_notations
@pytest.mark.parametrize(
    ("annotation", "value", "path", "message"),
    WRONG,
    ids=[f"{type_name(annotation)}-{message}" for annotation, _, _, message in WRONG],
)
def test_what_does_not_fit_is_refused_with_its_place(
    annotation: Any, value: Any, path: str, message: str, notation: Notation
) -> None:
    schema: Schema[Any] = Schema(annotation, notation)
    with pytest.raises(EncodeError) as caught:
        schema.to_plain(value)
    assert caught.value.path == path
    assert message in caught.value.args[0]
    assert str(caught.value).endswith(f"(at {path})")


@both_notations
@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (float, 1, 1.0),
        (float, -(2**53), -(2.0**53)),
        (float | None, 5, 5.0),
        (float | str, 5, 5.0),
        (float | Literal[1], 2, 2.0),
        (list[float], [1, 2.5], [1.0, 2.5]),
        (dict[str, float | None], {"a": 1}, {"a": 1.0}),
        (Point, Point(1, 2), Point(1, 2.0)),
    ],
)
def test_only_an_int_becomes_a_float_where_nothing_is_lost(
    annotation: Any, value: Any, expected: Any, notation: Notation
) -> None:
    schema: Schema[Any] = Schema(annotation, notation)
    assert repr(schema.from_plain(schema.to_plain(value))) == repr(expected)


@both_notations
@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (float | int, 1),
        (float | Literal[1], 1),
        (list[float] | list[int], [1]),
        (dict[str, list[float]] | dict[str, list[int]], {"a": [1]}),
        (tuple[float, ...] | tuple[int, ...], (1, 2)),
        (Box[float] | Box[int], Box(1)),
        (float | Level, Level.LOW),
    ],
)
def test_an_int_stays_one_where_a_member_of_the_union_takes_it(
    annotation: Any, value: Any, notation: Notation
) -> None:
    schema: Schema[Any] = Schema(annotation, notation)
    assert repr(schema.from_plain(schema.to_plain(value))) == repr(value)


@both_notations
def test_a_zone_like_a_fixed_offset_becomes_one(notation: Notation) -> None:
    schema: Schema[datetime] = Schema(datetime, notation)
    value = datetime(2026, 2, 28, tzinfo=Zone())
    came_back = schema.from_plain(schema.to_plain(value))
    assert came_back == value
    assert came_back.tzinfo == timezone(timedelta(hours=2))


@both_notations
def test_what_a_time_zone_raises_comes_out_as_it_is(notation: Notation) -> None:
    schema: Schema[datetime] = Schema(datetime, notation)
    with pytest.raises(LookupError, match="no such place"):
        schema.to_plain(datetime(2026, 2, 28, tzinfo=BrokenZone()))


@both_notations
def test_encoding_changes_nothing(notation: Notation) -> None:
    schema: Schema[Nested] = Schema(Nested, notation)
    value = Nested({"a": [Note("a", ["b"])]}, (Point(1),), {"title": "a"})
    before = repr(value)
    schema.to_plain(value)
    assert repr(value) == before
