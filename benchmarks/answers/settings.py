"""What the meta-estimators are put around."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from benchmarks.compare.samples import Samples
from skdeepclust import TAGnetClusterer, TripletDECClusterer

# Makes a clusterer for samples, with a number of clusters and a seed.
Make = Callable[[Samples, int, int], Any]
# So short that runs differ.
SHORT = {"pretrain_epochs": 0.5, "warmup_epochs": 0.2, "max_epochs": 0.5}


def triplet_dec(samples: Samples, n_clusters: int, seed: int, **options: Any) -> Any:
    return TripletDECClusterer(
        n_clusters, image_shape=samples.image_shape, random_state=seed, **options
    )


def tagnet(samples: Samples, n_clusters: int, seed: int) -> Any:
    return TAGnetClusterer(n_clusters, random_state=seed)


def mixture(samples: Samples, n_clusters: int, seed: int) -> Any:
    n_components = min(20, samples.X.shape[1])
    model = GaussianMixture(n_clusters, covariance_type="diag", random_state=seed)
    return make_pipeline(PCA(n_components, random_state=seed), model)


def kmeans(samples: Samples, n_clusters: int, seed: int) -> Any:
    return KMeans(n_clusters, n_init=1, random_state=seed)


MAKE: Mapping[str, Make] = {
    "TripletDECClusterer": triplet_dec,
    "TripletDECClusterer, short": lambda *given: triplet_dec(*given, **SHORT),
    "TAGnetClusterer": tagnet,
    "PCA + GaussianMixture": mixture,
    "KMeans": kmeans,
}
