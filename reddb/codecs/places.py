"""Where in a value something is: the parts of plain values and of RON's nodes, and the steps there.

Only errors need this, so it may take its time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reddb.codecs.plain import key_step
from reddb.codecs.protocol import Plain
from reddb.codecs.ron.nodes import Map, Some, Struct, Tuple


def parts(plain: Plain) -> Iterator[tuple[str, Plain]]:
    """Give what is directly in a value, each part with the step to it; keys too."""
    match plain:
        case dict() | Map():
            for key, item in plain.items if isinstance(plain, Map) else plain.items():
                yield key_step(key), key
                yield key_step(key), item
        case Struct():
            yield from ((key_step(name), item) for name, item in plain.fields.items())
        case list() | Tuple():
            items = plain.items if isinstance(plain, Tuple) else plain
            yield from ((f"[{index}]", item) for index, item in enumerate(items))
        case Some():
            yield "", plain.value


def first_failure(plain: Plain, use: Callable[[Plain], object]) -> tuple[Exception, str] | None:
    """Give what `use` raises for the innermost part that it does not take, and the path there."""
    try:
        use(plain)
    except Exception as error:
        for step, part in parts(plain):
            found = first_failure(part, use)
            if found is not None:
                return found[0], step + found[1]
        return error, ""
    return None


def first_difference(one: Plain, other: Plain) -> tuple[Plain, Plain, str] | None:
    """Give the first parts in which two values differ, and the path there; None if in none."""
    mine, others = list(parts(one)), list(parts(other))
    if type(one) is not type(other) or [step for step, _ in mine] != [step for step, _ in others]:
        return one, other, ""
    if not mine:
        return None if repr(one) == repr(other) else (one, other, "")  # Takes NaN for NaN.
    for (step, my_part), (_, other_part) in zip(mine, others, strict=True):
        found = first_difference(my_part, other_part)
        if found is not None:
            return found[0], found[1], step + found[2]
    return None
