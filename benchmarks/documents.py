"""The documents that every measurement uses: about 150 bytes each, of the usual mix of types."""

from __future__ import annotations

from attrs import frozen

DOCUMENTS_A_TEAM = 100

_STRIDE = 7919
"""A prime: scores are all different, half a point apart, and in no order."""


@frozen
class Person:
    """A document as programs have them."""

    name: str
    team: int
    email: str | None
    tags: tuple[str, ...]
    score: float
    active: bool


def people(count: int) -> list[Person]:
    """Give `count` documents, in teams of `DOCUMENTS_A_TEAM` that are spread over all of them."""
    teams = max(1, count // DOCUMENTS_A_TEAM)
    return [
        Person(
            name=f"Person with the number {number:07}",
            team=number % teams,
            email=f"person.{number:07}@example.org" if number % 10 else None,
            tags=("first", f"tag {number % 7}"),
            score=number * _STRIDE % count * 0.5,
            active=number % 2 == 0,
        )
        for number in range(count)
    ]


def team_of(person: Person) -> int:
    """Give the key of an index that leads to `DOCUMENTS_A_TEAM` documents."""
    return person.team
