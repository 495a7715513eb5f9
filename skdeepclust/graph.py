"""Nearest-neighbour graphs of the samples themselves, and smoothing over them."""

from __future__ import annotations

import numpy as np
import torch
from sklearn import config_context
from sklearn.metrics import mutual_info_score
from sklearn.neighbors import NearestNeighbors
from torch import Tensor


def nearest_neighbors(features: np.ndarray, n_neighbors: int) -> np.ndarray:
    """Find each sample's nearest other samples.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_features)
        Samples.
    n_neighbors : int
        Number of neighbours; at most `n_samples - 1` are there.

    Returns
    -------
    ndarray of int of shape (n_samples, n_neighbors)
        Indices, nearest first.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepclust.graph import nearest_neighbors
    >>> nearest_neighbors(np.array([[0.0], [1.0], [3.0]]), 1).ravel()
    array([1, 0, 1])
    """
    n_neighbors = min(n_neighbors, len(features) - 1)
    with config_context(array_api_dispatch=False):
        search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(features)
        return search.kneighbors(return_distance=False)


def smooth_over_graph(
    values: Tensor, neighbors: Tensor, *, weight: float = 0.5, n_steps: int = 10
) -> Tensor:
    r"""Let samples take after their neighbours, :math:`f \leftarrow (1 - w) q + w A f`.

    A averages over the neighbours of a sample; the recursion starts at f = q.

    Parameters
    ----------
    values : Tensor of shape (n_samples, k)
        Values q, such as soft assignments; rows that sum to 1 still do.
    neighbors : Tensor of int64 of shape (n_samples, n_neighbors)
        Indices of the neighbours.
    weight : float, default=0.5
        Weight w of the neighbours, in [0, 1].
    n_steps : int, default=10
        Number of steps.

    Returns
    -------
    Tensor of shape (n_samples, k)
        Smoothed values f.

    References
    ----------
    D. Zhou, O. Bousquet, T. Lal, J. Weston, B. Schölkopf (2003). Learning with Local and Global
    Consistency. NIPS. Section 2.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.graph import smooth_over_graph
    >>> smooth_over_graph(torch.tensor([[1.0], [0.0]]), torch.tensor([[1], [0]]), n_steps=1)
    tensor([[0.5000],
            [0.5000]])
    """
    smoothed = values
    for _ in range(n_steps):
        smoothed = torch.lerp(values, smoothed[neighbors].mean(1), weight)
    return smoothed


def neighbor_information(labels: np.ndarray, neighbors: np.ndarray) -> float:
    """Mutual information between the labels at both ends of the edges of a graph.

    Parameters
    ----------
    labels : ndarray of int of shape (n_samples,)
        Labels.
    neighbors : ndarray of int of shape (n_samples, n_neighbors)
        Indices of the neighbours.

    Returns
    -------
    float
        In nats: 0 for labels that ignore the graph or are all the same.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepclust.graph import neighbor_information
    >>> neighbors = np.array([[1], [0], [3], [2]])
    >>> neighbor_information(np.array([0, 0, 1, 1]), neighbors)
    0.693
    """
    ends = labels[neighbors]
    return float(mutual_info_score(np.repeat(labels, ends.shape[1]), ends.ravel()))
