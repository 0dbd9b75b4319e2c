"""Every type in every surrounding and every format: what goes in comes out, of the same type."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from type_matrix import ALL_TYPES, GROUPS, rows
from typed_table import (
    FORMATS,
    SURROUNDINGS,
    TABLE,
    Color,
    Level,
    NoNumber,
    Surrounding,
    come_back,
    fingerprint,
)

from reddb.codecs import Codec, JsonCodec, RonCodec, Schema


@pytest.mark.parametrize("codec", FORMATS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("surrounding", SURROUNDINGS.values(), ids=SURROUNDINGS)
@pytest.mark.parametrize("name", TABLE)
def test_what_goes_in_comes_out(name: str, surrounding: Surrounding, codec: Codec) -> None:
    annotation, values = TABLE[name]
    surround_type, surround_values = surrounding
    outer = surround_type(annotation)
    given = surround_values(outer, values)
    assert fingerprint(come_back(outer, given, codec)) == fingerprint(given)


def test_the_documentation_has_the_table_of_types_and_formats() -> None:
    page = (Path(__file__).parents[2] / "docs" / "types.md").read_text(encoding="utf-8")
    table = "\n".join(rows())
    assert table in page, f"docs/types.md should have this table:\n\n{table}"
    assert "✗" not in table


def test_every_type_is_in_the_table_once() -> None:
    named = [name for names in GROUPS.values() for name in names]
    assert sorted(named) == sorted(ALL_TYPES)


@pytest.mark.parametrize(
    ("annotation", "value", "json", "ron"),
    [
        (NoNumber, NoNumber.NAN, '"NAN"', '"NAN"'),
        (set[int], {8, 0}, "[0,8]", "[0,8]"),
        (dict, {"a": 1}, '{"a":1}', '{"a":1}'),
        (dict[Any, int], {"a": 1}, '{"a":1}', '{"a":1}'),
        (dict[int, int], {-1: 2}, '{"-1":2}', "{-1:2}"),
        (dict[Level, int], {Level.LOW: 2}, '{"1":2}', "{1:2}"),
        (dict[Color, int], {Color.RED: 2}, '{"red":2}', "{red:2}"),
        (dict[date, int], {date.min: 2}, '{"0001-01-01":2}', '{"0001-01-01":2}'),
        (dict[bool, int], {True: 2}, "[[true,2]]", "{true:2}"),
        (dict[object, int], {"a": 2}, '[["a",2]]', '{"a":2}'),
        (dict[str | None, int], {None: 2}, "[[null,2]]", "{None:2}"),
        (dict[tuple[int, int], int], {(1, 2): 3}, "[[[1,2],3]]", "{(1,2):3}"),
    ],
)
def test_values_are_written_so(annotation: Any, value: Any, json: str, ron: str) -> None:
    for codec, text in ((JsonCodec(), json), (RonCodec(), ron)):
        schema: Schema[Any] = Schema(annotation, codec.notation)
        assert codec.encode(schema.to_plain(value)).decode() == text
