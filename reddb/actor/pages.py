"""The documents of one state, in insertion order, as pages of a persistent vector.

Every document has a *slot*, given out in the order of insertion. A page holds up to 64
neighbouring slots; 256 neighbouring pages hang in a chunk, and all chunks in one list. Replacing a
page copies its chunk and that list, so any number of states share all pages in which they do not
differ. The list grows by one item for 16,384 slots: copying it is cheap beyond any database that
fits in memory. Slots are given out again only when a state is made anew (see `State.compacted`),
which happens before most of them are empty.

Copying a chunk counts 256 references, in as many places of memory. So the page that was replaced
last is held apart, and goes into its chunk when another one is replaced: documents that are
inserted one by one copy a chunk once in 64 times.

A page never changes, but for what readers note in it: the documents that its bytes decode to. The
same bytes always decode to an equal document, so it does not matter who notes it, when, and in
which thread, nor whether it is forgotten again.

Python's garbage collector visits every container object in every full collection, and the whole
program waits for that. A page's columns are plain tuples of ints and bytes, which it stops
tracking, and pages are structs that it never tracks: nothing in them can lead back to them.
So a database that has not been read yet costs a full collection next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final, TypeAlias

import msgspec

from reddb.actor.document import Document

PAGE_BITS: Final = 6
PAGE_SLOTS: Final = 1 << PAGE_BITS

_CHUNK_BITS: Final = 8
_CHUNK_PAGES: Final = 1 << _CHUNK_BITS

Notes: TypeAlias = "list[Document[Any] | None]"
"""The decoded documents of a page's places; None where there is none, or not decoded (yet)."""

Replaced: TypeAlias = "tuple[int, bytes | None, Document[Any] | None]"
"""A place of a page, the data that it is to hold, and the document of that, if it may be noted."""


class Page(msgspec.Struct, eq=False, gc=False):
    """What is stored in up to 64 neighbouring slots, and what readers have noted of it."""

    keys: tuple[int, ...]
    """The key of the document that each slot was given to."""
    data: tuple[bytes | None, ...]
    """Its encoded value, or None where the document was removed."""
    live_count: int
    """In how many slots a document is."""
    notes: Notes | None = None
    """The documents that readers may share, as far as they are decoded."""
    complete: Notes | None = None
    """The same list once every document of the page is in it."""

    @classmethod
    def blank(cls, slot_count: int) -> Page:
        """Give a page whose first slots were given to documents that are gone."""
        return cls((0,) * slot_count, (None,) * slot_count, 0)

    def extended(
        self,
        keys: Sequence[int],
        data: Sequence[bytes],
        notes: Sequence[Document[Any] | None] | None,
    ) -> Page:
        """Give a page with more slots at its end.

        Args:
            keys: The keys of the documents to be in them.
            data: Their encoded values.
            notes: The documents themselves, or None where they are not to be noted.
        """
        complete = self.complete  # First, as in `with_slots`.
        known, joined = complete or self.notes, None
        if notes is not None:
            joined = [*(known or [None] * len(self.keys)), *notes]
        elif known is not None:
            joined = known + [None] * len(keys)
        is_complete = (complete or not self.live_count) and notes is not None and all(notes)
        return Page(
            self.keys + tuple(keys),
            self.data + tuple(data),
            self.live_count + len(keys),
            joined,
            joined if is_complete else None,
        )

    def with_slots(self, replaced: Iterable[Replaced]) -> Page:
        """Give a page with other data, or none, in some of its slots; the keys stay."""
        # `complete` first: a reader in another thread may note the last documents in between.
        complete = self.complete
        notes = complete or self.notes
        if notes is not None:
            notes = notes.copy()
        columns, live_count, is_complete = list(self.data), self.live_count, bool(complete)
        for place, data, document in replaced:
            live_count += (data is not None) - (columns[place] is not None)
            columns[place] = data
            if notes is not None:
                notes[place] = document
            is_complete = is_complete and (data is None or document is not None)
        return Page(self.keys, tuple(columns), live_count, notes, notes if is_complete else None)

    def note(self, place: int, document: Document[Any]) -> None:
        """Note the document that the data at `place` decodes to."""
        notes = self.notes
        if notes is None:
            notes = self.notes = [None] * len(self.keys)
        notes[place] = document

    def note_all(self, notes: Notes) -> None:
        """Note the documents of all slots in which there is one."""
        self.notes = self.complete = notes

    def forget(self) -> None:
        """Forget what was noted."""
        self.notes = self.complete = None


