"""Clusters that die are split anew."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from skdeepclust.losses._clustering import add_rows_


@torch.no_grad()
def revive(
    assignment: Tensor,
    embed: Callable[[], Tensor],
    assign: Callable[[Tensor], Tensor],
    sample_weight: Tensor,
    *,
    centers: Tensor,
    metric: Tensor,
    prior: Tensor | None,
) -> Tensor:
    """Give clusters without samples a half of the largest; return the assignment after it.

    Parameters
    ----------
    assignment : Tensor of shape (n, n_clusters)
        Soft assignment of the samples.
    embed : callable
        Returns their embedding (n, n_components).
    assign : callable
        Returns the soft assignment of an embedding.
    sample_weight : Tensor of shape (n,)
        Weights of the samples; those of weight 0 don't count.
    centers : Tensor of shape (n_clusters, n_components)
        Centres under the metric; changed in place.
    metric : Tensor of shape (n_components, n_components)
        The metric.
    prior : Tensor of shape (n_clusters,) or None
        Shares that clusters are expected to have.
    """
    labels = assignment.argmax(1)
    size = add_rows_(sample_weight.new_zeros(len(centers)), labels, sample_weight)
    if bool((size > 0).all()):
        return assignment
    embedding, rows = embed(), sample_weight > 0
    points = embedding @ metric
    weight = sample_weight[rows]
    moved = split_into_dead(points[rows], labels[rows], centers, weight, prior)
    return assign(embedding) if moved else assignment


def split_into_dead(
    points: Tensor,
    labels: Tensor,
    centers: Tensor,
    sample_weight: Tensor,
    share: Tensor | None = None,
) -> int:
    """Let each centre without samples have half of the largest cluster.

    That cluster is cut through its mean, across its principal direction, and both centres become
    the means of its halves. A cluster of equal points can't be cut.

    Parameters
    ----------
    points : Tensor of shape (n, n_components)
        Samples.
    labels : Tensor of int64 of shape (n,)
        Centre of each sample.
    centers : Tensor of shape (n_clusters, n_components)
        Centres; changed in place.
    sample_weight : Tensor of shape (n,)
        Positive weights of the samples.
    share : Tensor of shape (n_clusters,), default=None
        Shares that clusters are expected to have, by which their sizes are compared; `None`: the
        same for all.

    Returns
    -------
    int
        How many centres were moved.
    """
    labels = labels.clone()
    size = add_rows_(torch.zeros_like(centers[:, 0]), labels, sample_weight.to(centers))
    empty = (size == 0).nonzero().flatten().tolist()
    for moved, dead in enumerate(empty):
        largest = int((size if share is None else size / share).argmax())
        members = (labels == largest).nonzero().flatten()
        rest = points[members] - points[members].mean(0)
        direction = torch.linalg.eigh(rest.T @ rest).eigenvectors[:, -1]
        half = members[rest @ direction > 0]
        if not 0 < len(half) < len(members):
            return moved
        labels[half] = dead
        for cluster in (largest, dead):
            own = labels == cluster
            centers[cluster] = points[own].mean(0)
            size[cluster] = sample_weight[own].sum()
    return len(empty)
