"""Classes of every library: which fields are stored, and how an instance comes to be again."""

from __future__ import annotations

import collections
import dataclasses
from datetime import date
from functools import cached_property
from typing import Any, ClassVar, Generic, NamedTuple, NotRequired, TypedDict, TypeVar

import attrs
import msgspec
import pytest
from attrs import define, field, frozen, validators
from typed_table import FORMATS, Box, Counted, Link, Note, Row, Tree, come_back, fingerprint

from reddb.codecs import Codec, DocumentCodec, JsonCodec, Notation, Schema
from reddb.codecs.plain import DEPTH_MAX
from reddb.errors import DecodeError, EncodeError

T = TypeVar("T")
U = TypeVar("U")

each_format = pytest.mark.parametrize("codec", FORMATS, ids=lambda codec: codec.name)


def stored(value: Any) -> Any:
    schema: Schema[Any] = Schema(type(value), Notation.PLAIN)
    return schema.to_plain(value)


def test_fields_are_stored_by_name_and_structs_by_encoded_name() -> None:
    class Renamed(msgspec.Struct, rename={"user_id": "id", "second": "2nd one"}):
        user_id: int
        second: int

    assert stored(Note("a", other_name=b"b")) == {
        "text": "a",
        "tags": [],
        "_private": None,
        "renamed": b"b",
    }
    assert stored(Renamed(1, 2)) == {"id": 1, "2nd one": 2}
    assert stored(Row("a")) == {"key": "a", "next": None}


@each_format
def test_a_name_that_ron_has_no_identifier_for_is_stored_all_the_same(codec: Codec) -> None:
    class Renamed(msgspec.Struct, rename={"first": "1st one"}):
        first: int

    class Plain(msgspec.Struct, rename="kebab"):
        second_one: int

    values = [Renamed(1), Plain(2)]
    assert come_back(Renamed | Plain, values, codec) == values
    assert come_back(Renamed, values[:1], codec) == values[:1]
    assert come_back(Plain, values[1:], codec) == values[1:]


# How an instance is made


def test_init_runs_with_its_converters_and_validators() -> None:
    seen: list[str] = []

    def upper(text: str) -> str:
        seen.append(text)
        return text.upper()

    @define
    class Code:
        text: str = field(converter=upper, validator=validators.max_len(3))

    schema: Schema[Code] = Schema(Code, Notation.PLAIN)
    assert schema.from_plain({"text": "abc"}) == Code("ABC")
    assert seen == ["abc", "ABC"]
    with pytest.raises(DecodeError, match=r"Code refused its fields: .*must be <= 3"):
        schema.from_plain({"text": "abcd"})


def test_encoding_runs_none_of_it() -> None:
    @define
    class Code:
        text: str = field(validator=validators.max_len(3), on_setattr=attrs.setters.NO_OP)

    code = Code("abc")
    code.text = "abcd"
    assert stored(code) == {"text": "abcd"}


@each_format
def test_fields_that_init_does_not_take_are_set_afterwards(codec: Codec) -> None:
    @frozen
    class Frozen:
        start: int
        stop: int = field(init=False)
        step: int = field(init=False, default=1)

        def __attrs_post_init__(self) -> None:
            object.__setattr__(self, "stop", self.start + 1)

    value = Frozen(1)
    object.__setattr__(value, "stop", 9)
    assert come_back(Frozen, [value], codec) == [value]

    counted = Counted({"a": 1})
    counted.total = 7
    assert come_back(Counted, [counted], codec) == [counted]


def test_a_field_set_afterwards_may_be_missing_if_it_has_a_default() -> None:
    @define
    class Lazy:
        a: int
        b: int = field(init=False, default=2)
        c: int = field(init=False)

    schema: Schema[Lazy] = Schema(Lazy, Notation.PLAIN)
    value = schema.from_plain({"a": 1, "c": 3})
    assert (value.a, value.b, value.c) == (1, 2, 3)
    with pytest.raises(DecodeError, match="field 'c' is missing"):
        schema.from_plain({"a": 1})
    with pytest.raises(EncodeError, match=r"field 'c' is not set \(at \$\.c\)"):
        schema.to_plain(Lazy(1))


def test_what_is_neither_taken_nor_compared_is_the_classs_own() -> None:
    @define
    class Cached:
        a: int
        cache: dict[str, object] = field(init=False, eq=False, factory=dict)
        label: str = field(eq=False, default="")

    @dataclasses.dataclass
    class CachedData:
        a: int
        cache: object = dataclasses.field(init=False, compare=False, default=None)
        kind: ClassVar[str] = "cached"

    assert stored(Cached(1, "b")) == {"a": 1, "label": "b"}
    assert stored(CachedData(1)) == {"a": 1}


def test_a_private_name_and_one_set_afterwards_do_not_meet() -> None:
    @define
    class Tricky:
        _x: int
        x: int = field(init=False, default=0)

    value = Tricky(1)
    value.x = 2
    schema: Schema[Tricky] = Schema(Tricky, Notation.PLAIN)
    assert schema.from_plain(schema.to_plain(value)) == value


