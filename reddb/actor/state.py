"""The state: every document, their order and every index at one sequence number, as one value.

A `State` never changes. `apply` gives the next one and shares with it whatever is the same; taking
a state back is keeping the one before. Whoever holds a state may read it for ever, in any thread,
without asking anybody.

`apply` is the one way from state to state, both for commands and for the log's recovery. It may
raise what a user's key function raises; then there simply is no next state.

Inside the engine an id is a *key*: the UUID's 128-bit number, which Python hashes faster.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from attrs import define, evolve, field, frozen

from reddb.actor.document import Document, uuid_of
from reddb.actor.idtable import IdTable
from reddb.actor.index import NO_KEY, Index, KeyTaken
from reddb.actor.pages import EMPTY_PAGE, PAGE_BITS, PAGE_SLOTS, Entry, Page, Pages
from reddb.errors import DecodeError, IndexNotFound, UniqueViolation

T = TypeVar("T")

_PLACE = PAGE_SLOTS - 1
"""Which bits of a slot say where in its page it is."""


@frozen(eq=False)
class Reader(Generic[T]):
    """How an entry becomes a document."""

    decode: Callable[[Entry], T]
    """Gives the value of an entry, a new one each time."""
    shared: bool
    """Whether values are deeply immutable, so that one document may serve every reader."""
    renew: Callable[[bytes], bytes] | None = None
    """Gives the bytes of an entry as they would be written now; None where they are so anyway."""

    def read(self, entry: Entry) -> Document[T]:
        """Give the document of `entry`.

        Raises:
            DecodeError: The stored bytes do not fit the document type.
        """
        return Document(uuid_of(entry.key), self.decode(entry))


class Change(NamedTuple):
    """What a commit does to one document: insert, update or remove it."""

    key: int
    before: Entry | None
    """The entry that it replaces; None for an insert."""
    after: Entry | None
    """The entry that it leaves; None for a removal."""
    document: Document[Any] | None = None
    """The document of `after`, where the caller has it at hand."""


@define(eq=False, repr=False)  # Not frozen: attrs would take a microsecond to set eight fields.
class State(Generic[T]):
    """All documents at one sequence number.

    Example:
        >>> state = State(reader)
        >>> later = state.apply([Change(key, None, Entry(key, b"..."))], seq=1)
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
    indexes: Mapping[str, Index] = field(factory=dict)
    _pages: Pages = field(factory=Pages, alias="pages")
    _next_slot: int = field(default=0, alias="next_slot")
    _table: IdTable = field(factory=IdTable, alias="table")

    def __len__(self) -> int:
        return self.count

    def __contains__(self, key: int) -> bool:
        return self.entry(key) is not None

    # Reading.

    def entry(self, key: int) -> Entry | None:
        """Give the entry stored under `key`, or None."""
        slot = self._table.get(key)
        if slot is None or (page := self._pages.page(slot >> PAGE_BITS)) is None:
            return None
        entry = page.entries[slot & _PLACE]
        return entry if entry is not None and entry.key == key else None

    def get(self, key: int) -> Document[T] | None:
        """Give the document stored under `key`, or None.

        Raises:
            DecodeError: The stored bytes do not fit the document type.
        """
        slot = self._table.get(key)
        if slot is None or (page := self._pages.page(slot >> PAGE_BITS)) is None:
            return None
        document = page.documents[slot & _PLACE]
        if document is not None:
            return document if document.id.int == key else None
        entry = page.entries[slot & _PLACE]
        if entry is None or entry.key != key:
            return None
        return self._document(page, slot & _PLACE)

    def pages(self) -> Iterator[Page]:
        """Give the pages in insertion order; `documents_of` reads one."""
        return iter(self._pages)

    def entries(self) -> Iterator[Entry]:
        """Give all entries in insertion order."""
        return (entry for page in self._pages for entry in page.entries if entry is not None)

    def renewed_entries(self) -> Iterator[Entry]:
        """Give all entries in insertion order, with their bytes as they are written now."""
        renew = self.reader.renew
        if renew is None:
            return self.entries()
        return (Entry(entry.key, renew(entry.data)) for entry in self.entries())

    def documents_of(self, page: Page) -> list[Document[T]]:
        """Give the documents of a page in insertion order.

        Raises:
            DecodeError: The stored bytes do not fit the document type.
        """
        if page.decoded:
            return [document for document in page.documents if document is not None]
        documents = [
            self._document(page, place)
            for place, entry in enumerate(page.entries)
            if entry is not None
        ]
        page.decoded = self.reader.shared
        return documents

    def readable_of(self, page: Page, unreadable: list[DecodeError]) -> list[Document[T]]:
        """Give the documents of a page that can be read, and note the others in `unreadable`."""
        if page.decoded:
            return self.documents_of(page)
        documents: list[Document[T]] = []
        for place, entry in enumerate(page.entries):
            if entry is not None:
                try:
                    documents.append(self._document(page, place))
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

    def indexed(self, name: str, key: Hashable) -> Iterator[Document[T]]:
        """Give the documents that have `key` in the index `name`, in insertion order.

        Raises:
            IndexNotFound: There is no such index.
            TypeError: The key cannot be hashed.
        """
        for slot in self.index(name).slots(key):
            page = self._pages.page(slot >> PAGE_BITS)
            assert page is not None, "a slot in an index has a page"
            yield self._document(page, slot & _PLACE)

    def _document(self, page: Page, place: int) -> Document[T]:
        document = page.documents[place]
        if document is None:
            entry = page.entries[place]
            assert entry is not None, "a slot in use has an entry"
            document = self.reader.read(entry)
            if self.reader.shared:
                page.documents[place] = document
        return document

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
        slots: list[int] = []
        next_slot, count, data_bytes = self._next_slot, self.count, self.data_bytes
        for key, before, after, _ in changes:
            if before is None:
                slot = next_slot
                self._table.add(key, slot)
                next_slot += 1
                count += 1
            else:
                slot = self._slot(key)
                data_bytes -= len(before.data)
            if after is None:
                count -= 1
            else:
                data_bytes += len(after.data)
            slots.append(slot)
        pages = self._pages_after(changes, slots)
        indexes = self._indexes_after(changes, slots, pages) if self.indexes else self.indexes
        reader, table = self.reader, self._table
        return State(reader, seq, count, data_bytes, indexes, pages, next_slot, table)

    def _apply_one(self, change: Change, seq: int) -> State[T]:
        """Do as `apply` does, for the one change of most commits, in half of the time."""
        key, before, after, document = change
        next_slot, count = self._next_slot, self.count
        data_bytes = self.data_bytes + _size(after) - _size(before)
        if before is None:
            slot = next_slot
            self._table.add(key, slot)
            next_slot += 1
            count += 1
        else:
            slot = self._slot(key)
        if after is None:
            count -= 1
        number = slot >> PAGE_BITS
        page = self._pages.page(number) or EMPTY_PAGE
        page = page.with_slot(slot & _PLACE, after, document if self.reader.shared else None)
        pages = self._pages.with_page(number, None if page.is_empty() else page)
        reader, indexes, table = self.reader, self.indexes, self._table
        return State(reader, seq, count, data_bytes, indexes, pages, next_slot, table)

    def _slot(self, key: int) -> int:
        slot = self._table.get(key)
        assert slot is not None, "a change fits its state"
        return slot

    def _pages_after(self, changes: Sequence[Change], slots: list[int]) -> Pages:
        by_page: dict[int, tuple[list[Change], list[int]]] = {}
        for slot, change in zip(slots, changes, strict=True):
            of_page = by_page.setdefault(slot >> PAGE_BITS, ([], []))
            of_page[0].append(change)
            of_page[1].append(slot)
        pages = self._pages
        for number, of_page in by_page.items():
            pages = self._with_places(pages, number, *of_page)
        return pages

    def _with_places(
        self, pages: Pages, number: int, changes: Sequence[Change], slots: list[int]
    ) -> Pages:
        """Give `pages` with `changes`, which all belong to one page."""
        page = pages.page(number) or EMPTY_PAGE
        # `decoded` first: a reader in another thread may note the last documents in between.
        decoded, shared = page.decoded, self.reader.shared
        entries, documents = [*page.entries], page.documents.copy()
        for slot, (_, _, entry, document) in zip(slots, changes, strict=True):
            place = slot & _PLACE
            entries[place] = entry
            documents[place] = document if shared else None
            decoded = decoded and (entry is None or documents[place] is not None)
        page = Page(tuple(entries), documents, decoded)
        return pages.with_page(number, None if page.is_empty() else page)

    def _indexes_after(
        self, changes: Sequence[Change], slots: list[int], pages: Pages
    ) -> Mapping[str, Index]:
        """Take every old key out of every index, then put every new key in."""
        indexes = dict(self.indexes)
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
        if change.document is not None and self.reader.shared:
            return change.document
        return None if change.after is None else self.reader.read(change.after)

    def with_index(self, index: Index) -> State[T]:
        """Give this state with `index`, which must be filled, in place of any of its name."""
        return evolve(self, indexes={**self.indexes, index.name: index})

    def fill_index(self, index: Index) -> Generator[None, None, Index]:
        """Give `index`, which is empty, with every document in it; yield where others may run.

        Raises:
            UniqueViolation: Two documents share a key of a unique index.
            Exception: Whatever the key function raises.
        """
        for number, page in self._pages.items():
            keys = [
                ((number << PAGE_BITS) + place, index.key_of(self._document(page, place).data))
                for place, entry in enumerate(page.entries)
                if entry is not None
            ]
            index = _filled(index, keys, self._pages)
            yield
        return index

    def branch(self) -> State[T]:
        """Give this state such that the states after it need never be published.

        No key is unique in them, for what comes in several steps may break that in between.
        """
        indexes = {name: evolve(index, unique=False) for name, index in self.indexes.items()}
        return evolve(self, table=self._table.branch(), indexes=indexes)

    def has_known(self, key: int) -> bool:
        """Tell whether a document of this key is here, or was once."""
        return self._table.get(key) is not None

    def is_mostly_holes(self) -> bool:
        """Tell whether most slots and most hints are those of documents that are gone."""
        return self._table.is_mostly_stale(self.count)

    def compacted(self) -> Generator[None, None, State[T]]:
        """Give this state with new slots, without holes, and a new table; yield now and then."""
        table, pages = IdTable(), Pages()
        moved: dict[int, int] = {}
        live = self._numbered()
        while batch := list(islice(live, PAGE_SLOTS)):
            page = Page.of([entry for _, entry, _ in batch], [known for _, _, known in batch])
            pages = pages.with_page(len(moved) >> PAGE_BITS, page)
            for slot, entry, _ in batch:
                table.add(entry.key, len(moved))
                moved[slot] = len(moved)
            yield
        indexes = {}
        for name, index in self.indexes.items():
            indexes[name] = yield from index.renumbered(moved)
        return evolve(self, table=table, pages=pages, indexes=indexes, next_slot=len(moved))

    def _numbered(self) -> Iterator[tuple[int, Entry, Document[Any] | None]]:
        """Give every slot in use, its entry, and its document if that is decoded."""
        for number, page in self._pages.items():
            for place, (entry, document) in enumerate(
                zip(page.entries, page.documents, strict=True)
            ):
                if entry is not None:
                    yield (number << PAGE_BITS) + place, entry, document

    # Checking.

    def check(self) -> None:
        """Assert everything that must hold of a state; slow, for tests."""
        numbered = [(slot, entry) for slot, entry, _ in self._numbered()]
        assert len(numbered) == self.count == len({entry.key for _, entry in numbered})
        assert self.data_bytes == sum(len(entry.data) for _, entry in numbered)
        assert numbered == sorted(numbered), "pages keep insertion order"
        assert all(slot < self._next_slot for slot, _ in numbered)
        assert all(self._table.get(entry.key) == slot for slot, entry in numbered)
        for index in self.indexes.values():
            held = sorted(slot for _, slots in index.items() for slot in slots)
            documents = ((slot, self.reader.read(entry)) for slot, entry in numbered)
            keys = {slot: index.key_of(document.data) for slot, document in documents}
            assert held == sorted(slot for slot, key in keys.items() if key is not NO_KEY)
            assert all(keys[slot] == key for key, slots in index.items() for slot in slots)


def _size(entry: Entry | None) -> int:
    return 0 if entry is None else len(entry.data)


def _key_of(index: Index, document: Document[Any] | None) -> Hashable:
    return NO_KEY if document is None else index.key_of(document.data)


def _filled(index: Index, keys: Iterable[tuple[int, Hashable]], pages: Pages) -> Index:
    try:
        for slot, key in keys:
            index = index.with_slot(slot, key)
    except KeyTaken as taken:
        page = pages.page(taken.slot >> PAGE_BITS)
        assert page is not None, "a slot in an index has a page"
        holder = page.entries[taken.slot & _PLACE]
        assert holder is not None, "a slot in an index has an entry"
        raise UniqueViolation(index.name, taken.key, UUID(int=holder.key)) from None
    return index
