"""The choice of initial clusters, and of the best result, without labels."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from skdeepclust._input_graph import InputGraphMixin
from skdeepclust._partitions import (
    Clusters,
    candidate_partitions,
    distinct_partitions,
    propagated_partition,
)
from skdeepclust.graph import neighbor_information
from skdeepclust.losses import information_loss

# Mean squared distance to the own centre under the metric: with it, q is neither flat nor hard.
SPREAD = 5.0
# The initial clusters are found on at most this many samples.
MAX_SAMPLES = 20_000
# So many of the best candidates are taken up once more after spreading over the neighbours.
N_PROPAGATED = 6


class Candidate(NamedTuple):
    """Initial clusters, the labels that they give, and how well these suit the neighbours."""

    clusters: Clusters
    labels: np.ndarray
    agreement: float


class InitialClustersMixin(InputGraphMixin):
    """Adds `_initial_clusters` and `_criterion` to a clusterer.

    It has the parameters `n_clusters`, `init`, `n_init`, `n_starts` and `metric`, and keeps the
    samples' weights and their neighbours, or `None`, as `_fit.weight` and `_fit.neighbors`.
    """

    n_clusters: int
    init: Any
    n_init: int
    n_starts: int
    metric: str
    module_: Any
    _fit: SimpleNamespace
    _embed: Any
    _assign: Any
    _soft: Any

    def _initial_clusters(self, X) -> list[Clusters]:
        """Return the candidates that most agree with the neighbours in the input."""
        rows = self._some_rows(X.shape[0], MAX_SAMPLES)
        rows = np.arange(X.shape[0]) if rows is None else rows
        rows = rows[self._fit.weight[rows] > 0]
        embedding = self._infer(self._embed, X)
        points = embedding.double().cpu().numpy()[rows]
        evaluate = partial(self._evaluate, embedding, points, rows)
        partitions = candidate_partitions(
            points,
            self.n_clusters,
            init=self.init,
            n_init=self.n_init,
            random_state=int(torch.randint(2**31 - 1, ())),
        )
        found = sorted(map(evaluate, partitions), key=lambda candidate: -candidate.agreement)
        neighbors = self._fit.neighbors
        if isinstance(self.init, str) and self.init == "gmm" and neighbors is not None:
            spread = [
                evaluate(propagated_partition(points, candidate.labels, rows, neighbors))
                for candidate in found[:N_PROPAGATED]
            ]
            found = sorted(found + spread, key=lambda candidate: -candidate.agreement)
        chosen = distinct_partitions([candidate.labels for candidate in found], self.n_starts)
        return [found[i].clusters for i in chosen]

    def _evaluate(self, embedding: Tensor, points, rows, labels: np.ndarray) -> Candidate:
        clusters = Clusters.from_labels(
            points,
            labels,
            self._fit.weight[rows],
            self.n_clusters,
            spread=SPREAD if self.metric == "within_cluster" else None,
        )
        self.module_.set_clusters(clusters)
        assignment = self._assign(embedding).detach()
        labels = assignment.argmax(1).cpu().numpy()
        return Candidate(clusters, labels, self._agreement(assignment))

    def _agreement(self, assignment: Tensor) -> float:
        """Mutual information between the clusters of samples and of their neighbours."""
        if self._fit.neighbors is None:
            return float(-information_loss(assignment))
        labels = assignment.argmax(1).cpu().numpy()
        return neighbor_information(labels, self._fit.neighbors.cpu().numpy())

    def _criterion(self, X) -> float:
        """Return the information of the assignment plus the agreement with the neighbours."""
        assignment = self._infer(self._soft, X)
        return float(-information_loss(assignment)) + self._agreement(assignment)
