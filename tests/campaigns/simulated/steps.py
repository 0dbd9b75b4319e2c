"""What programs do with a database, step by step.

A workload is a list of sessions: for each the database is opened, worked on, and closed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from functools import partial
from random import Random
from uuid import UUID

import trio

from reddb import Document, RedDb
from tests.campaigns.simulated.ledger import Effect
from tests.campaigns.simulated.workload import Note, Run


class Step(Enum):
    """One thing that programs do with a database."""

    INSERT = "insert"
    """Insert one document."""
    BULK = "bulk"
    """Insert several documents in one commit."""
    UPDATE = "update"
    """Replace one document."""
    UPDATE_MANY = "update many"
    """Replace several documents in one commit."""
    DELETE = "delete"
    """Remove one document."""
    DELETE_MANY = "delete many"
    """Remove several documents in one commit."""
    TRANSACTION = "transaction"
    """Insert, replace and remove in one commit."""
    CONCURRENT = "concurrent"
    """Do most of this in several tasks at once."""
    BURST = "burst"
    """Insert documents of one size in several tasks at once, so that their frames are alike."""
    COMPACT = "compact"
    """Rewrite the log."""
    COMPACT_UNDER_FIRE = "compact under fire"
    """Rewrite the log beside several tasks that write."""


def _put(document: Document[Note]) -> Effect:
    return {document.id: document.data}


def _put_all(documents: Sequence[Document[Note]]) -> Effect:
    return {document.id: document.data for document in documents}


def _ids(db: RedDb[Note]) -> list[UUID]:
    return [document.id for document in db.snapshot()]


async def insert(run: Run, db: RedDb[Note], size: int | None = None) -> UUID | None:
    """Insert one document."""
    document = await run.do(db, db.insert_one(run.note(size)), _put)
    return None if document is None else document.id


async def _bulk(run: Run, db: RedDb[Note]) -> None:
    await run.do(db, db.insert([run.note() for _ in range(run.random.randint(2, 6))]), _put_all)


async def _update(run: Run, db: RedDb[Note]) -> None:
    if ids := _ids(db):
        await _update_one(run, db, run.random.choice(ids))


async def _update_one(run: Run, db: RedDb[Note], id_: UUID) -> None:
    note = run.note()
    await run.do(db, db.update_one(id_, note), lambda _: {id_: note})


async def _update_many(run: Run, db: RedDb[Note]) -> None:
    group = run.random.randrange(4)
    update = db.update_where(lambda note: note.group == group).limit(5)
    await run.do(db, update.returning(lambda _: run.note()), _put_all)


async def _delete(run: Run, db: RedDb[Note]) -> None:
    if ids := _ids(db):
        await _delete_one(run, db, run.random.choice(ids))


async def _delete_one(run: Run, db: RedDb[Note], id_: UUID) -> None:
    await run.do(db, db.delete_one(id_), lambda _: {id_: None})


async def _delete_many(run: Run, db: RedDb[Note]) -> None:
    group = run.random.randrange(4)
    gone: Effect = {each.id: None for each in db.snapshot() if each.data.group == group}
    await run.do(db, db.delete_where(lambda note: note.group == group), lambda _: gone)


async def _transaction(run: Run, db: RedDb[Note]) -> None:
    tx = db.begin()
    effect = _put(tx.insert_one(run.note())) | _put(tx.insert_one(run.note()))
    ids = _ids(db)
    run.random.shuffle(ids)
    for id_ in ids[:1]:
        effect[id_] = note = run.note()
        tx.update_one(id_, note)
    for id_ in ids[1:2]:
        effect[id_] = None
        tx.delete_one(id_)
    await run.do(db, tx.commit(), lambda _: effect)


async def _client(run: Run, db: RedDb[Note]) -> None:
    """Work on documents that no other task touches."""
    first = await insert(run, db)
    await _bulk(run, db)
    second = await insert(run, db)
    if first is not None and second is not None:
        await _update_one(run, db, first)
        await _delete_one(run, db, second)


async def _concurrent(run: Run, db: RedDb[Note]) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(_client, run, db)


async def _burst(run: Run, db: RedDb[Note]) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(partial(insert, size=40), run, db)


async def _compact(run: Run, db: RedDb[Note]) -> None:
    await run.do(db, db.compact())


async def _compact_under_fire(run: Run, db: RedDb[Note]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_compact, run, db)
        for _ in range(3):
            nursery.start_soon(_client, run, db)


STEPS: dict[Step, Callable[[Run, RedDb[Note]], Awaitable[object]]] = {
    Step.INSERT: insert,
    Step.BULK: _bulk,
    Step.UPDATE: _update,
    Step.UPDATE_MANY: _update_many,
    Step.DELETE: _delete,
    Step.DELETE_MANY: _delete_many,
    Step.TRANSACTION: _transaction,
    Step.CONCURRENT: _concurrent,
    Step.BURST: _burst,
    Step.COMPACT: _compact,
    Step.COMPACT_UNDER_FIRE: _compact_under_fire,
}

SCRIPT: tuple[tuple[Step, ...], ...] = (
    (Step.INSERT, Step.BULK, Step.TRANSACTION, Step.UPDATE, Step.CONCURRENT),
    (Step.DELETE, Step.UPDATE_MANY, Step.COMPACT, Step.INSERT, Step.TRANSACTION),
    (Step.CONCURRENT, Step.COMPACT_UNDER_FIRE, Step.DELETE_MANY),
    (Step.BURST,),
)
"""Everything once, and the database opened again in between."""


async def work(run: Run, sessions: Sequence[Sequence[Step]]) -> None:
    """Open the database for each session in turn, and do its steps."""
    for steps in sessions:
        async with run.open() as db:
            await work_on(run, db, steps)


async def work_on(run: Run, db: RedDb[Note], steps: Sequence[Step]) -> None:
    """Do some steps, and see after each that readers see what was kept."""
    for step in steps:
        await STEPS[step](run, db)
        run.check_readers(db)


def random_sessions(random: Random) -> list[list[Step]]:
    """Give a workload by chance."""
    return [random.choices([*Step], k=random.randint(1, 6)) for _ in range(random.randint(1, 4))]
