"""Versions of documents in every format: how they are written, and how they are upgraded."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import date
from enum import Enum
from typing import Any, TypedDict

import pytest
from attrs import frozen
from typed_table import FORMATS, TABLE, fingerprint

from reddb import DecodeError, DocumentType, EncodeError, JsonCodec, Notation, RonCodec
from reddb.codecs import Codec, DocumentCodec


class Color(Enum):
    RED = "red"


@frozen
class Empty:
    pass


@frozen
class Circle:
    r: float


@frozen
class Square:
    side: float


@frozen
class Old:
    name: str


@frozen
class Person:
    first: str
    last: str


class Keyed(TypedDict):
    first: str
    last: str


def split(old: Any) -> Any:
    first, _, last = old.pop("name").partition(" ")
    return {**old, "first": first, "last": last}


def same(old: Any) -> Any:
    return old


def version(kind: Any, number: int = 2, *upgrades: Any) -> DocumentType[Any]:
    functions = upgrades or (same,) * (number - 1)
    steps = dict(enumerate(functions, number - len(functions)))
    return DocumentType(kind, version=number, upgrades=steps)


def written(codec: Codec, kind: Any, value: Any) -> bytes:
    return DocumentCodec[Any](codec, kind).encode(value)


def read(codec: Codec, kind: Any, data: bytes) -> Any:
    return DocumentCodec[Any](codec, kind).decode(data)


formats = pytest.mark.parametrize("codec", FORMATS, ids=lambda codec: codec.name)


@formats
@pytest.mark.parametrize("name", TABLE)
def test_a_version_changes_no_value(name: str, codec: Codec) -> None:
    annotation, values = TABLE[name]
    kind = version(annotation, 3)
    given = [read(codec, kind, written(codec, kind, value)) for value in values]
    assert fingerprint(given) == fingerprint(values)


@formats
@pytest.mark.parametrize("name", TABLE)
def test_an_upgrade_that_changes_nothing_changes_nothing(name: str, codec: Codec) -> None:
    annotation, values = TABLE[name]
    for old in (annotation, version(annotation, 2)):
        data = [written(codec, old, value) for value in values]
        given = [read(codec, version(annotation, 3), each) for each in data]
        assert fingerprint(given) == fingerprint(values)


@pytest.mark.parametrize(
    ("kind", "value", "json", "ron"),
    [
        (Old, Old("a"), '{"name":"a","__version__":2}', '(name:"a",__version__:2)'),
        (Empty, Empty(), '{"__version__":2}', "(__value__:(),__version__:2)"),
        (dict[str, int], {"a": 1}, '{"a":1,"__version__":2}', '{"a":1,"__version__":2}'),
        (list[int], [1], '{"__value__":[1],"__version__":2}', "(__value__:[1],__version__:2)"),
        (
            Circle | Square,
            Circle(1.0),
            '{"Circle":{"r":1.0},"__version__":2}',
            "Circle(r:1.0,__version__:2)",
        ),
        (Any, {"a": 1}, '{"a":1,"__version__":2}', '{"a":1,"__version__":2}'),
    ],
)
def test_a_version_is_written_as_the_last_field(kind: Any, value: Any, json: str, ron: str) -> None:
    for codec, text in ((JsonCodec(), json), (RonCodec(), ron)):
        assert written(codec, version(kind), value).decode() == text
        assert read(codec, version(kind), text.encode()) == value


@formats
def test_version_1_is_not_written(codec: Codec) -> None:
    for annotation, values in TABLE.values():
        for value in values:
            data = written(codec, annotation, value)
            assert written(codec, DocumentType(annotation), value) == data
            assert written(codec, DocumentType(annotation, version=1), value) == data
            assert b"__" not in data


@formats
def test_upgrades_run_one_after_another(codec: Codec) -> None:
    data = written(codec, Old, Old("Ada Lovelace"))
    steps = (split, lambda old: old | {"last": old["last"].upper()})
    assert read(codec, version(Person, 2, split), data) == Person("Ada", "Lovelace")
    assert read(codec, version(Person, 3, *steps), data) == Person("Ada", "LOVELACE")
    newer = written(codec, version(Person, 2, split), Person("Ada", "Lovelace"))
    assert read(codec, version(Person, 3, *steps), newer) == Person("Ada", "LOVELACE")
    assert read(codec, version(Keyed, 2, split), data) == {"first": "Ada", "last": "Lovelace"}


@formats
@pytest.mark.parametrize(
    ("old_type", "old", "upgrade", "new_type", "new"),
    [
        (Circle, Circle(2.0), lambda old: {"Circle": old}, Circle | Square, Circle(2.0)),
        (Circle | Square, Square(2.0), lambda old: old["Square"], Square, Square(2.0)),
        (
            Circle | Square,
            Circle(2.0),
            lambda old: {"Square": {"side": old["Circle"]["r"]}},
            Circle | Square,
            Square(2.0),
        ),
        (str, "a", lambda old: [old], list[str], ["a"]),
        (list[str], ["a"], lambda old: dict.fromkeys(old, 1), dict[str, int], {"a": 1}),
        (dict[int, str], {1: "a"}, lambda old: old | {"2": "b"}, dict[int, str], {1: "a", 2: "b"}),
        (
            dict[Color, int],
            {Color.RED: 1},
            lambda old: {"red": old["red"] + 1},
            dict[Color, int],
            {Color.RED: 2},
        ),
        (
            dict[tuple[int, int], str],
            {(1, 2): "a"},
            lambda old: [[pair, text.upper()] for pair, text in old][:1] and old,
            dict[tuple[int, int], str],
            {(1, 2): "a"},
        ),
        (tuple[int, int], (1, 2), lambda old: [*old, 3], tuple[int, ...], (1, 2, 3)),
        (int | None, 5, lambda old: old and old + 1, int | None, 6),
        (int | None, None, lambda old: old and old + 1, int | None, None),
        (Color | None, Color.RED, lambda old: old.upper().lower(), Color | None, Color.RED),
        (str, "2026-02-28", same, date, date(2026, 2, 28)),
        (Any, {"a": [1]}, lambda old: {**old, "b": None}, Any, {"a": [1], "b": None}),
        (Any, [1], lambda old: {"was": old}, Any, {"was": [1]}),
        (Empty, Empty(), lambda _: {"r": 1.0}, Circle, Circle(1.0)),
    ],
)
def test_an_upgrade_may_change_the_shape(
    codec: Codec, old_type: Any, old: Any, upgrade: Any, new_type: Any, new: Any
) -> None:
    data = written(codec, old_type, old)
    given = read(codec, version(new_type, 2, upgrade), data)
    assert fingerprint(given) == fingerprint(new)
    again = read(codec, version(new_type, 3, same, same), written(codec, version(new_type), given))
    assert fingerprint(again) == fingerprint(new)


@formats
def test_what_an_upgrade_leaves_alone_stays_what_it_was(codec: Codec) -> None:
    """Also where RON says more than a plain value can, as of a tuple in a `Sequence`."""

    @frozen
    class Before:
        numbers: Sequence[int]
        nothing: Sequence[int]
        shapes: list[Circle | Empty | dict[str, int]]
        colors: dict[Color, str | Color]
        text: str

    @frozen
    class After(Before):
        length: int

    old = Before((1, 2), (), [Circle(1.0), Empty(), {"r": 1}], {Color.RED: Color.RED}, "red")
    data = written(codec, Before, old)
    kind = version(After, 2, lambda plain: {**plain, "length": len(plain["text"])})
    new = After((1, 2), (), [Circle(1.0), Empty(), {"r": 1}], {Color.RED: Color.RED}, "red", 3)
    assert fingerprint(read(codec, kind, data)) == fingerprint(new)


def no_function(old: Any) -> Any:
    raise KeyError("first")


@formats
def test_what_cannot_be_upgraded_says_why(codec: Codec) -> None:
    newest = written(codec, version(Old, 4), Old("a"))
    for kind, newest_known in ((Old, 1), (version(Old, 3), 3)):
        with pytest.raises(DecodeError, match=f"version 4, .* versions up to {newest_known}: a "):
            read(codec, kind, newest)
    oldest = written(codec, Old, Old("a"))
    with pytest.raises(DecodeError, match=r"version 1, .* upgrades documents from version 2 on"):
        read(codec, DocumentType(Old, version=3, upgrades={2: same}), oldest)
    with pytest.raises(DecodeError, match=r"upgrade from version 2 failed: KeyError") as caught:
        read(codec, version(Old, 3, same, no_function), oldest)
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(DecodeError, match="missing, after the upgrade from version 1") as caught:
        read(codec, version(Person), oldest)
    assert caught.value.path == "$.first"
    with pytest.raises(DecodeError, match="version is 'two', which is none"):
        read(codec, Old, codec.encode({"name": "a", "__version__": "two"}))


def test_a_document_of_the_newest_version_that_does_not_fit_is_not_called_upgraded() -> None:
    data = written(JsonCodec(), version(Old), Old("a"))
    with pytest.raises(DecodeError) as caught:
        read(JsonCodec(), version(Person), data)
    assert "upgrade" not in str(caught.value)


@pytest.mark.parametrize("name", ["__version__", "__value__"])
def test_the_names_of_the_stamp_are_not_for_others(name: str) -> None:
    taken: Any = TypedDict("taken", {name: int})  # type: ignore[misc]  # Made at run time.
    for codec in FORMATS:
        assert read(codec, taken, written(codec, taken, {name: 5})) == {name: 5}
        with pytest.raises(TypeError, match=f"its field {name!r} has a name"):
            DocumentCodec(codec, version(taken))
        for kind in (dict[str, int], version(dict[str, int]), version(Any)):
            with pytest.raises(EncodeError, match="reddb's own"):
                written(codec, kind, {name: 5})
        assert read(codec, Any, written(codec, Any, {name: 5})) == {name: 5}


def test_without_a_type_the_version_is_a_field() -> None:
    for codec in FORMATS:
        data = written(codec, version(Old), Old("a"))
        plain = read(codec, Any, data)
        assert plain == {"name": "a", "__version__": 2}
        assert read(codec, version(Old), written(codec, Any, plain)) == Old("a")


# Renewing, which is what compaction does.


class Compressed:
    """A codec that shows nothing of what is in it."""

    name = "json-zlib"
    suffix = ".json.z"
    notation = Notation.PLAIN

    def encode(self, value: Any) -> bytes:
        return zlib.compress(JsonCodec().encode(value))

    def decode(self, data: bytes) -> Any:
        return JsonCodec().decode(zlib.decompress(data))


@pytest.mark.parametrize("codec", [*FORMATS, Compressed()], ids=lambda codec: codec.name)
def test_renewed_bytes_are_those_of_the_newest_version(codec: Codec) -> None:
    renewing = DocumentCodec[Any](codec, version(Person, 2, split))
    assert renewing.renew is not None
    old = written(codec, Old, Old("Ada Lovelace"))
    new = renewing.encode(Person("Ada", "Lovelace"))
    assert renewing.renew(old) == new
    assert renewing.renew(new) == new
    unreadable = codec.encode({"other": 1})
    assert renewing.renew(unreadable) == unreadable
    assert DocumentCodec[Any](codec, Person).renew is None


@pytest.mark.parametrize("codec", FORMATS, ids=lambda codec: codec.name)
def test_what_is_new_already_is_not_read_to_be_renewed(codec: Codec) -> None:
    calls: list[Any] = []

    @frozen
    class Counted:
        a: int

        def __attrs_post_init__(self) -> None:
            calls.append(self)

    for kind, value in ((Counted, Counted(1)), (list[Counted], [Counted(1)])):
        renewing = DocumentCodec[Any](codec, version(kind))
        data = renewing.encode(value)
        calls.clear()
        assert renewing.renew is not None
        assert renewing.renew(data) is data
        assert calls == []


# Declaring them.


@pytest.mark.parametrize(
    ("choices", "error", "message"),
    [
        ({"version": 0}, ValueError, "from 1 on, not 0"),
        ({"version": True}, ValueError, "not True"),
        ({"version": "2"}, ValueError, "not '2'"),
        ({"version": 2**31}, ValueError, "from 1 on"),
        ({"version": 2}, ValueError, "Old has no upgrade from version 1 to 2"),
        ({"version": 4, "upgrades": {1: same, 3: same}}, ValueError, "no upgrade from version 2"),
        ({"version": 3, "upgrades": {1: same}}, ValueError, "no upgrade from version 2 to 3"),
        ({"upgrades": {1: same}}, ValueError, "is of version 1, and there is an upgrade of"),
        ({"version": 2, "upgrades": {2: same}}, ValueError, "there is an upgrade of version 2"),
        ({"version": 2, "upgrades": {0: same, 1: same}}, ValueError, "upgrade of version 0"),
        ({"version": 2, "upgrades": {"1": same}}, ValueError, "upgrade of version '1'"),
        ({"version": 2, "upgrades": {1: "same"}}, TypeError, "from version 1 is no function"),
    ],
)
def test_a_wrong_declaration_says_what_is_wrong(
    choices: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        DocumentType(Old, **choices)


def test_a_document_type_is_not_made_of_another() -> None:
    with pytest.raises(TypeError, match="not of another DocumentType"):
        DocumentType(DocumentType(Old))


def test_upgrades_are_those_that_were_given() -> None:
    upgrades = {1: same}
    kind: DocumentType[Any] = DocumentType(Old, version=2, upgrades=upgrades)
    upgrades.clear()
    assert dict(kind.upgrades) == {1: same}
