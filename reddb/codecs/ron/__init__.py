"""RON, the Rusty Object Notation: reader, writer, and the nodes that Python has no type for.

`parse` and `dumps` are each other's inverse, and `to_plain` gives what serde's JSON would say. The
package knows nothing of documents and files; `RonCodec` is what the database is given.
"""

from __future__ import annotations

from reddb.codecs.ron.codec import RonCodec
from reddb.codecs.ron.errors import RonError
from reddb.codecs.ron.nodes import (
    DEPTH_MAX,
    Char,
    Map,
    Node,
    Some,
    Struct,
    Tuple,
    Variant,
    map_of,
)
from reddb.codecs.ron.plain import to_plain
from reddb.codecs.ron.reader import parse
from reddb.codecs.ron.writer import dumps

__all__ = [
    "DEPTH_MAX",
    "Char",
    "Map",
    "Node",
    "RonCodec",
    "RonError",
    "Some",
    "Struct",
    "Tuple",
    "Variant",
    "dumps",
    "map_of",
    "parse",
    "to_plain",
]
