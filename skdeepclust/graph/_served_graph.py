"""Looking up samples, and their neighbours, among training samples, in a graph of tensors.

What runtimes of such graphs have no operation for, searches and bits of floats, is put in others
that give the same: known samples are found by the same hashes, neighbours by all distances.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from skdeepclust.graph._affinity import SCALE_NEIGHBOR, SMALLEST_SCALE, NeighborAffinity
from skdeepclust.graph._known_samples import KnownSamples, hash_keys, scatter

# Of each kind of float: bits of the fraction, bias of the exponent (and 1 for the leading bit),
# the sign, and the least exponent; graphs get float32, so that doubles have exponents of those.
FLOATS = {
    torch.float32: (23, 126, torch.iinfo(torch.int32).min, -126),
    torch.float64: (52, 1022, torch.iinfo(torch.int64).min, -149),
}
LARGEST_EXPONENT = 127


def traced_edges(source: NeighborAffinity, features: Tensor) -> tuple[Tensor, Tensor]:
    """Return what `source.transform` finds, as tensors.

    Parameters
    ----------
    source : NeighborAffinity
        Fitted without a search of the user's.
    features : Tensor of shape (n, n_features)
        New samples.

    Returns
    -------
    neighbors : Tensor of int64 of shape (n, k)
        Training samples.
    weights : Tensor of shape (n, k)
        Affinities to them.
    """
    neighbors, distances = traced_neighbors(source, features)
    return neighbors, traced_weights(source, neighbors, distances, features.dtype)


def traced_neighbors(source: NeighborAffinity, features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nearest training samples (n, k), and the distances to them in float64."""
    known = torch.from_numpy(source._X).to(features)
    n_neighbors = min(source.n_neighbors, len(known))
    # as the search does: in double precision, and the few that are found by their differences
    wide = known.double()
    squares = wide.square().sum(1) - 2 * features.double() @ wide.T
    neighbors = squares.topk(n_neighbors, dim=1, largest=False).indices
    differences = features[:, None] - known[neighbors]  # (n, k, n_features)
    return neighbors, differences.double().square().sum(2).sqrt()


def traced_weights(
    source: NeighborAffinity, neighbors: Tensor, distances: Tensor, dtype: torch.dtype
) -> Tensor:
    """Return the affinities (n, k) to neighbours, which are positive in the given dtype."""
    scales = torch.from_numpy(source.scales_).to(distances.device)
    rows = _scales_of_rows(source, distances)
    exponents = (distances / rows) * (distances / scales[neighbors])
    return torch.exp(-exponents).clamp_min(torch.finfo(dtype).tiny).to(dtype)


def _scales_of_rows(source: NeighborAffinity, distances: Tensor) -> Tensor:
    """Return the scale (n, 1) of samples from the distances (n, k) to their neighbours."""
    bandwidth = source.bandwidth_ if source.bandwidth_ > 0 else math.inf
    if source.edge_weights == "self_tuning":
        rank = min(distances.shape[1], SCALE_NEIGHBOR)
        local = distances.topk(rank, dim=1, largest=False).values[:, -1:]
        return torch.where(local > SMALLEST_SCALE * source.bandwidth_, local, bandwidth)
    fixed = bandwidth if source.edge_weights == "gaussian" else math.inf
    return torch.full_like(distances[:, :1], fixed)


def traced_rows(known: KnownSamples, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return whether samples are training samples, and the index of the first equal one, (n,).

    Parameters
    ----------
    known : KnownSamples
        The training samples.
    x : Tensor of shape (n, ...)
        Samples, of values that float32 holds.

    Returns
    -------
    is_known : Tensor of bool of shape (n,)
        Whether there is an equal one.
    rows : Tensor of int64 of shape (n,)
        Its index; any where there is none.
    """
    bits = _bits(x.flatten(1))
    prints = _wrapping_sum(scatter(bits ^ hash_keys(bits)[:, None]))  # (2, n)
    prints_known = torch.from_numpy(np.stack([known.first, known.second])).to(x.device)
    equal = (prints[:, :, None] == prints_known[:, None]).all(0)  # (n, n_samples)
    # runtimes find the largest of integers, but not of truth values
    position = equal.to(torch.int32).argmax(1)
    return equal.any(1), torch.from_numpy(known.representatives).to(x.device)[position]


def traced_nearest(
    known: KnownSamples, neighbors: Tensor, distances: Tensor, tolerance: Tensor
) -> tuple[Tensor, Tensor]:
    """Do as `traced_rows` for samples that were rounded on their way: the nearest may be they.

    Parameters
    ----------
    known : KnownSamples
        The training samples.
    neighbors, distances : Tensor of shape (n, k)
        What `traced_neighbors` returns.
    tolerance : Tensor of shape (n, 1)
        How far rounding may have moved a sample.
    """
    # the order of neighbours is that of rounded distances
    distance, place = distances.min(1, keepdim=True)
    representative = torch.from_numpy(known.representative).to(neighbors.device)
    return (distance <= tolerance)[:, 0], representative[neighbors.gather(1, place)[:, 0]]


def _bits(x: Tensor) -> Tensor:
    """Return the bits of floats as integers, by arithmetic that is exact; -0.0 is 0.0."""
    n_bits, bias, sign, smallest = FLOATS[x.dtype]
    size = x.abs().double()
    # a power of 2 may get the exponent below, with which the sum is the same; what isn't finite
    # gets any exponent
    exponent = torch.floor(torch.log(size) / math.log(2)).long().clamp(smallest, LARGEST_EXPONENT)
    exponents = np.arange(smallest, LARGEST_EXPONENT + 1)
    units = torch.from_numpy(np.exp2(n_bits - exponents.astype(np.float64))).to(x.device)
    fraction = (size * units[exponent - smallest]).long()
    bits = torch.where(size > 0, (exponent + bias) * 2**n_bits + fraction, 0)
    return torch.where(x < 0, bits + sign, bits)


def _wrapping_sum(values: Tensor) -> Tensor:
    """Sum int64 (..., m) over m, modulo 2^64."""
    # ONNX Runtime sums integers in double precision, which holds the sums of such halves
    low, high = values & 0xFFFFFFFF, values >> 32
    return low.sum(-1) + (high.sum(-1) << 32)
