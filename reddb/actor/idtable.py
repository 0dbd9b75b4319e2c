"""Where documents are: from the number of an id to the slot that it was given.

All states of a database share one table, and the writer adds to it while others read. That does
not make states any less immutable, for an entry of the table is only ever a hint: whoever follows
it checks that the slot, in *its* state, holds that id. A hint to a document that a state does not
have yet, or no longer, leads to nothing. What must not happen is that a hint is overwritten while
a state still needs the old one, so:

- A state that may never be published, such as a transaction's view, adds to a `branch`.
- An id that comes a second time, after its first document was removed, gets a new table first
  (see `State.compacted`).

So inserting a document costs the same however many there are, a lookup is two steps, and nothing
is copied. What it costs in return: the hints of removed documents stay, until they outnumber the
others and the writer makes a new table. Older states keep the one they were made with.

The table is cut into shards so that no dict is so large that its growing holds up the event loop.
Python's garbage collector does not track dicts of ints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import define, field

_SHARDS = 256
SHARD_MASK = _SHARDS - 1
_PART_HINTS = 4096
"""About so many hints are let go of in some tenths of a millisecond."""
_HINTS_MIN = 1024
"""A table this small is never worth making anew."""


def new_shards() -> list[dict[int, int]]:
    """Give the parts of a table without hints; the hint of `key` is in ``key & SHARD_MASK``."""
    return [{} for _ in range(_SHARDS)]


@define(eq=False, repr=False)
class IdTable:
    """Hints: for each id, as a number, the slot that it was given.

    Example:
        >>> table = IdTable()
        >>> table.add(id.int, 7)
        >>> table.get(id.int)
        7
    """

    _shards: list[dict[int, int]] = field(factory=new_shards)
    _parent: IdTable | None = None
    _count: int = 0

    def add(self, key: int, slot: int) -> None:
        """Note that the document with the id `key` was given `slot`."""
        shards = self._shards
        shards[key & (len(shards) - 1)][key] = slot
        self._count += 1

    def add_all(self, keys: Sequence[int], first_slot: int) -> None:
        """Note that the documents of these ids were given slots in a row."""
        shards = self._shards
        last = len(shards) - 1
        for slot, key in enumerate(keys, first_slot):
            shards[key & last][key] = slot
        self._count += len(keys)

    def get(self, key: int) -> int | None:
        """Give the slot that the id `key` was given, or None."""
        shards = self._shards
        slot = shards[key & (len(shards) - 1)].get(key)
        if slot is None and self._parent is not None:
            return self._parent.get(key)
        return slot

    def branch(self) -> IdTable:
        """Give a table with the same hints and room for more that this one does not see."""
        return IdTable([{}], self)

    def parts(self) -> Iterator[object]:
        """Give what the table consists of, in parts of some thousand hints."""
        shards = self._shards
        step = max(1, _PART_HINTS * len(shards) // (self._count + 1))
        return (shards[at : at + step] for at in range(0, len(shards), step))

    def is_mostly_stale(self, live_count: int) -> bool:
        """Tell whether a new table is worth making, when `live_count` documents are left."""
        return self._count > 2 * live_count + _HINTS_MIN
