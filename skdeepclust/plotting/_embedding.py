"""The embedding as a map in two dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skdeepclust.plotting._canvas import (
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

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOISE_COLOR = "0.6"


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

    Attributes
    ----------
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
    ) -> None:
        self.coordinates = coordinates
        self.labels = labels
        self.n_clusters = n_clusters
        self.misassigned = misassigned
        self.accuracy = accuracy
        self.indices = indices
        self.caption = caption

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
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> EmbeddingDisplay:
        """Embed samples, map them to the plane and draw them.

        Parameters
        ----------
        estimator : fitted clusterer, or pipeline that ends in one
            With `transform` and `predict`; the number of clusters is that of its
            `cluster_centers_`, or its parameter `n_clusters`, if it has them.
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
            If `method` is unknown, `n_points` below 1, or `y` not as long as `X`.
        """
        check_map(method, n_points)
        check_is_fitted(estimator)
        return cls.from_predictions(
            estimator.transform(X), estimator.predict(X), y,
            n_clusters=_number_of_clusters(estimator), method=method, n_points=n_points,
            random_state=random_state, ax=ax, **plot_options,
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
            If `method` is unknown, `n_points` below 1, labels are no integers from 0 (or -1), or
            lengths differ.
        """
        check_map(method, n_points)
        embedding = to_numpy(embedding)
        labels = _check_labels(labels, embedding, n_clusters)
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
            This display, with `points_`, `crosses_`, `noise_`, `ax_` and `figure_` set.
        """
        ax = new_axes((6.0, 5.4)) if ax is None else ax
        size = point_area(len(self.labels)) if point_size is None else point_size
        self._draw_points(ax, size, alpha)
        named = self.labels >= 0
        write_at_medians(ax, self.coordinates[named], self.labels[named])
        finish_map(ax, self.caption)
        self.ax_, self.figure_ = ax, ax.figure
        return self

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


def _number_of_clusters(estimator: Any) -> int | None:
    """Return the number of clusters of an estimator or of a pipeline's last step, or None."""
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    centers = getattr(last, "cluster_centers_", None)
    return getattr(last, "n_clusters", None) if centers is None else len(centers)


def _write_legend(ax: Axes, entries: dict[str, tuple[str, str]]) -> None:
    handles = [
        ax.scatter([], [], s=28, marker=marker, c=color, linewidths=1 if marker == "x" else 0)
        for marker, color in entries.values()
    ]
    ax.legend(
        handles, list(entries), loc="lower right", bbox_to_anchor=(1, 1), ncols=len(entries),
        frameon=False, fontsize="small", handletextpad=0.2, borderaxespad=0.1,
    )  # fmt: skip


def _check_labels(labels: Any, embedding: np.ndarray, n_clusters: int | None) -> np.ndarray:
    """Return the clusters as integers from 0, or -1 for noise."""
    labels = to_numpy(labels)
    check_consistent_length(embedding, labels)
    limit = np.inf if n_clusters is None else n_clusters
    if labels.dtype.kind not in "iu" or labels.min() < -1 or labels.max() >= limit:
        most = "" if n_clusters is None else f" and below n_clusters={n_clusters}"
        raise ValueError(
            f"labels must be integers from 0, or -1 for noise{most}, got {np.unique(labels)[:9]}: "
            "number them with np.unique(labels, return_inverse=True)[1]."
        )
    return labels


def _misassigned(y: Any, labels: np.ndarray) -> np.ndarray:
    """Tell which samples disagree with the best one-to-one match of labels and clusters."""
    from skdeepclust.metrics import match_labels

    y = to_numpy(y)
    check_consistent_length(y, labels)
    return np.asarray(match_labels(y, labels)) != y
