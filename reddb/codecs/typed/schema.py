"""Schemas: the typing layer's one entrance."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from reddb.codecs.plain import Misfit
from reddb.codecs.protocol import Notation, Plain
from reddb.codecs.typed.annotations import bare
from reddb.codecs.typed.choices import plan_enum, plan_literal
from reddb.codecs.typed.classes import plan_class, plan_typed_dict
from reddb.codecs.typed.containers import plan_list, plan_sequence, plan_set, plan_tuple
from reddb.codecs.typed.document_type import DocumentType
from reddb.codecs.typed.fields import stored_keys
from reddb.codecs.typed.hooked import plan_hooked
from reddb.codecs.typed.hooks import Hooks
from reddb.codecs.typed.leaves import plan_any, plan_leaf
from reddb.codecs.typed.mappings import plan_mapping
from reddb.codecs.typed.plan import NOT_STORED, Planner, Widened
from reddb.codecs.typed.unions import plan_union
from reddb.errors import DecodeError, EncodeError

T = TypeVar("T")

_HINT = "; a class of your own needs a TypeHook"

KINDS = (
    plan_hooked,
    plan_any,
    plan_leaf,
    plan_enum,
    plan_literal,
    plan_union,
    plan_list,
    plan_tuple,
    plan_set,
    plan_sequence,
    plan_mapping,
    plan_typed_dict,
    plan_class,
)


class Schema(Generic[T]):
    """How the values of one document type are stored.

    Args:
        document_type: The type, or a `DocumentType` with its hooks; `typing.Any` for plain values.
        notation: What the format can write down.

    Raises:
        TypeError: The type, or that of a field, cannot be stored; the message says which.

    Example:
        >>> schema = Schema(Note, Notation.PLAIN)
        >>> schema.to_plain(Note("buy milk"))
        {'text': 'buy milk'}
    """

    immutable: bool
    """Nobody can change a value, nor any part of it, so that many may share one."""
    scalars: frozenset[type]
    """The types of all scalars, but for keys, that may be in plain values."""
    keys: frozenset[str] | None
    """The names that the type's fields are stored under; None if it is no class of its own."""
    widened: Widened
    """Counts the ints that `to_plain` made floats."""
    runs_code: bool
    """Reading a value runs code of its classes' own, which may make another value of it."""

    def __init__(self, document_type: Any, notation: Notation) -> None:
        declared = DocumentType.of(document_type)
        planner = Planner(notation, KINDS, Hooks(declared.hooks))
        try:
            self._plan = planner.plan(declared.type)
            cls = bare(declared.type)
            hooked = planner.hooks.get(cls) is not None
            self.keys = None if hooked else stored_keys(cls)
        except Misfit as misfit:
            hint = _HINT if misfit.message.endswith(NOT_STORED) else ""
            raise TypeError(f"the document type cannot be stored: {misfit}{hint}") from misfit
        except RecursionError:
            raise TypeError("the document type cannot be stored: it never ends") from None
        self.immutable = self._plan.immutable
        self.scalars = self._plan.scalars
        self.runs_code = planner.runs_code
        self.widened = planner.widened

    def to_plain(self, value: T) -> Plain:
        """Make a value plain.

        Raises:
            EncodeError: The value is not of the type, or would not come back equal.
        """
        try:
            return self._plan.encode(value)
        except Misfit as misfit:
            raise EncodeError(misfit.message, misfit.path) from misfit
        except RecursionError:
            raise EncodeError("nested too deeply") from None

    def from_plain(self, plain: Plain) -> T:
        """Make the value of what `to_plain` gave.

        Raises:
            DecodeError: It does not fit the type.
        """
        try:
            value: T = self._plan.decode(plain)
        except Misfit as misfit:
            raise DecodeError(misfit.message, misfit.path) from misfit
        except RecursionError:
            raise DecodeError("nested too deeply") from None
        return value
