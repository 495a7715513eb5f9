"""One small fit of each public estimator, for tests that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.datasets import load_digits

from skdeepclust import (
    DCNClusterer,
    DKMClusterer,
    ForcedApartEmbedder,
    IDECClusterer,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    VaDEClusterer,
    ZeroShotClassifier,
    meta,
)
from skdeepclust.dictionary import KSVD
from skdeepclust.graph import NeighborAffinity
from skdeepclust.regularizers import DeCovRegularizer

X, DIGIT = load_digits(return_X_y=True)
X, DIGIT = X[:90] / 16, DIGIT[:90]
KNOWN, NEW = X[:60], X[50:]  # some of the latter are known, too
QUICK = {"max_epochs": 2, "random_state": 0}
CLASSIC = {"n_components": 4, "pretrain_epochs": 1, "n_init": 2, "module__hidden": (16,), **QUICK}
CHANNELS = {"module__channels": (4, 8)}
GRAPH = {"n_components": 8, "n_stages": 2, "n_init": 1, **QUICK}

# Meta-estimators, and what they are told besides.
AROUND: dict[str, dict[str, Any]] = {
    "OpenSetClusterer": {"contamination": 0.2},
    "ConsensusClusterer": {"n_runs": 2},
    "ConstrainedClusterer": {"n_neighbors": 5},
    "HierarchicalClusterer": {"n_neighbors": 5},
    "SizeConstrainedClusterer": {"max_cluster_size": 25},
}
# An estimator that isn't fitted, and the arguments of its fit.
NETWORKS: dict[str, Callable[[], tuple[Any, tuple]]] = {
    "classifier": lambda: (ParsimoniousClassifier(n_clusters=5, **QUICK), (KNOWN, DIGIT[:60])),
    "labels of text": lambda: (
        ParsimoniousClassifier(n_clusters=5, regularizers=[DeCovRegularizer(["fc1"])], **QUICK),
        (KNOWN, DIGIT[:60].astype(str)),
    ),
    "autoencoder": lambda: (ParsimoniousAutoencoder(n_clusters=5, **QUICK), (KNOWN,)),
    "zero shot": lambda: (ZeroShotClassifier(**QUICK), (KNOWN, DIGIT[:60])),
    "embedder": lambda: (ForcedApartEmbedder(**QUICK), (KNOWN, DIGIT[:60] > 4)),
    "triplet dec": lambda: (
        TripletDECClusterer(
            3, image_shape=(8, 8), pretrain_epochs=1, warmup_epochs=1, n_init=1, **CHANNELS, **QUICK
        ),
        (KNOWN,),
    ),
    "triplet dec with links": lambda: (
        TripletDECClusterer(
            3, image_shape=(8, 8), pretrain_epochs=1, warmup_epochs=1, n_init=1, **CHANNELS, **QUICK
        ),
        (KNOWN, None, None, [[0, 10], [10, 20]], [[0, 2]], np.where(DIGIT[:60] == 1, 1, -1)),
    ),
    "idec": lambda: (IDECClusterer(3, **CLASSIC), (KNOWN,)),
    "dcn": lambda: (DCNClusterer(3, **CLASSIC), (KNOWN,)),
    "dkm": lambda: (DKMClusterer(3, alpha="annealed", **CLASSIC), (KNOWN,)),
    "vade": lambda: (VaDEClusterer(3, **CLASSIC), (KNOWN,)),
    "tagnet": lambda: (TAGnetClusterer(3, auxiliary_clusters=[2, None], **GRAPH), (KNOWN,)),
}
FITS = {
    **NETWORKS,
    "search with a tree": lambda: (NeighborAffinity(4), (KNOWN[:, :3],)),
    "dictionary": lambda: (KSVD(8, random_state=0), (KNOWN,)),
    **{
        name: lambda name=name, options=options: (
            getattr(meta, name)(DKMClusterer(3, **CLASSIC), random_state=0, **options),
            (KNOWN,),
        )
        for name, options in AROUND.items()
    },
}


def fitted(name: str):
    """Return a fitted estimator."""
    model, arguments = FITS[name]()
    return model.fit(*arguments)


def outputs(model) -> list[np.ndarray]:
    """Return all that a model says of samples, some of which it knows."""
    samples = NEW[:, : model.n_features_in_]
    names = ("predict", "predict_proba", "transform", "decision_function")
    found = [getattr(model, name)(samples) for name in names if hasattr(model, name)]
    return [part.toarray() if sparse.issparse(part) else part for part in found]


def assert_same(one, other) -> None:
    """Assert that two fitted models say the same of all samples, bit for bit."""
    for a, b in zip(outputs(one), outputs(other), strict=True):
        np.testing.assert_array_equal(a, b)
