"""ParsimoniousClassifier and ParsimoniousAutoencoder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from skorch.callbacks import EpochScoring, Freezer, LRScheduler
from torch import nn

from same.seen import answer, fitted, of_model
from same.small import (
    COARSE,
    COLOURS,
    IMAGES,
    KNOWN,
    NEW,
    WEIGHT,
    Scenario,
    Y,
    fits,
    in_forms,
)
from skdeepclust import ParsimoniousAutoencoder, ParsimoniousClassifier
from skdeepclust.networks import MLP
from skdeepclust.regularizers import (
    ActivationRegularizer,
    DeCovRegularizer,
    ForcedApartRegularizer,
)

QUICK: Mapping[str, Any] = {
    "n_clusters": 4,
    "max_epochs": 3,
    "batch_size": 24,
    "random_state": 0,
}
SMALL: Mapping[str, Any] = {**QUICK, "module__hidden": (16, 8)}
IMAGE: Mapping[str, Any] = {**QUICK, "max_epochs": 2}
CODE: Mapping[str, Any] = {**QUICK, "n_components": 5}


class TwoLayers(nn.Module):
    """A network without a layer that scales its input."""

    def __init__(self, input_shape: tuple[int, ...], n_outputs: int):
        super().__init__()
        self.first, self.last = nn.Linear(64, 9), nn.Linear(9, n_outputs)

    def forward(self, x):
        return self.last(self.first(x.flatten(1)).tanh())


CLASSIFIER: Mapping[str, Mapping[str, Any]] = {
    "defaults of the short fit": {},
    "exact gradients of centres": {"center_gradient": "exact", "lam": 0.5},
    "fast centres": {"smoothing": 1.0, "lam": 1.0},
    "no penalty": {"lam": 0},
    "named layers": {"layers": ["fc2"], "transform_layer": "fc1"},
    "options of layers": {"layers": {"fc1": {"n_clusters": 2}, "fc2": {"lam": 1.0}}, "lam": 0},
    "one centre": {"n_clusters": 1},
    "balanced classes": {"class_weight": "balanced"},
    "weights of classes": {"class_weight": {0: 2.0, 3: 0.0, 7: 0.5}},
    "early stopping": {
        "early_stopping": True,
        "validation_fraction": 0.25,
        "n_iter_no_change": 2,
        "lr": 0.05,
        "max_epochs": 12,
    },
    "early stopping with a frozen layer": {
        "early_stopping": True,
        "validation_fraction": 0.3,
        "n_iter_no_change": 1,
        "max_epochs": 6,
        "lr": 0.1,
        "callbacks": [("freezer", Freezer("fc1.*"))],
    },
    "dropout": {"module__dropout": 0.4},
    "no hidden layer": {"module__hidden": (), "layers": ["output"]},
    "a class for the network": {"module": MLP, "module__standardize": False},
    "weight decay": {"optimizer": "adamw", "optimizer__weight_decay": 0.3},
    "SGD": {
        "optimizer": "sgd",
        "lr": 0.05,
        "optimizer__nesterov": True,
        "optimizer__momentum": 0.9,
    },
    "a loss that is not finite": {"optimizer": "sgd", "lr": 1e12},
    "a loss that is not finite at first": {"optimizer": "sgd", "lr": 300.0, "max_epochs": 6},
    "double precision": {"dtype": "float64"},
    "bfloat16": {"precision": "bf16"},
    "float16": {"precision": "fp16"},
    "one batch": {"batch_size": 60},
    "batches too small for the centres": {"n_clusters": 20, "batch_size": 10},
    "regularisers": {
        "regularizers": [
            DeCovRegularizer(),
            ActivationRegularizer(["fc1"], lam=0.1),
            ForcedApartRegularizer(["fc2"]),
        ]
    },
    "callbacks of skorch": {
        "callbacks": [
            ("steps", LRScheduler(policy="ExponentialLR", gamma=0.5)),
            ("accuracy", EpochScoring("accuracy", lower_is_better=False, on_train=True)),
        ]
    },
    "printed lines": {"verbose": 1},
    "printed tables": {"verbose": 2, "early_stopping": True, "validation_fraction": 0.3},
}
AUTOENCODER: Mapping[str, Mapping[str, Any]] = {
    "defaults of the short fit": {},
    "a strong penalty": {"lam": 0.5, "center_gradient": "exact", "smoothing": 0.5},
    "no penalty": {"lam": 0.0},
    "named layers": {"layers": ["encoder.0", "decoder.0"], "lam": 0.1},
    "options of the network": {"module__hidden": (12,), "module__batch_norm": True},
    "unscaled": {"module__standardize": False},
    "double precision": {"dtype": "float64"},
    "bfloat16": {"precision": "bf16"},
    "regularisers": {"regularizers": [DeCovRegularizer(["encoder.0"])]},
    "RMSprop": {"optimizer": "rmsprop", "optimizer__alpha": 0.9},
    "no training": {"max_epochs": 0},
}


def exemplars(folder: Path) -> Iterable[tuple[str, Any]]:
    """What the fitted regulariser says of samples."""
    model = fitted(ParsimoniousClassifier(**{**SMALL, "lam": 0.5}), KNOWN, Y)
    regularizer = model.regularizer_
    yield "centers", model.cluster_centers_
    yield "exemplars", vars(regularizer.exemplars(KNOWN, "fc1", 1, n_exemplars=4))
    yield "no such layer", answer(regularizer.exemplars, KNOWN, "fc9", 1)
    yield "no such cluster", answer(regularizer.exemplars, KNOWN, "fc1", 9)
    yield from of_model(model, KNOWN, NEW, Y)


SCENARIOS: dict[str, Scenario] = {
    **{
        f"classifier, {title}": fits(ParsimoniousClassifier, {**SMALL, **options}, y=Y)
        for title, options in CLASSIFIER.items()
    },
    **in_forms("classifier", ParsimoniousClassifier, SMALL, Y),
    "classifier, texts as labels": fits(ParsimoniousClassifier, SMALL, y=Y.astype(str)),
    "classifier, two classes": fits(ParsimoniousClassifier, SMALL, y=COARSE),
    "classifier, a Series of labels": fits(
        ParsimoniousClassifier, SMALL, pd.DataFrame(KNOWN), pd.Series(Y), pd.DataFrame(NEW)
    ),
    "classifier, weights": fits(ParsimoniousClassifier, SMALL, y=Y, sample_weight=WEIGHT + 0.1),
    "classifier, weights of classes and samples": fits(
        ParsimoniousClassifier,
        {**SMALL, "class_weight": "balanced", "early_stopping": True, "validation_fraction": 0.3},
        y=COARSE,
        sample_weight=WEIGHT,
    ),
    "classifier, another network": fits(
        ParsimoniousClassifier, {**QUICK, "module": TwoLayers, "layers": ["first"]}, y=Y
    ),
    "classifier, exemplars": exemplars,
    **{
        f"classifier, images, {clustering}": fits(
            ParsimoniousClassifier,
            {**IMAGE, "clustering": clustering, "layers": ["conv2"], "lam": 0.1},
            IMAGES[:60],
            Y,
            IMAGES[50:],
        )
        for clustering in ("sample", "spatial", "channel", ["spatial", "channel"])
    },
    "classifier, images in rows": fits(
        ParsimoniousClassifier, {**IMAGE, "image_shape": (8, 8)}, y=Y
    ),
    "classifier, images of three colours": fits(
        ParsimoniousClassifier, IMAGE, COLOURS[:60], Y, COLOURS[50:]
    ),
    **{
        f"autoencoder, {title}": fits(ParsimoniousAutoencoder, {**CODE, **options})
        for title, options in AUTOENCODER.items()
    },
    **in_forms("autoencoder", ParsimoniousAutoencoder, CODE),
    "autoencoder, weights": fits(ParsimoniousAutoencoder, CODE, sample_weight=WEIGHT),
    "autoencoder, images": fits(
        ParsimoniousAutoencoder, {**CODE, "max_epochs": 2}, IMAGES[:60], new=IMAGES[50:]
    ),
    "autoencoder, images of three colours, spatial": fits(
        ParsimoniousAutoencoder,
        {**CODE, "max_epochs": 2, "clustering": "spatial", "layers": ["encoder.0"], "lam": 0.1},
        COLOURS[:60],
        new=COLOURS[50:],
    ),
}
