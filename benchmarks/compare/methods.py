"""What the comparison runs: this library's estimators, ClustPy's, UMAP's and scikit-learn's.

Each at the settings that its own documentation shows, the same on all data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import torch
from sklearn.cluster import AgglomerativeClustering, KMeans, SpectralClustering
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from benchmarks.compare.fitted import Fitted, Method, fitted
from benchmarks.compare.peers import PEERS, clustpy_of_units
from benchmarks.compare.samples import Samples
from skdeepclust import (
    DCNClusterer,
    DECClusterer,
    DKMClusterer,
    ForcedApartEmbedder,
    IDECClusterer,
    ParsimoniousAutoencoder,
    TAGnetClusterer,
    TripletDECClusterer,
    VaDEClusterer,
)

# ---------------------------------------------------------------- this library


def triplet_dec(**parameters: Any) -> Method:
    def method(samples: Samples, n_clusters: int, seed: int) -> Fitted:
        given = {"image_shape": samples.image_shape, "random_state": seed, **parameters}
        model = TripletDECClusterer(n_clusters, **given)
        return Fitted(model.fit_predict(samples.X), model.predict, model)

    return method


def twice_the_epochs(samples: Samples, n_clusters: int, seed: int) -> Fitted:
    """Twice as many epochs as by default, of half as many steps."""
    n_samples = len(samples.X)
    method = triplet_dec(
        warmup_epochs=math.ceil(min(4 + 150_000 / n_samples, 200)),
        max_epochs=math.ceil(min(5 + 30_000 / n_samples, 50)),
        batch_size=256,
    )
    return method(samples, n_clusters, seed)


def tagnet(samples: Samples, n_clusters: int, seed: int) -> Fitted:
    model = TAGnetClusterer(n_clusters, random_state=seed)
    return Fitted(model.fit_predict(samples.X), model.predict, model)


def classic(
    clusterer: Callable[..., Any],
    on_rows: Mapping[str, Any] = MappingProxyType({}),
    *,
    sees_images: bool = False,
    **parameters: Any,
) -> Method:
    """One of the classics, unless told otherwise at its defaults; on rows, as in its paper."""

    def method(samples: Samples, n_clusters: int, seed: int) -> Fitted:
        given = {"image_shape": samples.image_shape} if sees_images else {}
        given |= on_rows if given.get("image_shape") is None else {}
        model = clusterer(n_clusters, random_state=seed, **parameters, **given)
        return Fitted(model.fit_predict(samples.X), model.predict, model)

    method.prepare = make_an_optimizer
    return method


@cache
def make_an_optimizer() -> None:
    """Let torch import what its first optimiser needs, a second that isn't the method's."""
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])


def then_kmeans(embedder: Callable[..., Any]) -> Method:
    """An embedding at its default settings, and K-means in it."""

    def method(samples: Samples, n_clusters: int, seed: int) -> Fitted:
        kmeans = KMeans(n_clusters, n_init=10, random_state=seed)
        return fitted(make_pipeline(embedder(random_state=seed), kmeans), samples)

    return method


# ---------------------------------------------------------------- scikit-learn


def k_means(samples: Samples, n_clusters: int, seed: int) -> Fitted:
    return fitted(KMeans(n_clusters, n_init=10, random_state=seed), samples)


def mixture(samples: Samples, n_clusters: int, seed: int) -> Fitted:
    pca = PCA(min(30, samples.X.shape[1]), random_state=seed)
    model = GaussianMixture(n_clusters, reg_covar=1e-3, random_state=seed)
    return fitted(make_pipeline(pca, model), samples)


def spectral(samples: Samples, n_clusters: int, seed: int) -> Fitted:
    return fitted(
        SpectralClustering(
            n_clusters, affinity="nearest_neighbors", n_neighbors=10, random_state=seed
        ),
        samples,
    )


def ward(samples: Samples, n_clusters: int, seed: int) -> Fitted:
    return fitted(AgglomerativeClustering(n_clusters), samples)


CLASSICS: Mapping[str, Callable[..., Any]] = {
    clusterer.__name__: clusterer
    for clusterer in (DECClusterer, IDECClusterer, DCNClusterer, DKMClusterer, VaDEClusterer)
}
METHODS: Mapping[str, Method] = {
    "TripletDECClusterer": triplet_dec(),
    "TAGnetClusterer": tagnet,
    "ParsimoniousAutoencoder + KMeans": then_kmeans(ParsimoniousAutoencoder),
    "ForcedApartEmbedder + KMeans": then_kmeans(ForcedApartEmbedder),
    **{name: classic(clusterer) for name, clusterer in CLASSICS.items()},
    "KMeans": k_means,
    "PCA + GaussianMixture": mixture,
    "SpectralClustering": spectral,
    "AgglomerativeClustering": ward,
    **PEERS,
}
# What `make bench` doesn't install runs when it is named.
ON_REQUEST = ("EVoC", "GemClus LinearMMD", "GemClus MLPMMD")
NO_PREDICT = ("SpectralClustering", "AgglomerativeClustering", "UMAP + HDBSCAN", "EVoC")
# What anybody would try on a table.
PLAIN = (
    "TripletDECClusterer",
    "TAGnetClusterer",
    "KMeans",
    "PCA + GaussianMixture",
    "SpectralClustering",
    "AgglomerativeClustering",
    "UMAP + GaussianMixture",
    "UMAP + HDBSCAN",
)
# What takes too long, or too much memory, with 70,000 samples.
SMALL_ONLY = (
    "SpectralClustering",
    "AgglomerativeClustering",
    "UMAP + HDBSCAN",
    *CLASSICS,
    *(name for name in METHODS if name.startswith(("ClustPy", "GemClus")) and "N2D" not in name),
)
# Those of which numbers of clusters are compared.
SWEPT = {name: METHODS[name] for name in ("TripletDECClusterer", "TAGnetClusterer", "KMeans")}
# Fewer epochs of the phases that take most of the time, and more of them.
SHARES = (0.25, 0.5)
EPOCHS = {
    **{
        f"TripletDECClusterer, {share:g} of the epochs": triplet_dec(
            warmup_epochs=share, max_epochs=share
        )
        for share in SHARES
    },
    "TripletDECClusterer, twice the epochs": twice_the_epochs,
}
IMBALANCED = {
    "TripletDECClusterer, estimated prior": triplet_dec(cluster_prior="estimated"),
    **{name: METHODS[name] for name in ("TripletDECClusterer", "KMeans", "UMAP + GaussianMixture")},
}
# One hidden layer, which takes seconds where those of the papers take minutes, and what another
# start is worth.
UNITS = 128
SMALL = {
    **{
        f"{name}, init={init!r}": classic(clusterer, init=init, module__hidden=(UNITS,))
        for name, clusterer in CLASSICS.items()
        for init in ("paper", "search")
    },
    **{
        f"ClustPy {name.removesuffix('Clusterer')}": clustpy_of_units(
            name.removesuffix("Clusterer"), UNITS
        )
        for name in CLASSICS
    },
}
# What the start and the warm-up of Triplet DEC are worth to each; of images, in convolutions.
PARTS = {
    f"{name}, {told}": classic(
        clusterer, {"module__hidden": (UNITS,)}, sees_images=True, init=init, warmup=warmup
    )
    for name, clusterer in CLASSICS.items()
    for told, init, warmup in (
        ("as in the paper", "paper", None),
        ("search", "search", None),
        ("warm-up", "paper", "contrastive"),
        ("warm-up and search", "search", "contrastive"),
    )
}
