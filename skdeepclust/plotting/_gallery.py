"""Clusters as rows of images: the decoded centre and the members nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skdeepclust.plotting._canvas import (
    ImagePainter,
    cluster_colors,
    new_axes,
    strip_axes,
    take_rows,
    to_numpy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 0.08  # between images, in heights of an image
CENTER_GAP = 0.5  # between the centre and the first member
OTHER_LABEL_COLOR = "#d1410c"  # dark enough for white letters on it


class ClusterGalleryDisplay:
    """One row for each cluster: its decoded centre, then the members nearest to it.

    Build it with `from_estimator`; its attributes are the data of the figure.

    Parameters
    ----------
    centers : ndarray of shape (n_clusters, C, H, W)
        Decoded centres.
    members : list of n_clusters ndarrays of shape (n_shown, C, H, W)
        Images of the members shown, nearest first.
    member_indices : list of n_clusters ndarrays of shape (n_shown,)
        Their rows in `X`.
    cluster_sizes : ndarray of shape (n_clusters,)
        Number of all members.
    member_labels : list of n_clusters ndarrays of shape (n_shown,), default=None
        True labels of the members shown.
    majority_labels : list, default=None
        Most frequent true label among all members; None for an empty cluster.
    majority_shares : ndarray of shape (n_clusters,), default=None
        Share of that label among all members.

    Attributes
    ----------
    ims_ : list of n_clusters lists of matplotlib AxesImage
        The images in each row, the centre first.
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` has drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepclust.plotting import ClusterGalleryDisplay
    >>> display = ClusterGalleryDisplay(
    ...     centers=np.zeros((1, 1, 8, 8)),
    ...     members=[np.zeros((3, 1, 8, 8))],
    ...     member_indices=[np.array([4, 0, 7])],
    ...     cluster_sizes=np.array([12]),
    ... )
    >>> display.member_indices
    [array([4, 0, 7])]
    """

    def __init__(
        self,
        *,
        centers: np.ndarray,
        members: Sequence[np.ndarray],
        member_indices: Sequence[np.ndarray],
        cluster_sizes: np.ndarray,
        member_labels: Sequence[np.ndarray] | None = None,
        majority_labels: Sequence[Any] | None = None,
        majority_shares: np.ndarray | None = None,
    ) -> None:
        self.centers = centers
        self.members = members
        self.member_indices = member_indices
        self.cluster_sizes = cluster_sizes
        self.member_labels = member_labels
        self.majority_labels = majority_labels
        self.majority_shares = majority_shares

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        n_members: int = 10,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> ClusterGalleryDisplay:
        """Find the members nearest to each centre and draw them.

        Nearest is the member with the highest membership probability, of those that agree to
        six decimals (where single precision saturates) the one closest to the centre in the
        embedding.

        Parameters
        ----------
        estimator : fitted clusterer of images
            With `predict`, `predict_proba`, `transform`, `inverse_transform`,
            `cluster_centers_` and `image_shape_`.
        X : array-like of shape (n_samples, ...)
            Images, as for `estimator.predict`.
        y : array-like of shape (n_samples,), default=None
            True labels; the majority's is written beside each row, members with another one
            are framed and carry theirs.
        n_members : int, default=10
            Largest number of members shown in a row.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        ClusterGalleryDisplay
            The display.

        Raises
        ------
        ValueError
            If the estimator was not fitted on images, `n_members` is below 1, or `y` is not as
            long as `X`.
        """
        if n_members < 1:
            raise ValueError(f"n_members must be at least 1, got {n_members!r}.")
        check_is_fitted(estimator)
        shape = getattr(estimator, "image_shape_", None)
        if shape is None:
            raise ValueError(
                "estimator was not fitted on images (it has no image_shape_): "
                "fit it on images or set its image_shape."
            )
        centers = to_numpy(estimator.cluster_centers_)
        labels = to_numpy(estimator.predict(X))
        nearest = _nearest_members(
            labels,
            to_numpy(estimator.predict_proba(X)),
            to_numpy(estimator.transform(X)),
            centers,
            n_members,
        )
        truth = {} if y is None else _majorities(to_numpy(y), labels, nearest)
        decoded = to_numpy(estimator.inverse_transform(estimator.cluster_centers_))
        display = cls(
            centers=decoded.reshape(-1, *shape),
            members=[take_rows(X, rows).reshape(-1, *shape) for rows in nearest],
            member_indices=nearest,
            cluster_sizes=np.bincount(labels, minlength=len(centers)),
            **truth,
        )
        return display.plot(ax, **plot_options)

    def plot(self, ax: Axes | None = None, *, cmap: str | None = None) -> ClusterGalleryDisplay:
        """Draw the gallery.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        cmap : str, default=None
            Colour map of images with one channel. None takes "gray_r", ink on paper, for
            images whose background is dark, else "gray".

        Returns
        -------
        ClusterGalleryDisplay
            This display, with `ims_`, `ax_` and `figure_` set.
        """
        n_clusters, _, height, width = self.centers.shape
        aspect = width / height
        n_columns = max((len(images) for images in self.members), default=0)
        first = aspect + CENTER_GAP  # left edge of the first member
        right = first + n_columns * (aspect + GAP) - GAP
        if ax is None:
            names = [len(str(label)) for label in self.majority_labels or ()]
            beside = 1.7 + 0.2 * max(names, default=0)  # for the texts to the left and right
            ax = new_axes((0.55 * (right + beside), 0.55 * (n_clusters * (1 + GAP) + 0.9)))
        show = ImagePainter(ax, self.members, cmap)
        colors = cluster_colors(n_clusters)
        self.ims_ = []
        for row in range(n_clusters):
            top = row * (1 + GAP)
            self.ims_.append([show(self.centers[row], 0, top)])
            ax.plot([-0.14] * 2, [top, top + 1], color=colors[row], lw=3, solid_capstyle="butt")
            for column, image in enumerate(self.members[row]):
                left = first + column * (aspect + GAP)
                self.ims_[row].append(show(image, left, top))
                self._mark_other_label(ax, row, column, (left, top, aspect))
        self._write_titles(ax, aspect, first, right)
        shown = zip(self.member_labels or (), self.majority_labels or (), strict=True)
        if any(np.any(labels != majority) for labels, majority in shown):
            note = "framed: another label than the majority's"
            ax.set_xlabel(note, fontsize="small", color=OTHER_LABEL_COLOR)
        strip_axes(ax)
        ax.set(
            xlim=(-0.3, right + 0.05),
            ylim=(n_clusters * (1 + GAP) - GAP / 2, -0.05),
            aspect="equal",
        )
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _mark_other_label(
        self, ax: Axes, row: int, column: int, place: tuple[float, float, float]
    ) -> None:
        """Frame a member that differs from the majority and write its label on it."""
        from matplotlib.patches import Rectangle

        if self.member_labels is None or self.majority_labels is None:
            return
        label = self.member_labels[row][column]
        if label == self.majority_labels[row]:
            return
        left, top, width = place
        ax.add_patch(
            Rectangle((left, top), width, 1, fill=False, ec=OTHER_LABEL_COLOR, lw=1.6, zorder=3)
        )
        text = str(label) if len(str(label)) <= 3 else "\N{MULTIPLICATION SIGN}"
        ax.text(
            left + width, top + 1, text, ha="right", va="bottom", zorder=4, color="white",
            fontsize="x-small", fontweight="bold",
            bbox={"boxstyle": "square,pad=0.15", "fc": OTHER_LABEL_COLOR, "ec": "none"},
        )  # fmt: skip

    def _write_titles(self, ax: Axes, aspect: float, first: float, right: float) -> None:
        grey = {"fontsize": "small", "alpha": 0.6}
        members = "nearest members" if right - first > 2.5 else "nearest"
        measure = "size" if self.majority_labels is None else "majority"
        for x, side, text in [
            (-0.3, "right", "cluster"),
            (aspect / 2, "center", "centre"),
            (first, "left", members),
            (right + 0.3, "left", measure),
        ]:
            ax.text(x, -0.14, text, ha=side, va="baseline", **grey)
        for row in range(len(self.centers)):
            base = row * (1 + GAP) + 0.6  # of letters in the middle of the row
            ax.text(-0.3, base, str(row), ha="right", fontweight="bold")
            label, share = self._row_title(row)
            if not label:
                ax.text(right + 0.3, base, share, **grey)
                continue
            name = ax.text(right + 0.3, base, label, fontweight="bold")
            ax.annotate(
                share, (1, base), xycoords=(name, "data"), xytext=(6, 0),
                textcoords="offset points", **grey,
            )  # fmt: skip

    def _row_title(self, row: int) -> tuple[str, str]:
        if self.cluster_sizes[row] == 0:
            return "", "empty"
        if self.majority_labels is None or self.majority_shares is None:
            return "", f"{self.cluster_sizes[row]:,}"
        return str(self.majority_labels[row]), f"{self.majority_shares[row]:.0%}"


def _nearest_members(
    labels: np.ndarray,
    probabilities: np.ndarray,
    embedding: np.ndarray,
    centers: np.ndarray,
    n_members: int,
) -> list[np.ndarray]:
    """Find the rows of each cluster's nearest members, nearest first."""
    nearest = []
    for cluster, center in enumerate(centers):
        rows = np.flatnonzero(labels == cluster)
        probability = np.round(probabilities[rows, cluster].astype(np.float64), 6)
        distance = np.linalg.norm(embedding[rows] - center, axis=1)
        nearest.append(rows[np.lexsort((distance, -probability))[:n_members]])
    return nearest


def _majorities(y: np.ndarray, labels: np.ndarray, nearest: Sequence[np.ndarray]) -> dict[str, Any]:
    """Find the majority label of each cluster and the labels of the members shown."""
    check_consistent_length(y, labels)
    majority: list[Any] = []
    shares = np.zeros(len(nearest))
    for cluster in range(len(nearest)):
        values, counts = np.unique(y[labels == cluster], return_counts=True)
        majority.append(values[counts.argmax()] if len(values) else None)
        shares[cluster] = counts.max() / counts.sum() if len(values) else 0.0
    return {
        "member_labels": [y[rows] for rows in nearest],
        "majority_labels": majority,
        "majority_shares": shares,
    }
