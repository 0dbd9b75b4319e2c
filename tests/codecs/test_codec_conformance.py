"""The conformance suite finds each way to break a codec's rules, and nothing else."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import cbor2
import msgspec
import pytest
from attrs import evolve, frozen

from reddb.codecs import JsonCodec, Notation, RonCodec
from reddb.codecs.plain import shown
from reddb.codecs.protocol import Plain
from reddb.codecs.ron import to_plain
from reddb.testing.codec_conformance import CODEC_CORPUS, check_codec


@frozen
class Pieced:
    """A codec put together from pieces."""

    name: str
    suffix: str
    notation: Notation
    encode: Callable[[Plain], bytes]
    decode: Callable[[bytes], Plain]


json_codec, ron_codec = JsonCodec(), RonCodec()
JSON = Pieced("json", ".json", Notation.PLAIN, json_codec.encode, json_codec.decode)
RON = Pieced("ron", ".ron", Notation.NAMED, ron_codec.encode, ron_codec.decode)


def json_but(**changes: Any) -> Pieced:
    return evolve(JSON, **changes)


def mapped(value: Plain, change: Callable[[Plain], Plain]) -> Plain:
    """Change the scalars in a value, and the keys."""
    match value:
        case list():
            return [mapped(item, change) for item in value]
        case dict():
            return {change(key): mapped(item, change) for key, item in value.items()}
    return change(value)


def encoding(change: Callable[[Plain], Plain]) -> Pieced:
    return json_but(encode=lambda value: json_codec.encode(mapped(value, change)))


def decoding(change: Callable[[Plain], Plain]) -> Pieced:
    return json_but(decode=lambda data: mapped(json_codec.decode(data), change))


def test_sound_codecs_pass() -> None:
    check_codec(JSON)
    check_codec(RON)


def test_the_order_of_keys_is_free() -> None:
    def with_sorted_keys(value: Plain) -> Plain:
        match value:
            case list():
                return [with_sorted_keys(item) for item in value]
            case dict():
                return {key: with_sorted_keys(value[key]) for key in sorted(value)}
        return value

    check_codec(json_but(encode=lambda value: json_codec.encode(with_sorted_keys(value))))


class CompressedCodec:
    """The example of `reddb.codecs.protocol.Codec`."""

    name = "json-zlib"
    suffix = ".json.z"
    notation = Notation.PLAIN

    def encode(self, value: Plain) -> bytes:
        return zlib.compress(JsonCodec().encode(value))

    def decode(self, data: bytes) -> Plain:
        try:
            return JsonCodec().decode(zlib.decompress(data))
        except zlib.error as error:
            raise ValueError("not compressed") from error


def test_the_example_passes() -> None:
    check_codec(CompressedCodec())


# One fault each


def lossy_float(value: Plain) -> Plain:
    return int(value) if type(value) is float and value.is_integer() else value


def unsigned_zero(value: Plain) -> Plain:
    return 0.0 if value == 0.0 and type(value) is float else value


def number_as_bool(value: Plain) -> Plain:
    return value == 1 if type(value) is int and value in {0, 1} else value


def rounded(value: Plain) -> Plain:
    return int(float(value)) if type(value) is int and abs(value) < 2**1_000 else value


def stripped(value: Plain) -> Plain:
    return value.rstrip(" ") if type(value) is str else value


def text_as_bytes(value: Plain) -> Plain:
    return value.decode() if type(value) is bytes and value.isascii() else value


def without_marks(value: Plain) -> Plain:
    return value.replace("\ufeff", "") if type(value) is str else value


def with_unix_lines(value: Plain) -> Plain:
    return value.replace("\r\n", "\n") if type(value) is str else value


def refusing(kind: type, text: str) -> Callable[[Plain], Plain]:
    def refuse(value: Plain) -> Plain:
        if type(value) is kind and text in str(value):
            raise ValueError("not supported")
        return value

    return refuse


def one_empty_list() -> Callable[[bytes], Plain]:
    empty: list[Plain] = []

    def decode(data: bytes) -> Plain:
        value = json_codec.decode(data)
        return empty if value == [] else value

    return decode


def with_equal_parts_shared(data: bytes) -> Plain:
    value = json_codec.decode(data)
    if type(value) is list and len(value) == 3 and value[0] == value[1]:
        value[1] = value[0]
    return value


def remembering(times: int) -> dict[str, Callable[[Any], Any]]:
    """Give a codec's functions that remember what they were given, and give it back so often."""
    known: dict[bytes, list[Plain]] = {}

    def encode(value: Plain) -> bytes:
        data = json_codec.encode(value)
        known[data] = [value] * times
        return data

    def decode(data: bytes) -> Plain:
        return known[data].pop() if known.get(data) else json_codec.decode(data)

    return {"encode": encode, "decode": decode}


def changing(value: Plain) -> bytes:
    data = json_codec.encode(value)
    if type(value) is dict:
        value.pop("name", None)
    return data


def raising(error: Exception, when: Callable[[bytes], bool]) -> Callable[[bytes], Plain]:
    def decode(data: bytes) -> Plain:
        if when(data):
            raise error
        return json_codec.decode(data)

    return decode


def surrogates_passed(value: Plain) -> bytes:
    try:
        return json_codec.encode(value)
    except UnicodeEncodeError:
        return repr(value).encode("ascii", "backslashreplace")