@each_format
def test_unusual_names_are_names(codec: Codec) -> None:
    @dataclasses.dataclass
    class Names:
        self: int
        cls: int
        arguments: int
        values: int
        größe: int  # noqa: PLC2401  # RON has to name it.
        None_: int

    @define
    class Aliased:
        cls: int
        arguments: int = field(alias="values")

    assert come_back(Names, [Names(1, 2, 3, 4, 5, 6)], codec) == [Names(1, 2, 3, 4, 5, 6)]
    assert come_back(Aliased, [Aliased(1, 2)], codec) == [Aliased(1, 2)]


def test_a_class_that_does_not_take_its_fields_is_refused() -> None:
    @dataclasses.dataclass
    class Initiated:
        a: int
        secret: dataclasses.InitVar[int]

    @define(init=False)
    class Own:
        a: int

        def __init__(self, b: int) -> None:
            self.a = b

    @define
    class Parent:
        a: int

    class Child(Parent):
        def __init__(self, a: int, b: int) -> None:
            super().__init__(a)
            self.b = b

    for cls in (Initiated, Own, Child):
        with pytest.raises(TypeError, match=f"__init__ of .*{cls.__name__} does not take"):
            Schema(cls, Notation.PLAIN)


def test_an_init_variable_with_a_default_is_no_field() -> None:
    @dataclasses.dataclass
    class Initiated:
        a: int
        factor: dataclasses.InitVar[int] = 1

    assert stored(Initiated(2)) == {"a": 2}


def test_a_field_without_a_type_takes_plain_values() -> None:
    untyped = attrs.make_class("Untyped", ["a"])
    loose = collections.namedtuple("loose", "a b")
    assert stored(untyped([1])) == {"a": [1]}
    assert stored(loose([1], None)) == {"a": [1], "b": None}
    with pytest.raises(EncodeError, match=r"found set \(at \$\.b\)"):
        stored(loose(1, {1}))


# msgspec's settings that have no say in storage


@each_format
def test_settings_of_structs(codec: Codec) -> None:
    class Base(msgspec.Struct, tag=True, omit_defaults=True, kw_only=True):
        a: int
        b: list[int] = []
        c: int

    class Child(Base, array_like=True, forbid_unknown_fields=True, rename="upper"):
        d: int = 4

    values = [Base(a=1, c=2), Base(a=1, b=[1], c=3)]
    assert come_back(Base, values, codec) == values
    assert come_back(Child, [Child(5, a=1, c=2)], codec) == [Child(5, a=1, c=2)]
    assert come_back(Base | Child, [*values, Child(a=1, c=2)], codec) == [*values, Child(a=1, c=2)]
    schema: Schema[Base] = Schema(Base, codec.notation)
    assert schema.from_plain({"a": 1, "c": 2}) == values[0]
    with pytest.raises(DecodeError, match=r"field 'c' is missing \(at \$\.c\)"):
        schema.from_plain({"a": 1})


# Classes that contain themselves, and forward references


class Siblings(NamedTuple):
    number: int
    others: tuple[Siblings, ...] = ()


class Nested(TypedDict):
    next: NotRequired[Nested]


@each_format
def test_classes_that_contain_themselves(codec: Codec) -> None:
    @define
    class Local:
        next: Local | None = None

    class LocalStruct(msgspec.Struct):
        next: LocalStruct | None = None

    assert come_back(Local, [Local(Local())], codec) == [Local(Local())]
    assert come_back(LocalStruct, [LocalStruct(LocalStruct())], codec)[0].next == LocalStruct()
    value = Siblings(1, (Siblings(2), Siblings(3, (Siblings(4),))))
    assert fingerprint(come_back(Siblings, [value], codec)) == fingerprint([value])
    nested: Nested = {"next": {"next": {}}}
    assert come_back(Nested, [nested], codec) == [nested]


def test_annotations_of_a_class_are_left_as_they_are() -> None:
    @define
    class Local:
        next: Local | None = None

    Schema(Local, Notation.PLAIN)
    assert str(attrs.fields(Local).next.type) == "Local | None"


def test_a_reference_to_nothing_is_refused() -> None:
    @define
    class Lost:
        value: Nowhere  # type: ignore[name-defined]  # noqa: F821  # The point.

    with pytest.raises(TypeError, match=r"annotation of .*Lost cannot be resolved: .*Nowhere"):
        Schema(list[Lost], Notation.PLAIN)


def chain(length: int) -> Link:
    link = Link(0)
    for number in range(1, length):
        link = Link(number, link)
    return link


def tree(height: int) -> Tree:
    tree = Tree(0)
    for number in range(1, height):
        tree = Tree(number, [tree])
    return tree


