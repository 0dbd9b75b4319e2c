"""A persistent hash map: `set` and `remove` give a new map and leave the old one as it is.

The map is a trie over the bits of each key's hash. Inner nodes are lists of `_WIDTH` children;
leaves are ordinary dicts of at most `_LEAF_MAX` items. A change copies one leaf and the few lists
above it, so its cost grows with the logarithm of the size. It is the hash array mapped trie of
Bagwell, "Ideal Hash Trees" (2001), with dicts for its leaves: a dict of scalars is not tracked by
Python's garbage collector, so a map of a million ids costs a full collection less than a
millisecond, where a trie with a node per few items costs hundreds.

Nodes are shared between maps: once a node is reachable from a map, nothing may change it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeAlias, TypeVar

from attrs import frozen

K = TypeVar("K")
V = TypeVar("V")

_Leaf: TypeAlias = dict[Any, Any]
_Node: TypeAlias = "list[_Node] | _Leaf"

_BITS = 4
_WIDTH = 1 << _BITS
_LEAF_MAX = 64
"""Items in a leaf before it is split: copying a dict this small takes less than a microsecond."""

_PATH_BITS = 60
_PATH_MASK = (1 << _PATH_BITS) - 1
_TOP = _PATH_BITS - _BITS
"""How far a path is shifted to read its first digit, which is its highest."""
_SCRAMBLE = 0x9E3779B97F4A7C1
"""Fibonacci hashing (Knuth, TAOCP 3, 6.4): spreads ints and floats, whose hashes are regular."""

_EMPTY: _Leaf = {}


def _path(key: object) -> int:
    """The 60 bits that choose the way from the root to the leaf of `key`, four a level."""
    return hash(key) * _SCRAMBLE & _PATH_MASK


def _digit(path: int, depth: int) -> int:
    """Which child of a list that hangs `depth` levels below the root to take."""
    return path >> (_TOP - _BITS * depth) & (_WIDTH - 1)


@frozen(eq=False, repr=False)
class HashMap(Generic[K, V]):
    """An immutable mapping of hashable keys to values.

    Example:
        >>> one = HashMap().set("a", 1)
        >>> two = one.set("a", 2)
        >>> one.get("a"), two.get("a")
        (1, 2)
    """

    _root: _Node = _EMPTY
    _count: int = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[K]:
        return (key for key, _ in self.items())

    def items(self) -> Iterator[tuple[K, V]]:
        """Give all pairs, in no particular order."""
        for leaf in self.leaves():
            yield from leaf.items()

    def leaves(self) -> Iterator[dict[K, V]]:
        """Give the same in dicts of some dozens, which must not be changed."""
        nodes = [self._root]
        while nodes:
            node = nodes.pop()
            if type(node) is list:
                nodes.extend(node)
            else:
                yield node  # type: ignore[misc]  # `type() is` narrows no union.

    def get(self, key: K) -> V | None:
        """Give the value of `key`, or None."""
        node: Any = self._root
        if type(node) is list:
            path, shift = _path(key), _TOP
            while type(node) is list:
                node = node[path >> shift & (_WIDTH - 1)]
                shift -= _BITS
        value: V | None = node.get(key)
        return value

    def set(self, key: K, value: V) -> HashMap[K, V]:
        """Give a map in which `key` has `value`."""
        path = _path(key)
        trail, node = self._trail(path)
        leaf = node.copy()
        leaf[key] = value
        added = len(leaf) - len(node)
        return HashMap(_rebuilt(path, trail, _fitting(leaf, len(trail))), self._count + added)

    def update(self, pairs: Iterable[tuple[K, V]]) -> HashMap[K, V]:
        """Give a map with all of `pairs` set; each node is copied once, however many there are."""
        placed = [(_path(key), key, value) for key, value in pairs]
        root, added = _updated(self._root, placed, 0)
        return HashMap(root, self._count + added)

    def remove(self, key: K) -> HashMap[K, V]:
        """Give a map without `key`; the same map if it was not there."""
        path = _path(key)
        trail, node = self._trail(path)
        if key not in node:
            return self
        leaf = node.copy()
        del leaf[key]
        return HashMap(_rebuilt(path, trail, leaf or _EMPTY), self._count - 1)

    def _trail(self, path: int) -> tuple[list[list[_Node]], _Leaf]:
        """Give the lists from the root to the leaf that `path` leads to, and that leaf."""
        trail: list[list[_Node]] = []
        node: Any = self._root
        shift = _TOP
        while type(node) is list:
            trail.append(node)
            node = node[path >> shift & (_WIDTH - 1)]
            shift -= _BITS
        return trail, node


def _rebuilt(path: int, trail: list[list[_Node]], node: _Node) -> _Node:
    """Copy the lists of `trail`, the lowest first, so that `path` leads to `node`."""
    shift = _TOP - _BITS * len(trail)
    for parent in reversed(trail):
        shift += _BITS
        copy = parent.copy()
        copy[path >> shift & (_WIDTH - 1)] = node
        node = copy
    return node


def _updated(node: _Node, placed: list[tuple[int, Any, Any]], depth: int) -> tuple[_Node, int]:
    """Give a copy of `node` with `placed` set below it, and how many keys were new."""
    if type(node) is dict:
        leaf = node.copy()
        leaf.update((key, value) for _, key, value in placed)
        return _fitting(leaf, depth), len(leaf) - len(node)
    groups: dict[int, list[tuple[int, Any, Any]]] = {}
    for item in placed:
        groups.setdefault(_digit(item[0], depth), []).append(item)
    children: list[_Node] = node.copy()  # type: ignore[assignment]  # It is no dict, so a list.
    added = 0
    for digit, group in groups.items():
        children[digit], new = _updated(children[digit], group, depth + 1)
        added += new
    return children, added


def _fitting(leaf: _Leaf, depth: int) -> _Node:
    """Split `leaf`, which hangs `depth` levels below the root, until every part is small enough.

    Keys whose hashes are wholly equal stay in one leaf, as they would in any dict.
    """
    if len(leaf) <= _LEAF_MAX or depth * _BITS > _TOP:
        return leaf
    parts: list[_Leaf] = [{} for _ in range(_WIDTH)]
    for key, value in leaf.items():
        parts[_digit(_path(key), depth)][key] = value
    return [_fitting(part, depth + 1) if part else _EMPTY for part in parts]
