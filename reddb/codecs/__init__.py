"""Bytes to values and back: one module a format, and the typing layer above them all.

Nothing here knows of documents' ids, of files or of tasks. `protocol` says what a codec is and what
plain values are; `json`, `cbor`, `yaml` and `ron` are the formats; `typed` makes typed values
plain; `document` puts a format and a type together.
"""

from reddb.codecs.cbor import CborCodec
from reddb.codecs.document import DocumentCodec
from reddb.codecs.json import JsonCodec
from reddb.codecs.protocol import Codec, Notation
from reddb.codecs.ron import RonCodec
from reddb.codecs.typed import DocumentType, FormerNames, Schema, TypeHook
from reddb.codecs.yaml import YamlCodec

__all__ = [
    "CborCodec",
    "Codec",
    "DocumentCodec",
    "DocumentType",
    "FormerNames",
    "JsonCodec",
    "Notation",
    "RonCodec",
    "Schema",
    "TypeHook",
    "YamlCodec",
]
