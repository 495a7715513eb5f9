"""Networks that learn representations that cluster, with the interface of scikit-learn."""

from skdeepclust.forced_apart import ForcedApartEmbedder
from skdeepclust.parsimonious import ParsimoniousAutoencoder, ParsimoniousClassifier
from skdeepclust.persistence import load, save
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
    "load",
    "save",
]
