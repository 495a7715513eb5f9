"""Which shares of the samples clusters are expected to have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def check_prior(cluster_prior: Any, n_clusters: int) -> None:
    """Raise ValueError if `cluster_prior` is an array, and not of positive shares.

    Parameters
    ----------
    cluster_prior : {"auto", "uniform", "estimated"} or array-like of shape (n_clusters,)
        The parameter of an estimator.
    n_clusters : int
        Number of clusters.
    """
    if isinstance(cluster_prior, str):
        return
    shares = np.asarray(cluster_prior, dtype=float)
    if shares.shape != (n_clusters,):
        raise ValueError(
            f"cluster_prior has shape {shares.shape}; n_clusters={n_clusters} needs shape "
            f"({n_clusters},)."
        )
    if not (np.isfinite(shares).all() and (shares > 0).all()):
        raise ValueError(
            f"cluster_prior should hold positive finite shares, got {shares.min()} to "
            f"{shares.max()}. Leave out a cluster that is expected to be empty."
        )


def prior_of_partition(
    cluster_prior: Any,
    labels: Callable[[], np.ndarray],
    sample_weight: np.ndarray,
    n_clusters: int,
) -> np.ndarray | None:
    """Return the prior share of each cluster of a partition; `None` stands for equal shares.

    Parameters
    ----------
    cluster_prior : {"auto", "uniform", "estimated"} or array-like of shape (n_clusters,)
        The parameter of an estimator, checked.
    labels : callable
        Returns the cluster of each sample, ndarray of int of shape (n_samples,).
    sample_weight : ndarray of shape (n_samples,)
        Weights of the samples.
    n_clusters : int
        Number of clusters.

    Returns
    -------
    ndarray of shape (n_clusters,) or None
        Positive shares with sum 1. Given shares go to the clusters by rank: the largest to the
        largest.
    """
    if isinstance(cluster_prior, str) and cluster_prior == "uniform":
        return None
    size = np.bincount(labels(), weights=sample_weight, minlength=n_clusters)
    if isinstance(cluster_prior, str):
        # not 0, which no step could leave
        shares = size.clip(sample_weight.sum() / len(sample_weight))
    else:
        shares = np.empty(n_clusters)
        shares[np.argsort(size, kind="stable")] = np.sort(np.asarray(cluster_prior, dtype=float))
    return shares / shares.sum()
