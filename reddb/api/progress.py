"""How far a long job is: what migration, import, export and backup tell whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from attrs import frozen


@frozen(kw_only=True)
class Progress:
    """How far a long job is, as its `progress` callback is told.

    The callback is a plain function. It is called in the event loop, about every quarter of a
    megabyte and once at the end, so it must be quick. An exception of its own ends the job as any
    other error does.

    Example:
        >>> def show(progress):
        ...     print(f"{progress.fraction:.0%}, {progress.document_count} documents")
        >>> await reddb.transfer.load("notes.jsonl", db, progress=show)
    """

    done: int
    """How much is done; it never goes back."""
    total: int
    """How much there is; where a file is gone through twice, twice its size."""
    unit: Literal["bytes", "documents"]
    """What `done` and `total` count: bytes where a file is read, documents where one is written."""
    document_count: int
    """How many documents have been read or written."""

    @property
    def fraction(self) -> float:
        """How much is done, from 0.0 to 1.0."""
        return self.done / self.total if self.total else 1.0


OnProgress: TypeAlias = Callable[[Progress], None]
"""What a long job is given to tell how far it is."""


def report_documents(on_progress: OnProgress | None, done: int, total: int) -> None:
    """Tell how many documents are written, if anybody wants to know."""
    if on_progress is not None:
        on_progress(Progress(done=done, total=total, unit="documents", document_count=done))
