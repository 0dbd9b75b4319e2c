"""The statements that all peers built on SQLite share: documents as JSON text, one row each."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

import msgspec

from benchmarks.documents import Person
from benchmarks.limits import encode
from benchmarks.peers.store import PAGE_DOCUMENTS, Level

CREATE = "CREATE TABLE IF NOT EXISTS people (id BLOB PRIMARY KEY, data TEXT)"
INSERT = "INSERT INTO people VALUES (?, ?)"
GET = "SELECT data FROM people WHERE id = ?"
ADD_INDEX = "CREATE INDEX IF NOT EXISTS team ON people (json_extract(data, '$.team'))"
LOOKUP = "SELECT data FROM people WHERE json_extract(data, '$.team') = ?"
_IN_RANGE = "json_extract(data, '$.score') >= ? AND json_extract(data, '$.score') < ?"
SCAN = f"SELECT data FROM people WHERE {_IN_RANGE}"
PAGE = f"SELECT data FROM people ORDER BY json_extract(data, '$.score') DESC LIMIT {PAGE_DOCUMENTS}"
UPDATE = "UPDATE people SET data = ? WHERE id = ?"
DELETE = "DELETE FROM people WHERE id = ?"
UPDATE_WHERE = (
    "UPDATE people SET data = json_set(data, '$.active', json(CASE json_extract(data, '$.active')"
    f" WHEN 1 THEN 'false' ELSE 'true' END)) WHERE {_IN_RANGE}"
)
_SYNCHRONOUS = {Level.MEMORY: "OFF", Level.OS: "OFF", Level.FSYNC: "FULL"}

decode = msgspec.json.Decoder(Person).decode


def pragmas(level: Level) -> list[str]:
    """Give the settings of a connection: a write-ahead log, synced at every commit or never."""
    mode = "MEMORY" if level is Level.MEMORY else "WAL"
    return [f"PRAGMA journal_mode = {mode}", f"PRAGMA synchronous = {_SYNCHRONOUS[level]}"]


def row_of(person: Person) -> tuple[bytes, str]:
    """Give a new row for a document."""
    return uuid4().bytes, encode(person).decode()


def people_of(rows: Iterable[tuple[str]]) -> list[Person]:
    """Give the documents of rows."""
    return [decode(data) for (data,) in rows]
