"""One map of the embedding, coloured by several labellings side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from skdeepclust.plotting._shared.canvas import (
    check_map,
    draw_points,
    draw_rows,
    finish_map,
    map_to_plane,
    new_panels,
    point_area,
    point_style,
    to_numpy,
    write_at_medians,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class LabelledEmbeddingDisplay:
    """Maps of the embedding side by side, the same points coloured by one labelling in each.

    It shows whether classes that were hidden behind a coarse label lie apart all the same.
    Build it with `from_estimator`; its attributes are the data of the figure.

    Parameters
    ----------
    coordinates : ndarray of shape (n, 2)
        Position of each sample on the map.
    labels : dict of str to ndarray of shape (n,)
        Labellings of the samples on the map, under the titles of their panels.
    indices : ndarray of shape (n,), default=None
        Rows of `X` on the map.
    caption : str, default=""
        How the map was made.

    Attributes
    ----------
    points_ : dict of str to list of matplotlib PathCollection
        The points of each panel, a collection for each ten labels.
    axes_ : ndarray of matplotlib Axes
        The panels in which `plot` has drawn, one for each labelling.
    figure_ : matplotlib Figure
        Their figure.

    References
    ----------
    Anonymous (2018). Forced Apart: Discovering Disentangled Representations Without Exhaustive
    Labels. Under review at ICLR. Fig. 5.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepclust.plotting import LabelledEmbeddingDisplay
    >>> display = LabelledEmbeddingDisplay(
    ...     coordinates=np.eye(3, 2),
    ...     labels={"pet": np.array([0, 0, 1]), "kind": np.array(["cat", "dog", "oak"])},
    ... )
    >>> list(display.labels)
    ['pet', 'kind']
    """

    def __init__(
        self,
        *,
        coordinates: np.ndarray,
        labels: Mapping[str, np.ndarray],
        indices: np.ndarray | None = None,
        caption: str = "",
    ) -> None:
        self.coordinates = coordinates
        self.labels = labels
        self.indices = indices
        self.caption = caption

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        labels: Mapping[str, Any],
        *,
        method: Literal["pca", "tsne"] = "pca",
        n_points: int = 5000,
        random_state: int | np.random.RandomState | None = 0,
        axes: Any = None,
        **plot_options: Any,
    ) -> LabelledEmbeddingDisplay:
        """Embed samples, map them to the plane and draw them once for each labelling.

        Parameters
        ----------
        estimator : fitted estimator
            With `transform`.
        X : array-like of shape (n_samples, ...)
            Samples, as for `estimator.transform`.
        labels : dict of str to array-like of shape (n_samples,)
            Labellings, under the titles of their panels, such as
            ``{"coarse label": y, "hidden class": y_fine}``.
        method : {"pca", "tsne"}, default="pca"
            Linear map of largest variance, or t-SNE, which shows neighbourhoods: neither
            distances between clusters nor their sizes mean anything there.
        n_points : int, default=5000
            Number of samples on the map, drawn at random if there are more.
        random_state : int, RandomState or None, default=0
            Seed of that draw and of t-SNE.
        axes : sequence of matplotlib Axes, default=None
            Where to draw, one for each labelling; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        LabelledEmbeddingDisplay
            The display.

        Raises
        ------
        TypeError
            If `labels` is not a dict.
        ValueError
            If `method` is unknown, `n_points` below 1, there is no labelling or one that is
            not as long as `X`, or `axes` does not have one for each.
        """
        check_map(method, n_points)
        if not isinstance(labels, Mapping):
            given = type(labels).__name__
            raise TypeError(f'labels must be a dict such as {{"hidden class": y}}, got {given}.')
        if not labels:
            raise ValueError("labels is empty: give at least one labelling under its title.")
        _check_panels(axes, len(labels))
        embedding = to_numpy(estimator.transform(X))
        columns = {str(title): column_or_1d(to_numpy(y, title)) for title, y in labels.items()}
        check_consistent_length(embedding, *columns.values())
        rows = draw_rows(len(embedding), n_points, random_state)
        coordinates, caption = map_to_plane(embedding[rows], method, random_state)
        display = cls(
            coordinates=coordinates,
            labels={title: column[rows] for title, column in columns.items()},
            indices=rows,
            caption=caption,
        )
        return display.plot(axes, **plot_options)

    def plot(
        self,
        axes: Any = None,
        *,
        point_size: float | None = None,
        alpha: float = 0.75,
        legend: bool | None = None,
    ) -> LabelledEmbeddingDisplay:
        """Draw the maps.

        Parameters
        ----------
        axes : sequence of matplotlib Axes, default=None
            Where to draw, one for each labelling; None makes a new figure.
        point_size : float, default=None
            Area of a point in square points; None adapts it to the number of samples.
        alpha : float, default=0.75
            Opacity of the points.
        legend : bool, default=None
            Whether to name the labels in a legend, otherwise at the medians of their points;
            None: in a legend if there are at most two, or up to twenty that would cover each
            other at the medians.

        Returns
        -------
        LabelledEmbeddingDisplay
            This display, with `points_`, `axes_` and `figure_` set.
        """
        n_panels = len(self.labels)
        axes = _check_panels(axes, n_panels)
        if axes is None:
            axes = new_panels(n_panels, (4.6 * n_panels, 4.6))
        size = point_area(len(self.coordinates)) if point_size is None else point_size
        self.points_ = {}
        for ax, (title, labels) in zip(axes, self.labels.items(), strict=True):
            classes, index = np.unique(labels, return_inverse=True)
            self.points_[title] = draw_points(ax, self.coordinates, index, size, alpha)
            if self._needs_legend(labels) if legend is None else legend:
                _name_colors(ax, classes)
            else:
                write_at_medians(ax, self.coordinates, labels)
            ax.set_title(title)
            finish_map(ax, self.caption if ax is axes[0] else "")
        self.axes_, self.figure_ = axes, axes[0].figure
        return self

    def _needs_legend(self, labels: np.ndarray) -> bool:
        """Tell whether names at the medians would mean little or cover each other."""
        classes = np.unique(labels)
        if not 2 < len(classes) <= 20:
            return len(classes) <= 2
        medians = np.array([np.median(self.coordinates[labels == c], axis=0) for c in classes])
        extent = max(float(np.ptp(self.coordinates, axis=0).max()), np.finfo(np.float32).tiny)
        # shares of a panel of 4.6 inches that a letter takes
        width = 0.03 * max(len(str(label)) for label in classes)
        near = np.abs(medians[:, None] - medians) < np.array([width, 0.05]) * extent
        return bool(near.all(axis=2).sum() > len(classes))


def _check_panels(axes: Any, n_panels: int) -> np.ndarray | None:
    """Return the axes as (n_panels,), or None where a figure is to be made."""
    if axes is None:
        return None
    panels = np.ravel(np.asarray(axes, dtype=object))
    if len(panels) != n_panels:
        raise ValueError(
            f"axes must hold one for each labelling, got {len(panels)} for {n_panels}: "
            f"make them with plt.subplots(1, {n_panels})."
        )
    return panels


def _name_colors(ax: Axes, classes: np.ndarray) -> None:
    handles = [
        ax.scatter([], [], s=28, c=style["color"], marker=style["marker"], linewidths=0)
        for style in map(point_style, range(len(classes)))
    ]
    ax.legend(
        handles, [str(label) for label in classes], loc="upper left", bbox_to_anchor=(1, 1),
        frameon=False, fontsize="small", handletextpad=0.2, borderaxespad=0.1,
    )  # fmt: skip
