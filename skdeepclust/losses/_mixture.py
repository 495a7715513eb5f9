"""A mixture of Gaussians as the prior of an embedding, in the log domain.

Shapes: n samples, k clusters, d dimensions of the embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor

from skdeepclust.losses._clustering import weighted_mean


def _scaled_distances(points: Tensor, centers: Tensor, log_variances: Tensor) -> Tensor:
    """Return the squared distances (n, k) in units of each cluster's variances."""
    difference = points[:, None] - centers  # (n, k, d)
    return (difference.square() * torch.exp(-log_variances)).sum(2)


def mixture_assignment(
    embedding: Tensor, logits: Tensor, centers: Tensor, log_variances: Tensor
) -> Tensor:
    r"""Probability :math:`\gamma_{ic} \propto \pi_c\, N(z_i; \mu_c, \sigma_c^2)` of each cluster.

    Parameters
    ----------
    embedding : Tensor of shape (n, d)
        Embedded samples z.
    logits : Tensor of shape (k,)
        Logarithms of the clusters' weights pi, up to a constant.
    centers : Tensor of shape (k, d)
        Means mu of the clusters.
    log_variances : Tensor of shape (k, d)
        Logarithms of their variances.

    Returns
    -------
    Tensor of shape (n, k)
        Probabilities; each row sums to 1.

    References
    ----------
    Z. Jiang, Y. Zheng, H. Tan, B. Tang, H. Zhou (2017). Variational Deep Embedding: An Unsupervised
    and Generative Approach to Clustering. IJCAI. Equation (16).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import mixture_assignment
    >>> centers = torch.tensor([[0.0], [2.0]])
    >>> mixture_assignment(torch.tensor([[0.0]]), torch.zeros(2), centers, torch.zeros(2, 1))
    tensor([[0.8808, 0.1192]])
    """
    distances = _scaled_distances(embedding, centers, log_variances)
    return torch.softmax(logits - (log_variances.sum(1) + distances) / 2, dim=1)


def mixture_kl(
    mean: Tensor,
    log_variance: Tensor,
    assignment: Tensor,
    logits: Tensor,
    centers: Tensor,
    log_variances: Tensor,
    *,
    sample_weight: Tensor | None = None,
) -> Tensor:
    r"""Divergence of posteriors of z and its cluster from their prior, a mixture of Gaussians.

    .. math::

        \frac12 \sum_c \gamma_c \sum_j \Bigl(\log \sigma_{cj}^2
        + \frac{\tilde\sigma_j^2 + (\tilde\mu_j - \mu_{cj})^2}{\sigma_{cj}^2}\Bigr)
        + \sum_c \gamma_c \log \frac{\gamma_c}{\pi_c}
        - \frac12 \sum_j (1 + \log \tilde\sigma_j^2),

    the evidence lower bound without the reconstruction, with the opposite sign. With one cluster it
    is the divergence of a variational autoencoder.

    Parameters
    ----------
    mean, log_variance : Tensor of shape (n, d)
        Mean and logarithm of the variance of the posterior of each sample.
    assignment : Tensor of shape (n, k)
        Probabilities gamma of the clusters; an exact 0 counts as the smallest normal number.
    logits : Tensor of shape (k,)
        Logarithms of the clusters' weights pi, up to a constant.
    centers : Tensor of shape (k, d)
        Means mu of the clusters.
    log_variances : Tensor of shape (k, d)
        Logarithms of their variances.
    sample_weight : Tensor of shape (n,), default=None
        Non-negative weights of the samples in the mean; None: all 1.

    Returns
    -------
    Tensor of shape ()
        Divergence in nats, never negative.

    References
    ----------
    Z. Jiang, Y. Zheng, H. Tan, B. Tang, H. Zhou (2017). Variational Deep Embedding: An Unsupervised
    and Generative Approach to Clustering. IJCAI. Equation (12) without its first term.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import mixture_kl
    >>> one, zero = torch.ones(1, 1), torch.zeros(1, 1)
    >>> mixture_kl(one, zero, one, torch.zeros(1), zero, zero)
    tensor(0.5000)
    """
    spread = torch.exp(log_variance) @ torch.exp(-log_variances).T  # (n, k)
    distances = _scaled_distances(mean, centers, log_variances)
    of_cluster = (log_variances.sum(1) + spread + distances) / 2
    log_assignment = assignment.clamp_min(torch.finfo(assignment.dtype).tiny).log()
    prior = torch.log_softmax(logits, dim=0)
    expected = (assignment * (of_cluster + log_assignment - prior)).sum(1)
    return weighted_mean(expected - (1 + log_variance).sum(1) / 2, sample_weight)
