"""Plans: how the values of one type are stored.

A `Planner` makes the plan of a type by asking each kind (a leaf, a list, a union, a class...) in
turn whether the type is one of its own. Kinds ask the planner for the plans of their parts, so a
document type becomes one tree of closures, made once and then only run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from attrs import define, field

from reddb.codecs.plain import SCALARS, Misfit
from reddb.codecs.protocol import Notation, Plain
from reddb.codecs.typed.annotations import bare, type_name
from reddb.codecs.typed.hooks import Hooks


@define(eq=False)
class Plan:
    """How the values of one type are stored.

    `takes` and `forms` let a union tell its members apart, by exact type: on the way in, and on
    the way out.

    Attributes:
        encode: Makes a value plain. Raises `Misfit` for anything that is not of the type.
        decode: Makes the value of what `encode` gave. Raises `Misfit` for anything else.
        takes: The types of the values.
        forms: The types of the plain values (or RON nodes) that `encode` gives.
        kept: Types whose every value is stored as itself, so that nobody need call.
        as_is: Each value is stored as a plain value that equals it and has its type.
        scalars: The types of all scalars, but for keys, that may be in what `encode` gives.
        immutable: Nobody can change a value of this type, nor any part of it.
    """

    encode: Callable[[Any], Plain]
    decode: Callable[[Plain], Any]
    takes: frozenset[type]
    forms: frozenset[type]
    kept: frozenset[type] = frozenset()
    as_is: bool = False
    scalars: frozenset[type] = SCALARS
    immutable: bool = False


NOT_STORED = "cannot be stored"
"""What an error says of a type that no kind knows."""

Kind: TypeAlias = Callable[[Any, "Planner"], Plan | None]
"""Gives the plan for a type, or None if the type is not one of its own."""


@define(eq=False)
class Widened:
    """How often an int was stored as the float that equals it, as the type asks for a float."""

    count: int = 0


@define(eq=False)
class Planner:
    """Finds the plan of a type.

    Attributes:
        notation: What the format can write down.
        hooks: How types are stored that no kind knows.
        runs_code: A class was planned whose ``__init__`` runs code of its own, such as a converter.
        widened: Counts what the plans store otherwise than it is.
    """

    notation: Notation
    _kinds: Sequence[Kind]
    hooks: Hooks = field(factory=Hooks)
    runs_code: bool = field(default=False, init=False)
    widened: Widened = field(factory=Widened, init=False)
    _classes: dict[Any, Plan] = field(factory=dict, init=False)
    _unfinished: set[Any] = field(factory=set, init=False)
    _hooking: set[type] = field(factory=set, init=False)

    def plan(self, annotation: Any) -> Plan:
        """Give the plan for a type.

        Raises:
            Misfit: The type, or one inside it, cannot be stored.
        """
        kind_of_value = bare(annotation)
        for kind in self._kinds:
            plan = kind(kind_of_value, self)
            if plan is not None:
                return plan
        raise Misfit(f"{type_name(kind_of_value)} {NOT_STORED}")

    def plan_at(self, step: str, annotation: Any) -> Plan:
        """Give the plan for a part's type, and name the part in an error."""
        try:
            return self.plan(annotation)
        except Misfit as misfit:
            misfit.within(step)
            raise

    def plan_class(self, cls: Any, draft: Plan, complete: Callable[[Plan], None]) -> Plan:
        """Give the plan for a class that may contain itself.

        Args:
            cls: The class, with its type arguments.
            draft: Its plan, as far as it is known without its fields.
            complete: Plans the fields and completes the draft.
        """
        if cls not in self._classes:
            self._classes[cls] = draft
            self._unfinished.add(cls)
            complete(draft)
            self._unfinished.discard(cls)
        plan = self._classes[cls]
        return _late(plan) if cls in self._unfinished else plan

    @contextlib.contextmanager
    def hooking(self, cls: type) -> Iterator[None]:
        """Plan in the body what a hooked class is stored as, which must not hold the class.

        Raises:
            Misfit: It does.
        """
        if cls in self._hooking:
            raise Misfit(f"the hook for {type_name(cls)} stores it as a type that holds it again")
        self._hooking.add(cls)
        try:
            yield
        finally:
            self._hooking.discard(cls)


def _late(plan: Plan) -> Plan:
    """Stand in for a plan whose functions are not made yet.

    It counts as immutable, and as without scalars: whether it is so depends on the other fields
    alone, and those are asked anyway.
    """
    return Plan(
        encode=lambda value: plan.encode(value),  # noqa: PLW0108  # Looked up when it is called.
        decode=lambda plain: plan.decode(plain),  # noqa: PLW0108
        takes=plan.takes,
        forms=plan.forms,
        scalars=frozenset(),
        immutable=True,
    )


def mismatch(expected: str, found: object) -> Misfit:
    """Make the error for a value of another type than expected."""
    return Misfit(f"expected {expected}, found {type(found).__qualname__}")
