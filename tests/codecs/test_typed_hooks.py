"""Hooks: types that reddb does not know, in every format and everywhere in a document."""

from __future__ import annotations

import operator
import re
from collections import Counter, deque
from collections.abc import Sequence
from fractions import Fraction
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple, TypedDict

import pytest
from attrs import define, frozen
from hooked_table import HOOKS, VALUES, Celsius, Money, address, celsius
from typed_table import FORMATS, SURROUNDINGS, Surrounding, fingerprint

from reddb import DecodeError, DocumentType, EncodeError, JsonCodec, RonCodec, TypeHook
from reddb.codecs import Codec, DocumentCodec

formats = pytest.mark.parametrize("codec", FORMATS, ids=lambda codec: codec.name)


def come_back(kind: Any, values: list[Any], codec: Codec, hooks: Sequence[Any] = HOOKS) -> Any:
    document_codec = DocumentCodec[Any](codec, DocumentType(kind, hooks=hooks))
    return [document_codec.decode(document_codec.encode(value)) for value in values]


@formats
@pytest.mark.parametrize("surrounding", SURROUNDINGS.values(), ids=SURROUNDINGS)
@pytest.mark.parametrize("name", VALUES)
def test_what_goes_in_comes_out(name: str, surrounding: Surrounding, codec: Codec) -> None:
    annotation, values = VALUES[name]
    surround_type, surround_values = surrounding
    outer = surround_type(annotation)
    given = surround_values(outer, values)
    assert fingerprint(come_back(outer, given, codec)) == fingerprint(given)


@formats
def test_hooks_work_in_every_kind_of_class(codec: Codec) -> None:
    @define
    class Server:
        address: IPv4Address
        others: list[Server]

    class Row(NamedTuple):
        address: IPv4Address

    class Entry(TypedDict):
        address: IPv4Address

    for kind, value in (
        (Server, Server(IPv4Address(1), [Server(IPv4Address(2), [])])),
        (Row, Row(IPv4Address(1))),
        (Entry, {"address": IPv4Address(1)}),
    ):
        assert come_back(kind, [value], codec) == [value]


@pytest.mark.parametrize(
    ("kind", "value", "json", "ron"),
    [
        (IPv4Address, IPv4Address("10.0.0.1"), '"10.0.0.1"', '"10.0.0.1"'),
        (Fraction, Fraction(1, 2), "[1,2]", "(1,2)"),
        (Celsius | float, Celsius(1.0), '{"Celsius":1.0}', "Celsius(1.0)"),
        (IPv4Address | int, IPv4Address(1), '"0.0.0.1"', '"0.0.0.1"'),
        (re.Pattern | None, re.compile("a", 0), '{"pattern":"a","flags":32}', None),
        (dict[IPv4Address, int], {IPv4Address(1): 1}, '{"0.0.0.1":1}', '{"0.0.0.1":1}'),
    ],
)
def test_values_are_written_as_their_stored_type(
    kind: Any, value: Any, json: str, ron: str | None
) -> None:
    for codec, text in ((JsonCodec(), json), (RonCodec(), ron)):
        if text is not None:
            document_codec = DocumentCodec[Any](codec, DocumentType(kind, hooks=HOOKS))
            assert document_codec.encode(value).decode() == text


def test_a_type_is_immutable_if_its_hook_says_so() -> None:
    for kind, immutable in ((IPv4Address, True), (tuple[Fraction, ...], True), (Money, False)):
        document_type = DocumentType(kind, hooks=HOOKS)
        assert DocumentCodec(JsonCodec(), document_type).immutable is immutable


def test_storing_takes_nothing_of_the_value_apart() -> None:
    """Although what the hook stores are the value's own parts, and it takes them apart to read."""
    value = Money(1, ["a"])
    for codec in FORMATS:
        assert come_back(Money, [value], codec) == [value] == [Money(1, ["a"])]


