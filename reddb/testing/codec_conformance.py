"""What every codec must do, as one call for the tests of a codec of your own.

`check_codec` gives a codec each value of `CODEC_CORPUS`, damaged and foreign bytes, and text that
is no Unicode. At the first mistake it raises an `AssertionError` that names the rule and the value.
The rules are those of `reddb.codecs.protocol`:

- The codec says what it is: name, suffix, notation.
- A value comes back as it was: the same types, the same sign of zero, NaN as NaN. The order of a
  dict's keys is free. If the codec's notation is `Notation.NAMED`, RON's nodes come back too.
- What comes back is new: no list or dict of it is in two places or in another result, and the value
  that was given is as it was.
- Other bytes than `encode` gives, and strings with lone surrogates, end in a `ValueError` or, where
  damaged bytes happen to say something, in another value. Nothing else is raised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import Any

from reddb.codecs import Codec, DocumentCodec, Notation
from reddb.codecs.plain import shown
from reddb.codecs.protocol import Plain
from reddb.codecs.ron import Char, Map, Node, Some, Struct, Tuple, Variant

_DAMAGES_MAX = 16
"""At how many places each value's bytes are cut, and changed."""

_YAML_TRAPS = """
    no No NO yes on off y n true True null Null NULL ~ 1e3 1_000 0o7 010 0x1F 0b1 1:30 12:30:45
    .inf -.inf .nan inf nan NaN +1 -1 1. .5 1.5 =  << - -- --- ... ? : :x x: a:b # #x x# & &a * *a
    ! !x | > % %x @ @x ` ' " '' "" , [ ] { } [] {} 2024-01-01 2024-01-01T12:30:45Z None
    Some(1) $ $int
"""

_TEXTS: dict[str, str] = {
    "empty text": "",
    "word": "word",
    "sentence": "A sentence, with a comma.",
    "accents": "Ærøskøbing, e\u0301",
    "right to left": "שלום עולם",
    "beyond the basic plane": "🦀 \U0001d4b3 \U0010ffff",
    "control characters": "".join(map(chr, range(0x20))) + "\x7f",
    "further control characters": "".join(map(chr, range(0x80, 0xA0))),
    "NUL": "\0",
    "next line": "a\x85b\x85",
    "line and paragraph separator": "a\u2028b\u2029",
    "byte order mark": "\ufeffa\ufeff",
    "non-characters": "\ufdd0\ufffe\uffff\U0001ffff",
    "private use": "\ue000\U000f0000",
    "invisible": "a\u200b\u200e\u202eb\u2066\xad",
    "quotes": "'single' \"double\" `back` ''' \"\"\"",
    "backslashes": "\\ \\n \\u0041 \\x41 \\\\ C:\\new",
    "spaces around": "  a  ",
    "space": " ",
    "tabs": "\ta\tb\t",
    "trailing spaces on lines": "a \nb  \n c",
    "newline": "\n",
    "newlines around": "\n\na\n\n",
    "carriage returns": "a\r\nb\rc\r",
    "colon and space": "key: value",
    "comment": "text # no comment",
    "list": "- a\n- b",
    "JSON": '{"a": [1, null]}',
    "escapes of JSON": '{"$bytes": ""}',
    "markup": "<a href='x'>&amp;</a> %s {0} ${x}",
    "long line": "word " * 200,
    "long text": "0123456789abcdef" * 4_096,
    **{f"trap {text}": text for text in _YAML_TRAPS.split()},
}

_NUMBERS: tuple[int | float, ...] = (
    *(sign * size + step for size in (2**31, 2**53, 2**63, 2**64) for sign in (1, -1)
      for step in (-1, 0, 1)),
    *(0, 1, -1, 23, 24, 255, 256, 65_536, 10**18, 10**30, -(10**30), 2**128),
    *(0.0, -0.0, 1.0, -1.0, 0.1, -0.1, 1 / 3, 1.5, 1e3, 1e15, 1e16, 1e21, 1e22, 1e23, 1e-5, 1e-7),
    *(5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308),
    *(float("inf"), float("-inf"), float("nan")),
)  # fmt: skip

