"""Estimators of each method that are trained in a moment."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
)

PIXELS, DIGIT = load_digits(return_X_y=True)
PIXELS = (PIXELS / 16).astype(np.float32)


def triplet_dec(n_clusters=10, **params) -> TripletDECClusterer:
    """Return a clusterer that runs through all phases in a moment."""
    defaults = {"pretrain_epochs": 1, "warmup_epochs": 1, "max_epochs": 1, "n_init": 2}
    defaults |= {"image_shape": (8, 8), "random_state": 0, "module__channels": (4, 8)}
    return TripletDECClusterer(n_clusters, **{**defaults, **params})


def forced_apart(**params) -> ForcedApartEmbedder:
    """Return an embedder that is trained in a moment."""
    defaults = {"n_components": 6, "max_epochs": 2, "batch_size": 64, "random_state": 0}
    if params.get("module") is None:
        defaults["module__hidden"] = (16,)
    return ForcedApartEmbedder(**{**defaults, **params})


def parsimonious(**params) -> ParsimoniousClassifier:
    """Return a classifier that is trained in a moment."""
    defaults = {"n_clusters": 10, "max_epochs": 3, "batch_size": 64, "random_state": 0}
    return ParsimoniousClassifier(**{"module__hidden": (32, 16), **defaults, **params})


def tagnet(n_clusters: int = 10, **changes) -> TAGnetClusterer:
    """Return a clusterer with a small network."""
    parameters = {
        "n_components": 32,
        "n_stages": 4,
        "dictionary": "kmeans",
        "n_init": 2,
        "max_epochs": 3,
        "random_state": 0,
        **changes,
    }
    return TAGnetClusterer(n_clusters, **parameters)
