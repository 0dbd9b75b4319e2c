"""The document: the one value that travels from the state all the way to the user."""

from __future__ import annotations

from typing import Generic, TypeVar
from uuid import UUID, SafeUUID

from attrs import frozen

T = TypeVar("T")


@frozen
class Document(Generic[T]):
    """A value and the id it is stored under.

    A document is what a call returned, not a live view: changing its data, where the data can be
    changed, changes nothing in the database.

    Example:
        >>> document = await db.insert_one(Note("buy milk"))
        >>> document.id, document.data
        (UUID('...'), Note(text='buy milk'))
    """

    id: UUID
    """Chosen by the database when the document was inserted; it never changes."""
    data: T
    """The value."""


def uuid_of(number: int) -> UUID:
    """Give the UUID of a 128-bit number.

    The same as ``UUID(int=number)`` in a third of the time: its checks are for other input.
    """
    made = object.__new__(UUID)
    object.__setattr__(made, "int", number)
    object.__setattr__(made, "is_safe", SafeUUID.unknown)
    return made
