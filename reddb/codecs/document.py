"""Documents to bytes and back: a schema and a codec put together, and the versions between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from reddb.codecs.json import JsonCodec, encode_checked
from reddb.codecs.places import first_difference, first_failure
from reddb.codecs.plain import Misfit, shown
from reddb.codecs.protocol import Codec, Plain
from reddb.codecs.typed import DocumentType, Schema
from reddb.codecs.typed.annotations import bare, type_name
from reddb.codecs.versions import RESERVED, VERSION_KEY, Versions
from reddb.errors import DecodeError, EncodeError

T = TypeVar("T")


class DocumentCodec(Generic[T]):
    """Turns the values of one document type into bytes of one format, and back.

    Args:
        codec: The format.
        document_type: The type, or a `DocumentType`; `typing.Any` for plain values.

    Raises:
        TypeError: The type cannot be stored.
        ValueError: The codec's name is not 1 to 16 printable ASCII characters.

    Example:
        >>> codec = DocumentCodec(JsonCodec(), Note)
        >>> codec.decode(codec.encode(Note("buy milk")))
        Note(text='buy milk')
    """

    renew: Callable[[bytes], bytes] | None = None
    """Gives the bytes of a document as they are written now, where that may be another version."""

    def __init__(self, codec: Codec, document_type: Any) -> None:
        name = codec.name
        if not (name.isascii() and name.isprintable() and 1 <= len(name) <= 16):
            raise ValueError(f"a codec's name is 1 to 16 printable ASCII characters, not {name!r}")
        declared = DocumentType.of(document_type)
        self._schema: Schema[T] = Schema(declared, codec.notation)
        self._codec = codec
        self.document_type = document_type
        self._write = codec.encode
        if type(codec) is JsonCodec and bytes not in self._schema.scalars:
            self._write = encode_checked  # The schema has checked the rest.
        self.name = name
        self.suffix = codec.suffix
        self.immutable = self._schema.immutable
        self.widened = self._schema.widened
        self._versions = _versions(declared, self._schema, codec)
        self._is_first = declared.version == 1
        self._stamps = self._versions is not None and (
            declared.version > 1 or self._schema.keys is None
        )
        if self._versions is not None and declared.version > 1:
            self._ending = self._versions.ending(codec)
            self.renew = self._renewed

    def encode(self, value: T) -> bytes:
        """Give the bytes of a value.

        Raises:
            EncodeError: It does not fit the type or the format.
        """
        plain = self._schema.to_plain(value)
        if self._stamps:
            plain = self._stamped(plain)
        try:
            data = self._write(plain)
        except Exception as error:
            raise self._refusal(plain, error) from error
        if self._schema.runs_code:
            self._check_return(value, data)
        return data

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
        versions = self._versions
        if (  # The first way is the usual one, and the others would take longer to see it.
            (self._is_first and type(plain) is dict and VERSION_KEY not in plain)
            or versions is None
            or versions.is_newest(plain)
        ):
            return self._schema.from_plain(plain)
        return self._upgraded(plain, versions)

    def from_plain(self, plain: Plain) -> T:
        """Give the value of a plain value that comes from elsewhere, such as an export.

        It is taken for one of the newest version, unless it says which it is of.

        Raises:
            DecodeError: It does not fit the type, or is of a version that cannot be upgraded.
        """
        if self._versions is None or not self._versions.is_stamped(plain):
            return self._schema.from_plain(plain)
        return self._upgraded(plain, self._versions)

    def _upgraded(self, plain: Plain, versions: Versions) -> T:
        """Give the value of what may be of another version than the newest."""
        try:
            version = versions.of(plain)
            plain = versions.renewed(plain, version)
        except Misfit as misfit:
            raise DecodeError(misfit.message, misfit.path) from misfit.__cause__
        try:
            return self._schema.from_plain(plain)
        except DecodeError as error:
            if version == versions.newest:
                raise
            reason = f"{error.args[0]}, after the upgrade from version {version}"
            raise DecodeError(reason, error.path) from error

    def _refusal(self, plain: Plain, error: Exception) -> EncodeError:
        """Give the error for a value that the format cannot hold."""
        reason, path = _place(error)
        if path == "$":
            found = first_failure(plain, self._codec.encode)
            if found is not None:
                reason, path = _place(found[0])[0], f"${found[1]}"
        return EncodeError(f"{self.name} cannot hold the value: {reason}", path)

    def _check_return(self, value: T, data: bytes) -> None:
        """Refuse a value that would come back otherwise, as one of its classes sees to it."""
        try:
            came_back = self.decode(data)
        except DecodeError as error:
            reason = f"the value could not be read again: {error.args[0]}"
            raise EncodeError(reason, error.path) from error
        if _is_equal(came_back, value):
            return
        # What has no `==` of its own, or holds NaN, is never equal.
        found = first_difference(self._schema.to_plain(value), self._schema.to_plain(came_back))
        if found is not None:
            before, after, path = found
            reason = f"the value would come back changed, as {shown(after)} and not {shown(before)}"
            raise EncodeError(f"{reason}: its class makes something else of it", f"${path}")

    def _stamped(self, plain: Plain) -> Plain:
        assert self._versions is not None, "only a document with a version gets a stamp"
        try:
            return self._versions.stamped(plain)
        except Misfit as misfit:
            raise EncodeError(misfit.message, misfit.path) from None

    def _renewed(self, data: bytes) -> bytes:
        """Give a document's bytes in the newest version; what cannot be read stays as it is."""
        if self._ending is not None and data.endswith(self._ending):
            return data
        try:
            return self.encode(self.decode(data))
        except (DecodeError, EncodeError):
            return data


def _versions(declared: DocumentType[Any], schema: Schema[Any], codec: Codec) -> Versions | None:
    """Give the versions of a type; None where a stored value's keys are all its own.

    Raises:
        TypeError: The type has a version, and a field whose name is needed for it.
    """
    keys = schema.keys or frozenset()
    if declared.version == 1 and (bare(declared.type) is Any or not RESERVED.isdisjoint(keys)):
        return None
    for key in sorted(RESERVED & keys):
        raise TypeError(
            f"{type_name(declared.type)} cannot have a version: its field {key!r} has a name that "
            "reddb needs for it"
        )
    return Versions(declared.version, declared.upgrades, codec.notation, schema.keys is not None)


def _is_equal(one: object, other: object) -> bool:
    try:
        return bool(one == other)
    except Exception:  # Whatever a class's own `==` raises.
        return False


def _place(error: Exception) -> tuple[str, str]:
    """Give what is wrong and where, as far as a codec's exception says."""
    if isinstance(error, Misfit):
        return error.message, error.path
    return str(error) or type(error).__name__, "$"