def surrogates_crash(value: Plain) -> bytes:
    try:
        return json_codec.encode(value)
    except UnicodeEncodeError as error:
        raise RuntimeError("oops") from error


FAULTS: Mapping[str, tuple[Pieced, str]] = {
    "no name": (json_but(name=""), "name: .*1 to 16 printable ASCII"),
    "long name": (json_but(name="x" * 17), "name: .*1 to 16 printable ASCII"),
    "foreign name": (json_but(name="jsön"), "name: .*1 to 16 printable ASCII"),
    "unprintable name": (json_but(name="json\0"), "name: .*1 to 16 printable ASCII"),
    "suffix without dot": (json_but(suffix="json"), "suffix: 'json'"),
    "suffix of a dot": (json_but(suffix="."), "suffix: '.'"),
    "notation as text": (json_but(notation="plain"), "notation: 'plain'"),
    "no NaN": (json_but(encode=msgspec.json.encode), "round trip: 'float inf'"),
    "no -0.0": (encoding(unsigned_zero), "round trip: 'float -0.0' is -0.0 .* back as 0.0"),
    "float as int": (encoding(lossy_float), "(?m)round trip: 'float 0.0' is 0.0 .* back as 0$"),
    "int as bool": (decoding(number_as_bool), "round trip: 'int 0' is 0 .* back as False"),
    "53 bits": (encoding(rounded), f"round trip: 'int {2**53 + 1}'"),
    "64 bits": (encoding(refusing(int, str(2**64))), f"encode refused 'int {2**64}'"),
    "no NUL": (encoding(refusing(str, "\0")), "encode refused 'control characters'"),
    "no BOM": (encoding(without_marks), "round trip: 'byte order mark'"),
    "stripped": (decoding(stripped), "round trip: 'spaces around'"),
    "line ends": (decoding(with_unix_lines), "round trip: 'carriage returns'"),
    "bytes as text": (encoding(text_as_bytes), "round trip: 'empty bytes'"),
    "decode refuses": (decoding(refusing(str, "🦀")), "decode refused 'beyond the basic plane'"),
    "argument changed": (json_but(encode=changing), "argument: .*'every text|'a record'"),
    "bytearray": (
        json_but(encode=lambda value: bytearray(json_codec.encode(value))),
        "bytes: encode gave a bytearray for 'None'",
    ),
    "text": (
        json_but(encode=lambda value: json_codec.encode(value).decode()),
        "bytes: encode gave a str for 'None'",
    ),
    "one empty list": (json_but(decode=one_empty_list()), "new values: .* 'empty list'"),
    "equal parts shared": (
        json_but(decode=with_equal_parts_shared),
        "new values: .* 'equal lists side by side'",
    ),
    "given back": (json_but(**remembering(2)), "new values: .* 'empty list'"),
    "given back once": (json_but(**remembering(1)), "new values: .* 'empty list'"),
    "cut bytes": (
        json_but(decode=raising(EOFError(), lambda data: data == b"nul")),
        "truncation: the bytes of 'None', cut at 3: decode raised no ValueError but EOFError",
    ),
    "changed bytes": (
        json_but(decode=raising(KeyError("{"), lambda data: data == b"{ull")),
        "damage: the bytes of 'None', changed at 0: decode raised no ValueError but KeyError",
    ),
    "deep garbage": (
        json_but(decode=raising(RecursionError(), lambda data: data == b"[" * 100_000)),
        r"garbage: b'\[\[.*: decode raised no ValueError but RecursionError",
    ),
    "any garbage": (
        json_but(decode=raising(OverflowError(), lambda data: data == b"\xff")),
        r"garbage: b'\\xff': decode raised no ValueError but OverflowError",
    ),
    "no bytes": (
        json_but(decode=lambda data: json_codec.decode(data) if data else None),
        "no bytes: decode did not refuse them",
    ),
    "no bytes crash": (
        json_but(decode=raising(IndexError(), lambda data: data == b"")),
        "cut at 0: decode raised no ValueError but IndexError",
    ),
    "surrogates passed": (json_but(encode=surrogates_passed), "surrogates: .* not refuse"),
    "surrogates crash": (json_but(encode=surrogates_crash), "surrogates: .*RuntimeError"),
    "nodes made plain": (
        evolve(RON, decode=lambda data: to_plain(ron_codec.decode(data))),
        "nodes: Struct",
    ),
    "no nodes": (json_but(notation=Notation.NAMED), "encode refused .*Struct"),
}


@pytest.mark.parametrize(("codec", "message"), FAULTS.values(), ids=FAULTS)
def test_each_fault_is_found(codec: Pieced, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_codec(codec)


def test_a_bare_library_is_not_enough() -> None:
    bare = Pieced("cbor", ".bin", Notation.PLAIN, cbor2.dumps, cbor2.loads)
    with pytest.raises(AssertionError, match="decode raised no ValueError but CBOR"):
        check_codec(bare)


def test_the_corpus_is_as_it_was_after_a_check() -> None:
    before = {name: shown(value) for name, value in CODEC_CORPUS.items()}
    with pytest.raises(AssertionError, match="argument"):
        check_codec(json_but(encode=changing))
    assert {name: shown(value) for name, value in CODEC_CORPUS.items()} == before
