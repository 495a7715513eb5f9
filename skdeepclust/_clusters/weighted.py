"""Clusters of weighted points, of which equal ones are one point with the sum of their weights.

So what is found, and what is drawn to find it, doesn't depend on whether a point is there twice
or has twice the weight.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from sklearn.cluster import KMeans

from skdeepclust._engine.plain_arrays import plain_arrays

# Digits to which equal points agree, of numbers of the size of the largest one.
DIGITS = 9


class Points(NamedTuple):
    """Distinct points (n, d) and their weights (n,)."""

    points: np.ndarray
    weight: np.ndarray

    @classmethod
    def distinct(cls, points: np.ndarray, weight: np.ndarray) -> Points:
        """Return the distinct ones of positive weight, in an order of their own."""
        points = points[weight > 0].astype(np.float64)
        scale = np.abs(points).max() or 1.0
        rounded, index = np.unique((points / scale).round(DIGITS), axis=0, return_inverse=True)
        return cls(rounded * scale, np.bincount(index.ravel(), weight[weight > 0]))


def kmeans_centers(points: Points, n_clusters: int, n_init: int) -> np.ndarray:
    """Return the centres of the best of several runs of K-means.

    Parameters
    ----------
    points : Points
        What is clustered; of fewer points than clusters, some are the centres of several.
    n_clusters : int
        Number of centres.
    n_init : int
        Number of runs, from starts that torch's generator draws.

    Returns
    -------
    ndarray of shape (n_clusters, n_components)
        Centres.
    """
    seed = int(torch.randint(2**31 - 1, ()))
    n_found = min(n_clusters, len(points.points))
    model = KMeans(n_found, n_init=n_init, random_state=seed)
    weight = points.weight / points.weight.max()
    with plain_arrays():
        centers = model.fit(points.points, sample_weight=weight).cluster_centers_
    return centers[np.arange(n_clusters) % n_found]
