"""Partitions of the same samples, brought to one numbering and put to the vote."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix

MOST_ROUNDS = 20
# A run that agrees with the others no more than chance still has a say where they tie.
LEAST_WEIGHT = 1e-3


def one_hot(labels: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return 1 in the column of each sample's cluster, and 0 elsewhere.

    Parameters
    ----------
    labels : ndarray of int of shape (n_samples,)
        Clusters, at least 0.
    n_clusters : int
        Number of columns.

    Returns
    -------
    ndarray of shape (n_samples, n_clusters)
        In float64.
    """
    return (labels[:, None] == np.arange(n_clusters)).astype(np.float64)


def agreements(labels: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean adjusted Rand index of each partition with the others.

    Parameters
    ----------
    labels : sequence of ndarray of int of shape (n_samples,)
        Partitions.

    Returns
    -------
    ndarray of shape (n_partitions,)
        At most 1; 1 for a single partition.
    """
    n_runs = len(labels)
    if n_runs == 1:
        return np.ones(1)
    total = np.zeros(n_runs)
    for one, other in combinations(range(n_runs), 2):
        total[[one, other]] += adjusted_rand_score(labels[one], labels[other])
    return total / (n_runs - 1)


def matched(overlap: np.ndarray) -> np.ndarray:
    """Return the column of each row: a one-to-one matching, then the largest for those left over.

    Parameters
    ----------
    overlap : ndarray of shape (n_rows, n_columns)
        How much each row has of each column.

    Returns
    -------
    ndarray of int of shape (n_rows,)
        Columns; several rows may share one if there are fewer columns.
    """
    columns = overlap.argmax(axis=1)
    rows, partners = linear_sum_assignment(overlap, maximize=True)
    columns[rows] = partners
    return columns


def voted(
    votes: Sequence[np.ndarray], columns: Sequence[np.ndarray], weights: np.ndarray, n_clusters: int
) -> np.ndarray:
    """Return the weighted mean of votes in one numbering.

    Parameters
    ----------
    votes : sequence of ndarray of shape (n_samples, n_clusters of the run)
        Probabilities of clusters.
    columns : sequence of ndarray of int of shape (n_clusters of the run,)
        Cluster of the consensus that each cluster of a run stands for; -1: it has no vote.
    weights : ndarray of shape (n_runs,)
        What each run counts.
    n_clusters : int
        Clusters of the consensus.

    Returns
    -------
    ndarray of shape (n_samples, n_clusters)
        Rows sum to 1; they are uniform where no run has voted.
    """
    total = np.zeros((len(votes[0]), n_clusters))
    for vote, to, weight in zip(votes, columns, weights, strict=True):
        total += weight * (vote @ (to[:, None] == np.arange(n_clusters)))
    sums = total.sum(axis=1, keepdims=True)
    return np.divide(total, sums, out=np.full_like(total, 1 / n_clusters), where=sums > 0)


def consensus(
    votes: Sequence[np.ndarray], weights: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Align runs to their vote until nothing changes, from each run; keep the most unanimous.

    Parameters
    ----------
    votes : sequence of ndarray of shape (n_samples, n_clusters of the run)
        Probabilities of clusters.
    weights : ndarray of shape (n_runs,)
        What each run counts.

    Returns
    -------
    columns : list of ndarray of int of shape (n_clusters of the run,)
        Cluster of the consensus that each cluster of a run stands for, or -1.
    labels : ndarray of int of shape (n_samples,)
        The consensus; no cluster is without samples.
    """
    # by their hard clusters: those of a run are then matched with themselves first of all
    hard = [one_hot(vote.argmax(axis=1), vote.shape[1]) for vote in votes]
    found = [_aligned(votes, hard, weights, first) for first in range(len(votes))]
    # of a product of a vote with itself most is left where its rows are 0 and 1
    unanimity = [float(np.einsum("nk,nk->", common, common)) for _, common in found]
    columns, common = found[int(np.argmax(unanimity))]
    return _without_empty(columns, common)


def most_agreed(partitions: Sequence[np.ndarray], rows: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return what partitions come to by a vote, which begins at the one most like the others.

    Parameters
    ----------
    partitions : sequence of ndarray of int of shape (n_samples,)
        Labels from 0 to `n_clusters` - 1.
    rows : ndarray of int
        Samples on which partitions are compared.
    n_clusters : int
        Number of clusters.

    Returns
    -------
    ndarray of int of shape (n_samples,)
        Labels; a cluster may have lost all of its samples.
    """
    first = int(agreements([labels[rows] for labels in partitions]).argmax())
    hard = _OneHot(partitions, n_clusters)
    _, common = _aligned(hard, hard, np.ones(len(hard)), first)
    return common.argmax(axis=1)


class _OneHot(Sequence):
    """Partitions in one-hot code, each made when it is asked for: all at once could fill memory."""

    def __init__(self, partitions: Sequence[np.ndarray], n_clusters: int):
        self.partitions, self.n_clusters = partitions, n_clusters

    def __len__(self) -> int:
        return len(self.partitions)

    def __getitem__(self, index: Any) -> Any:
        return one_hot(self.partitions[index], self.n_clusters)


def _aligned(votes, hard, weights, first: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the matchings, and the vote, that one run leads to."""
    common = votes[first]
    n_clusters = common.shape[1]
    columns: list[np.ndarray] = []
    for _ in range(MOST_ROUNDS):
        before, columns = columns, [matched(own.T @ common) for own in hard]
        if before and all(map(np.array_equal, before, columns)):
            break
        common = voted(votes, columns, weights, n_clusters)
    return columns, common


def _without_empty(columns, common) -> tuple[list[np.ndarray], np.ndarray]:
    """Leave out clusters that win no sample: who is for one of them doesn't vote."""
    kept, labels = np.unique(common.argmax(axis=1), return_inverse=True)
    to = np.full(common.shape[1], -1)
    to[kept] = np.arange(len(kept))
    return [to[each] for each in columns], labels


def jaccard_of_clusters(labels: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the largest Jaccard index of each cluster with a cluster of another partition.

    Parameters
    ----------
    labels, other : ndarray of int of shape (n_samples,)
        Partitions of the same samples.

    Returns
    -------
    ndarray of shape (n_clusters,)
        In (0, 1], for the clusters of `labels` in their order.
    """
    both = contingency_matrix(labels, other)
    either = both.sum(axis=1, keepdims=True) + both.sum(axis=0) - both
    return (both / either).max(axis=1)
