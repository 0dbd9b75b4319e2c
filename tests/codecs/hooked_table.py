"""Types that reddb does not know, with hooks for them, and values of types that hold them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from zoneinfo import ZoneInfo

from attrs import frozen

from reddb import TypeHook


class Celsius:
    """A class that says nothing about itself but ``==`` and a hash."""

    degrees: float

    def __init__(self, degrees: float) -> None:
        vars(self)["degrees"] = degrees

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a temperature stays as it is")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Celsius) and other.degrees == self.degrees

    def __hash__(self) -> int:
        return hash(self.degrees)

    def __repr__(self) -> str:
        return f"Celsius({self.degrees})"


class Money:
    """A class that can be changed."""

    def __init__(self, cents: int, notes: list[str]) -> None:
        self.cents = cents
        self.notes = notes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and vars(other) == vars(self)

    __hash__ = None  # type: ignore[assignment]  # As for every class with `__eq__` that can change.

    def __repr__(self) -> str:
        return f"Money({self.cents}, {self.notes})"


@frozen
class Text:
    """How a pattern is stored: as a class that reddb knows."""

    pattern: str
    flags: int


address = TypeHook(IPv4Address, to_plain=str, from_plain=IPv4Address, immutable=True)
address6 = TypeHook(IPv6Address, to_plain=str, from_plain=IPv6Address, immutable=True)
celsius = TypeHook(
    Celsius,
    to_plain=lambda value: value.degrees,
    from_plain=Celsius,
    stored_as=float,
    immutable=True,
)
fraction = TypeHook(
    Fraction,
    to_plain=lambda value: (value.numerator, value.denominator),
    from_plain=lambda pair: Fraction(*pair),
    stored_as=tuple[int, int],
    immutable=True,
)
pattern: TypeHook[Any] = TypeHook(
    re.Pattern,
    to_plain=lambda value: Text(value.pattern, value.flags),
    from_plain=lambda text: re.compile(text.pattern, text.flags),
    stored_as=Text,
    immutable=True,
)
money = TypeHook(
    Money,
    to_plain=vars,
    from_plain=lambda plain: Money(plain.pop("cents"), plain.pop("notes")),
    stored_as=dict[str, Any],
)
queue: TypeHook[Any] = TypeHook(deque, to_plain=list, from_plain=deque, stored_as=list[int])
zone = TypeHook(ZoneInfo, to_plain=lambda value: value.key, from_plain=ZoneInfo, immutable=True)
HOOKS: list[TypeHook[Any]] = [address, address6, celsius, fraction, pattern, money, queue, zone]

VALUES: dict[str, tuple[Any, list[Any]]] = {
    "as a string": (IPv4Address, [IPv4Address(0), IPv4Address("192.168.0.1")]),
    "as a number": (Celsius, [Celsius(-0.0), Celsius(36.6), Celsius(float("inf"))]),
    "as a tuple": (Fraction, [Fraction(1, 3), Fraction(-(2**70), 3)]),
    "as a class": (re.Pattern[str], [re.compile("a+", re.IGNORECASE), re.compile("")]),
    "as a dict": (Money, [Money(1, []), Money(2, ["tip"])]),
    "as a list": (deque, [deque(), deque([1, 2])]),
    "in a tuple": (tuple[IPv4Address, ...], [(IPv4Address(1), IPv4Address(2)), ()]),
    "in a set": (frozenset[Fraction], [frozenset({Fraction(1, 2), Fraction(1, 3)})]),
    "in a Sequence": (Sequence[Celsius], [[Celsius(1.0)], (Celsius(1.0),)]),
    "as text keys": (dict[IPv4Address, int], [{IPv4Address(1): 1}, {}]),
    "as other keys": (dict[Fraction, Money], [{Fraction(1, 2): Money(1, ["a"])}]),
    "as class keys": (dict[re.Pattern[str], int], [{re.compile("a"): 1}]),
    "in unions": (
        IPv4Address | IPv6Address | str | Celsius | float | Fraction | None,
        [IPv4Address(1), IPv6Address(1), "0.0.0.1", Celsius(1.0), 1.0, Fraction(1), None],
    ),
}
