"""What a schema says of a type: whether it can be stored, and whether its values may be shared."""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Set,
)
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from ipaddress import IPv4Address
from pathlib import Path, WindowsPath
from typing import (
    Annotated,
    Any,
    Final,
    ForwardRef,
    Generic,
    Literal,
    NamedTuple,
    Never,
    NewType,
    Protocol,
    TypedDict,
    TypeVar,
    TypeVarTuple,
    Unpack,
)
from uuid import UUID

import attrs
import msgspec
import pytest
from attrs import define, field, frozen
from typed_table import Access, AliasOf, Color, Empty, Link, Movie, Note, Point, Request, Row, Tree
from typing_extensions import TypeAliasType

from reddb.codecs import Notation, Schema
from reddb.codecs.typed.annotations import bare, field_types, fill, type_name

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

both_notations = pytest.mark.parametrize("notation", list(Notation))


# Immutability


@frozen
class FrozenBox(Generic[T]):
    content: T


@frozen
class FrozenLink:
    items: tuple[FrozenLink, ...]
    next: FrozenLink | None


@frozen
class FrozenHead:
    tail: FrozenTail | None
    scores: list[int]


@frozen
class FrozenTail:
    head: FrozenHead | None


@frozen
class WithCache:
    a: int
    cache: dict[str, int] = field(init=False, eq=False, factory=dict)


@frozen
class WithProperty:
    a: int
    b: int = field(init=False, default=1)


@dataclasses.dataclass(frozen=True)
class FrozenData:
    a: int
    b: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass(frozen=True)
class FrozenDataWithCache:
    a: int
    cache: object = dataclasses.field(default=None, init=False, compare=False)


class ChildOfFrozenData(FrozenData):
    """It is no dataclass itself, so its instances may have attributes beside the fields."""


@dataclasses.dataclass(frozen=True)
class FrozenChildOfFrozenData(FrozenData):
    c: int = 0


class FrozenStruct(msgspec.Struct, frozen=True):
    a: int
    b: tuple[str, ...] = ()


class Named(NamedTuple):
    a: int
    b: tuple[int, ...] = ()


class ChildOfNamed(Named):
    """It has no slots, so its instances may have attributes beside the fields."""


class NamedList(NamedTuple):
    a: list[int]


class OwnSetattr(Point):
    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


@define(on_setattr=attrs.setters.frozen)
class Defined:
    a: int


IMMUTABLE: list[Any] = [
    *(None, bool, int, float, complex, str, bytes, date, datetime, timedelta, UUID, Decimal, Path),
    *(Color, Access, Literal["a", 1]),
    *(tuple[int, ...], tuple[int, str], tuple[()], frozenset[str], tuple[frozenset[int], ...]),
    *(Empty, Point, Link, FrozenLink, WithProperty, FrozenBox[int], FrozenBox[tuple[str, ...]]),
    *(FrozenData, FrozenChildOfFrozenData, FrozenStruct, Row, Named),
    *(int | None, int | str | None, Point | Empty, tuple[Point | None, ...]),
    *(Annotated[int, "metadata"], NewType("UserId", int), TypeAliasType("Alias", tuple[int])),
]
MUTABLE: list[Any] = [
    *(Any, object, bytearray, list[int], set[int], dict[str, int], Mapping[str, int]),
    *(Sequence[int], tuple, frozenset, tuple[Any, ...], tuple[int, list[int]], T),
    *(Note, Tree, Request, Movie, NamedList, FrozenHead, WithCache, FrozenDataWithCache),
    *(FrozenBox[list[int]], FrozenBox[Any], FrozenBox, tuple[Note, ...], ChildOfFrozenData),
    *(ChildOfNamed, OwnSetattr, Defined, int | list[int], Point | Note | None, bytearray | None),
]


@both_notations
@pytest.mark.parametrize("annotation", IMMUTABLE, ids=type_name)
def test_what_nobody_can_change_is_immutable(annotation: Any, notation: Notation) -> None:
    assert Schema[Any](annotation, notation).immutable


@both_notations
@pytest.mark.parametrize("annotation", MUTABLE, ids=type_name)
def test_what_somebody_can_change_is_not(annotation: Any, notation: Notation) -> None:
    assert not Schema[Any](annotation, notation).immutable


@both_notations
def test_two_classes_that_hold_each_other_are_mutable_if_one_is(notation: Notation) -> None:
    assert not Schema[Any](FrozenTail, notation).immutable
    assert not Schema[Any](FrozenHead, notation).immutable
    assert not Schema[Any](tuple[FrozenTail | None, ...], notation).immutable


# Refused types


class Ordinary:
    def __init__(self, a: int) -> None:
        self.a = a


class NoMembers(Enum):
    pass


class Speaks(Protocol):
    a: int


@define
class Holder:
    fine: int
    wrong: Ordinary


class WrongStruct(msgspec.Struct):
    wrong: list[Ordinary | None]


class WrongNamed(NamedTuple):
    wrong: dict[str, tuple[int, Ordinary]]


class WrongDict(TypedDict):
    wrong: set[Ordinary]


OddDict = TypedDict("OddDict", {"two words": Ordinary})


@dataclasses.dataclass
class Outer:
    inner: tuple[WrongStruct | None, ...]


