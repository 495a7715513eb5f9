"""Scaling of the input as a layer."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Standardize(nn.Module):
    """Shift and scale by two numbers, ``(x - mean) / std``.

    One mean and one deviation for all pixels or features: the contrast between them, which
    carries the content of an image, stays. Both are buffers, so they are saved and moved
    with the network.

    Parameters
    ----------
    mean : float, default=0.0
        Subtracted from the input.
    std : float, default=1.0
        Divides the input; 0 is replaced by 1, so constant data become zeros.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.networks import Standardize
    >>> scale = Standardize().fit_(torch.tensor([1.0, 3.0]))
    >>> scale(torch.tensor([1.0, 3.0]))
    tensor([-1.,  1.])
    >>> scale.inverse(torch.tensor([-1.0, 1.0]))
    tensor([1., 3.])
    """

    def __init__(self, mean: float = 0.0, std: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))
        self.set_(mean, std)

    @torch.no_grad()
    def set_(self, mean: float | Tensor, std: float | Tensor) -> Standardize:
        """Set mean and deviation in place.

        Parameters
        ----------
        mean : float
            Subtracted from the input.
        std : float
            Divides the input; 0 is replaced by 1.

        Returns
        -------
        Standardize
            This module.

        Raises
        ------
        ValueError
            If `mean` is not finite, or `std` is negative or not finite.
        """
        mean, std = float(mean), float(std)
        if not (math.isfinite(mean) and math.isfinite(std) and std >= 0):
            raise ValueError(
                f"mean and std must be finite and std not negative, got mean={mean}, std={std}; "
                "check the data for NaN and infinity."
            )
        self.mean.fill_(mean)
        self.std.fill_(std or 1.0)
        return self

    def fit_(self, x: Tensor) -> Standardize:
        """Take mean and (population) standard deviation over all entries of `x`."""
        x = x.double()  # sums over millions of pixels
        return self.set_(x.mean(), x.std(correction=0))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise, ``(x - mean) / std``."""
        return (x - self.mean) / self.std

    def inverse(self, x: Tensor) -> Tensor:
        """Undo `forward`, ``x std + mean``."""
        return x * self.std + self.mean
