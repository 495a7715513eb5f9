"""Partitions of more parts than clusters, merged along a graph until the clusters are left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
from scipy.special import xlogy

# Parts are at most so many more than clusters: each merger looks at all pairs of them.
MAX_MERGERS = 50


def number_of_parts(n_clusters: int, times: int, n_samples: int) -> int:
    """Return `times` parts for each cluster, or less where these are many.

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    times : int
        Parts of a cluster.
    n_samples : int
        Number of samples, which is at least that of parts.

    Returns
    -------
    int
        Number of parts.
    """
    return min(times * n_clusters, n_clusters + MAX_MERGERS, n_samples)


def merged_partition(
    labels: np.ndarray,
    n_clusters: int,
    edges: Callable[[np.ndarray], np.ndarray],
    likeness: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Merge the two parts that are most alike, again and again.

    Parameters
    ----------
    labels : ndarray of int of shape (n_samples,)
        Part of each sample.
    n_clusters : int
        Number of clusters that are to remain.
    edges : callable
        Returns the weight of the edges between the parts of a partition, symmetric, of shape
        (n_parts, n_parts); parts are numbered without gaps.
    likeness : callable
        Returns from these weights how alike parts are, of shape (n_parts, n_parts).

    Returns
    -------
    ndarray of int of shape (n_samples,)
        Cluster of each sample, between 0 and at most `n_clusters - 1`.
    """
    labels = np.unique(labels, return_inverse=True)[1]
    weight = edges(labels)
    n_mergers = max(len(weight) - n_clusters, 0)
    for kept, gone, between in islice(mergers(weight, likeness), n_mergers):
        left = np.arange(len(between))
        joined = np.where(left == gone, kept, left)
        joined -= joined > gone
        labels = joined[labels]
    return labels


def mergers(
    weight: np.ndarray, likeness: Callable[[np.ndarray], np.ndarray]
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield which parts are merged, one merger after the other, until one part is left.

    Parameters
    ----------
    weight : ndarray of shape (n_parts, n_parts)
        Weight of the edges between parts, symmetric.
    likeness : callable
        Returns from the weights of the parts that are left how alike they are.

    Yields
    ------
    kept, gone : int
        Numbers of the two parts that are most alike, among those that are left. The first one is
        the smaller, and takes in the other; parts after that move up by one.
    weight : ndarray of shape (n_left, n_left)
        Weights before the merger.
    """
    weight = weight.astype(np.float64)
    while len(weight) > 1:
        alike = likeness(weight)
        np.fill_diagonal(alike, -np.inf)
        kept, gone = sorted(map(int, np.unravel_index(alike.argmax(), alike.shape)))
        yield kept, gone, weight
        weight = weight.copy()
        weight[kept] += weight[gone]
        weight[:, kept] += weight[:, gone]
        weight = np.delete(np.delete(weight, gone, 0), gone, 1)


def share_of_smaller(weight: np.ndarray) -> np.ndarray:
    r"""Return :math:`W_{ab} / \min(\sum_c W_{ac}, \sum_c W_{bc})`, large if one lies in the other.

    Parameters
    ----------
    weight : ndarray of shape (n_parts, n_parts)
        Weight W of the edges between parts, symmetric.

    Returns
    -------
    ndarray of shape (n_parts, n_parts)
        In [0, 1].
    """
    size = weight.sum(1)
    return weight / np.maximum(np.minimum(size, size[:, None]), np.finfo(float).tiny)


def share_beyond_chance(weight: np.ndarray) -> np.ndarray:
    r"""Return :math:`(P_{ab} - p_a p_b) / \min(p_a, p_b)`, with :math:`P = W / \sum W`.

    The share of the smaller part's edges that lead to the other, less that which chance would give
    so large a part: half of what a merger adds to the modularity, by the size of the smaller.

    Parameters
    ----------
    weight : ndarray of shape (n_parts, n_parts)
        Weight W of the edges between parts, symmetric.

    Returns
    -------
    ndarray of shape (n_parts, n_parts)
        In (-1, 1).

    References
    ----------
    M. Newman, M. Girvan (2004). Finding and evaluating community structure in networks. Physical
    Review E 69. Eq. 5, the modularity.
    """
    P = weight / max(weight.sum(), np.finfo(float).tiny)
    size = P.sum(1)
    smaller = np.maximum(np.minimum(size, size[:, None]), np.finfo(float).tiny)
    return (P - size * size[:, None]) / smaller


def minus_information_lost(weight: np.ndarray) -> np.ndarray:
    r"""Return what a merger changes in the mutual information of the parts at both ends of edges.

    With joint probabilities :math:`P = W / \sum W` that is, for each pair, the difference of
    :math:`\sum_{ab} P_{ab} \log(P_{ab} / (p_a p_b))` after and before the merger.

    Parameters
    ----------
    weight : ndarray of shape (n_parts, n_parts)
        Weight W of the edges between parts, symmetric.

    Returns
    -------
    ndarray of shape (n_parts, n_parts)
        In nats, at most 0 but for rounding.

    References
    ----------
    N. Slonim, N. Tishby (1999). Agglomerative Information Bottleneck. NIPS.
    """
    P = weight / max(weight.sum(), np.finfo(float).tiny)
    own = np.diag(P)

    def f(x: np.ndarray) -> np.ndarray:
        return xlogy(x, x)

    row, size = f(P).sum(1), P.sum(1)
    # over other parts c: f(P_ac + P_bc) - f(P_ac) - f(P_bc), each twice in the sum
    both = np.stack([f(P + line).sum(1) for line in P])
    both -= f(P + own) + f(P + own[:, None])
    single = row[:, None] - f(own)[:, None] - f(P)
    joint = 2 * (both - single - single.T)
    # the new part's own edges, and its size
    joint += f(own + own[:, None] + 2 * P) - f(own) - f(own)[:, None] - 2 * f(P)
    return joint - 2 * (f(size + size[:, None]) - f(size) - f(size)[:, None])


def clusters_at(children: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return the cluster of each leaf of a tree, at one of its levels.

    Parameters
    ----------
    children : ndarray of int of shape (n_leaves - 1, 2)
        What each merger joins: numbers below `n_leaves` are leaves, others earlier mergers.
    n_clusters : int
        Number of clusters, between 1 and `n_leaves`.

    Returns
    -------
    ndarray of int of shape (n_leaves,)
        Clusters, numbered by the first leaf of each.
    """
    n_leaves = len(children) + 1
    node = np.arange(n_leaves)
    for number, pair in enumerate(children[: n_leaves - n_clusters]):
        node[np.isin(node, pair)] = n_leaves + number
    _, first, inverse = np.unique(node, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]
