"""YAML as Rust's serde_yaml reads and writes it.

It differs from the YAML 1.1 that PyYAML reads: ``yes``, ``12:30``, ``2024-01-01``, ``<<`` and
``1_000`` are strings, and ``1e-7`` is a number. An enum's variant that holds data is a tag, as in
``!Circle {r: 1.0}``; it comes as the dict that serde writes in JSON, ``{"Circle": {"r": 1.0}}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml
from attrs import frozen
from yaml import CSafeDumper, CSafeLoader

from reddb.codecs.plain import check_tree
from reddb.codecs.ron import Map, Node, map_of

_NULL, _BOOL, _INT, _FLOAT, _STR = (
    f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str")
)
_EVENTS_DEEP_MAX = 1_000
_WIDTH = 1 << 30  # Lines are never folded.

_is_word = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch


_FLOATS = (
    r"(?![-+]?0[0-9]+$)[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_SCALARS = [
    (_NULL, r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (_BOOL, r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    (_INT, r"[-+]?(?:0|[1-9][0-9]*|0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+)", list("-+0123456789")),
    (_FLOAT, _FLOATS, list("-+.0123456789")),
]
"""What a bare scalar is that is no string, and how it may begin."""


class _Loader(CSafeLoader):
    """Reads what serde_yaml writes."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  # PyYAML's own attribute, filled below.


for _tag, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})$"), _first)

_PATTERNS = [(tag, re.compile(pattern).fullmatch) for tag, pattern, _ in _SCALARS]


def _scalar(make: Callable[[str], Any]) -> Callable[[_Loader, yaml.ScalarNode], Any]:
    return lambda loader, node: make(loader.construct_scalar(node))


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Node:
    """Make a dict of a mapping, and say so where two of its keys are equal."""
    pairs = [
        (loader.construct_object(key, deep=True), loader.construct_object(value, deep=True))
        for key, value in node.value
    ]
    return map_of(pairs)


def _variant(loader: _Loader, name: str, node: yaml.Node) -> Node:
    """Make what JSON has for a tagged value."""
    if isinstance(node, yaml.MappingNode):
        return {name: _mapping(loader, node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.ScalarNode), "there are three kinds of nodes"
    is_bare = not node.style
    if is_bare and not node.value:
        return name
    tag = next((tag for tag, is_scalar in _PATTERNS if is_scalar(node.value)), _STR)
    content = yaml.ScalarNode(tag if is_bare else _STR, node.value)
    return {name: loader.construct_object(content)}


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor(_NULL, lambda _loader, _node: None)
_Loader.add_constructor(_BOOL, _scalar(lambda text: text.lower() == "true"))
_Loader.add_constructor(_INT, _scalar(lambda text: int(text, 0)))
_Loader.add_constructor(_FLOAT, _scalar(_float))
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_multi_constructor("!", _variant)


def load(data: bytes) -> Node:
    """Read one document.

    Raises:
        ValueError: It is none that serde_yaml writes.
    """
    try:
        data, came_from = _without_odd_line_ends(data)
        _check_depth(data)
        loader = _Loader(data)
        try:
            root = loader.get_single_node()
            if root is None:
                raise ValueError("there is no document")
            value = loader.construct_document(root)
        finally:
            loader.dispose()
        check_tree(value)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except Exception as error:  # Hostile text finds TypeErrors and more in the constructors.
        raise ValueError(f"not YAML: {error}") from error
    return _translated(value, came_from) if came_from else value


def _without_odd_line_ends(data: bytes) -> tuple[bytes, dict[int, str]]:
    """Put other characters in place of those that YAML 1.1 alone takes for ends of lines.

    serde_yaml 0.8 writes U+0085, U+2028 and U+2029 as they are, in words and in quotes.

    Returns:
        The text, and what each of the other characters came from.
    """
    found = [sign for sign in "\x85\u2028\u2029" if sign.encode() in data]
    if not found:
        return data, {}
    text = data.decode()
    unused = (code for code in range(0xE000, 0xF900) if chr(code) not in text)
    came_from = dict(zip(unused, found, strict=False))
    return text.translate({ord(sign): code for code, sign in came_from.items()}).encode(), came_from


def _translated(node: Node, came_from: dict[int, str]) -> Node:
    match node:
        case str():
            return node.translate(came_from)
        case list():
            return [_translated(item, came_from) for item in node]
        case dict() | Map():
            pairs = node.items if isinstance(node, Map) else node.items()
            return map_of(
                (_translated(key, came_from), _translated(item, came_from)) for key, item in pairs
            )
    return node


@frozen
class Tagged:
    """An enum's variant with what it holds."""

    name: str
    content: Any


class _Dumper(CSafeDumper):
    """Writes what serde_yaml reads."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_str(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(_STR, value, style=None if _is_word(value) else '"')


def _represent_tagged(dumper: _Dumper, value: Tagged) -> yaml.Node:
    node = dumper.represent_data(value.content)
    if isinstance(node, yaml.ScalarNode) and node.tag == _STR:
        node.style = '"'  # A tag hides that it is a string.
    node.tag = f"!{value.name}"
    return node


_Dumper.add_representer(str, _represent_str)
_Dumper.add_representer(Tagged, _represent_tagged)


def dump(value: Any) -> bytes:
    """Write one document: plain values, `Tagged` ones, and dicts whose keys are any scalars."""
    data: bytes = yaml.dump(
        value,
        Dumper=_Dumper,
        encoding="utf-8",
        allow_unicode=True,
        default_flow_style=False,
        sort_keys=False,
        width=_WIDTH,
    )
    return data.removesuffix(b"...\n").removesuffix(b"\n")


def _check_depth(data: bytes) -> None:
    """Refuse what is nested so deeply that PyYAML would overrun the C stack."""
    if sum(map(data.count, (b"[", b"{", b"-", b":", b"?"))) <= _EVENTS_DEEP_MAX:
        return
    depth = 0
    for event in yaml.parse(data, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _EVENTS_DEEP_MAX:
            raise ValueError("nested too deeply")
