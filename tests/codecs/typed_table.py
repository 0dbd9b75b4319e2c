"""Types that can be stored, values of each, and what may surround them."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, MutableSet, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, IntFlag, StrEnum
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from types import GenericAlias
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    Self,
    TypedDict,
    TypeVar,
    Union,
)
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import msgspec
from attrs import define, field, frozen
from typing_extensions import TypeAliasType

from reddb.codecs import CborCodec, Codec, DocumentCodec, JsonCodec, RonCodec, YamlCodec

FORMATS: tuple[Codec, ...] = (JsonCodec(), CborCodec(), YamlCodec(), RonCodec())

T = TypeVar("T")
Bounded = TypeVar("Bounded", bound=date)
Constrained = TypeVar("Constrained", int, bytes)


class Color(Enum):
    RED = "red"
    GREEN = "green"


class Spelled(StrEnum):
    """Not all of its values are identifiers in RON."""

    Some = "Some"
    TWO_WORDS = "two words"


class Level(IntEnum):
    LOW = 1
    HIGH = 1 << 70


class Mixed(Enum):
    """Values of many types, all of them scalars."""

    NOTHING = None
    TEXT = "1"
    NUMBER = 1
    HALF = 0.5
    RAW = b"1"


class Shape(Enum):
    """Values that are no scalars: stored by name."""

    ROUND = (1, 2)
    SQUARE = "square"
    NAN = float("nan")


class NoNumber(Enum):
    """No value equals its own, so the member would not be found by it."""

    NAN = float("nan")


class Access(Flag):
    READ = 1
    WRITE = 2


class Bits(IntFlag):
    ONE = 1
    TWO = 2


@frozen
class Empty:
    pass


@frozen
class Point:
    x: int
    y: float = 0.5


@define
class Note:
    text: str
    tags: list[str] = field(factory=list)
    _private: int | None = None
    renamed: bytes = field(default=b"", alias="other_name")


def _stripped(text: str) -> str:
    return text.strip()


@define
class Checked:
    """Converters and validators, and a field that they make."""

    name: str = field(converter=_stripped, validator=attrs.validators.min_len(1))
    count: int = field(default=0, validator=[attrs.validators.ge(0), attrs.validators.lt(100)])
    path: Path = field(converter=Path, default=Path("a"))
    upper: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.upper = self.name.upper()


@define(slots=False, kw_only=True)
class Loose:
    when: datetime | None = None
    color: Color = Color.RED


@define
class Tree:
    value: int
    children: list[Tree] = field(factory=list)
    parent_name: str | None = None


@frozen
class Link:
    value: int
    next: Link | None = None


@define
class Chain(Generic[T]):
    """Each way to name the class that one is in."""

    value: T
    next: Self | None = None
    others: list[Self] = field(factory=list)
    by_name: dict[str, tuple[Self, ...]] = field(factory=dict)
    marked: Annotated[Self | None, "metadata"] = None


@frozen
class Husband:
    wife: Wife | None = None


@dataclasses.dataclass
class Wife:
    husband: Husband | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Money:
    amount: Decimal
    currency: Literal["EUR", "NOK"] = "EUR"


@dataclasses.dataclass
class Counted:
    items: dict[str, int]
    total: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.total = sum(self.items.values())


class Request(msgspec.Struct, rename="camel", omit_defaults=True, tag=True):
    user_id: int
    sent_at: datetime | None = None
    extra_fields: dict[str, Any] = {}


class Row(msgspec.Struct, frozen=True, array_like=True):
    key: str
    next: Row | None = None


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


Odd = TypedDict("Odd", {"two words": int, "$id": str, "": bool}, total=False)


@frozen
class Box(Generic[T]):
    content: T


@frozen
class DateBox(Box[date]):
    label: str = ""


@dataclasses.dataclass
class Both(Generic[T]):
    boxes: list[Box[T]]
    fallback: T


class Keyed(TypedDict, Generic[T]):
    key: T


class DateKeyed(Keyed[date]):
    label: str


class Span(msgspec.Struct, Generic[T]):
    start: T
    stop: T | None = None


UserId = NewType("UserId", int)
Alias = TypeAliasType("Alias", list[date])
AliasOf = TypeAliasType("AliasOf", dict[str, T], type_params=(T,))

OSLO = ZoneInfo("Europe/Oslo")
UUID_1 = UUID(int=1)

_chain: Any = Chain  # mypy takes no instance of it for one of `Self`.

TABLE: dict[str, tuple[Any, list[Any]]] = {
    # Leaves
    "None": (None, [None]),
    "bool": (bool, [True, False]),
    "int": (int, [0, -1, 2**63, -(2**70), 2**5_000]),
    "float": (float, [0.0, -0.0, 1.0, 0.1, 1e22, 5e-324, float("inf"), float("nan")]),
    "str": (str, ["", "no", "2026-02-28", "None", "é\u2028\x00\ufeff", "1e3", " a ", "{}"]),
    "bytes": (bytes, [b"", b"\x00\xff", b"text"]),
    "bytearray": (bytearray, [bytearray(), bytearray(b"\x00\xff")]),
    "date": (date, [date.min, date.max, date(2026, 2, 28)]),
    "datetime": (
        datetime,
        [
            datetime.min,
            datetime.max,
            datetime(2026, 2, 28, 9, 30, 1, 500),
            datetime(2026, 10, 25, 2, 30, fold=1),
            datetime(2026, 2, 28, tzinfo=UTC),
            datetime(2026, 2, 28, fold=1, tzinfo=UTC),
            datetime(2026, 2, 28, tzinfo=timezone(timedelta(hours=-3, minutes=30))),
            datetime(2026, 2, 28, tzinfo=OSLO),
            datetime(2026, 10, 25, 2, 30, tzinfo=OSLO),
            datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=OSLO),
            datetime(2026, 3, 29, 2, 30, tzinfo=OSLO),
            datetime(2026, 3, 29, 2, 30, fold=1, tzinfo=OSLO),
        ],
    ),
    "time": (
        time,
        [
            time.min,
            time.max,
            time(9, 30, fold=1),
            time(9, 30, tzinfo=UTC),
            time(9, 30, tzinfo=OSLO, fold=1),
        ],
    ),
    "timedelta": (
        timedelta,
        [
            timedelta(0),
            timedelta.min,
            timedelta.max,
            -timedelta.resolution,
            timedelta(1, 2.5),
            timedelta(-1, 1, 1),
        ],
    ),
    "UUID": (UUID, [UUID_1, UUID(int=2**128 - 1)]),
    "Decimal": (
        Decimal,
        [Decimal(text) for text in ("1.10", "-0", "1E+999999", "NaN", "-Infinity", "0E-9")],
    ),
    "complex": (complex, [1 + 2j, complex(-0.0, -0.0), complex("nan+infj")]),
    "Path": (Path, [Path("a/b"), Path(), Path("/")]),
    "PurePath": (PurePath, [PurePath("a/b")]),
    "PurePosixPath": (PurePosixPath, [PurePosixPath("a/b")]),
    "PureWindowsPath": (PureWindowsPath, [PureWindowsPath("c:\\a")]),
    "Any": (
        Any,
        [
            None,
            1,
            "a",
            [],
            {},
            {"$float": "nan", "a": [1, 1.0, {"b": b""}]},
            {"Circle": {"r": 1}, "tuple": [1]},
        ],
    ),
    "object": (object, [{"Any": [None]}]),
    # Choices
    "enum": (Color, list(Color)),
    "str enum": (Spelled, list(Spelled)),
    "int enum": (Level, list(Level)),
    "mixed enum": (Mixed, list(Mixed)),
    "enum by name": (Shape, list(Shape)),
    "enum of NaN": (NoNumber, [NoNumber.NAN]),
    "flag": (Access, [Access(0), Access.READ, Access.READ | Access.WRITE]),
    "int flag": (Bits, [Bits(0), Bits.ONE | Bits.TWO, Bits(8)]),
    "literal": (
        Literal["a", 1, True, b"a", None, Color.RED],
        ["a", 1, True, b"a", None, Color.RED],
    ),
    # Containers
    "list": (list, [[], [1, "a", {"b": None}]]),
    "list of int": (list[int], [[], [1, 2]]),
    "list of lists": (list[list[str]], [[], [[]], [["a"], []]]),
    "list of dates": (list[date], [[date.min]]),
    "MutableSequence": (MutableSequence[int], [[1]]),
    "Sequence": (Sequence[date], [[date.min], (date.min,), [], ()]),
    "Sequence of anything": (Sequence, [[1, "a"], (None,)]),
    "tuple": (tuple, [(), (1, "a", [None])]),
    "typing's tuple": (typing.Tuple, [(), (1, [2])]),  # noqa: UP006
    "tuple of a length": (tuple[int, str, date], [(1, "a", date.min)]),
    "tuple of any length": (tuple[int, ...], [(), (1,), (1, 2, 3)]),
    "tuple of one": (tuple[str], [("a",)]),
    "empty tuple": (tuple[()], [()]),
    "set": (set[int], [set(), {3, 1, 2}]),
    "set of tuples": (set[tuple[int, str]], [{(1, "a"), (1, "b")}]),
    "set of mixed": (set[int | str | None], [{1, "1", None}]),
    "MutableSet": (MutableSet[str], [{"a"}]),
    "frozenset": (frozenset[str], [frozenset(), frozenset("abc")]),
    "frozenset of classes": (frozenset[Point], [frozenset({Point(1), Point(2)})]),
    # Mappings
    "dict": (dict, [{}, {"a": [1], "$b": None}]),
    "dict by str": (dict[str, int], [{}, {"": 0, "a b": 1, "$int": 2, "tuple": 3}]),
    "dict by int": (dict[int, str], [{}, {1: "a", -1: "b", 2**5_000: "c"}]),
    "dict by date": (dict[date, list[int]], [{date.min: [1]}]),
    "dict by enum": (dict[Color, int], [{Color.GREEN: 1, Color.RED: 2}]),
    "dict by int enum": (dict[Level, int], [{Level.HIGH: 1}]),
    "dict by tuple": (dict[tuple[int, int], str], [{}, {(1, 2): "a"}]),
    "dict by bool": (dict[bool, int], [{True: 1, False: 0}]),
    "dict by float": (dict[float, int], [{0.5: 1, float("inf"): 2}]),
    "dict by bytes": (dict[bytes, int], [{b"\xff": 1}]),
    "dict by int or str": (dict[int | str, int], [{1: 1, "1": 2}]),
    "dict by an optional": (dict[str | None, int], [{None: 1, "None": 2}]),
    "dict by frozenset": (dict[frozenset[int], int], [{frozenset({1, 2}): 1}]),
    "dict by class": (dict[Point, Point], [{Point(1): Point(2)}]),
    "dict by named tuple": (dict[Pair, int], [{Pair(1): 1}]),
    "dict by anything": (dict[object, int], [{1: 1, "a": 2, None: 3}]),
    "Mapping": (Mapping[str, date], [{"a": date.min}]),
    "MutableMapping": (MutableMapping[int, int], [{1: 2}]),
    # Classes
    "class without fields": (Empty, [Empty()]),
    "frozen attrs class": (Point, [Point(1), Point(-1, float("-inf"))]),
    "attrs class": (Note, [Note("a"), Note("", ["b"], 1, b"c")]),
    "attrs class with converters": (Checked, [Checked(" a "), Checked("b", 99, Path("c/d"))]),
    "loose attrs class": (Loose, [Loose(), Loose(when=datetime.min, color=Color.GREEN)]),
    "tree": (Tree, [Tree(1), Tree(1, [Tree(2, [Tree(3)], "a"), Tree(4)])]),
    "linked list": (Link, [Link(1), Link(1, Link(2, Link(3)))]),
    "chain by Self": (
        Chain[date],
        [
            _chain(date.min),
            _chain(
                date.min,
                _chain(date.max),
                [_chain(date.min)],
                {"a": (_chain(date.max), _chain(date.min))},
                _chain(date.max),
            ),
        ],
    ),
    "married couple": (Husband, [Husband(), Husband(Wife(Husband(Wife())))]),
    "frozen dataclass": (Money, [Money(Decimal("1.10")), Money(Decimal(0), "NOK")]),
    "dataclass": (Counted, [Counted({}), Counted({"a": 1, "b": 2})]),
    "struct": (Request, [Request(1), Request(1, datetime.min, {"a": [None]})]),
    "frozen struct": (Row, [Row("a"), Row("a", Row("b"))]),
    "named tuple": (Pair, [Pair(1), Pair(2, "")]),
    "TypedDict": (Movie, [{"title": "a"}, {"title": "a", "year": 1}]),
    "TypedDict of odd keys": (Odd, [{}, {"": True}, {"two words": 1, "$id": "a", "": False}]),
    "generic class": (Box[date], [Box(date.min)]),
    "generic class of a generic": (Box[Box[list[int]]], [Box(Box([1]))]),
    "generic class of anything": (Box, [Box([1])]),
    "child of a generic": (DateBox, [DateBox(date.min, "a")]),
    "generic in a generic": (Both[date], [Both([Box(date.min)], date.max)]),
    "generic struct": (Span[date], [Span(date.min), Span(date.min, date.max)]),
    "generic TypedDict": (Keyed[date], [{"key": date.min}]),
    "child of a generic TypedDict": (DateKeyed, [{"key": date.min, "label": "a"}]),
    # Unions
    "optional": (Optional[int], [None, 1]),  # noqa: UP045
    "optional date": (date | None, [None, date.min]),
    "optional class": (Empty | None, [None, Empty()]),
    "scalars": (int | str | float | bool | bytes | None, [1, "1", 1.0, True, b"1", None]),
    "text and text": (str | datetime | UUID, ["2026-02-28", datetime.min, UUID_1, str(UUID_1)]),
    "classes": (Point | Empty | Note, [Point(1), Empty(), Note("a")]),
    "class or dict": (Point | dict[str, Any], [Point(1), {}, {"x": 1}, {"Point": {"x": 1}}]),
    "class or str": (Point | str, [Point(1), "Point"]),
    "class or tuple": (Empty | tuple[()] | None, [Empty(), (), None]),
    "list or tuple": (list[int] | tuple[int, ...], [[1], (1,), [], ()]),
    "list or list": (list[int] | list[str], [[1], ["a"], []]),
    "floats or ints": (list[float] | list[int], [[1.0], [1], [1.0, 2.5]]),
    "tuple or longer tuple": (tuple[int] | tuple[int, ...], [(1,), (1, 2), ()]),
    "enums": (Color | Spelled | Level, [*Color, *Spelled, *Level]),
    "enum or str": (Spelled | str, [*Spelled, "Some", "other"]),
    "literals": (Literal["auto"] | int | date, ["auto", 1, date.min]),
    "literal or its type": (Literal["auto"] | str, ["auto", "other"]),
    "generic or generic": (Box[int] | Box[str] | None, [Box(1), Box("a"), None]),
    "TypedDicts": (Movie | Keyed[int], [{"title": "a"}, {"key": 1}]),
    "anything or date": (Any | date, [1, "a", date.min, {"Any": 1}, [None], None]),
    "union in a union": (
        Union[list[int | str], dict[str, int | None], Optional[bool]],  # noqa: UP007, UP045
        [[1, "a"], {"a": None}, True, None],
    ),
    # What says nothing about how a value is stored
    "NewType": (UserId, [UserId(1)]),
    "Annotated": (Annotated[Annotated[date, 1], "metadata"], [date.min]),
    "alias": (Alias, [[date.min]]),
    "generic alias": (AliasOf[date], [{"a": date.min}]),
    "union in an alias": (TypeAliasType("Maybe", date | None), [date.min, None]),
    "type variable": (T, [1, [None]]),
    "bounded type variable": (Bounded, [date.min]),
    "constrained type variable": (Constrained, [1, b"a"]),
}
"""Types by name, with values of each."""


@frozen
class Other:
    """A member of unions that is like no other."""

    other: int


def _optional(annotation: Any) -> Any:
    return Union[annotation, None]  # noqa: UP007  # Made at run time.


def _holder(annotation: Any) -> Any:
    return attrs.make_class(
        "Holder", {"value": field(type=annotation), "after": field(type=int)}, frozen=True
    )


Surrounding = tuple[Callable[[Any], Any], Callable[[Any, list[Any]], list[Any]]]
"""A type around a type, and the values of it around some values."""

SURROUNDINGS: dict[str, Surrounding] = {
    "bare": (lambda kind: kind, lambda _, values: values),
    "field": (_holder, lambda kind, values: [kind(value, 1) for value in values]),
    "list": (lambda kind: GenericAlias(list, (kind,)), lambda _, values: [values]),
    "dict": (
        lambda kind: GenericAlias(dict, (str, kind)),
        lambda _, values: [{f"key {place}": value for place, value in enumerate(values)}],
    ),
    "tuple": (
        lambda kind: GenericAlias(tuple, (kind, int)),
        lambda _, values: [(each, 1) for each in values],
    ),
    "optional": (_optional, lambda _, values: [None, *values]),
    "union with a class": (
        lambda kind: Union[kind, Other],  # noqa: UP007
        lambda _, values: [Other(1), *values],
    ),
    "union with many": (
        lambda kind: Union[str, kind, list[int], Other, tuple[str, ...]],  # noqa: UP007
        lambda _, values: ["a", *values, [1], Other(1), ("a",)],
    ),
}


def fingerprint(value: Any) -> object:
    """Give what tells values apart that are equal but not the same: types, signs, zones, folds."""
    kind = type(value)
    if kind in {list, tuple}:
        return kind, [fingerprint(item) for item in value]
    if kind in {set, frozenset}:
        return kind, sorted(repr(fingerprint(item)) for item in value)
    if kind is dict:
        return kind, [(fingerprint(key), fingerprint(item)) for key, item in value.items()]
    if kind is int:
        return kind, value
    names = [each.name for each in attrs.fields(kind)] if attrs.has(kind) else None
    if dataclasses.is_dataclass(kind):
        names = [each.name for each in dataclasses.fields(kind)]
    names = names or getattr(kind, "__struct_fields__", None) or getattr(kind, "_fields", None)
    if names:
        return kind, [fingerprint(getattr(value, name)) for name in names]
    return kind, repr(value)


def come_back(annotation: Any, values: list[Any], codec: Codec) -> list[Any]:
    """Encode and decode values of a type."""
    document_codec: DocumentCodec[Any] = DocumentCodec(codec, annotation)
    return [document_codec.decode(document_codec.encode(value)) for value in values]
