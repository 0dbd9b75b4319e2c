"""The table of types and formats in ``docs/types.md``: made by trying what it says.

Run this file to print the table. `test_typed_table` compares it with the one in the documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hooked_table import HOOKS, VALUES
from typed_table import FORMATS, SURROUNDINGS, TABLE, come_back, fingerprint

from reddb import DocumentType
from reddb.codecs import Codec

COLUMNS = {"cbor": "CBOR", "json": "JSON", "ron": "RON", "yaml": "YAML"}

GROUPS: dict[str, tuple[str, ...]] = {
    "`None`, `bool`": ("None", "bool"),
    "`int` of any size": ("int",),
    "`float`, with NaN, infinities and -0.0": ("float",),
    "`str`": ("str",),
    "`bytes`, `bytearray`": ("bytes", "bytearray"),
    "`date`": ("date",),
    "`datetime`: without a zone, with an offset, with a `ZoneInfo`, with `fold`": ("datetime",),
    "`time`, likewise": ("time",),
    "`timedelta`": ("timedelta",),
    "`UUID`": ("UUID",),
    "`Decimal`, with NaN, infinities and all exponents": ("Decimal",),
    "`complex`": ("complex",),
    "`Path`, pure paths": ("Path", "PurePath", "PurePosixPath", "PureWindowsPath"),
    "`Any`, `object`: plain values": ("Any", "object"),
    "`Enum`, `StrEnum`, `IntEnum`": (
        *("enum", "str enum", "int enum", "mixed enum", "enum by name", "enum of NaN"),
    ),
    "`Flag`, `IntFlag`": ("flag", "int flag"),
    "`Literal`": ("literal",),
    "`list[T]`": ("list", "list of int", "list of lists", "list of dates"),
    "`tuple[A, B]`, `tuple[T, ...]`": (
        *("tuple", "typing's tuple", "tuple of a length", "tuple of any length"),
        *("tuple of one", "empty tuple"),
    ),
    "`set[T]`, `frozenset[T]`": (
        *("set", "set of tuples", "set of mixed", "frozenset", "frozenset of classes"),
    ),
    "`Sequence[T]`, `MutableSequence[T]`, `MutableSet[T]`": (
        *("Sequence", "Sequence of anything", "MutableSequence", "MutableSet"),
    ),
    "`dict[str, T]`": ("dict", "dict by str"),
    "`dict[int, T]`": ("dict by int",),
    "`dict` by enums": ("dict by enum", "dict by int enum"),
    "`dict` by dates, tuples, classes, unions and others": (
        *("dict by date", "dict by tuple", "dict by bool", "dict by float", "dict by bytes"),
        *("dict by int or str", "dict by an optional", "dict by frozenset", "dict by class"),
        *("dict by named tuple", "dict by anything"),
    ),
    "`Mapping[K, T]`, `MutableMapping[K, T]`": ("Mapping", "MutableMapping"),
    "attrs classes": ("class without fields", "frozen attrs class", "attrs class"),
    "attrs classes with converters, validators, aliases": (
        *("attrs class with converters", "loose attrs class"),
    ),
    "dataclasses": ("dataclass", "frozen dataclass"),
    "`msgspec.Struct`": ("struct", "frozen struct"),
    "`NamedTuple`": ("named tuple",),
    "`TypedDict`": ("TypedDict", "TypedDict of odd keys"),
    "classes that contain themselves or each other": (
        "tree",
        "linked list",
        "chain by Self",
        "married couple",
    ),
    "generic classes of all kinds": (
        *("generic class", "generic class of a generic", "generic class of anything"),
        *("child of a generic", "generic in a generic", "generic struct", "generic TypedDict"),
        *("child of a generic TypedDict",),
    ),
    "`T \\| None`": ("optional", "optional date", "optional class"),
    "unions of scalars": (
        *("scalars", "text and text", "enums", "enum or str", "literals", "literal or its type"),
    ),
    "unions of classes": ("classes", "generic or generic", "TypedDicts"),
    "unions of classes and others": (
        *("class or dict", "class or str", "class or tuple", "anything or date"),
    ),
    "unions of collections": (
        *("list or tuple", "list or list", "floats or ints", "tuple or longer tuple"),
        *("union in a union",),
    ),
    "`NewType`, `Annotated`, type aliases, type variables": (
        *("NewType", "Annotated", "alias", "generic alias", "union in an alias"),
        *("type variable", "bounded type variable", "constrained type variable"),
    ),
    "types of your own, with a hook": tuple(f"own {name}" for name in VALUES),
}
"""The table's rows, each with the names of the types that it stands for."""

ALL_TYPES: dict[str, tuple[Any, list[Any]]] = {
    **TABLE,
    **{f"own {name}": each for name, each in VALUES.items()},
}


def rows() -> Iterator[str]:
    """Give the table's lines."""
    yield f"| type | {' | '.join(COLUMNS.values())} |"
    yield f"|---|{'---|' * len(COLUMNS)}"
    codecs = {codec.name: codec for codec in FORMATS}
    for label, names in GROUPS.items():
        cells = [
            "✓" if all(_comes_back(*ALL_TYPES[name], codecs[column]) for name in names) else "✗"
            for column in COLUMNS
        ]
        yield f"| {label} | {' | '.join(cells)} |"


def _comes_back(annotation: Any, values: list[Any], codec: Codec) -> bool:
    """Tell whether values come back as they were, on their own and in a class."""
    for surrounding in ("bare", "field"):
        surround_type, surround_values = SURROUNDINGS[surrounding]
        outer = surround_type(annotation)
        given = surround_values(outer, values)
        try:
            found = come_back(DocumentType(outer, hooks=HOOKS), given, codec)
        except Exception:  # Whatever it is, it is no tick.
            return False
        if fingerprint(found) != fingerprint(given):
            return False
    return True


if __name__ == "__main__":
    print(*rows(), sep="\n")
