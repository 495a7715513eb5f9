"""The embedding as a map in two dimensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from skdeepclust._inputs.counts import check_count
from skdeepclust.plotting._shared.canvas import (
    ImagePainter,
    check_map,
    cluster_colors,
    draw_points,
    draw_rows,
    finish_map,
    map_to_plane,
    new_axes,
    point_area,
    to_numpy,
    write_at_medians,
)
from skdeepclust.plotting._shared.pictures import picture_taker
from skdeepclust.plotting._shared.selection import (
    at_last_step,
    check_cluster_labels,
    count_samples,
    number_of_clusters,
    points_apart,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOISE_COLOR = "0.6"
THUMBNAIL = 0.08  # the longer side, as a share of the map's
BETWEEN = 0.1  # thumbnails, as a share of their sides


class EmbeddingDisplay:
    """Map of the embedding, coloured by cluster.

    Build it with `from_estimator` or `from_predictions`; its attributes are the data of the figure.

    Parameters
    ----------
    coordinates : ndarray of shape (n, 2)
        Position of each sample on the map.
    labels : ndarray of shape (n,)
        Cluster of each sample, 0 to ``n_clusters - 1``, or -1 for noise.
    n_clusters : int
        Number of clusters, including those without a sample on the map.
    misassigned : ndarray of shape (n,), default=None
        Whether the true label of a sample is not the one matched with its cluster.
    accuracy : float, default=None
        Share of all samples, also of those not on the map, that are not misassigned.
    indices : ndarray of shape (n,), default=None
        Rows of `X` on the map.
    caption : str, default=""
        How the map was made.
    thumbnails : ndarray of shape (n_shown, C, H, W), default=None
        Images of some samples, drawn where they are.
    thumbnail_points : ndarray of shape (n_shown,), default=None
        Which rows of `coordinates` these samples are.

    Attributes
    ----------
    ims_ : list of matplotlib AxesImage
        The thumbnails.
    points_ : list of matplotlib PathCollection
        The samples that are not marked, a collection for each ten clusters.
    crosses_, noise_ : matplotlib PathCollection
        The misassigned samples, and those of no cluster; None if they are not asked for or there
        are none.
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` has drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepclust.plotting import EmbeddingDisplay
    >>> display = EmbeddingDisplay(
    ...     coordinates=np.eye(2), labels=np.array([0, 1]), n_clusters=2
    ... )
    >>> display.coordinates.shape
    (2, 2)
    """

    def __init__(
        self,
        *,
        coordinates: np.ndarray,
        labels: np.ndarray,
        n_clusters: int,
        misassigned: np.ndarray | None = None,
        accuracy: float | None = None,
        indices: np.ndarray | None = None,
        caption: str = "",
        thumbnails: np.ndarray | None = None,
        thumbnail_points: np.ndarray | None = None,
    ) -> None:
        self.coordinates = coordinates
        self.labels = labels
        self.n_clusters = n_clusters
        self.misassigned = misassigned
        self.accuracy = accuracy
        self.indices = indices
        self.caption = caption
        self.thumbnails = thumbnails
        self.thumbnail_points = thumbnail_points

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        method: Literal["pca", "tsne"] = "pca",
        n_points: int = 5000,
        random_state: int | np.random.RandomState | None = 0,
        images: Any = None,
        n_images: int = 40,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> EmbeddingDisplay:
        """Embed samples, map them to the plane and draw them.

        Parameters
        ----------
        estimator : fitted clusterer, or pipeline that ends in one
            With `predict`, and `transform`, without which the map is of X (of a pipeline: of what
            its last step gets). The number of clusters is that of its `cluster_centers_`, or its
            parameter `n_clusters`, if it has them.
        X : array-like of shape (n_samples, ...)
            Samples, as for `estimator.predict`.
        y : array-like of shape (n_samples,), default=None
            True labels; samples whose label is not the one matched with their cluster are
            marked. Labels are matched over all samples.
        method : {"pca", "tsne"}, default="pca"
            Linear map of largest variance, or t-SNE, which shows neighbourhoods: neither
            distances between clusters nor their sizes mean anything there.
        n_points : int, default=5000
            Number of samples on the map, drawn at random if there are more.
        random_state : int, RandomState or None, default=0
            Seed of that draw and of t-SNE.
        images : array-like or list, default=None
            What the samples look like: floats or bytes of shape (n_samples, C, H, W),
            (n_samples, H, W) or (n_samples, H, W, C) with one or three channels, or a list of
            such images or of PIL images, which may differ in size if Pillow is there. Some are
            drawn on the map, framed in the colour of their cluster: as many as find room beside
            each other, in turns over the clusters.
        n_images : int, default=40
            Largest number of images on the map.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        EmbeddingDisplay
            The display.

        Raises
        ------
        ValueError
            If `method` is unknown, `n_points` or `n_images` below 1, `y` or `images` not as
            long as `X`, or it isn't told where images have their channels.
        TypeError
            If `images` holds something else.
        """
        check_map(method, n_points)
        check_is_fitted(estimator)
        _check_images(images, n_images, X)  # before a network is run
        last, X = at_last_step(estimator, X)
        return cls.from_predictions(
            last.transform(X) if hasattr(last, "transform") else X, last.predict(X), y,
            n_clusters=number_of_clusters(last), method=method, n_points=n_points,
            random_state=random_state, images=images, n_images=n_images, ax=ax, **plot_options,
        )  # fmt: skip

    @classmethod
    def from_predictions(
        cls,
        embedding: Any,
        labels: Any,
        y_true: Any = None,
        *,
        n_clusters: int | None = None,
        method: Literal["pca", "tsne"] = "pca",
        n_points: int = 5000,
        random_state: int | np.random.RandomState | None = 0,
        images: Any = None,
        n_images: int = 40,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> EmbeddingDisplay:
        """Map an embedding to the plane and draw it in the colours of any clustering.

        Parameters
        ----------
        embedding : array-like of shape (n_samples, n_components)
            What the clusters live in; as from `transform`.
        labels : array-like of int of shape (n_samples,)
            Cluster of each sample, from 0; -1 is noise, as of DBSCAN, and drawn in grey.
        y_true : array-like of shape (n_samples,), default=None
            True labels; samples whose label is not the one matched with their cluster are
            marked. Labels are matched over all samples.
        n_clusters : int, default=None
            Number of clusters; None is one more than the largest label.
        method : {"pca", "tsne"}, default="pca"
            Linear map of largest variance, or t-SNE, which shows neighbourhoods: neither
            distances between clusters nor their sizes mean anything there.
        n_points : int, default=5000
            Number of samples on the map, drawn at random if there are more.
        random_state : int, RandomState or None, default=0
            Seed of that draw and of t-SNE.
        images : array-like or list, default=None
            What the samples look like: floats or bytes of shape (n_samples, C, H, W),
            (n_samples, H, W) or (n_samples, H, W, C) with one or three channels, or a list of
            such images or of PIL images, which may differ in size if Pillow is there. Some are
            drawn on the map, framed in the colour of their cluster: as many as find room beside
            each other, in turns over the clusters.
        n_images : int, default=40
            Largest number of images on the map.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        EmbeddingDisplay
            The display.

        Raises
        ------
        ValueError
            If `method` is unknown, `n_points` or `n_images` below 1, labels are no integers from
            0 (or -1), lengths differ, or it isn't told where images have their channels.
        TypeError
            If `images` holds something else.
        """
        check_map(method, n_points)
        embedding = to_numpy(embedding, "embedding")
        embedding = embedding.reshape(len(embedding), -1) if embedding.ndim != 2 else embedding
        labels = to_numpy(labels, "labels")
        check_consistent_length(embedding, labels)
        labels = check_cluster_labels(column_or_1d(labels), n_clusters)
        take = _check_images(images, n_images, embedding)
        wrong = None if y_true is None else _misassigned(y_true, labels)
        rows = draw_rows(len(labels), n_points, random_state)
        coordinates, caption = map_to_plane(embedding[rows], method, random_state)
        display = cls(
            coordinates=coordinates,
            labels=labels[rows],
            n_clusters=int(labels.max()) + 1 if n_clusters is None else n_clusters,
            misassigned=None if wrong is None else wrong[rows],
            accuracy=None if wrong is None else 1 - float(wrong.mean()),
            indices=rows,
            caption=caption,
        )
        if take is not None:
            display._choose_thumbnails(take, n_images)
        return display.plot(ax, **plot_options)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        point_size: float | None = None,
        alpha: float = 0.75,
    ) -> EmbeddingDisplay:
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        point_size : float, default=None
            Area of a point in square points; None adapts it to the number of samples.
        alpha : float, default=0.75
            Opacity of the points.

        Returns
        -------
        EmbeddingDisplay
            This display, with `points_`, `crosses_`, `noise_`, `ims_`, `ax_` and `figure_` set.
        """
        ax = new_axes((6.0, 5.4)) if ax is None else ax
        size = point_area(len(self.labels)) if point_size is None else point_size
        self._draw_points(ax, size, alpha)
        self._draw_thumbnails(ax)
        named = self.labels >= 0
        write_at_medians(ax, self.coordinates[named], self.labels[named])
        finish_map(ax, self.caption)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _choose_thumbnails(self, take: Callable[[np.ndarray], np.ndarray], n_images: int) -> None:
        """Take images of points that lie far enough from each other."""
        rows = np.arange(len(self.labels)) if self.indices is None else self.indices
        first = take(rows[:1])
        numbers = [
            np.median(self.coordinates[self.labels == label], axis=0)
            for label in np.unique(self.labels[self.labels >= 0])
        ]
        self.thumbnail_points = points_apart(
            self.coordinates, self.labels, _sides(self.coordinates, first) * (1 + BETWEEN),
            n_images, np.array(numbers).reshape(-1, 2),
        )  # fmt: skip
        self.thumbnails = take(rows[self.thumbnail_points])

    def _draw_thumbnails(self, ax: Axes) -> None:
        """Draw images above the points and below the numbers."""
        from matplotlib.patches import Rectangle

        self.ims_ = []
        if self.thumbnails is None or self.thumbnail_points is None:
            return
        colors = [*cluster_colors(self.n_clusters), NOISE_COLOR]  # -1 is the last
        show = ImagePainter(ax, [self.thumbnails], None, originals=True)
        width, height = _sides(self.coordinates, self.thumbnails)
        for point, image in zip(self.thumbnail_points, self.thumbnails, strict=True):
            left, bottom = self.coordinates[point] - (width / 2, height / 2)
            self.ims_.append(show(image, left, bottom + height, -height))
            self.ims_[-1].set_zorder(2)
            for edges in self.ims_[-1].sticky_edges:  # which would take the margins away
                edges.clear()
            color = colors[self.labels[point]]
            frame = {"fill": False, "ec": color, "lw": 1.8, "zorder": 2.1}
            ax.add_patch(Rectangle((left, bottom), width, height, **frame))

    def _draw_points(self, ax: Axes, size: float, alpha: float) -> None:
        """Draw dots, and crosses in the colour of the cluster for misassigned samples."""
        from matplotlib import rcParams

        wrong = np.zeros(len(self.labels), bool) if self.misassigned is None else self.misassigned
        is_noise = self.labels < 0
        self.noise_ = self.crosses_ = None
        entries: dict[str, tuple[str, str]] = {}  # marker and colour
        if is_noise.any():
            self.noise_ = ax.scatter(
                *self.coordinates[is_noise & ~wrong].T, s=0.6 * size, c=NOISE_COLOR, alpha=alpha,
                linewidths=0, rasterized=True,
            )  # fmt: skip
            entries["noise"] = "o", NOISE_COLOR
        dots = ~wrong & ~is_noise
        self.points_ = draw_points(ax, self.coordinates[dots], self.labels[dots], size, alpha)
        if self.misassigned is not None:
            self.crosses_ = self._draw_crosses(ax, wrong, size)
            share = "" if self.accuracy is None else f" ({1 - self.accuracy:.1%})"
            entries[f"misassigned{share}"] = "x", rcParams["text.color"]
        if entries:
            _write_legend(ax, entries)

    def _draw_crosses(self, ax: Axes, wrong: np.ndarray, size: float) -> Any:
        from matplotlib.colors import to_rgba_array

        rows = np.random.default_rng(0).permutation(np.flatnonzero(wrong))
        palette = to_rgba_array([*cluster_colors(self.n_clusters), NOISE_COLOR])  # -1 is the last
        return ax.scatter(
            *self.coordinates[rows].T,
            s=1.2 * size, c=palette[self.labels[rows]], marker="x", linewidths=1, rasterized=True,
        )  # fmt: skip


def _check_images(images: Any, n_images: int, X: Any) -> Callable[[np.ndarray], np.ndarray] | None:
    check_count("n_images", n_images)
    return None if images is None else picture_taker(images, count_samples(X))


def _sides(coordinates: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return width and height of a thumbnail on the map."""
    extent = float(np.ptp(coordinates, axis=0).max()) or 1.0
    height, width = images.shape[-2:]
    return THUMBNAIL * extent * np.array([width, height]) / max(width, height)


def _write_legend(ax: Axes, entries: dict[str, tuple[str, str]]) -> None:
    handles = [
        ax.scatter([], [], s=28, marker=marker, c=color, linewidths=1 if marker == "x" else 0)
        for marker, color in entries.values()
    ]
    ax.legend(
        handles, list(entries), loc="lower right", bbox_to_anchor=(1, 1), ncols=len(entries),
        frameon=False, fontsize="small", handletextpad=0.2, borderaxespad=0.1,
    )  # fmt: skip


def _misassigned(y: Any, labels: np.ndarray) -> np.ndarray:
    """Tell which samples disagree with the best one-to-one match of labels and clusters."""
    from skdeepclust.metrics import match_labels

    y = to_numpy(y, "y_true")
    check_consistent_length(y, labels)
    return np.asarray(match_labels(y, labels)) != y
