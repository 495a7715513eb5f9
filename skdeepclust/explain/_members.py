"""Which members speak for the cluster of a sample, and which for another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from skdeepclust._engine.global_settings import plain_arrays
from skdeepclust._inputs.counts import check_count
from skdeepclust.explain._answers import Clustering, ask
from skdeepclust.meta._base import Embedding, like_known


@dataclass(frozen=True)
class NearestMembers:
    """The members of its own cluster nearest to each sample, and those of another one.

    :func:`~skdeepclust.explain.nearest_members` makes it. Where a cluster has fewer members, rows
    are filled up with -1 and distances with infinity.

    Parameters
    ----------
    labels : ndarray of int of shape (n_samples,)
        Cluster of each sample; -1 if it is refused: then no member speaks for it.
    members : ndarray of int of shape (n_samples, n_members)
        Rows in X of the nearest members of this cluster, nearest first.
    distances : ndarray of shape (n_samples, n_members)
        Their distances in the embedding.
    other_labels : ndarray of int of shape (n_samples,)
        The nearest other cluster; -1 if there is none.
    other_members : ndarray of int of shape (n_samples, n_members)
        Rows in X of its nearest members.
    other_distances : ndarray of shape (n_samples, n_members)
        Their distances.
    """

    labels: np.ndarray
    members: np.ndarray
    distances: np.ndarray
    other_labels: np.ndarray
    other_members: np.ndarray
    other_distances: np.ndarray

    @property
    def margin(self) -> np.ndarray:
        """Return how clear it is: 1 - (mean distance to members) / (that to other ones), (n,).

        It is near 1 for samples amid their cluster, near 0 for those between two, and below 0 if
        the other members are nearer.
        """
        own, other = _mean(self.distances), _mean(self.other_distances)
        with np.errstate(all="ignore"):
            found = 1 - own / other
        return np.where(own == other, 0.0, found)


def nearest_members(
    clusterer: Any, X: Any, samples: Any = None, *, n_members: int = 5
) -> NearestMembers:
    r"""Find the members for and against: of a sample's own cluster, and of the nearest other one.

    Distances are Euclidean, in the embedding. The nearest other cluster is the one whose
    `n_members` nearest members are the nearest in the mean; with one member it is that of the
    nearest unlike neighbour.

    Parameters
    ----------
    clusterer : fitted clusterer
        With `predict`, or `labels_` for the X of its fit; or a pipeline that ends in one. The
        embedding is what its `transform` returns. A last step that has none, such as
        GaussianMixture, or whose `transform` gives distances to centres, such as KMeans, clusters
        what enters it, and that is taken.
    X : {array-like, sparse matrix, tensor} of shape (n_known, ...)
        Samples among which members are looked for, such as those of the fit.
    samples : {array-like, sparse matrix, tensor} of shape (n_samples, ...), default=None
        Samples to explain, in any form that `clusterer.predict` takes. None explains those of X;
        none of them is its own neighbour, then.
    n_members : int, default=5
        Number of members of each of the two clusters.

    Returns
    -------
    NearestMembers
        Rows of X, and their distances.

    Raises
    ------
    TypeError
        If the clusterer has no `predict` and is asked about new samples.
    ValueError
        If `n_members` is below 1.

    References
    ----------
    B. Dasarathy (1995). Nearest unlike neighbor (NUN): an aid to decision confidence estimation.
    Optical Engineering 34.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from skdeepclust.explain import nearest_members
    >>> X = [[0.0], [1.0], [4.0], [5.0]]
    >>> kmeans = KMeans(2, random_state=0).fit(X)
    >>> found = nearest_members(kmeans, X, [[1.5]], n_members=1)
    >>> found.members, found.other_members
    (array([[1]]), array([[2]]))
    """
    check_count("n_members", n_members)
    if samples is not None and not hasattr(clusterer, "predict"):
        raise TypeError(
            f"{type(clusterer).__name__} has no predict, and so no cluster for new samples: leave "
            "out samples, or take a clusterer that has one."
        )
    known = ask(clusterer, X)
    asked = known if samples is None else ask(clusterer, samples)
    return members_between(known, asked, n_members, are_same=samples is None)


def members_between(
    known: Clustering, asked: Clustering, n_members: int, *, are_same: bool
) -> NearestMembers:
    """Search each cluster for members near to samples."""
    labels, n_samples = asked.labels, len(asked.labels)
    rows = np.full((2, n_samples, n_members), -1)  # for, against
    distances = np.full((2, n_samples, n_members), np.inf)
    other = np.full(n_samples, -1)
    for cluster in known.clusters.tolist():
        own = np.flatnonzero(known.labels == cluster)
        near, far = _search(known.embedding, own, asked.embedding, n_members, are_same)
        is_own = labels == cluster
        rows[0, is_own], distances[0, is_own] = near[is_own], far[is_own]
        is_nearer = ~is_own & ((other < 0) | (_mean(far) < _mean(distances[1])))
        rows[1, is_nearer], distances[1, is_nearer] = near[is_nearer], far[is_nearer]
        other[is_nearer] = cluster
    return NearestMembers(labels, rows[0], distances[0], other, rows[1], distances[1])


def _search(
    embedding: Embedding, own: np.ndarray, points: Embedding, n_members: int, are_same: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the nearest members of a cluster and their distances, filled up."""
    n_found = min(n_members + are_same, len(own))
    with plain_arrays():
        search = NearestNeighbors(n_neighbors=n_found).fit(embedding[own])
        distances, near = search.kneighbors(like_known(points, search))
    near = own[near]
    if are_same:  # a sample isn't a neighbour of its own
        is_self = near == np.arange(len(near))[:, None]
        order = np.argsort(is_self, axis=1, kind="stable")
        near = np.take_along_axis(near, order, axis=1)
        distances = np.take_along_axis(np.where(is_self, np.inf, distances), order, axis=1)
        near = np.where(np.isinf(distances), -1, near)
    missing = [(0, 0), (0, max(n_members - near.shape[1], 0))]
    near = np.pad(near, missing, constant_values=-1)
    distances = np.pad(distances, missing, constant_values=np.inf)
    return near[:, :n_members], distances[:, :n_members]


def _mean(distances: np.ndarray) -> np.ndarray:
    """Return the mean over the members that there are, infinity without any."""
    is_there = np.isfinite(distances)
    total = np.where(is_there, distances, 0.0).sum(axis=1)
    n_there = is_there.sum(axis=1)
    return np.where(n_there > 0, total / np.maximum(n_there, 1), np.inf)
