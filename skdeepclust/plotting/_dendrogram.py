"""A tree of clusters, and where it is cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.cluster.hierarchy import leaves_list
from sklearn.utils.validation import check_is_fitted

from skdeepclust._clusters.merging import clusters_at
from skdeepclust._inputs.counts import check_integer
from skdeepclust.plotting._shared.canvas import cluster_colors, new_axes, write_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NAMED = 60  # the sizes of more leaves cannot be read
MOST_FLAT = 8  # of more they stand upright
LEAF_WIDTH = 0.24  # inches


class DendrogramDisplay:
    """Tree of clusters: which are merged at which distance, and the level at which it is cut.

    Below the cut each cluster has its colour, the same as in other displays, and above it its
    number; each leaf says how many samples it has. Leaves stand as in SciPy's `dendrogram`.

    Build it with `from_estimator`; its attributes are the data of the figure.

    Parameters
    ----------
    children : ndarray of int of shape (n_leaves - 1, 2)
        What each merger joins, as in AgglomerativeClustering: numbers below `n_leaves` are leaves,
        others the result of the merger of that number less `n_leaves`.
    distances : ndarray of shape (n_leaves - 1,)
        Distance of each merger, rising.
    leaf_counts : ndarray of int of shape (n_leaves,)
        Number of samples of each leaf.
    n_clusters : int
        Number of clusters that the cut leaves.

    Attributes
    ----------
    leaves_ : ndarray of int of shape (n_leaves,)
        The leaf in each place, from left to right.
    lines_ : matplotlib LineCollection
        The mergers, in the order of `children`.
    cut_ : matplotlib Line2D
        The cut.
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` has drawn.

    See Also
    --------
    skdeepclust.meta.HierarchicalClusterer : Makes such a tree of any clusterer's clusters.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepclust.meta import HierarchicalClusterer
    >>> from skdeepclust.plotting import DendrogramDisplay
    >>> X, y = make_blobs(500, centers=4, random_state=3)
    >>> tree = HierarchicalClusterer(KMeans(12, random_state=0)).fit(X)
    >>> display = DendrogramDisplay.from_estimator(tree, ax=Figure().subplots())
    >>> display.n_clusters
    4
    >>> int(display.leaf_counts.sum())
    500
    """

    def __init__(
        self,
        *,
        children: np.ndarray,
        distances: np.ndarray,
        leaf_counts: np.ndarray,
        n_clusters: int,
    ) -> None:
        self.children = children
        self.distances = distances
        self.leaf_counts = leaf_counts
        self.n_clusters = n_clusters

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        n_clusters: int | None = None,
        ax: Axes | None = None,
        **plot_options: Any,
    ) -> DendrogramDisplay:
        """Draw the tree of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator or pipeline
            Whose last step has `children_` and `distances_`: a `HierarchicalClusterer`, or an
            AgglomerativeClustering with ``compute_distances=True``, whose leaves are samples.
        n_clusters : int, default=None
            Number of clusters that the cut leaves; None: as many as the estimator has found.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_options
            Passed to `plot`.

        Returns
        -------
        DendrogramDisplay
            The display.

        Raises
        ------
        TypeError
            If the estimator has no tree, or one without distances.
        ValueError
            If the tree has no such number of clusters.
        """
        check_is_fitted(estimator)
        last = estimator[-1] if hasattr(estimator, "steps") else estimator
        if not hasattr(last, "children_") or not hasattr(last, "distances_"):
            raise TypeError(
                f"estimator must have children_ and distances_, {last!r} hasn't: give a "
                "HierarchicalClusterer, or set compute_distances=True."
            )
        if n_clusters is not None:
            check_integer("n_clusters", n_clusters)
        n_leaves = len(last.children_) + 1
        found = last.n_clusters_ if n_clusters is None else n_clusters
        if not 1 <= found <= n_leaves:
            raise ValueError(
                f"n_clusters={found} must be between 1 and {n_leaves}, the leaves of the tree."
            )
        display = cls(
            children=np.asarray(last.children_),
            distances=np.asarray(last.distances_),
            leaf_counts=np.asarray(getattr(last, "leaf_counts_", np.ones(n_leaves, int))),
            n_clusters=int(found),
        )
        return display.plot(ax, **plot_options)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        names: Sequence[Any] | None = None,
        show_sizes: bool | None = None,
    ) -> DendrogramDisplay:
        """Draw the tree.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        names : sequence of shape (n_clusters,), default=None
            Names of the clusters, such as those of the classes that most of their samples are of;
            None: their numbers.
        show_sizes : bool, default=None
            Whether to write the number of samples below each leaf; None: of at most 60 leaves.

        Returns
        -------
        DendrogramDisplay
            This display, with `leaves_`, `lines_`, `cut_`, `ax_` and `figure_` set.

        Raises
        ------
        ValueError
            If there aren't as many names as clusters.
        """
        if names is not None and len(names) != self.n_clusters:
            raise ValueError(
                f"names must be one for each of the {self.n_clusters} clusters, got {len(names)}."
            )
        n_leaves = len(self.children) + 1
        self.leaves_ = self._order()
        places = self._places()  # (n_nodes, 2)
        clusters = clusters_at(self.children, self.n_clusters)
        height = self._cut_height()
        if ax is None:
            ax = new_axes((float(np.clip(LEAF_WIDTH * n_leaves, 3.6, 11.0)) + 1.2, 3.8))
        self._draw_mergers(ax, places, clusters)
        self._name_clusters(ax, places, clusters, names)
        self.cut_ = ax.axhline(height, color=_ink(), lw=1, ls="--", alpha=0.6)
        self._finish(ax, n_leaves <= MOST_NAMED if show_sizes is None else show_sizes)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _order(self) -> np.ndarray:
        """Return the leaves from left to right, as SciPy has them."""
        n_leaves = len(self.children) + 1
        if n_leaves == 1:
            return np.zeros(1, dtype=int)
        counts = np.ones(2 * n_leaves - 1)
        for number, pair in enumerate(self.children):
            counts[n_leaves + number] = counts[pair].sum()
        # not dendrogram, which calls itself once for each level of the tree
        return leaves_list(np.column_stack([self.children, self.distances, counts[n_leaves:]]))

    def _places(self) -> np.ndarray:
        """Return where each node stands: leaves at their place, mergers in the middle above."""
        n_leaves = len(self.children) + 1
        places = np.zeros((n_leaves + len(self.children), 2))
        places[self.leaves_, 0] = np.arange(n_leaves)
        for number, (pair, distance) in enumerate(
            zip(self.children, self.distances, strict=True), n_leaves
        ):
            places[number] = places[pair, 0].mean(), distance
        return places

    def _cut_height(self) -> float:
        """Return the distance in the middle between the last merger and the first left out."""
        n_done = len(self.children) + 1 - self.n_clusters
        if len(self.distances) == 0:
            return 0.5
        below = self.distances[n_done - 1] if n_done else 0.0
        above = self.distances[n_done] if n_done < len(self.distances) else 1.1 * below
        return float((below + above) / 2)

    def _draw_mergers(self, ax: Axes, places: np.ndarray, clusters: np.ndarray) -> None:
        from matplotlib.collections import LineCollection

        n_leaves, colors = len(clusters), cluster_colors(self.n_clusters)
        n_done = n_leaves - self.n_clusters
        of_node = np.append(clusters, np.zeros(len(self.children), dtype=int))
        segments, drawn = [], []
        for number, pair in enumerate(self.children):
            top = places[n_leaves + number, 1]
            (left, low), (right, other) = places[pair]
            segments.append([(left, low), (left, top), (right, top), (right, other)])
            of_node[n_leaves + number] = of_node[pair[0]]
            drawn.append(colors[of_node[pair[0]]] if number < n_done else _ink())
        self.lines_ = LineCollection(segments, colors=drawn, linewidths=1.6)
        ax.add_collection(self.lines_)

    def _name_clusters(
        self, ax: Axes, places: np.ndarray, clusters: np.ndarray, names: Sequence[Any] | None
    ) -> None:
        """Write the number of each cluster over the node that is all of it."""
        n_leaves, colors = len(clusters), cluster_colors(self.n_clusters)
        tops = np.zeros(self.n_clusters, dtype=int)
        tops[clusters] = np.arange(n_leaves)  # of a cluster of one leaf
        for number, pair in enumerate(self.children[: n_leaves - self.n_clusters]):
            first = pair[0]
            while first >= n_leaves:
                first = self.children[first - n_leaves][0]
            tops[clusters[first]] = n_leaves + number
        for cluster, (x, y) in enumerate(places[tops]):
            ax.annotate(
                str(cluster if names is None else names[cluster]), (x, y), xytext=(4, 3),
                textcoords="offset points", color=colors[cluster], fontweight="bold",
            )  # fmt: skip

    def _finish(self, ax: Axes, show_sizes: bool) -> None:
        n_leaves = len(self.leaves_)
        ax.set_xlim(-0.7, n_leaves - 0.3)
        highest = float(self.distances[-1]) if len(self.distances) else 0.0
        top = 1.12 * highest or 1.0
        ax.set_ylim(-0.015 * top, top)  # so that mergers at the distance 0 are seen
        ax.spines[["top", "right", "bottom"]].set_visible(False)
        ax.tick_params(axis="x", length=0)
        if show_sizes:
            sizes = [f"{count:,}" for count in self.leaf_counts[self.leaves_]]
            ax.set_xticks(np.arange(n_leaves), sizes, fontsize="small")
            ax.tick_params(axis="x", rotation=0 if n_leaves <= MOST_FLAT else 90)
            ax.set_xlabel("samples of each leaf")
        else:
            ax.set_xticks([])
            ax.set_xlabel(f"{n_leaves} leaves")
        ax.set_ylabel("distance")
        write_below(ax, f"cut into {self.n_clusters} of {n_leaves}")


def _ink() -> Any:
    from matplotlib import rcParams

    return rcParams["text.color"]
