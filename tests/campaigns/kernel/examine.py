"""Looking at what a life has left: are the promises kept?"""

from __future__ import annotations

from random import Random

from reddb import DataCorrupted, RedDb
from tests.campaigns.kernel.bounded import told
from tests.campaigns.kernel.home import Home, Note, Teller
from tests.campaigns.kernel.journal import Journal
from tests.campaigns.kernel.workload import write


class PromiseBroken(Exception):
    """Something is not as it must be."""


class Lost(PromiseBroken):
    """What must be there is not there, or not whole."""


async def examine(home: Home, journal: Journal, rng: Random) -> str | None:
    """Open what a life has left, write on, and open it again; tell what is wrong, if anything is.

    The database must hold a prefix of the commits that were offered, each wholly, which has every
    commit in it that must be there. No call may have been refused. The journal goes on from what
    was found.
    """
    teller = Teller(journal.take)
    try:
        _check_unrefused(journal)
        _check_name(home, journal)
        async with home.open(teller) as db:
            compare(home, journal, db)
            await write(db, teller, rng, tasks=2, calls=3)
        _check_unrefused(journal)
        async with home.open(teller) as db:
            compare(home, journal, db)
    except Exception as error:  # Whatever it is, a log that was left by a crash must open.
        return told(error)
    return None


def tells_of_loss(problem: str | None) -> bool:
    """Tell whether a problem is what a negative control must come to, and not some other error."""
    losses = (Lost.__name__, DataCorrupted.__name__)
    return problem is not None and problem.startswith(losses)


def _check_unrefused(journal: Journal) -> None:
    """Check that no call has failed: nothing was wrong with the disk."""
    for refused in journal.refused:
        raise PromiseBroken(f"{refused.call} was refused: {refused.reason}")


def _check_name(home: Home, journal: Journal) -> None:
    """Check that the file which a life has settled on bears the log's name."""
    if journal.inode is None:
        return
    if not home.log.exists():
        raise Lost("the log that was created is gone")
    if home.log.stat().st_ino != journal.inode:
        raise Lost("the log is again the one from before its compaction")


def compare(home: Home, journal: Journal, db: RedDb[Note]) -> None:
    """Check that the database is a state that the journal allows, and go on from there."""
    snapshot = db.snapshot()
    found = snapshot.seq
    if found < journal.acknowledged:
        raise Lost(f"commit {journal.acknowledged} was acknowledged; {found} is the last")
    if found > journal.newest:
        raise PromiseBroken(f"commit {found} is there; {journal.newest} is the last that may be")
    decode = home.codec.decode
    expected = [(id_, decode(data)) for id_, data in journal.at(found).items()]
    if [(document.id, document.data) for document in snapshot] != expected:
        raise Lost(f"the documents are not those of commit {found}")
    journal.restart(found)
