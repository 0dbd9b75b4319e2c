"""Documents to bytes and back: a schema and a codec put together."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from reddb.codecs.json import JsonCodec, encode_checked
from reddb.codecs.plain import Misfit
from reddb.codecs.protocol import Codec
from reddb.codecs.typed import Schema
from reddb.errors import DecodeError, EncodeError

T = TypeVar("T")


class DocumentCodec(Generic[T]):
    """Turns the values of one document type into bytes of one format, and back.

    Args:
        codec: The format.
        document_type: The type; `typing.Any` for plain values.

    Raises:
        TypeError: The type cannot be stored.
        ValueError: The codec's name is not 1 to 16 printable ASCII characters.

    Example:
        >>> codec = DocumentCodec(JsonCodec(), Note)
        >>> codec.decode(codec.encode(Note("buy milk")))
        Note(text='buy milk')
    """

    def __init__(self, codec: Codec, document_type: Any) -> None:
        name = codec.name
        if not (name.isascii() and name.isprintable() and 1 <= len(name) <= 16):
            raise ValueError(f"a codec's name is 1 to 16 printable ASCII characters, not {name!r}")
        self._schema: Schema[T] = Schema(document_type, codec.notation)
        self._codec = codec
        self._write = codec.encode
        if type(codec) is JsonCodec and bytes not in self._schema.scalars:
            self._write = encode_checked  # The schema has checked the rest.
        self.name = name
        self.suffix = codec.suffix
        self.immutable = self._schema.immutable

    def encode(self, value: T) -> bytes:
        """Give the bytes of a value.

        Raises:
            EncodeError: It does not fit the type or the format.
        """
        plain = self._schema.to_plain(value)
        try:
            return self._write(plain)
        except Exception as error:
            reason, path = _place(error)
            raise EncodeError(f"{self.name} cannot hold the value: {reason}", path) from error

    def decode(self, data: bytes) -> T:
        """Give the value of what `encode` gave.

        Raises:
            DecodeError: The bytes are not of the format, or do not fit the type.
        """
        try:
            plain = self._codec.decode(data)
        except Exception as error:
            reason, path = _place(error)
            raise DecodeError(f"the bytes are not {self.name}: {reason}", path) from error
        return self._schema.from_plain(plain)


def _place(error: Exception) -> tuple[str, str]:
    """Give what is wrong and where, as far as a codec's exception says."""
    if isinstance(error, Misfit):
        return error.message, error.path
    return str(error) or type(error).__name__, "$"
