"""The typing layer: typed values made plain, and back, without a change that nobody sees.

`Schema` is what the rest of reddb uses. A type becomes a `plan.Plan` once; each module beside it
plans one family of types: `leaves`, `choices`, `containers`, `mappings`, `unions`, `classes`, and
`hooked` for those of a program's own. `DocumentType` says what an annotation cannot.
Nothing is coerced: a value has exactly the type that the annotation says, or is refused with the
path to it.
"""

from reddb.codecs.typed.document_type import DocumentType
from reddb.codecs.typed.hooks import TypeHook
from reddb.codecs.typed.renames import FormerNames
from reddb.codecs.typed.schema import Schema

__all__ = ["DocumentType", "FormerNames", "Schema", "TypeHook"]
