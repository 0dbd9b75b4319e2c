"""Changes: what a commit does to documents, one by one, as columns, and as the log has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from typing import Any, Final, overload

import msgspec

from reddb.actor.document import Document


class Change(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What a commit does to one document: insert, update or remove it.

    The garbage collector does not track it, so nothing in it may lead back to it.
    """

    key: int
    before: bytes | None
    """The data that it replaces; None for an insert."""
    after: bytes | None
    """The data that it leaves; None for a removal."""
    document: Document[Any] | None = None
    """The document of `after`, where the caller has it at hand and readers may share it."""


RUN_CHANGES: Final = 128
"""Changes in a run of `ChangeRuns`. Who works in slices of as many gets the runs themselves."""


class ChangeRuns(Sequence[Change]):
    """Changes that came one by one, or a run at a time, in runs of 128.

    A list would touch each of its items once more when it is let go of, and half a million take
    tens of milliseconds. A slice that is just one run is that run itself: it must not be changed.
    """

    def __init__(self) -> None:
        self._runs: list[Sequence[Change]] = []
        self._open: list[Change] = []
        """The last run, if it was begun by `append`."""
        self._count = 0

    def append(self, change: Change) -> None:
        """Add a change at the end; the last run must be whole, or one of these."""
        if self._count % RUN_CHANGES == 0:
            self._open = []
            self._runs.append(self._open)
        assert self._runs[-1] is self._open, "a short run is the last"
        self._open.append(change)
        self._count += 1
        if self._count % RUN_CHANGES == 0:  # The collector soon leaves a tuple alone, but no list.
            self._runs[-1] = tuple(self._open)

    def append_run(self, run: Sequence[Change]) -> None:
        """Add a run at the end. Only the last may be one of less than 128, and none is empty."""
        assert 0 < len(run) <= RUN_CHANGES, "a run is one of 1 to 128"
        assert self._count % RUN_CHANGES == 0, "a short run is the last"
        self._runs.append(run)
        self._count += len(run)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> Change: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Change]: ...
    def __getitem__(self, at: int | slice) -> Change | Sequence[Change]:
        if not isinstance(at, slice):
            at = range(self._count)[at]
            return self._runs[at // RUN_CHANGES][at % RUN_CHANGES]
        start, stop, step = at.indices(self._count)
        if step != 1:
            return [self[number] for number in range(start, stop, step)]
        first = start // RUN_CHANGES
        runs = self._runs[first : -(-stop // RUN_CHANGES)]
        if len(runs) == 1 and stop - start == len(runs[0]):
            return runs[0]
        return [*chain.from_iterable(runs)][
            start - first * RUN_CHANGES : stop - first * RUN_CHANGES
        ]

    def __iter__(self) -> Iterator[Change]:
        return chain.from_iterable(self._runs)


class Insertions(Sequence[Change]):
    """A run of changes that insert documents: columns, where a list would have objects.

    Python's garbage collector does not track tuples of ints, bytes, and documents that it does not
    track.
    """

    __slots__ = ("data", "documents", "keys")

    def __init__(
        self,
        keys: tuple[int, ...],
        data: tuple[bytes, ...],
        documents: tuple[Document[Any] | None, ...] | None,
    ) -> None:
        self.keys = keys
        self.data = data
        self.documents = documents
        """Those that readers may share; None where they may not."""

    @classmethod
    def of(cls, changes: Sequence[Change]) -> Insertions:
        """Give those among some changes that insert a document."""
        if isinstance(changes, Insertions):
            return changes
        new = [change for change in changes if change.before is None]
        data = tuple([change.after for change in new if change.after is not None])
        assert len(new) == len(data), "an insert leaves something"
        keys = tuple([change.key for change in new])
        return cls(keys, data, tuple([change.document for change in new]))

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, at: int) -> Change: ...
    @overload
    def __getitem__(self, at: slice) -> Insertions: ...
    def __getitem__(self, at: int | slice) -> Change | Insertions:
        if isinstance(at, slice):
            documents = None if self.documents is None else self.documents[at]
            return Insertions(self.keys[at], self.data[at], documents)
        document = None if self.documents is None else self.documents[at]
        return Change(self.keys[at], None, self.data[at], document)

    def __iter__(self) -> Iterator[Change]:
        return map(Change, self.keys, repeat(None), self.data, self.documents or repeat(None))


class Facts(Sequence["tuple[int, bytes | None]"]):
    """What many changes leave, as the log has it: made when it is asked for, a slice at a time."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = changes

    def __len__(self) -> int:
        return len(self._changes)

    @overload
    def __getitem__(self, at: int) -> tuple[int, bytes | None]: ...
    @overload
    def __getitem__(self, at: slice) -> list[tuple[int, bytes | None]]: ...
    def __getitem__(
        self, at: int | slice
    ) -> tuple[int, bytes | None] | list[tuple[int, bytes | None]]:
        if isinstance(at, slice):
            return [(change.key, change.after) for change in self._changes[at]]
        change = self._changes[at]
        return change.key, change.after
