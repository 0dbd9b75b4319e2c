"""The splitters: the same pieces however the file comes, none of them longer held than needed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transfer_tools import split

from reddb.api.pieces import Lines, SplitError, Splitter, YamlDocuments
from reddb.transfer.splitters import CborSequence, CsvRecords, JsonArray

FILES: dict[str, tuple[Callable[[], Splitter], bytes, list[bytes]]] = {
    "lines": (Lines, b"a\n\n b \r\nc", [b"a", b" b \r", b"c"]),
    "yaml": (
        YamlDocuments,
        b"# c\n---\na: 1\n---x: 2\n---\n--- 3\n",
        [b"---\na: 1\n---x: 2\n", b"---\n", b"--- 3\n"],
    ),
    "json": (
        JsonArray,
        '\ufeff[ 12 ,{"é": "]\\"", "b": [1, {}]}, "\\u00e9🦀"\n, true,-0.5]\n'.encode(),
        [b"12", '{"é": "]\\"", "b": [1, {}]}'.encode(), '"\\u00e9🦀"'.encode(), b"true", b"-0.5"],
    ),
    "cbor": (
        CborSequence,
        b"".join(map(cbor2.dumps, [1, "text", {"a": [1, 2]}, b"x" * 300])),
        list(map(cbor2.dumps, [1, "text", {"a": [1, 2]}, b"x" * 300])),
    ),
    "csv": (
        CsvRecords,
        b'a,b\r\n\r\n1,"x\n""y"""\r\n"",\n2,z',
        [b"a,b\r\n", b'1,"x\n""y"""\r\n', b'"",\n', b"2,z"],
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_the_pieces_do_not_depend_on_how_the_file_comes(name: str) -> None:
    splitter, data, expected = FILES[name]
    whole = split(splitter(), [data])
    assert [piece.data for piece in whole] == expected
    for size in range(1, len(data)):
        parts = [data[at : at + size] for at in range(0, len(data), size)]
        assert split(splitter(), parts) == whole


@pytest.mark.parametrize("name", FILES)
def test_a_piece_knows_where_it_is(name: str) -> None:
    splitter, data, _ = FILES[name]
    pieces = split(splitter(), [data])
    for number, piece in enumerate(pieces, 1):
        assert piece.number == number
        assert data[piece.offset :].startswith(piece.data)
        assert piece.line in {None, data[: piece.offset].count(b"\n") + 1}
        where = f"byte {piece.offset}" if piece.line is None else f"line {piece.line}"
        assert piece.place == f"record {number} ({where})"
    assert all(one.offset < other.offset for one, other in pairwise(pieces))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.recursive(st.integers() | st.text() | st.floats(), st.lists), max_size=4))
def test_json_and_cbor_items_are_found_whatever_they_are(items: list[object]) -> None:
    as_json = [json.dumps(item).encode() for item in items]
    assert [
        piece.data for piece in split(JsonArray(), [b"[" + b",".join(as_json) + b"]"])
    ] == as_json
    as_cbor = [cbor2.dumps(item) for item in items]
    assert [piece.data for piece in split(CborSequence(), [b"".join(as_cbor)])] == as_cbor


BROKEN: dict[str, tuple[Callable[[], Splitter], bytes, int, str]] = {
    "no array": (JsonArray, b'{"a": 1}', 0, re.escape("expected `[`")),
    "empty": (JsonArray, b" ", 1, "ends where"),
    "no comma": (JsonArray, b"[1 2]", 3, re.escape("expected `,` or `]`, found '2'")),
    "comma at the end": (JsonArray, b"[1,]", 3, "not JSON"),
    "no JSON": (JsonArray, b"[1, nul, " + b"2," * 100 + b"2]", 4, "not JSON"),
    "open array": (
        JsonArray,
        b"[1, 2",
        5,
        re.escape("the file ends where there should be `,` or `]`"),
    ),
    "open string": (JsonArray, b'[1, "2', 4, "Unterminated string"),
    "open dict": (JsonArray, b'[\n{"a": 1', 2, "line 2: not JSON"),
    "more behind": (JsonArray, b"[1] 2", 4, "expected nothing behind the array"),
    "no UTF-8": (JsonArray, b'["\xff"]', 0, "not UTF-8"),
    "deep JSON": (JsonArray, b"[" * 100_000, 1, "nested too deeply"),
    "cut CBOR": (CborSequence, cbor2.dumps(1) + b"\x65abc", 1, "the file ends within record 2"),
    "no CBOR": (CborSequence, cbor2.dumps(1) + b"\xff" * 9, 1, "not CBOR|not a plain"),
    "open quote": (CsvRecords, b'a\n"b\nc\n', 2, "line 2: a quote is not closed"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_split_says_where_and_why(name: str) -> None:
    splitter, data, offset, reason = BROKEN[name]
    with pytest.raises(SplitError, match=reason) as caught:
        split(splitter(), [data])
    assert caught.value.offset == offset
