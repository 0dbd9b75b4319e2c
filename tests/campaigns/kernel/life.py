"""Lives: openings of a database that write until they are done or something ends them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from reddb import PersistFailed
from reddb.actor.disk import Disk
from tests.campaigns.kernel.home import Home, Teller
from tests.campaigns.kernel.journal import Closed, Opening, Send, Settled
from tests.campaigns.kernel.workload import compact, write


async def live(
    home: Home,
    send: Send,
    rng: Random,
    disk: Disk | None = None,
    *,
    late: bool = False,
    tasks: int = 4,
    calls: int = 100,
) -> None:
    """Open the database, have `tasks` make so many `calls` each, compact it, write on, close it."""
    teller = Teller(send)
    send(Opening())
    doing = "open"
    try:
        async with home.open(teller, disk, late=late) as db:
            await write(db, teller, rng, tasks=tasks, calls=calls)
            await compact(db, teller)
            await write(db, teller, rng, tasks=1, calls=2)
            doing = "close"
    except PersistFailed as error:
        teller.refuse(doing, error)
    else:
        send(Closed())


async def settle(
    home: Home,
    send: Send,
    rng: Random,
    disk: Disk | None,
    then: Callable[[], None],
    *,
    compacted: bool,
) -> None:
    """Open the database, compact it if so wished, and do `then` as soon as that has returned."""
    teller = Teller(send)
    settled = False
    try:
        async with home.open(teller, disk) as db:
            if compacted:
                await write(db, teller, rng, tasks=1, calls=5)
                await db.compact()
            send(Settled(home.log.stat().st_ino))
            settled = True
            then()
    except PersistFailed:
        if not settled:
            raise
