"""Nothing is changed in silence: what would come back otherwise is refused, with its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import attrs
import msgspec
import pytest
from attrs import define, field, frozen
from typed_table import FORMATS

from reddb import DocumentType, EncodeError
from reddb.codecs import Codec, DocumentCodec, Schema
from reddb.codecs.places import first_difference
from reddb.codecs.ron import Map, Some, Struct, Tuple

formats = pytest.mark.parametrize("codec", FORMATS, ids=lambda codec: codec.name)


def stripped(text: str) -> str:
    return text.strip()


def doubled(value: int) -> int:
    return 2 * value


@define
class Converted:
    count: int = field(converter=doubled)


@frozen
class Frozen:
    count: int = field(converter=doubled)


@define(eq=False)
class Incomparable:
    count: int = field(converter=doubled)


@define
class AfterInit:
    count: int

    def __attrs_post_init__(self) -> None:
        self.count *= 2


@define(init=False)
class OwnInit:
    count: int

    def __init__(self, count: int) -> None:
        self.__attrs_init__(count * 2)


@dataclasses.dataclass
class Data:
    count: int

    def __post_init__(self) -> None:
        self.count *= 2


class Message(msgspec.Struct):
    count: int

    def __post_init__(self) -> None:
        self.count *= 2


class Named(NamedTuple("Named", [("count", int)])):
    def __new__(cls, count: int) -> Named:
        return super().__new__(cls, count * 2)


@frozen
class Holder:
    things: list[Any]


CHANGING = [Converted, Frozen, Incomparable, AfterInit, OwnInit, Data, Message, Named]


@formats
@pytest.mark.parametrize("cls", CHANGING)
def test_a_class_that_changes_its_own_values_is_found_out(
    cls: Callable[[int], Any], codec: Codec
) -> None:
    holder = attrs.make_class("Holder", {"things": field(type=list[cls])})  # type: ignore[valid-type]  # Made at run time.
    document_codec = DocumentCodec[Any](codec, holder)
    with pytest.raises(EncodeError, match="would come back changed, as 4 and not 2") as caught:
        document_codec.encode(holder([cls(0), cls(1)]))
    assert caught.value.path == "$.things[1].count"


@define
class Kept:
    """Code of its own that makes the same of what it has made."""

    text: str = field(converter=stripped)
    home: Path = field(converter=Path, default=Path("a"))
    ratio: float = float("nan")
    lower: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.lower = self.text.lower()


@formats
def test_a_class_that_makes_the_same_of_its_own_values_is_stored(codec: Codec) -> None:
    document_codec = DocumentCodec[Any](codec, Kept)
    (given,) = [document_codec.decode(document_codec.encode(Kept(" A ", "b")))]
    assert repr(given) == repr(Kept("A", Path("b")))


@formats
def test_an_instance_that_its_own_class_would_refuse_is_refused(codec: Codec) -> None:
    @define(on_setattr=[])
    class Positive:
        count: int = field(validator=attrs.validators.gt(0))

        def __attrs_post_init__(self) -> None:
            """Make reddb look twice."""

    broken = Positive(1)
    broken.count = -1
    with pytest.raises(EncodeError, match=r"could not be read again: .* refused its fields"):
        DocumentCodec[Any](codec, Positive).encode(broken)


@pytest.mark.parametrize(
    ("annotation", "runs_code"),
    [
        *((cls, True) for cls in CHANGING),
        (Kept, True),
        (list[dict[str, Kept | None]], True),
        (Holder, False),
        (
            attrs.make_class(
                "Common",
                {
                    "a": field(type=tuple[int, ...], converter=tuple),
                    "b": field(type=int, validator=attrs.validators.gt(0)),
                },
            ),
            False,
        ),
        (dataclasses.make_dataclass("Plain", [("a", int)]), False),
        (msgspec.defstruct("Plain", [("a", int)]), False),
        (NamedTuple("Plain", [("a", int)]), False),
        (dict[str, Annotated[int, doubled]], False),
    ],
)
def test_only_classes_that_run_code_are_looked_at_twice(annotation: Any, runs_code: bool) -> None:
    for codec in FORMATS:
        schema: Schema[Any] = Schema(annotation, codec.notation)
        assert schema.runs_code is runs_code


@formats
@pytest.mark.parametrize(
    ("annotation", "value", "path"),
    [
        (Holder, Holder(["a", {"b": "\ud800"}]), "$.things[1].b"),
        (Any, {"a": {"\ud800": 1}}, r"$.a['\ud800']"),
        (dict[str, list[Path]], {"a b": [Path("\udcff")]}, "$['a b'][0]"),
        (tuple[str | None, ...], ("", None, "\ud800"), "$[2]"),
        (dict[int, str], {5: "\ud800"}, None),
        (list[Any], [[], "\ud800", "\ud800"], "$[1]"),
    ],
)
def test_text_that_is_no_unicode_is_refused_with_its_place(
    annotation: Any, value: Any, path: str | None, codec: Codec
) -> None:
    for kind in (annotation, DocumentType(annotation)):
        with pytest.raises(EncodeError, match="surrogate") as caught:
            DocumentCodec[Any](codec, kind).encode(value)
        assert caught.value.path in ({path} if path else {"$[5]", "$['5']"})


@formats
def test_no_two_nan_become_one(codec: Codec) -> None:
    nans = [float("nan"), float("nan")]
    for annotation, value in (
        (frozenset[float], frozenset(nans)),
        (set[tuple[float, int]], {(nan, 1) for nan in nans}),
        (frozenset[Decimal], frozenset(map(Decimal, ["NaN", "NaN"]))),
        (frozenset[complex], frozenset([complex("nan"), complex("nan")])),
        (frozenset[float | None], frozenset([*nans, None])),
    ):
        document_codec = DocumentCodec[Any](codec, annotation)
        assert len(document_codec.decode(document_codec.encode(value))) == len(value)


@formats
def test_equal_sets_are_stored_alike(codec: Codec) -> None:
    nan = float("nan")
    for annotation, items in (
        (set[int | str], [8, 0, "a"]),
        (frozenset[tuple[int | str, int]], [(8, 1), (0, 1), (16, 1), ("a", 1)]),
        (set[float], [8.0, nan, 0.0, 16.0]),
        (set[Any], [8, 0, "a"]),
    ):
        document_codec = DocumentCodec[Any](codec, annotation)
        kind = frozenset if "frozen" in str(annotation) else set
        orders = [kind(order) for order in permutations(items)]
        assert len({tuple(each) for each in orders}) > 1
        assert len({document_codec.encode(each) for each in orders}) == 1


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        (1, 1, None),
        (float("nan"), float("nan"), None),
        (0.0, -0.0, (0.0, -0.0, "")),
        (1, True, (1, True, "")),
        ([1, [2]], [1, [3]], (2, 3, "[1][0]")),
        ([1], [1, 2], ([1], [1, 2], "")),
        ({"a": 1}, {"b": 1}, ({"a": 1}, {"b": 1}, "")),
        ({"a": {"b c": 1}}, {"a": {"b c": 2}}, (1, 2, ".a['b c']")),
        (Struct({"a": 1}), Struct({"a": 2}), (1, 2, ".a")),
        (Tuple((1, Some(2))), Tuple((1, Some(3))), (2, 3, "[1]")),
        (Map([([1], 2)]), Map([([1], 3)]), (2, 3, "[[1]]")),
        (Map([([1], 2)]), Map([([1], 2)]), None),
    ],
)
def test_the_first_difference_has_a_place(one: Any, other: Any, difference: Any) -> None:
    assert repr(first_difference(one, other)) == repr(difference)
