"""What plain methods find in the samples themselves, in their principal components."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

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
# Candidates in turn: mixtures of so many times as many components as clusters, which are merged
# along the graph, and KMeans, that is 0. No kind finds the clusters of all data.
KINDS = (0, 1, 2, 0, 3)
# The one is taken that is most like the others among so many of the best, of those whose merit is
# about the best one's: a partition that one candidate alone has found may be far better.
N_COMPARED = 5
SHARE_OF_BEST = 0.95
# Mixtures of smoothed samples have so many times as many components as clusters, and there is one
# of each for so many other candidates.
SMOOTHED_TIMES = (2, 3)
SHARE_OF_DRAWS = 8
# So much of the place of a smoothed sample is that of its neighbours, after so many steps.
NEIGHBOR_WEIGHT = 0.9
N_STEPS = 10
# Near neighbours tell more of their partitions in any case, so that these have to be ahead by so
# much, and wide ones must tell of them as much as of others, but for so much.
AHEAD = 0.12
BEHIND = 0.01


def input_partition(
    judge: Judge, *, rows: np.ndarray, n_init: int, random_state: int, smoothed: bool = False
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
    smoothed : bool, default=False
        Whether partitions of samples that were smoothed over the graph are tried as well.

    Returns
    -------
    ndarray of int of shape (n_samples,)
        Cluster of each sample.
    """
    rows = candidate_rows(rows, random_state)
    points = _points(judge)  # once: to find them takes a random number
    labels = central_of_best(_plain_candidates(points, judge, rows, n_init, random_state), rows)
    if not smoothed:
        return labels
    other = central_of_best(_smoothed_candidates(points, judge, rows, n_init, random_state), rows)
    return other if _stands_out(judge, other, labels) else labels


def candidate_rows(rows: np.ndarray, random_state: int) -> np.ndarray:
    """Return some of the samples, in their order, where there are more than candidates need."""
    if len(rows) <= MAX_SAMPLES:
        return rows
    return np.sort(np.random.default_rng(random_state).choice(rows, MAX_SAMPLES, replace=False))


def input_candidates(
    judge: Judge, *, rows: np.ndarray, n_init: int, random_state: int
) -> list[Candidate]:
    """Return the partitions among which `input_partition` chooses, the best one first."""
    return _plain_candidates(_points(judge), judge, rows, n_init, random_state)


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


def _points(judge: Judge) -> np.ndarray:
    assert judge.components is not None
    return _scaled(judge.components().astype(np.float64))


def _scaled(points: np.ndarray) -> np.ndarray:
    return points / (np.sqrt(points.var(0).sum()) or 1.0)


def _plain_candidates(
    points: np.ndarray, judge: Judge, rows: np.ndarray, n_init: int, random_state: int
) -> list[Candidate]:
    partitions = [*_partitioners(points, judge, rows, n_init, random_state)]
    return StartFinder(Together(partitions), judge.wide_merit).ranked()


def _smoothed_candidates(
    points: np.ndarray, judge: Judge, rows: np.ndarray, n_init: int, random_state: int
) -> list[Candidate]:
    """Return mixtures of smoothed samples, merged along the graph, the best one first."""
    n_clusters, n_drawn = judge.n_clusters, -(-n_init // SHARE_OF_DRAWS)
    merge = Merger(judge.edges, minus_information_lost)
    draws = [
        Draw(number_of_parts(n_clusters, times, len(rows)), n_drawn) for times in SMOOTHED_TIMES
    ]
    few = _smoothed(points, judge)
    partitions = Partitioner(few, n_clusters, rows, "gmm", random_state, draws, merge, judge.device)
    return StartFinder(partitions, judge.wide_merit).ranked()


def _smoothed(points: np.ndarray, judge: Judge) -> np.ndarray:
    """Return principal components of samples that have moved to the place of their neighbours.

    This draws together what hangs together in the graph.
    """
    assert judge.neighbors is not None
    places = smooth_over_graph(
        torch.from_numpy(points), judge.neighbors.cpu(), weight=NEIGHBOR_WEIGHT, n_steps=N_STEPS
    ).numpy()
    with plain_arrays(), np.errstate(invalid="ignore"):  # equal rows
        n_components = min(N_MIXTURE_COMPONENTS, *places.shape)
        pca = PCA(n_components, svd_solver="covariance_eigh", random_state=0)
        return _scaled(pca.fit_transform(places))


def _stands_out(judge: Judge, smoothed: np.ndarray, labels: np.ndarray) -> bool:
    """Tell whether near neighbours tell clearly more of it, and wide ones no less."""
    near, wide = judge.merit(labels), judge.wide_merit(labels)
    is_ahead = judge.merit(smoothed) > near + AHEAD * abs(near)
    return is_ahead and judge.wide_merit(smoothed) >= wide - BEHIND * abs(wide)
