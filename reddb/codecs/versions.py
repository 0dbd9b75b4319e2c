"""The version of a stored document, and its way to the version that a program wants.

A document of version 1 is stored as it is, so that a program that never mentions versions writes
what it always wrote. A later version stands in the document, as its last field::

    {"first": "Ada", "last": "Lovelace", "__version__": 2}
    {"__value__": [1, 2], "__version__": 2}                    where the document is no dict

So whatever carries a document carries its version along: every format, a copy, an export, and a
program that opens the database without a type. In RON the field is in the struct.

An upgrade is a function from the plain value of one version to that of the next. See
`reddb.codecs.ron.view` for what it is given where RON says more than a plain value can.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen

from reddb.codecs.plain import Misfit
from reddb.codecs.protocol import Codec, Notation, Plain
from reddb.codecs.ron.nodes import Struct
from reddb.codecs.ron.view import restored, view

VERSION_KEY: Final = "__version__"
VALUE_KEY: Final = "__value__"
RESERVED: Final = frozenset({VERSION_KEY, VALUE_KEY})
_NO_FIELDS: Mapping[str, Plain] = {}


@frozen(eq=False)
class Versions:
    """The version that documents have when they are written, and the way there.

    Attributes:
        newest: The version.
        upgrades: The function to the next version, by the version that it begins with.
        is_class: The type is a class: its values are new dicts, with keys that are known, and it
            passes over any other, such as the stamp.
        notation: What the format can write down.
    """

    newest: int
    upgrades: Mapping[int, Callable[[Any], Plain]]
    notation: Notation
    is_class: bool

    def stamped(self, plain: Plain) -> Plain:
        """Give a value with the newest version in it, if that is later than 1.

        Raises:
            Misfit: It is a dict that has one of the keys that are needed for this.
        """
        if self.is_class and type(plain) is dict:  # It is new, and none of its keys is ours.
            plain[VERSION_KEY] = self.newest
            return plain
        fields = _fields(plain)
        if not RESERVED.isdisjoint(fields):
            raise Misfit(f"the keys {VERSION_KEY!r} and {VALUE_KEY!r} are reddb's own")
        if self.newest == 1:
            return plain
        if type(plain) is dict:
            return {**plain, VERSION_KEY: self.newest}
        if type(plain) is Struct:
            return Struct({**fields, VERSION_KEY: self.newest}, plain.name)
        wrapped = {VALUE_KEY: plain, VERSION_KEY: self.newest}
        return Struct(wrapped) if self.notation is Notation.NAMED else wrapped

    def is_stamped(self, plain: Plain) -> bool:
        """Tell whether a value says of which version it is."""
        return VERSION_KEY in _fields(plain)

    def is_newest(self, plain: Plain) -> bool:
        """Tell at once whether a stored value can be read as it stands, as nearly all can."""
        kind = type(plain)
        fields = plain if kind is dict else plain.fields if kind is Struct else _NO_FIELDS
        if VERSION_KEY not in fields:
            return self.newest == 1
        return self.is_class and fields[VERSION_KEY] == self.newest and VALUE_KEY not in fields

    def of(self, plain: Plain) -> int:
        """Give the version that a stored value has.

        Raises:
            Misfit: What should be a version is none.
        """
        version: object = _fields(plain).get(VERSION_KEY, 1)
        if type(version) is int and version >= 1:
            return version
        raise Misfit(f"the document's version is {version!r}, which is none")

    def renewed(self, plain: Plain, version: int) -> Plain:
        """Give a stored value of some version as one of the newest, without its stamp.

        Raises:
            Misfit: Its version is too new or too old, or an upgrade fails.
        """
        if version > self.newest:
            raise Misfit(
                f"the document is of version {version}, and this program knows versions up to "
                f"{self.newest}: a newer program has written it"
            )
        plain = _without_stamp(plain)
        if version == self.newest:
            return plain
        if self.notation is not Notation.NAMED:
            return self._upgraded(plain, version)
        return restored(self._upgraded(view(plain), version))

    def _upgraded(self, plain: Plain, version: int) -> Plain:
        for start in range(version, self.newest):
            upgrade = self.upgrades.get(start)
            if upgrade is None:
                raise Misfit(
                    f"the document is of version {version}, and this program upgrades documents "
                    f"from version {min(self.upgrades)} on"
                )
            try:
                plain = upgrade(plain)
            except Exception as error:
                raise Misfit(f"the upgrade from version {start} failed: {error!r}") from error
        return plain

    def ending(self, codec: Codec) -> bytes | None:
        """Give how the bytes of a document of the newest version end, if the format shows it.

        Bytes that end so need not be looked at to be renewed. If others end so too, they stay as
        they are, and are upgraded whenever they are read, as before.
        """
        data = codec.encode(self.stamped(Struct({"a": 0}) if self._is_named else {"a": 0}))
        at = data.find(VERSION_KEY.encode())
        return data[at:] if at >= 0 else None

    @property
    def _is_named(self) -> bool:
        return self.notation is Notation.NAMED


def _fields(plain: Plain) -> Mapping[Any, Plain]:
    """Give what may have a version in it."""
    if type(plain) is dict:
        return plain
    return plain.fields if type(plain) is Struct else _NO_FIELDS


def _without_stamp(plain: Plain) -> Plain:
    fields = _fields(plain)
    if VERSION_KEY not in fields:
        return plain
    if VALUE_KEY in fields:
        return fields[VALUE_KEY]
    rest = {key: value for key, value in fields.items() if key != VERSION_KEY}
    return rest if type(plain) is dict else Struct(rest, plain.name)
