"""K-means and Gaussian mixtures of weighted points.

Equal points are one with the sum of their weights. So what is found, and what is drawn to find it,
doesn't depend on whether a point is there twice or has twice the weight.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from skdeepclust._engine.global_settings import plain_arrays

# Digits to which equal points agree, of numbers of the size of the largest one.
DIGITS = 9
# Least variance of a mixture's components, as a share of the points' own.
RIDGE = 1e-3
# What clusters differ by that rounding has made of one, as a share of the largest coordinate.
ROUNDING = 2e-6
# How far from a cluster a spare one begins, in its deviations.
ASIDE = 0.1


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


class Mixture(NamedTuple):
    """Clusters as parts of a mixture: their sizes (k,), means (k, d) and variances (k, d).

    A size is the sum of the weights of a cluster's points.
    """

    sizes: np.ndarray
    means: np.ndarray
    variances: np.ndarray

    @classmethod
    def of_assignment(cls, points: Points, assignment: np.ndarray) -> Mixture:
        """Return sizes and moments of the clusters of a soft or hard assignment (n, k)."""
        share = assignment * points.weight[:, None]
        sizes = share.sum(0)
        share = share / sizes.clip(np.finfo(float).tiny)
        # no difference of large squares far from the origin
        origin = points.weight @ points.points / points.weight.sum()
        rows = points.points - origin
        means, overall = share.T @ rows, points.weight @ np.square(rows) / points.weight.sum()
        variances = (share.T @ np.square(rows) - np.square(means)).clip(0)
        return cls(sizes, means + origin, variances + RIDGE * (overall.mean() or 1.0))

    @classmethod
    def of_labels(cls, points: Points, labels: np.ndarray, n_clusters: int) -> Mixture:
        """Return those of a partition; a cluster without points is another one once more."""
        found = np.unique(labels[points.weight > 0])
        return cls.told_apart(points, (labels[:, None] == found).astype(float), n_clusters)

    @classmethod
    def told_apart(cls, points: Points, assignment: np.ndarray, n_clusters: int) -> Mixture:
        """Return so many clusters of an assignment, of which those that rounding has made are one.

        A network gives equal samples points that differ by rounding.
        """
        mixture = cls.of_assignment(points, assignment)
        places = np.hstack([mixture.means, np.sqrt(mixture.variances)])
        is_near = cdist(places, places, "chebyshev") <= ROUNDING * np.abs(points.points).max()
        n_apart, group = connected_components(is_near, directed=False)
        if n_apart < len(group):
            assignment = assignment @ (group[:, None] == np.arange(n_apart))
            mixture = cls.of_assignment(points, assignment)
        return mixture.repeated(n_clusters)

    def repeated(self, n_clusters: int) -> Mixture:
        """Return so many clusters, if need be some of these several times, at last as spare ones.

        A spare one is smaller and lies a little aside. Were both at the same place, equal samples
        would fall to one or the other by rounding.
        """
        turn, index = np.divmod(np.arange(n_clusters), len(self.sizes))
        sizes, means, variances = (part[index] for part in self)
        aside = ASIDE * turn[:, None] * np.sqrt(variances)
        return Mixture(sizes / 2.0**turn, means + aside, variances)


def kmeans(points: Points, n_clusters: int, n_init: int) -> Mixture:
    """Return the best of several runs of K-means.

    Parameters
    ----------
    points : Points
        What is clustered.
    n_clusters : int
        Number of clusters; of fewer points, some are clusters more than once.
    n_init : int
        Number of runs, from starts that torch's generator draws.
    """
    seed, weight = int(torch.randint(2**31 - 1, ())), points.weight / points.weight.max()
    n_found = min(n_clusters, len(points.points))
    model = KMeans(n_found, n_init=n_init, random_state=seed)
    with plain_arrays():
        labels = model.fit(points.points, sample_weight=weight).labels_
    return Mixture.of_labels(points, labels, n_clusters)


def gaussian_mixture(points: Points, n_clusters: int, n_init: int) -> Mixture:
    """Return the best of several mixtures of Gaussians with diagonal covariances.

    scikit-learn's knows no weights: it is fitted to the distinct points, and a last step takes
    weighted sizes, means and variances from its assignment.

    Parameters
    ----------
    points : Points
        What is clustered.
    n_clusters : int
        Number of clusters; of fewer points, some are clusters more than once.
    n_init : int
        Number of runs, from starts that torch's generator draws.
    """
    rows, seed = points.points, int(torch.randint(2**31 - 1, ()))
    n_found = min(n_clusters, len(rows))
    ridge = RIDGE * rows.var(0).mean() or RIDGE
    model = GaussianMixture(
        n_found, covariance_type="diag", reg_covar=ridge, n_init=n_init, random_state=seed
    )
    with plain_arrays(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a start needn't be the optimum
        assignment = model.fit(rows).predict_proba(rows) if n_found > 1 else np.ones((len(rows), 1))
    return Mixture.told_apart(points, assignment, n_clusters)
