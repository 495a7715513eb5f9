"""What follows from links and labels: groups of samples, and where they contradict each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from skdeepclust._inputs.links import named_pairs


def chained(label: np.ndarray) -> np.ndarray:
    """Return links that join all samples of a label, one fewer than they are."""
    order = np.argsort(label, kind="stable")
    order = order[label[order] >= 0]
    same = label[order[1:]] == label[order[:-1]]
    return np.stack([order[:-1][same], order[1:][same]], axis=1)


def components(pairs: np.ndarray, n_nodes: int) -> np.ndarray:
    """Return the number of the piece of a graph in which each node lies."""
    if not n_nodes:
        return np.empty(0, dtype=np.intp)
    graph = sparse.coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(n_nodes, n_nodes))
    return connected_components(graph.tocsr(), directed=False)[1]


def memberships(sets: list[np.ndarray], n_groups: int) -> Any:
    """Return 1 for the groups of each set."""
    place = np.repeat(np.arange(len(sets)), [len(each) for each in sets])
    groups = np.concatenate([np.empty(0, dtype=np.intp), *sets])
    return sparse.csr_array((np.ones(len(groups)), (place, groups)), shape=(len(sets), n_groups))


def refuse_pairs(cannot_link: np.ndarray, group: np.ndarray, label: np.ndarray) -> None:
    """Raise ValueError if a pair is to be apart that has to be together."""
    one, other = cannot_link.T
    alone = cannot_link[one == other]
    if len(alone):
        raise ValueError(
            f"cannot_link holds {named_pairs(alone)}, but a sample is always in its own cluster. "
            "Leave such pairs out."
        )
    bad = cannot_link[group[one] == group[other]]
    if len(bad):
        of_one, of_other = label[bad[0]]
        by = "must_link joins them, by itself or through other samples"
        by = "their known_labels are the same" if of_one == of_other >= 0 else by
        raise ValueError(f"cannot_link holds {named_pairs(bad)}, but {by}. Leave out one of both.")


def groups_of_labels(group: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return the group of each label; two labels in one group contradict each other."""
    labels, first = np.unique(label, return_index=True)
    first = first[labels >= 0]
    groups, place = np.unique(group[first], return_inverse=True)
    if len(groups) < len(first):
        one, other = first[place == np.bincount(place).argmax()][:2]
        raise ValueError(
            f"must_link joins the samples {one} and {other}, by itself or through other samples, "
            "but their known_labels differ. Leave out a link or a label."
        )
    return groups
