"""Autoencoders with clusters in their embedding, for Triplet DEC and the classics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skdeepclust.networks._standardize import Standardize

# Variance of the first posteriors, as a share of that within the clusters: most of what the
# embedding tells of a sample is still told.
FIRST_SHARE = 0.1


class ClusteredAutoencoder(nn.Module):
    """An autoencoder of standardised input, with centres mu of clusters in its embedding.

    Parameters
    ----------
    autoencoder : torch.nn.Module
        Network with methods `encode` and `decode`.
    n_components : int
        Number of components of the embedding.
    n_clusters : int
        Number of clusters.
    """

    autoencoder: Any  # any module with encode and decode
    # what embeddings don't depend on
    of_clusters = frozenset({"centers", "metric"})

    def __init__(self, autoencoder: nn.Module, n_components: int, n_clusters: int):
        super().__init__()
        self.standardize = Standardize()
        self.autoencoder = autoencoder
        self.centers = nn.Parameter(torch.zeros(n_clusters, n_components))


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


class VaDENetwork(ClusteredAutoencoder):
    """An autoencoder whose embedding has a posterior, and a mixture of Gaussians as its prior.

    The embedding is the posterior's mean; the logarithm of its variance is linear in the mean.

    Parameters
    ----------
    autoencoder : torch.nn.Module
        Network with methods `encode` and `decode`.
    n_components : int
        Number of components of the embedding.
    n_clusters : int
        Number of clusters.
    """

    def __init__(self, autoencoder: nn.Module, n_components: int, n_clusters: int):
        super().__init__(autoencoder, n_components, n_clusters)
        self.log_variance = nn.Linear(n_components, n_components)
        nn.init.zeros_(self.log_variance.weight)
        self.logits = nn.Parameter(torch.zeros(n_clusters))
        self.log_variances = nn.Parameter(torch.zeros(n_clusters, n_components))

    @property
    def mixture(self) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (k,), means (k, d) and logarithms of the variances (k, d) of the prior."""
        return self.logits, self.centers, self.log_variances

    def draw(self, mean: Tensor) -> tuple[Tensor, Tensor]:
        """Draw z from the posteriors, and return it with the logarithms of their variances."""
        log_variance = self.log_variance(mean)
        return mean + torch.exp(log_variance / 2) * torch.randn_like(mean), log_variance

    @torch.no_grad()
    def set_mixture(self, sizes: Tensor, means: Tensor, variances: Tensor) -> None:
        """Start from a mixture (k,), (k, d), (k, d), and posteriors narrower than its parts."""
        weights = (sizes / sizes.sum()).clamp_min(torch.finfo(sizes.dtype).eps)
        self.logits.copy_(weights.log())
        self.centers.copy_(means)
        self.log_variances.copy_(variances.log())
        self.log_variance.bias.copy_((weights @ variances).log() + math.log(FIRST_SHARE))
