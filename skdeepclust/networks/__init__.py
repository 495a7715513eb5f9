"""Networks: plain ``nn.Module`` classes that know nothing of estimators."""

from __future__ import annotations

from skdeepclust.networks._autoencoders import (
    ConvAutoencoder,
    MLPAutoencoder,
    SequenceAutoencoder,
)
from skdeepclust.networks._bottleneck import BottleneckCNN, BottleneckMLP
from skdeepclust.networks._classifiers import MLP, CIFARQuick
from skdeepclust.networks._receptive_field import ReceptiveField, receptive_field
from skdeepclust.networks._recurrent import BottleneckRNN
from skdeepclust.networks._standardize import Standardize
from skdeepclust.networks._tagnet import PlainEncoder, TAGnet, shrinkage

__all__ = [
    "MLP",
    "BottleneckCNN",
    "BottleneckMLP",
    "BottleneckRNN",
    "CIFARQuick",
    "ConvAutoencoder",
    "MLPAutoencoder",
    "PlainEncoder",
    "ReceptiveField",
    "SequenceAutoencoder",
    "Standardize",
    "TAGnet",
    "receptive_field",
    "shrinkage",
]
