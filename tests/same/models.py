"""A model of each kind, with the arguments of its fit, for what all of them can do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from skorch.callbacks import EarlyStopping, EpochScoring, LRScheduler

from same import clusterers, embedder, parsimonious, tagnet, zero_shot
from same.small import COARSE, IMAGES, KNOWN, NEW, PARTIAL, Y
from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    ZeroShotClassifier,
)
from skdeepclust.regularizers import ClusteringRegularizer, DeCovRegularizer

Model = tuple[Callable[..., Any], tuple[Any, ...], Any]


def of(estimator: type, quick: Any, *arguments: Any, new: Any = NEW, **options: Any) -> Model:
    """Return what makes a model, the arguments of its fit, and other samples."""
    return partial(estimator, **{**quick, **options}), arguments, new


CALLBACKS = [
    ("steps", LRScheduler(policy="MultiStepLR", milestones=[1, 3])),
    ("accuracy", EpochScoring("accuracy", lower_is_better=False, on_train=True)),
    ("stopping", EarlyStopping("train_loss", patience=2, threshold=0.1)),
]
MODELS: dict[str, Model] = {
    "triplet DEC": of(TripletDECClusterer, clusterers.QUICK, KNOWN),
    "triplet DEC from three starts": of(
        TripletDECClusterer,
        clusterers.QUICK,
        KNOWN,
        n_init=3,
        n_starts=3,
        contrast="triplet",
        negatives="radius",
        restore_best=True,
        max_epochs=3,
    ),
    "triplet DEC of images": of(
        TripletDECClusterer, clusterers.IMAGE, IMAGES[:40], new=IMAGES[30:60]
    ),
    "TAGnet": of(TAGnetClusterer, tagnet.QUICK, KNOWN, auxiliary_clusters=[2, None]),
    "TAGnet in batches": of(
        TAGnetClusterer, tagnet.QUICK, KNOWN, batch_size=16, loss="target", restore_best=True
    ),
    "TAGnet without a graph": of(TAGnetClusterer, tagnet.QUICK, KNOWN, graph_weight=0),
    "classifier": of(
        ParsimoniousClassifier,
        parsimonious.SMALL,
        KNOWN,
        Y,
        regularizers=[DeCovRegularizer(["fc1"])],
    ),
    "classifier that stops early": of(
        ParsimoniousClassifier,
        parsimonious.SMALL,
        KNOWN,
        COARSE,
        early_stopping=True,
        validation_fraction=0.25,
        n_iter_no_change=2,
        max_epochs=8,
        lr=0.05,
    ),
    "classifier of images": of(
        ParsimoniousClassifier,
        parsimonious.IMAGE,
        IMAGES[:60],
        Y,
        new=IMAGES[50:],
        clustering="spatial",
        layers=["conv2"],
        lam=0.1,
    ),
    "autoencoder": of(ParsimoniousAutoencoder, parsimonious.CODE, KNOWN, dtype="float64"),
    "embedder": of(
        ForcedApartEmbedder, embedder.SMALL, KNOWN, COARSE, callbacks=CALLBACKS, max_epochs=5
    ),
    "embedder without labels": of(
        ForcedApartEmbedder,
        embedder.SMALL,
        KNOWN,
        regularizers=[ClusteringRegularizer(["fc1"], n_clusters=3)],
    ),
    "embedder of some labels in half precision": of(
        ForcedApartEmbedder, embedder.SMALL, KNOWN, PARTIAL, precision="fp16", max_epochs=4
    ),
    "embedder of sequences": of(
        ForcedApartEmbedder,
        embedder.STEPS,
        embedder.STROKES[:60],
        COARSE,
        new=embedder.STROKES[50:],
    ),
    "zero shot": of(
        ZeroShotClassifier, zero_shot.QUICK, KNOWN, Y, class_attributes=zero_shot.VECTORS
    ),
}
STREAMED = [
    name for name in MODELS if not name.startswith(("triplet", "TAGnet", "classifier that"))
]
