"""Penalties on the output of named layers of any network, for estimators and for your own loop."""

from skdeepclust.regularizers._base import Regularizer
from skdeepclust.regularizers._clustering import ClusteringRegularizer
from skdeepclust.regularizers._exemplars import Exemplars
from skdeepclust.regularizers._forced_apart import (
    ForcedApartRegularizer,
    ForcedApartWeightRegularizer,
    XCovRegularizer,
)
from skdeepclust.regularizers._simple import ActivationRegularizer, DeCovRegularizer

__all__ = [
    "ActivationRegularizer",
    "ClusteringRegularizer",
    "DeCovRegularizer",
    "Exemplars",
    "ForcedApartRegularizer",
    "ForcedApartWeightRegularizer",
    "Regularizer",
    "XCovRegularizer",
]
