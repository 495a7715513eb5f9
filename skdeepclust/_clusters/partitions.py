"""Initial clusters of an embedding: candidates, and the metric in which they are round."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, pairwise_distances_argmin
from threadpoolctl import threadpool_limits
from torch import Tensor

from skdeepclust._clusters.mixtures.gaussians import BLOCK_SIZE, TOLERANCE, mixture_partitions
from skdeepclust._clusters.mixtures.k_means import k_means_partition
from skdeepclust._engine.global_settings import plain_arrays
from skdeepclust.graph import smooth_over_graph

# Which of these finds the good partition differs from data to data and from seed to seed.
MIXTURE_REGULARIZATIONS = (1e-3, 3e-3, 3e-4, 1e-2, 1e-4)
# Squared distances, in units of a thousandth of the embedding's, that are no more than rounding of
# numbers in single precision.
ROUNDING = 1e-9
# Labels are predicted for so many samples at a time, which are copied.
PREDICTED_ROWS = 20_000
# What a sample has of its cluster in the first targets, beside a share of the rest.
HARDNESS = 0.9
CPU = torch.device("cpu")
MIXTURE_STARTS = ("kmeans", "k-means++", "random_from_data")


def candidate_partitions(
    embedding: np.ndarray,
    n_clusters: int,
    *,
    rows: np.ndarray,
    init: str | np.ndarray | Callable,
    n_init: int,
    random_state: int,
    device: torch.device = CPU,
    tolerance: float = TOLERANCE,
) -> Iterator[np.ndarray]:
    """Yield candidate partitions of an embedding, `n_init` of them where `init` is random.

    Parameters
    ----------
    embedding : ndarray of shape (n_samples, n_components)
        What to partition.
    n_clusters : int
        Number of clusters.
    rows : ndarray of int
        Samples on which the candidates are fitted.
    init : {"gmm", "kmeans"}, array of shape (n_clusters, n_components) or callable
        Gaussian mixtures with full covariance and several regularisations, KMeans, given
        centres, or `init(embedding, n_clusters, random_state)` which returns centres.
    n_init : int
        Number of candidates.
    random_state : int
        Seed of the first candidate; each further one adds 1.
    device : torch.device
        Where mixtures are fitted, side by side, and KMeans.
    tolerance : float
        A mixture has settled when its mean log-likelihood changes by less.

    Yields
    ------
    labels : ndarray of shape (n_samples,)
        Index of the cluster of each sample.
    """
    if not isinstance(init, str):
        some = embedding[rows].astype(np.float64)
        centers = init(some, n_clusters, random_state) if callable(init) else init
        centers = check_centers(centers, n_clusters, embedding.shape[1])
        yield pairwise_distances_argmin(embedding, centers)
        return
    if init == "kmeans":
        for i in range(n_init):
            yield _kmeans_partition(embedding, n_clusters, rows, random_state + i, device)
        return
    ridges = [MIXTURE_REGULARIZATIONS[i % len(MIXTURE_REGULARIZATIONS)] for i in range(n_init)]
    some = embedding[rows].astype(np.float64)
    kinds = [MIXTURE_STARTS[i % len(MIXTURE_STARTS)] for i in range(n_init)]
    starts = [
        _mixture_start(kind, some, n_clusters, random_state + i, device)
        for i, kind in enumerate(kinds)
    ]
    if starts:  # of a few candidates, some kinds have none
        yield from _mixtures(embedding, rows, starts, n_clusters, ridges, device, tolerance)


def is_gmm(init: Any) -> bool:
    """Tell whether partitions are those of Gaussian mixtures, of the parameter `init`."""
    return isinstance(init, str) and init == "gmm"


@dataclass(frozen=True)
class Clusters:
    """Centres in the embedding, and the linear map under which distances to them are taken.

    Parameters
    ----------
    centers : ndarray of shape (n_clusters, n_components)
        Mean of each cluster.
    metric : ndarray of shape (n_components, n_components)
        The map; rows are multiplied by it from the right.
    """

    centers: np.ndarray
    metric: np.ndarray

    @classmethod
    def from_labels(
        cls,
        embedding: np.ndarray,
        labels: np.ndarray,
        sample_weight: np.ndarray,
        n_clusters: int,
        *,
        spread: float | None,
    ) -> Clusters:
        r"""Centres of a partition, and the metric in which it is round on average.

        The metric is :math:`M = c\, (S + r I)^{-1/2}` with the pooled within-cluster covariance
        S, r = 1e-3 of the mean squared norm of the embedding, and c such that the mean squared
        distance to the own centre is `spread`.

        Parameters
        ----------
        embedding : ndarray of shape (n_samples, n_components)
            Embedded samples.
        labels : ndarray of shape (n_samples,)
            Cluster of each sample.
        sample_weight : ndarray of shape (n_samples,)
            Weights of the samples; their sum is positive.
        n_clusters : int
            Number of clusters.
        spread : float or None
            Mean squared distance to the own centre; `None` leaves the metric Euclidean.

        Returns
        -------
        Clusters
            Centres and metric.
        """
        weight = sample_weight / sample_weight.sum()
        centers = _means(embedding, labels, weight, n_clusters)
        size = weight @ np.square(embedding).sum(1)
        if spread is None or size == 0:
            return cls(centers, np.eye(embedding.shape[1]))
        residual = embedding - centers[labels]
        covariance = (residual * weight[:, None]).T @ residual
        ridge = 1e-3 * size + np.finfo(float).tiny
        variances, axes = np.linalg.eigh(covariance)
        root = (axes / np.sqrt(variances.clip(0) + ridge)) @ axes.T
        distance = weight @ np.square(residual @ root).sum(1)
        # what is left between identical samples is rounding, in which there is no spread
        return cls(centers, root * np.sqrt(spread / distance) if distance > ROUNDING else root)


def _means(
    embedding: np.ndarray, labels: np.ndarray, weight: np.ndarray, n_clusters: int
) -> np.ndarray:
    """Weighted mean of each cluster; an empty one takes a sample far from its own centre."""
    membership = (labels == np.arange(n_clusters)[:, None]) * weight  # (k, n)
    size = membership.sum(1, keepdims=True)
    means = membership @ embedding / np.where(size > 0, size, 1)
    empty = np.flatnonzero(size == 0)
    farthest = np.argsort(-np.square(embedding - means[labels]).sum(1), kind="stable")
    means[empty] = embedding[farthest[: len(empty)]]
    return means


def check_init(init: Any, n_clusters: int, n_components: int) -> None:
    """Check centres, where `init` is neither a name nor a callable.

    Parameters
    ----------
    init : str, callable or array-like of shape (n_clusters, n_components)
        The parameter of an estimator.
    n_clusters : int
        Number of clusters.
    n_components : int
        Number of components of the embedding.
    """
    if not (isinstance(init, str) or callable(init)):
        check_centers(init, n_clusters, n_components)


def check_centers(centers, n_clusters: int, n_components: int) -> np.ndarray:
    """Return given centres as an array, or raise ValueError on a wrong shape.

    Parameters
    ----------
    centers : array-like of shape (n_clusters, n_components)
        Centres.
    n_clusters : int
        Number of clusters.
    n_components : int
        Number of components of the embedding.

    Returns
    -------
    ndarray of shape (n_clusters, n_components)
        Centres.
    """
    centers = np.asarray(centers, dtype=np.float64)
    if centers.shape != (n_clusters, n_components):
        raise ValueError(
            f"init gives centres of shape {centers.shape}; n_clusters={n_clusters} clusters "
            f"of an embedding with {n_components} components need {(n_clusters, n_components)}."
        )
    return centers


def softened(labels: np.ndarray, n_clusters: int) -> Tensor:
    """Return probabilities of clusters, most of it in those that samples are in.

    Parameters
    ----------
    labels : ndarray of int of shape (n_samples,)
        Cluster of each sample.
    n_clusters : int
        Number of clusters.

    Returns
    -------
    Tensor of shape (n_samples, n_clusters)
        In float32.
    """
    one_hot = torch.eye(n_clusters)[torch.from_numpy(labels)]
    return HARDNESS * one_hot + (1 - HARDNESS) / n_clusters


def propagated_partition(
    embedding: np.ndarray,
    labels: np.ndarray,
    neighbors: Tensor,
    *,
    rows: np.ndarray,
    tolerance: float = TOLERANCE,
) -> np.ndarray:
    """Let labels spread over a graph and restart a Gaussian mixture from where they settle.

    The graph is of other evidence than the embedding, so that this leaves an optimum of the
    mixture which the graph contradicts.

    Parameters
    ----------
    embedding : ndarray of shape (n_samples, n_components)
        What the mixture is fitted to.
    labels : ndarray of shape (n_samples,)
        Cluster of each sample.
    neighbors : Tensor of int64 of shape (n_samples, n_neighbors)
        The graph.
    rows : ndarray of int
        Samples on which the mixture is fitted.
    tolerance : float
        It has settled when its mean log-likelihood changes by less.

    Returns
    -------
    ndarray of shape (n_samples,)
        Cluster of each sample; the labels as they were if a cluster vanishes in the graph.
    """
    n_clusters = int(labels.max()) + 1
    one_hot = torch.eye(n_clusters)[torch.from_numpy(labels)].to(neighbors.device)
    settled = smooth_over_graph(one_hot, neighbors, weight=0.9, n_steps=40).argmax(1)
    settled = settled.cpu().numpy()[rows]
    size = np.bincount(settled, minlength=n_clusters)
    if size.min() < 2:
        return labels
    ridges, device = MIXTURE_REGULARIZATIONS[:1], neighbors.device
    (found,) = _mixtures(embedding, rows, [settled], n_clusters, ridges, device, tolerance)
    return found


def _mixture_start(
    kind: str, points: np.ndarray, n_components: int, random_state: int, device: torch.device
) -> np.ndarray:
    """Return a partition from which a mixture starts; -1: a sample belongs to no component."""
    rng = np.random.RandomState(random_state)
    if kind == "kmeans":
        return _kmeans_partition(points, n_components, np.arange(len(points)), rng, device)
    labels = np.full(len(points), -1)
    if kind == "k-means++":
        seeds = _drawn_centers(points, n_components, rng)
    else:
        seeds = rng.choice(len(points), n_components, replace=False)
    labels[seeds] = np.arange(n_components)
    return labels


def _drawn_centers(points: np.ndarray, n_clusters: int, random_state: Any) -> np.ndarray:
    with plain_arrays():
        _, seeds = kmeans_plusplus(points, n_clusters, random_state=random_state)
    return seeds


def _mixtures(
    embedding: np.ndarray,
    rows: np.ndarray,
    starts: Sequence[np.ndarray],
    n_components: int,
    ridges: Sequence[float],
    device: torch.device,
    tolerance: float,
) -> Iterator[np.ndarray]:
    # no device but these computes in float64
    device = device if device.type in BLOCK_SIZE else CPU
    ridge = torch.tensor(ridges, dtype=torch.float64)
    points, some, labels = _on(device, embedding, rows, np.stack(starts).astype(np.int64))
    found = mixture_partitions(points, some, labels, n_components, ridge.to(device), tolerance)
    yield from found.cpu().numpy()


def _on(device: torch.device, *arrays: np.ndarray) -> Iterator[Tensor]:
    return (torch.from_numpy(np.ascontiguousarray(each)).to(device) for each in arrays)


def _kmeans_partition(
    embedding: np.ndarray,
    n_clusters: int,
    rows: np.ndarray,
    random_state: Any,
    device: torch.device,
) -> np.ndarray:
    """Return what K-means that is fitted to some samples makes of all."""
    if device.type != "cpu" and device.type in BLOCK_SIZE:
        return _device_partition(embedding, n_clusters, rows, random_state, device)
    model = KMeans(n_clusters, n_init=1, random_state=random_state)
    with (
        plain_arrays(),  # the embedding is numpy's
        threadpool_limits(1, user_api="blas"),  # many small products
        warnings.catch_warnings(),
    ):
        # a candidate needn't converge to be the best one
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(embedding[rows].astype(np.float64))
        starts = range(0, len(embedding), PREDICTED_ROWS)
        blocks = (embedding[start : start + PREDICTED_ROWS] for start in starts)
        return np.concatenate([model.predict(block.astype(np.float64)) for block in blocks])


def _device_partition(
    embedding: np.ndarray,
    n_clusters: int,
    rows: np.ndarray,
    random_state: Any,
    device: torch.device,
) -> np.ndarray:
    """Return what scikit-learn's K-means makes of all, computed on a device but for its draw."""
    some = embedding[rows].astype(np.float64)
    seeds = _drawn_centers(some - some.mean(0), n_clusters, random_state)
    points, rows_there, seeds_there = _on(device, embedding, rows, seeds)
    return k_means_partition(points, rows_there, seeds_there).cpu().numpy()


def distinct_partitions(
    partitions: Sequence[np.ndarray], n_partitions: int, *, similarity: float = 0.97
) -> list[int]:
    """Return the indices of the first partitions that differ from those before them.

    Parameters
    ----------
    partitions : sequence of ndarray of shape (n_samples,)
        Labels, the best partition first.
    n_partitions : int
        Largest number of partitions that is returned.
    similarity : float, default=0.97
        Adjusted Rand index from which two partitions count as the same.

    Returns
    -------
    list of int
        Indices.
    """
    chosen: list[int] = []
    for i, labels in enumerate(partitions):
        likeness = (adjusted_rand_score(labels, partitions[j]) for j in chosen)
        if len(chosen) < n_partitions and all(value < similarity for value in likeness):
            chosen.append(i)
    return chosen
