"""Clusters as rows of images: the decoded centre and the members nearest to it."""

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
    to_numpy,
)
from skdeepclust.plotting._shared.pictures import picture_taker
from skdeepclust.plotting._shared.selection import (
    Answers,
    ask,
    check_cluster_labels,
    count_samples,
    majorities,
    members_near_centers,
    members_near_means,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 0.08  # between images, in heights of an image
CENTER_GAP = 0.5  # between the centre and the first member
NOISE_GAP = 0.5  # below the last row, for what is told of noise
OTHER_LABEL_COLOR = "#d1410c"  # dark enough for white letters on it


class ClusterGalleryDisplay:
    """One row for each cluster: its decoded centre, then the members nearest to it.

    Build it with `from_estimator` or `from_predictions`; its attributes are the data of the figure.

    Parameters
    ----------
    centers : ndarray of shape (n_clusters, C, H, W) or None
        Decoded centres; None: there are none, and the members are originals, which are shown as
        they are.
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
    n_noise : int, default=0
        Number of samples that belong to no cluster, and aren't shown.

    Attributes
    ----------
    ims_ : list of n_clusters lists of matplotlib AxesImage
        The images in each row, the centre first if there is one.
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
        centers: np.ndarray | None,
        members: Sequence[np.ndarray],
        member_indices: Sequence[np.ndarray],
        cluster_sizes: np.ndarray,
        member_labels: Sequence[np.ndarray] | None = None,
        majority_labels: Sequence[Any] | None = None,
        majority_shares: np.ndarray | None = None,
        n_noise: int = 0,
    ) -> None:
        self.centers = centers
        self.members = members
        self.member_indices = member_indices
        self.cluster_sizes = cluster_sizes
        self.member_labels = member_labels
        self.majority_labels = majority_labels
        self.majority_shares = majority_shares
        self.n_noise = n_noise

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        images: Any = None,
        n_members: int = 10,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> ClusterGalleryDisplay:
        """Find the members nearest to each centre and draw them.

        Nearest is the member with the highest membership probability, of those that agree to
        six decimals (where single precision saturates) the one closest to the centre in the
        embedding. With `images`, the centre is the mean of the members in what `transform`
        returns or, without that, in X (of a pipeline: in what its last step gets), and without
        `predict_proba` the distance alone decides.

        Parameters
        ----------
        estimator : fitted clusterer of images, or any other with `images`
            With `predict`, `predict_proba`, `transform`, `inverse_transform`,
            `cluster_centers_` and `image_shape_`. With `images`, `predict` is enough, also of a
            pipeline; those without it, such as DBSCAN, have `from_predictions`.
        X : array-like of shape (n_samples, ...)
            Images, or with `images` anything, as for `estimator.predict`.
        y : array-like of shape (n_samples,), default=None
            True labels; the majority's is written beside each row, members with another one
            are framed and carry theirs.
        images : array-like or list, default=None
            What the samples look like, where X holds something else, such as features of a
            network: floats or bytes of shape (n_samples, C, H, W), (n_samples, H, W) or
            (n_samples, H, W, C) with one or three channels, or a list of such images or of PIL
            images. Those of a list may differ in size if Pillow is there: they are then scaled
            and cut to one. Rows then have no decoded centre.
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
            If the estimator was not fitted on images and `images` is None, `n_members` is below
            1, `y` or `images` is not as long as `X`, or it isn't told where images have their
            channels.
        TypeError
            If `images` holds something else, or the estimator has no `predict`.
        """
        check_count("n_members", n_members)
        check_is_fitted(estimator)
        if images is not None:
            picture_taker(images, count_samples(X))  # before a network is run
            labels, probabilities, embedding, n_clusters = ask(estimator, X)
            return cls.from_predictions(
                embedding, labels, y, images=images, probabilities=probabilities,
                n_clusters=n_clusters, n_members=n_members, ax=ax, **plot_options,
            )  # fmt: skip
        shape = getattr(estimator, "image_shape_", None)
        if shape is None:
            raise ValueError(
                "estimator was not fitted on images (it has no image_shape_): "
                "fit it on images, set its image_shape, or give images=, what the samples look "
                "like."
            )
        centers = to_numpy(estimator.cluster_centers_)
        labels = to_numpy(estimator.predict(X))
        probabilities = to_numpy(estimator.predict_proba(X))
        embedding = to_numpy(estimator.transform(X))
        nearest = members_near_centers(labels, probabilities, embedding, centers, n_members)
        truth = {} if y is None else majorities(to_numpy(y, "y"), labels, nearest)
        decoded = to_numpy(estimator.inverse_transform(estimator.cluster_centers_))
        display = cls(
            centers=decoded.reshape(-1, *shape),
            members=[take_rows(X, rows).reshape(-1, *shape) for rows in nearest],
            member_indices=nearest,
            cluster_sizes=np.bincount(labels, minlength=len(centers)),
            **truth,
        )
        return display.plot(ax, **plot_options)

    @classmethod
    def from_predictions(
        cls,
        embedding: Any,
        labels: Any,
        y_true: Any = None,
        *,
        images: Any,
        probabilities: Any = None,
        n_clusters: int | None = None,
        n_members: int = 10,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> ClusterGalleryDisplay:
        """Draw originals of the members of any clustering, those nearest to their mean first.

        Parameters
        ----------
        embedding : array-like of shape (n_samples, ...)
            What the clusters live in: features, or as from `transform`.
        labels : array-like of int of shape (n_samples,)
            Cluster of each sample, from 0; -1 is noise, as of DBSCAN, which has no row.
        y_true : array-like of shape (n_samples,), default=None
            True labels; the majority's is written beside each row, members with another one
            are framed and carry theirs.
        images : array-like or list
            What the samples look like, as for `from_estimator`.
        probabilities : array-like of shape (n_samples, n_clusters), default=None
            Membership probabilities: the highest ones are shown first, and nearness decides
            where they agree to six decimals. None: nearness alone decides.
        n_clusters : int, default=None
            Number of clusters; None is the number of columns of `probabilities`, or one more
            than the largest label.
        n_members : int, default=10
            Largest number of members shown in a row.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        ClusterGalleryDisplay
            The display; its `centers` are None.

        Raises
        ------
        ValueError
            If `n_members` is below 1, labels are no integers from 0 (or -1) or all noise,
            lengths differ, or it isn't told where images have their channels.
        TypeError
            If `images` holds something else.
        """
        check_count("n_members", n_members)
        take = picture_taker(images, count_samples(embedding))
        answers, n_clusters = _checked_answers(embedding, labels, probabilities, n_clusters)
        labels = answers.labels
        nearest = members_near_means(answers, n_clusters, n_members)
        truth = {} if y_true is None else majorities(to_numpy(y_true, "y_true"), labels, nearest)
        ends = np.cumsum([len(rows) for rows in nearest])[:-1]
        display = cls(
            centers=None,
            members=np.split(take(np.concatenate(nearest)), ends),
            member_indices=nearest,
            cluster_sizes=np.bincount(labels[labels >= 0], minlength=n_clusters),
            n_noise=int((labels < 0).sum()),
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
            images whose background is dark, else, and for originals, "gray".

        Returns
        -------
        ClusterGalleryDisplay
            This display, with `ims_`, `ax_` and `figure_` set.
        """
        shown = self.members[0] if self.centers is None else self.centers
        n_clusters, aspect = len(self.members), shown.shape[-1] / shown.shape[-2]
        n_columns = max((len(images) for images in self.members), default=0)
        # left edge of the first member
        first = 0.0 if self.centers is None else aspect + CENTER_GAP
        right = first + n_columns * (aspect + GAP) - GAP
        if ax is None:
            names = [len(str(label)) for label in self.majority_labels or ()]
            beside = 1.7 + 0.2 * max(names, default=0)  # for the texts to the left and right
            ax = new_axes((0.55 * (right + beside), 0.55 * (n_clusters * (1 + GAP) + 0.9)))
        show = ImagePainter(ax, self.members, cmap, originals=self.centers is None)
        colors = cluster_colors(n_clusters)
        self.ims_ = []
        for row in range(n_clusters):
            top = row * (1 + GAP)
            self.ims_.append([] if self.centers is None else [show(self.centers[row], 0, top)])
            ax.plot([-0.14] * 2, [top, top + 1], color=colors[row], lw=3, solid_capstyle="butt")
            for column, image in enumerate(self.members[row]):
                left = first + column * (aspect + GAP)
                self.ims_[row].append(show(image, left, top))
                self._mark_other_label(ax, row, column, (left, top, aspect))
        self._write_titles(ax, aspect, first, right)
        framed = zip(self.member_labels or (), self.majority_labels or (), strict=True)
        if any(np.any(labels != majority) for labels, majority in framed):
            note = "framed: another label than the majority's"
            ax.set_xlabel(note, fontsize="small", color=OTHER_LABEL_COLOR)
        strip_axes(ax)
        bottom = n_clusters * (1 + GAP) - GAP / 2
        if self.n_noise:
            note = f"noise: {self.n_noise:,}, not shown"
            ax.text(first, bottom + 0.4, note, fontsize="small", alpha=0.6)
            bottom += NOISE_GAP
        ax.set(xlim=(-0.3, right + 0.05), ylim=(bottom, -0.05), aspect="equal")
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
            (aspect / 2, "center", "" if self.centers is None else "centre"),
            (first, "left", members),
            (right + 0.3, "left", measure),
        ]:
            ax.text(x, -0.14, text, ha=side, va="baseline", **grey)
        for row in range(len(self.members)):
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


def _checked_answers(
    embedding: Any, labels: Any, probabilities: Any, n_clusters: int | None
) -> tuple[Answers, int]:
    """Return what is said of samples, and the number of clusters, if it fits together."""
    if probabilities is not None:
        probabilities = to_numpy(probabilities, "probabilities")
        n_clusters = probabilities.shape[-1] if n_clusters is None else n_clusters
    labels = check_cluster_labels(labels, n_clusters)
    n_samples = count_samples(embedding)
    if labels.shape != (n_samples,):
        raise ValueError(
            f"labels must have one cluster for each of the {n_samples} samples, got labels of "
            f"shape {labels.shape}."
        )
    largest = int(labels.max(initial=-1))
    n_clusters = largest + 1 if n_clusters is None else n_clusters
    if largest < 0:
        raise ValueError("labels are all -1, noise: there is no cluster to show.")
    if probabilities is not None and probabilities.shape != (n_samples, n_clusters):
        raise ValueError(
            f"probabilities must be of shape {(n_samples, n_clusters)}, a column for each "
            f"cluster, got {probabilities.shape}."
        )
    return Answers(labels, probabilities, embedding, n_clusters), n_clusters
