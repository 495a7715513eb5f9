"""How samples are shown: by a thumbnail, a text, or their row alone."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from skdeepclust._engine.foreign_arrays import in_numpy
from skdeepclust.explain._answers import is_table, layers, row_taker
from skdeepclust.meta._base import indexed
from skdeepclust.plotting._shared.canvas import draw_rows, original_range
from skdeepclust.plotting._shared.pictures import picture_taker

Take = Callable[[np.ndarray], np.ndarray]

LARGEST_SIDE = 48  # of a thumbnail
MOST_PIXELS = 2_000_000  # of all together, more or less
AT_ONCE = 64  # of large photographs
MOST_LETTERS = 200  # of a text
MOST_TEXTS = 20_000


@dataclass
class Sprite:
    """Thumbnails of some samples in one image, row by row."""

    rows: np.ndarray
    """Row in X of each thumbnail."""
    columns: int
    width: int
    height: int
    png: bytes

    @property
    def n_lines(self) -> int:
        return -(-len(self.rows) // self.columns)

    @property
    def address(self) -> str:
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")

    def position(self, place: int) -> str:
        """Return the style that shows the thumbnail of this number."""
        line, column = divmod(place, self.columns)
        x = 100 * column / max(self.columns - 1, 1)
        y = 100 * line / max(self.n_lines - 1, 1)
        return f"background-position:{x:.4f}% {y:.4f}%"

    def places(self, n_samples: int) -> np.ndarray:
        """Return the number of each sample's thumbnail, -1 if it has none."""
        found = np.full(n_samples, -1, dtype=np.int32)
        found[self.rows] = np.arange(len(self.rows))
        return found


def taker_of_images(clusterer: Any, X: Any, images: Any) -> Take | None:
    """Return what gives images of some rows, (n_rows, C, H, W), or None if there are none."""
    if images is not None:
        return picture_taker(images, indexed(X)[2])
    shape = own_image_shape(clusterer, X)
    if shape is None:
        return None
    take = row_taker(X)
    return lambda rows: take(rows).reshape(len(rows), *shape)


def own_image_shape(clusterer: Any, X: Any) -> tuple[int, ...] | None:
    """Return the shape of an image, if samples of X are some and can be shown."""
    shapes = [getattr(each, "image_shape_", None) for each in layers(clusterer, deep=True)]
    shape = next((each for each in shapes if each is not None), None)
    if shape is None or not is_table(X) or find_spec("PIL") is None:
        return None  # nobody has asked for images
    # otherwise a step before has made the images
    fits = np.prod(row_taker(X)(np.arange(1)).shape[1:]) == np.prod(shape)
    return tuple(shape) if fits else None


def checked_texts(X: Any, texts: Any) -> list[str] | None:
    """Return the texts of all samples, of X itself if it holds some, or None."""
    n_samples = indexed(X)[2]
    if texts is None:
        texts = X if _holds_texts(X) else None
    if texts is None:
        return None
    if isinstance(texts, (str, bytes)) or not hasattr(texts, "__len__"):
        raise TypeError(f"texts must be a list of a text for each sample, got {type(texts)}.")
    if len(texts) != n_samples:
        raise ValueError(
            f"texts must have one text for each of the {n_samples} samples, got {len(texts)}."
        )
    return [shortened(str(text)) for text in in_numpy(texts, "texts")]


def _holds_texts(X: Any) -> bool:
    values = in_numpy(X, "X")
    if hasattr(values, "ndim") and values.ndim != 1:
        return False
    return hasattr(values, "__len__") and all(isinstance(value, str) for value in values)


def shortened(text: str) -> str:
    text = " ".join(text.split())
    return (
        text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "\N{HORIZONTAL ELLIPSIS}"
    )


def chosen_rows(
    listed: np.ndarray, rows: np.ndarray, n_images: int, random_state: Any
) -> np.ndarray:
    """Return the rows that have a thumbnail: those in lists, then others drawn at random."""
    first = np.unique(listed).astype(int)
    rest = np.setdiff1d(rows, first)
    drawn = rest[draw_rows(len(rest), max(n_images - len(first), 0), random_state)]
    return np.concatenate([first[:n_images], drawn])


def sprite_of(take: Take, rows: np.ndarray) -> Sprite:
    """Make thumbnails of samples, in one image."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Images in a report need Pillow: pip install Pillow; or give texts."
        ) from error
    blocks = np.split(rows, np.arange(AT_ONCE, len(rows), AT_ONCE))
    height, width = take(rows[:1]).shape[-2:]
    largest = min(LARGEST_SIDE, int((MOST_PIXELS / len(rows)) ** 0.5))
    scale = min(1.0, largest / max(height, width))
    sides = max(round(width * scale), 1), max(round(height * scale), 1)
    columns = max(int(np.ceil(np.sqrt(len(rows) * sides[1] / sides[0]))), 1)
    ends = [(each.min(), each.max()) for each in map(take, blocks)]
    n_channels = take(rows[:1]).shape[1]
    shades = original_range(np.array(ends), n_channels)
    sheet = Image.new(
        "RGB" if n_channels == 3 else "L",
        (columns * sides[0], -(-len(rows) // columns) * sides[1]),
    )
    for number, block in enumerate(blocks):
        for index, tile in enumerate(_as_bytes(take(block), *shades), number * AT_ONCE):
            picture = Image.fromarray(tile)
            if picture.size != sides:
                picture = picture.resize(sides, Image.Resampling.LANCZOS)
            sheet.paste(picture, (index % columns * sides[0], index // columns * sides[1]))
    file = io.BytesIO()
    sheet.save(file, "png", optimize=True)
    return Sprite(rows, columns, *sides, file.getvalue())


def _as_bytes(images: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return images as bytes, (n, H, W) or (n, H, W, 3), all on one scale."""
    scale = 255 / max(high - low, float(np.finfo(np.float32).tiny))
    values = np.clip((images.astype(np.float64) - low) * scale, 0, 255).round()
    if images.shape[1] == 3:
        return np.ascontiguousarray(values.astype(np.uint8).transpose(0, 2, 3, 1))
    return values.mean(axis=1).astype(np.uint8)
