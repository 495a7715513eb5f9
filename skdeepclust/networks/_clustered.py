"""An autoencoder with the centres of clusters in its embedding."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from skdeepclust.networks._standardize import Standardize


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

    def __init__(self, autoencoder: nn.Module, n_components: int, n_clusters: int):
        super().__init__()
        self.standardize = Standardize()
        self.autoencoder = autoencoder
        self.centers = nn.Parameter(torch.zeros(n_clusters, n_components))
