"""Linear heads that assign codes to clusters, and the partitions from which they start."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score

from skdeepclust._clusters.merging import minus_information_lost, number_of_parts
from skdeepclust._clusters.partitions import CPU, is_gmm
from skdeepclust._clusters.starts import Draw, Merger, Partitioner, StartFinder
from skdeepclust._engine.global_settings import plain_arrays

# Mixtures with full covariances are fitted in this many principal components of the codes.
N_MIXTURE_COMPONENTS = 20
# With a graph they have so many times as many components as clusters, a third of the candidates
# each: none of the three finds the clusters of all data.
PARTS = (2, 3, 1)
# Candidates settle on the graph in this many steps, with this weight of the neighbours.
N_SETTLING_STEPS = 60
NEIGHBOR_WEIGHT = 0.95
# Penalty of the logistic regression, beside the mean of its loss.
PENALTY = 5e-4
# Heads are fitted to at most so many of the candidates.
MAX_HEADS = 4


class HeadStart(NamedTuple):
    """A partition of the codes, and weights and biases of a linear head that was fitted to it."""

    labels: np.ndarray
    weights: np.ndarray
    biases: np.ndarray


def initial_head(
    codes: np.ndarray,
    n_clusters: int,
    *,
    rows: np.ndarray,
    sample_weight: np.ndarray,
    init: Any,
    n_init: int,
    random_state: int,
    affinity: sparse.csr_array | None,
    device: torch.device = CPU,
) -> HeadStart:
    """Return the candidate that most agrees with the graph, and its head; else the tightest one.

    With a graph the labels of random candidates spread over it until they settle. A candidate of
    which a linear head loses clusters, because they are empty or can't be cut out by planes, gives
    way to the next one, and mixtures at last to KMeans, whose cells are cut out by planes.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        What to partition.
    n_clusters : int
        Number of clusters.
    rows : ndarray of int
        Samples on which the candidates, and the heads, are fitted.
    sample_weight : ndarray of shape (n_samples,)
        Weights of the samples, positive for `rows`.
    init : {"kmeans", "gmm"}, array of shape (n_clusters, n_components) or callable
        See :func:`~skdeepclust._clusters.partitions.candidate_partitions`.
    n_init : int
        Number of candidates, if they are random.
    random_state : int
        Seed.
    affinity : csr_array of shape (n_samples, n_samples) or None
        The graph.
    device : torch.device, default=CPU
        Where mixtures are fitted.

    Returns
    -------
    HeadStart
        Cluster of each sample, weights (n_clusters, n_components) and biases (n_clusters,).
    """
    points = codes.astype(np.float64)
    graph = affinity if affinity is not None and affinity.nnz > 0 else None
    options = {"rows": rows, "random_state": random_state, "graph": graph, "device": device}
    inits = [(init, n_init), *([("kmeans", 1)] if is_gmm(init) else [])]
    found: list[tuple[int, HeadStart]] = []
    best = partial(_best, points, n_clusters, **options)
    for labels in itertools.chain.from_iterable(itertools.starmap(best, inits)):
        head = logistic_head(codes[rows], labels[rows], n_clusters, sample_weight[rows])
        kept = len(np.unique((codes[rows] @ head[0].T + head[1]).argmax(1)))
        found.append((kept, HeadStart(labels, *head)))
        if kept == n_clusters:
            break
    return max(found, key=lambda each: each[0])[1]


def _best(
    codes: np.ndarray,
    n_clusters: int,
    init: Any,
    n_init: int,
    *,
    rows: np.ndarray,
    random_state: int,
    graph: sparse.csr_array | None,
    device: torch.device,
) -> Iterator[np.ndarray]:
    """Yield distinct candidates, the best first; random ones have settled on the graph.

    A mixture of as many components as clusters often puts one across two clusters, and two into
    another one. Of smaller parts most lie within one cluster each; but if the graph hardly joins
    them, such as the colours of a letter, the former is what finds the cluster.
    """

    def merit(labels: np.ndarray) -> tuple[int, float]:
        used = len(np.unique(labels[rows]))
        if graph is not None:
            return used, edge_information(labels, graph)
        return used, -_scatter(codes[rows], labels[rows])

    draws, settle, merge = [Draw(n_clusters, n_init)], None, None
    if graph is not None and isinstance(init, str):
        settle = partial(settled, n_clusters=n_clusters, affinity=graph)
        merge = Merger(partial(_edges, graph), minus_information_lost)
        if is_gmm(init):
            sizes = [number_of_parts(n_clusters, times, len(rows)) for times in PARTS]
            shares = [len(range(i, n_init, len(PARTS))) for i in range(len(PARTS))]
            draws = [Draw(*each) for each in zip(sizes, shares, strict=True)]
    points = _mixture_space(codes, rows) if is_gmm(init) else codes
    partitions = Partitioner(points, n_clusters, rows, init, random_state, draws, merge, device)
    ranked = StartFinder(partitions, merit, settle).ranked()
    distinct = [next(group) for _, group in itertools.groupby(ranked, key=lambda each: each.merit)]
    for each in distinct[:MAX_HEADS]:
        yield each.labels


def _edges(affinity: sparse.csr_array, labels: np.ndarray) -> np.ndarray:
    """Return the weight of the edges between parts."""
    member = sparse.csr_array(
        (np.ones(len(labels)), (np.arange(len(labels)), labels)),
        shape=(len(labels), labels.max() + 1),
    )
    return (member.T @ (affinity @ member)).toarray()


def _mixture_space(codes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return principal components of the codes, in units of their deviation."""
    n_components = min(N_MIXTURE_COMPONENTS, codes.shape[1], len(rows))
    with plain_arrays(), np.errstate(invalid="ignore"):  # equal codes
        pca = PCA(n_components, svd_solver="covariance_eigh").fit(codes[rows])
        scale = np.sqrt(pca.explained_variance_.sum()) or 1.0
        return pca.transform(codes) / scale


