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


class Start(NamedTuple):
    """A partition to start from, its centres and metric, and how well it suits the neighbours."""

    labels: np.ndarray
    clusters: Clusters
    agreement: float


class InitialClustersMixin(InputGraphMixin):
    """Adds `_starts` and `_criterion` to a clusterer.

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

    def _starts(self, X) -> list[Start]:
        """Return the partitions that most agree with the neighbours in the input."""
        rows = self._some_rows(X.shape[0], MAX_SAMPLES)
        rows = np.arange(X.shape[0]) if rows is None else rows
        rows = rows[self._fit.weight[rows] > 0]
        embedding = self._infer(self._embed, X).double().cpu().numpy()
        partitions = candidate_partitions(
            embedding,
            self.n_clusters,
            rows=rows,
            init=self.init,
            n_init=self.n_init,
            random_state=int(torch.randint(2**31 - 1, ())),
        )
        evaluate = partial(self._evaluate, embedding)
        found = sorted(map(evaluate, partitions), key=lambda start: -start.agreement)
        neighbors = self._fit.neighbors
        if isinstance(self.init, str) and self.init == "gmm" and neighbors is not None:
            propagated = [
                evaluate(propagated_partition(embedding, start.labels, neighbors, rows=rows))
                for start in found[:N_PROPAGATED]
            ]
            found = sorted(found + propagated, key=lambda start: -start.agreement)
        chosen = distinct_partitions([start.labels for start in found], self.n_starts)
        return [found[i] for i in chosen]

    def _evaluate(self, embedding: np.ndarray, labels: np.ndarray) -> Start:
        clusters = Clusters.from_labels(
            embedding,
            labels,
            self._fit.weight,
            self.n_clusters,
            spread=SPREAD if self.metric == "within_cluster" else None,
        )
        if self._fit.neighbors is None:
            self.module_.set_clusters(clusters)
            points = torch.from_numpy(embedding).to(self.module_.metric)
            agreement = self._information(self._assign(points))
        else:
            agreement = neighbor_information(labels, self._fit.neighbors.cpu().numpy())
        return Start(labels, clusters, agreement)

    def _criterion(self, X) -> float:
        """Return the information of the assignment plus the agreement with the neighbours."""
        assignment = self._infer(self._soft, X)
        information = self._information(assignment)
        if self._fit.neighbors is None:
            return information
        # results are close to each other: the nearer half of the neighbours errs less
        nearer = self._fit.neighbors[:, : (self._fit.neighbors.shape[1] + 1) // 2].cpu().numpy()
        return information + neighbor_information(assignment.argmax(1).cpu().numpy(), nearer)

    @staticmethod
    def _information(assignment: Tensor) -> float:
        return float(-information_loss(assignment.detach()))