_Chunk: TypeAlias = "list[Page | None]"

_EMPTY_CHUNK: _Chunk = [None] * _CHUNK_PAGES


class Pages(msgspec.Struct, eq=False):
    """An immutable sparse vector of pages.

    Example:
        >>> pages = Pages().with_page(3, page)
        >>> pages.page(3) is page, pages.page(0)
        (True, None)
    """

    _chunks: list[_Chunk] = []
    _last: Page | None = None
    """The page that was replaced last. Its chunk holds the one before, or none."""
    _last_number: int = -1

    @classmethod
    def of(cls, pages: Sequence[Page | None]) -> Pages:
        """Give a vector of these pages, numbered from 0."""
        chunks: list[_Chunk] = []
        for first in range(0, len(pages), _CHUNK_PAGES):
            part = pages[first : first + _CHUNK_PAGES]
            chunks.append([*part, *[None] * (_CHUNK_PAGES - len(part))])
        return cls(chunks)

    def page(self, number: int) -> Page | None:
        """Give page `number` (a slot divided by 64), or None where it is empty."""
        if number == self._last_number:
            return self._last
        chunks = self._chunks
        chunk = number >> _CHUNK_BITS
        return chunks[chunk][number & (_CHUNK_PAGES - 1)] if chunk < len(chunks) else None

    def with_page(self, number: int, page: Page | None) -> Pages:
        """Give a vector in which `number` holds `page`; None takes the page away."""
        if page is None:
            return Pages(self._merged(((number, None),)))
        is_other = number != self._last_number
        return Pages(self._settled() if is_other else self._chunks, page, number)

    def with_pages(self, numbered: Iterable[tuple[int, Page | None]]) -> Pages:
        """Give a vector that holds each page under its number; each chunk is copied once."""
        pages = [*numbered]
        return self.with_page(*pages[0]) if len(pages) == 1 else Pages(self._merged(pages))

    def _merged(self, numbered: Iterable[tuple[int, Page | None]]) -> list[_Chunk]:
        """Give chunks with all pages: those in chunks, the one held apart, and these."""
        chunks = self._chunks.copy()
        copied: set[int] = set()
        last = () if self._last is None else ((self._last_number, self._last),)
        for number, page in chain(last, numbered):
            at = number >> _CHUNK_BITS
            if at >= len(chunks):
                chunks.extend([_EMPTY_CHUNK] * (at + 1 - len(chunks)))
            if at not in copied:
                copied.add(at)
                chunks[at] = chunks[at].copy()
            chunks[at][number & (_CHUNK_PAGES - 1)] = page
            if page is None and chunks[at].count(None) == _CHUNK_PAGES:
                copied.remove(at)
                chunks[at] = _EMPTY_CHUNK
        return chunks

    def _settled(self) -> list[_Chunk]:
        return self._chunks if self._last is None else self._merged(())

    def __iter__(self) -> Iterator[Page]:
        """Give the pages that are there, in slot order."""
        return (page for chunk in self._settled() for page in chunk if page is not None)

    def items(self) -> Iterator[tuple[int, Page]]:
        """Give the pages that are there with their numbers, in slot order."""
        for at, chunk in enumerate(self._settled()):
            for place, page in enumerate(chunk):
                if page is not None:
                    yield (at << _CHUNK_BITS) + place, page
