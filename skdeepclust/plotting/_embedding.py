"""The embedding as a map in two dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skdeepclust.plotting._canvas import (
    check_map,
    cluster_colors,
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


class EmbeddingDisplay:
    """Map of the embedding, coloured by cluster.

    Build it with `from_estimator`; its attributes are the data of the figure.

    Parameters
    ----------
    coordinates : ndarray of shape (n, 2)
        Position of each sample on the map.
    labels : ndarray of shape (n,)
        Cluster of each sample, 0 to ``n_clusters - 1``.
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
        estimator : fitted clusterer
            With `transform`, `predict` and `cluster_centers_`.
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
        embedding = to_numpy(estimator.transform(X))
        labels = to_numpy(estimator.predict(X))
        wrong = None if y is None else _misassigned(y, labels)
        rows = draw_rows(len(labels), n_points, random_state)
        coordinates, caption = map_to_plane(embedding[rows], method, random_state)
        display = cls(
            coordinates=coordinates,
            labels=labels[rows],
            n_clusters=len(estimator.cluster_centers_),
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
            This display, with `ax_` and `figure_` set.
        """
        ax = new_axes((6.0, 5.4)) if ax is None else ax
        size = point_area(len(self.labels)) if point_size is None else point_size
        self._draw_points(ax, size, alpha)
        write_at_medians(ax, self.coordinates, self.labels)
        finish_map(ax, self.caption)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_points(self, ax: Axes, size: float, alpha: float) -> None:
        """Draw dots, and crosses in the colour of the cluster for misassigned samples."""
        from matplotlib import rcParams
        from matplotlib.colors import to_rgba_array

        colors = to_rgba_array(cluster_colors(self.n_clusters))[self.labels]
        wrong = np.zeros(len(self.labels), bool) if self.misassigned is None else self.misassigned
        # in random order no cluster covers the others
        order = np.random.default_rng(0).permutation(len(self.labels))
        dots, crosses = order[~wrong[order]], order[wrong[order]]
        ax.scatter(
            *self.coordinates[dots].T,
            s=size, c=colors[dots], alpha=alpha, linewidths=0, rasterized=True,
        )  # fmt: skip
        if self.misassigned is None:
            return
        ax.scatter(
            *self.coordinates[crosses].T,
            s=1.2 * size, c=colors[crosses], marker="x", linewidths=1, rasterized=True,
        )  # fmt: skip
        share = "" if self.accuracy is None else f" ({1 - self.accuracy:.1%})"
        handle = ax.scatter([], [], s=28, c=rcParams["text.color"], marker="x", linewidths=1)
        ax.legend(
            [handle], [f"misassigned{share}"], loc="lower right", bbox_to_anchor=(1, 1),
            frameon=False, fontsize="small", handletextpad=0.2, borderaxespad=0.1,
        )  # fmt: skip


def _misassigned(y: Any, labels: np.ndarray) -> np.ndarray:
    """Tell which samples disagree with the best one-to-one match of labels and clusters."""
    from skdeepclust.metrics import match_labels

    y = to_numpy(y)
    check_consistent_length(y, labels)
    return np.asarray(match_labels(y, labels)) != y
