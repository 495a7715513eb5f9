"""Networks that learn representations that cluster, with the interface of scikit-learn."""

from skdeepclust.triplet_dec import TripletDECClusterer

__version__ = "0.1.0.dev0"

__all__ = ["TripletDECClusterer", "__version__"]
