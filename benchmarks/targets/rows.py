"""The table of targets: what is measured, and what it is held to."""

from __future__ import annotations

from attrs import field, frozen

OTHERS = "durable commits per second, 64 tasks / each off-the-shelf store used from trio"


@frozen
class Row:
    """One ratio and the bound that it is to keep."""

    name: str
    what: str
    limit: float
    at_least: bool = field(default=False, kw_only=True)
    """Whether more is better."""
    unit: str = field(default="", kw_only=True)
    """Of a row that is no ratio."""

    def met(self, value: float) -> bool:
        """Tell whether a measured value keeps the bound."""
        return value >= self.limit if self.at_least else value <= self.limit

    @property
    def bound(self) -> str:
        """The bound in words."""
        return f"{'>=' if self.at_least else '<='} {self.limit:g}{self.unit}"


ROWS = [
    Row("memory-one", "insert_one in memory, one task / empty actor round trip", 2.0),
    Row("memory-many", "insert_one in memory, per call with 64 tasks / with one", 0.65),
    Row("fsync-one", "insert_one at FSYNC, one task / (thread hop + write + fdatasync)", 1.3),
    Row("durable-many", "durable commits per second, 64 tasks / one task", 20, at_least=True),
    Row("durable-others", OTHERS, 12, at_least=True),
    Row(
        "durable-group",
        "durable commits per second, 64 tasks / sqlite3 behind a hand-written group commit",
        3,
        at_least=True,
    ),
    Row("get", "snapshot().get / dict get", 5),
    Row("index", "using_index giving 100 documents / building them in a list comprehension", 2),
    Row("scan", "filtered scan on a snapshot / list comprehension over live objects", 1.5),
    Row("bulk-memory", "bulk insert in memory / encode + uuid4() + Document + dict store", 2),
    Row(
        "bulk-file",
        "bulk insert at FSYNC, documents per second / sqlite3 executemany in one transaction",
        1,
        at_least=True,
    ),
    Row("open", "open, a commit for each document / Python loop that reads and checksums", 2.5),
    Row("open-compacted", "open, compacted / Python loop that reads and checksums", 2.5),
    Row("open-linear", "open, per document with ten times as many documents / with one", 1.25),
    Row("memory-opened", "memory per document, just opened / its encoded bytes", 4),
    Row("memory-decoded", "memory per document, all decoded / its encoded bytes", 7),
    Row("hold", "longest hold of the event loop by any one operation", 10, unit=" ms"),
    Row("p99-compaction", "write p99 while compaction runs / without", 3),
    Row("p99-scan", "write p99 while a scan of all documents runs / without", 3),
    Row("p99-bulk", "write p99 while a bulk insert runs / without", 3),
]
