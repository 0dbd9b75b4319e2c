"""`FormerNames`: a renamed field is read under its former names, and written under its own."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, NamedTuple, Required, TypedDict

import msgspec
import pytest
from attrs import field, frozen
from typed_table import FORMATS

from reddb import DecodeError, FormerNames
from reddb.codecs import Codec, DocumentCodec, JsonCodec

Text = Annotated[str, FormerNames("body", "content")]


@frozen
class Before:
    content: str
    number: int = 0


@frozen
class Attrs:
    text: Text
    number: int = 0


@frozen
class Private:
    _text: Text
    number: int = field(default=0)


@dataclasses.dataclass
class Data:
    text: Annotated[Text, "more metadata"]
    number: int = 0


class Struct(msgspec.Struct):
    text: Text
    number: int = 0


class Named(NamedTuple):
    text: Text
    number: int = 0


class Typed(TypedDict, total=False):
    text: Required[Text]
    number: int


@frozen
class Holder:
    inner: list[Attrs | None]


@frozen
class BeforeHolder:
    inner: list[Before | None]


def moved(old_type: Any, old: Any, new_type: Any, codec: Codec) -> Any:
    """Write a value of one type and read it as another."""
    data = DocumentCodec[Any](codec, old_type).encode(old)
    return DocumentCodec[Any](codec, new_type).decode(data)


@pytest.mark.parametrize("codec", FORMATS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("cls", [Attrs, Private, Data, Struct, Named, Typed])
def test_a_field_is_read_under_a_former_name(cls: Any, codec: Codec) -> None:
    new = cls(text="tea", number=2)
    assert moved(Before, Before("tea", 2), cls, codec) == new
    document_codec = DocumentCodec[Any](codec, cls)
    assert b"content" not in document_codec.encode(new)
    assert document_codec.decode(document_codec.encode(new)) == new


@pytest.mark.parametrize("codec", FORMATS, ids=lambda codec: codec.name)
def test_a_nested_class_is_read_under_a_former_name(codec: Codec) -> None:
    old = BeforeHolder([Before("tea"), None])
    assert moved(BeforeHolder, old, Holder, codec) == Holder([Attrs("tea"), None])


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ({"text": "new", "body": "old", "content": "older"}, "new"),
        ({"content": "older", "body": "old"}, "old"),
    ],
)
def test_the_newest_name_comes_first(stored: dict[str, str], text: str) -> None:
    document_codec = DocumentCodec[Any](JsonCodec(), Attrs)
    assert document_codec.decode(JsonCodec().encode(stored)) == Attrs(text)


def test_an_error_names_the_field_by_its_own_name() -> None:
    document_codec = DocumentCodec[Any](JsonCodec(), Attrs)
    with pytest.raises(DecodeError, match="field 'text' is missing"):
        document_codec.decode(b'{"number":1}')
    with pytest.raises(DecodeError) as caught:
        document_codec.decode(b'{"body":1}')
    assert caught.value.path == "$.text"


def test_a_former_name_that_another_field_has_is_refused() -> None:
    @frozen
    class Clash:
        text: Annotated[str, FormerNames("number")]
        number: int

    @frozen
    class Twice:
        one: Annotated[str, FormerNames("old")]
        two: Annotated[str, FormerNames("old")]

    for cls in (Clash, Twice):
        with pytest.raises(TypeError, match=r"former name .* is the name of another field too"):
            DocumentCodec(JsonCodec(), cls)


@pytest.mark.parametrize("names", [(), ("",), (1,), ("a", None)])
def test_former_names_are_strings(names: Any) -> None:
    with pytest.raises(TypeError, match="one name or more"):
        FormerNames(*names)
