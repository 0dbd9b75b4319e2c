"""A persistent ordered set of slots: what an index holds for one key.

It is a B+ tree whose nodes are never changed: `add` and `discard` copy the nodes on one path and
share the rest. Leaves are sorted 64-bit numbers as bytes, so a set of a million slots is a few
thousand bytes objects of a kilobyte, and copying one is quick. Python's garbage collector never
tracks those, nor the rest: nothing in a set can lead back to it. Tuples it would visit once each,
and an insert of many documents may make a new leaf for every key.

Slots are mostly added in rising order, so a full leaf that is added to at its end is kept full
and a new one begun. Removing drops empty nodes and merges no others.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from struct import Struct
from typing import TypeAlias

import msgspec

_NODE_MAX = 128
"""Slots in a leaf, and children in an inner node."""

_Leaf: TypeAlias = bytes

_SLOT = Struct("q")
_slots_of_length = [Struct(f"{count}q").unpack for count in range(_NODE_MAX + 1)]


class _Inner(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Children in order, each with the smallest slot that it held when it was made."""

    firsts: tuple[int, ...]
    children: tuple[_Node, ...]


_Node: TypeAlias = "_Inner | _Leaf"


class SlotSet(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An immutable set of ints that iterates in rising order.

    Example:
        >>> list(SlotSet().add(7).add(3).discard(7))
        [3]
    """

    _root: _Node = b""
    _count: int = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        for leaf in self.leaves():
            yield from leaf

    def __contains__(self, slot: int) -> bool:
        node = self._root
        while isinstance(node, _Inner):
            node = node.children[_child_of(node, slot)]
        return _holds(node, _place_of(node, slot), slot)

    def leaves(self) -> Iterator[tuple[int, ...]]:
        """Give the slots in rising order, in sorted tuples of at most 128."""
        return map(_slots, self.parts())

    def parts(self) -> Iterator[_Leaf]:
        """Give what the set consists of, in small parts, for letting go of them in turn."""
        nodes = [self._root]
        while nodes:
            node = nodes.pop()
            if isinstance(node, _Inner):
                nodes.extend(reversed(node.children))
            else:
                yield node

    def add(self, slot: int) -> SlotSet:
        """Give a set with `slot` in it; the same set if it was there."""
        if slot in self:
            return self
        parts = _added(self._root, slot)
        root = parts[0] if len(parts) == 1 else _Inner(tuple(map(_first, parts)), parts)
        return SlotSet(root, self._count + 1)

    def discard(self, slot: int) -> SlotSet:
        """Give a set without `slot`; the same set if it was not there."""
        if slot not in self:
            return self
        root = _discarded(self._root, slot)
        while isinstance(root, _Inner) and len(root.children) == 1:
            root = root.children[0]
        return SlotSet(b"" if root is None else root, self._count - 1)


def _slots(leaf: _Leaf) -> tuple[int, ...]:
    return _slots_of_length[len(leaf) // _SLOT.size](leaf)


def _place_of(leaf: _Leaf, slot: int) -> int:
    """Give where in a leaf, in bytes, a slot is or would be."""
    end = len(leaf)
    if not end or slot > _SLOT.unpack_from(leaf, end - _SLOT.size)[0]:  # As mostly.
        return end
    return bisect_left(memoryview(leaf).cast("q"), slot) * _SLOT.size


def _holds(leaf: _Leaf, at: int, slot: int) -> bool:
    return leaf[at : at + _SLOT.size] == _SLOT.pack(slot)


def _child_of(node: _Inner, slot: int) -> int:
    return max(bisect_right(node.firsts, slot) - 1, 0)


def _first(node: _Node) -> int:
    if isinstance(node, _Inner):
        return node.firsts[0]
    first: int = _SLOT.unpack_from(node)[0]
    return first


def _with_child(node: _Inner, at: int, parts: tuple[_Node, ...]) -> _Inner:
    """Give `node` with `parts` in the place of its child number `at`."""
    firsts = (*node.firsts[:at], *map(_first, parts), *node.firsts[at + 1 :])
    return _Inner(firsts, (*node.children[:at], *parts, *node.children[at + 1 :]))


def _added(node: _Node, slot: int) -> tuple[_Node, ...]:
    """Give `node` with `slot`, which it does not hold, as one node or, if too large, as two."""
    if isinstance(node, _Inner):
        at = _child_of(node, slot)
        grown = _with_child(node, at, _added(node.children[at], slot))
        firsts, children = grown.firsts, grown.children
        if len(children) <= _NODE_MAX:
            return (grown,)
        cut = _cut(len(children), at_end=at == len(node.children) - 1)
        return _Inner(firsts[:cut], children[:cut]), _Inner(firsts[cut:], children[cut:])
    at = _place_of(node, slot)
    leaf = b"".join((node[:at], _SLOT.pack(slot), node[at:]))
    count = len(leaf) // _SLOT.size
    if count <= _NODE_MAX:
        return (leaf,)
    cut = _cut(count, at_end=at == len(node)) * _SLOT.size
    return leaf[:cut], leaf[cut:]


def _cut(length: int, *, at_end: bool) -> int:
    return length - 1 if at_end else length // 2


def _discarded(node: _Node, slot: int) -> _Node | None:
    """Give `node` without `slot`, which it holds, or None if nothing is left of it."""
    if isinstance(node, _Inner):
        at = _child_of(node, slot)
        child = _discarded(node.children[at], slot)
        shrunk = _with_child(node, at, () if child is None else (child,))
        return shrunk if shrunk.children else None
    at = _place_of(node, slot)
    return node[:at] + node[at + _SLOT.size :] or None
