"""Samples that belong nowhere: are they more than chance, and which clusters do they form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.stats import betabinom
from sklearn.cluster import DBSCAN, HDBSCAN
from sklearn.neighbors import NearestNeighbors

from skdeepclust._engine.global_settings import plain_arrays
from skdeepclust._engine.sparse import is_sparse

# HDBSCAN knows no single cluster: of one it takes a few dense places for clusters, which have less
# than this share of the samples in all but one of a hundred normal ones.
LEAST_SHARE_IN_PARTS = 0.7


def rank_of(contamination: float, n_calibration: int) -> int:
    """Return which of the sorted calibration scores is the threshold; 0: there is none.

    Parameters
    ----------
    contamination : float
        Share that may be refused.
    n_calibration : int
        Number of scores.

    Returns
    -------
    int
        Counted from 1.
    """
    # the product isn't to fall below an integer that it is meant to be
    return math.floor(round(contamination * (n_calibration + 1), 9))


def novelty_p_value(
    n_refused: int, n_samples: int, n_calibration: int, contamination: float
) -> float:
    r"""Return how probable so many refused samples are, if all are of the kinds that are known.

    The threshold is the r-th of c scores. If the c samples and m new ones are exchangeable, each
    order of their scores is as probable, and the number of new ones below the threshold is
    beta-binomial with :math:`m`, :math:`r` and :math:`c + 1 - r`.

    Parameters
    ----------
    n_refused, n_samples : int
        Samples below the threshold, and all.
    n_calibration : int
        Scores c that have made the threshold.
    contamination : float
        Share that it may refuse.

    Returns
    -------
    float
        Probability of `n_refused` or more; where scores are equal, an upper bound of it.
    """
    rank = rank_of(contamination, n_calibration)
    if rank == 0:
        return 1.0
    return float(betabinom.sf(n_refused - 1, n_samples, rank, n_calibration + 1 - rank))


def clusters_of_refused(
    refused: Any, to_known: np.ndarray, radius: float, min_cluster_size: int
) -> np.ndarray:
    """Return new clusters of samples that were refused.

    A sample may be in one if most of its nearest neighbours, among all that is known and what was
    refused, were refused as well: others lie at the border of a cluster that is known. Of those
    that may, clusters are what is connected at the distance that is usual among known samples; each
    is cut as HDBSCAN does, if at least 70 % of the samples are in its parts.

    Parameters
    ----------
    refused : {ndarray, csr_matrix} of shape (n_refused, n_components)
        Embedding of the samples.
    to_known : ndarray of shape (n_refused, n_neighbors)
        Distances to the nearest known samples.
    radius : float
        Mean distance to neighbours above which a sample is refused.
    min_cluster_size : int
        Least number of samples in a cluster.

    Returns
    -------
    ndarray of int of shape (n_refused,)
        Clusters from 0, or -1.
    """
    n_refused, n_neighbors = to_known.shape
    labels = np.full(n_refused, -1)
    if n_refused < max(min_cluster_size, n_neighbors + 1):
        return labels
    with plain_arrays():
        among = NearestNeighbors(n_neighbors=n_neighbors).fit(refused).kneighbors()[0]
        nearest = np.argsort(np.hstack([to_known, among]), axis=1, kind="stable")[:, :n_neighbors]
        rows = np.flatnonzero((nearest >= n_neighbors).sum(axis=1) > n_neighbors / 2)
        if len(rows) < min_cluster_size:
            return labels
        points: Any = refused[rows]
        points = points.toarray() if is_sparse(points) else points
        # which takes no radius of 0: of known samples that stand many times
        radius = max(radius, np.finfo(float).tiny)
        found = DBSCAN(eps=radius, min_samples=n_neighbors + 1).fit_predict(points)
        for connected in range(found.max() + 1):
            own = np.flatnonzero(found == connected)
            for part in _parts(points[own], n_neighbors, min_cluster_size):
                labels[rows[own[part]]] = labels.max() + 1
    return labels


def _parts(points: np.ndarray, n_neighbors: int, min_cluster_size: int) -> list[np.ndarray]:
    """Return rows of the clusters in what is connected."""
    if len(points) < min_cluster_size:
        return []
    if len(points) >= 2 * min_cluster_size and np.ptp(points, axis=0).any():
        cut = HDBSCAN(max(min_cluster_size, 2), min_samples=n_neighbors, copy=True)
        found = cut.fit_predict(points)
        if (found >= 0).mean() >= LEAST_SHARE_IN_PARTS:
            return [np.flatnonzero(found == part) for part in range(found.max() + 1)]
    return [np.arange(len(points))]
