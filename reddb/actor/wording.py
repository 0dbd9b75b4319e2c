"""What reports and the command line say alike: how many there are of a thing."""

from __future__ import annotations


def counted(count: int, thing: str) -> str:
    """Give how many there are of a thing, such as ``1 document`` and ``2,000 documents``."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")
