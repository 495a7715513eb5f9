"""Dark versions of the guides' figures, made when the site is built, and links that enlarge both.

White becomes the page's dark ground, and black becomes its letters. Colours stay. So nothing is
drawn twice, and no second file has to be kept.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

IMAGE = re.compile(r'<img (?P<rest>[^>]*src="(?P<source>[^"]*_images/[^"]+)"[^>]*)/?>')
NO_GUIDES = ("generated/", "auto_examples/")
# The page's own ground and its letters in the dark mode, as shares of white.
GROUND, LETTERS = np.array([20, 24, 30]) / 255, np.array([220, 226, 232]) / 255


def dark(pixels: np.ndarray) -> np.ndarray:
    """Return an image (height, width, 3) of values in [0, 1] for a dark ground.

    Each pixel is a mixture of white, black and a pure colour, of which only the first two change.
    """
    white = pixels.min(-1, keepdims=True)
    black = 1 - pixels.max(-1, keepdims=True)
    return np.clip(white * GROUND + (pixels - white) + black * LETTERS, 0, 1)


def write(app: Any, error: Exception | None) -> None:
    """Write a dark version beside each figure of the guides."""
    for name in sorted(getattr(app, "dark_images", ())):
        source = Path(app.outdir, "_images", name)
        target = Path(app.outdir, "_images", f"dark_{name}")
        if error is None and newer(source, target):
            with Image.open(source) as image:
                pixels = np.asarray(image.convert("RGB"), np.float64) / 255
            Image.fromarray((255 * dark(pixels)).astype(np.uint8)).save(target, optimize=True)


def newer(source: Path, target: Path) -> bool:
    """Return whether a file has to be made anew."""
    return not target.exists() or target.stat().st_mtime < source.stat().st_mtime


def enlarge(app: Any, page: str, template: str, context: Any, doctree: Any) -> None:
    """Let figures open in full, those that are drawings of numbers in the mode of the page."""
    if not hasattr(app, "dark_images"):
        app.dark_images = set()

    def links(match: re.Match[str]) -> str:
        folder, _, name = match["source"].rpartition("/")
        if not name.endswith(".png"):
            return link("", match["source"], match[0])
        app.dark_images.add(name)
        source = f"{folder}/dark_{name}"
        image = match[0].replace(match["source"], source)
        image = image.replace("<img ", '<img class="only-dark" ')
        return link(" only-light", match["source"], match[0]) + link(" only-dark", source, image)

    if not page.startswith(NO_GUIDES):
        context["body"] = IMAGE.sub(links, context.get("body", ""))


def link(mode: str, source: str, image: str) -> str:
    """Return an image that opens in full on a click."""
    return f'<a class="enlarge{mode}" href="{source}" title="Enlarge">{image}</a>'


def setup(app: Any) -> dict[str, bool]:
    """Connect both."""
    app.connect("html-page-context", enlarge, priority=900)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
