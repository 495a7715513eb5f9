"""Methods of other libraries: UMAP and a clusterer, ClustPy, EVoC, GemClus.

Each is imported when it runs, so that the tables can be made without it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from benchmarks.compare.fitted import Fitted, Method, fitted
from benchmarks.compare.samples import Samples

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


def clustpy_of_units(name: str, n_units: int) -> Method:
    """The same with one hidden layer."""

    def method(samples: Samples, n_clusters: int, seed: int) -> Fitted:
        from clustpy.deep import neural_networks

        kind = "VariationalAutoencoder" if name == "VaDE" else "FeedforwardAutoencoder"
        layers = [samples.X.shape[1], n_units, 10]
        network = getattr(neural_networks, kind), {"layers": layers}
        return clustpy(name, neural_network=network)(samples, n_clusters, seed)

    return method


# ---------------------------------------------------------------- EVoC and GemClus


def needed(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise SystemExit(f"{module} comes with: pip install --no-deps evoc gemclus POT") from error


def evoc(samples: Samples, n_clusters: int, seed: int) -> Fitted:
    """EVoC with the number of clusters, which it takes for a wish; -1 is noise."""
    EVoC = needed("evoc").EVoC
    return fitted(EVoC(approx_n_clusters=n_clusters, random_state=seed), samples)


@cache
def compile_evoc() -> None:
    """Let numba compile, as for UMAP."""
    EVoC = needed("evoc").EVoC
    rows = np.random.default_rng(0).normal(size=(2_000, 20)).astype(np.float32)
    EVoC(approx_n_clusters=5, random_state=0).fit(rows)


evoc.prepare = compile_evoc


def gemclus(wing: str, name: str) -> Method:
    """A model of GemClus at its defaults, but in batches: the cost grows with their square."""

    def method(samples: Samples, n_clusters: int, seed: int) -> Fitted:
        model = getattr(needed(f"gemclus.{wing}"), name)(
            n_clusters=n_clusters, batch_size=256, random_state=seed
        )
        return fitted(model, replace(samples, X=samples.X.astype(np.float64)))

    return method


PEERS: Mapping[str, Method] = {
    "UMAP + KMeans": umap_and(10, umap_kmeans),
    "UMAP + GaussianMixture": umap_and(10, umap_mixture),
    "UMAP + HDBSCAN": umap_and(2, umap_hdbscan),
    # its default, as many components of t-SNE as clusters, is an error of scikit-learn's t-SNE
    "ClustPy N2D": clustpy("N2D", manifold_params={"n_components": 2}),
    **{f"ClustPy {name}": clustpy(name) for name in ("DEC", "IDEC", "DCN", "DKM", "VaDE")},
    "EVoC": evoc,
    "GemClus LinearMMD": gemclus("linear", "LinearMMD"),
    "GemClus MLPMMD": gemclus("mlp", "MLPMMD"),
}
