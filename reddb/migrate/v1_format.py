"""The v1 files of the Rust crate (0.2.3): text, one record of ``_id``, ``data`` and ``_st`` each.

JSON and RON have a record a line. YAML has a document a record, which begins with ``---``.
``_st`` says what the record does: ``In`` inserts, ``Up`` updates, ``De`` deletes.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from reddb.codecs.ron import Node, Struct, Variant
from reddb.migrate import serde_formats
from reddb.migrate.v2_format import Format, Head, Op

_OPS: Final = {"In": Op.INSERT, "Up": Op.UPDATE, "De": Op.DELETE}
_FIELDS: Final = ("_id", "data", "_st")


def read_record(format: Format, data: bytes) -> tuple[Head, Node]:  # noqa: A002
    """Give what a record says of itself, and its document's node.

    Raises:
        ValueError: It is no record.
    """
    node = serde_formats.read(format, data)
    fields = node.fields if isinstance(node, Struct) else node
    if not isinstance(fields, dict):
        raise ValueError(f"it has no fields {', '.join(_FIELDS)}")
    for name in _FIELDS:
        if name not in fields:
            raise ValueError(f"it has no field {name}")
    status = fields["_st"]
    op = _OPS.get(status.name if isinstance(status, Variant) else str(status))
    if op is None:
        raise ValueError(f"its _st is {status!r}, which is none of {', '.join(_OPS)}")
    return Head(op, _key_of(fields["_id"])), fields["data"]


def _key_of(text: Node) -> int:
    try:
        return UUID(text).int
    except (ValueError, TypeError, AttributeError):
        raise ValueError(f"its _id is {text!r}, which is no UUID") from None
