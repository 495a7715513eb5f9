"""The choice of initial clusters, and of the best result, without labels."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.stats import entropy
from torch import Tensor

from skdeepclust._clusters.merging import merged_partition, number_of_parts, share_of_smaller
from skdeepclust._clusters.partitions import (
    Clusters,
    candidate_partitions,
    distinct_partitions,
    propagated_partition,
)
from skdeepclust._clusters.repair import split_into_dead
from skdeepclust._engine.reports import current_report
from skdeepclust.graph import count_edges, neighbor_information
from skdeepclust.graph._input_graph import InputGraphMixin
from skdeepclust.losses import information_loss
from skdeepclust.losses._clustering import add_rows_

# Mean squared distance to the own centre under the metric: with it, q is neither flat nor hard.
SPREAD = 5.0
# The initial clusters are found on at most this many samples.
MAX_SAMPLES = 20_000
# So many of the best candidates are taken up once more after spreading over the neighbours.
N_PROPAGATED = 6
# Where clusters may be small, mixtures have so many times as many components as clusters.
PARTS = 2


class Start(NamedTuple):
    """A partition to start from, its centres and metric, and how well it suits the neighbours."""

    labels: np.ndarray
    clusters: Clusters
    agreement: float


class InitialClustersMixin(InputGraphMixin):
    """Adds `_starts` and `_criterion` to a clusterer.

    It has the parameters `n_clusters`, `cluster_prior`, `init`, `n_init`, `n_starts`, `metric`,
    `n_neighbors` and `neighbors`, and keeps the samples' weights and what `_neighbors` returns as
    `_fit.weight` and `_fit.neighbors`.
    """

    n_clusters: int
    cluster_prior: Any
    init: Any
    n_init: int
    n_starts: int
    metric: str
    n_neighbors: int
    neighbors: Any
    module_: Any
    attempt_: int
    cluster_centers_: np.ndarray
    _fit: SimpleNamespace
    _embed: Any
    _assign: Any
    _soft: Any
    _once: Any
    _module_device: Any

    def _neighbors(self, X) -> Tensor | None:
        """Return the neighbours of the samples (n_samples, n_neighbors), found once a fit."""
        if not self.n_neighbors:
            return None
        search = partial(self._input_neighbors, X, self.n_neighbors, self.neighbors)
        return self._once("neighbors", search).to(self._module_device)

    def _starts(self, X) -> list[Start]:
        """Return the partitions that most agree with the neighbours in the input."""
        rows = self._some_rows(X.shape[0], MAX_SAMPLES)
        rows = np.arange(X.shape[0]) if rows is None else rows
        rows = rows[self._fit.weight[rows] > 0]
        embedding = self._infer(self._embed, X).cpu().numpy()
        # the neighbours tell of all samples; without them, those of the candidates are enough
        neighbors = self._fit.neighbors
        judged = rows if neighbors is None else np.arange(X.shape[0])
        evaluate = partial(self._evaluate, embedding, judged)
        n_drawn = self.n_init if isinstance(self.init, str) else 1
        candidates = current_report().track(
            "candidates", self._candidates(embedding, rows), n_drawn
        )
        found = sorted(map(evaluate, candidates), key=lambda start: -start.agreement)
        if neighbors is not None and self._mixtures_on_graph:
            propagated = [
                evaluate(propagated_partition(embedding, start.labels, neighbors, rows=rows))
                for start in found[:N_PROPAGATED]
            ]
            found = sorted(found + propagated, key=lambda start: -start.agreement)
        chosen = distinct_partitions([start.labels for start in found], self.n_starts)
        return [found[i] for i in chosen]

    @property
    def _mixtures_on_graph(self) -> bool:
        """Whether the candidates are mixtures that neighbours in the input can correct."""
        mixtures = isinstance(self.init, str) and self.init == "gmm"
        return mixtures and self._fit.neighbors is not None

    @property
    def _even(self) -> bool:
        """Whether clusters are expected to be of the same size."""
        return isinstance(self.cluster_prior, str) and self.cluster_prior == "uniform"

    def _candidates(self, embedding: np.ndarray, rows: np.ndarray) -> Iterable[np.ndarray]:
        """Yield partitions; for clusters of unequal sizes, half are of mixtures of more parts.

        Random starts seldom put a component of the mixture into a small cluster. Twice as many
        do, and the neighbours say which of them are parts of one cluster.
        """
        drawn = partial(
            candidate_partitions,
            embedding,
            rows=rows,
            init=self.init,
            random_state=int(torch.randint(2**31 - 1, ())),
        )
        if self._even or not self._mixtures_on_graph:
            return drawn(self.n_clusters, n_init=self.n_init)
        edges = partial(_edges, self._fit.neighbors.cpu().numpy())
        n_parts = number_of_parts(self.n_clusters, PARTS, len(rows))
        merged = (
            merged_partition(labels, self.n_clusters, edges, share_of_smaller)
            for labels in drawn(n_parts, n_init=(self.n_init + 1) // 2)
        )
        return itertools.chain(merged, drawn(self.n_clusters, n_init=self.n_init // 2))

    def _agreement(self, labels: np.ndarray, neighbors: np.ndarray) -> float:
        """Return the information between neighbours; its share of their entropy if uneven.

        The information itself prefers to cut a large cluster into halves, at the cost of a small
        one.
        """
        information = neighbor_information(labels, neighbors)
        uncertainty = 1.0 if self._even else entropy(np.bincount(labels))
        return information / uncertainty if uncertainty > 0 else 0.0

    def _evaluate(self, embedding: np.ndarray, judged: np.ndarray, labels: np.ndarray) -> Start:
        points = embedding[judged].astype(np.float64)
        clusters = Clusters.from_labels(
            points,
            labels[judged],
            self._fit.weight[judged],
            self.n_clusters,
            spread=SPREAD if self.metric == "within_cluster" else None,
        )
        if self._fit.neighbors is None:
            self.module_.set_clusters(clusters)
            there = torch.from_numpy(points).to(self.module_.metric)
            agreement = self._information(self._assign(there))
        else:
            agreement = self._agreement(labels, self._fit.neighbors.cpu().numpy())
        return Start(labels, clusters, agreement)

    def _criterion(self, X) -> float:
        """Return the mean of the information of the assignment and of its neighbours, in [0, 1]."""
        return self._criterion_of(self._infer(self._soft, X))

    def _criterion_of(self, assignment: Tensor) -> float:
        largest = math.log(max(self.n_clusters, 2)) if self._even else 1.0
        information = self._information(assignment) / largest
        if self._fit.neighbors is None:
            return information
        # results are close to each other: the nearer half of the neighbours errs less
        nearer = self._fit.neighbors[:, : (self._fit.neighbors.shape[1] + 1) // 2].cpu().numpy()
        agreement = self._agreement(assignment.argmax(1).cpu().numpy(), nearer) / largest
        return float(information + agreement) / 2

    @torch.no_grad()
    def _revive(self, X, assignment: Tensor, weight: Tensor) -> Tensor:
        """Give clusters without samples a half of the largest; return the assignment after it."""
        labels = assignment.argmax(1)
        size = add_rows_(weight.new_zeros(self.n_clusters), labels, weight)
        if bool((size > 0).all()):
            return assignment
        embedding, rows = self._infer(self._embed, X), weight > 0
        points = embedding @ self.module_.metric
        centers = self.module_.centers
        moved = split_into_dead(points[rows], labels[rows], centers, weight[rows], self._fit.prior)
        return self._assign(embedding) if moved else assignment

    def _information(self, assignment: Tensor) -> float:
        """Return Eq. 6; if uneven, its second half alone, in units of the largest entropy."""
        if self._even:
            return float(-information_loss(assignment.detach()))
        certainty = torch.special.entr(assignment.detach()).sum(1).mean()
        return 1 - float(certainty) / math.log(max(self.n_clusters, 2))


def _edges(neighbors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count the edges between parts, in both directions."""
    counts = count_edges(labels, neighbors)
    return counts + counts.T