_BYTES = {
    "empty bytes": b"",
    "NUL byte": b"\0",
    "bytes like text": b"text",
    "every byte": bytes(range(256)),
    "bytes that are no UTF-8": b"\xff\xfe\xc3\x28\xed\xa0\x80",
    "many bytes": b"\x00\x01\xfe" * 1_000,
}


def _nested(depth: int) -> Plain:
    value: Plain = "bottom"
    for level in range(depth):
        value = {"in": value} if level % 2 else [value]
    return value


def _corpus() -> Iterator[tuple[str, Plain]]:
    yield from {"None": None, "True": True, "False": False}.items()
    yield from ((f"{type(number).__name__} {number!r}", number) for number in _NUMBERS)
    yield from ((f"2**{bits}", 2**bits) for bits in (2_000, 2_047, 2_048, 13_000, 20_000))
    yield from ((f"-(2**{bits})", -(2**bits)) for bits in (2_000, 20_000))
    yield from _TEXTS.items()
    yield from _BYTES.items()
    yield "empty list", []
    yield "empty dict", {}
    yield "empty containers in each other", [[], {}, [[]], {"": {}}, {"a": []}]
    yield "every text in a list", list(_TEXTS.values())
    yield "every text as a key", {text: name for name, text in _TEXTS.items()}
    yield "every number in a list", list(_NUMBERS)
    yield "equal numbers of other types", [1, 1.0, True, 0, 0.0, -0.0, False, None]
    yield "equal keys of other types", {"1": 1, "1.0": 1.0, "true": True, "null": None, "": ""}
    yield "bytes in a dict", {"data": b"\x00", "text": "\x00"}
    yield "keys with dollar signs", {"$": 1, "$$": 2, "$bytes": "YQ==", "$$int": [{"$int": "0x1"}]}
    yield "a single key $bytes", {"$bytes": "YQ=="}
    yield "a single key $float", {"$float": "nan"}
    yield "50 levels", _nested(50)
    yield "equal lists side by side", [[1], [1], {"a": [1], "b": [1]}]
    yield "many items", list(range(1_000))
    yield "a record", {"name": "Ada", "tags": ["maths"], "born": 1815, "photo": b"\x89PNG"}


CODEC_CORPUS: Mapping[str, Plain] = MappingProxyType(dict(_corpus()))
"""Plain values of every kind, by a name that says what is hard about each. Copy before changing."""

_NODES: tuple[Node, ...] = (
    Struct({"a": 1, "b": Some([Variant("Admin")])}),
    Struct({"radius": 1.0}, "Circle"),
    Tuple(()),
    Tuple((1, "a")),
    Tuple((Tuple((1,), "Point"),), "Wrapper"),
    Variant("None_"),
    Some(None),
    Some(Some(1)),
    Char("'"),
    {1: "a", Variant("b"): "c"},
    Map([([1], "a"), (1, "b"), (1.0, "c"), (True, "d")]),
)

_NOT_UNICODE: tuple[Plain, ...] = (
    "\ud800",
    "a\udfffb",
    "\ud83d\ude00",  # Two lone surrogates, and not the one character that UTF-16 makes of them.
    ["a", {"b": "\udc80"}],
    {"\ud800": 1},
)

_GARBAGE: tuple[bytes, ...] = (
    *(bytes([byte]) * length for byte in range(256) for length in (1, 9)),
    *(opening * 100_000 for opening in (b"[", b"{", b"(", b"- ", b"\x81", b"\x9f", b"\xa1")),
    bytes(range(256)),
    b"\x1f\x8b\x08\x00garbage",
)


def check_codec(codec: Codec) -> None:
    """Check that a codec does what the database expects of it.

    Args:
        codec: The codec. It is used, and should be as new afterwards.

    Raises:
        AssertionError: It breaks a rule; the message says which, and with which value.

    Example:
        >>> def test_my_codec():
        ...     check_codec(MyCodec())
    """
    _check_description(codec)
    for name, value in CODEC_CORPUS.items():
        data = _check_value(codec, name, value)
        _check_damage(codec, name, data)
    if codec.notation is Notation.NAMED:
        _check_nodes(codec)
    _check_text(codec)
    _check_garbage(codec)