def test_a_function_may_give_hooks() -> None:
    asked = []

    def counters(cls: type[Any]) -> TypeHook[Any] | None:
        asked.append(cls)
        if not issubclass(cls, Counter | deque):
            return None
        plain: Any = dict if issubclass(cls, Counter) else list
        return TypeHook(cls, to_plain=plain, from_plain=cls, stored_as=plain[str, int])

    kind = tuple[IPv4Address, Counter[str]]
    values = [(IPv4Address(1), Counter("hello"))]
    hooks = [address, counters]
    for codec in FORMATS:
        assert come_back(kind, values, codec, hooks) == values
    assert Counter in asked
    assert IPv4Address not in asked
    assert not {int, str, dict, list, type(None)} & set(asked)


def test_a_hook_comes_before_what_reddb_does_itself() -> None:
    @frozen
    class Point:
        x: int
        y: int

    hook = TypeHook(
        Point,
        to_plain=lambda point: f"{point.x},{point.y}",
        from_plain=lambda text: Point(*map(int, text.split(","))),
        immutable=True,
    )
    document_codec = DocumentCodec[Any](JsonCodec(), DocumentType(list[Point], hooks=[hook]))
    assert document_codec.encode([Point(1, 2)]) == b'["1,2"]'
    assert document_codec.decode(b'["1,2"]') == [Point(1, 2)]


def fails(value: Any) -> Any:
    raise LookupError("not today")


def fails_too(one: Any, other: Any) -> bool:
    raise LookupError("nor today")


@pytest.mark.parametrize(
    ("hook", "value", "message"),
    [
        (address, "1.2.3.4", "expected IPv4Address, found str"),
        (address, IPv6Address(1), "expected IPv4Address, found IPv6Address"),
        (
            TypeHook(IPv4Address, to_plain=int, from_plain=IPv4Address),
            IPv4Address(1),
            "to_plain of the hook for IPv4Address gave no str: expected str, found int",
        ),
        (
            TypeHook(
                IPv4Address, to_plain=lambda _: [1, "2"], from_plain=fails, stored_as=list[int]
            ),
            IPv4Address(1),
            "gave no list[int]: expected int, found str",
        ),
        (
            TypeHook(IPv4Address, to_plain=fails, from_plain=IPv4Address),
            IPv4Address(1),
            "to_plain of the hook for IPv4Address failed: LookupError('not today')",
        ),
        (
            TypeHook(IPv4Address, to_plain=str, from_plain=fails),
            IPv4Address(1),
            "from_plain of the hook for IPv4Address failed: LookupError('not today')",
        ),
        (
            TypeHook(IPv4Address, to_plain=str, from_plain=str),  # type: ignore[arg-type]
            IPv4Address(1),
            "from_plain of the hook for IPv4Address gave no IPv4Address but str",
        ),
        (
            TypeHook(IPv4Address, to_plain=str, from_plain=lambda _: IPv4Address(0)),
            IPv4Address(1),
            "the hook for IPv4Address makes IPv4Address('0.0.0.0') of IPv4Address('0.0.0.1')",
        ),
        (
            TypeHook(IPv4Address, to_plain=str, from_plain=IPv4Address, equal=fails_too),
            IPv4Address(1),
            "equal of the hook for IPv4Address cannot tell whether a value came back: LookupError",
        ),
    ],
)
@formats
def test_what_does_not_come_back_is_refused(
    hook: TypeHook[Any], value: Any, message: str, codec: Codec
) -> None:
    @frozen
    class Server:
        addresses: list[IPv4Address]

    document_codec = DocumentCodec[Any](codec, DocumentType(Server, hooks=[hook]))
    with pytest.raises(EncodeError, match=re.escape(message)) as caught:
        document_codec.encode(Server([value]))
    assert caught.value.path.startswith("$.addresses[0]")


def test_the_path_goes_on_into_what_is_stored() -> None:
    hook = TypeHook(IPv4Address, to_plain=lambda _: ["a"], from_plain=fails, stored_as=list[int])
    document_codec = DocumentCodec[Any](JsonCodec(), DocumentType(list[IPv4Address], hooks=[hook]))
    with pytest.raises(EncodeError) as caught:
        document_codec.encode([IPv4Address(1)])
    assert caught.value.path == "$[0][0]"


def test_what_is_stored_and_no_value_of_the_hook_is_a_decode_error() -> None:
    document_codec = DocumentCodec[Any](JsonCodec(), DocumentType(list[IPv4Address], hooks=HOOKS))
    for stored, message in ((b'["1.2"]', "failed: AddressValueError"), (b"[1]", "expected str")):
        with pytest.raises(DecodeError, match=message) as caught:
            document_codec.decode(stored)
        assert caught.value.path == "$[0]"


