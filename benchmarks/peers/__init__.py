"""What a program could use in reddb's place, each used as its own documentation says.

One module a peer. All keep the same documents under random UUIDs, as JSON unless they have a format
of their own. `load` imports a peer by its name; its package may be missing.
"""

from __future__ import annotations

import importlib

from benchmarks.peers.store import Peer

_MODULES = {
    "reddb": "reddb_store:PEER",
    "sqlite3": "sqlite_threads:PEER",
    "apsw": "apsw_trio:PEER",
    "aiosqlite": "aiosqlite_asyncio:PEER",
    "lmdb": "lmdb_threads:PEER",
    "unqlite": "unqlite_threads:PEER",
    "zodb": "zodb_threads:PEER",
    "tinydb": "tinydb_threads:PEER",
    "montydb": "montydb_threads:PEER",
    "group-commit": "sqlite_group_commit:PEER",
    "dict": "plain_dict:PEER",
    "actor": "limits_as_stores:ACTOR",
    "bare-file": "limits_as_stores:BARE_FILE",
}

PEERS = list(_MODULES)

OFF_THE_SHELF = ["sqlite3", "apsw", "lmdb", "unqlite", "zodb", "tinydb", "montydb"]
"""The peers that a trio program can use as they are."""


def load(name: str) -> Peer:
    """Import a peer.

    Raises:
        ImportError: The package that it needs is not installed.
    """
    module, _, attribute = _MODULES[name].partition(":")
    peer: Peer = getattr(importlib.import_module(f"benchmarks.peers.{module}"), attribute)
    return peer
