"""K-means as a loss of an embedding, with hard and with soft assignments, and moving centres.

Shapes: n samples, k clusters, d dimensions of the embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor

from skdeepclust.losses._clustering import (
    check_sample_weight,
    pairwise_squared_distances,
    tiny,
    weighted_mean,
)


def kmeans_loss(
    embedding: Tensor, centers: Tensor, labels: Tensor, *, sample_weight: Tensor | None = None
) -> Tensor:
    r"""Mean squared distance :math:`mean_i |z_i - \mu_{s_i}|^2` of samples to their centres.

    Parameters
    ----------
    embedding : Tensor of shape (n, d)
        Embedded samples z.
    centers : Tensor of shape (k, d)
        Cluster centres mu.
    labels : Tensor of int of shape (n,)
        Cluster s of each sample.
    sample_weight : Tensor of shape (n,), default=None
        Non-negative weights of the samples in the mean; None: all 1.

    Returns
    -------
    Tensor of shape ()
        The loss; 0 where samples lie on their centres.

    References
    ----------
    B. Yang, X. Fu, N. D. Sidiropoulos, M. Hong (2017). Towards K-means-friendly Spaces:
    Simultaneous Deep Learning and Clustering. ICML. The second term of equation (4).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import kmeans_loss
    >>> z, centers = torch.tensor([[1.0], [4.0]]), torch.tensor([[0.0], [4.0]])
    >>> kmeans_loss(z, centers, torch.tensor([0, 1]))
    tensor(0.5000)
    """
    return weighted_mean((embedding - centers[labels]).square().sum(1), sample_weight)


def running_centers(
    centers: Tensor,
    counts: Tensor,
    embedding: Tensor,
    labels: Tensor,
    *,
    sample_weight: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Centres that follow their samples, :math:`\mu_k \leftarrow \mu_k - (\mu_k - z_i) / c_k`.

    One step for each sample i of cluster k, where :math:`c_k` counts all samples that it has had.
    Together the steps of a batch make the mean of the batch's samples and of `counts` copies of
    the centre, in whatever order they are made.

    Parameters
    ----------
    centers : Tensor of shape (k, d)
        Cluster centres mu.
    counts : Tensor of shape (k,)
        Samples that each cluster has had.
    embedding : Tensor of shape (n, d)
        Embedded samples z of a batch.
    labels : Tensor of int of shape (n,)
        Cluster of each sample.
    sample_weight : Tensor of shape (n,), default=None
        For how many samples each one counts; None: for 1.

    Returns
    -------
    centers : Tensor of shape (k, d)
        The centres after the batch.
    counts : Tensor of shape (k,)
        The counts after it.

    References
    ----------
    B. Yang, X. Fu, N. D. Sidiropoulos, M. Hong (2017). Towards K-means-friendly Spaces:
    Simultaneous Deep Learning and Clustering. ICML. Equation (8).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import running_centers
    >>> z, labels = torch.tensor([[3.0], [5.0]]), torch.tensor([0, 0])
    >>> running_centers(torch.zeros(2, 1), torch.ones(2), z, labels)
    (tensor([[2.6667],
            [0.0000]]), tensor([3., 1.]))
    """
    # torch's one_hot waits for the device
    one_hot = labels[:, None] == torch.arange(len(centers), device=labels.device)
    one_hot = one_hot.to(embedding.dtype)
    if sample_weight is not None:
        one_hot = one_hot * check_sample_weight(sample_weight, embedding)[:, None]
    added = one_hot.sum(0)
    total = counts + added
    # the mean of the cluster's samples in the batch first: products of weights don't underflow
    share = one_hot / added.clamp_min(tiny(added))
    step = (added / total.clamp_min(tiny(total)))[:, None]
    return centers + step * (share.T @ embedding - centers), total


def softmax_assignment(embedding: Tensor, centers: Tensor, *, alpha: float | Tensor) -> Tensor:
    r"""Soft assignment :math:`g_{ij} \propto \exp(-\alpha |z_i - \mu_j|^2)`.

    Parameters
    ----------
    embedding : Tensor of shape (n, d)
        Embedded samples z.
    centers : Tensor of shape (k, d)
        Cluster centres mu.
    alpha : float or Tensor of shape ()
        Inverse temperature, at least 0: all clusters are alike at 0, and the larger it is, the
        closer comes the assignment to the nearest centre alone.

    Returns
    -------
    Tensor of shape (n, k)
        Probabilities; each row sums to 1.

    References
    ----------
    M. Moradi Fard, T. Thonet, E. Gaussier (2020). Deep k-Means: Jointly clustering with k-Means
    and learning representations. Pattern Recognition Letters. Equation (4).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import softmax_assignment
    >>> softmax_assignment(torch.tensor([[0.0]]), torch.tensor([[0.0], [1.0]]), alpha=1.0)
    tensor([[0.7311, 0.2689]])
    """
    return torch.softmax(-alpha * pairwise_squared_distances(embedding, centers), dim=1)


def soft_kmeans_loss(
    embedding: Tensor,
    centers: Tensor,
    *,
    alpha: float | Tensor,
    sample_weight: Tensor | None = None,
) -> Tensor:
    r"""Mean of the soft squared distances :math:`\sum_j g_{ij} |z_i - \mu_j|^2`.

    The assignment g is :func:`softmax_assignment`; the loss is differentiable through it, too. For
    a large alpha it is the loss of K-means.

    Parameters
    ----------
    embedding : Tensor of shape (n, d)
        Embedded samples z.
    centers : Tensor of shape (k, d)
        Cluster centres mu.
    alpha : float or Tensor of shape ()
        Inverse temperature of the assignment.
    sample_weight : Tensor of shape (n,), default=None
        Non-negative weights of the samples in the mean; None: all 1.

    Returns
    -------
    Tensor of shape ()
        The loss.

    References
    ----------
    M. Moradi Fard, T. Thonet, E. Gaussier (2020). Deep k-Means: Jointly clustering with k-Means
    and learning representations. Pattern Recognition Letters. The second term of equation (3).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import soft_kmeans_loss
    >>> z, centers = torch.tensor([[1.0]]), torch.tensor([[0.0], [4.0]])
    >>> soft_kmeans_loss(z, centers, alpha=1000.0), soft_kmeans_loss(z, centers, alpha=0.0)
    (tensor(1.), tensor(5.))
    """
    distances = pairwise_squared_distances(embedding, centers)
    assignment = torch.softmax(-alpha * distances, dim=1)
    return weighted_mean((assignment * distances).sum(1), sample_weight)
