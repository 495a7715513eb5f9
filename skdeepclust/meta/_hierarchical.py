"""Too many clusters, merged along the graph of neighbours: how many there are, at which level."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.neighbors import kneighbors_graph
from sklearn.utils.validation import check_is_fitted

from skdeepclust._clusters.merging import clusters_at, mergers, share_beyond_chance
from skdeepclust._compat import Interval, StrOptions, fit_context
from skdeepclust._engine.global_settings import plain_arrays
from skdeepclust._engine.whole_fits import all_or_nothing
from skdeepclust._inputs.counts import check_integer
from skdeepclust.meta._base import BaseMetaClusterer, Embedding, centers_of


class HierarchicalClusterer(BaseMetaClusterer):
    r"""A clusterer with too many clusters, which are merged to a tree of clusters.

    Between the clusters of `estimator` lie edges of the graph of nearest neighbours in its
    embedding. With :math:`P_{ab}` the share of edges between a and b, and :math:`p_a` that of the
    ends in a, those two are merged, again and again, for which

    .. math:: \frac{P_{ab} - p_a p_b}{\min(p_a, p_b)}

    is largest: the share of the smaller one's edges that lead into the other, beyond chance. A
    merger of n clusters to n - 1 takes :math:`2 (p_a p_b - P_{ab})` from the modularity. Its
    distance is that, in units of what n clusters of equal size without an edge between them would
    lose,

    .. math:: d = n^2 (p_a p_b - P_{ab}),

    and never less than 0 or than an earlier one: near 0 where one cluster was cut in two, near 1
    between clusters that have no edges in common. The number of clusters, if it isn't given, is
    where merging begins to cost: that before the merger with the largest rise of the distance.

    Parameters
    ----------
    estimator : estimator
        Clusterer with `fit` and `predict`, or a pipeline that ends in one, set to more clusters
        than there may be: twice or three times as many. A copy of it is fitted.
    n_clusters : int or "auto", default="auto"
        Number of clusters of `labels_` and `predict`; all others are to be had from the same fit.
    n_neighbors : int, default=10
        Number of neighbours of each sample in the graph.
    embedding : {"auto", "input", "transform"} or callable, default="auto"
        Where neighbours are searched for. "auto" is `estimator.transform(X)`, for a pipeline that
        of its last step. A last step without `transform`, such as GaussianMixture, or whose
        `transform` gives distances to centres, such as KMeans, has no embedding of its own: what
        enters it is taken, X itself if it stands alone. "input" is always what enters the last
        step, "transform" always `estimator.transform(X)`; a function is called with the fitted
        estimator and X.
    random_state : int, RandomState instance or None, default=None
        Sets each `random_state` of `estimator`. None leaves those as they are.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clusterer.
    n_clusters_ : int
        Number of clusters of `labels_`, at least 2 if it was found.
    labels_ : ndarray of int of shape (n_samples,)
        Cluster of each training sample.
    n_leaves_ : int
        Number of clusters of `estimator_` that have samples, the leaves of the tree.
    leaves_ : ndarray of int of shape (n_leaves,)
        Which of its clusters these are.
    leaf_counts_ : ndarray of int of shape (n_leaves,)
        Their numbers of training samples.
    children_ : ndarray of int of shape (n_leaves - 1, 2)
        What each merger joins, as in AgglomerativeClustering: numbers below `n_leaves_` are
        leaves, others the result of the merger of that number less `n_leaves_`.
    distances_ : ndarray of shape (n_leaves - 1,)
        Distance of each merger, at least 0, rising.
    n_features_in_ : int
        Number of features, if `estimator` counts them.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    sklearn.cluster.AgglomerativeClustering : A tree whose leaves are the samples.
    skdeepclust.plotting.DendrogramDisplay : Draws the tree.

    Notes
    -----
    Beside the fit, the cost is that of one search for neighbours of all samples.

    References
    ----------
    M. Newman, M. Girvan (2004). Finding and evaluating community structure in networks. Physical
    Review E 69. Eq. 5, the modularity.

    A. Clauset, M. Newman, C. Moore (2004). Finding community structure in very large networks.
    Physical Review E 70. The tree of mergers.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepclust.meta import HierarchicalClusterer
    >>> X, y = make_blobs(500, centers=4, random_state=3)
    >>> tree = HierarchicalClusterer(KMeans(12, random_state=0)).fit(X)
    >>> tree.n_clusters_
    4
    >>> [len(set(tree.labels_at(n_clusters).tolist())) for n_clusters in (2, 6, 12)]
    [2, 6, 12]
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseMetaClusterer._parameter_constraints,
        "n_clusters": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    }

    n_clusters_: int
    n_leaves_: int
    leaves_: np.ndarray
    leaf_counts_: np.ndarray
    children_: np.ndarray
    distances_: np.ndarray

    def __init__(
        self,
        estimator: Any,
        *,
        n_clusters: int | str = "auto",
        n_neighbors: int = 10,
        embedding: str | Callable[[Any, Any], Any] = "auto",
        random_state: int | np.random.RandomState | None = None,
    ):
        self.estimator = estimator
        self.n_clusters = n_clusters
        self.n_neighbors = n_neighbors
        self.embedding = embedding
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    @all_or_nothing
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit the clusterer, and merge its clusters.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Training samples, in any form that `estimator` takes.
        y : array-like of shape (n_samples,), default=None
            What `estimator` takes as y.
        **params : dict
            Metadata for the `fit` of `estimator`, such as `sample_weight`.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        embedding = self._fit_inside(X, y, self._metadata(params), self._seed())
        self.leaves_, labels, self.leaf_counts_ = np.unique(
            self._clusters(self.estimator_, X), return_inverse=True, return_counts=True
        )
        self.n_leaves_ = len(self.leaves_)
        self._centers = centers_of(embedding, labels)
        self.children_, self.distances_ = tree_of(self._edges(embedding, labels))
        self.n_clusters_ = self._chosen()
        self._leaf_labels = labels
        self.labels_ = self.labels_at(self.n_clusters_)
        return self

    def _edges(self, embedding: Embedding, labels: np.ndarray) -> np.ndarray:
        """Return how many edges of neighbours lie between leaves, in both directions."""
        if self.n_leaves_ == 1:
            return np.ones((1, 1))
        with plain_arrays():
            n_neighbors = min(self.n_neighbors, len(labels) - 1)
            graph = kneighbors_graph(embedding, n_neighbors).tocoo()
        weight = np.zeros((self.n_leaves_, self.n_leaves_))
        np.add.at(weight, (labels[graph.row], labels[graph.col]), 1)
        return weight + weight.T

    def _chosen(self) -> int:
        if self.n_clusters != "auto":
            return self._possible(int(self.n_clusters))
        if self.n_leaves_ == 1:
            return 1
        return self.n_leaves_ - int(np.diff(self.distances_, prepend=0).argmax())

    def _possible(self, n_clusters: int) -> int:
        """Refuse a number of clusters that the tree doesn't have."""
        check_integer("n_clusters", n_clusters)
        if not 1 <= n_clusters <= self.n_leaves_:
            raise ValueError(
                f"n_clusters={n_clusters} should be between 1 and {self.n_leaves_}, the number of "
                "clusters of estimator that have samples. For more, give estimator more clusters."
            )
        return n_clusters

    def labels_at(self, n_clusters: int) -> np.ndarray:
        """Return the clusters of the training samples at a level of the tree.

        Parameters
        ----------
        n_clusters : int
            Number of clusters, between 1 and `n_leaves_`.

        Returns
        -------
        labels : ndarray of int of shape (n_samples,)
            Index of the cluster of each sample.
        """
        check_is_fitted(self)
        return clusters_at(self.children_, self._possible(n_clusters))[self._leaf_labels]

    def predict(self, X: Any, n_clusters: int | None = None) -> np.ndarray:
        """Return the cluster of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `estimator` takes.
        n_clusters : int, default=None
            Number of clusters, between 1 and `n_leaves_`; None for `n_clusters_`.

        Returns
        -------
        labels : ndarray of int of shape (n_samples,)
            Index of the cluster.
        """
        check_is_fitted(self)
        level = self.n_clusters_ if n_clusters is None else self._possible(n_clusters)
        return clusters_at(self.children_, level)[self._places(X, self.leaves_, self._centers)]


def tree_of(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mergers of a graph of clusters, and their distances.

    Parameters
    ----------
    weight : ndarray of shape (n_leaves, n_leaves)
        Weight of the edges between clusters, symmetric.

    Returns
    -------
    children : ndarray of int of shape (n_leaves - 1, 2)
        Nodes that each merger joins, the smaller number first.
    distances : ndarray of shape (n_leaves - 1,)
        Rising.
    """
    nodes, children, distances = list(range(len(weight))), [], []
    for kept, gone, between in mergers(weight, share_beyond_chance):
        P = between / between.sum()
        size = P.sum(1)
        distances.append(len(P) ** 2 * (size[kept] * size[gone] - P[kept, gone]))
        children.append(sorted((nodes[kept], nodes[gone])))
        nodes[kept] = len(weight) + len(children) - 1
        del nodes[gone]
    rising = np.maximum.accumulate(np.maximum(distances, 0)) if distances else np.zeros(0)
    return np.array(children, dtype=np.intp).reshape(-1, 2), rising
