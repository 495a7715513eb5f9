"""Settings of the documentation: `make docs` builds it into `docs/_build/html`."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import matplotlib

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent))
matplotlib.use("agg")
# Images as small as those of the examples gain nothing from more threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import gallery  # noqa: E402
import inventories  # noqa: E402
from numpydoc.xref import DEFAULT_LINKS  # noqa: E402

import skdeepclust  # noqa: E402
from skdeepclust._compat import SITE  # noqa: E402

project = "skdeepclust"
author = "The skdeepclust developers"
copyright = author
version = release = skdeepclust.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "pages",
    "page_tables",
    "dark_images",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # the site asks no other server for anything
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "auto_examples/**/*.ipynb", "auto_examples/**/*.py"]
suppress_warnings = ["config.cache"]  # the functions in sphinx_gallery_conf can't be pickled
nitpicky = True
# Other projects: nothing is fetched to link to them, see inventories.py.
intersphinx_mapping = inventories.mapping()

# ---------------------------------------------------------------- what the pages are written in
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
myst_dmath_double_inline = True
default_role = "literal"
autodoc_typehints = "none"
autosummary_generate = True
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
# Types of parameters are links where they are classes; `int` and the like are words.
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {word: word for word in DEFAULT_LINKS} | inventories.aliases()
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# ---------------------------------------------------------------- the look
html_theme = "pydata_sphinx_theme"
html_title = f"skdeepclust {version}"
html_baseurl = SITE
html_static_path = ["_static"]
html_css_files = ["skdeepclust.css"]
html_favicon = "_static/logo.svg"
html_show_sourcelink = False
html_theme_options = {
    "logo": {
        "text": "skdeepclust",
        "image_light": "_static/logo.svg",
        "image_dark": "_static/logo.svg",
        "alt_text": "",
    },
    "github_url": "https://github.com/skdeepclust/skdeepclust",
    "header_links_before_dropdown": 6,
    "navbar_persistent": ["search-button"],
    "show_toc_level": 1,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
    "navigation_with_keys": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
html_context = {"default_mode": "auto"}
html_sidebars = {"changelog": [], "getting_started": []}

# ---------------------------------------------------------------- the gallery
sphinx_gallery_conf = {
    "examples_dirs": str(HERE.parent / "examples"),
    "gallery_dirs": "auto_examples",
    "filename_pattern": gallery.what_runs(),
    "ignore_pattern": r"(^|[/\\])(?!plot_)\w*\.py$",  # programs beside the gallery
    "matplotlib_animations": (True, "jshtml"),
    "image_scrapers": ("matplotlib",),
    "reset_modules": ("matplotlib", gallery.reset),
    "reference_url": {"skdeepclust": None},
    "doc_module": ("skdeepclust",),
    "backreferences_dir": "generated/backreferences",
    "plot_gallery": os.environ.get("GALLERY", "1"),
    "abort_on_example_error": False,
    "only_warn_on_example_error": False,
    "min_reported_time": 1,
    "write_computation_times": False,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "download_all_examples": False,
    "within_subsection_order": "FileNameSortKey",
    "thumbnail_size": (480, 336),
}


def point_into_the_site(app: Any, name: str, source: list[str]) -> None:
    """Let links to files beside `docs` lead to the pages that include them."""
    for file, page in (("SECURITY", "security"), ("CHANGELOG", "changelog")):
        source[0] = source[0].replace(f"](../{file}.md", f"]({page}.md")


def is_of_another_project(
    app: Any, kind: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out what scikit-learn's and torch's classes bring along."""
    home = getattr(member, "__module__", None) or ""
    inherited = callable(member) and not home.startswith("skdeepclust")
    return True if inherited else None


def without_other_servers(app: Any, page: str, template: str, context: Any, doctree: Any) -> None:
    """Take out the font that matplotlib's films ask another server for: the theme has it."""
    font = r'<link[^>]*href="https://[^">]*font-awesome[^">]*"[^>]*>'
    context["body"] = re.sub(font, "", context.get("body", ""))


def setup(app: Any) -> None:
    """Connect what the settings have no words for."""
    app.connect("source-read", point_into_the_site)
    app.connect("autodoc-skip-member", is_of_another_project)
    app.connect("html-page-context", without_other_servers)
