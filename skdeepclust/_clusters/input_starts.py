"""What plain methods find in the samples themselves, in their principal components."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

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

# Mixtures with full covariances are fitted in so many components ...
N_MIXTURE_COMPONENTS = 20
# ... and all candidates on so many samples.
MAX_SAMPLES = 4_000
# Candidates in turn: mixtures of so many times as many components as clusters, which are merged
# along the graph, and KMeans, that is 0. No kind finds the clusters of all data.
KINDS = (0, 1, 2, 0, 3)
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
    plain = [Draw(n_clusters, n_of.pop(0))]
    yield Partitioner(points, n_clusters, rows, "kmeans", random_state, plain)
    draws = [Draw(number_of_parts(n_clusters, times, len(rows)), n) for times, n in n_of.items()]
    merge = Merger(judge.edges, minus_information_lost)
    few = points[:, :N_MIXTURE_COMPONENTS]
    yield Partitioner(few, n_clusters, rows, "gmm", random_state, draws, merge, judge.device)