def test_equality_may_be_the_hook_s_own() -> None:
    class Identity:
        """Two of these are never equal."""

    kept = {"plain": Identity}
    hook = TypeHook(Identity, to_plain=lambda _: "plain", from_plain=lambda text: kept[text]())
    with pytest.raises(EncodeError, match=r"makes .* of"):
        come_back(Identity, [Identity()], JsonCodec(), [hook])
    lenient = TypeHook(
        Identity,
        to_plain=hook.to_plain,
        from_plain=hook.from_plain,
        equal=lambda one, other: type(one) is type(other),
    )
    (given,) = come_back(Identity, [Identity()], JsonCodec(), [lenient])
    assert type(given) is Identity


def test_what_is_not_equal_to_itself_may_come_back() -> None:
    class Reading(float):
        """A float of a class of its own, which may be NaN."""

    hook = TypeHook(Reading, to_plain=float, from_plain=Reading, stored_as=float)
    for codec in FORMATS:
        given = come_back(Reading, [Reading("nan"), Reading(1)], codec, [hook])
        assert [repr(each) for each in given] == ["nan", "1.0"]
        assert {type(each) for each in given} == {Reading}


@pytest.mark.parametrize(
    ("hooks", "message"),
    [
        ([IPv4Address], "a hook is a TypeHook or a function that gives one"),
        ([5], "a hook is a TypeHook or a function"),
        ([address, celsius, address], "two hooks for IPv4Address"),
    ],
)
def test_what_is_no_hook_is_refused(hooks: list[Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        DocumentType(IPv4Address, hooks=hooks)


@pytest.mark.parametrize(
    ("cls", "choices", "message"),
    [
        (list[int], {}, r"for a class, not for list\[int\]"),
        ("IPv4Address", {}, "for a class"),
        (int, {}, "int is stored as it is"),
        (dict, {}, "dict is stored as it is"),
        (object, {}, "object is stored as it is"),
        (IPv4Address, {"to_plain": "str"}, "to_plain of the hook for IPv4Address is no function"),
        (IPv4Address, {"from_plain": None}, "from_plain of the hook"),
        (IPv4Address, {"equal": True}, "equal of the hook"),
    ],
)
def test_a_wrong_hook_says_what_is_wrong(cls: Any, choices: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        TypeHook(cls, **({"to_plain": str, "from_plain": str} | choices))


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        (
            TypeHook(Celsius, to_plain=fails, from_plain=fails, stored_as=complex | IPv6Address),
            r"IPv6Address cannot be stored.*\(at \$\.at\[\*\]<Celsius>\)",
        ),
        (
            TypeHook(Celsius, to_plain=fails, from_plain=fails, stored_as=list[Celsius]),
            "the hook for Celsius stores it as a type that holds it again",
        ),
        (lambda _: address, "asked for a hook for .*Journey, .* gave TypeHook"),
        (lambda _: "hook", "asked for a hook for .*Journey, .* gave 'hook'"),
    ],
)
def test_a_hook_that_leads_nowhere_is_refused_at_once(hook: Any, message: str) -> None:
    @frozen
    class Journey:
        at: list[Celsius]

    with pytest.raises(TypeError, match=message):
        DocumentCodec(JsonCodec(), DocumentType(Journey, hooks=[hook]))


def test_a_type_without_a_hook_says_that_it_needs_one() -> None:
    with pytest.raises(TypeError, match=r"IPv4Address cannot be stored .*; .* needs a TypeHook"):
        DocumentCodec(JsonCodec(), IPv4Address)


def test_a_subclass_needs_a_hook_of_its_own() -> None:
    class Warm(Celsius):
        """A subclass."""

    with pytest.raises(EncodeError, match=r"expected Celsius, found .*Warm"):
        come_back(Celsius, [Warm(1.0)], JsonCodec())
    with pytest.raises(TypeError, match="Warm cannot be stored"):
        come_back(Warm, [], JsonCodec())


def test_the_default_equality_is_the_operator() -> None:
    assert address.equal is operator.eq
