"""What the comparison runs: this library's estimators, ClustPy's, UMAP's and scikit-learn's.

Each at the settings that its own documentation shows, the same on all data. Peers are imported
when they are run, so that the tables can be made without them.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans, SpectralClustering
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

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


class Fitted(NamedTuple):
    """Labels (-1 for noise), how to label other rows, and this library's clusterer if it is one."""

    labels: np.ndarray
    predict: Callable[[np.ndarray], np.ndarray] | None
    clusterer: Any = None


# Fits samples with a number of clusters and a seed.
Method = Callable[[Samples, int, int], Fitted]


def fitted(model: Any, samples: Samples) -> Fitted:
    """Fit a clusterer of scikit-learn's interface."""
    labels = model.fit_predict(samples.X)
    return Fitted(labels, getattr(model, "predict", None))


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


def classic(clusterer: Callable[..., Any]) -> Method:
    """One of the classics at its defaults, on rows, as in its paper."""

    def method(samples: Samples, n_clusters: int, seed: int) -> Fitted:
        model = clusterer(n_clusters, random_state=seed)
        return Fitted(model.fit_predict(samples.X), model.predict, model)

    return method


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


# ---------------------------------------------------------------- UMAP


def umap_and(n_components: int, clusterer: Callable[[Samples, int, int], Any]) -> Method:
    """UMAP as its documentation sets it for clustering: many neighbours, no minimal distance."""

    def method(samples: Samples, n_clusters: int, seed: int) -> Fitted:
        from umap import UMAP

        reducer = UMAP(
            n_neighbors=30, min_dist=0.0, n_components=n_components, random_state=seed, n_jobs=1
        )
        return fitted(make_pipeline(reducer, clusterer(samples, n_clusters, seed)), samples)

    method.prepare = compile_umap
    return method


@cache
def compile_umap() -> None:
    """Let numba compile, so that it isn't a part of what is timed; few and many rows differ."""
    from umap import UMAP

    for n_samples in (500, 5_000):
        rows = np.random.default_rng(0).random((n_samples, 20), dtype=np.float32)
        UMAP(n_epochs=5, random_state=0, n_jobs=1).fit(rows).transform(rows[:300])


def umap_kmeans(samples: Samples, n_clusters: int, seed: int) -> KMeans:
    return KMeans(n_clusters, n_init=10, random_state=seed)


def umap_mixture(samples: Samples, n_clusters: int, seed: int) -> GaussianMixture:
    return GaussianMixture(n_clusters, n_init=3, random_state=seed)


def umap_hdbscan(samples: Samples, n_clusters: int, seed: int) -> HDBSCAN:
    """Smallest clusters of 500 among 70,000 samples, as there; it finds how many there are."""
    smallest = max(len(samples.y) // 140, 10)
    return HDBSCAN(min_samples=10, min_cluster_size=smallest, copy=True)


# ---------------------------------------------------------------- ClustPy


def clustpy(name: str, **parameters: Any) -> Method:
    """An estimator of ClustPy with its defaults."""

    def method(samples: Samples, n_clusters: int, seed: int) -> Fitted:
        from clustpy import deep

        given = {"random_state": seed, "device": "cpu", **parameters}
        model = getattr(deep, name)(n_clusters, **given)
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # progress bars
            model.fit(samples.X)
        return Fitted(np.asarray(model.labels_), model.predict)

    return method


METHODS: Mapping[str, Method] = {
    "TripletDECClusterer": triplet_dec(),
    "TAGnetClusterer": tagnet,
    "ParsimoniousAutoencoder + KMeans": then_kmeans(ParsimoniousAutoencoder),
    "ForcedApartEmbedder + KMeans": then_kmeans(ForcedApartEmbedder),
    **{
        clusterer.__name__: classic(clusterer)
        for clusterer in (DECClusterer, IDECClusterer, DCNClusterer, DKMClusterer, VaDEClusterer)
    },
    "KMeans": k_means,
    "PCA + GaussianMixture": mixture,
    "SpectralClustering": spectral,
    "AgglomerativeClustering": ward,
    "UMAP + KMeans": umap_and(10, umap_kmeans),
    "UMAP + GaussianMixture": umap_and(10, umap_mixture),
    "UMAP + HDBSCAN": umap_and(2, umap_hdbscan),
    # its default, as many components of t-SNE as clusters, is an error of scikit-learn's t-SNE
    "ClustPy N2D": clustpy("N2D", manifold_params={"n_components": 2}),
    "ClustPy DEC": clustpy("DEC"),
    "ClustPy IDEC": clustpy("IDEC"),
    "ClustPy DCN": clustpy("DCN"),
    "ClustPy VaDE": clustpy("VaDE"),
}
OURS = tuple(METHODS)[:9]
CLASSICS = OURS[4:]
NO_PREDICT = ("SpectralClustering", "AgglomerativeClustering", "UMAP + HDBSCAN")
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
    *(name for name in METHODS if name.startswith("ClustPy") and name != "ClustPy N2D"),
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
