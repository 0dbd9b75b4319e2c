"""Unions: how members are told apart, and that the one that went in comes out."""

from __future__ import annotations

import types
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, TypedDict, Union

import pytest
from attrs import define, frozen
from typed_table import FORMATS, Box, Color, Empty, Level, Movie, Pair, Point, come_back

from reddb.codecs import Codec, JsonCodec, Notation, RonCodec, Schema
from reddb.errors import DecodeError

each_format = pytest.mark.parametrize("codec", FORMATS, ids=lambda codec: codec.name)


class Scope:
    """Somewhere else, with a class of a name that is taken."""

    @frozen
    class Point:
        x: int


Elsewhere = types.ModuleType("elsewhere")
exec(  # A class of the same qualified name in another module.
    "from attrs import frozen\n@frozen\nclass Point:\n    x: int\n",
    vars(Elsewhere),
)
FarPoint: Any = Elsewhere.Point


@frozen
class Some:
    """A name that means something in RON."""

    value: int | None


@frozen
class Shapes:
    shape: Point | Empty
    more: list[Point | Empty | None]
    by_name: dict[str, Union[Point, int, list[Union[Empty, str]]]]  # noqa: UP007


@define
class Expression:
    left: Expression | int
    right: Expression | Negation | int | None = None


@define
class Negation:
    of: Expression | Negation | int


class Size(StrEnum):
    SMALL = "small"


class Sign(Enum):
    PLUS = 1


class A(TypedDict):
    a: int


class AB(TypedDict):
    a: int
    b: int


def written(annotation: Any, value: Any, codec: Codec) -> str:
    schema: Schema[Any] = Schema(annotation, codec.notation)
    return codec.encode(schema.to_plain(value)).decode()


@pytest.mark.parametrize(
    ("annotation", "value", "json", "ron"),
    [
        # Told apart by what they are stored as.
        (int | str, "a", '"a"', '"a"'),
        (int | date, date.min, '"0001-01-01"', '"0001-01-01"'),
        (int | float, 1.0, "1.0", "1.0"),
        (list[int] | Point, Point(1), '{"x":1,"y":0.5}', "(x:1,y:0.5)"),
        (str | Literal["auto"], "auto", '"auto"', '"auto"'),
        (Color | int, Color.RED, '"red"', "red"),
        (Color | str, "a", '{"str":"a"}', '"a"'),
        # Optional
        (Optional[Point], None, "null", "None"),  # noqa: UP045
        (Optional[Empty], Empty(), "{}", "Some(())"),  # noqa: UP045
        (Point | list[int] | None, [1], "[1]", "Some([1])"),
        # Marked by their names.
        (Point | Empty, Point(1), '{"Point":{"x":1,"y":0.5}}', "Point(x:1,y:0.5)"),
        (Point | Empty, Empty(), '{"Empty":{}}', "Empty"),
        (Point | Empty | None, Empty(), '{"Empty":{}}', "Some(Empty)"),
        (str | datetime, "a", '{"str":"a"}', 'str("a")'),
        (bytes | bytearray, b"a", '{"bytes":{"$bytes":"YQ=="}}', 'bytes(b"a")'),
        (Color | Size, Size.SMALL, '{"Size":"small"}', "Size(small)"),
        (list[int] | set[int], {1}, '{"set_int":[1]}', "set_int([1])"),
        (tuple[int] | tuple[int, ...], (1, 2), '{"tuple_int_many":[1,2]}', "tuple_int_many((1,2))"),
        (Box[int] | Box[str], Box(1), '{"Box_int":{"content":1}}', "Box_int(content:1)"),
        (Pair | tuple[int, str], (1, "a"), '[1,"a"]', 'tuple_int_str((1,"a"))'),
        (Literal["a"] | date, "a", '{"Literal_a":"a"}', 'Literal_a("a")'),
        (Point | Scope.Point, Scope.Point(1), '{"Scope_Point":{"x":1}}', "Scope_Point(x:1)"),
        (Point | FarPoint, FarPoint(1), '{"elsewhere_Point":{"x":1}}', "elsewhere_Point(x:1)"),
        (Some | Empty, Some(1), '{"Some":{"value":1}}', "r#Some(value:Some(1))"),
        # A dict cannot be mistaken for a mark.
        (Point | dict[str, int], {"Point": 1}, '{"dict_str_int":{"Point":1}}', '{"Point":1}'),
        (
            str | date | dict[str, int],
            {"str": 1},
            '{"dict_str_int":{"str":1}}',
            'dict_str_int({"str":1})',
        ),
        (Sequence[int] | str, (1,), '{"tuple":[1]}', "(1)"),
        (Sequence[int] | set[int], (1,), '{"Sequence_int":{"tuple":[1]}}', "Sequence_int((1))"),
        (Any | Point, {"Point": 1}, '{"Any":{"Point":1}}', '{"Point":1}'),
    ],
)
def test_members_are_written_so(annotation: Any, value: Any, json: str, ron: str) -> None:
    assert written(annotation, value, JsonCodec()) == json
    assert written(annotation, value, RonCodec()) == ron
    for codec in FORMATS:
        assert repr(come_back(annotation, [value], codec)) == repr([value])


