"""What the Rust crate wrote reads as what it meant."""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reddb.codecs.ron import Struct, Variant, dumps, parse, to_plain

DATA = Path(__file__).parents[2] / "data" / "rust"
INSERT, UPDATE, DELETE = 1, 2, 3


def records(name: str) -> Iterator[tuple[int, str, str]]:
    """Give operation, id and payload of each record of a v2 file."""
    data = (DATA / name).read_bytes()
    offset = 32
    while offset < len(data):
        length, operation, key = struct.unpack_from("<IB16s", data, offset)
        offset += 21
        yield operation, str(uuid.UUID(bytes=key)), data[offset : offset + length].decode()
        offset += length


def lines() -> list[str]:
    return (DATA / "v1.ron").read_text().splitlines()


def expected(name: str) -> Any:
    return json.loads((DATA / name).read_text())


PAYLOADS = [payload for operation, _, payload in records("golden.ron") if operation != DELETE]


def test_the_golden_file_holds_what_is_expected() -> None:
    documents: dict[str, Any] = {}
    for operation, key, payload in records("golden.ron"):
        if operation == DELETE:
            documents.pop(key, None)
        else:
            documents[key] = to_plain(parse(payload))
    assert documents == expected("expected.json")


def test_the_v1_file_holds_what_is_expected() -> None:
    documents: dict[str, Any] = {}
    for line in lines():
        record = parse(line).fields
        if record["_st"] == Variant("De"):
            documents.pop(record["_id"], None)
        else:
            documents[record["_id"]] = to_plain(record["data"])
    assert documents == expected("expected_v1.json")


def test_each_payload_says_the_same_as_in_the_json_file() -> None:
    ron = [(key, to_plain(parse(text))) for operation, key, text in records("golden.ron") if text]
    written = [(key, json.loads(text)) for operation, key, text in records("golden.json") if text]
    assert sorted(ron, key=repr) == sorted(written, key=repr)


@pytest.mark.parametrize("payload", PAYLOADS + lines())
def test_each_payload_comes_back(payload: str) -> None:
    node = parse(payload)
    assert isinstance(node, Struct)
    assert repr(parse(dumps(node))) == repr(node)


def test_most_payloads_are_written_byte_for_byte_as_rust_wrote_them() -> None:
    # The others have floats that Rust spells without an exponent, or characters that Rust escapes.
    same = [payload for payload in PAYLOADS if dumps(parse(payload)) == payload]
    assert len(same) >= 0.6 * len(PAYLOADS)
