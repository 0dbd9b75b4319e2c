"""A hash index: for each key the slots of the documents that have it, in insertion order.

An index is a value, like the state that it is part of. The key of a document is whatever the
user's key function makes of its data: any hashable value. A key that is not equal to itself, such
as NaN, is never found by a comparison, so it is not held either.

The key function must give equal keys for equal data. It runs wherever a document is written; an
exception in it belongs to the caller whose command it was, and that command changes nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from itertools import chain
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from reddb.actor.hashmap import HashMap
from reddb.actor.slotset import SlotSet

Posting: TypeAlias = int | SlotSet
"""The slots that share a key. Most keys have one slot, which is then held as a bare int."""

NO_KEY: Final = object()
"""Stands for the key of a document that an index does not hold."""


class KeyTaken(Exception):  # It never leaves the engine, which names it better.
    """A key of a unique index belongs to the document in `slot` already."""

    def __init__(self, key: Hashable, slot: int) -> None:
        super().__init__(key, slot)
        self.key = key
        self.slot = slot


@frozen(eq=False)
class Index:
    """One index at one state.

    Example:
        >>> by_name = Index("by_name", lambda note: note.name).with_slot(0, "ada")
        >>> list(by_name.slots("ada"))
        [0]
    """

    name: str
    key_fn: Callable[[Any], Hashable]
    unique: bool = False
    _postings: HashMap[Hashable, Posting] = field(factory=HashMap, alias="postings", repr=False)

    def key_of(self, data: object) -> Hashable:
        """Give the key under which `data` is found, or `NO_KEY`.

        Raises:
            TypeError: The key function gave something that cannot be hashed.
            Exception: Whatever the key function raises, with a note that names the index.
        """
        try:
            key = self.key_fn(data)
            hash(key)
        except Exception as error:
            note = f"in the key of index {self.name!r}"
            if note not in getattr(error, "__notes__", ()):  # A function may raise one error twice.
                with contextlib.suppress(Exception):  # One of a frozen class takes no note.
                    error.add_note(note)
            raise
        return key if key == key else NO_KEY  # noqa: PLR0124  # NaN is not equal to itself.

    def slots(self, key: Hashable) -> Iterator[int]:
        """Give the slots of the documents that have `key`, in insertion order.

        Raises:
            TypeError: The key cannot be hashed.
        """
        return chain.from_iterable(self.runs(key))

    def runs(self, key: Hashable) -> Iterator[tuple[int, ...]]:
        """Give the same slots in sorted tuples of at most 128.

        Raises:
            TypeError: The key cannot be hashed.
        """
        posting = self._postings.get(key)
        if posting is None:
            return iter(())
        return iter(((posting,),)) if isinstance(posting, int) else posting.leaves()

    def with_slot(self, slot: int, key: Hashable) -> Index:
        """Give the index with the document in `slot` under `key`.

        Raises:
            KeyTaken: The index is unique and another document has the key.
        """
        if key is NO_KEY:
            return self
        posting = self._postings.get(key)
        if posting is None:
            return self._with(self._postings.set(key, slot))
        if self.unique:
            raise KeyTaken(key, next(self.slots(key)))
        return self._with(self._postings.set(key, _both(posting, slot)))

    def without_slot(self, slot: int, key: Hashable) -> Index:
        """Give the index without the document in `slot`, which was under `key`."""
        posting = None if key is NO_KEY else self._postings.get(key)
        if posting is None:
            return self
        rest = SlotSet() if isinstance(posting, int) else posting.discard(slot)
        if len(rest):
            return self._with(self._postings.set(key, rest))
        return self._with(self._postings.remove(key))

    def _with(self, postings: HashMap[Hashable, Posting]) -> Index:
        return Index(self.name, self.key_fn, self.unique, postings)

    def renumbered(self, moved: Sequence[int]) -> Generator[None, None, Index]:
        """Give the index with the new number of each slot; yield where others may run.

        Args:
            moved: The new number of each slot; -1 for one in which nothing is any more.
        """
        postings = self._postings
        for key in self._postings:
            posting: Posting | None = None
            for run in self.runs(key):
                for slot in run:
                    new = moved[slot]  # -1 for a key with a NaN inside: it was not found again.
                    if new >= 0:
                        posting = new if posting is None else _both(posting, new)
                yield
            postings = postings.remove(key) if posting is None else postings.set(key, posting)
        return self._with(postings)

    def parts(self) -> Iterator[object]:
        """Give what it consists of, in small parts: some dozens of keys, or of slots, each."""
        for leaf in self._postings.leaves():
            yield leaf
            for posting in leaf.values():
                if not isinstance(posting, int):
                    yield from posting.parts()

    def items(self) -> Iterator[tuple[Hashable, list[int]]]:
        """Give every key with its slots, for checks."""
        for key in self._postings:
            yield key, list(self.slots(key))


def _both(posting: Posting, slot: int) -> SlotSet:
    slots = SlotSet().add(posting) if isinstance(posting, int) else posting
    return slots.add(slot)
