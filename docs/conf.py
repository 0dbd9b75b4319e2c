"""How Sphinx builds the documentation; nothing is fetched while it does."""

import reddb

project = "reddb"
copyright = "the reddb authors"  # noqa: A001  # Sphinx's own name.
version = release = reddb.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "examples"]
default_role = "code"  # Docstrings put names between single backquotes.
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "reddb"
html_show_sourcelink = False
