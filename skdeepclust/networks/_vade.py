"""The network of VaDE."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from skdeepclust.networks._clustered import ClusteredAutoencoder

# Variance of the first posteriors, as a share of that within the clusters: most of what the
# embedding tells of a sample is still told.
FIRST_SHARE = 0.1


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

    @torch.no_grad()
    def set_mixture(self, weights: Tensor, means: Tensor, variances: Tensor) -> None:
        """Start from a mixture (k,), (k, d), (k, d), and posteriors narrower than its parts."""
        self.logits.copy_(weights.log())
        self.centers.copy_(means)
        self.log_variances.copy_(variances.log())
        self.log_variance.bias.copy_((weights @ variances).log() + math.log(FIRST_SHARE))
