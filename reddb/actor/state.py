"""The state: every document, their order and every index at one sequence number, as one value.

A `State` never changes. `apply` gives the next one and shares with it whatever is the same; taking
a state back is keeping the one before. Whoever holds a state may read it for ever, in any thread,
without asking anybody.

`apply` is the one way from state to state, both for commands and for the log's recovery. It may
raise what a user's key function raises; then there simply is no next state.

Inside the engine an id is a *key*: the UUID's 128-bit number, which Python hashes faster.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec
from attrs import evolve, frozen
from msgspec.structs import replace

from reddb.actor.changes import Change, Insertions
from reddb.actor.document import Document, leaf_document, open_document
from reddb.actor.idtable import IdTable
from reddb.actor.index import NO_KEY, Index, KeyTaken
from reddb.actor.pages import PAGE_BITS, PAGE_SLOTS, Notes, Page, Pages, Replaced
from reddb.errors import DecodeError, IndexNotFound, UniqueViolation

T = TypeVar("T")

DECODED_DOCUMENTS_MAX: Final = 131_072
"""How many documents may be kept decoded: a full garbage collection then takes some ten
milliseconds for them. `DbConfig` can say otherwise."""

_PLACE = PAGE_SLOTS - 1
"""Which bits of a slot say where in its page it is."""


@frozen(eq=False)
class Reader(Generic[T]):
    """How stored bytes become a document."""

    decode: Callable[[int, bytes], T]
    """Gives the value that was stored under a key as these bytes, a new one each time."""
    shared: bool
    """Whether values are deeply immutable, so that one document may serve every reader."""
    renew: Callable[[bytes], bytes] | None = None
    """Gives stored bytes as they would be written now; None where they are so anyway."""
    decoded_documents_max: int = DECODED_DOCUMENTS_MAX
    """A state of more documents keeps none of them decoded."""

    def read(self, key: int, data: bytes) -> Document[T]:
        """Give the document that is stored under `key` as `data`.

        Raises:
            DecodeError: The bytes do not fit the document type.
        """
        made = leaf_document if self.shared else open_document
        document: Document[T] = made(key, self.decode(key, data))
        return document

    def keeps(self, document_count: int) -> bool:
        """Tell whether a state of so many documents keeps those that were decoded."""
        return self.shared and document_count <= self.decoded_documents_max


class State(msgspec.Struct, Generic[T], frozen=True, eq=False):
    """All documents at one sequence number.

    Example:
        >>> state = State(reader)
        >>> later = state.apply([Change(key, None, b"...")], seq=1)
        >>> len(state), len(later)
        (0, 1)
    """

    reader: Reader[T]
    seq: int = 0
    """The number of the last commit that this state holds."""
    count: int = 0
    """How many documents there are."""
    data_bytes: int = 0
    """The encoded size of all values together."""
    indexes: Mapping[str, Index] = {}
    _pages: Pages = msgspec.field(default_factory=Pages)
    _next_slot: int = 0
    _table: IdTable = msgspec.field(default_factory=IdTable)

    def __repr__(self) -> str:
        return f"State(seq={self.seq}, count={self.count})"

    def __len__(self) -> int:
        return self.count

    def __contains__(self, key: int) -> bool:
        return self.data(key) is not None

    # Reading.

    def data(self, key: int) -> bytes | None:
        """Give the encoded value that is stored under `key`, or None."""
        slot = self._table.get(key)
        if slot is None or (page := self._pages.page(slot >> PAGE_BITS)) is None:
            return None
        place = slot & _PLACE
        # A hint may be that of a later state, whose page has more slots, or other documents in it.
        if place >= len(page.keys) or page.keys[place] != key:
            return None
        return page.data[place]

    def get(self, key: int) -> Document[T] | None:
        """Give the document stored under `key`, or None.

        Raises:
            DecodeError: The stored bytes do not fit the document type.
        """
        slot = self._table.get(key)
        if slot is None or (page := self._pages.page(slot >> PAGE_BITS)) is None:
            return None
        place = slot & _PLACE
        if place >= len(page.keys) or page.keys[place] != key or page.data[place] is None:
            return None
        notes = page.notes
        return (notes and notes[place]) or self._decoded(page, place)

    def pages(self) -> Iterator[Page]:
        """Give the pages in insertion order; `documents_of` reads one."""
        return iter(self._pages)

    def facts(self) -> Iterator[tuple[int, bytes]]:
        """Give the keys and the encoded values of all documents in insertion order."""
        for page in self._pages:
            for key, data in zip(page.keys, page.data, strict=True):
                if data is not None:
                    yield key, data

    def renewed_facts(self) -> Iterator[tuple[int, bytes]]:
        """Give the same with their bytes as they are written now."""
        renew = self.reader.renew
        if renew is None:
            return self.facts()
        return ((key, renew(data)) for key, data in self.facts())

    def documents_of(self, page: Page) -> list[Document[T]]:
        """Give the documents of a page in insertion order; not to be changed.

        Raises:
            DecodeError: The stored bytes do not fit the document type.
        """
        notes = page.complete or self._all_decoded(page)
        if len(notes) == page.live_count:
            return notes  # type: ignore[return-value]  # There are no holes in it.
        return [document for document in notes if document is not None]

    def _all_decoded(self, page: Page) -> Notes:
        read = self.reader.read
        notes: Notes = [
            None if data is None else document or read(key, data)
            for key, data, document in zip(
                page.keys, page.data, page.notes or repeat(None), strict=False
            )
        ]
        if self.reader.keeps(self.count):
            page.note_all(notes)
        return notes

    def _decoded(self, page: Page, place: int) -> Document[T]:
        data = page.data[place]
        assert data is not None, "a slot in use has data"
        document = self.reader.read(page.keys[place], data)
        if self.reader.keeps(self.count):
            page.note(place, document)
        return document

    def readable_of(self, page: Page, unreadable: list[DecodeError]) -> list[Document[T]]:
        """Give the documents of a page that can be read, and note the others in `unreadable`."""
        if page.complete:
            return self.documents_of(page)
        documents: list[Document[T]] = []
        for place, data in enumerate(page.data):
            if data is not None:
                noted = page.notes and page.notes[place]
                try:
                    documents.append(noted or self._decoded(page, place))
                except DecodeError as error:
                    unreadable.append(error)
        return documents

    def index(self, name: str) -> Index:
        """Give the index called `name`.

        Raises:
            IndexNotFound: There is none.
        """
        try:
            return self.indexes[name]
        except KeyError:
            raise IndexNotFound(name) from None

    def indexed(self, name: str, key: Hashable) -> Iterator[list[Document[T]]]:
        """Give the documents that have `key` in the index `name`, in insertion order, in slices.

        Raises:
            IndexNotFound: There is no such index.
            TypeError: The key cannot be hashed.
        """
        return map(self._documents_at, self.index(name).runs(key))

    def _documents_at(self, slots: Sequence[int]) -> list[Document[T]]:
        found: list[Document[T]] = []
        page_of = self._pages.page
        for slot in slots:
            page = page_of(slot >> PAGE_BITS)
            assert page is not None, "a slot in an index has a page"
            notes, place = page.notes, slot & _PLACE
            found.append((notes and notes[place]) or self._decoded(page, place))
        return found

    # The next state.

    def apply(self, changes: Sequence[Change], seq: int) -> State[T]:
        """Give the state after `changes`, as it is at `seq`.

        Each change must fit this state: an insert's key was never here (see `has_known`), and an
        update's or a removal's `before` is what is stored. No key occurs twice.

        Raises:
            UniqueViolation: Two documents would share a key of a unique index.
            Exception: Whatever a user's key function raises.
        """
        if len(changes) == 1 and not self.indexes:
            return self._apply_one(changes[0], seq)
        new, old = Insertions.of(changes), list[Change]()
        if len(new) < len(changes):
            old = [change for change in changes if change.before is not None]
        count = self.count + len(new) - sum(change.after is None for change in old)
        self._mind_bound(count)
        pages = self._with_replaced(self._pages, old) if old else self._pages
        next_slot = self._next_slot
        if new:
            self._table.add_all(new.keys, next_slot)
            next_slot += len(new)
            pages = pages.with_pages(self._new_pages(pages, new, count))
        indexes = self._indexes_after(changes, pages) if self.indexes else self.indexes
        data_bytes = self.data_bytes + sum(map(len, new.data)) + sum(map(_grown_bytes, old))
        reader, table = self.reader, self._table
        return State(reader, seq, count, data_bytes, indexes, pages, next_slot, table)

    def _apply_one(self, change: Change, seq: int) -> State[T]:
        """Do as `apply` does, for the one change of most commits, in half of the time."""
        key, after, document = change.key, change.after, change.document
        next_slot, count, data_bytes = self._next_slot, self.count, self.data_bytes
        if change.before is None:
            slot = next_slot
            self._table.add(key, slot)
            next_slot += 1
            count += 1
            page = self._pages.page(slot >> PAGE_BITS) or Page.blank(slot & _PLACE)
            assert after is not None, "an insert leaves something"
            data_bytes += len(after)
            if self.reader.keeps(count):
                notes: Notes | None = [document]
            else:
                self._mind_bound(count)
                notes = None
            page = page.extended((key,), (after,), notes)
        else:
            slot = self._slot(key)
            count -= after is None
            page = self._page(slot).with_slots(((slot & _PLACE, after, document),))
            data_bytes += _grown_bytes(change)
        pages = self._pages.with_page(slot >> PAGE_BITS, page if page.live_count else None)
        reader, indexes, table = self.reader, self.indexes, self._table
        return State(reader, seq, count, data_bytes, indexes, pages, next_slot, table)

    def _mind_bound(self, count: int) -> None:
        """Forget every decoded document if `count` are now too many to be kept decoded."""
        if self.count <= self.reader.decoded_documents_max < count:
            for page in self._pages:
                page.forget()

    def _slot(self, key: int) -> int:
        slot = self._table.get(key)
        assert slot is not None, "a change fits its state"
        return slot

    def _page(self, slot: int) -> Page:
        page = self._pages.page(slot >> PAGE_BITS)
        assert page is not None, "a slot in use has a page"
        return page

    def _with_replaced(self, pages: Pages, changes: Sequence[Change]) -> Pages:
        """Give `pages` after changes of documents that are there."""
        replaced: dict[int, list[Replaced]] = {}
        for change in changes:
            slot = self._slot(change.key)
            places = replaced.setdefault(slot >> PAGE_BITS, [])
            places.append((slot & _PLACE, change.after, change.document))
        changed = (
            (number, self._page(number << PAGE_BITS).with_slots(places))
            for number, places in replaced.items()
        )
        return pages.with_pages(
            (number, page if page.live_count else None) for number, page in changed
        )

    def _new_pages(self, pages: Pages, new: Insertions, count: int) -> Iterator[tuple[int, Page]]:
        """Give the pages that hold new documents, with their numbers."""
        documents = new.documents if self.reader.keeps(count) else None
        slot, at = self._next_slot, 0
        while at < len(new):
            place = slot & _PLACE
            end = at + PAGE_SLOTS - place
            page = (pages.page(slot >> PAGE_BITS) if place else None) or Page.blank(place)
            yield (
                slot >> PAGE_BITS,
                page.extended(new.keys[at:end], new.data[at:end], documents and documents[at:end]),
            )
            slot += PAGE_SLOTS - place
            at = end

    def _indexes_after(self, changes: Sequence[Change], pages: Pages) -> Mapping[str, Index]:
        """Take every old key out of every index, then put every new key in."""
        indexes = dict(self.indexes)
        slots = [self._slot(change.key) for change in changes]
        for name, index in self.indexes.items():
            # Read anew for each, whose key function may change what it is given if that is mutable.
            before = [None if change.before is None else self.get(change.key) for change in changes]
            after = [self._document_after(change) for change in changes]
            moves = [
                (slot, old_key, new_key)
                for slot, old, new in zip(slots, before, after, strict=True)
                if (old_key := _key_of(index, old)) != (new_key := _key_of(index, new))
            ]
            emptied = index
            for slot, old_key, _ in moves:
                emptied = emptied.without_slot(slot, old_key)
            indexes[name] = _filled(emptied, ((slot, key) for slot, _, key in moves), pages)
        return indexes

    def _document_after(self, change: Change) -> Document[Any] | None:
        if change.after is None:
            return None
        return change.document or self.reader.read(change.key, change.after)

    def with_index(self, index: Index) -> State[T]:
        """Give this state with `index`, which must be filled, in place of any of its name."""
        return replace(self, indexes={**self.indexes, index.name: index})

    def fill_index(self, index: Index) -> Generator[None, None, Index]:
        """Give `index`, which is empty, with every document in it; yield where others may run.

        Raises:
            UniqueViolation: Two documents share a key of a unique index.
            Exception: Whatever the key function raises.
        """
        for number, page in self._pages.items():
            slots = range(number << PAGE_BITS, (number << PAGE_BITS) + len(page.keys))
            documents = zip(slots, page.complete or self._all_decoded(page), strict=True)
            keys = [
                (slot, index.key_of(document.data))
                for slot, document in documents
                if document is not None
            ]
            index = _filled(index, keys, self._pages)
            yield
        return index

    def branch(self) -> State[T]:
        """Give this state such that the states after it need never be published.

        No key is unique in them, for what comes in several steps may break that in between.
        """
        indexes = {name: evolve(index, unique=False) for name, index in self.indexes.items()}
        return replace(self, _table=self._table.branch(), indexes=indexes)

    def has_known(self, key: int) -> bool:
        """Tell whether a document of this key is here, or was once."""
        return self._table.get(key) is not None

    def is_mostly_holes(self) -> bool:
        """Tell whether most slots and most hints are those of documents that are gone."""
        return self._table.is_mostly_stale(self.count)

    def compacted(self) -> Generator[None, None, State[T]]:
        """Give this state with new slots, without holes, and a new table; yield now and then."""
        table, pages, count = IdTable(), list[Page](), 0
        moved = array("q", [-1]) * self._next_slot  # A dict so large would take long to grow.
        live = self._numbered()
        while batch := list(islice(live, PAGE_SLOTS)):
            keys = [key for _, key, _, _ in batch]
            notes = [document for _, _, _, document in batch]
            page = Page.blank(0).extended(keys, [data for _, _, data, _ in batch], notes)
            pages.append(page)
            table.add_all(keys, count)
            for slot, *_ in batch:
                moved[slot] = count
                count += 1
            yield
        indexes = {}
        for name, index in self.indexes.items():
            indexes[name] = yield from index.renumbered(moved)
        return replace(
            self, _table=table, _pages=Pages.of(pages), indexes=indexes, _next_slot=count
        )

    def parts(self) -> Iterator[object]:
        """Give what the state consists of but for its table, in small parts, to be let go of."""
        yield from self._pages
        for index in self.indexes.values():
            yield from index.parts()

    def table_parts(self, after: State[T] | None) -> Iterator[object]:
        """Give the parts of its table, which are larger, unless `after` has the same one."""
        is_shared = after is not None and after._table is self._table  # noqa: SLF001  # Its kind.
        return iter(()) if is_shared else self._table.parts()

    def _numbered(self) -> Iterator[tuple[int, int, bytes, Document[Any] | None]]:
        """Give every slot in use, its key, its data, and its document if that is decoded."""
        for number, page in self._pages.items():
            columns = zip(page.keys, page.data, page.notes or repeat(None), strict=False)
            for slot, (key, data, document) in enumerate(columns, number << PAGE_BITS):
                if data is not None:
                    yield slot, key, data, document

    # Checking.

    def check(self) -> None:
        """Assert everything that must hold of a state; slow, for tests."""
        numbered = [(slot, key, data) for slot, key, data, _ in self._numbered()]
        assert len(numbered) == self.count == len({key for _, key, _ in numbered})
        assert self.data_bytes == sum(len(data) for _, _, data in numbered)
        assert [slot for slot, *_ in numbered] == sorted(slot for slot, *_ in numbered)
        assert all(slot < self._next_slot for slot, *_ in numbered)
        assert all(self._table.get(key) == slot for slot, key, _ in numbered)
        for page in self._pages:
            _check_page(page)
        for index in self.indexes.values():
            held = sorted(slot for _, slots in index.items() for slot in slots)
            keys = {
                slot: index.key_of(self.reader.read(key, data).data) for slot, key, data in numbered
            }
            assert held == sorted(slot for slot, key in keys.items() if key is not NO_KEY)
            assert all(keys[slot] == key for key, slots in index.items() for slot in slots)


def _check_page(page: Page) -> None:
    live = [data is not None for data in page.data]
    assert len(page.keys) == len(page.data) <= PAGE_SLOTS
    assert page.live_count == sum(live) > 0, "a page without documents is gone"
    assert page.notes is None or len(page.notes) == len(page.keys)
    assert page.complete is None or [note is not None for note in page.complete] == live


def _grown_bytes(change: Change) -> int:
    """Give by how much the encoded documents grow."""
    before, after = change.before, change.after
    return (0 if after is None else len(after)) - (0 if before is None else len(before))


def _key_of(index: Index, document: Document[Any] | None) -> Hashable:
    return NO_KEY if document is None else index.key_of(document.data)


def _filled(index: Index, keys: Iterable[tuple[int, Hashable]], pages: Pages) -> Index:
    try:
        for slot, key in keys:
            index = index.with_slot(slot, key)
    except KeyTaken as taken:
        page = pages.page(taken.slot >> PAGE_BITS)
        assert page is not None, "a slot in an index has a page"
        holder = page.keys[taken.slot & _PLACE]
        raise UniqueViolation(index.name, taken.key, UUID(int=holder)) from None
    return index
