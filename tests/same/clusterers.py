"""TripletDECClusterer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.neighbors import KNeighborsTransformer
from skorch.callbacks import EarlyStopping, EpochScoring, GradientNormClipping, LRScheduler
from torch import Tensor

from same.small import (
    ALL,
    COLOURS,
    FORMS,
    IMAGES,
    KNOWN,
    NEW,
    STORED,
    WEIGHT,
    Scenario,
    fits,
    in_forms,
)
from skdeepclust import TripletDECClusterer
from skdeepclust.augmentation import FeatureAugmentation, ImageAugmentation
from skdeepclust.networks import MLPAutoencoder
from skdeepclust.regularizers import (
    ActivationRegularizer,
    ClusteringRegularizer,
    DeCovRegularizer,
)
from skdeepclust.triplet_dec import PAPER_SETTINGS

QUICK: Mapping[str, Any] = {
    "n_clusters": 3, "n_components": 4, "module__hidden": (16,), "pretrain_epochs": 1,
    "warmup_epochs": 1, "max_epochs": 2, "n_init": 2, "n_starts": 1, "n_neighbors": 5,
    "batch_size": 24, "random_state": 0,
}  # fmt: skip
IMAGE: Mapping[str, Any] = {
    **{name: value for name, value in QUICK.items() if name != "module__hidden"},
    "module__channels": (4, 4, 4),
}
CENTERS = np.random.default_rng(1).normal(size=(3, 4))


def first_codes(codes: np.ndarray, n_clusters: int, random_state: Any) -> np.ndarray:
    return codes[:n_clusters]


def shifted(batch: Tensor) -> Tensor:
    return batch + 0.1 * torch.rand_like(batch)


def autoencoder(input_shape: tuple[int, ...], n_components: int) -> MLPAutoencoder:
    return MLPAutoencoder(input_shape, n_components, hidden=(8,), batch_norm=False)


def with_(**params: Any) -> Scenario:
    return fits(TripletDECClusterer, {**QUICK, **params})


OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "defaults of the short fit": {},
    "triplets": {"contrast": "triplet"},
    "triplets outside the radius": {"contrast": "triplet", "negatives": "radius"},
    "InfoNCE outside the radius": {"negatives": "radius"},
    "clean targets": {"target_view": "clean"},
    "Euclidean": {"metric": "euclidean"},
    "raw embeddings": {"normalize": False},
    "the paper's settings": {**PAPER_SETTINGS, "n_components": 4, "pretrain_epochs": 1},
    "KMeans": {"init": "kmeans"},
    "given centres": {"init": CENTERS},
    "a function for centres": {"init": first_codes, "metric": "euclidean"},
    "no neighbours": {"n_neighbors": 0},
    "neighbours by a transformer": {
        "neighbors": KNeighborsTransformer(n_neighbors=6, mode="distance")
    },
    "three starts": {"n_init": 4, "n_starts": 3},
    "three starts and the best epoch": {
        "n_init": 4, "n_starts": 3, "restore_best": True, "max_epochs": 4
    },
    "the best epoch": {"restore_best": True, "max_epochs": 5, "lr": 0.02},
    "no augmentation": {"augmentation": None},
    "a function for copies": {"augmentation": shifted},
    "noisy copies": {"augmentation": FeatureAugmentation()},
    "estimated prior": {"cluster_prior": "estimated"},
    "given prior": {"cluster_prior": [0.5, 0.3, 0.2]},
    "given prior with triplets": {"cluster_prior": (2, 1, 1), "contrast": "triplet"},
    "no reconstruction": {"reconstruction_weight": 0},
    "no triplets": {"triplet_weight": 0},
    "no entropy": {"entropy_weight": 0.0},
    "no clustering term": {"clustering_weight": 0},
    "shares of the epochs": {"pretrain_epochs": 0.1, "warmup_epochs": 0.03, "max_epochs": 0.1},
    "automatic epochs": {"max_epochs": "auto"},
    "no pretraining": {"pretrain_epochs": 0, "warmup_epochs": 0},
    "no training": {"pretrain_epochs": 0, "warmup_epochs": 0, "max_epochs": 0},
    "one cluster": {"n_clusters": 1},
    "many clusters": {"n_clusters": 25},
    "heavy tails": {"degrees_of_freedom": 1.0, "margin": 0.3, "contrast": "triplet"},
    "SGD": {"optimizer": "sgd", "optimizer__momentum": 0.9, "lr": 0.01},
    "AdamW": {"optimizer": "adamw", "optimizer__weight_decay": 0.1},
    "RMSprop": {"optimizer": "rmsprop"},
    "an optimiser's class": {"optimizer": torch.optim.Adagrad, "optimizer__lr": 0.02},
    "double precision": {"dtype": "float64"},
    "bfloat16": {"precision": "bf16"},
    "float16": {"precision": "fp16"},
    "automatic precision": {"precision": "auto"},
    "one batch": {"batch_size": 128},
    "tiny batches": {"batch_size": 7},
    "a class for the network": {"module": MLPAutoencoder, "module__batch_norm": False},
    "a loss that is not finite": {"optimizer": "sgd", "lr": 1e12},
    "a loss that is not finite at first": {"optimizer": "sgd", "lr": 30.0, "max_epochs": 6},
    "regularisers": {
        "regularizers": [
            ClusteringRegularizer(["autoencoder.encoder.0"], n_clusters=4), DeCovRegularizer(),
            ActivationRegularizer({"autoencoder.encoder.3": {"lam": 0.1}}),
        ]
    },
    "callbacks of skorch": {
        "max_epochs": 5,
        "callbacks": [
            ("steps", LRScheduler(policy="StepLR", step_size=1, gamma=0.5)),
            ("clipping", GradientNormClipping(0.1)),
            ("stopping", EarlyStopping("train_loss", patience=1, threshold=0.5)),
            EpochScoring(lambda net, X, y: len(X), name="n_samples", on_train=True),
        ],
    },
    "printed lines": {"verbose": 1},
    "printed tables": {"verbose": 2},
}  # fmt: skip

SCENARIOS: dict[str, Scenario] = {
    **{f"triplet DEC, {title}": with_(**options) for title, options in OPTIONS.items()},
    **in_forms("triplet DEC", TripletDECClusterer, QUICK),
    "triplet DEC, a factory of networks": fits(
        TripletDECClusterer,
        {**{k: v for k, v in QUICK.items() if k != "module__hidden"}, "module": autoencoder},
    ),
    "triplet DEC, a network": fits(
        TripletDECClusterer,
        {
            **{k: v for k, v in QUICK.items() if k != "module__hidden"},
            "module": partial(lambda folder: constant_network()),
        },
    ),
    "triplet DEC, weights": fits(TripletDECClusterer, QUICK, sample_weight=WEIGHT),
    "triplet DEC, weights, prior and centres": fits(
        TripletDECClusterer,
        {**QUICK, "cluster_prior": "estimated", "init": "kmeans", "restore_best": True},
        sample_weight=WEIGHT,
    ),
    "triplet DEC, a generator of seeds": fits(
        TripletDECClusterer,
        {**QUICK, "random_state": partial(lambda _: np.random.RandomState(3))},
    ),
    "triplet DEC, equal samples": fits(
        TripletDECClusterer, QUICK, np.repeat(KNOWN[:6], 8, axis=0), new=KNOWN
    ),
    "triplet DEC, few samples": fits(TripletDECClusterer, QUICK, KNOWN[:5]),
    "triplet DEC, images in rows": fits(TripletDECClusterer, {**IMAGE, "image_shape": (8, 8)}),
    "triplet DEC, images": fits(TripletDECClusterer, IMAGE, IMAGES[:40], new=IMAGES[35:60]),
    "triplet DEC, images of three colours": fits(
        TripletDECClusterer, {**IMAGE, "n_init": 1}, COLOURS[:40], new=COLOURS[35:60]
    ),
    "triplet DEC, images in bfloat16": fits(
        TripletDECClusterer, {**IMAGE, "precision": "bf16"}, IMAGES[:40], new=IMAGES[35:60]
    ),
    "triplet DEC, other copies of images": fits(
        TripletDECClusterer,
        {**IMAGE, "augmentation": ImageAugmentation(), "contrast": "triplet"},
        IMAGES[:40],
        new=IMAGES[35:60],
    ),
    **{
        f"triplet DEC, images as {name}": fits(
            TripletDECClusterer, IMAGE, partial(form, IMAGES[:40]), new=partial(form, IMAGES[35:60])
        )
        for name, form in {**FORMS, **STORED}.items()
        if name in ("bytes", "lists", "tensor", "memory map", "HDF5", "Dask")
    },
    "triplet DEC, rows of images in CSR": fits(
        TripletDECClusterer,
        {**IMAGE, "image_shape": [1, 8, 8]},
        partial(FORMS["CSR"], ALL[:40]),
        new=partial(FORMS["CSR"], NEW),
    ),
}


def constant_network() -> MLPAutoencoder:
    """Return a network whose weights are the same in each process."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return MLPAutoencoder((64,), 4, hidden=(8,))