@each_format
def test_what_can_be_written_can_be_read_however_deep(codec: Codec) -> None:
    deepest = {Link: 0, Tree: 0}
    for make, cls in ((chain, Link), (tree, Tree)):
        document_codec: DocumentCodec[Any] = DocumentCodec(codec, cls)
        for depth in (1, DEPTH_MAX // 2, DEPTH_MAX // 2 + 1, DEPTH_MAX, DEPTH_MAX + 1):
            value = make(depth)
            try:
                data = document_codec.encode(value)
            except EncodeError:
                break
            assert document_codec.encode(document_codec.decode(data)) == data
            deepest[cls] = depth
    levels = 2 if codec.notation is Notation.NAMED else 1  # RON's Some(...) is a level too.
    assert deepest == {Link: DEPTH_MAX // levels, Tree: DEPTH_MAX // 2}


@each_format
def test_a_value_inside_itself_is_refused(codec: Codec) -> None:
    root = Tree(1)
    root.children.append(root)
    document_codec: DocumentCodec[Tree] = DocumentCodec(codec, Tree)
    with pytest.raises(EncodeError, match="nested"):
        document_codec.encode(root)


# Generics


@frozen
class Two(Generic[T, U]):
    first: T
    second: list[U]


@frozen
class Swapped(Two[U, T], Generic[T, U]):
    third: T | None = None


@frozen
class Half(Two[date, T]):
    pass


@define
class Branch(Generic[T]):
    value: T
    next: Branch[T] | None = None


@frozen
class Plain(Generic[T]):
    a: int
    b: list[T]


class First(TypedDict, Generic[T]):
    key: T


class Keys(First[T], Generic[T, U]):
    more: U


@each_format
@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Two[date, bytes], Two(date.min, [b"a"])),
        (Swapped[date, int], Swapped(1, [date.min], date.max)),
        (Half[bytes], Half(date.min, [b"a"])),
        (Box[Two[int, Box[date]]], Box(Two(1, [Box(date.min)]))),
        (Branch[date], Branch(date.min, Branch(date.max))),
        (Plain, Plain(1, [None, "a", [1]])),
        (Keys[date, bytes], {"key": date.min, "more": b"a"}),
    ],
)
def test_type_arguments_reach_the_fields(annotation: Any, value: Any, codec: Codec) -> None:
    assert come_back(annotation, [value], codec) == [value]


@pytest.mark.parametrize(
    ("annotation", "value", "path"),
    [
        (Swapped[date, int], Swapped(date.min, []), "$.first"),
        (Swapped[date, int], Swapped(1, [2]), "$.second[0]"),
        (Half[bytes], Half(1, []), "$.first"),  # type: ignore[arg-type]  # The point.
        (Branch[date], Branch[Any](date.min, Branch(1)), "$.next.value"),
        (Keys[date, bytes], {"key": b"", "more": b""}, "$.key"),
    ],
)
def test_type_arguments_are_checked(annotation: Any, value: Any, path: str) -> None:
    schema: Schema[Any] = Schema(annotation, Notation.PLAIN)
    with pytest.raises(EncodeError) as caught:
        schema.to_plain(value)
    assert caught.value.path == path


def test_a_type_that_never_ends_is_refused() -> None:
    @define
    class Growing(Generic[T]):
        next: Growing[list[T]] | None

    with pytest.raises(TypeError, match="it never ends"):
        Schema(Growing[int], Notation.PLAIN)


def test_a_computed_property_is_no_field() -> None:
    @frozen(slots=False)
    class Computed:
        a: int

        @cached_property
        def double(self) -> int:
            return 2 * self.a

    value = Computed(1)
    assert value.double == 2
    document_codec: DocumentCodec[Computed] = DocumentCodec(JsonCodec(), Computed)
    assert document_codec.encode(value) == b'{"a":1}'


@frozen
class Caching:
    a: int

    @cached_property
    def listed(self) -> list[int]:
        return [self.a]


@frozen(slots=False)
class CachingInDict:
    a: int

    @cached_property
    def listed(self) -> list[int]:
        return [self.a]


@dataclasses.dataclass(frozen=True)
class CachingData:
    a: int

    @cached_property
    def listed(self) -> list[int]:
        return [self.a]


@frozen
class CachingChild(CachingInDict):
    b: int = 0


@pytest.mark.parametrize("cls", [Caching, CachingInDict, CachingData, CachingChild])
def test_what_is_cached_in_an_instance_is_not_shared(cls: Any) -> None:
    document_codec: DocumentCodec[Any] = DocumentCodec(JsonCodec(), cls)
    assert not document_codec.immutable
    value = document_codec.decode(document_codec.encode(cls(1)))
    assert value == cls(1)
    assert value.listed == [1]


@pytest.mark.parametrize(
    "choices", [{}, {"cache_hash": True}, {"slots": False}, {"weakref_slot": False}]
)
def test_a_frozen_class_of_scalars_is_shared(choices: dict[str, Any]) -> None:
    cls = attrs.make_class("Scalars", {"_a": attrs.field(type=int)}, frozen=True, **choices)
    assert DocumentCodec(JsonCodec(), cls).immutable
