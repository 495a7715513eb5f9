"""Figures of explanations: centres less their nearest ones, members for and against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepclust._inputs.counts import checked_shape
from skdeepclust.explain._answers import is_table, row_taker
from skdeepclust.explain._centers import contrast_centers
from skdeepclust.explain._members import nearest_members
from skdeepclust.meta._base import indexed
from skdeepclust.plotting._shared.canvas import (
    ImagePainter,
    cluster_colors,
    draw_colorbar,
    new_axes,
    strip_axes,
)
from skdeepclust.plotting._shared.pictures import picture_taker

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 0.08  # between images, in heights of an image
WIDE_GAP = 0.5  # between what belongs together
CLUSTER_WIDTH = 0.7  # of the numbers on the left


class CenterContrastDisplay:
    """One row for each cluster: its centre, the nearest other centre, and their difference.

    Build it with `from_estimator`; its attributes are the data of the figure.

    Parameters
    ----------
    clusters : ndarray of int of shape (n_clusters,)
        Number of each cluster.
    nearest : ndarray of int of shape (n_clusters,)
        Number of the cluster whose centre is nearest.
    centers : ndarray of shape (n_clusters, C, H, W)
        Centres as images.
    differences : ndarray of shape (n_clusters, C, H, W)
        Each centre minus the nearest other one.
    is_decoded : bool, default=False
        Whether centres are decoded; if not, they are means.

    Attributes
    ----------
    ims_ : list of n_clusters lists of matplotlib AxesImage
        Centre, nearest centre and difference in each row.
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` has drawn.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_digits
    >>> from skdeepclust.explain import CenterContrastDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> kmeans = KMeans(10, random_state=0).fit(X)
    >>> display = CenterContrastDisplay.from_estimator(
    ...     kmeans, X, image_shape=(8, 8), ax=Figure().subplots()
    ... )
    >>> display.differences.shape
    (10, 1, 8, 8)
    """

    def __init__(
        self,
        *,
        clusters: np.ndarray,
        nearest: np.ndarray,
        centers: np.ndarray,
        differences: np.ndarray,
        is_decoded: bool = False,
    ) -> None:
        self.clusters = clusters
        self.nearest = nearest
        self.centers = centers
        self.differences = differences
        self.is_decoded = is_decoded

    @classmethod
    def from_estimator(
        cls,
        clusterer: Any,
        X: Any,
        *,
        images: Any = None,
        image_shape: Sequence[int] | None = None,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> CenterContrastDisplay:
        """Find centres and their differences by `contrast_centers`, and draw them.

        Parameters
        ----------
        clusterer : fitted clusterer, or pipeline that ends in one
            As for `contrast_centers`.
        X : array-like of shape (n_samples, ...)
            Samples, as for `clusterer.predict`.
        images : array-like or list, default=None
            What the samples look like, where X holds something else.
        image_shape : (H, W) or (C, H, W), default=None
            Shape of a sample of X; None takes the clusterer's `image_shape_`, or that of X.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        CenterContrastDisplay
            The display.

        Raises
        ------
        ValueError
            If the shape of an image is unknown or has another number of values than a sample.
        """
        found = contrast_centers(clusterer, X, images=images)
        shape = shape_of_images(clusterer, found.centers.shape[1:], image_shape)
        display = cls(
            clusters=found.clusters,
            nearest=found.nearest,
            centers=found.centers.reshape(-1, *shape),
            differences=found.differences.reshape(-1, *shape),
            is_decoded=found.is_decoded,
        )
        return display.plot(ax, **plot_options)

    def plot(self, ax: Axes | None = None, *, cmap: Any = "RdBu_r") -> CenterContrastDisplay:
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        cmap : str or Colormap, default="RdBu_r"
            Colour map of the differences, with 0 in its middle. Those of colours are shown by the
            mean of the channels.

        Returns
        -------
        CenterContrastDisplay
            This display, with `ims_`, `ax_` and `figure_` set.
        """
        n_clusters, aspect = len(self.centers), self.centers.shape[-1] / self.centers.shape[-2]
        left = np.arange(3) * (aspect + WIDE_GAP)
        right = left[2] + aspect
        if ax is None:
            ax = new_axes((0.55 * (right + 3.4), 0.55 * (n_clusters * (1 + GAP) + 0.9)))
        show = ImagePainter(ax, [self.centers], None)
        largest = float(np.abs(self.differences.mean(axis=1)).max()) or 1.0
        row_of = {int(cluster): row for row, cluster in enumerate(self.clusters)}
        self.ims_ = []
        for row, other in enumerate(map(int, self.nearest)):
            top = row * (1 + GAP)
            difference = ax.imshow(
                self.differences[row].mean(axis=0), cmap=cmap, vmin=-largest, vmax=largest,
                extent=(left[2], right, top + 1, top), interpolation="nearest",
            )  # fmt: skip
            drawn = [show(self.centers[row], left[0], top)]
            drawn += [show(self.centers[row_of[other]], left[1], top), difference]
            self.ims_.append(drawn)
            write_cluster(ax, int(self.clusters[row]), top)
            ax.text(right + 0.15, top + 0.6, f"\N{MINUS SIGN} {other}", fontsize="small", alpha=0.6)
        what = "centre" if self.is_decoded else "mean"
        for x, text in zip(left + aspect / 2, (what, "nearest", "difference"), strict=True):
            write_title(ax, text, x, "center")
        strip_axes(ax)
        bottom = n_clusters * (1 + GAP) - GAP / 2
        ax.set(xlim=(-CLUSTER_WIDTH, right + 0.6), ylim=(bottom, -0.4), aspect="equal")
        draw_colorbar(ax, self.ims_[-1][2], "difference", shrink=0.6)
        self.ax_, self.figure_ = ax, ax.figure
        return self


class NearestMembersDisplay:
    """One row for each sample: members of its own cluster, and of the nearest other one.

    Build it with `from_estimator`; its attributes are the data of the figure.

    Parameters
    ----------
    samples : ndarray of shape (n_samples, C, H, W)
        Images of the samples.
    labels, other_labels : ndarray of int of shape (n_samples,)
        Cluster of each, and the nearest other one; -1 is none.
    members, other_members : list of n_samples ndarrays of shape (n_shown, C, H, W)
        Images of the nearest members, nearest first.

    Attributes
    ----------
    ims_ : list of n_samples lists of matplotlib AxesImage
        The images in each row, the sample first.
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` has drawn.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_digits
    >>> from skdeepclust.explain import NearestMembersDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> kmeans = KMeans(10, random_state=0).fit(X[10:])
    >>> display = NearestMembersDisplay.from_estimator(
    ...     kmeans, X[10:], X[:3], image_shape=(8, 8), ax=Figure().subplots()
    ... )
    >>> display.members[0].shape
    (5, 1, 8, 8)
    """

    def __init__(
        self,
        *,
        samples: np.ndarray,
        labels: np.ndarray,
        other_labels: np.ndarray,
        members: Sequence[np.ndarray],
        other_members: Sequence[np.ndarray],
    ) -> None:
        self.samples = samples
        self.labels = labels
        self.other_labels = other_labels
        self.members = members
        self.other_members = other_members

    @classmethod
    def from_estimator(
        cls,
        clusterer: Any,
        X: Any,
        samples: Any,
        *,
        n_members: int = 5,
        images: Any = None,
        sample_images: Any = None,
        image_shape: Sequence[int] | None = None,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> NearestMembersDisplay:
        """Find members for and against by `nearest_members`, and draw them.

        Parameters
        ----------
        clusterer : fitted clusterer, or pipeline that ends in one
            As for `nearest_members`.
        X : array-like of shape (n_known, ...)
            Samples among which members are looked for.
        samples : array-like of shape (n_samples, ...)
            Samples to explain, a row each.
        n_members : int, default=5
            Number of members of each of the two clusters.
        images, sample_images : array-like or list, default=None
            What X and the samples look like, where they hold something else; both or none.
        image_shape : (H, W) or (C, H, W), default=None
            Shape of a sample of X; None takes the clusterer's `image_shape_`, or that of X.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        NearestMembersDisplay
            The display.

        Raises
        ------
        ValueError
            If one of `images` and `sample_images` is missing, or not as long as its samples, or the
            shape of an image is unknown.
        """
        if (images is None) != (sample_images is None):
            raise ValueError("images and sample_images belong together: give both, or neither.")
        take = image_taker(clusterer, X, images, image_shape)
        take_sample = image_taker(clusterer, samples, sample_images, image_shape)
        found = nearest_members(clusterer, X, samples, n_members=n_members)
        display = cls(
            samples=take_sample(np.arange(len(found.labels))),
            labels=found.labels,
            other_labels=found.other_labels,
            members=[take(rows[rows >= 0]) for rows in found.members],
            other_members=[take(rows[rows >= 0]) for rows in found.other_members],
        )
        return display.plot(ax, **plot_options)

    def plot(self, ax: Axes | None = None, *, cmap: str | None = None) -> NearestMembersDisplay:
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        cmap : str, default=None
            Colour map of images with one channel. None takes "gray_r", ink on paper, for images
            whose background is dark, else "gray".

        Returns
        -------
        NearestMembersDisplay
            This display, with `ims_`, `ax_` and `figure_` set.
        """
        n_samples, aspect = len(self.samples), self.samples.shape[-1] / self.samples.shape[-2]
        n_own, n_other = (max(map(len, each)) for each in (self.members, self.other_members))
        first = aspect + WIDE_GAP + CLUSTER_WIDTH
        second = first + n_own * (aspect + GAP) + WIDE_GAP + CLUSTER_WIDTH
        right = second + n_other * (aspect + GAP)
        if ax is None:
            ax = new_axes((0.55 * (right + 0.6), 0.55 * (n_samples * (1 + GAP) + 0.9)))
        show = ImagePainter(ax, [self.samples, *self.members, *self.other_members], cmap)
        self.ims_ = []
        for row in range(n_samples):
            top = row * (1 + GAP)
            drawn = [show(self.samples[row], 0.0, top)]
            for left, label, images in (
                (first, self.labels[row], self.members[row]),
                (second, self.other_labels[row], self.other_members[row]),
            ):
                write_cluster(ax, int(label), top, left)
                steps = left + np.arange(len(images)) * (aspect + GAP)
                drawn += [show(each, x, top) for each, x in zip(images, steps, strict=True)]
            self.ims_.append(drawn)
        for x, text in ((0.0, "sample"), (first, "for its cluster"), (second, "for the other")):
            write_title(ax, text, x, "left")
        strip_axes(ax)
        bottom = n_samples * (1 + GAP) - GAP / 2
        ax.set(xlim=(-0.1, right), ylim=(bottom, -0.4), aspect="equal")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def write_cluster(ax: Axes, cluster: int, top: float, left: float = 0.0) -> None:
    """Write the number of a cluster to the left of a row, beside a bar in its colour."""
    if cluster < 0:
        ax.text(left - 0.3, top + 0.6, "\N{EN DASH}", ha="right")
        return
    color = cluster_colors(cluster + 1)[cluster]
    ax.plot([left - 0.14] * 2, [top, top + 1], color=color, lw=3, solid_capstyle="butt")
    ax.text(left - 0.3, top + 0.6, str(cluster), ha="right", fontweight="bold")


