"""A browser for the tests that need one, if playwright and Chromium or Chrome are there."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec

import pytest

# The same as those of the documentation's tests, tests_site/browser.py.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser_path() -> str | None:
    return os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, BROWSERS)), None)


needs_browser = pytest.mark.skipif(
    find_spec("playwright") is None or browser_path() is None,
    reason="needs playwright, and Chromium or Chrome",
)
