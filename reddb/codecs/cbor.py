"""CBOR (RFC 8949): the compact binary format, one data item."""

from __future__ import annotations

from io import BytesIO
from typing import ClassVar

import cbor2
from attrs import frozen

from reddb.codecs.plain import check_plain, check_tree
from reddb.codecs.protocol import Notation, Plain

_SHARED_REFERENCE = b"\x1d"  # How the tag of a reference to an earlier value ends.


@frozen
class CborCodec:
    r"""Plain values as CBOR.

    Example:
        >>> codec = CborCodec()
        >>> codec.encode({"n": 1})
        b'\xa1an\x01'
        >>> codec.decode(_)
        {'n': 1}
    """

    name: ClassVar[str] = "cbor"
    suffix: ClassVar[str] = ".bin"
    notation: ClassVar[Notation] = Notation.PLAIN

    def encode(self, value: Plain) -> bytes:
        """Give the CBOR data item of one plain value.

        Raises:
            ValueError: The value is not plain, is nested too deeply, or has a lone surrogate.
        """
        check_plain(value)
        return cbor2.dumps(value)

    def decode(self, data: bytes) -> Plain:
        """Give back the value that `encode` was given.

        Raises:
            ValueError: The bytes are not one CBOR data item, or it is not a plain value.
        """
        stream = BytesIO(data)
        try:
            value = cbor2.load(stream)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        except Exception as error:  # Hostile bytes find TypeErrors and MemoryErrors in it too.
            raise ValueError(f"not CBOR: {error}") from error
        if stream.tell() != len(data):
            raise ValueError(f"{len(data) - stream.tell()} bytes after the end of the value")
        if _SHARED_REFERENCE in data:
            check_tree(value)
        check_plain(value)
        return value
