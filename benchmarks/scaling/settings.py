"""What is varied, of which estimators, and how fast time and memory may grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    ZeroShotClassifier,
)

AXES: dict[str, tuple[int, ...]] = {
    "samples": (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000),
    "clusters": (10, 30, 100, 300),
    "width": (32, 64, 128, 256, 512),
    "batch": (64, 256, 1024),
}
BASE = {"samples": 10_000, "clusters": 10, "width": 64, "batch": 1024}
# So fast may time grow with n on the three largest sizes: n log n from 100,000 to 1,000,000 is
# 1.08 there, and measurements vary; with the other quantities, as fast as they do.
LIMITS = {"samples": 1.15}
LINEAR = 1.1
LEAST_MB = 30
LEAST = {"cpu_s": 0.0, "fit_mb": 1.0}  # of what is drawn
APPROXIMATE = "TAGnetClusterer, PyNNDescent"
ONE = {"max_epochs": 1, "random_state": 0}


def triplet_dec(size: dict[str, int], n_neighbors: int) -> TripletDECClusterer:
    return TripletDECClusterer(
        size["clusters"],
        n_components=10,
        n_neighbors=n_neighbors,
        pretrain_epochs=1,
        warmup_epochs=1,
        n_init=2,
        n_starts=1,
        batch_size=size["batch"],
        module__hidden=(size["width"],),
        **ONE,
    )


def tagnet(size: dict[str, int], **options: Any) -> TAGnetClusterer:
    return TAGnetClusterer(
        size["clusters"],
        n_components=size["width"],
        n_stages=4,
        n_init=2,
        batch_size=1024,
        **options,
        **ONE,
    )


def approximate_search() -> Any:
    try:
        from pynndescent import PyNNDescentTransformer
    except ImportError as error:
        raise SystemExit(
            "An approximate search comes with: pip install pynndescent. Without it, name the "
            "others by --estimators."
        ) from error
    return PyNNDescentTransformer(n_neighbors=11, random_state=0)


def network(cls: type, size: dict[str, int], **options: Any) -> Any:
    return cls(batch_size=size["batch"], module__hidden=(size["width"],), **options, **ONE)


ESTIMATORS: dict[str, Callable[[dict[str, int]], Any]] = {
    "ParsimoniousAutoencoder": lambda size: network(
        ParsimoniousAutoencoder, size, n_components=10, n_clusters=size["clusters"]
    ),
    "ParsimoniousClassifier": lambda size: network(
        ParsimoniousClassifier, size, n_clusters=size["clusters"]
    ),
    "ForcedApartEmbedder": lambda size: network(ForcedApartEmbedder, size),
    "ZeroShotClassifier": lambda size: ZeroShotClassifier(batch_size=size["batch"], **ONE),
    "TripletDECClusterer, n_neighbors=0": lambda size: triplet_dec(size, 0),
    "TripletDECClusterer": lambda size: triplet_dec(size, 10),
    "TAGnetClusterer": tagnet,
    APPROXIMATE: lambda size: tagnet(size, neighbors=approximate_search()),
}
# What a quantity is of no estimator that isn't named here.
WITHOUT = {
    "clusters": {"ForcedApartEmbedder", "ZeroShotClassifier"},
    "width": {"ZeroShotClassifier"},
    "batch": {"TAGnetClusterer", APPROXIMATE},
}
