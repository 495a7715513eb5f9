"""Networks that learn representations that cluster, with the interface of scikit-learn."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skdeepclust.forced_apart import ForcedApartEmbedder
    from skdeepclust.parsimonious import ParsimoniousAutoencoder, ParsimoniousClassifier
    from skdeepclust.persistence import load, save
    from skdeepclust.serving import export
    from skdeepclust.tagnet import TAGnetClusterer
    from skdeepclust.triplet_dec import TripletDECClusterer
    from skdeepclust.zero_shot import ZeroShotClassifier

__version__ = "0.1.0.dev0"

__all__ = [
    "ForcedApartEmbedder",
    "ParsimoniousAutoencoder",
    "ParsimoniousClassifier",
    "TAGnetClusterer",
    "TripletDECClusterer",
    "ZeroShotClassifier",
    "__version__",
    "export",
    "load",
    "save",
]

# Modules are imported when a name of theirs is first asked for: the package alone comes at once.
_HOMES = {
    "ForcedApartEmbedder": "forced_apart",
    "ParsimoniousAutoencoder": "parsimonious",
    "ParsimoniousClassifier": "parsimonious",
    "TAGnetClusterer": "tagnet",
    "TripletDECClusterer": "triplet_dec",
    "ZeroShotClassifier": "zero_shot",
    "export": "serving",
    "load": "persistence",
    "save": "persistence",
}
_MODULES = {"augmentation", "datasets", "dictionary", "graph", "losses", "metrics", "networks"}
_MODULES |= {"plotting", "regularizers", *_HOMES.values()}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_MODULES})
