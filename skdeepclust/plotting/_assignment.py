"""Which cluster has the samples of which class, as a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepclust.metrics import _check_labels, _match
from skdeepclust.plotting._shared.canvas import (
    color_of_text_on,
    draw_colorbar,
    ink_colormap,
    new_axes,
    to_numpy,
    write_below,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCALES = {
    None: "number of samples",
    "true": "share of the class",
    "pred": "share of the cluster",
    "all": "share of all samples",
}
MOST_WRITTEN = 16  # the values of more rows or columns cannot be read
MOST_NAMED = 50
CELL_WIDTH, LETTER_WIDTH = 0.46, 0.085  # inches


class AssignmentDisplay:
    r"""Confusion of classes and clusters, with matched clusters on the diagonal.

    Cell (j, k) has the number of samples of class j in cluster k. The order of the clusters is
    that of their partners in the best one-to-one matching of clusters to classes, by which
    :func:`~skdeepclust.metrics.clustering_accuracy_score` counts; matched cells are framed.
    Clusters without a partner stand to the right, those that have most samples of the first
    class first; classes without one stand below. Frames are left out where there are too many.

    Build it with `from_estimator` or `from_predictions`; its attributes are the data of the
    figure.

    Parameters
    ----------
    counts : ndarray of shape (n_classes, n_clusters)
        Number of samples of each class in each cluster.
    classes : ndarray of shape (n_classes,)
        Name of each class, from top to bottom.
    clusters : ndarray of shape (n_clusters,)
        Name of each cluster, from left to right.
    n_matched : int
        Number of pairs: of the first so many classes and clusters, those in the same place
        are partners.

    Attributes
    ----------
    accuracy : float
        Share of the samples that are in the cluster matched with their class.
    im_ : matplotlib AxesImage
        The matrix.
    text_ : ndarray of shape (n_classes, n_clusters) of matplotlib Text
        Value written in each cell; None if there are none.
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` has drawn.

    See Also
    --------
    skdeepclust.metrics.match_labels : Rename clusters to the classes they match best.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from skdeepclust.plotting import AssignmentDisplay
    >>> display = AssignmentDisplay.from_predictions(
    ...     ["cat", "cat", "dog", "dog", "dog"], [1, 1, 0, 0, 2], ax=Figure().subplots()
    ... )
    >>> display.clusters
    array([1, 0, 2])
    >>> display.counts
    array([[2, 0, 0],
           [0, 2, 1]])
    >>> display.accuracy
    0.8
    """

    def __init__(
        self, *, counts: np.ndarray, classes: np.ndarray, clusters: np.ndarray, n_matched: int
    ) -> None:
        self.counts = counts
        self.classes = classes
        self.clusters = clusters
        self.n_matched = n_matched

    @property
    def accuracy(self) -> float:
        return float(np.trace(self.counts[: self.n_matched]) / self.counts.sum())

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        normalize: Literal["true", "pred", "all"] | None = None,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> AssignmentDisplay:
        """Assign samples to clusters, match these with the classes and draw the matrix.

        Parameters
        ----------
        estimator : fitted clusterer or pipeline
            With `predict`.
        X : array-like of shape (n_samples, ...)
            Samples, as for `estimator.predict`.
        y : array-like of shape (n_samples,)
            Class of each sample.
        normalize : {"true", "pred", "all"}, default=None
            Show shares of the class (rows), of the cluster (columns), or of all samples; None
            shows numbers of samples.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        AssignmentDisplay
            The display.

        Raises
        ------
        TypeError
            If the estimator has no `predict`.
        ValueError
            If `y` is not as long as `X`, or `normalize` is unknown.
        """
        _check_normalize(normalize)
        check_is_fitted(estimator)
        if not hasattr(estimator, "predict"):
            raise TypeError(
                f"estimator must have predict, {estimator!r} has none: give from_predictions its "
                "labels_."
            )
        labels = estimator.predict(X)
        return cls.from_predictions(y, labels, normalize=normalize, ax=ax, **plot_options)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        labels: Any,
        *,
        normalize: Literal["true", "pred", "all"] | None = None,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> AssignmentDisplay:
        """Match clusters with classes and draw the matrix.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Class of each sample.
        labels : array-like of shape (n_samples,)
            Cluster of each sample, such as `labels_`; also of an algorithm that has no
            `predict`.
        normalize : {"true", "pred", "all"}, default=None
            Show shares of the class (rows), of the cluster (columns), or of all samples; None
            shows numbers of samples.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        AssignmentDisplay
            The display.

        Raises
        ------
        ValueError
            If the two do not have the same length, or no sample, or `normalize` is unknown.
        """
        _check_normalize(normalize)
        true, pred = _check_labels(to_numpy(y_true, "y_true"), to_numpy(labels, "labels"))
        classes, clusters = np.unique(true), np.unique(pred)
        table, class_, cluster = _match(true, pred)
        counts = table.toarray()
        n_matched = len(class_)
        class_ = np.append(class_, np.setdiff1d(np.arange(len(classes)), class_))
        alone = np.setdiff1d(np.arange(len(clusters)), cluster)
        own = counts[np.ix_(class_, alone)]  # (n_classes, n_alone)
        main = own.argmax(axis=0)
        cluster = np.append(cluster, alone[np.lexsort((-own.max(axis=0), main))])
        display = cls(
            counts=counts[np.ix_(class_, cluster)],
            classes=classes[class_],
            clusters=clusters[cluster],
            n_matched=n_matched,
        )
        return display.plot(ax, normalize=normalize, **plot_options)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        normalize: Literal["true", "pred", "all"] | None = None,
        include_values: bool | None = None,
        cmap: Any = None,
        colorbar: bool = True,
    ) -> AssignmentDisplay:
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        normalize : {"true", "pred", "all"}, default=None
            Show shares of the class (rows), of the cluster (columns), or of all samples; None
            shows numbers of samples.
        include_values : bool, default=None
            Whether to write the values into their cells, but for zeros; None: if there are at
            most 16 classes and clusters.
        cmap : str or Colormap, default=None
            Colour map; None goes from the background over blue to the colour of the text.
        colorbar : bool, default=True
            Whether to draw the scale of the colours.

        Returns
        -------
        AssignmentDisplay
            This display, with `im_`, `text_`, `ax_` and `figure_` set.

        Raises
        ------
        ValueError
            If `normalize` is unknown.
        """
        _check_normalize(normalize)
        shown = self._shown(normalize)
        n_classes, n_clusters = shown.shape
        ratio = max(shown.shape) / min(shown.shape)
        if ax is None:
            sides = np.clip(CELL_WIDTH * np.array([n_clusters, n_classes]), 1.6, 7.0)
            ax = new_axes((float(sides[0]) + 2.2, float(sides[1]) + 1.1))
        self.im_ = ax.imshow(
            shown, cmap=ink_colormap(ax) if cmap is None else cmap, vmin=0,
            vmax=shown.max() or 1, aspect="equal" if ratio <= 2 else "auto",
            interpolation="nearest",
        )  # fmt: skip
        self.text_ = None
        if max(shown.shape) <= MOST_WRITTEN if include_values is None else include_values:
            self.text_ = self._write_values(ax, shown, as_share=normalize is not None)
        self._name_rows_and_columns(ax)
        self._frame_matches(ax)
        if colorbar:
            self._draw_colorbar(ax, normalize)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _shown(self, normalize: str | None) -> np.ndarray:
        """Return the values of the cells."""
        if normalize is None:
            return self.counts
        axis = {"true": 1, "pred": 0, "all": None}[normalize]
        return self.counts / np.maximum(self.counts.sum(axis=axis, keepdims=True), 1)

    def _write_values(self, ax: Axes, shown: np.ndarray, *, as_share: bool) -> np.ndarray:
        texts = np.empty(shown.shape, dtype=object)
        for (row, column), value in np.ndenumerate(shown):
            written = _write_share(value) if as_share else f"{value:,}"
            texts[row, column] = ax.text(
                column, row, written if value else "", ha="center", va="center", fontsize="small",
                color=color_of_text_on(self.im_.to_rgba(value)),
            )  # fmt: skip
        return texts

    def _name_rows_and_columns(self, ax: Axes) -> None:
        ax.set(xlabel="cluster", ylabel="class")
        ax.tick_params(length=0)
        for axis, names, plural in (
            (ax.xaxis, self.clusters, "clusters"),
            (ax.yaxis, self.classes, "classes"),
        ):
            if len(names) > MOST_NAMED:
                axis.set_ticks([])
                axis.set_label_text(f"{len(names)} {plural}")
            else:
                size = "medium" if len(names) <= MOST_WRITTEN else "x-small"
                axis.set_ticks(np.arange(len(names)), list(map(str, names)), fontsize=size)
        if max(len(str(name)) for name in self.clusters) * LETTER_WIDTH > CELL_WIDTH:
            ax.tick_params(axis="x", rotation=90)
        n_alone = len(self.clusters) - self.n_matched
        alone = f"; {n_alone} without a partner" if n_alone else ""
        write_below(ax, f"accuracy {self.accuracy:.1%}, of the pairs on the diagonal{alone}")

    def _frame_matches(self, ax: Axes) -> None:
        """Frame the matched cells, and set apart what has no partner."""
        from matplotlib import rcParams
        from matplotlib.collections import PatchCollection
        from matplotlib.patches import Rectangle
        from matplotlib.patheffects import withStroke

        color, n_matched = rcParams["text.color"], self.n_matched
        n_framed = n_matched if max(self.counts.shape) <= MOST_NAMED else 0
        frames = [Rectangle((i - 0.5, i - 0.5), 1, 1) for i in range(n_framed)]
        halo = withStroke(linewidth=2.4, foreground=ax.get_facecolor())  # for dark cells
        style = {"facecolor": "none", "edgecolor": color, "path_effects": [halo]}
        ax.add_collection(PatchCollection(frames, lw=0.9, **style), autolim=False)
        if n_matched < len(self.clusters):
            ax.axvline(n_matched - 0.5, color=color, lw=0.8, ls=":")
        if n_matched < len(self.classes):
            ax.axhline(n_matched - 0.5, color=color, lw=0.8, ls=":")

    def _draw_colorbar(self, ax: Axes, normalize: str | None) -> None:
        from matplotlib.ticker import MaxNLocator, PercentFormatter

        ticks = MaxNLocator(5, integer=normalize is None)
        decimals = 0 if self.im_.get_clim()[1] > 0.05 else None
        options = {} if normalize is None else {"format": PercentFormatter(1, decimals)}
        draw_colorbar(ax, self.im_, SCALES[normalize], ticks=ticks, **options)


def _write_share(value: float) -> str:
    """Write a share so that none is 0 % or 100 % that is not."""
    if 0 < value < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= value < 1 else f"{value:.0%}"


def _check_normalize(normalize: Any) -> None:
    if normalize not in SCALES:
        raise ValueError(f'normalize must be "true", "pred", "all" or None, got {normalize!r}.')
