"""Loss of an autoencoder: equation (1)."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional

from skdeepclust.losses._clustering import check_same_shape, weighted_mean

SHARE_OF_BATCH = 0.25
LEAST_ROWS = 32


def reconstruction_loss(
    reconstruction: Tensor, target: Tensor, *, sample_weight: Tensor | None = None
) -> Tensor:
    r"""Mean squared error :math:`mean_i mean_f (D(E(x_i))_f - x_{if})^2` of a reconstruction.

    Parameters
    ----------
    reconstruction : Tensor of shape (n, ...)
        Reconstructed samples.
    target : Tensor of shape (n, ...)
        The samples themselves.
    sample_weight : Tensor of shape (n,), default=None
        Non-negative weights of the samples in the mean; None: all 1.

    Returns
    -------
    Tensor of shape ()
        The loss; 0 for a perfect reconstruction.

    Raises
    ------
    ValueError
        If the shapes do not agree.

    References
    ----------
    D. Das, R. Ghosh, B. Bhowmick (2019). Deep Representation Learning Characterized by
    Inter-class Separation for Image Clustering. WACV. Equation (1).

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.losses import reconstruction_loss
    >>> reconstruction_loss(torch.zeros(2, 3), torch.full((2, 3), 2.0))
    tensor(4.)
    """
    return weighted_mean(reconstruction_errors(reconstruction, target), sample_weight)


def reconstruction_errors(reconstruction: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error (n,) of each sample's reconstruction."""
    check_same_shape(reconstruction=reconstruction, target=target)
    return (reconstruction - target).square().flatten(1).mean(1)


def bernoulli_errors(logits: Tensor, target: Tensor) -> Tensor:
    """Return `-log p` (n,) of values from 0 to 1, each a share with the given logit."""
    check_same_shape(logits=logits, target=target)
    errors = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return errors.flatten(1).sum(1)


def leading_rows(n_samples: int, *rows: Tensor | None) -> tuple[Any, ...]:
    """Return the first rows of a batch, on which one term of several is estimated.

    Batches are drawn at random, and the decoder is the dearest part of an autoencoder. A batch of
    all samples is taken as a whole, for what is weighted twice counts as two samples there.

    Parameters
    ----------
    n_samples : int
        Number of samples of which the batch is drawn.
    *rows : Tensor of shape (n, ...) or None
        What there is of each row of the batch; `None` stays.
    """
    n_rows = next(len(each) for each in rows if each is not None)
    n_taken = max(int(SHARE_OF_BATCH * n_rows), LEAST_ROWS) if n_rows < n_samples else n_rows
    return tuple(None if each is None else each[:n_taken] for each in rows)
