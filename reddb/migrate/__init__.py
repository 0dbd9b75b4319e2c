"""Moving in from the Rust crate RedDB, and back.

`from_v1` and `from_v2` read the crate's files into an open, empty database; `to_v2` writes a file
that the crate opens. `docs/migration.md` says what becomes of what.

Inside, `v1_format` and `v2_format` are the files as bytes; `serde_formats`, `serde_plain` and
`rust_yaml` are documents as serde writes them; `serde_types` and `serde_parts` are what a document
type looks like from Rust; `moving_in` and `moving_out` put these together.
"""

from reddb.migrate.moving_in import from_v1, from_v2
from reddb.migrate.moving_out import to_v2

__all__ = ["from_v1", "from_v2", "to_v2"]
