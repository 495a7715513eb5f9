"""Affinities by their formulas, one pair at a time."""

from __future__ import annotations

import numpy as np

KINDS = ["gaussian", "self_tuning", "connectivity"]


def samples(n=40, n_features=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, n_features))


def naive_distances(X, Y):
    return np.array([[np.sqrt(((x - y) ** 2).sum()) for y in Y] for x in X])


def naive_scales(distances, lists, kind, bandwidth):
    """Scale of each row, whose neighbours are `lists`; all distances differ from 0."""
    if kind == "gaussian":
        return np.full(len(distances), bandwidth)
    if kind == "connectivity":
        return np.full(len(distances), np.inf)
    return np.array([distances[i, near[min(7, len(near)) - 1]] for i, near in enumerate(lists)])


def naive_affinity(X, k, kind):
    """Dense affinities by loops, with bandwidth and scales."""
    n = len(X)
    distances = naive_distances(X, X)
    lists = [
        sorted((j for j in range(n) if j != i), key=distances[i].__getitem__)[:k] for i in range(n)
    ]
    bandwidth = np.median([distances[i, j] for i in range(n) for j in lists[i]])
    scales = naive_scales(distances, lists, kind, bandwidth)
    affinity = np.zeros((n, n))
    for i in range(n):
        for j in lists[i]:
            weight = np.exp(-(distances[i, j] ** 2) / (scales[i] * scales[j]))
            affinity[i, j] = affinity[j, i] = max(weight, np.finfo(float).tiny)
    return affinity, bandwidth, scales
