"""The documents of one state, in insertion order, as pages of a persistent vector.

Every document has a *slot*, given out in the order of insertion. A page holds the entries of 64
neighbouring slots; 256 neighbouring pages hang in a chunk, and all chunks in one list. Replacing a
page copies its chunk and that list, so any number of states share all pages in which they do not
differ. The list grows by one item for 16,384 slots: copying it is cheap beyond any database that
fits in memory. Slots are given out again only when a state is made anew (see `State.compacted`),
which happens before most of them are empty.

A page never changes, but for what readers note in it: the documents that its entries decode to. An
entry always decodes to an equal document, so it does not matter who notes it, when, and in which
thread. Entries are tuples of bytes in a tuple, which Python's garbage collector stops
tracking; so a database that has not been read yet costs a full collection next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

from attrs import define, field

from reddb.actor.document import Document

PAGE_BITS = 6
PAGE_SLOTS = 1 << PAGE_BITS

_CHUNK_BITS = 8
_CHUNK_PAGES = 1 << _CHUNK_BITS

_Chunk: TypeAlias = "list[Page | None]"


class Entry(NamedTuple):
    """A document as it is stored."""

    key: int
    """The number of its UUID."""
    data: bytes
    """What the codec made of its value."""


@define(eq=False, repr=False)
class Page:
    """The entries of 64 neighbouring slots, and what readers have noted of them."""

    entries: tuple[Entry | None, ...]
    """An entry a slot, or None where the document was removed or is not there yet."""
    documents: list[Document[Any] | None]
    """The decoded documents that readers may share; None where not decoded (yet)."""
    decoded: bool = False
    """Whether every entry is known to have its document in `documents`."""

    @classmethod
    def of(cls, entries: list[Entry], documents: list[Document[Any] | None]) -> Page:
        """Give a page of these entries in its first places, and of their documents."""
        missing = [None] * (PAGE_SLOTS - len(entries))
        return cls((*entries, *missing), [*documents, *missing])

    def with_slot(self, place: int, entry: Entry | None, document: Document[Any] | None) -> Page:
        """Give a page with one place (0 to 63) set."""
        # `decoded` first: a reader in another thread may note the last documents in between.
        decoded = self.decoded and (entry is None or document is not None)
        documents = self.documents.copy()
        documents[place] = document
        entries = self.entries
        return Page((*entries[:place], entry, *entries[place + 1 :]), documents, decoded)

    def is_empty(self) -> bool:
        """Tell whether no document is left."""
        return not any(self.entries)


EMPTY_PAGE = Page((None,) * PAGE_SLOTS, [None] * PAGE_SLOTS, decoded=True)


_EMPTY_CHUNK: _Chunk = [None] * _CHUNK_PAGES


@define(eq=False, repr=False)
class Pages:
    """An immutable sparse vector of pages.

    Example:
        >>> pages = Pages().with_page(3, page)
        >>> pages.page(3) is page, pages.page(0)
        (True, None)
    """

    _chunks: list[_Chunk] = field(factory=list)

    def page(self, number: int) -> Page | None:
        """Give page `number` (a slot divided by 64), or None where it is empty."""
        chunks = self._chunks
        chunk = number >> _CHUNK_BITS
        return chunks[chunk][number & (_CHUNK_PAGES - 1)] if chunk < len(chunks) else None

    def with_page(self, number: int, page: Page | None) -> Pages:
        """Give a vector in which `number` holds `page`; None takes the page away."""
        chunks = self._chunks.copy()
        at = number >> _CHUNK_BITS
        if at >= len(chunks):
            chunks.extend([_EMPTY_CHUNK] * (at + 1 - len(chunks)))
        chunk = chunks[at].copy()
        chunk[number & (_CHUNK_PAGES - 1)] = page
        emptied = page is None and chunk.count(None) == _CHUNK_PAGES
        chunks[at] = _EMPTY_CHUNK if emptied else chunk
        return Pages(chunks)

    def __iter__(self) -> Iterator[Page]:
        """Give the pages that are there, in slot order."""
        return (page for chunk in self._chunks for page in chunk if page is not None)

    def items(self) -> Iterator[tuple[int, Page]]:
        """Give the pages that are there with their numbers, in slot order."""
        for at, chunk in enumerate(self._chunks):
            for place, page in enumerate(chunk):
                if page is not None:
                    yield (at << _CHUNK_BITS) + place, page
