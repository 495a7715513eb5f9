"""Loss of zero-shot learning by class attributes: a structured hinge, equation (5)."""

from __future__ import annotations

import torch
from torch import Tensor

from skdeepclust.losses._clustering import at_least_single, weighted_mean


def structured_hinge_loss(
    scores: Tensor, target: Tensor, *, sample_weight: Tensor | None = None
) -> Tensor:
    r"""Structured hinge loss :math:`mean_n \max_c (\Delta(y_n, c) + F(x_n, c) - F(x_n, y_n))`.

    :math:`\Delta` is 0 for the own class and 1 for any other, so that the maximum is never below
    0: it is the score by which the best other class comes nearer than 1 to the own class.

    Parameters
    ----------
    scores : Tensor of shape (n, c)
        Score F of each class; half precision is computed in single precision.
    target : Tensor of shape (n,)
        Index of the own class y of each sample, of an integer dtype.
    sample_weight : Tensor of shape (n,), default=None
        Non-negative weights of the samples in the mean; None: all 1.

    Returns
    -------
    Tensor of shape ()
        The loss; 0 if every own class leads by 1 or more. Where several classes share the
        maximum, they share its gradient.

    Raises
    ------
    ValueError
        If the shapes do not agree.
    TypeError
        If `target` does not hold integers.

    References
    ----------
    R. Liao, A. Schwing, R. Zemel, R. Urtasun (2016). Learning Deep Parsimonious
    Representations. NeurIPS. Equation (5).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import structured_hinge_loss
    >>> scores = torch.tensor([[3.0, 1.0, 0.0], [0.5, 1.0, 0.0]])
    >>> structured_hinge_loss(scores, torch.tensor([0, 1]))
    tensor(0.2500)
    """
    if scores.ndim != 2 or target.shape != scores.shape[:1]:
        raise ValueError(
            "scores must hold a row for each sample and target one index for each row, got "
            f"shapes {tuple(scores.shape)} and {tuple(target.shape)}."
        )
    if target.is_floating_point() or target.dtype == torch.bool:
        raise TypeError(f"target must hold indices of classes, got {target.dtype}.")
    scores = at_least_single(scores)
    own = target.long()[:, None]  # (n, 1)
    excess = (1 + scores - scores.gather(1, own)).scatter(1, own, 0.0)  # (n, c)
    return weighted_mean(excess.amax(1), sample_weight)