def _check_description(codec: Codec) -> None:
    try:
        DocumentCodec(codec, Any)
    except ValueError as error:
        raise AssertionError(f"name: {error}") from error
    suffix, notation = codec.suffix, codec.notation
    assert suffix.startswith(".") and len(suffix) > 1, f"suffix: {suffix!r} does not begin with '.'"
    assert isinstance(notation, Notation), f"notation: {notation!r} is no Notation"


def _check_value(codec: Codec, name: str, value: Plain) -> bytes:
    """Check that a value comes back, and as a new one; give its bytes."""
    given = deepcopy(value)
    data = _encoded(codec, name, given)
    assert _is_same(given, value), f"argument: encode has changed the value {name!r}"
    results = _decoded(codec, name, data), _decoded(codec, name, data)
    for result in results:
        assert _is_same(result, value), (
            f"round trip: {name!r} is {shown(value)} and came back as {shown(result)}"
        )
    containers = [part for whole in (given, *results) for part in _containers(whole)]
    assert len(set(map(id, containers))) == len(containers), (
        f"new values: a list or dict of {name!r} is in two places"
    )
    return data


def _encoded(codec: Codec, name: str, value: Plain) -> bytes:
    try:
        data = codec.encode(value)
    except Exception as error:
        raise AssertionError(f"round trip: encode refused {name!r}: {error!r}") from error
    assert type(data) is bytes, f"bytes: encode gave a {type(data).__name__} for {name!r}"
    return data


def _decoded(codec: Codec, name: str, data: bytes) -> Plain:
    try:
        return codec.decode(data)
    except Exception as error:
        raise AssertionError(f"round trip: decode refused {name!r}: {error!r}") from error


def _is_same(one: Plain, other: Plain) -> bool:
    if type(one) is not type(other):
        return False
    match one:
        case float():
            return repr(one) == repr(other)  # This tells -0.0 from 0.0, and takes NaN for NaN.
        case list():
            return len(one) == len(other) and all(map(_is_same, one, other))
        case dict():
            return (
                one.keys() == other.keys()
                and all(type(key) is str for key in other)
                and all(_is_same(value, other[key]) for key, value in one.items())
            )
    return bool(one == other)


def _containers(value: Plain) -> Iterator[Plain]:
    if isinstance(value, list | dict):
        yield value
        for part in value.values() if isinstance(value, dict) else value:
            yield from _containers(part)


def _check_nodes(codec: Codec) -> None:
    for node in _NODES:
        result = _decoded(codec, repr(node), _encoded(codec, repr(node), node))
        assert repr(result) == repr(node), f"nodes: {node!r} came back as {result!r}"


def _check_damage(codec: Codec, name: str, data: bytes) -> None:
    """Check that cut and changed bytes are refused, or say something else."""
    step = max(1, len(data) // _DAMAGES_MAX)
    for place in range(0, len(data), step):
        _refuses(codec, f"truncation: the bytes of {name!r}, cut at {place}", data[:place])
        changed = bytes([data[place] ^ 0x15])
        damaged = data[:place] + changed + data[place + 1 :]
        _refuses(codec, f"damage: the bytes of {name!r}, changed at {place}", damaged)


def _check_garbage(codec: Codec) -> None:
    assert _refuses(codec, "no bytes", b""), "no bytes: decode did not refuse them"
    for data in _GARBAGE:
        _refuses(codec, f"garbage: {shown(data)}", data)


def _refuses(codec: Codec, rule: str, data: bytes) -> bool:
    """Tell whether decoding ends in a ValueError, after checking that it ends in nothing worse."""
    try:
        codec.decode(data)
    except ValueError:
        return True
    except Exception as error:
        raise AssertionError(f"{rule}: decode raised no ValueError but {error!r}") from error
    return False


def _check_text(codec: Codec) -> None:
    for value in _NOT_UNICODE:
        try:
            codec.encode(value)
        except ValueError:
            continue
        except Exception as error:
            raise AssertionError(
                f"surrogates: encode raised no ValueError but {error!r} for {value!r}"
            ) from error
        raise AssertionError(f"surrogates: encode did not refuse {value!r}")
