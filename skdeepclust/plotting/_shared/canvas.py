"""What the displays share: axes, colours, maps to the plane, any container as numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.utils import check_random_state

from skdeepclust._engine.foreign_arrays import unmasked
from skdeepclust._inputs.counts import check_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Matplotlib's petroff10 has ten colours that stay apart in colour-blind vision. In grey some are
# alike: markers, line styles or names tell apart, too, what is coloured.
N_COLORS = 10
MARKERS = "os^Dv<>pP"
LINE_STYLES = ("-", "--", "-.", ":")
LUMINANCE_HALFWAY = 0.184  # of L* = 50


def new_axes(figsize: tuple[float, float]) -> Axes:
    """Make a figure with one pair of axes; the caller owns it, as in scikit-learn's displays."""
    return new_panels(1, figsize)[0]


def new_panels(n_panels: int, figsize: tuple[float, float]) -> np.ndarray:
    """Make a figure with panels side by side and return their axes, (n_panels,)."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("Plotting needs matplotlib: pip install matplotlib.") from error
    return plt.subplots(1, n_panels, figsize=figsize, layout="constrained", squeeze=False)[1][0]


def cluster_colors(n_clusters: int) -> list[str]:
    """Give each cluster its colour, the same in every display; after ten they come again."""
    return [_palette()[cluster % N_COLORS] for cluster in range(n_clusters)]


def _palette() -> list[str]:
    from matplotlib import color_sequences
    from matplotlib.colors import to_hex  # a name is one colour, three numbers may be values

    return [to_hex(color) for color in color_sequences["petroff10"]]


def line_style(index: int) -> dict[str, Any]:
    """Give the colour, marker and dashes of a line; ninety lines have different ones."""
    return {
        "color": _palette()[index % N_COLORS],
        "marker": MARKERS[index % len(MARKERS)],
        "ls": LINE_STYLES[index % len(LINE_STYLES)],
    }


def point_style(label: int) -> dict[str, Any]:
    """Give the colour and marker of points: a marker for each ten labels."""
    return {
        "color": _palette()[label % N_COLORS],
        "marker": MARKERS[label // N_COLORS % len(MARKERS)],
    }


def draw_points(
    ax: Axes, coordinates: np.ndarray, labels: np.ndarray, size: float, alpha: float
) -> list[Any]:
    """Draw points in the style of their labels, 0 and up; return a collection for each marker."""
    from matplotlib.colors import to_rgba_array

    palette = to_rgba_array(_palette())
    cycles = labels // N_COLORS % len(MARKERS)
    # in random order no cluster covers the others
    order = np.random.default_rng(0).permutation(len(labels))
    drawn = []
    for cycle in np.unique(cycles):
        rows = order[cycles[order] == cycle]
        points = ax.scatter(
            *coordinates[rows].T, s=size, c=palette[labels[rows] % N_COLORS], alpha=alpha,
            marker=MARKERS[cycle], linewidths=0, rasterized=True,
        )  # fmt: skip
        drawn.append(points)
    return drawn


def ink_colormap(ax: Axes) -> Any:
    """Make a colour map in which nothing looks like the background, and much like the text."""
    from matplotlib import rcParams
    from matplotlib.colors import LinearSegmentedColormap

    colors = [ax.get_facecolor(), _palette()[0], rcParams["text.color"]]
    return LinearSegmentedColormap.from_list("ink", colors)


def color_of_text_on(color: Sequence[float] | np.ndarray) -> str:
    """Return black or white, whichever is farther from the lightness L* of a colour."""
    rgb = np.asarray(color[:3])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return "black" if linear @ (0.2126, 0.7152, 0.0722) > LUMINANCE_HALFWAY else "white"


def draw_colorbar(ax: Axes, image: Any, label: str, **options: Any) -> Any:
    """Draw the scale of an image's colours beside its axes and return it."""
    bar = ax.figure.colorbar(image, ax=ax, label=label, **options)
    bar.outline.set_visible(False)
    return bar


def write_below(ax: Axes, text: str) -> None:
    """Write a remark below the label of the horizontal axis."""
    ax.annotate(
        text, (0.5, 0), xycoords=ax.xaxis.label, xytext=(0, -3), textcoords="offset points",
        ha="center", va="top", fontsize="small", alpha=0.6,
    )  # fmt: skip


