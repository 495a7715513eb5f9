"""TAGnetClusterer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsTransformer, NearestNeighbors
from torch import nn

from same.seen import attributes, fitted, named, of_model
from same.small import (
    ALL,
    FORMS,
    IMAGES,
    KNOWN,
    NEW,
    WEIGHT,
    Scenario,
    fits,
    in_forms,
)
from skdeepclust import TAGnetClusterer
from skdeepclust.regularizers import ActivationRegularizer, DeCovRegularizer
from skdeepclust.tagnet import PAPER_SETTINGS

QUICK: Mapping[str, Any] = {
    "n_clusters": 3, "n_components": 8, "n_stages": 2, "n_init": 2, "n_neighbors": 5,
    "max_epochs": 3, "random_state": 0,
}  # fmt: skip
ATOMS = np.random.default_rng(2).normal(size=(6, 64))


class Encoder(nn.Module):
    """A plain network from samples to features."""

    def __init__(self, input_shape: tuple[int, ...], n_components: int, n_hidden: int = 12):
        super().__init__()
        self.inner, self.outer = nn.Linear(64, n_hidden), nn.Linear(n_hidden, n_components)

    def forward(self, x):
        return self.outer(self.inner(x.flatten(1)).relu())


def edges(rows: np.ndarray | None = None) -> sparse.csr_array:
    """Return edges between known samples, or from rows to these."""
    search = NearestNeighbors(n_neighbors=6).fit(KNOWN)
    found = sparse.csr_array(search.kneighbors_graph(rows))
    return found if rows is not None else found.maximum(found.T).tocsr()


def close(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.exp(-cdist(a, b))


def with_(**params: Any) -> Scenario:
    return fits(TAGnetClusterer, {**QUICK, **params})


OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "defaults of the short fit": {},
    "margins": {"loss": "max_margin", "margin": 0.5},
    "targets": {"loss": "target"},
    "the paper's settings": {**PAPER_SETTINGS, "n_components": 8},
    "K-SVD": {"dictionary": "ksvd"},
    "centres as a dictionary": {"dictionary": "kmeans"},
    "given dictionary": {"dictionary": ATOMS},
    "KMeans": {"init": "kmeans"},
    "given centres": {"init": np.random.default_rng(3).normal(size=(3, 8))},
    "a function for centres": {"init": lambda codes, n_clusters, random_state: codes[:n_clusters]},
    "Gaussian edges": {"edge_weights": "gaussian"},
    "equal edges": {"edge_weights": "connectivity", "normalized_laplacian": False},
    "a function for edges": {"affinity": close, "normalized_laplacian": False, "graph_weight": 0.5},
    "neighbours by a transformer": {
        "neighbors": KNeighborsTransformer(n_neighbors=7, mode="distance")
    },
    "no graph": {"graph_weight": 0},
    "a heavy graph": {"graph_weight": 5.0},
    "raw codes": {"normalize": False, "balance": 0.0},
    "much sparseness": {"lam": 0.9},
    "an auxiliary task": {"auxiliary_clusters": [2, None]},
    "auxiliary tasks": {"auxiliary_clusters": 2, "auxiliary_weight": 0.3, "loss": "max_margin"},
    "auxiliary targets": {"auxiliary_clusters": (None, 4), "loss": "target", "batch_size": 16},
    "batches": {"batch_size": 16},
    "batches without a graph": {"batch_size": 16, "graph_weight": 0},
    "batches and targets": {"batch_size": 20, "loss": "target", "dtype": "float64"},
    "batches and the best epoch": {"batch_size": 16, "restore_best": True, "lr": 0.1},
    "the best epoch": {"restore_best": True, "lr": 0.3, "max_epochs": 6},
    "no stages": {"n_stages": 0},
    "many stages": {"n_stages": 7, "auxiliary_clusters": [None, 3, None, 2, None, None, None]},
    "a plain network": {"module": Encoder, "module__n_hidden": 10, "n_stages": 0},
    "a plain network and targets": {"module": Encoder, "loss": "target", "graph_weight": 0},
    "no training": {"max_epochs": 0},
    "one cluster": {"n_clusters": 1},
    "many clusters": {"n_clusters": 20},
    "SGD": {"optimizer": "sgd", "lr": 0.1, "optimizer__momentum": 0.5},
    "double precision": {"dtype": "float64"},
    "bfloat16": {"precision": "bf16"},
    "float16": {"precision": "fp16", "batch_size": 16},
    "regularisers": {
        "regularizers": [ActivationRegularizer(["heads.0"]), DeCovRegularizer(["heads.0"])]
    },
    "regularisers of a plain network": {
        "module": Encoder, "regularizers": [DeCovRegularizer(["heads.0"])],
    },
    "printed lines": {"verbose": 1},
    "printed tables": {"verbose": 2},
}  # fmt: skip


def precomputed(form: str) -> Scenario:
    """Return a scenario in which the graph is given."""

    def scenario(folder: Path) -> Iterable[tuple[str, Any]]:
        graph = edges() if form == "sparse" else edges().toarray()
        model = TAGnetClusterer(**QUICK, affinity="precomputed")
        fitted(model, KNOWN, affinity=graph)
        yield from of_model(model, KNOWN)
        yield from named("new", of_model(model, new=NEW, affinity=edges(NEW)))

    return scenario


def features(folder: Path) -> Iterable[tuple[str, Any]]:
    """Neighbours in other features."""
    pca = PCA(5, random_state=0).fit(KNOWN)
    model = fitted(TAGnetClusterer(**QUICK), KNOWN, affinity=pca.transform(KNOWN))
    yield from of_model(model, KNOWN, affinity=pca.transform(KNOWN))
    yield from named("new", of_model(model, new=NEW, affinity=pca.transform(NEW)))


def another_graph(folder: Path) -> Iterable[tuple[str, Any]]:
    """A warm start with other samples, and so another graph."""
    options = {**QUICK, "normalized_laplacian": False, "edge_weights": "connectivity"}
    model = fitted(TAGnetClusterer(**options, warm_start=True), KNOWN[:40])
    yield from named("first", attributes(model))
    fitted(model.set_params(n_neighbors=9), ALL)
    yield from of_model(model, ALL, NEW)


SCENARIOS: dict[str, Scenario] = {
    **{f"TAGnet, {title}": with_(**options) for title, options in OPTIONS.items()},
    **in_forms("TAGnet", TAGnetClusterer, QUICK),
    "TAGnet, given graph": precomputed("sparse"),
    "TAGnet, given matrix of the graph": precomputed("dense"),
    "TAGnet, features of the graph": features,
    "TAGnet, another graph": another_graph,
    "TAGnet, weights": fits(TAGnetClusterer, QUICK, sample_weight=WEIGHT),
    "TAGnet, weights and batches": fits(
        TAGnetClusterer, {**QUICK, "batch_size": 16, "init": "kmeans"}, sample_weight=WEIGHT
    ),
    "TAGnet, equal samples": fits(TAGnetClusterer, QUICK, np.repeat(KNOWN[:9], 5, 0), new=KNOWN),
    "TAGnet, images": fits(TAGnetClusterer, QUICK, IMAGES[:60], new=IMAGES[50:]),
    "TAGnet, images as bytes": fits(
        TAGnetClusterer,
        QUICK,
        partial(FORMS["bytes"], IMAGES[:60]),
        new=partial(FORMS["bytes"], IMAGES[50:]),
    ),
    "TAGnet, CSR in batches": fits(
        TAGnetClusterer,
        {**QUICK, "batch_size": 16},
        partial(FORMS["CSR"], KNOWN),
        new=partial(FORMS["CSR"], NEW),
    ),
}
