"""Linear heads that assign codes to clusters, and the partitions from which they start."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import sparse
from sklearn import config_context
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score

from skdeepclust._partitions import candidate_partitions

# Mixtures with full covariances are fitted in this many principal components of the codes.
N_MIXTURE_COMPONENTS = 20


def initial_partition(
    codes: np.ndarray,
    n_clusters: int,
    *,
    rows: np.ndarray,
    init: Any,
    n_init: int,
    random_state: int,
    affinity: sparse.csr_array | None,
) -> np.ndarray:
    """Return the candidate that most agrees with the graph; without one, the tightest.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        What to partition.
    n_clusters : int
        Number of clusters.
    rows : ndarray of int
        Samples on which the candidates are fitted.
    init : {"kmeans", "gmm"}, array of shape (n_clusters, n_components) or callable
        See :func:`~skdeepclust._partitions.candidate_partitions`.
    n_init : int
        Number of candidates, if they are random.
    random_state : int
        Seed.
    affinity : csr_array of shape (n_samples, n_samples) or None
        The graph.

    Returns
    -------
    ndarray of int of shape (n_samples,)
        Cluster of each sample.
    """
    codes = codes.astype(np.float64)
    points = codes
    if isinstance(init, str) and init == "gmm" and codes.shape[1] > N_MIXTURE_COMPONENTS:
        with config_context(array_api_dispatch=False):
            n_components = min(N_MIXTURE_COMPONENTS, len(rows))
            points = PCA(n_components, svd_solver="covariance_eigh").fit(codes[rows])
            points = points.transform(codes)
    candidates = candidate_partitions(
        points, n_clusters, rows=rows, init=init, n_init=n_init, random_state=random_state
    )
    if affinity is None or affinity.nnz == 0:
        return max(candidates, key=lambda labels: -_scatter(codes[rows], labels[rows]))
    edges = sparse.coo_array(affinity)
    return max(candidates, key=lambda labels: edge_information(labels, edges))


def edge_information(labels: np.ndarray, edges: sparse.coo_array) -> float:
    """Return the mutual information between the labels at both ends of the edges of a graph."""
    return float(mutual_info_score(labels[edges.coords[0]], labels[edges.coords[1]]))


def _scatter(points: np.ndarray, labels: np.ndarray) -> float:
    """Return the sum of squared distances to the mean of the own cluster."""
    return sum(
        float(np.square(points[labels == k] - points[labels == k].mean(0)).sum())
        for k in np.unique(labels)
    )


def logistic_weights(
    codes: np.ndarray, labels: np.ndarray, n_clusters: int, sample_weight: np.ndarray
) -> np.ndarray:
    """Return the weights (n_clusters, n_components) of a logistic regression on a partition.

    Without intercept, as the prediction is the largest of the products of weights and code.
    """
    scale = np.sqrt(np.square(codes).sum(1).mean()) or 1.0
    weights = np.zeros((n_clusters, codes.shape[1]))
    used = np.unique(labels)
    if len(used) == 1:
        return weights
    model = LogisticRegression(fit_intercept=False, max_iter=200)
    with config_context(array_api_dispatch=False), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a start needn't be the optimum
        model.fit(codes / scale, labels, sample_weight=sample_weight)
    both = model.coef_ if len(used) > 2 else np.vstack([-model.coef_, model.coef_]) / 2
    weights[used] = both / scale
    return weights