def strip_axes(ax: Axes) -> None:
    """Take away ticks and frame but leave the labels of the axes."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def to_numpy(array: Any, name: str = "X") -> np.ndarray:
    """Convert an array, data frame, sparse matrix or tensor of any device; refuse masked values."""
    if isinstance(array, np.ma.MaskedArray):
        return unmasked(array, name)
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        if str(array.dtype) == "torch.bfloat16":  # which NumPy doesn't have
            array = array.float()
    elif hasattr(array, "toarray"):
        array = array.toarray()
    return np.asarray(array)


def take_rows(X: Any, indices: np.ndarray) -> np.ndarray:
    """Take rows before the conversion, so that a memory map or sparse matrix stays on disk."""
    rows = X.iloc if hasattr(X, "iloc") else X
    return to_numpy(rows[indices])


def draw_rows(
    n_samples: int, n_points: int, random_state: int | np.random.RandomState | None
) -> np.ndarray:
    """Draw at most `n_points` rows at random, in ascending order."""
    if n_samples <= n_points:
        return np.arange(n_samples)
    rows = check_random_state(random_state).choice(n_samples, n_points, replace=False)
    return np.sort(rows)


def check_map(method: str, n_points: int) -> None:
    """Refuse an unknown map to the plane, and a map without points."""
    if method not in ("pca", "tsne"):
        raise ValueError(f'method must be "pca" or "tsne", got {method!r}.')
    check_count("n_points", n_points)


def map_to_plane(
    embedding: np.ndarray, method: str, random_state: int | np.random.RandomState | None
) -> tuple[np.ndarray, str]:
    """Map (n, d) to (n, 2) and say how."""
    n_samples, n_features = embedding.shape
    if method == "tsne" and n_samples > 3:
        tsne = TSNE(
            perplexity=min(30, (n_samples - 1) / 3),
            init="pca" if n_features > 1 and _has_spread(embedding) else "random",
            random_state=random_state,
        )
        return tsne.fit_transform(embedding), "t-SNE of the embedding"
    pca = PCA(n_components=min(2, n_features, n_samples), random_state=random_state)
    with np.errstate(invalid="ignore"):  # of an embedding that is constant
        coordinates = pca.fit_transform(embedding)
    missing = 2 - coordinates.shape[1]
    share = np.nan_to_num(pca.explained_variance_ratio_).sum()
    caption = f"PCA of the embedding, {share:.0%} of its variance"
    return np.pad(coordinates, [(0, 0), (0, missing)]), caption


def _has_spread(embedding: np.ndarray) -> bool:
    """Tell whether some component differs between samples, in the precision of t-SNE.

    Its start in principal components is divided by their deviation.
    """
    with np.errstate(all="ignore"):
        spread = np.std(embedding.astype(np.float32), axis=0).max()
    return bool(0 < spread < np.inf)


def point_area(n_points: int) -> float:
    """Give the area of a dot, in square points, that suits the number of dots."""
    return float(np.clip(30_000 / n_points, 4, 28))


def write_at_medians(ax: Axes, coordinates: np.ndarray, labels: np.ndarray) -> None:
    """Write the name of each label at the median of its points."""
    from matplotlib import rcParams
    from matplotlib.patheffects import withStroke

    halo = withStroke(linewidth=3.5, foreground=rcParams["axes.facecolor"])
    for label in np.unique(labels):
        x, y = np.median(coordinates[labels == label], axis=0)
        ax.text(
            x, y, str(label), ha="center", va="center", fontsize="x-large",
            fontweight="bold", path_effects=[halo],
        )  # fmt: skip


def finish_map(ax: Axes, caption: str) -> None:
    """Take away what means nothing on a map, keep its proportions and say how it was made."""
    strip_axes(ax)
    ax.margins(0.04)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel(caption, fontsize="small", loc="left", alpha=0.6)


def original_range(values: np.ndarray, n_channels: int) -> tuple[float, float]:
    """Return what is black and what is white in images that are shown as they are.

    Of colours it is the range of their type, so that contrast stays. What the values of one
    channel mean isn't known: theirs is what they take.
    """
    if values.size == 0:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    limit = 1.0 if values.dtype.kind == "f" else 255.0
    return (0.0, limit) if n_channels == 3 and low >= 0 and high <= limit else (low, high)


class ImagePainter:
    """Draw images of any number of channels with one range of values for the whole gallery.

    Originals are shown as they are, in their own colours; of others ink is dark on light paper.
    """

    def __init__(
        self,
        ax: Axes,
        members: Sequence[np.ndarray],
        cmap: str | None,
        *,
        originals: bool = False,
    ) -> None:
        values = np.concatenate([np.ravel(images) for images in members])
        self.low, self.high = (values.min(), values.max()) if values.size else (0.0, 1.0)
        dark = values.size > 0 and np.median(values) < self.low + (self.high - self.low) / 4
        if originals:
            self.low, self.high = original_range(values, members[0].shape[1])
        self.cmap = cmap or ("gray_r" if dark and not originals else "gray")
        # photographs are larger than they are drawn
        self.interpolation = "auto" if originals else "nearest"
        self.ax = ax

    def __call__(self, image: np.ndarray, left: float, top: float, height: float = 1.0) -> Any:
        """Draw an image; `height` is below zero where the vertical axis goes up."""
        from matplotlib import rcParams
        from matplotlib.patches import Rectangle

        aspect = image.shape[2] / image.shape[1]
        span = max(float(self.high) - float(self.low), np.finfo(np.float32).tiny)
        image = np.clip((image.astype(np.float64) - self.low) / span, 0, 1)
        # neither grey nor colour: the mean of the channels
        image = image.transpose(1, 2, 0) if len(image) == 3 else image.mean(0)
        width = abs(height) * aspect
        extent = (left, left + width, top + height, top)
        painted = self.ax.imshow(
            image, extent=extent, cmap=self.cmap, vmin=0, vmax=1, origin="upper",
            interpolation=self.interpolation,
        )  # fmt: skip
        frame = {"fill": False, "ec": rcParams["text.color"], "alpha": 0.15, "lw": 0.6}
        self.ax.add_patch(Rectangle((left, top), width, height, **frame))
        return painted
