"""Which samples of a new X were in the training set, without keeping the training set."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def fingerprints(x: Tensor) -> Tensor:
    """Return two 64-bit hashes (n, 2) of each sample; equal samples have equal ones.

    Parameters
    ----------
    x : Tensor of shape (n, ...)
        Samples, float32 or float64.

    Returns
    -------
    Tensor of int64 of shape (n, 2)
        The hashes.
    """
    flat = (x + 0.0).flatten(1).contiguous()  # -0.0 becomes 0.0
    bits = flat.view(torch.int32 if flat.dtype == torch.float32 else torch.int64).to(torch.int64)
    return torch.stack([scatter(bits ^ key).sum(1) for key in hash_keys(bits)], 1)


def hash_keys(bits: Tensor) -> Tensor:
    """Return the keys (2, m) of the two hashes of integers (n, m)."""
    keys = np.random.default_rng(0).integers(-(2**63), 2**63, (2, bits.shape[1]))
    return torch.from_numpy(keys).to(bits)


def scatter(bits: Tensor) -> Tensor:
    """Scatter each integer over all 64 bits, as in the finalisers of splitmix64."""
    for multiplier, shift in ((-0x40A7B892E31B1A47, 30), (-0x6B2FB644ECCEEE15, 27)):
        bits = (bits ^ (bits >> shift)) * multiplier
    return bits ^ (bits >> 31)


class KnownSamples:
    """The training samples by their fingerprints.

    Parameters
    ----------
    prints : ndarray of int64 of shape (n, 2)
        Fingerprints of the training samples.
    """

    def __init__(self, prints: np.ndarray):
        self.first, self.representatives, self.inverse = np.unique(
            prints[:, 0], return_index=True, return_inverse=True
        )
        self.second = prints[self.representatives, 1]

    @property
    def representative(self) -> np.ndarray:
        """Index (n,) of the first training sample that equals each of them."""
        return self.representatives[self.inverse]

    def find(self, prints: np.ndarray) -> np.ndarray:
        """Return the index of the first equal training sample, -1 where there is none."""
        position = np.searchsorted(self.first, prints[:, 0]).clip(max=len(self.first) - 1)
        known = (self.first[position] == prints[:, 0]) & (self.second[position] == prints[:, 1])
        return np.where(known, self.representatives[position], -1)
