"""What a codec is: a format that turns plain values into bytes and back, losing nothing.

Plain values are None, bool, int of any size, float (with NaN, the infinities and -0.0), str,
bytes, list of plain values, and dict from str to plain values. Every codec carries all of them.

A codec knows nothing about documents, ids, files or types. Typed values are made plain before
they reach a codec, by `reddb.codecs.typed`; a codec whose format can name structs and enum
variants says so by its `notation` and is then also given the nodes of `reddb.codecs.ron`.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Protocol, TypeAlias

Plain: TypeAlias = Any
"""A plain value, as the module's docstring lists them (a recursive type says no more to mypy)."""


class Notation(Enum):
    """What a codec's format can write down beside plain values."""

    PLAIN = "plain"
    """Plain values only."""
    NAMED = "named"
    """Also RON's nodes: structs, enum variants, ``Some``, tuples and chars."""


class Codec(Protocol):
    """A format: plain values to bytes and back.

    `reddb.testing.codec_conformance` checks one.

    Example:
        >>> class CompressedCodec:
        ...     name = "json-zlib"
        ...     suffix = ".json.z"
        ...     notation = Notation.PLAIN
        ...     def encode(self, value):
        ...         return zlib.compress(JsonCodec().encode(value))
        ...     def decode(self, data):
        ...         try:
        ...             return JsonCodec().decode(zlib.decompress(data))
        ...         except zlib.error as error:
        ...             raise ValueError("not compressed") from error
    """

    @property
    def name(self) -> str:
        """What the file's header records: 1 to 16 printable ASCII characters, never changed."""

    @property
    def suffix(self) -> str:
        """How the file's name ends, such as ``.json``."""

    @property
    def notation(self) -> Notation:
        """Which values `encode` takes."""

    def encode(self, value: Plain) -> bytes:
        """Give the bytes of one plain value.

        Raises:
            ValueError: The format cannot hold the value (a lone surrogate in a string, say).
        """

    def decode(self, data: bytes) -> Plain:
        """Give back the value that `encode` was given.

        Raises:
            ValueError: The bytes are not one whole value of this format.
        """
