"""What is known of samples before a fit: which share a cluster, and which don't."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp
from torch import Tensor

from skdeepclust._clusters.known.closure import (
    chained,
    components,
    groups_of_labels,
    memberships,
    refuse_pairs,
)
from skdeepclust._inputs.links import named_pairs
from skdeepclust.graph import smooth_over_graph

# A share of few samples says little: it counts as if there were so many more for each cluster, all
# of them where they belong.
MORE_FOR_EACH_CLUSTER = 10
# Weight of that share in what partitions are worth: their information alone prefers clusters that
# are far from each other to those that are asked for.
WEIGHT_OF_LINKS = 2.0
# What samples without a link weigh against those with one, where clusters spread over neighbours:
# the most if all links hold already, the least if many don't.
WEIGHTS_OF_OTHERS = (0.005, 0.1)
# Weight of the neighbours there, and number of steps.
SPREAD_WEIGHT, SPREAD_STEPS = 0.9, 40
# Nodes of the search for an assignment of the least cost, at most.
MAX_NODES = 10_000
# Groups of as many samples are halved to see what one half says of the other.
LARGE = 4
# A probability of 0 costs as much as this one.
LEAST_PROBABILITY = 1e-12


@dataclass(frozen=True, eq=False)
class Links:
    """Groups of samples that share a cluster, and sets of groups that are apart from each other.

    Parameters
    ----------
    group : ndarray of int of shape (n_samples,)
        Group of each sample, -1 for samples of which nothing is known.
    apart : csr_array of shape (n_sets, n_groups)
        1 for the groups of a set, of which no two share a cluster.
    """

    group: np.ndarray
    apart: Any

    @classmethod
    def learn(
        cls, must_link: np.ndarray, cannot_link: np.ndarray, label: np.ndarray, n_clusters: int
    ) -> Self:
        """Close links under what follows from them.

        Parameters
        ----------
        must_link, cannot_link : ndarray of int of shape (n_links, 2)
            Pairs of samples.
        label : ndarray of int of shape (n_samples,)
            Index of the known label of each sample, -1 where there is none.
        n_clusters : int
            Number of clusters.

        Raises
        ------
        ValueError
            If they contradict each other, or can't be kept by so many clusters.
        """
        joined = np.concatenate([must_link[must_link[:, 0] != must_link[:, 1]], chained(label)])
        of_sample = components(joined, len(label))
        is_known = label >= 0
        is_known[joined] = is_known[cannot_link] = True
        group = np.full(len(label), -1)
        _, group[is_known] = np.unique(of_sample[is_known], return_inverse=True)
        refuse_pairs(cannot_link, group, label)
        classes = groups_of_labels(group, label)
        if len(classes) > n_clusters:
            raise ValueError(
                f"known_labels holds {len(classes)} different labels, each of which needs a "
                f"cluster of its own, but n_clusters={n_clusters}."
            )
        pairs = np.unique(np.sort(group[cannot_link], axis=1), axis=0)
        pairs = pairs[~np.isin(pairs, classes).all(axis=1)]
        sets = [*([classes] if len(classes) > 1 else []), *pairs]
        links = cls(group, memberships(sets, group.max(initial=-1) + 1))
        links._refuse_too_many(n_clusters)
        return links

    @classmethod
    def none(cls, n_samples: int) -> Self:
        """Return what is known if nothing is, of so many samples or of any."""
        return cls(np.full(n_samples, -1), sparse.csr_array((0, 0)))

    def __bool__(self) -> bool:
        """Tell whether anything is known."""
        return bool(len(self.rows))

    # -- what it consists of
    @cached_property
    def rows(self) -> np.ndarray:
        """Samples of which something is known."""
        return np.flatnonzero(self.group >= 0)

    @cached_property
    def _members(self) -> Any:
        """1 for the members of each group, of shape (n_groups, len(rows))."""
        place = (self.group[self.rows], np.arange(len(self.rows)))
        return sparse.csr_array((np.ones(len(self.rows)), place))

    @cached_property
    def conflicts(self) -> np.ndarray:
        """Pairs of groups that are apart, both ways, of shape (n, 2), in order."""
        both = sparse.coo_array(self.apart.T @ self.apart)
        pairs = np.stack([both.row, both.col], axis=1).astype(np.intp)
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]

    @cached_property
    def _islands(self) -> np.ndarray:
        """Groups that lie in one piece of the graph of conflicts have the same number."""
        return components(self.conflicts, self.apart.shape[1])

    # -- assignments that keep the links
    def settled(self, costs: np.ndarray) -> np.ndarray:
        """Return the cluster of each sample at the least total cost at which all links hold.

        Parameters
        ----------
        costs : ndarray of shape (n_samples, n_clusters)
            What each cluster costs for each sample.
        """
        labels = costs.argmin(axis=1)
        if self:
            of_group = self._members @ costs[self.rows].astype(np.float64)
            labels[self.rows] = self._cheapest(of_group)[self.group[self.rows]]
        return labels

    def _cheapest(self, costs: np.ndarray) -> np.ndarray:
        """Return the cluster of each group; islands without a clash are where they want to be."""
        labels = costs.argmin(axis=1)
        one, other = self.conflicts.T
        for island in np.unique(self._islands[one[labels[one] == labels[other]]]):
            groups = np.flatnonzero(self._islands == island)
            labels[groups] = self._program(groups, costs[groups])
        return labels

    def _program(self, groups: np.ndarray, costs: np.ndarray) -> np.ndarray:
        """Solve the integer program of some groups in all clusters."""
        n_groups, n_clusters = costs.shape
        apart = self.apart[:, groups]
        apart = apart[np.flatnonzero(apart.sum(axis=1) > 1)]
        one_each = sparse.kron(sparse.eye_array(n_groups), np.ones((1, n_clusters)), format="csr")
        at_most_one = sparse.kron(apart, sparse.eye_array(n_clusters), format="csr")
        spread = costs - costs.min(axis=1, keepdims=True)
        found = milp(
            (spread / (spread.max() or 1.0)).ravel(),
            integrality=np.ones(costs.size, dtype=np.intp),
            bounds=Bounds(0, 1),
            constraints=[LinearConstraint(one_each, 1, 1), LinearConstraint(at_most_one, -1, 1)],
            options={"node_limit": MAX_NODES},
        )
        if found.x is None:
            raise ValueError(self._too_many(groups, n_clusters))
        return found.x.reshape(costs.shape).argmax(axis=1)

    def _too_many(self, groups: np.ndarray, n_clusters: int) -> str:
        """Say that some groups, with the first sample of each, don't find a place."""
        one, other = self.conflicts[np.isin(self.conflicts, groups).all(axis=1)].T
        first = self.rows[np.unique(self.group[self.rows], return_index=True)[1]]
        pairs = np.stack([first[one], first[other]], axis=1)[one < other]
        return (
            f"cannot_link can't hold in n_clusters={n_clusters} clusters: all of the samples "
            f"{named_pairs(pairs)} have to be apart. Give more clusters, or leave out links."
        )

    def _refuse_too_many(self, n_clusters: int) -> None:
        """Raise ValueError if so many clusters can't keep the links.

        A group with fewer conflicts than clusters finds a place whatever the others do.
        """
        n_groups, conflicts = self.apart.shape[1], self.conflicts
        left, n_before = np.arange(n_groups), n_groups + 1
        while len(left) < n_before:
            n_before = len(left)
            degree = np.bincount(conflicts[:, 0], minlength=n_groups)[left]
            left = left[degree >= n_clusters]
            conflicts = conflicts[np.isin(conflicts, left).all(axis=1)]
        if len(left):
            # costs that differ: a program with many equal answers takes long
            self._program(left, np.random.default_rng(0).random((len(left), n_clusters)))

    # -- partitions to start from, and what they are worth
    def penalty(self, labels: np.ndarray, n_clusters: int) -> float:
        """Return twice the share of the linked samples that aren't where the links hold.

        Parameters
        ----------
        labels : ndarray of int of shape (n_samples,)
            Cluster of each sample.
        n_clusters : int
            Number of clusters.
        """
        return self._penalty(self._moved(labels, n_clusters).sum(), n_clusters) if self else 0.0

    def _penalty(self, n_moved: int, n_clusters: int) -> float:
        n_counted = len(self.rows) + MORE_FOR_EACH_CLUSTER * n_clusters
        return WEIGHT_OF_LINKS * float(n_moved) / n_counted

    def _moved(self, labels: np.ndarray, n_clusters: int) -> np.ndarray:
        """Tell which samples have to move for the links to hold."""
        return self.settled(1 - np.eye(n_clusters)[labels]) != labels

    def held_out_penalty(self, labels: np.ndarray, neighbors: Tensor, n_clusters: int) -> float:
        """Return the penalty of each half of the linked samples after the other one has spread.

        What has spread keeps the links that it is made of, which says nothing.
        """
        n_moved = 0
        for half in (0, 1):
            held_out = self.rows[self._halves == half]
            found = self._without(held_out).spread(labels, neighbors, n_clusters)
            moved = self._moved(found.argmax(1).cpu().numpy(), n_clusters)
            n_moved += moved[held_out].sum()
        return self._penalty(n_moved, n_clusters)

    @cached_property
    def _halves(self) -> np.ndarray:
        """0 or 1 for each linked sample: large groups are halved at random, others go whole."""
        group = self.group[self.rows]
        # not by their order, which may tell something
        order = np.lexsort((np.random.default_rng(0).random(len(group)), group))
        size = np.bincount(group)
        rank = np.empty_like(group)
        rank[order] = np.arange(len(group)) - np.repeat(size.cumsum() - size, size)
        is_large = size >= LARGE
        beside_large = np.isin(self._islands, self._islands[is_large])
        of_group = np.where(beside_large, np.arange(len(size)), self._islands)
        return np.where(is_large[group], rank, of_group[group]) % 2

    def _without(self, rows: np.ndarray) -> Links:
        group = self.group.copy()
        group[rows] = -1
        there, group[group >= 0] = np.unique(group[group >= 0], return_inverse=True)
        return Links(group, self.apart[:, there])

    def kept_by(self, labels: np.ndarray, neighbors: Tensor | None, n_clusters: int) -> np.ndarray:
        """Return a partition in which the links hold; neighbours tell where samples may go."""
        if not self:
            return labels
        values = torch.eye(n_clusters)[torch.from_numpy(labels)]
        if neighbors is not None:
            values = smooth_over_graph(values.to(neighbors.device), neighbors).cpu()
        kept = self.settled(1 - values.numpy())
        return np.where(self.group < 0, labels, kept)

    def weight_of_others(self, labels: np.ndarray, n_clusters: int) -> float:
        """Return what the own cluster of a sample without a link weighs, that of linked ones 1."""
        least, most = WEIGHTS_OF_OTHERS
        return max(most - self.penalty(labels, n_clusters), least)

    def spread(self, labels: np.ndarray, neighbors: Tensor, n_clusters: int) -> Tensor:
        """Let the clusters of linked samples spread over a graph; others hold on to their own.

        The less a partition agrees with the links, the less it is held on to.

        Parameters
        ----------
        labels : ndarray of int of shape (n_samples,)
            A partition.
        neighbors : Tensor of int64 of shape (n_samples, n_neighbors)
            Neighbours of each sample.
        n_clusters : int
            Number of clusters.

        Returns
        -------
        Tensor of shape (n_samples, n_clusters)
            How much of each cluster reaches a sample.
        """
        kept = torch.from_numpy(self.kept_by(labels, neighbors, n_clusters))
        values = torch.eye(n_clusters)[kept]
        values[self.group < 0] *= self.weight_of_others(labels, n_clusters)
        return smooth_over_graph(
            values.to(neighbors.device), neighbors, weight=SPREAD_WEIGHT, n_steps=SPREAD_STEPS
        )

    # -- training
    def clamped(self, assignment: Tensor) -> Tensor:
        """Return an assignment in which linked samples surely are where the links hold."""
        if not self:
            return assignment
        labels = torch.from_numpy(self.settled(_costs(assignment))[self.rows])
        clamped = assignment.clone()
        clamped[self.rows] = torch.eye(assignment.shape[1])[labels].to(assignment)
        return clamped

    def targets(self, target: Tensor) -> Tensor:
        """Return targets of which a group shares the mean, with no two apart in one cluster.

        Where the largest of both is the same, it changes places with another one, where that
        costs the least.

        Parameters
        ----------
        target : Tensor of shape (n_samples, n_clusters)
            P of Eq. 3.
        """
        if not self:
            return target
        size = self._members.sum(axis=1)[:, None]
        mean = self._members @ target[self.rows].cpu().double().numpy() / size
        labels = self._cheapest(-size * np.log(mean.clip(LEAST_PROBABILITY)))
        groups, top = np.arange(len(mean)), mean.argmax(axis=1)
        mean[groups, top], mean[groups, labels] = mean[groups, labels], mean[groups, top]
        shared = target.clone()
        shared[self.rows] = torch.from_numpy(mean[self.group[self.rows]]).to(target)
        return shared

    def admissible(self, outside: Tensor, idx: Tensor) -> Tensor:
        """Return which samples of a batch may be negatives: none of the own group, all apart.

        Parameters
        ----------
        outside : Tensor of bool of shape (n, n)
            Which may be by other rules.
        idx : Tensor of int64 of shape (n,)
            The samples.
        """
        if not self:
            return outside
        groups, keys = self._on(idx.device)
        group, n_groups = groups[idx], self.apart.shape[1]
        one, other = group[:, None], group
        is_apart = (one >= 0) & (other >= 0) & torch.isin(one * n_groups + other, keys)
        return (outside & ((one != other) | (one < 0))) | is_apart

    def _on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return the groups of samples and the keys of conflicts, which move to a device once."""
        if device not in self._moved_to:
            keys = self.conflicts @ np.array([self.apart.shape[1], 1])
            groups, keys = (torch.from_numpy(each).to(device) for each in (self.group, keys))
            self._moved_to[device] = groups, keys
        return self._moved_to[device]

    @cached_property
    def _moved_to(self) -> dict[torch.device, tuple[Tensor, Tensor]]:
        """What `_on` has moved."""
        return {}


NOTHING = Links.none(0)


def settled_labels(assignment: Tensor, links: Links) -> np.ndarray:
    """Return the most probable clusters at which all links hold.

    Parameters
    ----------
    assignment : Tensor of shape (n_samples, n_clusters)
        Probabilities.
    links : Links
        What is known.
    """
    return links.settled(_costs(assignment)) if links else assignment.argmax(1).cpu().numpy()


def _costs(assignment: Tensor) -> np.ndarray:
    return -np.log(assignment.detach().cpu().double().numpy().clip(LEAST_PROBABILITY))