def settled(labels: np.ndarray, n_clusters: int, affinity: sparse.csr_array) -> np.ndarray:
    r"""Return what labels become by :math:`F \leftarrow w D^{-1} P F + (1 - w) Y`.

    Labels remain as they are if a cluster would vanish.

    Parameters
    ----------
    labels : ndarray of int of shape (n_samples,)
        Cluster of each sample, in one-hot code Y.
    n_clusters : int
        Number of clusters.
    affinity : csr_array of shape (n_samples, n_samples)
        The graph P with degrees D.

    Returns
    -------
    ndarray of int of shape (n_samples,)
        Cluster of each sample.

    References
    ----------
    D. Zhou, O. Bousquet, T. Lal, J. Weston, B. Schölkopf (2003). Learning with Local and Global
    Consistency. NIPS. Section 2.
    """
    degree = np.asarray(affinity.sum(1)).ravel()
    scale = NEIGHBOR_WEIGHT / np.where(degree > 0, degree, 1)
    walk = (sparse.diags_array(scale) @ affinity).astype(np.float32).tocsr()
    start = (1 - NEIGHBOR_WEIGHT) * np.eye(n_clusters, dtype=np.float32)[labels]
    spread = start
    for _ in range(N_SETTLING_STEPS):
        spread = walk @ spread + start
    new = spread.argmax(1)
    return new if len(np.unique(new)) == len(np.unique(labels)) else labels


def edge_information(labels: np.ndarray, affinity: sparse.csr_array) -> float:
    """Return the mutual information between the labels at both ends of the edges of a graph."""
    ends = np.repeat(labels, np.diff(affinity.indptr))
    return float(mutual_info_score(ends, labels[affinity.indices]))


def _scatter(points: np.ndarray, labels: np.ndarray) -> float:
    """Return the sum of squared distances to the mean of the own cluster."""
    return sum(
        float(np.square(points[labels == k] - points[labels == k].mean(0)).sum())
        for k in np.unique(labels)
    )


def logistic_head(
    codes: np.ndarray, labels: np.ndarray, n_clusters: int, sample_weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (n_clusters, n_components) and biases of a logistic regression.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        Codes.
    labels : ndarray of int of shape (n_samples,)
        A partition of them.
    n_clusters : int
        Number of clusters; one without samples gets weights 0.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.

    Returns
    -------
    weights : ndarray of shape (n_clusters, n_components)
        Weights omega.
    biases : ndarray of shape (n_clusters,)
        Biases.
    """
    # so that the penalty is on weights in units of the codes' deviation
    mean = np.average(codes, axis=0, weights=sample_weight)
    scale = np.sqrt(np.average(np.square(codes - mean).sum(1), weights=sample_weight)) or 1.0
    weights, biases = np.zeros((n_clusters, codes.shape[1])), np.zeros(n_clusters)
    used = np.unique(labels)
    if len(used) == 1:
        return weights, biases
    model = LogisticRegression(C=1 / (PENALTY * sample_weight.sum()), max_iter=200)
    with plain_arrays(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a start needn't be the optimum
        model.fit((codes - mean) / scale, labels, sample_weight=sample_weight)
    weight, bias = model.coef_, model.intercept_
    if len(used) == 2:
        weight, bias = (np.concatenate([-part, part]) / 2 for part in (weight, bias))
    weights[used] = weight / scale
    biases[used] = bias - weights[used] @ mean
    return weights, biases
