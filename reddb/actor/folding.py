"""Making the state of a log in one pass, where `State.apply` would make one for every commit.

A log is read from its beginning, and nobody sees what it comes to before its end. So there is no
need for a state after each commit: a `Folding` puts facts straight into pages and an id table, and
gives the one state at the end. `tests/actor/test_folding.py` proves it equal to what `apply` gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Generic, TypeVar

from reddb.actor.frames import Fact
from reddb.actor.idtable import SHARD_MASK, IdTable, new_shards
from reddb.actor.pages import PAGE_BITS, PAGE_SLOTS, Page, Pages
from reddb.actor.state import Reader, State

T = TypeVar("T")

_PLACE: Final = PAGE_SLOTS - 1


class Folding(Generic[T]):
    """Facts on their way into a state.

    Args:
        reader: How the state's bytes become documents.

    Example:
        >>> folding = Folding(reader)
        >>> folding.add(1, [(key, b"...")])
        >>> len(folding.state())
        1
    """

    def __init__(self, reader: Reader[T]) -> None:
        self._reader = reader
        self._seq = 0
        self._shards = new_shards()  # The id table's: a call for each fact would take too long.
        self._next_slot = 0
        self._pages: list[Page] = []
        """The full pages."""
        self._live_count = 0
        """How many documents are in them."""
        self._live_bytes = 0
        """The encoded size of these."""
        self._keys: list[int] = []
        """The columns of the page that is not full yet."""
        self._data: list[bytes | None] = []

    def add(self, seq: int, facts: Sequence[Fact]) -> None:
        """Take in facts of the commit `seq`."""
        self._seq = seq
        next_slot = self._next_slot
        for key, data in facts:
            if data is None:
                self._remove(key)
                continue
            slot = self._shards[key & SHARD_MASK].setdefault(key, next_slot)
            if slot != next_slot:
                if self._replace(slot, data):
                    continue
                self._shards[key & SHARD_MASK][key] = (
                    next_slot  # It was removed, so it comes last now.
                )
            self._keys.append(key)
            self._data.append(data)
            next_slot += 1
            if next_slot & _PLACE == 0:
                self._end_page()
        self._next_slot = next_slot

    def _end_page(self) -> None:
        live = [len(data) for data in self._data if data is not None]
        self._pages.append(Page(tuple(self._keys), tuple(self._data), len(live)))
        self._live_count += len(live)
        self._live_bytes += sum(live)
        self._keys.clear()
        self._data.clear()

    def _remove(self, key: int) -> None:
        slot = self._shards[key & SHARD_MASK].get(key)
        if slot is not None:
            self._replace(slot, None)

    def _replace(self, slot: int, data: bytes | None) -> bool:
        """Put other data into a slot, unless it is empty."""
        number, place = slot >> PAGE_BITS, slot & _PLACE
        is_last = number == len(self._pages)
        before = self._data[place] if is_last else self._pages[number].data[place]
        if before is None:
            return False
        if is_last:
            self._data[place] = data
        else:
            self._pages[number] = self._pages[number].with_slots(((place, data, None),))
            self._live_count -= data is None
            self._live_bytes += (0 if data is None else len(data)) - len(before)
        return True

    def state(self) -> State[T]:
        """Give the state of all facts. Nothing may be added then."""
        if self._keys:
            self._end_page()
        return State(
            self._reader,
            self._seq,
            self._live_count,
            self._live_bytes,
            _pages=Pages.of([page if page.live_count else None for page in self._pages]),
            _next_slot=self._next_slot,
            _table=IdTable(self._shards, count=self._next_slot),
        )
