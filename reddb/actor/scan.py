"""Going through all documents in slices, so that nobody holds the event loop for long.

A slice is measured in *units* of about 100 nanoseconds: one for a document that is decoded
already, `_DECODE_UNITS` for one that is not. Callers with a task yield between slices; a plain
call does not. Slices are counted, never timed, so that a seeded run takes the same course again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from reddb.actor.changes import RUN_CHANGES
from reddb.actor.document import Document
from reddb.actor.state import State
from reddb.errors import DecodeError

T = TypeVar("T")
Item = TypeVar("Item")

_SLICE_UNITS = 2048
"""A fifth of a millisecond, as against the five microseconds of a checkpoint."""

_DECODE_UNITS = 32

SLICE_CHANGES = RUN_CHANGES
"""Changes that are applied, or values that are encoded, between two checkpoints: a run is one."""


def scan(
    state: State[T], unreadable: list[DecodeError] | None = None
) -> Iterator[list[Document[T]]]:
    """Give all documents in insertion order, a slice at a time.

    Args:
        state: What to go through.
        unreadable: Where to note the documents that cannot be read; without it they are errors.

    Raises:
        DecodeError: The stored bytes of a document do not fit the document type.
    """
    documents: list[Document[T]] = []
    units = 0
    for page in state.pages():
        units += page.live_count * (_DECODE_UNITS if page.complete is None else 1)
        if unreadable is None:
            documents += state.documents_of(page)
        else:
            documents += state.readable_of(page, unreadable)
        if units >= _SLICE_UNITS:
            yield documents
            documents, units = [], 0
    if documents:
        yield documents


def sliced(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Cut a sequence into slices of at most `size` items."""
    return (items[at : at + size] for at in range(0, len(items), size))
