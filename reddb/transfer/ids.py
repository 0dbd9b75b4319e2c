"""How a document's id travels: as the field ``_id`` of its record.

A document that is no dict, or has a field of that name itself, is a record's ``_value``::

    {"_id": "6f7a8590-9ba6-41bc-87d2-dde8f3fe0914", "text": "buy milk"}
    {"_id": "6f7a8590-9ba6-41bc-87d2-dde8f3fe0914", "_value": "buy milk"}
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from reddb.codecs.plain import shown
from reddb.codecs.protocol import Plain

ID: Final = "_id"
VALUE: Final = "_value"


def with_id(id: UUID, value: Plain) -> dict[str, Plain]:  # noqa: A002
    """Give the record of a plain value and its id."""
    if type(value) is dict and ID not in value and VALUE not in value:
        return {ID: str(id), **value}
    return {ID: str(id), VALUE: value}


def without_id(record: Plain) -> tuple[UUID | None, Plain]:
    """Give the id of a record, or None if it has none, and the plain value.

    Raises:
        ValueError: Its ``_id`` is no UUID.
    """
    if type(record) is not dict or ID not in record:
        return None, record
    value = dict(record)
    id_ = id_of(value.pop(ID))
    return id_, value[VALUE] if list(value) == [VALUE] else value


def id_of(text: Plain) -> UUID:
    """Give the id that a record's ``_id`` names.

    Raises:
        ValueError: It is no UUID.
    """
    try:
        return UUID(text)
    except (ValueError, TypeError, AttributeError):
        raise ValueError(
            f"its _id is {shown(text)}, which is no UUID; with ids=False it is a field as any other"
        ) from None
