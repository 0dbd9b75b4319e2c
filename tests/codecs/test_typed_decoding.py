"""What is stored is read by the type as it is now, or refused with the path to the misfit."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import STRICT, Enum, IntFlag
from pathlib import Path
from typing import Any, Literal, NamedTuple, NotRequired, Required, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from attrs import define, field, frozen, validators
from typed_table import Color, Empty, Level, Link, Mixed, Money, Movie, Note, Odd, Point, Tree

from reddb.codecs import Notation, Schema
from reddb.codecs.protocol import Plain
from reddb.codecs.ron import Char, Some, Struct, Tuple, Variant, map_of, parse
from reddb.errors import DecodeError


def read(annotation: Any, stored: Plain, notation: Notation = Notation.PLAIN) -> Any:
    schema: Schema[Any] = Schema(annotation, notation)
    return schema.from_plain(stored)


def stripped(text: str) -> str:
    return text.strip()


@define
class Checked:
    even: int = field(validator=validators.instance_of(int))
    name: str = field(converter=stripped, default="")

    @even.validator
    def _check_even(self, _attribute: object, value: int) -> None:
        if value % 2:
            raise ArithmeticError("odd")


@define
class Deep:
    notes: dict[str, list[Note]]
    odd: Odd = field(factory=lambda: Odd())  # noqa: PLW0108  # attrs would give it the instance.


class Grumpy(Enum):
    ONE = "one"

    @classmethod
    def _missing_(cls, value: object) -> Grumpy:
        raise ZeroDivisionError("no such thing")


class Lenient(Enum):
    ONE = "one"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> Lenient:
        return cls.OTHER


class Shown(Enum):
    """Shows another value than the one that its members are found by."""

    HIGH = 1
    LOW = 2

    @property
    def value(self) -> str:  # type: ignore[override]  # What people do.
        return "other"


class Strict(IntFlag, boundary=STRICT):
    ONE = 1


UNREADABLE: list[tuple[Any, Plain, str, str]] = [
    (int, "1", "$", "expected int, found str"),
    (int, 1.0, "$", "expected int, found float"),
    (int, True, "$", "expected int, found bool"),
    (float, True, "$", "expected float, found bool"),
    (float, 2**53 + 1, "$", "an int that no float equals"),
    (str, None, "$", "expected str, found NoneType"),
    (bytearray, "a", "$", "expected bytes, found str"),
    (date, "2026-02-30", "$", "'2026-02-30' is not a date"),
    (date, 1, "$", "expected str, found int"),
    (datetime, "yesterday", "$", "'yesterday' is not a datetime"),
    (datetime, "2026-02-28T00:00:00[Mars/Crater]", "$", "is not a datetime"),
    (datetime, "2026-02-28T00:00:00[../etc/passwd]", "$", "is not a datetime"),
    (datetime, "2026-02-28T00:00:00[fold=2]", "$", "is not a datetime"),
    (datetime, "2026-02-28T00:00:00[a][b]", "$", "is not a datetime"),
    (time, "25:00", "$", "'25:00' is not a time"),
    (timedelta, "P1X", "$", "'P1X' is not a timedelta"),
    (UUID, "1234", "$", "'1234' is not a UUID"),
    (Decimal, "1,5", "$", "'1,5' is not a Decimal"),
    (complex, "1+", "$", "'1+' is not a complex"),
    (UUID, "x" * 1_000, "$", "xxx... is not a UUID"),
    (Color, "blue", "$", "'blue' is none of Color"),
    (Color, 1, "$", "expected str, found int"),
    (Level, 2, "$", "2 is none of Level"),
    (Level, True, "$", "expected int, found bool"),
    (Mixed, "2", "$", "'2' is none of Mixed"),
    (Grumpy, "two", "$", "'two' is none of Grumpy"),
    (Strict, 8, "$", "8 is none of Strict"),
    (Literal["a", 1], "b", "$", "expected Literal['a', 1], found 'b'"),
    (Literal["a", 1], True, "$", "expected Literal['a', 1], found True"),
    (list[int], "12", "$", "expected list, found str"),
    (list[int], [1, None], "$[1]", "expected int, found NoneType"),
    (tuple[int, str], [1], "$", "expected 2 items, found 1"),
    (tuple[int, str], [1, 2], "$[1]", "expected str, found int"),
    (set[int], {}, "$", "expected list, found dict"),
    (set[Any], [[1]], "$", "no set can hold the items"),
    (Sequence[int], {"tuple": ["a"]}, "$[0]", "expected int, found str"),
    (Sequence[int], {"list": []}, "$", "expected list, found dict"),
    (dict[str, int], [], "$", "expected dict, found list"),
    (dict[str, int], {"a b": None}, "$['a b']", "expected int, found NoneType"),
    (dict[int, str], {"one": ""}, "$.one", "the key 'one' is not an int"),
    (dict[int, str], {"1": "", "0x1": ""}, "$", "two keys are equal"),
    (dict[date, int], {"never": 1}, "$.never", "'never' is not a date"),
    (dict[tuple[int, int], int], {}, "$", "expected list, found dict"),
    (dict[tuple[int, int], int], [[[1, 2]]], "$", "expected a list of pairs"),
    (dict[tuple[int, int], int], [[[1, 2], 1], [[1, 2], 2]], "$", "two keys are equal"),
    (dict[object, int], [[[], 1]], "$", "no dict can have the keys"),
    (Note, [], "$", "expected Note, found list"),
    (Note, {}, "$.text", "field 'text' is missing"),
    (Note, {"text": "a", "tags": [1]}, "$.tags[0]", "expected str, found int"),
    (Link, {"value": 1, "next": {"value": 2, "next": {}}}, "$.next.next.value", "is missing"),
    (Tree, {"value": 1, "children": [{"value": 1}, {}]}, "$.children[1].value", "is missing"),
    (Deep, {"notes": {"a b": [{"text": 1}]}}, "$.notes['a b'][0].text", "found int"),
    (Deep, {"notes": {}, "odd": {"$id": 1}}, "$.odd['$id']", "expected str"),
    (Checked, {"even": 1}, "$", "Checked refused its fields: odd"),
    (list[Checked], [{"even": 2}, {"even": 1}], "$[1]", "Checked refused its fields: odd"),
    (Movie, {"year": 1}, "$.title", "field 'title' is missing"),
    (Point | Empty, {}, "$", "expected Point | Empty, found dict"),
    (Point | Empty, {"x": 1}, "$", "expected Point | Empty, found dict"),
    (Point | Empty, {"Point": {"x": "1"}}, "$.x", "expected int, found str"),
    (Point | Empty, {"Point": {"x": 1}, "Empty": {}}, "$", "expected Point | Empty, found dict"),
    (str | date, "2026-02-28", "$", "expected str | date, found str"),
    (int | date | None, "2026-02-30", "$", "'2026-02-30' is not a date"),
    (int | date | None, 1.5, "$", "expected int | date | None, found float"),
]


@pytest.mark.parametrize(("annotation", "stored", "path", "message"), UNREADABLE)
def test_what_does_not_fit_is_refused_with_its_place(
    annotation: Any, stored: Plain, path: str, message: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        read(annotation, stored)
    assert caught.value.path == path
    assert message in caught.value.args[0]
    assert caught.value.id is None


@pytest.mark.parametrize("notation", list(Notation))
@pytest.mark.parametrize(
    ("annotation", "stored", "value"),
    [
        (float, 2, 2.0),
        (float | None, 2, 2.0),
        (datetime, "2026-02-28", datetime(2026, 2, 28)),
        (UUID, "{00000000-0000-0000-0000-000000000001}", UUID(int=1)),
        (timedelta, "-PT0.5S", timedelta(seconds=-0.5)),
        (Lenient, "gone", Lenient.OTHER),
        (set[int], [1, 1], {1}),
        (Path, "a//b/", Path("a/b")),
    ],
)
def test_what_says_the_same_in_other_words_is_read(
    annotation: Any, stored: Plain, value: Any, notation: Notation
) -> None:
    assert repr(read(annotation, stored, notation)) == repr(value)


@pytest.mark.parametrize("notation", list(Notation))
def test_a_member_that_shows_another_value_is_found_again(notation: Notation) -> None:
    schema: Schema[Shown] = Schema(Shown, notation)
    assert [schema.from_plain(schema.to_plain(member)) for member in Shown] == list(Shown)


def test_an_instant_stays_one_when_the_rules_of_its_zone_change() -> None:
    # Oslo is at +01:00 in winter; the text was written when it was at +02:00.
    value = read(datetime, "2026-02-28T12:00:00+02:00[Europe/Oslo]")
    assert value == datetime(2026, 2, 28, 11, tzinfo=ZoneInfo("Europe/Oslo"))


def test_deep_values_are_refused_and_not_a_crash() -> None:
    stored: Plain = {"value": 1}
    for _ in range(5_000):
        stored = {"value": 1, "next": stored}
    with pytest.raises(DecodeError, match="nested too deeply"):
        read(Link, stored)


# Evolution


@define
class Settings:
    name: str
    size: int = 3
    tags: list[str] = field(factory=list)


@dataclasses.dataclass
class SettingsData:
    name: str
    size: int = 3
    tags: list[str] = dataclasses.field(default_factory=list)


class SettingsStruct(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    size: int = 3
    tags: list[str] = []


class SettingsTuple(NamedTuple):
    name: str
    size: int = 3
    tags: tuple[str, ...] = ()


class SettingsDict(TypedDict, total=False):
    name: Required[str]
    size: int
    tags: list[str]


CLASSES = [Settings, SettingsData, SettingsStruct, SettingsTuple]


@pytest.mark.parametrize("notation", list(Notation))
@pytest.mark.parametrize("cls", CLASSES)
def test_a_missing_field_takes_its_default(cls: type[Any], notation: Notation) -> None:
    assert read(cls, {"name": "a"}, notation) == cls("a")
    assert read(cls, {"name": "a", "tags": []}, notation).size == 3


@pytest.mark.parametrize("cls", [Settings, SettingsData, SettingsStruct])
def test_a_default_is_nobody_elses(cls: type[Any]) -> None:
    first, second = read(cls, {"name": "a"}), read(cls, {"name": "a"})
    assert first.tags is not second.tags


@pytest.mark.parametrize("notation", list(Notation))
@pytest.mark.parametrize("cls", CLASSES)
def test_an_unknown_field_is_passed_over(cls: type[Any], notation: Notation) -> None:
    assert read(cls, {"gone": {"a": [1]}, "name": "a"}, notation) == cls("a")


@pytest.mark.parametrize("cls", [*CLASSES, SettingsDict])
def test_a_missing_field_without_a_default_is_named(cls: type[Any]) -> None:
    with pytest.raises(DecodeError, match=r"field 'name' is missing \(at \$\.name\)"):
        read(cls, {"size": 1})


def test_a_missing_key_that_is_not_required_stays_missing() -> None:
    assert read(SettingsDict, {"name": "a", "gone": 1}) == {"name": "a"}


class Later(TypedDict):
    title: str
    year: NotRequired[int]


def test_keys_that_are_not_required_may_be_written_as_strings() -> None:
    # The annotations of this file are strings, so the class itself takes all keys for required.
    assert read(Later, {"title": "a"}) == {"title": "a"}
    with pytest.raises(DecodeError, match="field 'title' is missing"):
        read(Later, {"year": 1})


# RON, as it is written by hand or by Rust


@frozen
class User:
    name: str
    email: str | None = None
    role: Color = Color.RED
    initial: str = ""
    at: tuple[int, int] = (0, 0)
    shape: Point | Empty | int | None = None
    scores: dict[int, float] = field(factory=dict)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('(name: "Ada")', User("Ada")),
        ('User(name: "Ada", email: Some("a@b"))', User("Ada", "a@b")),
        ('#![enable(implicit_some)](name: "Ada", email: "a@b")', User("Ada", "a@b")),
        ('{"name": "Ada", "role": green}', User("Ada", role=Color.GREEN)),
        ('(name: "Ada", role: "green", initial: \'A\')', User("Ada", None, Color.GREEN, "A")),
        ('(name: "", at: [1, 2])', User("", at=(1, 2))),
        ('(name: "", at: (1, 2), gone: Some(()))', User("", at=(1, 2))),
        ('(name: "", shape: Some(Point(x: 1)))', User("", shape=Point(1))),
        ('(name: "", shape: Some(Empty))', User("", shape=Empty())),
        ('(name: "", shape: Some(Empty(())))', User("", shape=Empty())),
        ('(name: "", shape: Some(5))', User("", shape=5)),
        ('(name: "", scores: {1: 2, 0x2: 0.5})', User("", scores={1: 2.0, 2: 0.5})),
    ],
)
def test_ron_is_read_in_all_its_forms(text: str, value: User) -> None:
    assert read(User, parse(text), Notation.NAMED) == value


@pytest.mark.parametrize(
    ("annotation", "node", "path", "message"),
    [
        (Note, Variant("Note"), "$", "expected Note, found Variant"),
        (Note, Tuple((1,)), "$", "expected Note, found Tuple"),
        (Note, Struct({"text": Some("a")}), "$.text", "expected str, found Some"),
        (Color, Variant("blue"), "$", "'blue' is none of Color"),
        (Color, Variant("RED"), "$", "'RED' is none of Color"),
        (Color | Note, Variant("blue"), "$", "'blue' is none of Color"),
        (int, Char("1"), "$", "expected int, found Char"),
        (Any, map_of([((1, 2), 3)]), "$", "a map's key has to be a scalar"),
        (dict[int, int], map_of([(1, 1), (True, 2)]), "$[True]", "expected int, found bool"),
        (dict[str, int], Struct({"a": 1}), "$", "expected dict, found Struct"),
        (Money | None, Some(None), "$", "expected Money, found NoneType"),
    ],
)
def test_ron_that_does_not_fit_is_refused(
    annotation: Any, node: Plain, path: str, message: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        read(annotation, node, Notation.NAMED)
    assert caught.value.path == path
    assert message in caught.value.args[0]


def test_a_class_of_defaults_is_not_what_an_unknown_variant_means() -> None:
    @define
    class Defaults:
        size: int = 1

    with pytest.raises(DecodeError, match="'blue' is none of Color"):
        read(Color | Defaults, Variant("blue"), Notation.NAMED)
