"""What the displays share: axes, colours and the way from any container to numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Petroff 2021 (arXiv:2107.02270): ten colours that stay apart in colour-blind vision
COLORS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip


def new_axes(figsize: tuple[float, float]) -> Axes:
    """Make a figure with one pair of axes; the caller owns it, as in scikit-learn's displays."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Plotting needs matplotlib: install it with `pip install skdeepclust[plot]`."
        ) from error
    return plt.subplots(figsize=figsize, layout="constrained")[1]


def cluster_colors(n_clusters: int) -> list[Any]:
    """Give each cluster its colour, the same in every display."""
    if n_clusters <= len(COLORS):
        return list(COLORS[:n_clusters])
    from matplotlib import colormaps

    return list(colormaps["turbo"](np.linspace(0.03, 0.97, n_clusters)))


def strip_axes(ax: Axes) -> None:
    """Take away ticks and frame but leave the labels of the axes."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def to_numpy(array: Any) -> np.ndarray:
    """Convert an array, data frame, sparse matrix or tensor of any device."""
    if hasattr(array, "detach"):
        array = array.detach().cpu()
    elif hasattr(array, "toarray"):
        array = array.toarray()
    return np.asarray(array)


def take_rows(X: Any, indices: np.ndarray) -> np.ndarray:
    """Take rows before the conversion, so that a memory map or sparse matrix stays on disk."""
    rows = X.iloc if hasattr(X, "iloc") else X
    return to_numpy(rows[indices])


class ImagePainter:
    """Draw images of any number of channels with one range of values for the whole gallery."""

    def __init__(self, ax: Axes, members: Sequence[np.ndarray], cmap: str | None) -> None:
        values = np.concatenate([np.ravel(images) for images in members])
        self.low, self.high = (values.min(), values.max()) if values.size else (0.0, 1.0)
        dark = values.size > 0 and np.median(values) < self.low + (self.high - self.low) / 4
        self.cmap = cmap or ("gray_r" if dark else "gray")
        self.ax = ax

    def __call__(self, image: np.ndarray, left: float, top: float) -> None:
        from matplotlib import rcParams
        from matplotlib.patches import Rectangle

        _, height, width = image.shape
        span = max(float(self.high) - float(self.low), np.finfo(np.float32).tiny)
        image = np.clip((image.astype(np.float64) - self.low) / span, 0, 1)
        # neither grey nor colour: the mean of the channels
        image = image.transpose(1, 2, 0) if len(image) == 3 else image.mean(0)
        extent = (left, left + width / height, top + 1, top)
        self.ax.imshow(
            image, extent=extent, cmap=self.cmap, vmin=0, vmax=1, interpolation="nearest",
            origin="upper",
        )  # fmt: skip
        frame = {"fill": False, "ec": rcParams["text.color"], "alpha": 0.15, "lw": 0.6}
        self.ax.add_patch(Rectangle((left, top), width / height, 1, **frame))
