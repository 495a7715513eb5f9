"""Losses that make the scores of clusters decisive: equations (3.7), (3.8) and (3.10).

Shapes: n samples, k clusters. The logits are the scores of the clusters, `codes @ omega.T`.
"""

from __future__ import annotations

import math
from numbers import Real

from torch import Tensor

from skdeepclust.losses._clustering import (
    at_least_single,
    check_sample_weight,
    normalized,
    tiny,
    weighted_mean,
)

# Logarithm of a weight of 0: far below any log-probability, but finite, since among -inf alone
# logsumexp has no gradient, and far from overflow when a scaled loss multiplies it.
LOG_ZERO = -1e20


def entropy_minimization_loss(
    logits: Tensor, *, balance: float = 0.0, sample_weight: Tensor | None = None
) -> Tensor:
    r"""Entropy of the assignments :math:`mean_i H(p_i) + \beta \sum_j m_j \log m_j`.

    Here p is the softmax of the logits and :math:`m = mean_i p_i` the shares of the clusters.
    The first term asks for a sure assignment of every sample, the balance term for clusters of
    equal size.

    Parameters
    ----------
    logits : Tensor of shape (n, k)
        Finite score of each cluster, n and k at least 1; half precision is computed in single
        precision.
    balance : float, default=0.0
        Factor :math:`\beta \ge 0` of the balance term; 0 is the equation of the paper, 1 makes
        the loss the negative mutual information of samples and clusters.
    sample_weight : Tensor of shape (n,), default=None
        Non-negative weights of the samples in both means; only their ratios count. None: all 1.

    Returns
    -------
    Tensor of shape ()
        Value in nats between `-balance * log(k)` and `log(k)`: the least for sure assignments
        to clusters of equal size. It is 0, still attached to the graph, with one cluster or if
        all weights are 0.

    Raises
    ------
    ValueError
        If `logits` is not a matrix or is empty, `balance` is negative or not finite, or the
        shape of `sample_weight` does not fit.
    TypeError
        If `balance` is no number.

    Notes
    -----
    Without balance nothing in the loss keeps clusters apart: it is as low as it can be, 0, when
    all samples are surely in the same cluster, and training tends to end there. With
    `balance=1` that is worth no more than an assignment that is uniform for every sample, and
    any that tells samples apart is better.

    The paper writes (3.8) with a minus in the exponent, but predicts the cluster of the
    largest :math:`\omega_j^T a_i`: here the sign is plus everywhere. Equation (3.7) is a sum
    over samples, here it is their mean, so that a learning rate suits any size of batch.

    References
    ----------
    Z. Wang, S. Chang, J. Zhou, M. Wang, T. S. Huang (2016). Learning a Task-Specific Deep
    Architecture for Clustering. SDM. Equations (3.7), (3.8); the balance term is not in it.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import entropy_minimization_loss
    >>> entropy_minimization_loss(torch.zeros(4, 2))
    tensor(0.6931)

    Sure assignments cost nothing, also all to one cluster; the balance tells them apart:

    >>> collapsed, even = torch.tensor([[50.0, 0.0], [50.0, 0.0]]), 50 * torch.eye(2)
    >>> torch.stack([entropy_minimization_loss(logits) for logits in (collapsed, even)])
    tensor([0., 0.])
    >>> entropy_minimization_loss(even, balance=1.0)
    tensor(-0.6931)
    """
    _check(logits, balance=balance)
    log_p = at_least_single(logits).log_softmax(1)  # (n, k)
    # Where p underflows to 0, log p is still finite: 0 log 0 is 0, in the gradient as well.
    entropy = (-log_p.exp() * log_p).sum(1)  # (n,)
    return weighted_mean(entropy, sample_weight) + _balance(log_p, balance, sample_weight)


