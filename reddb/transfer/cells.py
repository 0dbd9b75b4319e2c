"""CSV's cells: which columns a document type has, and what stands in them.

A cell is the text itself for a string, nothing for None, and JSON for all else: ``36``, ``true``,
``["a","b"]``. Where a field may hold several types, what its cell says is taken for JSON if that
gives one of them, and else for text; so a string that would be mistaken is written as JSON too.

A class has a column for each field. Plain values have one for each key that occurs, if all of them
are dicts. All other documents, such as lists, stand in one column, ``_value``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from types import NoneType
from typing import Any, Final

from attrs import frozen

from reddb.codecs import JsonCodec, Notation
from reddb.codecs.plain import SCALARS, Misfit, key_step, shown
from reddb.codecs.protocol import Plain
from reddb.codecs.typed.annotations import bare
from reddb.codecs.typed.document_type import DocumentType
from reddb.codecs.typed.fields import class_spec, typed_dict_fields
from reddb.codecs.typed.hooks import Hooks
from reddb.codecs.typed.plan import Planner
from reddb.codecs.typed.schema import KINDS
from reddb.transfer.ids import ID, VALUE

_JSON: Final = JsonCodec()
_STR: Final = frozenset({str})
_ANYTHING: Final = SCALARS | {list, dict}
_CELL_CHARS_MAX: Final = 1 << 40  # The records are bounded; the cells need not be.


_ABSENT: Final = object()
"""Says that a cell holds no value at all."""


@frozen
class Column:
    """What may stand in a column."""

    name: str
    forms: frozenset[type]
    """The types of the plain values."""
    may_lack: bool
    """Whether a document may be without it, although None may be its value."""

    def text_of(self, value: Plain) -> str:
        """Give the text of a cell."""
        if value is None and self.read("") is None:
            return ""
        if type(value) is str and self.read(value) == value:
            return value
        return _JSON.encode(value).decode()

    def read(self, text: str) -> Plain:
        """Give the value of a cell, or `_ABSENT`.

        Raises:
            Misfit: The text is of none of the types.
        """
        if not text:
            return self._of_nothing()
        if self.forms == _STR and not self.may_lack:
            return text
        try:
            value = _JSON.decode(text.encode())
        except ValueError:
            value = text
        if type(value) in self.forms or (type(value) is int and float in self.forms):
            return value
        if str in self.forms:
            return text
        expected = " or ".join(sorted(form.__name__ for form in self.forms))
        raise Misfit(f"expected {expected}, found {shown(text)}", key_step(self.name))

    def _of_nothing(self) -> Plain:
        if self.may_lack:
            return _ABSENT
        if NoneType in self.forms:
            return None
        return "" if str in self.forms else _ABSENT


def columns_of(document_type: Any) -> list[Column] | None:
    """Give the columns that a document type has, or None if it is no class with fields.

    Raises:
        Misfit: The type, or one inside it, cannot be stored.
    """
    declared = DocumentType.of(document_type)
    kind = bare(declared.type)
    planner = Planner(Notation.PLAIN, KINDS, Hooks(declared.hooks))
    if planner.hooks.get(kind) is not None:
        return None
    spec = class_spec(kind)
    fields = typed_dict_fields(kind) if spec is None else spec.fields
    if not fields or any(field.key in {ID, VALUE} for field in fields):
        return None
    return [
        Column(field.key, planner.plan(field.type).forms, spec is None and not field.required)
        for field in fields
    ]


def value_column(document_type: Any) -> Column:
    """Give the column of documents that have no fields.

    Raises:
        Misfit: The type, or one inside it, cannot be stored.
    """
    declared = DocumentType.of(document_type)
    planner = Planner(Notation.PLAIN, KINDS, Hooks(declared.hooks))
    return Column(VALUE, planner.plan(declared.type).forms, may_lack=False)


def plain_columns(names: Iterable[str]) -> list[Column]:
    """Give columns in which any plain value may stand, or none."""
    return [Column(name, _ANYTHING, may_lack=True) for name in names]


def columns_for(document_type: Any, names: Sequence[str]) -> list[Column]:
    """Give the columns of a header.

    Raises:
        Misfit: The type, or one inside it, cannot be stored.
    """
    if list(names) == [VALUE]:
        return [value_column(document_type)]
    known = {column.name: column for column in columns_of(document_type) or ()}
    return [known.get(column.name, column) for column in plain_columns(names)]


def row_of(columns: Sequence[Column], value: dict[str, Plain]) -> list[str]:
    """Give the cells of a document."""
    return [
        column.text_of(value[column.name]) if column.name in value else "" for column in columns
    ]


def read_row(columns: Sequence[Column], row: Sequence[str]) -> dict[str, Plain]:
    """Give the document of cells.

    Raises:
        Misfit: A cell is not of its column's types.
    """
    read = ((column.name, column.read(text)) for column, text in zip(columns, row, strict=True))
    return {name: value for name, value in read if value is not _ABSENT}


def line_of(row: Sequence[str]) -> bytes:
    """Give the line, or lines, of cells."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(row)
    return text.getvalue().encode()


def read_line(data: bytes) -> list[str]:
    """Give the cells of a record.

    Raises:
        ValueError: It is no CSV.
    """
    limit = csv.field_size_limit(_CELL_CHARS_MAX)  # Python has but one, and it is low.
    try:
        (row,) = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    except csv.Error as error:
        raise ValueError(f"not CSV: {error}") from error
    finally:
        csv.field_size_limit(limit)
    return row
