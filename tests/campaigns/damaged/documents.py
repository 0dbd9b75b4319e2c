"""Documents that no database would store: nested without end, of giant size, or no documents."""

from __future__ import annotations

from random import Random

_DEPTHS = (10, 199, 1_000, 20_000, 200_000)

_DOCUMENT_BYTES = 400_000

_NESTED: dict[str, tuple[tuple[bytes, bytes], ...]] = {
    "cbor": (
        (b"\x81", b"\x00"),
        (b"\x9f", b"\xff"),
        (b"\xa1\x60", b"\x00"),
        (b"\xbf\x60", b"\xff"),
        (b"\xc1", b"\x00"),
        (b"\xd8\x1c", b"\x80"),
        (b"\xd9\x01\x02\x81", b"\x00"),
        (b"\x5f", b"\xff"),
    ),
    "json": ((b"[", b"]"), (b'{"a":', b"}"), (b'{"$$":', b"}"), (b'[{"$bytes":', b"}]")),
    "ron": (
        (b"(", b")"),
        (b"[", b"]"),
        (b"{1:", b"}"),
        (b"Some(", b")"),
        (b"A(a:", b")"),
        (b"/*", b"*/"),
        (b"#![enable(implicit_some)]", b"1"),
    ),
    "yaml": (
        (b"[", b"]"),
        (b"{a: ", b"}"),
        (b"- ", b""),
        (b"? ", b""),
        (b"&a [", b"]"),
        (b"!!seq [", b"]"),
        (b"[*a, ", b"]"),
    ),
}
"""What opens and what closes one level, by codec."""

_GIANT: dict[str, tuple[bytes, ...]] = {
    "cbor": (
        b"\x9b" + b"\xff" * 8,
        b"\x9b\x00\x00\x00\x7f\xff\xff\xff\xff",
        b"\x9a\x00\xff\xff\xff",
        b"\x5b\x00\x00\x00\x7f\xff\xff\xff\xff",
        b"\x5b" + b"\xff" * 8,
        b"\x7b\x00\x00\x00\x00\xff\xff\xff\xff",
        b"\xbb\x00\x00\x00\x00\x7f\xff\xff\xff",
        b"\xba\x7f\xff\xff\xff",
        b"\xc2\x5a\x7f\xff\xff\xff",
        b"\xd8\x1c\x81\xd8\x1d\x00",
        b"\xd8\x1d\x00",
        b"\xd9\x01\x00\x82\x63abc\xd8\x19\x00",
        b"\xc0\x6aabcdefghij",
        b"\xc1\xfb\x7e\x37\xe4\x3c\x88\x00\x75\x9c",
        b"\xc4\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\xc5\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\xd8\x1e\x82\x01\x00",
        b"\xd8\x23\x68(a+)+$aa",
        b"\xd8\x25\x50" + b"\x01" * 16,
        b"\xd9\x01\x04\x44\x7f\x00\x00\x01",
        b"\xf9\x7e\x00",
        b"\xf7",
        b"\xf8\x18",
        b"\xff",
        b"\x61\xff",
        b"\xa2\x01\x02\x01\x03",
        b"\xa1\x80\x00",
    ),
    "json": (
        b"1" * 100_000,
        b"-" + b"9" * 5_000,
        b"1e999999999",
        b"1e-999999999",
        b"0." + b"0" * 50_000 + b"1",
        b'"\\ud800"',
        b'"\\u0000"',
        b'{"$int":"0x' + b"f" * 100_000 + b'"}',
        b'{"$int":"' + b"9" * 100_000 + b'"}',
        b'{"$int":"1_0"}',
        b'{"$bytes":"' + b"A" * 99_999 + b'"}',
        b'{"$float":"1"}',
        b'{"$float":{}}',
        b'{"$x":1}',
        b'{"$a":1,"b":2}',
        b'{"a":1,"a":2}',
        b"NaN",
        b"\xef\xbb\xbf1",
        b"1 2",
    ),
    "ron": (
        b"1" * 100_000,
        b"0x" + b"f" * 100_000,
        b"1e999999999",
        b"0b" + b"1" * 100_000,
        b"'\\u{110000}'",
        b'"\\u{d800}"',
        b"r" + b"#" * 100_000 + b'"',
        b"/*" * 100_000,
        b"//" * 100_000,
        b'"' + b"\\" * 99_999,
        b"Some(Some(None))",
        b"(a:1,a:2)",
        b"{1:1,1:2}",
        b"r#a",
        b"A::B",
        b"b'\\xff'",
        b"inf",
        b"-NaN",
        b"1 2",
    ),
    "yaml": (
        b"a: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(
            b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9))
            for i in range(9)
        ),
        b"&a [*a]",
        b"&a {b: *a}",
        b"!!python/object/apply:os.getcwd []",
        b"!!python/name:os.system",
        b"!!python/tuple [1]",
        b"!!binary 'x'",
        b"!!set {a, b}",
        b"!!omap [a: 1]",
        b"!!timestamp 2001-99-99",
        b"2001-12-14t21:59:43.10-05:00",
        b"1:2:3:4" * 1000,
        b"0x" + b"f" * 100_000,
        b"1" * 100_000,
        b"1e999999999",
        b"{<<: {a: 1}}",
        b"? [a]\n: b",
        b"a: 1\na: 2",
        b"--- 1\n--- 2",
        b"%TAG ! tag:x,2000:\n--- !y 1",
        b"\t- 1",
        b"|\n" + b" " * 100_000,
        b'"' + b"\\x00" * 20_000 + b'"',
        b'"\\ud800"',
        b"*a",
        b"&a &b 1",
        b"#" * 100_000,
    ),
}


def nasty_document(random: Random, codec: str, document: bytes) -> bytes:
    """Give the bytes of something that is no document, or hardly one.

    Args:
        random: Chooses what.
        codec: The name of the codec that will read it.
        document: A document that this codec has written.
    """
    match random.randrange(5):
        case 0:
            opening, closing = random.choice(_NESTED[codec])
            depth = min(random.choice(_DEPTHS), _DOCUMENT_BYTES // len(opening))
            return opening * depth + random.choice((b"", closing, closing * depth))
        case 1:
            return random.choice(_GIANT[codec])
        case 2:
            return random.choice((b"", b"\x00", b"\xff", random.randbytes(random.randrange(99))))
        case 3:
            other = random.choice(list(_GIANT))
            return random.choice(_GIANT[other])
    return _changed(random, document)


def _changed(random: Random, document: bytes) -> bytes:
    data = bytearray(document)
    for _ in range(random.choice((1, 1, 3, 10)) if data else 0):
        place = random.randrange(len(data) + 1)
        if random.random() < 0.5:
            data[place : place + 1] = random.randbytes(random.randrange(3))
        else:
            start = random.randrange(len(data) + 1)
            data[place:place] = data[start : start + random.randrange(40)]
    return bytes(data)