def max_margin_loss(
    logits: Tensor,
    *,
    margin: float = 1.0,
    balance: float = 0.0,
    sample_weight: Tensor | None = None,
) -> Tensor:
    r"""Hinge between the two best clusters :math:`mean_i \max(0, \delta + f_i^r - f_i^y)`.

    For each sample, y is the cluster with the largest logit f and r the one with the second
    largest; :math:`\delta` is the margin. The balance term :math:`\beta \sum_j m_j \log m_j` is
    added, where m is the mean over samples of the softmax of the logits: it asks for clusters
    of equal size.

    Parameters
    ----------
    logits : Tensor of shape (n, k)
        Finite score of each cluster, n and k at least 1; half precision is computed in single
        precision.
    margin : float, default=1.0
        Lead :math:`\delta \ge 0` over the second best cluster from which on a sample costs
        nothing; 1 in the paper. With 0 no sample costs anything.
    balance : float, default=0.0
        Factor :math:`\beta \ge 0` of the balance term; 0 is the equation of the paper.
    sample_weight : Tensor of shape (n,), default=None
        Non-negative weights of the samples in both means; only their ratios count. None: all 1.

    Returns
    -------
    Tensor of shape ()
        Value between `-balance * log(k)` and `margin`. Where the two best clusters tie, a sample
        costs the whole margin, and the gradient parts two of the best. It is 0, still attached
        to the graph, if all weights are 0, or with one cluster, which has no second best.

    Raises
    ------
    ValueError
        If `logits` is not a matrix or is empty, `margin` or `balance` is negative or not finite,
        or the shape of `sample_weight` does not fit.
    TypeError
        If `margin` or `balance` is no number.

    Notes
    -----
    Without balance nothing in the loss keeps clusters apart: it is as low as it can be, 0, when
    the same cluster leads for all samples, and training tends to end there.

    Equation (3.9) is the sum over samples, here it is their mean. Its other term,
    :math:`\frac{\lambda}{2} |\omega|^2`, is weight decay on what the logits are computed with;
    without it, larger weights satisfy any margin.

    References
    ----------
    Z. Wang, S. Chang, J. Zhou, M. Wang, T. S. Huang (2016). Learning a Task-Specific Deep
    Architecture for Clustering. SDM. Equation (3.10); the balance term is not in it.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import max_margin_loss
    >>> logits = torch.tensor([[3.0, 1.0, 0.0], [0.5, 1.0, 0.0]])
    >>> max_margin_loss(logits)
    tensor(0.2500)
    >>> max_margin_loss(logits, balance=1.0)
    tensor(-0.6789)
    """
    _check(logits, margin=margin, balance=balance)
    logits = at_least_single(logits)
    if logits.shape[1] == 1:
        cost = 0 * logits[:, 0]
    else:
        best, second = logits.topk(2, dim=1).values.unbind(1)  # (n,), (n,)
        cost = (margin + second - best).relu()
    balancing = _balance(logits.log_softmax(1), balance, sample_weight)
    return weighted_mean(cost, sample_weight) + balancing


def _check(logits: Tensor, **factors: object) -> None:
    if logits.ndim != 2 or 0 in logits.shape:
        raise ValueError(
            "logits must hold a row for each sample and a column for each cluster, at least one "
            f"of each, got the shape {tuple(logits.shape)}."
        )
    for name, value in factors.items():
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"{name} must be a number, got {value!r}.")
        if not 0 <= float(value) < math.inf:
            raise ValueError(f"{name} must be 0 or positive, and finite, got {value!r}.")


def _balance(log_p: Tensor, balance: float, sample_weight: Tensor | None) -> Tensor | float:
    """Return the negative entropy of the shares of the clusters, times its factor."""
    if balance == 0 or log_p.shape[1] == 1:
        return 0.0
    # From logarithms: the share of an empty cluster may underflow, its logarithm does not.
    log_share = _log_mean(log_p, sample_weight)  # (k,)
    return balance * (log_share.exp() * log_share).sum()


def _log_mean(log_p: Tensor, sample_weight: Tensor | None) -> Tensor:
    if sample_weight is None:
        return log_p.logsumexp(0) - math.log(len(log_p))
    weight = normalized(check_sample_weight(sample_weight, log_p))
    log_weight = weight.clamp_min(tiny(weight)).log().where(weight > 0, LOG_ZERO)  # (n,)
    return (log_p + log_weight[:, None]).logsumexp(0)
