"""What serde writes of Rust's types, read as Python's, typed and plain; and written back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, IntEnum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict

import pytest
from attrs import frozen
from migrate_tools import FORMATS, inserts, records_of, v2_file
from typed_table import SURROUNDINGS, TABLE, fingerprint

from reddb import DecodeError, DocumentType, EncodeError, MemDb, TypeHook, migrate
from reddb.testing.simulated_disk import SimulatedDisk


@frozen
class Circle:
    r: float


@frozen
class Square:
    """``Square(f64)``: a newtype variant."""

    side: float


@frozen
class Pair:
    """``Pair(i32, String)``: a tuple variant."""

    left: int
    right: str


@frozen
class Nothing:
    """``Nothing``: a unit variant."""


Shape = Circle | Square | Pair | Nothing


class Tuple2(NamedTuple):
    x: int
    y: int


class Level(IntEnum):
    Low = 1
    High = 2


class Spelled(Enum):
    ONE = "One"


@dataclass
class Recursive:
    value: int
    next: Recursive | None = None


class Film(TypedDict):
    title: str


SERVER = DocumentType(
    dict[str, IPv4Address],
    hooks=[TypeHook(IPv4Address, to_plain=str, from_plain=IPv4Address, immutable=True)],
)

Case = tuple[Any, Any, str, str, str, Any]
"""A type, a value, what serde writes of it as JSON, RON and YAML, and what that is untyped."""

WRITTEN: dict[str, Case] = {
    # Enums that hold data.
    "struct variant": (
        Shape,
        Circle(1.5),
        '{"Circle":{"r":1.5}}',
        "Circle(r:1.5)",
        "!Circle\nr: 1.5",
        {"Circle": {"r": 1.5}},
    ),
    "unit variant": (Shape, Nothing(), '"Nothing"', "Nothing", "Nothing", "Nothing"),
    "option": (str | None, "a", '"a"', 'Some("a")', "a", "a"),
    "no option": (str | None, None, "null", "None", "null", None),
    "option of a variant": (
        Circle | Square | None,
        Circle(1.0),
        '{"Circle":{"r":1.0}}',
        "Some(Circle(r:1.0))",
        "!Circle\nr: 1.0",
        {"Circle": {"r": 1.0}},
    ),
    # Enums that hold none.
    "enum by value": (Spelled, Spelled.ONE, '"One"', "One", "One", "One"),
    "enum by name": (Level, Level.High, '"High"', "High", "High", "High"),
    "literal": (Literal["One", "Two"], "Two", '"Two"', "Two", "Two", "Two"),
    # Structs, tuples and sequences.
    "struct": (
        Recursive,
        Recursive(1, Recursive(2)),
        '{"value":1,"next":{"value":2,"next":null}}',
        "(value:1,next:Some((value:2,next:None)))",
        "value: 1\nnext:\n  value: 2\n  next: null",
        {"value": 1, "next": {"value": 2, "next": None}},
    ),
    "map": (dict[str, int], {"a b": 1}, '{"a b":1}', '{"a b":1}', '"a b": 1', {"a b": 1}),
    "map by numbers": (
        dict[int, bool],
        {7: True},
        '{"7":true}',
        "{7:true}",
        "7: true",
        {"7": True},
    ),
    "map by an enum": (
        dict[Spelled, int],
        {Spelled.ONE: 1},
        '{"One":1}',
        "{One:1}",
        "One: 1",
        {"One": 1},
    ),
    "tuple": (tuple[int, str], (1, "a"), '[1,"a"]', '(1,"a")', "- 1\n- a", [1, "a"]),
    "vector in a tuple": (tuple[int, ...], (1, 2), "[1,2]", "[1,2]", "- 1\n- 2", [1, 2]),
    "set": (frozenset[int], frozenset({2, 1}), "[1,2]", "[1,2]", "- 1\n- 2", [1, 2]),
    "bytes": (bytes, b"\x00\xff", "[0,255]", "[0,255]", "- 0\n- 255", [0, 255]),
    "duration": (
        timedelta,
        timedelta(days=1, microseconds=5),
        '{"secs":86400,"nanos":5000}',
        "(secs:86400,nanos:5000)",
        "secs: 86400\nnanos: 5000",
        {"secs": 86400, "nanos": 5000},
    ),
    "hooked": (
        SERVER,
        {"a": IPv4Address("10.0.0.1")},
        '{"a":"10.0.0.1"}',
        '{"a":"10.0.0.1"}',
        'a: "10.0.0.1"',
        {"a": "10.0.0.1"},
    ),
}

READ_TOO: dict[str, Case] = {
    "newtype variant": (
        Shape,
        Square(2.0),
        '{"Square":2.0}',
        "Square(2.0)",
        "!Square 2.0",
        {"Square": 2.0},
    ),
    "tuple variant": (
        Shape,
        Pair(1, "a"),
        '{"Pair":[1,"a"]}',
        'Pair(1,"a")',
        "!Pair\n- 1\n- a",
        {"Pair": [1, "a"]},
    ),
    "struct in a newtype variant": (
        Shape,
        Circle(1.0),
        '{"Circle":{"r":1.0}}',
        "Circle((r:1.0))",
        "!Circle\n  r: 1.0",
        {"Circle": {"r": 1.0}},
    ),
    "newtype": (Square, Square(2.0), "2.0", "(2.0)", "2.0", 2.0),
    "named newtype": (Square, Square(2.0), "2.0", "Square(2.0)", "2.0", ...),
    "tuple struct": (Pair, Pair(1, "a"), '[1,"a"]', '(1,"a")', "- 1\n- a", [1, "a"]),
    "named tuple": (Tuple2, Tuple2(1, 2), "[1,2]", "(1,2)", "[1, 2]", [1, 2]),
    "unit struct": (Nothing, Nothing(), "null", "()", "null", None),
    "named unit struct": (Nothing, Nothing(), "null", "Nothing", "~", ...),
    "unit variant in a map": (Shape, Nothing(), '{"Nothing":null}', "Nothing()", "!Nothing", ...),
    "enum by number": (Level, Level.High, "2", "2", "2", 2),
    "float without a point": (float, 3.0, "3", "3", "3", 3),
    "char": (str, "x", '"x"', "'x'", "x", "x"),
    "bytes of RON": (bytes, b"a", "[97]", 'b"a"', "[97]", ...),
    "timestamp": (
        datetime,
        datetime(2026, 2, 28, 9, 30, tzinfo=UTC),
        '"2026-02-28T09:30:00Z"',
        '"2026-02-28T09:30:00Z"',
        "2026-02-28T09:30:00Z",
        "2026-02-28T09:30:00Z",
    ),
    "struct for a TypedDict": (
        Film,
        {"title": "a"},
        '{"title":"a"}',
        '(title:"a")',
        "title: a",
        ...,
    ),
    "one class in a union": (
        Circle | Spelled | int,
        Circle(1.0),
        '{"Circle":{"r":1.0}}',
        "Circle(r:1.0)",
        "!Circle {r: 1.0}",
        ...,
    ),
    "words that YAML 1.1 has other types for": (
        dict[str, str],
        {"yes": "no", "a": "12:30:45", "b": "2024-01-01", "c": "1_000", "d": "0777", "<<": "="},
        '{"yes":"no","a":"12:30:45","b":"2024-01-01","c":"1_000","d":"0777","<<":"="}',
        '{"yes":"no","a":"12:30:45","b":"2024-01-01","c":"1_000","d":"0777","<<":"="}',
        "yes: no\na: 12:30:45\nb: 2024-01-01\nc: 1_000\nd: 0777\n<<: =",
        ...,
    ),
    "numbers": (
        list[float],
        [1e-7, float("inf"), 1e300],
        "[1e-7,1e999,1e300]",
        "[1e-7,inf,1e300]",
        "- 1e-7\n- .inf\n- 1e300",
        ...,
    ),
}


def texts_of(case: Case) -> dict[str, str]:
    return dict(zip(FORMATS, case[2:5], strict=True))


async def read(kind: Any, suffix: str, *texts: str) -> list[Any]:
    """Migrate a file of these payloads."""
    data = v2_file(*inserts(text.encode() for text in texts), format=FORMATS[suffix])
    async with MemDb.open("to", kind) as db:
        await migrate.from_v2("rust", db, disk=SimulatedDisk({Path("rust"): data}))
        return [document.data for document in await db.find_all()]


async def written(kind: Any, suffix: str, value: Any) -> str:
    """Give the payload that is written of a value."""
    disk = SimulatedDisk()
    path = Path(f"rust{suffix}")
    async with MemDb.open("from", kind) as db:
        await db.insert_one(value)
        await migrate.to_v2(db, path, disk=disk)
    ((_, _, payload),) = records_of(disk.content(path))
    return payload.decode()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", [*WRITTEN, *READ_TOO])
async def test_what_serde_writes_is_read(name: str, suffix: str) -> None:
    case = {**WRITTEN, **READ_TOO}[name]
    kind, value, untyped = case[0], case[1], case[5]
    if name == "numbers" and suffix == ".json":
        return  # JSON has no infinity.
    text = texts_of(case)[suffix]
    assert fingerprint(await read(kind, suffix, text)) == fingerprint([value])
    if untyped is not ...:
        assert fingerprint(await read(Any, suffix, text)) == fingerprint([untyped])


async def test_what_only_yaml_1_1_takes_for_line_ends_is_text() -> None:
    """The serde_yaml of v1 files writes these characters as they are."""
    odd = "a \x85 \u2028b\u2029"
    text = f'{odd}: {odd}\nc:\n  - "{odd} "\n  - !{odd[0]} 1\n  - \ue000'
    must = {odd: odd, "c": [f"{odd} ", {"a": 1}, "\ue000"]}
    assert await read(Any, ".yaml", text) == [must]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", WRITTEN)
async def test_what_is_written_is_what_serde_reads(name: str, suffix: str) -> None:
    case = WRITTEN[name]
    assert await written(case[0], suffix, case[1]) == texts_of(case)[suffix]


@pytest.mark.parametrize("suffix", FORMATS)
async def test_every_type_comes_back_or_is_refused(suffix: str) -> None:
    path = Path(f"rust{suffix}")
    wrap, around = SURROUNDINGS["field"]
    refused, count = set(), 0
    for name, (kind, values) in TABLE.items():
        wrapped = wrap(kind)
        async with MemDb.open("from", wrapped) as db, MemDb.open("to", wrapped) as to:
            before = await db.insert(around(wrapped, values))
            while before:
                disk = SimulatedDisk()
                try:
                    await migrate.to_v2(db, path, disk=disk)
                except EncodeError as error:
                    (bad,) = [each for each in before if str(each.id) in str(error)]
                    assert disk.paths() == []
                    refused.add(name)
                    await db.delete_one(bad.id)
                    before = await db.find_all()
                    continue
                assert await migrate.from_v2(path, to, disk=disk) == len(before)
                break
            after = await to.find_all()
        assert [each.id for each in after] == [each.id for each in before], name
        assert fingerprint([each.data for each in after]) == fingerprint(
            [each.data for each in before]
        ), name
        count += len(after)
    assert count > 200
    assert refused <= REFUSED


REFUSED = {
    "int",  # Beyond 128 bits.
    "float",  # NaN and the infinities in JSON.
    "timedelta",  # Negative.
    "Any",  # bytes.
    "literal",  # bytes.
    "str enum",  # A value that is no identifier in RON.
    "enums",
    "enum or str",
    "Sequence",  # A tuple.
    "Sequence of anything",
    "dict by int",  # Beyond 128 bits.
    "dict by tuple",  # Keys that JSON and YAML have no text for.
    "dict by float",
    "dict by bytes",
    "dict by int or str",
    "dict by an optional",
    "dict by frozenset",
    "dict by class",
    "dict by named tuple",
    "dict by anything",
    "frozen attrs class",  # An infinity in JSON.
    "optional class",  # One without fields, which is null as None is.
}
"""The types some of whose values have no equal in Rust, or none in a format."""


CANNOT: dict[str, tuple[str, Any, Any, str, str]] = {
    "infinity": (".json", list[float], [1.0, float("inf")], "$[1]", "no inf"),
    "large int": (".yaml", list[int], [1 << 128], "$[0]", "no integer"),
    "negative duration": (".ron", dict[str, timedelta], {"a": timedelta(-1)}, "$.a", "negative"),
    "bytes": (".ron", Any, {"a": [b""]}, "$.a[0]", "bytes without a document type"),
    "tuple": (".json", Sequence[int], (1,), "$", "come back as a list"),
    "key": (".json", dict[tuple[int, int], int], {(1, 2): 3}, "$", "must be a scalar"),
    "same keys": (".json", dict[int | str, int], {1: 1, "1": 2}, "$", "both written as '1'"),
    "mistaken key": (".json", dict[int | str, int], {1: 1}, "$", "another value"),
    "name": (".ron", Literal["two words"], "two words", "$", "no identifier"),
}


@pytest.mark.parametrize("name", CANNOT)
async def test_what_cannot_be_written_is_refused_with_its_place(name: str) -> None:
    suffix, kind, value, path, reason = CANNOT[name]
    with pytest.raises(EncodeError, match=reason) as caught:
        await written(kind, suffix, value)
    assert caught.value.path == path


async def test_what_is_nested_deeper_than_serde_reads_is_refused() -> None:
    deep: Any = 1
    for _ in range(127):
        deep = [deep]
    for suffix in FORMATS:
        if suffix != ".yaml":
            assert (await written(Any, suffix, deep[0])).count("[") == 126
        with pytest.raises(EncodeError, match="nested deeper than 127"):
            await written(Any, suffix, [deep])


WRONG: dict[str, tuple[Any, str]] = {
    "another variant": (Shape, '{"Triangle":{"r":1.0}}'),
    "a variant's fields": (Shape, '{"Circle":{"r":"1"}}'),
    "too few fields": (Pair, "[1]"),
    "no member": (Level, '"Middle"'),
    "no byte": (bytes, "[256]"),
    "no whole microseconds": (timedelta, '{"secs":1,"nanos":1}'),
    "too long": (timedelta, '{"secs":99999999999999,"nanos":0}'),
    "no number": (dict[int, int], '{"a":1}'),
    "null": (float, "null"),
    "no list": (list[int], '{"a":1}'),
    "no list, nor a class": (list[int] | Circle, '{"x":1}'),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_does_not_fit_is_refused(name: str) -> None:
    kind, text = WRONG[name]
    with pytest.raises(DecodeError, match=r"^record 1 \(byte 32\): "):
        await read(kind, ".json", text)


async def test_a_type_that_rust_could_not_have_is_refused() -> None:
    """Two enums of one name: reddb tells them apart by their values, serde by their name."""
    kinds: list[Any] = [Enum("Same", {"A": "a"}), Enum("Same", {"B": 1})]
    kind = kinds[0] | kinds[1]
    async with MemDb.open("to", kind) as db:
        with pytest.raises(TypeError, match="cannot be migrated: 2 members of a union"):
            await migrate.from_v2("rust", db, disk=SimulatedDisk({Path("rust"): v2_file()}))
        with pytest.raises(TypeError, match="cannot be migrated"):
            await migrate.to_v2(db, "out.ron", disk=SimulatedDisk())
