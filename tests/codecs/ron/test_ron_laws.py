"""Reading and writing undo each other, over all nodes and over all ways to spell them."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from reddb.codecs.ron import (
    Char,
    Map,
    Node,
    RonError,
    Some,
    Struct,
    Tuple,
    Variant,
    dumps,
    map_of,
    parse,
    to_plain,
)
from reddb.codecs.ron.view import restored, view

RESERVED = ["true", "false", "None", "Some", "inf", "NaN", "inff32", "NaN_f64"]

names = st.one_of(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9_.+-]{1,8}", fullmatch=True),
    st.sampled_from([*RESERVED, "r", "b", "br", "größe", "名前", "e\u0301"]),
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.builds(int.__lshift__, st.integers(), st.integers(0, 2200)),
    st.floats(),
    texts,
    st.binary(max_size=30),
    st.builds(Char, st.characters(exclude_categories=["Cs"])),
    st.builds(Variant, names),
)


def containers(parts: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    pairs = st.lists(st.tuples(parts, parts), max_size=3, unique_by=lambda pair: dumps(pair[0]))
    return st.one_of(
        st.lists(parts, max_size=3),
        st.dictionaries(texts, parts, max_size=3),
        pairs.map(map_of),
        st.builds(Struct, st.dictionaries(names, parts, min_size=1, max_size=3), st.none() | names),
        st.builds(Tuple, st.lists(parts, max_size=3), st.none() | names),
        st.builds(Some, parts),
    )


@st.composite
def nodes_within(draw: st.DrawFn, depth: int) -> Node:
    # Not st.recursive: the repr of a strategy as wide as this one grows too fast.
    if depth == 0:
        return draw(scalars)
    return draw(scalars | containers(nodes_within(depth - 1)))


nodes = nodes_within(3)
gaps = st.sampled_from(
    ["", "", " ", "\t", "\r\n", "\u2028", "// a comment)\n", "/* a /* b */ } */"]
)


def tokens(node: Node, comma: Callable[[], bool]) -> list[str]:
    """Spell a node as tokens; `comma` decides whether a last item gets one."""

    def listed(parts: list[list[str]]) -> list[str]:
        joined = [token for part in parts for token in [",", *part]][1:]
        return [*joined, ","] if parts and comma() else joined

    def name_of(node: Struct | Tuple) -> list[str]:
        return [] if node.name is None else [dumps(Variant(node.name))]

    match node:
        case list():
            return ["[", *listed([tokens(item, comma) for item in node]), "]"]
        case dict() | Map():
            pairs = node.items if isinstance(node, Map) else node.items()
            items = [[*tokens(key, comma), ":", *tokens(value, comma)] for key, value in pairs]
            return ["{", *listed(items), "}"]
        case Struct():
            fields = [
                [dumps(Variant(name)), ":", *tokens(value, comma)]
                for name, value in node.fields.items()
            ]
            return [*name_of(node), "(", *listed(fields), ")"]
        case Tuple():
            return [*name_of(node), "(", *listed([tokens(v, comma) for v in node.items]), ")"]
        case Some():
            return ["Some", "(", *listed([tokens(node.value, comma)]), ")"]
    return [dumps(node)]


@given(nodes)
@settings(deadline=None)
def test_what_is_written_is_read_back(node: Node) -> None:
    # repr tells 1, 1.0 and True apart, and the order of keys.
    assert repr(parse(dumps(node))) == repr(node)


@given(nodes, st.data())
@settings(deadline=None)
def test_spelling_makes_no_difference(node: Node, data: st.DataObject) -> None:
    spelled = tokens(node, lambda: data.draw(st.booleans()))
    text = "".join(data.draw(gaps) + token for token in spelled) + data.draw(gaps)
    assert repr(parse(text)) == repr(node)
    assert dumps(parse(text)) == dumps(node)


@given(texts)
@settings(deadline=None)
def test_each_text_has_many_spellings(text: str) -> None:
    hashes = "#" * (text.count("#") + 1)
    assert parse(f'r{hashes}"{text}"{hashes}') == text
    assert parse(f'br{hashes}"{text}"{hashes}') == text.encode()
    assert parse('"' + "".join(f"\\u{{{ord(char):06X}}}" for char in text) + '"') == text
    assert parse('"' + "".join(f"\\x{byte:02x}" for byte in text.encode()) + '"') == text


@given(st.integers(), st.sampled_from(["d", "#x", "#X", "#o", "#b"]))
@settings(deadline=None)
def test_each_integer_has_many_spellings(value: int, base: str) -> None:
    text = format(value, base).replace("X", "x")
    assert parse(text) == value
    assert parse(text + "_") == value
    assert parse(text + "i128") == value if -(2**127) <= value < 2**127 else True


PIECES = [*"()[]{},:\"'\\#!/*+-._ \n", "Some", "None", "a", "r#", 'r#"', "b'", "0x", "1", "e", "é"]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=30))
@settings(deadline=None, max_examples=500)
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    try:
        node = parse(text)
    except RonError as refusal:
        error = refusal
    else:
        assert repr(parse(dumps(node))) == repr(node)
        return
    lines = text.split("\n")
    assert 1 <= error.line <= len(lines)
    assert 1 <= error.column <= len(lines[error.line - 1]) + 1


@given(nodes, st.data())
@settings(deadline=None)
def test_a_damaged_text_is_read_or_refused(node: Node, data: st.DataObject) -> None:
    text = dumps(node)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 3)))
    damaged = text[:start] + "".join(data.draw(st.lists(st.sampled_from(PIECES), max_size=2)))
    damaged += text[end:]
    try:
        read = parse(damaged)
    except RonError:
        return
    assert repr(parse(dumps(read))) == repr(read)


@given(nodes)
@settings(deadline=None)
def test_a_plain_value_is_plain_or_refused(node: Node) -> None:
    try:
        plain = to_plain(node)
    except ValueError:
        return
    assert repr(to_plain(plain)) == repr(plain)
    assert repr(parse(dumps(plain))) == repr(plain)


# Views


def without_some(node: Node) -> Node:
    """Give a node with what is in its `Some` in their place, as `restored` gives it."""
    match node:
        case Some():
            return without_some(node.value)
        case list():
            return [without_some(item) for item in node]
        case Tuple((_,), str()) | Tuple(_, None):
            return Tuple(map(without_some, node.items), node.name)
        case Struct():
            fields = {name: without_some(value) for name, value in node.fields.items()}
            return Struct(fields, node.name)
    return node


@given(nodes)
@settings(deadline=None)
def test_what_is_left_alone_is_restored(node: Node) -> None:
    if not has_maps(node):
        assert repr(restored(view(node))) == repr(without_some(node))
    restored(view(node))


def has_maps(node: Node) -> bool:
    """Tell whether a node has a map, whose keys may become equal without their `Some`."""
    match node:
        case dict() | Map():
            return True
        case list():
            return any(map(has_maps, node))
        case Tuple():
            return any(map(has_maps, node.items))
        case Struct():
            return any(map(has_maps, node.fields.values()))
        case Some():
            return has_maps(node.value)
    return False
