"""The clusters from which the clustering phase starts, without labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from skdeepclust._clusters.input_starts import input_partition
from skdeepclust._clusters.judge import Judge
from skdeepclust._clusters.known.links import Links
from skdeepclust._clusters.merging import number_of_parts, share_of_smaller
from skdeepclust._clusters.partitions import (
    Clusters,
    distinct_partitions,
    is_gmm,
    propagated_partition,
)
from skdeepclust._clusters.starts import (
    Candidate,
    Draw,
    Merger,
    Partitioner,
    StartFinder,
    best_first,
)
from skdeepclust._clusters.votes import most_agreed
from skdeepclust.graph._device_search import nearest_rows
from skdeepclust.graph._input_graph import some_rows

# Mean squared distance to the own centre under the metric: with it, q is neither flat nor hard.
SPREAD = 5.0
# The initial clusters are found on at most this many samples.
MAX_SAMPLES = 20_000
# So many of the best candidates are taken up once more after spreading over the neighbours.
N_PROPAGATED = 6
# A mixture of an embedding has settled when its mean log-likelihood changes by less: the candidates
# vote and settle on a graph, and training goes on from there.
EMBEDDING_TOLERANCE = 1e-2
# So many candidates at least have a majority that means something; so many samples tell which of
# them are alike.
LEAST_VOTES = 3
N_COMPARED = 5_000
# Beside a learned embedding, the input has so many times fewer candidates.
SHARE_OF_DRAWS = 3
# Where clusters may be small, mixtures have so many times as many components as clusters.
PARTS = 2


class Start(NamedTuple):
    """A partition to start from, its centres and metric."""

    labels: np.ndarray
    clusters: Clusters


def initial_clusters(
    embed: Callable[[], np.ndarray],
    judge: Judge,
    *,
    is_learned: bool,
    sample_weight: np.ndarray,
    init: Any,
    n_init: int,
    n_starts: int,
    round_clusters: bool,
    assign: Callable[[np.ndarray, Clusters], Tensor],
) -> list[Start]:
    """Return what candidates agree upon, then those that agree most with neighbours in the input.

    Parameters
    ----------
    embed : callable
        Returns the embedding, ndarray of shape (n_samples, n_components).
    judge : Judge
        Knows the neighbours; without any, partitions are valued by the information of `assign`.
        With them, a partition of the samples themselves stands beside those of the embedding if
        `init` is "gmm".
    is_learned : bool
        Whether the embedding tells more than the samples do, and is partitioned in any case.
    sample_weight : ndarray of shape (n_samples,)
        Weights of the samples.
    init : {"gmm", "kmeans"}, array of shape (n_clusters, n_components) or callable
        See :func:`~skdeepclust._clusters.partitions.candidate_partitions`.
    n_init : int
        Number of candidates, if they are random.
    n_starts : int
        Number of partitions, at most.
    round_clusters : bool
        Whether distances are taken in a metric in which clusters are round on average.
    assign : callable
        Returns the soft assignment of points (n, n_components) to clusters.

    Returns
    -------
    list of Start
        The best one first.
    """
    n_samples, neighbors = len(sample_weight), judge.neighbors
    some = some_rows(n_samples, MAX_SAMPLES)
    rows = np.arange(n_samples) if some is None else some
    rows = rows[sample_weight[rows] > 0]
    embedding = embed()
    # the neighbours tell of all samples; without them, those of the candidates are enough
    judged = rows if neighbors is None else np.arange(n_samples)
    points = embedding[judged].astype(np.float64)
    spread = SPREAD if round_clusters else None

    def clusters_of(labels: np.ndarray) -> Clusters:
        weight, n_clusters = sample_weight[judged], judge.n_clusters
        return Clusters.from_labels(points, labels[judged], weight, n_clusters, spread=spread)

    def merit(labels: np.ndarray) -> float:
        if neighbors is None:
            return judge.information(assign(points, clusters_of(labels))) - judge.penalty(labels)
        return judge.merit(labels)

    seed, found, agreed = int(torch.randint(2**31 - 1, ())), [], None
    looks_at_input = judge.components is not None and is_gmm(init)
    if is_learned or not looks_at_input:
        found = _of_embedding(embedding, judge, rows, init, n_init, seed, merit)
        agreed = _agreed(embedding, judge, rows, init, found)
    if looks_at_input:
        n_drawn = n_init if agreed is None else -(-n_init // SHARE_OF_DRAWS)
        labels = input_partition(judge, rows=rows, n_init=n_drawn, random_state=seed)
        if agreed is None:
            found = best_first([*found, Candidate(merit(labels), labels)])
        else:
            agreed = _by_both([agreed, labels], judge, embedding, rows)
    if agreed is not None:
        found = [Candidate(merit(agreed), agreed)]
    if judge.links:
        found = best_first([*found, *_spread(found[:N_PROPAGATED], judge, judge.links, merit)])
    chosen = distinct_partitions([each.labels for each in found], n_starts)
    kept = [judge.keeping_links(found[i].labels) for i in chosen]
    return [Start(labels, clusters_of(labels)) for labels in kept]


def _spread(
    found: Sequence[Candidate], judge: Judge, links: Links, merit: Callable[[np.ndarray], float]
) -> list[Candidate]:
    """Return what becomes of candidates if linked samples take their neighbours along.

    Only where one half of the links says that the other one is better kept for it.
    """
    neighbors, n_clusters, spread = judge.neighbors, judge.n_clusters, []
    if neighbors is None:
        return []
    for labels in [each.labels for each in found]:
        held_out = links.held_out_penalty(labels, neighbors, n_clusters)
        if held_out < links.penalty(labels, n_clusters):
            values = links.spread(labels, neighbors, n_clusters)
            labels = values.argmax(1).cpu().numpy()
            spread.append(Candidate(merit(labels) - judge.largest * held_out, labels))
    return spread


def _of_embedding(
    embedding: np.ndarray,
    judge: Judge,
    rows: np.ndarray,
    init: Any,
    n_init: int,
    random_state: int,
    merit: Callable[[np.ndarray], float],
) -> list[Candidate]:
    """Return candidates of the embedding, the best one first."""
    neighbors, settle, merge = judge.neighbors, None, None
    if neighbors is not None and is_gmm(init):
        # the neighbours can correct mixtures, and join their parts
        options: dict[str, Any] = {
            "neighbors": neighbors,
            "rows": rows,
            "tolerance": EMBEDDING_TOLERANCE,
        }
        settle = partial(propagated_partition, embedding, **options)
        merge = Merger(judge.edges, share_of_smaller)
    draws = _draws(n_init, judge, len(rows), merged=merge is not None)
    partitions = Partitioner(
        embedding,
        judge.n_clusters,
        rows,
        init,
        random_state,
        draws,
        merge,
        judge.device,
        EMBEDDING_TOLERANCE,
    )
    return StartFinder(partitions, merit, settle, N_PROPAGATED).ranked()


def _agreed(
    embedding: np.ndarray, judge: Judge, rows: np.ndarray, init: Any, found: Sequence[Candidate]
) -> np.ndarray | None:
    """Return what the candidates of an embedding agree upon, or `None` if they lose a cluster.

    The best one is often best by what is particular to it: of clusters that the neighbours in the
    input don't tell apart, it may have joined two and cut a third. The worse half has no vote.
    """
    # where sizes are estimated, few candidates find a small cluster: a majority would lose it;
    # of what is known of samples, some candidates keep more than others
    has_say = judge.even and not judge.links and is_gmm(init)
    if judge.neighbors is None or not has_say or len(found) < LEAST_VOTES:
        return None
    n_clusters, n_voters = judge.n_clusters, max(LEAST_VOTES, -(-len(found) // 2))
    voters = [each.labels for each in found[:n_voters]]
    labels = most_agreed(voters, _compared(rows), n_clusters)
    if len(np.unique(labels)) < n_clusters:
        return None
    return propagated_partition(
        embedding, labels, judge.neighbors, rows=rows, tolerance=EMBEDDING_TOLERANCE
    )


def _by_both(
    partitions: Sequence[np.ndarray], judge: Judge, embedding: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return the partition of which neighbours in the input and in the embedding tell most.

    Neighbours in the input alone prefer its own partitions, and those in the embedding theirs.
    """
    some = _compared(rows)
    near = nearest_rows(torch.from_numpy(embedding[some]).to(judge.device), judge.n_neighbors)
    own = replace(judge, wide_neighbors=near)
    return max(partitions, key=lambda labels: judge.merit(labels) + own.merit(labels[some]))


def _compared(rows: np.ndarray) -> np.ndarray:
    return rows[:: -(-len(rows) // N_COMPARED)]


def _draws(n_init: int, judge: Judge, n_rows: int, *, merged: bool) -> Sequence[Draw]:
    """Return what is drawn; for clusters of unequal sizes, half are mixtures of more parts.

    Random starts seldom put a component of the mixture into a small cluster. Twice as many do, and
    the neighbours say which of them are parts of one cluster.
    """
    if judge.even or not merged:
        return [Draw(judge.n_clusters, n_init)]
    n_parts = number_of_parts(judge.n_clusters, PARTS, n_rows)
    return [Draw(n_parts, (n_init + 1) // 2), Draw(judge.n_clusters, n_init // 2)]
