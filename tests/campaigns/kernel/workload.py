"""What a life writes: several tasks beside each other, each with documents of its own.

Every call of the public API that writes is made, on one document and on many, and compactions in
between. Whatever a call returns is told before the task makes its next one.
"""

from __future__ import annotations

from random import Random
from uuid import UUID

import trio
from attrs import define, evolve, field

from reddb import Document, PersistFailed, RedDb
from tests.campaigns.kernel.home import Note, Teller

_TEXT_CHARS = (0, 10, 100, 300, 1000, 5000)
"""From within a sector to more than a page."""


async def write(
    db: RedDb[Note], teller: Teller, rng: Random, *, tasks: int = 4, calls: int
) -> None:
    """Have each task make so many calls, or fewer if the log is refused."""
    known = await db.find_all()
    async with trio.open_nursery() as nursery:
        for owner in range(tasks):
            mine = {note.id: note.data for note in known if note.data.owner == owner}
            task = _Task(db, teller, Random(rng.random()), owner, mine)
            nursery.start_soon(task.run, calls)


async def compact(db: RedDb[Note], teller: Teller) -> None:
    """Compact the log; that failing is no reason to stop writing."""
    try:
        await db.compact()
    except PersistFailed as error:
        teller.refuse("compact", error)


@define(eq=False)
class _Task:
    """A task of a life, which knows what its documents are."""

    db: RedDb[Note]
    teller: Teller
    rng: Random
    owner: int
    notes: dict[UUID, Note]
    number: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.number = max((note.number for note in self.notes.values()), default=0)

    async def run(self, calls: int) -> None:
        """Make calls, until one is refused."""
        choices = {
            self.insert_one: 4,
            self.insert: 2,
            self.update_one: 4,
            self.update_where: 1,
            self.delete_one: 3,
            self.delete_where: 1,
            self.transaction: 3,
            self.compact: 0.5,
        }
        for _ in range(calls):
            (call,) = self.rng.choices([*choices], [*choices.values()])
            if not self.notes and call != self.compact:
                call = self.insert
            try:
                await call()
            except PersistFailed as error:
                self.teller.refuse(call.__name__, error)
                return

    def note(self) -> Note:
        """Give a note that was never there."""
        self.number += 1
        size = self.rng.randrange(self.rng.choice(_TEXT_CHARS) + 1)
        return Note(self.owner, self.number, "é".join(self.rng.choices("ab \n", k=size // 2 + 1)))

    def some(self) -> UUID:
        """Give a document of this task."""
        return self.rng.choice([*self.notes])

    def keep(self, *documents: Document[Note]) -> None:
        """Note that these documents were written and acknowledged, in one commit."""
        self.notes.update((document.id, document.data) for document in documents)
        self.teller.acknowledge(*(document.id for document in documents))

    def drop(self, *ids: UUID) -> None:
        """Note that these documents were removed and acknowledged, in one commit."""
        for id_ in ids:
            del self.notes[id_]
        self.teller.acknowledge(*ids)

    # The calls.

    async def insert_one(self) -> None:
        self.keep(await self.db.insert_one(self.note()))

    async def insert(self) -> None:
        self.keep(*await self.db.insert([self.note() for _ in range(self.rng.randint(2, 20))]))

    async def update_one(self) -> None:
        id_, note = self.some(), self.note()
        assert await self.db.update_one(id_, note)
        self.keep(Document(id_, note))

    async def update_where(self) -> None:
        limit = self.rng.randint(1, 10)
        update = self.db.update_where(self.is_mine).limit(limit)
        self.keep(*await update.returning(lambda note: evolve(note, text=note.text + "+")))

    async def delete_one(self) -> None:
        id_ = self.some()
        assert (await self.db.delete_one(id_)).data == self.notes[id_]
        self.drop(id_)

    async def delete_where(self) -> None:
        newest = max(note.number for note in self.notes.values())
        number = self.rng.randint(1, newest)
        ids = [id_ for id_, note in self.notes.items() if note.number >= number]
        count = await self.db.delete_where(
            lambda note: self.is_mine(note) and note.number >= number
        )
        assert count == len(ids)
        self.drop(*ids)

    async def transaction(self) -> None:
        kept: list[Document[Note]] = []
        removed: list[UUID] = []
        async with self.db.begin() as tx:
            kept += [tx.insert_one(self.note()) for _ in range(self.rng.randint(1, 5))]
            id_, note = self.some(), self.note()
            if self.rng.random() < 0.5:
                tx.update_one(id_, note)
                kept.append(Document(id_, note))
            else:
                tx.delete_one(id_)
                removed.append(id_)
        for id_ in removed:
            del self.notes[id_]
        self.notes.update((document.id, document.data) for document in kept)
        self.teller.acknowledge(*(document.id for document in kept), *removed)

    async def compact(self) -> None:
        await compact(self.db, self.teller)

    def is_mine(self, note: Note) -> bool:
        return note.owner == self.owner
