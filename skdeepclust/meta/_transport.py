"""The cheapest assignment to clusters of bounded sizes, and the prices that bring it about.

It is a transportation problem, whose linear program has whole numbers as its solution. Of many
samples nearly all are where they would be at any sensible prices: the program is solved for those
between clusters alone, and the prices tell whether that was all.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import linprog
from scipy.sparse.csgraph import NegativeCycleError, floyd_warshall

# Numbers of samples and clusters whose product is solved at once.
AT_ONCE = 20_000
# How many samples are between clusters at first, as a share, and how fast that grows if too few.
SHARE, GROWTH = 0.05, 3
# What of costs of order 1 an assignment may be off by: rounding, or the tolerance of the solver.
TOLERANCES = (1e-12, 3e-7)


def bounded_assignment(costs: np.ndarray, least: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the assignment of the least total cost with sizes between two bounds, and prices.

    Parameters
    ----------
    costs : ndarray of shape (n_samples, n_clusters)
        Finite costs of each sample in each cluster.
    least, most : int
        Bounds of the sizes of clusters, for which there is an assignment.

    Returns
    -------
    labels : ndarray of int of shape (n_samples,)
        Cluster of each sample.
    prices : ndarray of shape (n_clusters,)
        Each sample's cluster has the least of its costs plus prices, up to rounding.
    """
    scale = float(np.ptp(costs)) or 1.0
    labels, prices = _solved(costs / scale, np.array([least, most], dtype=float))
    return labels, prices * scale


def _solved(costs: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n_samples, n_clusters = costs.shape
    labels = costs.argmin(axis=1)
    if _is_within(labels, n_clusters, bounds):
        return labels, np.zeros(n_clusters)
    n_free = n_samples
    if costs.size > AT_ONCE:
        # every quarter of the samples in a random order has about the same prices
        some = np.random.default_rng(0).permutation(n_samples)[: n_samples // 4]
        share = len(some) / n_samples
        few = np.array([np.floor(bounds[0] * share), np.ceil(bounds[1] * share)])
        prices = _solved(costs[some], few)[1]
        n_free = max(int(SHARE * n_samples), AT_ONCE // n_clusters // 4)
    else:
        prices = np.zeros(n_clusters)
    while True:
        labels = _with_free(costs, costs + prices, bounds, min(n_free, n_samples))
        found = None if labels is None else prices_of(costs, labels, bounds)
        if labels is not None and found is not None:
            return labels, found
        if n_free >= n_samples:
            raise RuntimeError("no assignment of the least cost was found")
        n_free *= GROWTH


def _is_within(labels: np.ndarray, n_clusters: int, bounds: np.ndarray) -> bool:
    sizes = np.bincount(labels, minlength=n_clusters)
    return bool(bounds[0] <= sizes.min() and sizes.max() <= bounds[1])


def _with_free(
    costs: np.ndarray, priced: np.ndarray, bounds: np.ndarray, n_free: int
) -> np.ndarray | None:
    """Solve for those samples that are the least decided at given prices; None: it can't be."""
    n_samples, n_clusters = costs.shape
    labels = priced.argmin(axis=1)
    free = np.arange(n_samples)
    if n_free < n_samples:
        two = np.partition(priced, 1, axis=1)[:, :2]
        free = np.argpartition(two[:, 1] - two[:, 0], n_free)[:n_free]
    fixed = np.bincount(np.delete(labels, free), minlength=n_clusters)
    left = bounds[:, None] - fixed
    if (left[1] < 0).any():
        return None
    found = _program(costs[free], np.maximum(left[0], 0), left[1])
    if found is None:
        return None
    labels[free] = found
    return labels


def _program(costs: np.ndarray, least: np.ndarray, most: np.ndarray) -> np.ndarray | None:
    """Solve the linear program of all samples in all clusters."""
    n_samples, n_clusters = costs.shape
    one_each: Any = sparse.kron(sparse.eye_array(n_samples), np.ones((1, n_clusters)), format="csr")
    sizes = sparse.kron(np.ones((1, n_samples)), sparse.eye_array(n_clusters), format="csr")
    both: Any = sparse.vstack([sizes, -sizes])
    found = linprog(
        costs.ravel(),
        A_ub=both,
        b_ub=np.concatenate([most, -least]),
        A_eq=one_each,
        b_eq=np.ones(n_samples),
        bounds=(0, None),
        method="highs-ds",  # ends in a corner, where all are whole numbers
    )
    return None if found.x is None else found.x.reshape(costs.shape).argmax(axis=1)


def prices_of(costs: np.ndarray, labels: np.ndarray, bounds: np.ndarray) -> np.ndarray | None:
    """Return prices in the middle of those that bring an assignment about; None if none do.

    To move a sample from cluster a to b costs :math:`w_{ab}`, the least of the differences over
    the samples in a. A round trip that saves something would make the assignment cheaper; one may
    begin or end outside of all clusters where the size of a cluster is free to fall or to rise.
    Without such a trip shortest ways are prices, each from and to any place, and so is their mean.

    Parameters
    ----------
    costs : ndarray of shape (n_samples, n_clusters)
        Costs of order 1.
    labels : ndarray of int of shape (n_samples,)
        An assignment within the bounds.
    bounds : ndarray of shape (2,)
        Least and largest size.

    Returns
    -------
    ndarray of shape (n_clusters,) or None
        Their mean is 0.
    """
    n_clusters = costs.shape[1]
    ways = np.full((n_clusters + 1, n_clusters + 1), np.inf)
    for cluster in range(n_clusters):
        own = costs[labels == cluster]
        if len(own):
            ways[cluster, :-1] = (own - own[:, [cluster]]).min(axis=0)
    sizes = np.bincount(labels, minlength=n_clusters)
    ways[-1, :-1][sizes > bounds[0]] = 0
    ways[:-1, -1][sizes < bounds[1]] = 0
    np.fill_diagonal(ways, 0)
    # what rounding makes of a trip that saves nothing isn't to be taken for one that does
    for tolerance in TOLERANCES:
        with suppress(NegativeCycleError):
            return _middle(floyd_warshall(_graph(ways + tolerance)))
    return None


def _middle(ways: np.ndarray) -> np.ndarray:
    """Return the mean of all prices that are the lengths of shortest ways."""
    potentials = np.concatenate([ways[:, :-1], -ways[:-1].T])
    potentials = potentials[np.isfinite(potentials).all(axis=1)]
    potentials -= potentials.mean(axis=1, keepdims=True)
    return -potentials.mean(axis=0)


def _graph(ways: np.ndarray) -> sparse.csr_array:
    """Return ways of finite length as a graph, in which a length of 0 is one, too."""
    start, end = np.nonzero(np.isfinite(ways) & ~np.eye(len(ways), dtype=bool))
    return sparse.csr_array((ways[start, end], (start, end)), shape=ways.shape)
