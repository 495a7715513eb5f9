"""Losses that draw two views of a sample together and push other samples away: equation (5).

Shapes: n samples (anchors), d dimensions of the embedding. `admissible[i, j]` says whether
sample j may serve as a negative of anchor i; the diagonal is ignored, because no sample is a
negative of itself.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from skdeepclust.losses._clustering import (
    at_least_single,
    check_same_shape,
    check_sample_weight,
    normalized,
    pairwise_squared_distances,
    product,
    weighted_mean,
)


def _diagonal(admissible: Tensor) -> Tensor:
    return torch.eye(len(admissible), dtype=torch.bool, device=admissible.device)


def _check_admissible(admissible: Tensor, n: int) -> Tensor:
    if admissible.shape != (n, n):
        raise ValueError(
            f"admissible must hold a row and a column for each of the {n} anchors, shape "
            f"{(n, n)}, got {tuple(admissible.shape)}."
        )
    if admissible.dtype != torch.bool:
        raise TypeError(
            f"admissible must be a tensor of bool, got {admissible.dtype}; compare or call .bool()."
        )
    return admissible & ~_diagonal(admissible)


def _squared_norm(difference: Tensor) -> Tensor:
    return at_least_single(difference).square().sum(1)


def triplet_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float,
    sample_weight: Tensor | None = None,
) -> Tensor:
    r"""Triplet loss :math:`mean_i \max(0, |a_i - p_i|^2 - |a_i - n_i|^2 + margin)`.

    Parameters
    ----------
    anchor : Tensor of shape (n, d)
        Embedded samples a.
    positive : Tensor of shape (n, d)
        Another view p of each sample.
    negative : Tensor of shape (n, d)
        Another sample n for each anchor.
    margin : float
        How much farther, in squared distance, the negative has to be.
    sample_weight : Tensor of shape (n,), default=None
        Non-negative weights of the triplets in the mean; None: all 1. Give 0 to an anchor that
        has no negative.

    Returns
    -------
    Tensor of shape ()
        The loss; 0 if all weights are 0.

    Raises
    ------
    ValueError
        If the shapes do not agree.

    References
    ----------
    D. Das, R. Ghosh, B. Bhowmick (2019). Deep Representation Learning Characterized by
    Inter-class Separation for Image Clustering. WACV. Equation (5).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import triplet_loss
    >>> anchor, positive, negative = torch.tensor([[[0.0]], [[1.0]], [[2.0]]])
    >>> triplet_loss(anchor, positive, negative, margin=5.0)
    tensor(2.)
    """
    check_same_shape(anchor=anchor, positive=positive, negative=negative)
    excess = _squared_norm(anchor - positive) - _squared_norm(anchor - negative) + margin
    return weighted_mean(excess.relu(), sample_weight)


def triplet_matrix_loss(
    anchor: Tensor,
    positive: Tensor,
    admissible: Tensor,
    *,
    margin: float,
    sample_weight: Tensor | None = None,
) -> Tensor:
    r"""Triplet loss against all admissible negatives of the batch at once.

    The mean of :math:`\max(0, |a_i - p_i|^2 - |a_i - a_j|^2 + margin)` over the admissible
    pairs (i, j) in which it is positive, so that triplets which are already met do not dilute
    the others.

    Parameters
    ----------
    anchor : Tensor of shape (n, d)
        Embedded samples a.
    positive : Tensor of shape (n, d)
        Another view p of each sample.
    admissible : Tensor of bool of shape (n, n)
        Whether sample j may serve as a negative of anchor i; the diagonal is ignored.
    margin : float
        How much farther, in squared distance, a negative has to be.
    sample_weight : Tensor of shape (n,), default=None
        Non-negative weights of the samples; None: all 1. The triplet (i, j) has the weight
        `w_i * w_j`, as if row i stood `w_i` times in the batch.

    Returns
    -------
    Tensor of shape ()
        The loss; 0, still attached to the graph, if no triplet is violated.

    Raises
    ------
    ValueError
        If the shapes do not agree.
    TypeError
        If `admissible` is not boolean.

    References
    ----------
    D. Das, R. Ghosh, B. Bhowmick (2019). Deep Representation Learning Characterized by
    Inter-class Separation for Image Clustering. WACV. Equation (5).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import triplet_matrix_loss
    >>> anchor, positive = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [2.0]])
    >>> triplet_matrix_loss(anchor, positive, ~torch.eye(2, dtype=torch.bool), margin=5.0)
    tensor(1.5000)
    """
    check_same_shape(anchor=anchor, positive=positive)
    admissible = _check_admissible(admissible, len(anchor))
    to_positive = _squared_norm(anchor - positive)[:, None]  # (n, 1)
    excess = to_positive - pairwise_squared_distances(anchor, anchor) + margin  # (n, n)
    weight = (admissible & (excess > 0)).to(excess.dtype)
    if sample_weight is not None:
        row_weight = check_sample_weight(sample_weight, excess)
        weight = weight * row_weight[:, None] * row_weight
    return (normalized(weight) * excess).sum()


def masked_info_nce_loss(
    anchor: Tensor,
    positive: Tensor,
    admissible: Tensor,
    *,
    temperature: float = 0.2,
    sample_weight: Tensor | None = None,
) -> Tensor:
    r"""InfoNCE form of the triplet loss, without the pairs that are no admissible negatives.

    The mean over anchors of :math:`-\log (e^{a_i p_i / t} / (e^{a_i p_i / t} + \sum_j
    e^{a_i a_j / t} + e^{a_i p_j / t}))`, where j runs over the admissible negatives of i. An
    anchor without any has the loss 0.

    Parameters
    ----------
    anchor : Tensor of shape (n, d)
        Embedded samples a; rows of unit length.
    positive : Tensor of shape (n, d)
        Another view p of each sample; rows of unit length.
    admissible : Tensor of bool of shape (n, n)
        Whether sample j may serve as a negative of anchor i; the diagonal is ignored.
    temperature : float, default=0.2
        Temperature t > 0: the smaller, the more the nearest negatives count.
    sample_weight : Tensor of shape (n,), default=None
        Non-negative weights of the samples, as anchors and as negatives; None: all 1.

    Returns
    -------
    Tensor of shape ()
        The loss in nats.

    Raises
    ------
    ValueError
        If the shapes do not agree.
    TypeError
        If `admissible` is not boolean.

    References
    ----------
    A. van den Oord, Y. Li, O. Vinyals (2018). Representation Learning with Contrastive
    Predictive Coding. arXiv:1807.03748. Equation (4). The choice of the negatives follows
    D. Das, R. Ghosh, B. Bhowmick (2019). Deep Representation Learning Characterized by
    Inter-class Separation for Image Clustering. WACV. Algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import masked_info_nce_loss
    >>> views = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> masked_info_nce_loss(views, views, ~torch.eye(2, dtype=torch.bool), temperature=1.0)
    tensor(0.5514)
    """
    check_same_shape(anchor=anchor, positive=positive)
    n = len(anchor)
    admissible = _check_admissible(admissible, n)
    anchor, positive = at_least_single(anchor), at_least_single(positive)
    logits = product(anchor, torch.cat([anchor, positive])) / temperature  # (n, 2n)
    if sample_weight is not None:
        # exp(logit + log w_j) counts the negative j w_j times; the positive counts once.
        log_weight = check_sample_weight(sample_weight, logits).log().expand(n, n)
        of_positives = log_weight.masked_fill(_diagonal(admissible), 0)
        logits = logits + torch.cat([log_weight, of_positives], dim=1)
    # The positive a_i p_i is the diagonal of the second block: every row keeps a finite logit.
    candidates = torch.cat([admissible, admissible | _diagonal(admissible)], dim=1)
    logits = logits.masked_fill(~candidates, -torch.inf)
    own_positive = torch.arange(n, 2 * n, device=logits.device)
    losses = functional.cross_entropy(logits, own_positive, reduction="none")  # (n,)
    return weighted_mean(losses, sample_weight)


def sample_negatives(admissible: Tensor) -> tuple[Tensor, Tensor]:
    """Draw one admissible negative for every anchor, each with the same probability.

    The draw takes n numbers from torch's default generator of the device.

    Parameters
    ----------
    admissible : Tensor of bool of shape (n, n)
        Whether sample j may serve as a negative of anchor i; the diagonal is ignored.

    Returns
    -------
    index : Tensor of int64 of shape (n,)
        Index of the negative; 0 where there is none.
    found : Tensor of bool of shape (n,)
        Whether the anchor has an admissible negative.

    Raises
    ------
    ValueError
        If `admissible` is not square.
    TypeError
        If `admissible` is not boolean.

    References
    ----------
    D. Das, R. Ghosh, B. Bhowmick (2019). Deep Representation Learning Characterized by
    Inter-class Separation for Image Clustering. WACV. Algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import sample_negatives
    >>> sample_negatives(torch.tensor([[False, True], [False, False]]))
    (tensor([1, 0]), tensor([ True, False]))
    """
    admissible = _check_admissible(admissible, len(admissible))
    running_count = admissible.cumsum(1)  # (n, n)
    count = running_count[:, -1]
    rank = 1 + (torch.rand(len(count), device=admissible.device) * count).long()
    # The column in which the count reaches the drawn rank; a row without any takes rank 0.
    index = torch.searchsorted(running_count, rank.minimum(count)[:, None]).squeeze(1)
    return index, count > 0
