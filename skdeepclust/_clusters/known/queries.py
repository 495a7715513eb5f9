"""Which samples to ask about: those whose labels would settle most."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances_argmin

from skdeepclust._engine.global_settings import plain_arrays

# A sample that is sure of its cluster has this weight, one between two clusters 1 more. Without it
# all questions lie between clusters, and none in one that holds two classes.
WEIGHT_OF_SURE = 0.1
# The regions are found on at most so many samples.
MAX_SAMPLES = 50_000


def query_samples(
    embedding: Any,
    assignment: np.ndarray,
    n_queries: int,
    *,
    known: np.ndarray,
    random_state: int,
) -> np.ndarray:
    r"""Return samples that stand for regions of the embedding, small ones between clusters.

    KMeans, in which a sample weighs :math:`1 - m + 0.1` with the margin m between its two most
    probable clusters, finds as many regions as samples are asked for; the one next to the middle
    of each is taken.

    Parameters
    ----------
    embedding : {ndarray, csr_matrix} of shape (n_samples, n_components)
        Where samples lie.
    assignment : ndarray of shape (n_samples, n_clusters)
        Probabilities of the clusters.
    n_queries : int
        Number of samples, at most as many as there are that aren't known.
    known : ndarray of bool of shape (n_samples,)
        Samples not to ask about.
    random_state : int
        Seed.

    Returns
    -------
    ndarray of int of shape (n_queries,)
        Those of the smallest margins first.
    """
    rows, margin = np.flatnonzero(~known), margins(assignment)
    if len(rows) > max(MAX_SAMPLES, n_queries):
        drawn = np.random.default_rng(random_state).choice(
            rows, max(MAX_SAMPLES, n_queries), replace=False
        )
        rows = np.sort(drawn)
    points, weight = embedding[rows].astype(np.float64), 1 - margin[rows] + WEIGHT_OF_SURE
    with plain_arrays(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of points that stand twice
        regions = KMeans(n_queries, n_init=1, random_state=random_state)
        regions.fit(points, sample_weight=weight)
        chosen = np.unique(pairwise_distances_argmin(regions.cluster_centers_, points))
    # two regions may have the same sample in the middle
    others = np.setdiff1d(np.argsort(margin[rows], kind="stable"), chosen, assume_unique=True)
    found = rows[np.concatenate([chosen, others[: n_queries - len(chosen)]])]
    return found[np.argsort(margin[found], kind="stable")]


def margins(assignment: np.ndarray) -> np.ndarray:
    """Return the difference of the two largest probabilities of each sample; 1 of one cluster."""
    if assignment.shape[1] == 1:
        return np.ones(len(assignment))
    two = np.partition(assignment, -2, axis=1)[:, -2:]
    return two[:, 1] - two[:, 0]
