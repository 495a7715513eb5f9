"""Clusters of a layer as rows of images: the exemplars, with the box that the layer sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepclust._inputs.counts import check_count
from skdeepclust.plotting._shared.canvas import (
    ImagePainter,
    cluster_colors,
    new_axes,
    strip_axes,
    take_rows,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 0.08  # between images, in heights of an image


class ExemplarDisplay:
    """One row for each cluster of a layer: the samples, or parts of them, nearest to its centre.

    Build it with `from_estimator`; its attributes are the data of the figure.

    Parameters
    ----------
    images : list of ndarrays of shape (n_shown, C, H, W)
        Images of the exemplars of each cluster, nearest first.
    clusters : ndarray of shape (n_clusters,)
        Index of each cluster.
    cluster_sizes : ndarray of shape (n_clusters,)
        Number of its members: samples, positions or channels.
    boxes : list of ndarrays of shape (n_shown, 4), default=None
        Receptive field of each exemplar: top, left, bottom, right in pixels, the last two
        exclusive; None: the whole image.
    title : str, default=None
        What is shown.

    Attributes
    ----------
    ims_ : list of n_clusters lists of matplotlib AxesImage
        The images in each row.
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` has drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepclust.plotting import ExemplarDisplay
    >>> display = ExemplarDisplay(
    ...     images=[np.zeros((3, 1, 8, 8))],
    ...     clusters=np.array([4]),
    ...     cluster_sizes=np.array([12]),
    ...     boxes=[np.array([[0, 0, 5, 5]] * 3)],
    ... )
    >>> display.clusters
    array([4])
    """

    def __init__(
        self,
        *,
        images: Sequence[np.ndarray],
        clusters: np.ndarray,
        cluster_sizes: np.ndarray,
        boxes: Sequence[np.ndarray] | None = None,
        title: str | None = None,
    ) -> None:
        self.images = images
        self.clusters = clusters
        self.cluster_sizes = cluster_sizes
        self.boxes = boxes
        self.title = title

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        layer: str,
        *,
        clusters: Sequence[int] | None = None,
        clustering: str | None = None,
        n_exemplars: int = 10,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> ExemplarDisplay:
        """Find the exemplars of a layer's clusters and draw them.

        Parameters
        ----------
        estimator : fitted estimator of images with a clustering regulariser
            With `regularizer_` and `image_shape_`, such as
            :class:`~skdeepclust.ParsimoniousClassifier`.
        X : array-like of shape (n_samples, ...)
            Images, as for `estimator.predict`.
        layer : str
            Name of a regularised layer.
        clusters : sequence of int, default=None
            Clusters to show; None: the eight largest ones.
        clustering : {"sample", "spatial", "channel"}, default=None
            Which clustering of a co-clustered layer; None: the only one.
        n_exemplars : int, default=10
            Largest number of exemplars shown in a row.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        ExemplarDisplay
            The display.

        Raises
        ------
        ValueError
            If the estimator was not fitted on images, or has no clustering regulariser.
        """
        check_count("n_exemplars", n_exemplars)
        check_is_fitted(estimator)
        shape = getattr(estimator, "image_shape_", None)
        regularizer = getattr(estimator, "regularizer_", None)
        if shape is None or regularizer is None:
            raise ValueError(
                f"{type(estimator).__name__} was not fitted on images, or without a clustering "
                "regulariser: fit it on images (or set image_shape) with lam > 0."
            )
        labels = regularizer.assign(X, layer, clustering=clustering)
        sizes = np.bincount(labels.ravel())
        shown = np.argsort(-sizes, kind="stable")[:8] if clusters is None else np.asarray(clusters)
        found = [
            regularizer.exemplars(X, layer, k, clustering=clustering, n_exemplars=n_exemplars)
            for k in shown.tolist()
        ]
        display = cls(
            images=[take_rows(X, each.samples).reshape(-1, *shape) for each in found],
            clusters=shown,
            cluster_sizes=np.array([sizes[k] if k < len(sizes) else 0 for k in shown]),
            boxes=None if found[0].boxes is None else [each.boxes for each in found],
            title=f"exemplars of {layer}",
        )
        return display.plot(ax, **plot_options)

    def plot(self, ax: Axes | None = None, *, cmap: str | None = None) -> ExemplarDisplay:
        """Draw the exemplars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        cmap : str, default=None
            Colour map of images with one channel. None takes "gray_r", ink on paper, for
            images whose background is dark, else "gray".

        Returns
        -------
        ExemplarDisplay
            This display, with `ims_`, `ax_` and `figure_` set.
        """
        height, width = self.images[0].shape[-2:]
        aspect, n_rows = width / height, len(self.images)
        n_columns = max(map(len, self.images))
        right = n_columns * (aspect + GAP) - GAP
        if ax is None:
            ax = new_axes((0.55 * (right + 2.4), 0.55 * (n_rows * (1 + GAP) + 0.9)))
        show = ImagePainter(ax, self.images, cmap)
        colors = cluster_colors(n_rows)
        self.ims_ = [[] for _ in self.images]
        for row, images in enumerate(self.images):
            top = row * (1 + GAP)
            ax.text(-0.15, top + 0.6, str(self.clusters[row]), ha="right", fontweight="bold")
            size = f"{self.cluster_sizes[row]:,}"
            ax.text(right + 0.2, top + 0.6, size, fontsize="small", alpha=0.6)
            for column, image in enumerate(images):
                left = column * (aspect + GAP)
                self.ims_[row].append(show(image, left, top))
                if self.boxes is not None:
                    self._draw_box(ax, self.boxes[row][column] / height, left, top, colors[row])
        for x, side, text in [
            (-0.15, "right", "cluster"),
            (0, "left", self.title or "exemplars"),
            (right + 0.2, "left", "size"),
        ]:
            ax.text(x, -0.14, text, ha=side, va="baseline", fontsize="small", alpha=0.6)
        strip_axes(ax)
        bottom = n_rows * (1 + GAP) - GAP / 2
        ax.set(xlim=(-0.6, right + 0.1), ylim=(bottom, -0.05), aspect="equal")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @staticmethod
    def _draw_box(ax: Axes, box: np.ndarray, left: float, top: float, color: Any) -> None:
        """Frame what the layer sees; `box` is in heights of the image."""
        from matplotlib.patches import Rectangle

        box_top, box_left, box_bottom, box_right = box
        corner = (left + box_left, top + box_top)
        sides = (box_right - box_left, box_bottom - box_top)
        ax.add_patch(Rectangle(corner, *sides, fill=False, ec=color, lw=1.8, zorder=3))
