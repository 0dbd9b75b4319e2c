"""The document: the one value that travels from the state all the way to the user.

A database hands out millions of them, so they are as small as Python allows: no dict, no UUID until
somebody asks for it, and no part in garbage collection where they cannot be part of a cycle.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from uuid import UUID, SafeUUID

import msgspec
from attrs.exceptions import FrozenInstanceError

T = TypeVar("T")


def _refuse(*_: object) -> None:
    raise FrozenInstanceError


class _ById(msgspec.StructMeta):
    """Makes a document of an id, where the struct holds the id's number."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        for change in ("__setattr__", "__delattr__"):  # The struct's own raise another error.
            setattr(self, change, _refuse)

    def __call__(self, id: UUID, data: Any) -> Any:  # noqa: A002
        return _make(self, id.int, data)

    @property
    def __match_args__(self) -> tuple[str, ...]:  # type: ignore[override]  # A plain one elsewhere.
        return ("id", "data")


_make = msgspec.StructMeta.__call__


class Document(msgspec.Struct, Generic[T], metaclass=_ById, frozen=True, eq=False):
    """A value and the id it is stored under.

    A document is what a call returned, not a live view: changing its data, where the data can be
    changed, changes nothing in the database.

    Example:
        >>> document = await db.insert_one(Note("buy milk"))
        >>> document.id, document.data
        (UUID('...'), Note(text='buy milk'))
    """

    key: int
    """The id's number, for the engine."""
    data: T
    """The value."""

    if TYPE_CHECKING:

        def __init__(self, id: UUID, data: T) -> None: ...  # noqa: A002

    @property
    def id(self) -> UUID:
        """Chosen by the database when the document was inserted; it never changes."""
        return uuid_of(self.key)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Document):
            return NotImplemented
        return self.key == other.key and bool(self.data == other.data)

    def __hash__(self) -> int:
        return hash((self.key, self.data))

    def __repr__(self) -> str:
        return f"Document(id={self.id!r}, data={self.data!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Document, (self.id, self.data)


class _Leaf(Document[T], frozen=True, eq=False, gc=False):
    """A document whose data is deeply immutable, so that nothing in it can lead back to it."""


leaf_document: Final = partial(_make, _Leaf)
"""Makes a document of a key and deeply immutable data, which the garbage collector never visits."""

open_document: Final = partial(_make, Document)
"""Makes a document of a key and data that may hold anything."""

_new_object = object.__new__
# The slots themselves: setting one so takes half of the time of `object.__setattr__`.
_set_number = UUID.__dict__["int"].__set__
_UNKNOWN = SafeUUID.unknown
_set_safety = UUID.__dict__["is_safe"].__set__


def uuid_of(number: int) -> UUID:
    """Give the UUID of a 128-bit number.

    The same as ``UUID(int=number)`` in a fraction of the time: its checks are for other input.
    """
    made = _new_object(UUID)
    _set_number(made, number)
    _set_safety(made, _UNKNOWN)
    return made
