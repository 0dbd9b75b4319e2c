"""How Sphinx builds the documentation; nothing is fetched while it does."""

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.ext import napoleon
from sphinx.ext.napoleon import GoogleDocstring

import reddb

project = "reddb"
copyright = "the reddb authors"  # noqa: A001  # Sphinx's own name.
version = release = reddb.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "examples", "performance"]  # The last is included by a page.
default_role = "code"  # Docstrings put names between single backquotes.
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# In a signature `type` is the built-in, though some classes have an attribute of that name.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = "reddb"
html_show_sourcelink = False

# Classes that a program is given and does not make: their constructors are nobody's business.
_GIVEN = {
    *("RedDb", "MemDb", "BinDb", "JsonDb", "RonDb", "YamlDb"),
    *("Query", "SnapshotQuery", "LiveResults", "Update", "Snapshot", "Transaction"),
    *("Feed", "FeedCommit", "DocumentChange", "Stats", "Document"),
    *("VerifyReport", "SalvageReport", "Damage", "TornTail"),
    *("Codec", "Storage", "Notation", "WriteOrder", "Durability", "Operation"),
}


class _Docstring(GoogleDocstring):
    """Takes "A power cut: it was synced" for a sentence, not for a type and its description."""

    def _consume_inline_attribute(self) -> tuple[str, list[str]]:
        lines = self._dedent(self._consume_to_end())
        return "", GoogleDocstring(lines, self._config).lines()


napoleon.GoogleDocstring = _Docstring  # There is no setting for it.


def _signature(
    _app: Sphinx, what: str, name: str, _object: Any, _options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    if what != "class":
        return None
    if name.rpartition(".")[2] in _GIVEN:
        return "", ""
    named = re.sub(r"<(?:built-in )?function (\w+)(?: at 0x\w+)?>", r"\1", signature)
    return named.replace("NOTHING", "..."), returns


def setup(app: Sphinx) -> None:
    """Have the signatures of classes made readable."""
    app.connect("autodoc-process-signature", _signature)
