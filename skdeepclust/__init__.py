"""Deep clustering with scikit-learn's interface: networks that learn representations that cluster."""

from skdeepclust.triplet_dec import TripletDECClusterer

__version__ = "0.1.0.dev0"

__all__ = ["TripletDECClusterer", "__version__"]
