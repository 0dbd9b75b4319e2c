"""A format and a type put together: every mistake is an EncodeError or a DecodeError."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import define, evolve, field, frozen
from typed_table import FORMATS, Color, Link, Movie, Note, Point

from reddb.codecs import CborCodec, Codec, DocumentCodec, JsonCodec, Notation, YamlCodec
from reddb.codecs.protocol import Plain
from reddb.errors import DecodeError, EncodeError, RedDbError

each_format = pytest.mark.parametrize("codec", FORMATS, ids=lambda codec: codec.name)


@frozen
class Pieced:
    """A codec put together from pieces."""

    name: str = "pieced"
    suffix: str = ".pieced"
    notation: Notation = Notation.PLAIN
    encode: Callable[[Plain], bytes] = JsonCodec().encode
    decode: Callable[[bytes], Plain] = JsonCodec().decode


def raising(error: BaseException) -> Callable[[Any], Any]:
    def function(_: Any) -> Any:
        raise error

    return function


@define
class Album:
    title: str
    notes: list[Note] = field(factory=list)
    extra: dict[str, Any] = field(factory=dict)


@each_format
def test_it_has_its_codecs_name_and_suffix(codec: Codec) -> None:
    document_codec: DocumentCodec[Any] = DocumentCodec(codec, Any)
    assert (document_codec.name, document_codec.suffix) == (codec.name, codec.suffix)


@pytest.mark.parametrize(
    ("annotation", "immutable"), [(Point, True), (Color, True), (Note, False), (Any, False)]
)
def test_it_tells_whether_values_may_be_shared(annotation: Any, immutable: bool) -> None:
    document_codec: DocumentCodec[Any] = DocumentCodec(JsonCodec(), annotation)
    assert document_codec.immutable is immutable


@pytest.mark.parametrize("name", ["", "x" * 17, "jsön", "json\n", "json\0"])
def test_a_codec_needs_a_name_that_a_header_can_hold(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 16 printable ASCII characters"):
        DocumentCodec(Pieced(name=name), Any)


@pytest.mark.parametrize("name", ["x", "x" * 16, "json-zlib v1.0"])
def test_other_names_will_do(name: str) -> None:
    document_codec: DocumentCodec[Any] = DocumentCodec(Pieced(name=name), Any)
    assert document_codec.decode(document_codec.encode([1])) == [1]


def test_a_type_that_cannot_be_stored_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"range cannot be stored \(at \$\[\*\]\)"):
        DocumentCodec(JsonCodec(), list[range])


# Mistakes


ERRORS = [
    ValueError("wrong"),
    TypeError("wrong"),
    KeyError("wrong"),
    RecursionError("wrong"),
    MemoryError("wrong"),
    OverflowError("wrong"),
    UnicodeEncodeError("utf-8", "wrong", 0, 1, "wrong"),
    EOFError("wrong"),
    AssertionError("wrong"),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_whatever_a_codec_raises_is_an_error_of_the_database(error: Exception) -> None:
    codec = Pieced(encode=raising(error), decode=raising(error))
    document_codec: DocumentCodec[Any] = DocumentCodec(codec, Any)
    with pytest.raises(EncodeError, match=r"^pieced cannot hold the value: .*wrong") as encoding:
        document_codec.encode(1)
    with pytest.raises(DecodeError, match=r"^the bytes are not pieced: .*wrong") as decoding:
        document_codec.decode(b"1")
    for caught in (encoding.value, decoding.value):
        assert isinstance(caught, RedDbError)
        assert isinstance(caught, ValueError)
        assert caught.__cause__ is error
        assert caught.path == "$"


def test_an_error_without_a_message_is_named_by_its_type() -> None:
    codec = Pieced(encode=raising(MemoryError()), decode=raising(EOFError()))
    document_codec: DocumentCodec[Any] = DocumentCodec(codec, Any)
    with pytest.raises(EncodeError, match="cannot hold the value: MemoryError"):
        document_codec.encode(1)
    with pytest.raises(DecodeError, match="not pieced: EOFError"):
        document_codec.decode(b"")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), GeneratorExit()], ids=repr)
def test_what_is_no_mistake_comes_through(error: BaseException) -> None:
    codec = Pieced(encode=raising(error), decode=raising(error))
    document_codec: DocumentCodec[Any] = DocumentCodec(codec, Any)
    with pytest.raises(type(error)):
        document_codec.encode(1)
    with pytest.raises(type(error)):
        document_codec.decode(b"1")


@pytest.mark.parametrize("codec", [JsonCodec(), CborCodec(), YamlCodec()], ids=lambda c: c.name)
def test_a_place_that_the_codec_knows_is_the_errors_place(codec: Codec) -> None:
    link = Link(0)
    for number in range(250):
        link = Link(number, link)
    document_codec: DocumentCodec[Link] = DocumentCodec(codec, Link)
    with pytest.raises(EncodeError) as caught:
        document_codec.encode(link)
    assert caught.value.path == "$" + ".next" * 200
    assert str(caught.value).count("(at ") == 1


@each_format
@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Album, Album(1)),  # type: ignore[arg-type]  # The point.
        (Album, Album("a", extra={"b": {1, 2}})),
        (Album, Album("\ud800")),
        (Album, Album("a", extra={"\udfff": 1})),
        (Any, {"a": (1, 2)}),
        (Any, object()),
        (dict[str, int], {"\ud800": 1}),
        (Movie, {}),
    ],
)
def test_what_does_not_fit_is_an_encode_error(codec: Codec, annotation: Any, value: Any) -> None:
    document_codec: DocumentCodec[Any] = DocumentCodec(codec, annotation)
    with pytest.raises(EncodeError):
        document_codec.encode(value)


@each_format
@pytest.mark.parametrize("data", [b"", b"\xff\xff", b"[1", b"\x9f\x01", b"42", b"\x18\x2a"])
def test_what_is_not_of_the_type_is_a_decode_error(codec: Codec, data: bytes) -> None:
    document_codec: DocumentCodec[Album] = DocumentCodec(codec, Album)
    with pytest.raises(DecodeError):
        document_codec.decode(data)


@each_format
def test_a_document_of_another_type_is_a_decode_error_with_its_place(codec: Codec) -> None:
    @define
    class Old:
        title: str
        notes: list[dict[str, int]]

    old: DocumentCodec[Old] = DocumentCodec(codec, Old)
    new: DocumentCodec[Album] = DocumentCodec(codec, Album)
    with pytest.raises(DecodeError) as caught:
        new.decode(old.encode(Old("a", [{"text": 1}])))
    assert caught.value.path == "$.notes[0].text"


# Aliasing


@each_format
def test_each_decoding_gives_a_value_of_its_own(codec: Codec) -> None:
    document_codec: DocumentCodec[Album] = DocumentCodec(codec, Album)
    album = Album("a", [Note("b", ["c"])], {"d": [1]})
    data = document_codec.encode(album)
    album.notes[0].tags.append("changed")
    album.extra["d"].append(2)
    first, second = document_codec.decode(data), document_codec.decode(data)
    assert first == second == Album("a", [Note("b", ["c"])], {"d": [1]})
    first.notes[0].tags.append("changed")
    first.extra["d"].append(2)
    assert second == document_codec.decode(data)


@each_format
@pytest.mark.parametrize("annotation", [Any, dict[str, list[int]], dict[str, Any]])
def test_plain_values_are_not_shared_either(codec: Codec, annotation: Any) -> None:
    document_codec: DocumentCodec[Any] = DocumentCodec(codec, annotation)
    part = [1]
    data = document_codec.encode({"a": part, "b": part})
    value = document_codec.decode(data)
    value["a"].append(2)
    assert value["b"] == part == [1]
    assert document_codec.decode(data) == {"a": [1], "b": [1]}


@each_format
def test_a_default_is_made_anew_for_each(codec: Codec) -> None:
    @define
    class Short:
        title: str

    short: DocumentCodec[Short] = DocumentCodec(codec, Short)
    long: DocumentCodec[Album] = DocumentCodec(codec, Album)
    data = short.encode(Short("a"))
    long.decode(data).notes.append(Note("b"))
    assert long.decode(data) == Album("a")


@each_format
def test_encoding_the_same_value_gives_the_same_bytes(codec: Codec) -> None:
    first, second = {0, 8}, {8, 0}
    assert list(first) != list(second)  # Both want one place in the set's table.
    document_codec: DocumentCodec[Any] = DocumentCodec(codec, dict[str, set[int]])
    assert document_codec.encode({"a": first}) == document_codec.encode({"a": second})


def test_a_codec_is_asked_for_nothing_but_its_functions() -> None:
    codec = Pieced()
    document_codec: DocumentCodec[Any] = DocumentCodec(evolve(codec, suffix=".x"), Any)
    assert document_codec.suffix == ".x"
    assert document_codec.decode(b"[1]") == [1]
