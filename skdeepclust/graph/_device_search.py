"""The nearest rows of a tensor, by matrix products on its device where that is a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from skdeepclust.graph import nearest_neighbors

# Distances that are in memory at a time.
BLOCK_SIZE = 2**26


def nearest_rows(
    points: Tensor, n_neighbors: int, candidates: np.ndarray | None = None, search: Any = None
) -> Tensor:
    """Return the indices (n_samples, n_neighbors) of each row's nearest other rows, on its device.

    Parameters
    ----------
    points : Tensor of shape (n_samples, n_features)
        The rows.
    n_neighbors : int
        Number of neighbours; at most `n_samples - 1` are there.
    candidates : ndarray of int, default=None
        Which rows may be neighbours, more than `n_neighbors`; `None`: all of them.
    search : transformer, default=None
        Finds them; `None`: an exact search.
    """
    n_neighbors = min(n_neighbors, len(points) - 1)
    if search is None and points.device.type == "cuda":
        return by_products(points, n_neighbors, candidates)
    found = nearest_neighbors(
        points.cpu().numpy(), n_neighbors, candidates=candidates, neighbors=search
    )
    return torch.from_numpy(found).to(points.device)


def by_products(points: Tensor, n_neighbors: int, candidates: np.ndarray | None) -> Tensor:
    """Search blocks of rows by matrix products in float64, as scikit-learn's search does."""
    origin = points.double().mean(0)  # no difference of large squares far from the origin
    index = torch.arange(len(points)) if candidates is None else torch.from_numpy(candidates)
    index = index.to(points.device)
    among = points[index].double() - origin
    half_norms = among.square().sum(1) / 2
    found = []
    for rows in torch.arange(len(points), device=points.device).split(BLOCK_SIZE // len(among) + 1):
        # |x - c|^2 / 2 but for what is the same for all c
        distances = half_norms - (points[rows].double() - origin) @ among.T
        distances.masked_fill_(rows[:, None] == index, torch.inf)
        found.append(index[distances.topk(n_neighbors, largest=False).indices])
    return torch.cat(found)