def write_title(ax: Axes, text: str, x: float, side: str) -> None:
    ax.text(x, -0.14, text, ha=side, va="baseline", fontsize="small", alpha=0.6)


def image_taker(clusterer: Any, X: Any, images: Any, image_shape: Sequence[int] | None) -> Any:
    """Return a function that gives the images of some rows, (n_rows, C, H, W)."""
    if images is not None:
        return picture_taker(images, indexed(X)[2])
    if not is_table(X):
        raise TypeError("X holds no images: give images, what the samples look like.")
    take = row_taker(X)
    shape = shape_of_images(clusterer, take(np.arange(1)).shape[1:], image_shape)
    return lambda rows: take(rows).reshape(len(rows), *shape)


def shape_of_images(
    clusterer: Any, sample_shape: Sequence[int], given: Sequence[int] | None
) -> tuple[int, ...]:
    """Return the shape of an image as (C, H, W)."""
    own = getattr(clusterer, "image_shape_", None)
    shape = own if given is None else checked_shape("image_shape", given)
    if shape is None and len(sample_shape) in (2, 3):
        shape = tuple(sample_shape)
    if shape is None:
        raise ValueError(
            f"image_shape must be given: {type(clusterer).__name__} has no image_shape_, and "
            f"samples have the shape {tuple(sample_shape)}. Or give images."
        )
    if len(shape) not in (2, 3) or np.prod(shape) != np.prod(sample_shape):
        raise ValueError(
            f"image_shape must be (H, W) or (C, H, W) with {int(np.prod(sample_shape))} values, "
            f"those of a sample, got {shape}."
        )
    return (1, *shape) if len(shape) == 2 else tuple(shape)
