"""The network of Triplet DEC."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from skdeepclust.networks._clustered import ClusteredAutoencoder


class TripletDECNetwork(ClusteredAutoencoder):
    """An autoencoder with centres mu and a metric M: z = E(x), q = Student-t((z - mu) M).

    Parameters
    ----------
    autoencoder : torch.nn.Module
        Network with methods `encode` and `decode`.
    n_components : int
        Number of components of the embedding.
    n_clusters : int
        Number of clusters.
    """

    metric: Tensor

    def __init__(self, autoencoder: nn.Module, n_components: int, n_clusters: int):
        super().__init__(autoencoder, n_components, n_clusters)  # centres under the metric
        self.register_buffer("metric", torch.eye(n_components))

    @torch.no_grad()
    def set_clusters(self, centers: np.ndarray, metric: np.ndarray) -> None:
        """Start from centres in the embedding, and a metric."""
        self.metric.copy_(torch.from_numpy(metric))
        self.centers.copy_(torch.from_numpy(centers @ metric))
