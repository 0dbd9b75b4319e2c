"""The document: the one value that travels from the state all the way to the user."""

from __future__ import annotations

from typing import Generic, TypeVar
from uuid import UUID

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
