"""Sphinx's settings for the site; `python -m website.build` uses them. The pages are derived before: see build.py."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # a checkout builds its own site, not that of an installed copy

from website.address import SiteAddress  # noqa: E402

address = SiteAddress.of(HERE.parent)

project = "MR image denoising and reconstruction"
author = "the course authors"
copyright = "2026, the course authors (code: MIT, texts: CC BY 4.0)"
version = release = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]["version"]

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
    "sphinx_design",
    "sphinx_copybutton",
    "website.extension",
    "website.docstrings",
    "website.markup",
]
templates_path = ["theme/templates"]
exclude_patterns = ["_static/**", "_extra/**"]
default_role = "py:obj"

# Notebooks come executed, or are shown without outputs: Sphinx runs nothing.
nb_execution_mode = "off"
nb_merge_streams = True
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist", "attrs_inline", "attrs_block"]
myst_heading_anchors = 4
myst_url_schemes = ["http", "https", "mailto"]

# How entries of the reference look stands in website/docstrings.py.
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"

# No page asks another host for anything: MathJax lies in _static, too (website/extension.py copies it).
mathjax_path = "mathjax/tex-chtml.js"

html_theme = "sphinx_book_theme"
html_title = "Denoising and reconstructing MR images"
html_baseurl = address.url
html_static_path = ["theme/static"]
html_css_files = [path.name for path in sorted((HERE / "theme" / "static").glob("*.css"))]
html_favicon = "theme/static/favicon.svg"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "repository_url": address.repository_url,
    "use_repository_button": bool(address.repository_url),
    "use_download_button": False,  # a lab and a lecture offer their notebook, not the page's source
    "use_fullscreen_button": False,
    "navbar_persistent": [],  # the search stands in the sidebar
    "pygments_dark_style": "github-dark",
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "toc_title": "On this page",
    "footer_content_items": "copyright.html, extra-footer.html",
    "extra_footer": f"<p>Version {version}</p>",
}
