"""reddb's own codecs by their names, for whoever learns from a file which codec wrote it."""

from __future__ import annotations

from typing import Final

from reddb.codecs.cbor import CborCodec
from reddb.codecs.json import JsonCodec
from reddb.codecs.protocol import Codec
from reddb.codecs.ron import RonCodec
from reddb.codecs.yaml import YamlCodec

BUILTIN_CODECS: Final[dict[str, Codec]] = {
    codec.name: codec for codec in (CborCodec(), JsonCodec(), RonCodec(), YamlCodec())
}
"""What each name that reddb gives to a codec stands for. The codecs hold no state."""
