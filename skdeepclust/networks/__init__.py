"""Networks: plain ``nn.Module`` classes that know nothing of estimators."""

from __future__ import annotations

from skdeepclust.networks._autoencoders import ConvAutoencoder, MLPAutoencoder
from skdeepclust.networks._standardize import Standardize

__all__ = ["ConvAutoencoder", "MLPAutoencoder", "Standardize"]
