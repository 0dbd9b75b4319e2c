"""Import and export: a database as a file that other programs read, and back.

`dump` writes JSON lines, a JSON array, CSV, a CBOR sequence or a YAML stream; `load` reads them.
`docs/import-export.md` says what each of them looks like.

Inside, `formats` has the formats and `cells` what stands in CSV's; `splitters` finds the records
of a file; `ids` says how a document's id travels; `dumping` and `loading` put these together.
"""

from reddb.transfer.dumping import dump
from reddb.transfer.formats import Format
from reddb.transfer.loading import load

__all__ = ["Format", "dump", "load"]
