"""Networks that learn representations that cluster, with the interface of scikit-learn."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# what type checkers see, who then know a name that isn't there
if TYPE_CHECKING:
    from skdeepclust import augmentation as augmentation
    from skdeepclust import classics as classics
    from skdeepclust import datasets as datasets
    from skdeepclust import dictionary as dictionary
    from skdeepclust import explain as explain
    from skdeepclust import forced_apart as forced_apart
    from skdeepclust import graph as graph
    from skdeepclust import losses as losses
    from skdeepclust import meta as meta
    from skdeepclust import metrics as metrics
    from skdeepclust import networks as networks
    from skdeepclust import parsimonious as parsimonious
    from skdeepclust import persistence as persistence
    from skdeepclust import plotting as plotting
    from skdeepclust import regularizers as regularizers
    from skdeepclust import reporting as reporting
    from skdeepclust import serving as serving
    from skdeepclust import tagnet as tagnet
    from skdeepclust import triplet_dec as triplet_dec
    from skdeepclust import zero_shot as zero_shot
    from skdeepclust.classics import (
        DCNClusterer,
        DECClusterer,
        DKMClusterer,
        IDECClusterer,
        VaDEClusterer,
    )
    from skdeepclust.forced_apart import ForcedApartEmbedder
    from skdeepclust.parsimonious import ParsimoniousAutoencoder, ParsimoniousClassifier
    from skdeepclust.persistence import load, save
    from skdeepclust.reporting import report
    from skdeepclust.serving import export
    from skdeepclust.tagnet import TAGnetClusterer
    from skdeepclust.triplet_dec import TripletDECClusterer
    from skdeepclust.zero_shot import ZeroShotClassifier

__version__ = "0.1.0.dev0"

__all__ = [
    "DCNClusterer",
    "DECClusterer",
    "DKMClusterer",
    "ForcedApartEmbedder",
    "IDECClusterer",
    "ParsimoniousAutoencoder",
    "ParsimoniousClassifier",
    "TAGnetClusterer",
    "TripletDECClusterer",
    "VaDEClusterer",
    "ZeroShotClassifier",
    "__version__",
    "export",
    "load",
    "report",
    "save",
]

# Modules are imported when a name of theirs is first asked for: the package alone comes at once.
_HOMES = {
    "DCNClusterer": "classics",
    "DECClusterer": "classics",
    "DKMClusterer": "classics",
    "ForcedApartEmbedder": "forced_apart",
    "IDECClusterer": "classics",
    "ParsimoniousAutoencoder": "parsimonious",
    "ParsimoniousClassifier": "parsimonious",
    "TAGnetClusterer": "tagnet",
    "TripletDECClusterer": "triplet_dec",
    "VaDEClusterer": "classics",
    "ZeroShotClassifier": "zero_shot",
    "export": "serving",
    "load": "persistence",
    "report": "reporting",
    "save": "persistence",
}
_MODULES = {"augmentation", "datasets", "dictionary", "graph", "losses", "metrics", "networks"}
_MODULES |= {"explain", "meta", "plotting", "regularizers", *_HOMES.values()}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
            globals()[name] = value
            return value
        if name in _MODULES:
            return importlib.import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    special = {name for name in globals() if name.startswith("__")}
    return sorted({*__all__, *_MODULES, *special})