REFUSED: list[tuple[Any, str]] = [
    (Ordinary, "Ordinary cannot be stored (at $)"),
    (Speaks, "Speaks cannot be stored (at $)"),
    (type, "type cannot be stored (at $)"),
    (type[int], "type[int] cannot be stored (at $)"),
    (Callable[[int], str], "cannot be stored (at $)"),
    (Never, "Never cannot be stored (at $)"),
    (Iterator[int], "Iterator[int] cannot be stored (at $)"),
    (Iterable[int], "Iterable[int] cannot be stored (at $)"),
    (Collection[int], "Collection[int] cannot be stored (at $)"),
    (Set[int], "Set[int] cannot be stored (at $)"),
    (tzinfo, "tzinfo cannot be stored (at $)"),
    (Fraction, "Fraction cannot be stored (at $)"),
    (IPv4Address, "IPv4Address cannot be stored (at $)"),
    (WindowsPath, "WindowsPath cannot be stored (at $)"),
    (range, "range cannot be stored (at $)"),
    (Enum, "Enum has no members (at $)"),
    (NoMembers, "NoMembers has no members (at $)"),
    (5, "5 cannot be stored (at $)"),
    (..., "... cannot be stored (at $)"),
    ("Note", "Note cannot be stored (at $)"),
    (ForwardRef("Note"), "ForwardRef('Note') cannot be stored (at $)"),
    (types.ModuleType("m"), "cannot be stored (at $)"),
    (tuple[int, *tuple[str, ...]], "cannot be stored (at $)"),
    (tuple.__class_getitem__(Unpack[Ts]), "cannot be stored (at $)"),
    (list[Ordinary], "Ordinary cannot be stored (at $[*])"),
    (tuple[int, Ordinary], "Ordinary cannot be stored (at $[1])"),
    (tuple[Ordinary, ...], "Ordinary cannot be stored (at $[*])"),
    (set[Ordinary], "Ordinary cannot be stored (at ${*})"),
    (dict[str, Ordinary], "Ordinary cannot be stored (at $[*])"),
    (dict[Ordinary, int], "Ordinary cannot be stored (at $.keys())"),
    (int | Ordinary, "Ordinary cannot be stored (at $)"),
    (Holder, "Ordinary cannot be stored (at $.wrong)"),
    (WrongStruct, "Ordinary cannot be stored (at $.wrong[*])"),
    (WrongNamed, "Ordinary cannot be stored (at $.wrong[*][1])"),
    (WrongDict, "Ordinary cannot be stored (at $.wrong{*})"),
    (OddDict, "Ordinary cannot be stored (at $['two words'])"),
    (list[Outer], "Ordinary cannot be stored (at $[*].inner[*].wrong[*])"),
    (FrozenBox[Ordinary], "Ordinary cannot be stored (at $.content)"),
    (Literal["red", Color.RED], "two values of Literal['red', <Color.RED: 'red'>] are stored al"),
    (TypeAliasType("Json", "dict[str, Json]"), "cannot be stored (at $)"),  # noqa: F821
]


@both_notations
@pytest.mark.parametrize(("annotation", "message"), REFUSED)
def test_what_cannot_be_stored_is_refused_with_its_place(
    annotation: Any, message: str, notation: Notation
) -> None:
    expected = f"^the document type cannot be stored: .*{re.escape(message)}"
    with pytest.raises(TypeError, match=expected):
        Schema[Any](annotation, notation)


# Annotations taken apart


class Base(Generic[T]):
    a: T
    b: list[T]


class Child(Base[int]):
    c: Base[str] | None


class Grandchild(Child):
    a: Any


@pytest.mark.parametrize(
    ("annotation", "stripped"),
    [
        (int, int),
        (None, type(None)),
        (object, Any),
        (Final[int], int),
        (Final, Any),
        (Annotated[NewType("UserId", int), "metadata"], int),
        (TypeAliasType("Alias", list[int]), list[int]),
        (AliasOf[int], dict[str, int]),
        (T, Any),
        (TypeVar("Bounded", bound=int), int),
        (TypeVar("Either", int, str), int | str),
        (Annotated[list[int], {}], list[int]),
    ],
)
def test_bare(annotation: Any, stripped: Any) -> None:
    assert bare(annotation) == stripped


@pytest.mark.parametrize(
    ("annotation", "filled"),
    [
        (T, int),
        (dict[str, list[T]], dict[str, list[int]]),  # type: ignore[valid-type]  # Not in a class.
        (T | None, int | None),
        (Base[T], Base[int]),  # type: ignore[valid-type]  # As above.
        (Base, Base),
        (str, str),
    ],
)
def test_fill(annotation: Any, filled: Any) -> None:
    assert fill(annotation, {T: int}) == filled


def test_field_types_are_those_of_the_class_that_has_the_field() -> None:
    assert field_types(Base[bytes]) == {"a": bytes, "b": list[bytes]}
    assert field_types(Child) == {"a": int, "b": list[int], "c": Base[str] | None}
    assert field_types(Grandchild)["a"] is Any


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (int, "int"),
        (None, "None"),
        (type(None), "None"),
        (Any, "Any"),
        (dict[str, int | None], "dict[str, int | None]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Literal["a", 1, Color.RED], "Literal['a', 1, <Color.RED: 'red'>]"),
        (Base[int], "Base[int]"),
        (T, "~T"),
        (5, "5"),
    ],
)
def test_type_name(annotation: Any, name: str) -> None:
    assert type_name(annotation) == name
