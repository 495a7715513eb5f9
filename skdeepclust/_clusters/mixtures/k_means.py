"""K-means by Lloyd's steps in torch, for devices on which scikit-learn doesn't compute.

From the same centres it finds what `sklearn.cluster.KMeans` finds: the same rule says when to stop
and where a centre goes that no sample is nearest to.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# scikit-learn's: the sum of squared shifts that counts as none, in mean variances of a coordinate;
# and after how many steps centres are left as they are.
TOLERANCE = 1e-4
MAX_STEPS = 300
# At most so many distances are held at a time.
BLOCK_SIZE = 2**25


def k_means_partition(points: Tensor, rows: Tensor, seeds: Tensor) -> Tensor:
    """Fit K-means to some samples, and return the partition that it makes of all.

    Parameters
    ----------
    points : Tensor of shape (n_samples, n_dims)
        What is partitioned.
    rows : Tensor of int64 of shape (n_rows,)
        Samples to which K-means is fitted.
    seeds : Tensor of int64 of shape (n_clusters,)
        Which of these samples are the centres to start from.

    Returns
    -------
    Tensor of int64 of shape (n_samples,)
        The nearest centre of each sample, in [0, n_clusters).
    """
    some = points[rows].double()
    origin = some.mean(0)  # far from it, distances would lose digits
    centers = _fitted_centers(some - origin, seeds)
    blocks = points.split(max(BLOCK_SIZE // len(centers), 1))
    return torch.cat([_nearest(block.double() - origin, centers) for block in blocks])


def _fitted_centers(points: Tensor, seeds: Tensor) -> Tensor:
    """Take Lloyd's steps until centres stay where they are."""
    least_shift = TOLERANCE * points.var(0, correction=0).mean()
    centers, labels = points[seeds], torch.full_like(points[:, 0], -1).long()
    for _ in range(MAX_STEPS):
        before, labels = labels, _nearest(points, centers)
        means = _means(points, labels, centers)
        shift, centers = (means - centers).square().sum(), means
        if bool((shift <= least_shift) | (labels == before).all()):
            break
    return centers


def _nearest(points: Tensor, centers: Tensor) -> Tensor:
    # |x - c|^2 without |x|^2, which is the same for all centres
    return torch.addmm(centers.square().sum(1), points, centers.T, alpha=-2).argmin(1)


def _means(points: Tensor, labels: Tensor, centers: Tensor) -> Tensor:
    """Return the mean of each cluster; to an empty one goes a point that is far from its centre."""
    member = functional.one_hot(labels, len(centers)).to(points)  # (n, k)
    size, total = member.sum(0), member.T @ points
    empty = (size == 0).nonzero()[:, 0]
    if len(empty):
        distance = (points - centers[labels]).square().sum(1)
        far = distance.topk(len(empty)).indices
        size, total = size - member[far].sum(0), total - member[far].T @ points[far]
        size[empty], total[empty] = 1.0, points[far]
    return torch.where(size[:, None] > 0, total / size.clamp_min(1)[:, None], centers)
