"""The search for initial clusters: random partitions, merged and settled on a graph, and ranked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch

from skdeepclust._clusters.merging import merged_partition
from skdeepclust._clusters.mixtures.gaussians import TOLERANCE
from skdeepclust._clusters.partitions import CPU, candidate_partitions
from skdeepclust._clusters.votes import agreements
from skdeepclust._engine.reports import current_report


class Draw(NamedTuple):
    """How many partitions are drawn, into how many parts."""

    n_parts: int
    n_init: int


@dataclass(frozen=True)
class Merger:
    """Merges partitions of more parts than clusters along a graph.

    Parameters
    ----------
    edges : callable
        Returns the weight of the edges between the parts of a partition.
    likeness : callable
        Returns from these weights how alike parts are.
    """

    edges: Callable[[np.ndarray], np.ndarray]
    likeness: Callable[[np.ndarray], np.ndarray]

    def __call__(self, labels: np.ndarray, n_clusters: int) -> np.ndarray:
        """Return a partition of at most `n_clusters` parts."""
        return merged_partition(labels, n_clusters, self.edges, self.likeness)


@dataclass(frozen=True)
class Partitioner:
    """Partitions of an embedding.

    Parameters
    ----------
    points : ndarray of shape (n_samples, n_components)
        The embedding.
    n_clusters : int
        Number of clusters.
    rows : ndarray of int
        Samples on which partitions are found.
    init : {"gmm", "kmeans"}, array of shape (n_clusters, n_components) or callable
        See :func:`~skdeepclust._clusters.partitions.candidate_partitions`.
    random_state : int
        Seed.
    draws : sequence of Draw
        Partitions into several numbers of parts, one after the other.
    merge : Merger, default=None
        What is made of those of other draws than the plain one, `Draw(n_clusters, ...)`.
    device : torch.device, default=CPU
        Where mixtures are fitted.
    tolerance : float
        A mixture has settled when its mean log-likelihood changes by less.
    """

    points: np.ndarray
    n_clusters: int
    rows: np.ndarray
    init: Any
    random_state: int
    draws: Sequence[Draw]
    merge: Merger | None = None
    device: torch.device = CPU
    tolerance: float = TOLERANCE

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(draw.n_init for draw in self.draws) if isinstance(self.init, str) else 1

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the partitions, ndarrays of int of shape (n_samples,)."""
        for n_parts, n_init in self.draws:
            for labels in candidate_partitions(
                self.points,
                n_parts,
                rows=self.rows,
                init=self.init,
                n_init=n_init,
                random_state=self.random_state,
                device=self.device,
                tolerance=self.tolerance,
            ):
                if self.merge is not None and n_parts != self.n_clusters:
                    labels = self.merge(labels, self.n_clusters)
                yield labels


@dataclass(frozen=True)
class Together:
    """The partitions of several partitioners, one after the other.

    Parameters
    ----------
    partitioners : sequence of Partitioner
        What draws them.
    """

    partitioners: Sequence[Partitioner]

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(map(len, self.partitioners))

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the partitions."""
        return chain.from_iterable(self.partitioners)


class Candidate(NamedTuple):
    """A partition and its merit."""

    merit: Any
    labels: np.ndarray


@dataclass(frozen=True)
class StartFinder:
    """Ranks partitions, and what becomes of them on a graph.

    Parameters
    ----------
    partitions : Partitioner or Together
        The candidates.
    judge : callable
        Returns the merit of labels, the larger the better.
    settle : callable, default=None
        Returns labels after they have spread over a graph.
    n_settled : int, default=None
        So many of the best candidates settle, and stand beside what they were; `None`: all do, in
        place of what they were.
    """

    partitions: Partitioner | Together
    judge: Callable[[np.ndarray], Any]
    settle: Callable[[np.ndarray], np.ndarray] | None = None
    n_settled: int | None = None

    def ranked(self) -> list[Candidate]:
        """Return all candidates, the best one first, of equal ones the earlier one."""
        drawn = current_report().track("candidates", self.partitions, len(self.partitions))
        if self.settle is None:
            return self._judged(drawn)
        if self.n_settled is None:
            return self._judged(map(self.settle, drawn))
        found = self._judged(drawn)
        settled = self._judged(self.settle(each.labels) for each in found[: self.n_settled])
        return best_first([*found, *settled])

    def _judged(self, partitions: Iterable[np.ndarray]) -> list[Candidate]:
        return best_first(Candidate(self.judge(labels), labels) for labels in partitions)


def best_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return candidates by falling merit, of equal ones the earlier one first."""
    return sorted(candidates, key=lambda each: each.merit, reverse=True)


def most_central(candidates: Sequence[Candidate], rows: np.ndarray) -> Candidate:
    """Return the candidate that is most like the other ones, by their adjusted Rand index.

    What several good partitions have in common is seldom an accident of the merit.

    Parameters
    ----------
    candidates : sequence of Candidate
        Partitions, one at least.
    rows : ndarray of int
        Samples on which they are compared.
    """
    return candidates[int(agreements([each.labels[rows] for each in candidates]).argmax())]