@each_format
def test_classes_of_one_name_are_told_apart(codec: Codec) -> None:
    values = [Point(1), Scope.Point(1), FarPoint(1), None]
    came_back = come_back(Point | Scope.Point | FarPoint | None, values, codec)
    assert [type(value) for value in came_back] == [type(value) for value in values]
    assert came_back == values


@each_format
def test_unions_work_wherever_types_do(codec: Codec) -> None:
    values = [
        Shapes(Empty(), [Point(1), None, Empty()], {"a": 1, "b": Point(2), "c": [Empty(), "d"]}),
        Shapes(Point(0), [], {}),
    ]
    assert come_back(Shapes, values, codec) == values


@each_format
def test_unions_may_contain_themselves(codec: Codec) -> None:
    value = Expression(1, Negation(Negation(Expression(2, Expression(3)))))
    assert come_back(Expression, [value], codec) == [value]


@each_format
def test_a_recursive_union_of_containers(codec: Codec) -> None:
    @define
    class Json:
        value: dict[str, Json] | list[Json] | int | str | None

    value = Json({"a": Json([Json(1), Json("b"), Json(None), Json({})])})
    assert come_back(Json, [value], codec) == [value]


@each_format
def test_a_nested_union_is_the_flat_one(codec: Codec) -> None:
    nested = Union[int, Annotated[Union[date, Annotated[None, 1]], "metadata"]]  # noqa: UP007
    flat = int | date | None
    for value in (1, date.min, None):
        schemas: list[Schema[Any]] = [Schema(each, codec.notation) for each in (nested, flat)]
        first, second = (codec.encode(schema.to_plain(value)) for schema in schemas)
        assert first == second


@each_format
def test_metadata_need_not_be_hashable(codec: Codec) -> None:
    annotation = list[Annotated[int, {"unit": "cm"}]] | None
    assert come_back(annotation, [[1], None], codec) == [[1], None]


@each_format
@pytest.mark.parametrize(
    ("annotation", "values"),
    [
        (A | AB, [{"a": 1}, {"a": 1, "b": 2}]),
        (AB | A, [{"a": 1}, {"a": 1, "b": 2}]),
        (Movie | dict[str, int], [{"title": "a"}, {"year": 1}, {}]),
        (list[Literal["a"]] | list[str], [["a"], ["b"], ["a", "b"]]),
        (dict[str, int] | dict[int, int], [{"1": 1}, {1: 1}]),
        (Level | Sign | int, [Level.LOW, Sign.PLUS, 1]),
        (Path | str | Decimal, [Path("1"), "1", Decimal(1)]),
        (bool | int | float, [True, 1, 1.0]),
        (Any | bytearray | date, [b"a", bytearray(b"a"), date.min, "0001-01-01", [{}]]),
    ],
)
def test_look_alikes_are_told_apart(annotation: Any, values: list[Any], codec: Codec) -> None:
    assert repr(come_back(annotation, values, codec)) == repr(values)


@pytest.mark.parametrize("notation", list(Notation))
def test_members_that_would_be_marked_alike_are_refused(notation: Notation) -> None:
    def make() -> Any:
        @frozen
        class Local:
            x: int

        return Local

    @define
    class Holder:
        either: Any

    Holder.__annotations__["either"] = Union[make(), make()]  # noqa: UP007
    with pytest.raises(TypeError, match=r"2 members .* marked .*_Local' \(at \$\.either\)"):
        Schema(Holder, notation)
    with pytest.raises(TypeError, match=r"2 members .* marked 'Literal_1'"):
        Schema(Literal[1] | Literal[-1] | Level, notation)


def test_an_unknown_mark_is_refused() -> None:
    schema: Schema[Any] = Schema(Point | Empty, Notation.PLAIN)
    with pytest.raises(DecodeError, match=r"expected Point \| Empty, found dict"):
        schema.from_plain({"Square": {}})


def test_a_mark_has_no_place_in_a_path() -> None:
    schema: Schema[Any] = Schema(dict[str, Point | Empty], Notation.PLAIN)
    with pytest.raises(DecodeError) as caught:
        schema.from_plain({"a": {"Point": {"x": None}}})
    assert caught.value.path == "$.a.x"
