"""How Sphinx builds the documentation: `make docs`, warnings as errors."""

from __future__ import annotations

import spanglass

project = "spanglass"
author = "the spanglass authors"
project_copyright = "the spanglass authors, Apache-2.0"
version = release = spanglass.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
# In docstrings, single backquotes are code: they name things of this package and of the standard library alike.
default_role = "code"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {"Content": "Content", "State": "State"}
napoleon_google_docstring = True
napoleon_numpy_docstring = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "spanglass"
html_copy_source = False
html_show_sphinx = False
