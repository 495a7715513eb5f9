"""How good clusters are, without labels: by their information and by neighbours in the input."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import entropy
from torch import Tensor

from skdeepclust.graph import neighbor_information
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
