"""How Sphinx builds the documentation: `make docs`."""

import sys
from pathlib import Path

import splanc

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "splanc"
author = "the splanc developers"
copyright = "the splanc developers, Apache-2.0"  # noqa: A001 -- Sphinx's name
release = splanc.__version__

extensions = ["myst_parser", "reference"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nitpicky = True
exclude_patterns = ["_build", "_ext"]

html_theme = "furo"
html_title = "splanc"
html_copy_source = False
