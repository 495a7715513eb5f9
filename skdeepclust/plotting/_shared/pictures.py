"""Users' own images of their samples, in any layout, as arrays (C, H, W)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from skdeepclust._engine.foreign_arrays import unmasked
from skdeepclust.plotting._shared.canvas import to_numpy

CHANNELS = (1, 3)
ORIENTATION = 0x0112  # in EXIF; above 4 height and width are exchanged
LARGEST_SIDE = 256  # to which images of different sizes are scaled: a figure shows no more
SHAPES = "(n_samples, C, H, W), (n_samples, H, W) or (n_samples, H, W, C), where C is 1 or 3"


def picture_taker(images: Any, n_samples: int) -> Callable[[np.ndarray], np.ndarray]:
    """Check the images of all samples; return a function that gives those of some rows.

    They keep their values and have the shape (n_rows, C, H, W). Only what is asked for is read.
    """
    is_array = len(getattr(images, "shape", ())) > 1
    is_path = isinstance(images, (str, bytes, os.PathLike))
    if is_path or isinstance(images, Mapping) or not (is_array or hasattr(images, "__len__")):
        hint = "load_images reads a folder" if is_path else "make a list of them"
        hint = "give found.images" if isinstance(images, Mapping) else hint
        name = type(images).__name__
        raise TypeError(f"images must be an array or a list of images, got {name}: {hint}.")
    if len(images) != n_samples:
        raise ValueError(
            f"images must have one image for each of the {n_samples} samples, got {len(images)}."
        )
    if isinstance(images, np.ma.MaskedArray):
        images = unmasked(images, "images")
    return _from_array(images) if is_array else _from_list(list(images))


def _from_array(images: Any) -> Callable[[np.ndarray], np.ndarray]:
    shape = tuple(images.shape)
    layout = _layout_of(shape[1:], f"images of shape {shape}")

    def take(rows: np.ndarray) -> np.ndarray:
        unique, inverse = np.unique(rows, return_inverse=True)  # files want rows in their order
        taken = to_numpy((images.iloc if hasattr(images, "iloc") else images)[unique])
        return _checked_values(_with_channels(taken, layout))[inverse]

    return take


def _from_list(images: list[Any]) -> Callable[[np.ndarray], np.ndarray]:
    size = _common_size([_size_of(image, index) for index, image in enumerate(images)])

    def take(rows: np.ndarray) -> np.ndarray:
        unique, inverse = np.unique(rows, return_inverse=True)
        taken = [_checked_values(_pixels(images[row])) for row in unique]
        return np.stack(_alike(taken, size))[inverse] if taken else np.zeros((0, 1, *size))

    return take


def _size_of(image: Any, index: int) -> tuple[int, int]:
    """Return height and width of an image of a list."""
    if _is_pillow(image):
        width, height = image.size
        return (width, height) if image.getexif().get(ORIENTATION, 1) > 4 else (height, width)
    if isinstance(image, np.ma.MaskedArray):
        unmasked(image, f"images[{index}]")
    shape = _shape_of(image, index)
    layout = _layout_of(shape, f"images[{index}] of shape {shape}")
    height, width = shape[-3:-1] if layout == "last" else shape[-2:]
    return height, width


def _common_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the one size of all images, or the median of theirs, if no larger than is seen."""
    if len(set(sizes)) == 1:
        return sizes[0]
    median = np.median(sizes, axis=0)
    height, width = median * min(1.0, LARGEST_SIDE / median.max())
    return max(round(height), 1), max(round(width), 1)


def _shape_of(image: Any, index: int) -> tuple[int, ...]:
    try:
        shape, kind = np.shape(image), to_numpy(image).dtype.kind
    except ValueError:  # rows of different lengths
        shape, kind = (), "O"
    if kind in "biuf":
        return tuple(shape)
    name = type(image).__name__
    path = ": open it with PIL.Image.open" if name == "str" or hasattr(image, "suffix") else ""
    raise TypeError(f"images[{index}] must be an array or a PIL image, got {name}{path}.")


def _layout_of(shape: Sequence[int], what: str) -> str:
    """Tell where an image has its channels: "first", "last" or, where it has none, "none"."""
    if len(shape) not in (2, 3) or 0 in shape:
        raise ValueError(f"{what} are none: give them as {SHAPES}.")
    if len(shape) == 2:
        return "none"
    first, last = shape[0] in CHANNELS, shape[2] in CHANNELS
    if first and last:
        raise ValueError(
            f"{what} may have channels before or after height and width: give a list of PIL "
            "images, which say so themselves."
        )
    if not (first or last):
        raise ValueError(f"{what} have neither 1 nor 3 channels: give them as {SHAPES}.")
    return "first" if first else "last"


def _with_channels(images: np.ndarray, layout: str) -> np.ndarray:
    """Return images (n, ...) as (n, C, H, W)."""
    if layout == "none":
        return images[:, None]
    return images if layout == "first" else np.moveaxis(images, -1, 1)


def _is_pillow(image: Any) -> bool:
    pillow = sys.modules.get("PIL.Image")  # it is there if there is an image of it
    return pillow is not None and isinstance(image, pillow.Image)


def _pixels(image: Any) -> np.ndarray:
    """Return an image of a list as (C, H, W)."""
    if not _is_pillow(image):
        array = to_numpy(image)
        return _with_channels(array[None], _layout_of(array.shape, "images"))[0]
    from skdeepclust.datasets._folders import turned

    upright = turned(image)
    is_grey = upright.mode in ("1", "L", "LA", "La")
    array = np.asarray(upright.convert("L" if is_grey else "RGB"))
    return array[None] if is_grey else array.transpose(2, 0, 1)


def _checked_values(images: np.ndarray) -> np.ndarray:
    if images.dtype.kind not in "biuf":
        raise TypeError(f"images must hold numbers, got values of {images.dtype}.")
    if not np.isfinite(images).all():
        raise ValueError("images must be finite: some of those to be shown have NaN or infinity.")
    return images.astype(np.uint8) if images.dtype.kind == "b" else images


def _alike(images: list[np.ndarray], size: tuple[int, int]) -> list[np.ndarray]:
    """Bring images to one number of channels and one size."""
    kinds = {"float" if image.dtype.kind == "f" else "integer" for image in images}
    if len(kinds) > 1:
        raise ValueError(
            "images have floating-point and integer pixels: give all alike, such as the latter "
            "divided by 255."
        )
    n_channels = max(len(image) for image in images)
    images = [np.repeat(image, n_channels // len(image), axis=0) for image in images]
    if all(image.shape[1:] == size for image in images):
        return images
    return [_fitted(image, *size) for image in images]


def _fitted(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scale an image so that it covers a size, and cut what stands out, as `load_images` does."""
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError(
            "images differ in size, and to scale them needs Pillow: pip install Pillow."
        ) from error
    exact = np.uint8 if image.dtype == np.uint8 else np.float32
    bilinear = Image.Resampling.BILINEAR  # doesn't leave the range of the values
    channels = [Image.fromarray(np.ascontiguousarray(each, dtype=exact)) for each in image]
    return np.stack([np.asarray(ImageOps.fit(c, (width, height), bilinear)) for c in channels])
