"""The formats of the Rust crate: bytes to nodes (see `serde_types`) and back, as serde has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any

import msgspec
from attrs import frozen

from reddb.codecs.plain import Misfit, key_step
from reddb.codecs.ron import Char, Map, Node, Some, Struct, Tuple, Variant, dumps, parse
from reddb.codecs.ron.identifiers import identifier
from reddb.migrate import rust_yaml
from reddb.migrate.serde_plain import DEPTH_MAX, key_text
from reddb.migrate.v2_format import Format

_DEPTH_RULE = f"nested deeper than {DEPTH_MAX}, where serde's readers stop"


def read(format: Format, data: bytes) -> Node:  # noqa: A002  # It is what the crate calls it.
    """Give the node of a payload.

    Raises:
        ValueError: The bytes are not of the format.
    """
    try:
        return _READERS[format](data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def write(format: Format, node: Node) -> bytes:  # noqa: A002
    """Give the payload of a node, as a Rust program reads it.

    Raises:
        Misfit: The format cannot say it, or no Rust program would read it.
    """
    return _WRITERS[format](node)


# RON.


def _read_ron(data: bytes) -> Node:
    return parse(data.decode())


def _write_ron(node: Node) -> bytes:
    _check_ron(node, DEPTH_MAX)
    try:
        return dumps(node).encode()
    except ValueError as error:
        raise Misfit(str(error)) from error


def _check_ron(node: Node, depth: int) -> None:
    """Refuse what RON has no name for, and what is nested too deeply for a Rust program."""
    if depth == 0:
        raise Misfit(_DEPTH_RULE)
    parts: Iterable[tuple[str, Node]] = ()
    match node:
        case Variant(str(name)) | Struct(_, str(name)) | Tuple(_, str(name)):
            _check_name(name)
        case bytes():
            raise _bytes_misfit()
    match node:
        case list() | Tuple():
            items = node.items if isinstance(node, Tuple) else node
            parts = ((f"[{index}]", item) for index, item in enumerate(items))
        case dict() | Map():
            parts = ((key_step(key), item) for key, item in _pairs(node))
        case Struct(fields):
            parts = ((key_step(key), item) for key, item in fields.items())
        case Some(value):
            parts = [("", value)]
    step = ""
    try:
        for step, part in parts:
            _check_ron(part, depth - 1)
    except Misfit as misfit:
        misfit.within(step)
        raise


def _check_name(name: str) -> None:
    try:
        identifier(name)
    except ValueError as error:
        raise Misfit(str(error)) from error


def _pairs(node: dict[Node, Node] | Map) -> Iterable[tuple[Node, Node]]:
    return node.items if isinstance(node, Map) else node.items()


def _bytes_misfit() -> Misfit:
    return Misfit("bytes without a document type would come back as a list of numbers")


# JSON and YAML, which have fewer notations than RON: options and newtypes are what they hold.


@frozen
class _Way:
    """What JSON and YAML do not have in common."""

    key: Callable[[Node], Any]
    variant: Callable[[str, Any], Any]
    """Makes something of a variant's name and what it holds."""
    float: Callable[[float], Any]

    def made_of(self, node: Node, depth: int) -> Any:
        """Give what the format writes for a node."""
        if depth == 0:
            raise Misfit(_DEPTH_RULE)
        match node:
            case float():
                return self.float(node)
            case bytes():
                raise _bytes_misfit()
            case Some(value) | Char(value):
                return self.made_of(value, depth - 1)
            case list():
                return self._list(node, depth - 1)
            case dict() | Map():
                return self._dict(_pairs(node), depth - 1)
            case Struct() | Tuple() | Variant():
                return self._named(node, depth - 1)
        return node

    def _named(self, node: Struct | Tuple | Variant, depth: int) -> Any:
        """Give what the format writes for a node that may have a name."""
        match node:
            case Variant(name):
                return name
            case Struct(fields, name):
                made: Any = self._dict(fields.items(), depth)
            case Tuple((), None):
                return None
            case Tuple((item,), str(name)):
                made = self.made_of(item, depth)
            case Tuple(items, name):
                made = self._list(items, depth)
        return made if name is None else self.variant(name, made)

    def _list(self, items: Iterable[Node], depth: int) -> list[Any]:
        return [self._part(f"[{index}]", item, depth) for index, item in enumerate(items)]

    def _dict(self, pairs: Iterable[tuple[Node, Node]], depth: int) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key, value in pairs:
            name = self.key(key)
            if name in made:
                raise Misfit(f"two keys of a map are both written as {name!r}")
            made[name] = self._part(key_step(key), value, depth)
        return made

    def _part(self, step: str, node: Node, depth: int) -> Any:
        try:
            return self.made_of(node, depth)
        except Misfit as misfit:
            misfit.within(step)
            raise


def _finite(number: float) -> float:
    if not isfinite(number):
        raise Misfit(f"serde's JSON has no {number!r}")
    return number


_JSON = _Way(key_text, lambda name, content: {name: content}, _finite)


def _read_json(data: bytes) -> Node:
    return msgspec.json.decode(data)


def _write_json(node: Node) -> bytes:
    return msgspec.json.encode(_JSON.made_of(node, DEPTH_MAX))


def _tagged(name: str, content: Any) -> rust_yaml.Tagged:
    if isinstance(content, rust_yaml.Tagged):
        raise Misfit("serde's YAML has no variant that holds nothing but a variant")
    return rust_yaml.Tagged(name, content)


def _yaml_key(key: Node) -> Any:
    return key if type(key) in {bool, int, float} else key_text(key)


_YAML = _Way(_yaml_key, _tagged, float)


def _write_yaml(node: Node) -> bytes:
    return rust_yaml.dump(_YAML.made_of(node, DEPTH_MAX))


_READERS: dict[Format, Callable[[bytes], Node]] = {
    Format.JSON: _read_json,
    Format.RON: _read_ron,
    Format.YAML: rust_yaml.load,
}
_WRITERS: dict[Format, Callable[[Node], bytes]] = {
    Format.JSON: _write_json,
    Format.RON: _write_ron,
    Format.YAML: _write_yaml,
}
