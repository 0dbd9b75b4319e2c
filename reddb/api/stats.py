"""What a database says about itself."""

from __future__ import annotations

from attrs import frozen

from reddb.actor.storage import Recovery


@frozen(kw_only=True)
class Stats:
    """A database at one moment. Get it from `RedDb.stats`.

    Example:
        >>> stats = await db.stats()
        >>> stats.live_document_count, stats.file_size_bytes
        (3, 412)
    """

    file_size_bytes: int
    """The size of the log; 0 for `MemDb`."""
    live_size_bytes: int
    """About the size that the log would have right after compaction; 0 for `MemDb`."""
    live_document_count: int
    """How many documents there are."""
    compaction_ratio: float
    """`file_size_bytes` divided by `live_size_bytes`; 1.0 for `MemDb`. The log is compacted when
    this reaches the `compaction_ratio` of the configuration."""
    seq: int
    """The number of the last commit that readers see."""
    index_count: int
    """How many indexes there are."""
    commit_count: int
    """Commits since opening."""
    batch_count: int
    """Writes to the log since opening; each holds one commit or more."""
    commits_in_largest_batch: int
    """The most commits that shared one write and one sync."""
    compaction_count: int
    """Compactions since opening."""
    commands_waiting: int
    """Commands in the mailbox."""
    senders_waiting: int
    """Tasks that wait in line because the mailbox is full."""
    feed_count: int
    """Open change feeds, live queries and calls of `wait_for`."""
    snapshot_count: int
    """Snapshots that somebody still holds. Each keeps in memory what has been replaced since."""
    oldest_snapshot_seq: int | None
    """The number of the last commit that the oldest of them holds; None without snapshots."""
    oldest_snapshot_age_s: float | None
    """How many seconds ago the oldest was taken, by the clock of the configuration; None without
    snapshots. One that grows and grows is that of a snapshot that was forgotten."""
    recovery: Recovery
    """What opening found in the log."""
