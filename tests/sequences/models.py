"""The estimators in their smallest, and the samples that they are given."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from skdeepclust import (
    DCNClusterer,
    DECClusterer,
    DKMClusterer,
    ForcedApartEmbedder,
    IDECClusterer,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    VaDEClusterer,
    ZeroShotClassifier,
)
from skdeepclust.meta import (
    ConsensusClusterer,
    HierarchicalClusterer,
    OpenSetClusterer,
    SizeConstrainedClusterer,
    StreamClusterer,
)

QUICK: dict[str, Any] = {"max_epochs": 1, "batch_size": 8, "random_state": 0}
HIDDEN = {"module__hidden": (4,)}


def around(cluster: Callable[..., Any], **options: Any) -> Any:
    """Return a meta-estimator around a small clusterer."""
    inside = DECClusterer(2, n_components=2, pretrain_epochs=1, n_init=1, **HIDDEN, **QUICK)
    return cluster(inside, random_state=0, **options)


MODELS: dict[str, Callable[[], Any]] = {
    "triplet": lambda: TripletDECClusterer(
        2, n_components=2, pretrain_epochs=1, warmup_epochs=1, n_init=1, n_starts=1,
        **HIDDEN, **QUICK,
    ),
    "tagnet": lambda: TAGnetClusterer(
        2, n_components=3, n_stages=1, n_init=1, n_neighbors=2, dictionary="kmeans",
        init="kmeans", max_epochs=1, random_state=0,
    ),
    **{
        name: partial(
            clusterer, 2, n_components=2, pretrain_epochs=1, n_init=1, **HIDDEN, **QUICK
        )
        for name, clusterer in {
            "dec": DECClusterer, "idec": IDECClusterer, "dcn": DCNClusterer,
            "dkm": DKMClusterer, "vade": VaDEClusterer,
        }.items()
    },
    "classifier": lambda: ParsimoniousClassifier(n_clusters=2, **HIDDEN, **QUICK),
    "autoencoder": lambda: ParsimoniousAutoencoder(
        n_clusters=2, n_components=2, **HIDDEN, **QUICK
    ),
    "embedder": lambda: ForcedApartEmbedder(n_components=2, **HIDDEN, **QUICK),
    "zero shot": lambda: ZeroShotClassifier(**QUICK),
    **{
        name: partial(around, cluster, **options)
        for name, (cluster, options) in {
            "open set": (OpenSetClusterer, {"contamination": 0.3, "calibration": 0.3}),
            "consensus": (ConsensusClusterer, {"n_runs": 2}),
            "hierarchy": (HierarchicalClusterer, {"n_clusters": 2}),
            "sizes": (SizeConstrainedClusterer, {"min_cluster_size": 1}),
            "stream": (StreamClusterer, {"contamination": 0.3, "calibration": 0.3}),
        }.items()
    },
}  # fmt: skip
# Changes of parameters, some of which the network can't take without beginning anew, some wrong.
CHANGES: dict[str, list[Any]] = {
    "lr": [0.01, 1e-4, -1.0],
    "max_epochs": [0, 1, 2, -1],
    "batch_size": [4, 64, 1],
    "warm_start": [True, False],
    "dtype": ["float32", "float64", "float16"],
    "random_state": [0, 1],
    "n_clusters": [1, 2, 3, 0, 50],
    "n_components": [1, 2, 3, 0],
    "lam": [0, 0.1, -1],
    "module__hidden": [(4,), (3,), ()],
    "optimizer": ["adam", "sgd", "none"],
    "normalize": [True, False],
    "n_stages": [0, 1, 2],
    "loss": ["entropy", "max_margin", "target", "none"],
    "augmentation": ["auto", None],
    "clustering": ["sample", "channel"],
    "image_shape": [None, (2, 2), (1, 2, 2), (3, 3)],
    "fit_intercept": [True, False],
    "early_stopping": [True, False],
    "class_weight": [None, "balanced"],
    "restore_best": [True, False],
    "graph_weight": [0, "auto"],
    "gamma": [0, 1, -1],
    "alpha": [1, "annealed", 0],
    "likelihood": ["auto", "bernoulli", "gaussian", "none"],
    "clustering_lr": [0.01, 0],
    "pretrain_epochs": [0, 1, -1],
    "contamination": [0.1, 0.5, 0],
    "n_neighbors": [1, 3, 0],
    "min_cluster_size": [1, 2, 20],
    "min_overlap": [0, 1.0, 2],
    "n_runs": [1, 3, 0],
    "embedding": ["input", "transform", "auto", "nonsense"],
}
KINDS = ["normal", "normal", "normal", "offset", "constant", "duplicates", "tiny", "large", "nan"]
FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "array": lambda X: X,
    "fortran": np.asfortranarray,
    "list": lambda X: X.tolist(),
    "frame": lambda X: pd.DataFrame(X),
    "tensor": lambda X: torch.from_numpy(np.ascontiguousarray(X)),
    "sparse": sparse.csr_array,
    "images": lambda X: X.reshape(len(X), 2, -1) if X.shape[1] % 2 == 0 else X,
}
SAME_FORMS = ("array", "fortran", "list", "frame", "tensor", "sparse")


def samples(generator: np.random.Generator, kind: str, n_features: int) -> np.ndarray:
    """Return 2 to 14 samples, of numbers that float32 holds."""
    n_samples = int(generator.integers(2, 15))
    # of a grid, so that no container and no offset rounds them
    X = np.round(generator.normal(size=(n_samples, n_features)) * 64) / 64
    if kind == "offset":
        X = X + 2.0**30
    elif kind == "constant":
        X = np.ones_like(X)
    elif kind == "duplicates":
        X = X[generator.integers(max(1, n_samples // 3), size=n_samples)]
    elif kind in ("tiny", "large"):
        X = X * 2.0 ** (-60 if kind == "tiny" else 40)
    elif kind == "nan":
        X[generator.integers(n_samples), generator.integers(n_features)] = np.nan
    return X


def labels(generator: np.random.Generator, n_samples: int) -> np.ndarray:
    """Return labels of some type, now and then with some missing, or all the same."""
    classes = int(generator.choice([2, 2, 3, 3, 1]))
    y = np.arange(n_samples) % classes
    kind = generator.choice(["int", "int", "text", "partial"])
    if kind == "text":
        return np.array(["a", "b", "c"])[y]
    return np.where(generator.random(n_samples) < 0.3, -1, y) if kind == "partial" else y
