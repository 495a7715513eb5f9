"""How good clusters are, without labels: by their information and by neighbours in the input."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from scipy.stats import entropy
from torch import Tensor

from skdeepclust._clusters.known.links import NOTHING, Links
from skdeepclust._clusters.partitions import CPU
from skdeepclust._clusters.prior import check_prior
from skdeepclust._engine.runner import Runner
from skdeepclust.graph import count_edges, neighbor_information, smooth_over_graph
from skdeepclust.graph._input_graph import Projection, input_neighbors, principal_components
from skdeepclust.losses import information_loss

# Partitions of the input are compared by so many times as many neighbours as results are: small
# neighbourhoods of a table are those of its categories ...
TIMES_NEIGHBORS = 5
# ... but by no more than this share of the samples that there are for each cluster.
SHARE_OF_CLUSTER = 0.5
# Where sizes aren't given, this much of what neighbours leave uncertain is taken off what they
# tell: that alone would rather cut a large cluster into halves than find a small one.
UNCERTAINTY_WEIGHT = 0.5


def number_of_wide_neighbors(n_neighbors: int, n_samples: int, n_clusters: int) -> int:
    """Return by how many neighbours partitions of the input are compared."""
    of_cluster = int(SHARE_OF_CLUSTER * n_samples / n_clusters)
    return min(TIMES_NEIGHBORS * n_neighbors, max(n_neighbors, of_cluster))


@dataclass(frozen=True)
class Judge:
    """Values assignments to clusters.

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    even : bool
        Whether clusters are expected to be of the same size.
    wide_neighbors : Tensor of int64 of shape (n_samples, n) or None
        Neighbours in the input, nearest first.
    n_neighbors : int
        So many of them count, unless partitions of the input itself are compared.
    uncertainty_weight : float, default=0.0
        Weight of what neighbours leave uncertain, in the merit of an initial partition.
    components : callable, default=None
        Returns principal components of the samples, in which the neighbours are.
    links : Links, default=NOTHING
        What is known of the samples.
    device : torch.device, default=CPU
        Where the network is.
    """

    n_clusters: int
    even: bool
    wide_neighbors: Tensor | None
    n_neighbors: int
    uncertainty_weight: float = 0.0
    components: Callable[[], np.ndarray] | None = None
    links: Links = NOTHING
    device: torch.device = CPU

    @classmethod
    def learn(
        cls,
        runner: Runner,
        X,
        n_clusters: int,
        cluster_prior: Any,
        n_neighbors: int,
        search: Any,
        once: Callable[[str, Callable[[], Any]], Any],
        links: Links = NOTHING,
    ) -> Self:
        """Check the prior, and find the neighbours.

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
        links : Links, default=NOTHING
            What is known of the samples.
        """
        check_prior(cluster_prior, n_clusters)
        even = isinstance(cluster_prior, str) and cluster_prior != "estimated"
        weight = UNCERTAINTY_WEIGHT if even and cluster_prior != "uniform" else 0.0
        if not n_neighbors:
            return cls(n_clusters, even, None, 0, links=links, device=runner.device)
        n_wide = number_of_wide_neighbors(n_neighbors, X.shape[0], n_clusters)

        def find() -> tuple[Tensor, np.ndarray, np.ndarray]:
            projection = principal_components(runner, X)
            return input_neighbors(runner, X, projection, n_wide, search), *projection

        neighbors, origin, axes = once("neighbors", find)

        def components() -> np.ndarray:
            return runner.infer(Projection(origin, axes), X).cpu().numpy()

        neighbors = neighbors.to(runner.device)
        return cls(
            n_clusters, even, neighbors, n_neighbors, weight, components, links, runner.device
        )

    @property
    def neighbors(self) -> Tensor | None:
        """The nearest neighbours, of shape (n_samples, n_neighbors), or None."""
        wide = self.wide_neighbors
        return None if wide is None else wide[:, : self.n_neighbors]

    def agreement(self, labels: np.ndarray, n_nearest: int | None = None) -> float:
        """Return the information between neighbours; its share of their entropy if uneven.

        The information itself prefers to cut a large cluster into halves, at the cost of a small
        one.

        Parameters
        ----------
        labels : ndarray of int of shape (n_samples,)
            Cluster of each sample.
        n_nearest : int, default=None
            How many of the neighbours count; `None`: `n_neighbors`.
        """
        return self._agreement(labels, n_nearest or self.n_neighbors)

    def wide_agreement(self, labels: np.ndarray) -> float:
        """Return the same of all neighbours."""
        return self._agreement(labels, None)

    def merit(self, labels: np.ndarray) -> float:
        r"""Return the merit of an initial partition, :math:`I - \lambda (H - I)`.

        I is the agreement, H the entropy of the partition, lambda `uncertainty_weight`. What
        breaks links has less, by the share of the linked samples that would have to move.
        """
        return self._merit(labels, self.agreement(labels))

    def wide_merit(self, labels: np.ndarray) -> float:
        """Return the same by all neighbours, by which partitions of the input are compared."""
        return self._merit(labels, self.wide_agreement(labels))

    def _merit(self, labels: np.ndarray, agreement: float) -> float:
        uncertainty = float(entropy(np.bincount(labels))) - agreement
        return agreement - self.uncertainty_weight * uncertainty - self.penalty(labels)

    @property
    def largest(self) -> float:
        """The largest agreement that there is."""
        return math.log(max(self.n_clusters, 2)) if self.even else 1.0

    def penalty(self, labels: np.ndarray) -> float:
        """Return what is taken off the merit of labels for the links that they break."""
        return self.largest * self.links.penalty(labels, self.n_clusters)

    def _agreement(self, labels: np.ndarray, n_nearest: int | None) -> float:
        assert self.wide_neighbors is not None
        neighbors = self.wide_neighbors[:, :n_nearest].cpu().numpy()
        information = neighbor_information(labels, neighbors)
        uncertainty = 1.0 if self.even else entropy(np.bincount(labels))
        return information / uncertainty if uncertainty > 0 else 0.0

    def keeping_links(self, labels: np.ndarray) -> np.ndarray:
        """Return a partition in which the links hold."""
        return self.links.kept_by(labels, self.neighbors, self.n_clusters)

    def smoothed(self, assignment: Tensor) -> Tensor:
        """Return an assignment in which samples take after their neighbours, and links hold."""
        clamped = self.links.clamped(assignment)
        return clamped if self.neighbors is None else smooth_over_graph(clamped, self.neighbors)

    def share_of(self, start: np.ndarray, labels: np.ndarray) -> float:
        """Return how much of the agreement of a start labels have, near or wide, the larger one."""
        both = (self.agreement, self.wide_agreement)
        return max(value(labels) / (value(start) or 1.0) for value in both)

    def edges(self, labels: np.ndarray) -> np.ndarray:
        """Count the edges between clusters, in both directions.

        Parameters
        ----------
        labels : ndarray of int of shape (n_samples,)
            Cluster of each sample.
        """
        assert self.neighbors is not None
        counts = count_edges(labels, self.neighbors.cpu().numpy())
        return counts + counts.T

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
        largest, labels = self.largest, assignment.argmax(1).cpu().numpy()
        information = self.information(assignment) / largest
        broken = self.penalty(labels) / largest
        if self.neighbors is None:
            return information - broken
        # results are close to each other: the nearer half of the neighbours errs less
        nearer = (self.n_neighbors + 1) // 2
        agreement = self.agreement(labels, nearer) / largest
        return float(information + agreement) / 2 - broken
