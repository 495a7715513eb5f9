"""K-means and Gaussian mixtures of weighted points.

Equal points are one with the sum of their weights. So what is found, and what is drawn to find it,
doesn't depend on whether a point is there twice or has twice the weight.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from skdeepclust._engine.plain_arrays import plain_arrays

# Digits to which equal points agree, of numbers of the size of the largest one.
DIGITS = 9
# Least variance of a mixture's components, as a share of the points' own.
RIDGE = 1e-3


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


class Mixture(NamedTuple):
    """Weights (k,), means (k, d) and variances (k, d) of a mixture with diagonal covariances."""

    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray


def gaussian_mixture(points: Points, n_clusters: int, n_init: int) -> Mixture:
    """Return the best of several mixtures of Gaussians with diagonal covariances.

    scikit-learn's knows no weights: it is fitted to the distinct points, and a last step takes
    weighted means, variances and sizes from its assignment.

    Parameters
    ----------
    points : Points
        What is clustered; of fewer points than clusters, some are the means of several.
    n_clusters : int
        Number of components.
    n_init : int
        Number of runs, from starts that torch's generator draws.

    Returns
    -------
    Mixture
        Its components.
    """
    rows, seed = points.points, int(torch.randint(2**31 - 1, ()))
    share, n_found = points.weight / points.weight.sum(), min(n_clusters, len(rows))
    ridge = RIDGE * (share @ np.square(rows - share @ rows).mean(1) or 1.0)
    model = GaussianMixture(
        n_found, covariance_type="diag", reg_covar=ridge, n_init=n_init, random_state=seed
    )
    with plain_arrays(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a start needn't be the optimum
        assignment = model.fit(rows).predict_proba(rows) if n_found > 1 else np.ones((len(rows), 1))
    assignment = assignment * share[:, None]
    sizes = assignment.sum(0).clip(np.finfo(float).tiny)
    means = assignment.T @ rows / sizes[:, None]
    residual = np.square(rows[:, None] - means)  # (n, k, d)
    variances = np.einsum("nk,nkd->kd", assignment, residual) / sizes[:, None] + ridge
    index = np.arange(n_clusters) % n_found
    return Mixture(sizes[index] / sizes[index].sum(), means[index], variances[index])
