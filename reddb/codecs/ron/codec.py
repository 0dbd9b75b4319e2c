"""The codec of `RonDb`: RON text in UTF-8."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from reddb.codecs.protocol import Notation
from reddb.codecs.ron.nodes import Node
from reddb.codecs.ron.reader import parse
from reddb.codecs.ron.writer import dumps


@frozen
class RonCodec:
    """Plain values and RON's nodes, as RON text in UTF-8.

    A dict's keys may be any node that is hashable, and come back as they were.

    Example:
        >>> codec = RonCodec()
        >>> codec.encode({"name": "Ada", "tags": ["math"]})
        b'{"name":"Ada","tags":["math"]}'
        >>> codec.decode(b'(name: "Ada")')
        Struct(fields={'name': 'Ada'}, name=None)
    """

    name: ClassVar[str] = "ron"
    suffix: ClassVar[str] = ".ron"
    notation: ClassVar[Notation] = Notation.NAMED

    def encode(self, value: Node) -> bytes:
        """Give the RON text of one plain value or node.

        Raises:
            ValueError: RON has no notation for the value; see `dumps`.
        """
        return dumps(value).encode()

    def decode(self, data: bytes) -> Node:
        """Give back the value that `encode` was given, or read what a Rust program wrote.

        Raises:
            ValueError: The bytes are not UTF-8 or not one RON text (a `RonError`, which says
                where).
        """
        return parse(data.decode())
