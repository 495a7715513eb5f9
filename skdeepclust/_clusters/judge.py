"""How good clusters are, without labels: by their information and by neighbours in the input."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from scipy.stats import entropy
from torch import Tensor

from skdeepclust._engine.runner import Runner
from skdeepclust.graph import neighbor_information
from skdeepclust.graph._input_graph import input_neighbors
from skdeepclust.losses import information_loss


@dataclass(frozen=True)
class Judge:
    """Values assignments to clusters.

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    even : bool
        Whether clusters are expected to be of the same size.
    neighbors : Tensor of int64 of shape (n_samples, n_neighbors) or None
        Neighbours in the input, nearest first.
    """

    n_clusters: int
    even: bool
    neighbors: Tensor | None

    @classmethod
    def learn(
        cls,
        runner: Runner,
        X,
        n_clusters: int,
        cluster_prior: Any,
        n_neighbors: int,
        search: Any,
        once: Callable[[str, Callable[[], Tensor]], Tensor],
    ) -> Self:
        """Find the neighbours.

        Parameters
        ----------
        runner : Runner
            Tells what samples look like.
        X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
            The samples.
        n_clusters : int
            Number of clusters.
        cluster_prior : {"uniform", "estimated"} or array-like of shape (n_clusters,)
            The parameter of an estimator.
        n_neighbors : int
            Number of neighbours; 0: they don't count.
        search : transformer or None
            Finds them; `None`: an exact search.
        once : callable
            `Session.once`.
        """
        even = isinstance(cluster_prior, str) and cluster_prior == "uniform"
        if not n_neighbors:
            return cls(n_clusters, even, None)
        find = partial(input_neighbors, runner, X, n_neighbors, search)
        return cls(n_clusters, even, once("neighbors", find).to(runner.device))

    def agreement(self, labels: np.ndarray, n_nearest: int | None = None) -> float:
        """Return the information between neighbours; its share of their entropy if uneven.

        The information itself prefers to cut a large cluster into halves, at the cost of a small
        one.

        Parameters
        ----------
        labels : ndarray of int of shape (n_samples,)
            Cluster of each sample.
        n_nearest : int, default=None
            How many of the neighbours count; `None`: all of them.
        """
        assert self.neighbors is not None
        neighbors = self.neighbors[:, :n_nearest].cpu().numpy()
        information = neighbor_information(labels, neighbors)
        uncertainty = 1.0 if self.even else entropy(np.bincount(labels))
        return information / uncertainty if uncertainty > 0 else 0.0

    def information(self, assignment: Tensor) -> float:
        """Return H(mean q) - mean H(q); if uneven, its second half alone.

        The latter is in units of the largest entropy.
        """
        if self.even:
            return float(-information_loss(assignment.detach()))
        certainty = torch.special.entr(assignment.detach()).sum(1).mean()
        return 1 - float(certainty) / math.log(max(self.n_clusters, 2))

    def criterion(self, assignment: Tensor) -> float:
        """Return the mean of the information of an assignment and of its neighbours, in [0, 1].

        Parameters
        ----------
        assignment : Tensor of shape (n_samples, n_clusters)
            Probabilities.
        """
        largest = math.log(max(self.n_clusters, 2)) if self.even else 1.0
        information = self.information(assignment) / largest
        if self.neighbors is None:
            return information
        # results are close to each other: the nearer half of the neighbours errs less
        nearer = (self.neighbors.shape[1] + 1) // 2
        agreement = self.agreement(assignment.argmax(1).cpu().numpy(), nearer) / largest
        return float(information + agreement) / 2
