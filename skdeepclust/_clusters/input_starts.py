"""What plain methods find in the samples themselves, in their principal components."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from sklearn.decomposition import PCA

from skdeepclust._clusters.judge import Judge
from skdeepclust._clusters.merging import minus_information_lost, number_of_parts
from skdeepclust._clusters.starts import (
    Candidate,
    Draw,
    Merger,
    Partitioner,
    StartFinder,
    Together,
    most_central,
)
from skdeepclust._engine.plain_arrays import plain_arrays
from skdeepclust.graph import smooth_over_graph

# Mixtures with full covariances are fitted in so many components ...
N_MIXTURE_COMPONENTS = 20
# ... and all candidates on so many samples.
MAX_SAMPLES = 4_000


class Kind(NamedTuple):
    """What makes a candidate.

    Parameters
    ----------
    times : int
        Components of a mixture for each cluster, which are merged along the graph; 0 stands for
        KMeans.
    smoothed : bool, default=False
        Whether samples are moved to the place of their neighbours, which draws together what
        hangs together in the graph, and blurs what doesn't.
    """

    times: int
    smoothed: bool = False


# Candidates in turn. No kind finds the clusters of all data.
KMEANS = Kind(0)
KINDS = (
    KMEANS, Kind(1), Kind(2), KMEANS, Kind(3),
    Kind(2, True), KMEANS, Kind(3, True), Kind(1), Kind(2),
    Kind(3), KMEANS, Kind(2, True), Kind(3, True), KMEANS,
)  # fmt: skip
# So much of the place of a sample is that of its neighbours, after so many steps on the graph.
NEIGHBOR_WEIGHT = 0.9
N_STEPS = 10
# The one is taken that is most like the others among so many of the best, of those whose merit is
# about the best one's: a partition that one candidate alone has found may be far better.
N_COMPARED = 5
SHARE_OF_BEST = 0.95


def input_partition(
    judge: Judge, *, rows: np.ndarray, n_init: int, random_state: int
) -> np.ndarray:
    """Return a partition of the samples on which plain methods agree, and neighbours with them.

    Parameters
    ----------
    judge : Judge
        Knows the samples' principal components, and the neighbours.
    rows : ndarray of int
        Samples on which the partitions are found.
    n_init : int
        Number of candidates.
    random_state : int
        Seed.

    Returns
    -------
    ndarray of int of shape (n_samples,)
        Cluster of each sample.
    """
    rows = candidate_rows(rows, random_state)
    found = input_candidates(judge, rows=rows, n_init=n_init, random_state=random_state)
    return central_of_best(found, rows)


def candidate_rows(rows: np.ndarray, random_state: int) -> np.ndarray:
    """Return some of the samples, in their order, where there are more than candidates need."""
    if len(rows) <= MAX_SAMPLES:
        return rows
    return np.sort(np.random.default_rng(random_state).choice(rows, MAX_SAMPLES, replace=False))


def input_candidates(
    judge: Judge, *, rows: np.ndarray, n_init: int, random_state: int
) -> list[Candidate]:
    """Return the partitions among which `input_partition` chooses, the best one first."""
    assert judge.components is not None
    points = judge.components().astype(np.float64)
    points /= np.sqrt(points.var(0).sum()) or 1.0
    partitions = [*_partitioners(points, judge, rows, n_init, random_state)]
    return StartFinder(Together(partitions), judge.wide_merit).ranked()


def central_of_best(found: Sequence[Candidate], rows: np.ndarray) -> np.ndarray:
    """Return the labels of the most central one of the best candidates."""
    best = found[0].merit
    least = best - (1 - SHARE_OF_BEST) * abs(best)
    near = [each for each in found[:N_COMPARED] if each.merit >= least]
    return most_central(near, rows).labels


def _partitioners(
    points: np.ndarray, judge: Judge, rows: np.ndarray, n_init: int, random_state: int
) -> Iterator[Partitioner]:
    """Yield what draws the candidates of each kind."""
    n_of = Counter(KINDS[i % len(KINDS)] for i in range(n_init))
    n_clusters = judge.n_clusters
    plain = [Draw(n_clusters, n_of.pop(KMEANS))]
    yield Partitioner(points, n_clusters, rows, "kmeans", random_state, plain)
    merge = Merger(judge.edges, minus_information_lost)
    for smoothed in (False, True):
        draws = [
            Draw(number_of_parts(n_clusters, kind.times, len(rows)), n)
            for kind, n in n_of.items()
            if kind.smoothed == smoothed
        ]
        if draws:
            few = _smoothed(points, judge) if smoothed else points[:, :N_MIXTURE_COMPONENTS]
            yield Partitioner(few, n_clusters, rows, "gmm", random_state, draws, merge)


def _smoothed(points: np.ndarray, judge: Judge) -> np.ndarray:
    """Return the principal components of samples that are moved to their neighbours."""
    assert judge.neighbors is not None
    places = smooth_over_graph(
        torch.from_numpy(points), judge.neighbors.cpu(), weight=NEIGHBOR_WEIGHT, n_steps=N_STEPS
    ).numpy()
    with plain_arrays(), np.errstate(invalid="ignore"):  # equal rows
        n_components = min(N_MIXTURE_COMPONENTS, *places.shape)
        pca = PCA(n_components, svd_solver="covariance_eigh", random_state=0)
        few = pca.fit_transform(places)
    return few / (np.sqrt(few.var(0).sum()) or 1.0)
