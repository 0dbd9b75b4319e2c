"""YAML 1.1, as PyYAML's C emitter and parser have it: one document, block style.

Strings are written bare only where they look like a word or a sentence and nothing else; all others
are double-quoted with escapes, the one style of YAML that can hold any text. Reading takes what
is written by hand as well, with two exceptions: a bare date is a string, as plain values have no
dates, and an alias is refused, as plain values share nothing.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

import yaml
from attrs import frozen

from reddb.codecs.plain import check_plain, int_text
from reddb.codecs.protocol import Notation, Plain

try:
    from yaml import CSafeDumper, CSafeLoader
except ImportError as error:  # pragma: no cover  # PyYAML's wheels have them.
    raise ImportError(
        "reddb needs PyYAML built with libyaml; install its wheel, or libyaml's headers to build it"
    ) from error

_OPENERS_MAX = 1_000
_WIDTH = 1 << 30  # Lines are never folded.
_TIMESTAMP = "tag:yaml.org,2002:timestamp"

_is_sentence = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?:[,.]? [A-Za-z0-9_-]+)*").fullmatch


class _Dumper(CSafeDumper):
    """Writes plain values by exact type and never an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_str(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = None if _is_sentence(value) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _represent_int(dumper: _Dumper, value: int) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:int", int_text(value))


_Dumper.add_representer(str, _represent_str)
_Dumper.add_representer(int, _represent_int)


class _Loader(CSafeLoader):
    """Reads plain values; what is none by its tag or shape is left to `check_plain`."""

    @property
    def nan_value(self) -> float:  # type: ignore[override]  # It is never set.
        """A new NaN each time, where PyYAML has one for all: no two of them are one in a set."""
        return float("nan")

    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's own attribute, and its own type.
        first: [(tag, regexp) for tag, regexp in resolvers if tag != _TIMESTAMP]
        for first, resolvers in CSafeLoader.yaml_implicit_resolvers.items()
    }


@frozen
class YamlCodec:
    """Plain values as a YAML document in UTF-8.

    Example:
        >>> codec = YamlCodec()
        >>> print(codec.encode({"name": "Ada", "tags": ["no", "maths"]}).decode(), end="")
        name: Ada
        tags:
        - 'no'
        - maths
    """

    name: ClassVar[str] = "yaml"
    suffix: ClassVar[str] = ".yaml"
    notation: ClassVar[Notation] = Notation.PLAIN

    def encode(self, value: Plain) -> bytes:
        """Give the YAML document of one plain value.

        Raises:
            ValueError: The value is not plain, is nested too deeply, or has a lone surrogate.
        """
        check_plain(value)
        try:
            data: bytes = yaml.dump(
                value,
                Dumper=_Dumper,
                encoding="utf-8",
                allow_unicode=True,
                default_flow_style=False,
                sort_keys=False,
                width=_WIDTH,
            )
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        except yaml.YAMLError as error:
            raise ValueError(f"YAML cannot hold it: {error}") from error
        return data

    def decode(self, data: bytes) -> Plain:
        """Give back the value that `encode` was given.

        Raises:
            ValueError: The bytes are not one YAML document, or it is not a plain value.
        """
        try:
            _check_events(data)
            value = _load(data)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        except Exception as error:  # Hostile text finds TypeErrors and more in the constructors.
            raise ValueError(f"not YAML: {error}") from error
        check_plain(value)
        return value


def _load(data: bytes) -> Any:
    loader = _Loader(data)
    try:
        node = loader.get_single_node()
        if node is None:
            raise ValueError("there is no document")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _check_events(data: bytes) -> None:
    """Refuse aliases, and what is nested so deeply that PyYAML would overrun the C stack.

    Only a text with an anchor and an alias, or with many characters that open something, is worth
    looking at.
    """
    may_have_aliases = b"&" in data and b"*" in data
    openers = sum(map(data.count, (b"[", b"{", b"-", b":", b"?")))
    if openers <= _OPENERS_MAX and not may_have_aliases:
        return
    depth = 0
    for event in yaml.parse(data, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("an alias stands for a value that is elsewhere")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _OPENERS_MAX:
                raise ValueError("nested too deeply")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
