"""Images of a folder as one array."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from contextlib import closing
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skdeepclust._engine.reports import current_report, reporting

MODES = {"RGB": 3, "L": 1}
N_NAMED = 5  # unreadable files that a warning names


def load_images(
    folder: str | os.PathLike[str],
    *,
    size: int | tuple[int, int],
    mode: str = "RGB",
    verbose: int = 0,
) -> Bunch:
    """Load the images of a folder, and of the folders in it, as one array.

    Each image is turned as its EXIF orientation says, scaled so that it covers `size`, and cut
    evenly at the sides that stand out. Needs Pillow. Files are those whose names end like an
    image's, in the order of their paths; hidden ones are left out.

    Parameters
    ----------
    folder : str or path-like
        The folder.
    size : int or (height, width)
        Size of all images, in pixels.
    mode : {"RGB", "L"}, default="RGB"
        Colour or grey.
    verbose : int, default=0
        0 is silent; 1 shows how far it is.

    Returns
    -------
    Bunch
        With

        - `images`, ndarray of uint8 of shape (n_samples, channels, height, width);
        - `filenames`, list of Path, one for each image;
        - `target`, ndarray of int of shape (n_samples,): in which of the folders `target_names`
          each lies, by its path from `folder`;
        - `unreadable`, dict of Path to str: files that are no image, and why.

    Raises
    ------
    ImportError
        If Pillow isn't installed.
    NotADirectoryError
        If there is no such folder.
    ValueError
        If it holds no image, or `size` or `mode` is none.

    Warns
    -----
    UserWarning
        If files can't be read.

    See Also
    --------
    sklearn.datasets.load_files : Texts of a folder.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from skdeepclust.datasets import load_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for i, (width, height) in enumerate([(60, 40), (30, 50)]):
    ...         Image.new("RGB", (width, height), "red").save(Path(folder, f"{i}.png"))
    ...     found = load_images(folder, size=32)
    >>> found.images.shape
    (2, 3, 32, 32)
    """
    height, width = _checked_size(size)
    if mode not in MODES:
        raise ValueError(f'mode must be "RGB" or "L", got {mode!r}.')
    files = _files_of(Path(folder))
    images = np.empty((len(files), MODES[mode], height, width), np.uint8)
    filenames, unreadable = [], {}
    with reporting("load_images", verbose):
        for path in current_report().track("images", files, len(files)):
            try:
                images[len(filenames)] = _read(path, (height, width), mode)
            except Exception as error:  # decoders raise what they like
                unreadable[path] = f"{type(error).__name__}: {error}"
            else:
                filenames.append(path)
    _tell_of(unreadable, filenames, folder)
    names = [path.parent.relative_to(folder).as_posix() for path in filenames]
    target_names, target = np.unique(names, return_inverse=True)
    return Bunch(
        images=images[: len(filenames)],
        filenames=filenames,
        target=target,
        target_names=target_names.tolist(),
        unreadable=unreadable,
    )


def _checked_size(size: Any) -> tuple[int, int]:
    both = (size, size) if isinstance(size, Integral) else size
    is_pair = isinstance(both, (tuple, list)) and len(both) == 2
    if not is_pair or not all(isinstance(each, Integral) and int(each) > 0 for each in both):
        raise ValueError(f"size must be a number of pixels or (height, width), got {size!r}.")
    return int(both[0]), int(both[1])


def _files_of(folder: Path) -> list[Path]:
    """Return the files that are named as images are, in the order of their paths."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("load_images needs Pillow: pip install Pillow") from error
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder.")
    endings = Image.registered_extensions()
    found = (path for path in folder.rglob("*") if path.suffix.lower() in endings)
    return sorted(path for path in found if path.is_file() and not _is_hidden(path, folder))


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _read(path: Path, size: tuple[int, int], mode: str) -> NDArray[np.uint8]:
    """Return an image of (channels, height, width)."""
    from PIL import Image, ImageOps

    height, width = size
    with closing(Image.open(path)) as image:
        # JPEG files are decoded at a part of their size; whether they are turned isn't known yet
        image.draft(mode, (2 * max(size), 2 * max(size)))
        fitted = ImageOps.fit(turned(image).convert(mode), (width, height))
    pixels = np.asarray(fitted)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def turned(image: Any) -> Any:
    """Return an image of Pillow as its EXIF orientation says, with pixels of eight bits."""
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16"):  # Pillow would cut off what is above 255
        return Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
    if upright.mode in ("I", "F"):
        raise ValueError(f"pixels of mode {upright.mode!r} have no known range")
    return upright


def _tell_of(unreadable: dict[Path, str], filenames: Iterable[Path], folder: Any) -> None:
    named = ", ".join(str(path) for path in list(unreadable)[:N_NAMED])
    more = "" if len(unreadable) <= N_NAMED else " and others"
    if not filenames:
        told = f"; unreadable are {named}{more}" if unreadable else ""
        raise ValueError(f"{folder} holds no image that can be read{told}.")
    if unreadable:
        warnings.warn(
            f"{len(unreadable)} of the files can't be read, see `unreadable`: {named}{more}.",
            UserWarning,
            stacklevel=3,
        )
