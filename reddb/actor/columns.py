"""Columns: many items of one kind, without an object for each until somebody asks for it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Self, TypeVar, overload

ItemT = TypeVar("ItemT")


class Columns(Sequence[ItemT]):
    """Items that are made of their parts each time that they are asked for.

    Args:
        columns: The parts: what the first of each makes is the first item. All are of one length.
    """

    __slots__ = ("columns",)

    def __init__(self, *columns: Sequence[Any]) -> None:
        self.columns: tuple[Any, ...] = columns

    @staticmethod
    @abstractmethod
    def _item(*parts: Any) -> ItemT:
        """Make an item of one part of each column."""

    def __len__(self) -> int:
        return len(self.columns[0])

    @overload
    def __getitem__(self, at: int) -> ItemT: ...
    @overload
    def __getitem__(self, at: slice) -> Self: ...
    def __getitem__(self, at: int | slice) -> ItemT | Self:
        parts = [column[at] for column in self.columns]
        return type(self)(*parts) if isinstance(at, slice) else self._item(*parts)

    def __iter__(self) -> Iterator[ItemT]:
        return map(self._item, *self.columns)
