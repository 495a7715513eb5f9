"""ZeroShotClassifier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from same.seen import answer, fitted, named, of_model
from same.small import COLOURS, DIGIT, KNOWN, NEW, WEIGHT, Scenario, Y, fits, in_forms
from skdeepclust import ZeroShotClassifier
from skdeepclust.networks import Standardize
from skdeepclust.regularizers import ActivationRegularizer

QUICK: Mapping[str, Any] = {"max_epochs": 3, "batch_size": 24, "random_state": 0}
# Binary digits of the number, and whether it is large: for more classes than there are samples of.
VECTORS = np.array([[n & 1, n >> 1 & 1, n >> 2 & 1, n >> 3, n > 4, 1] for n in range(10)], float)
SEEN = Y < 7
BY_NAME = {f"digit {n}": VECTORS[n] for n in range(10)}
NAMES = np.array([f"digit {n}" for n in DIGIT[:60]])


class Features(nn.Module):
    """A network with a layer that scales its input."""

    def __init__(self, input_shape: tuple[int, ...]):
        super().__init__()
        self.standardize, self.inner = Standardize(), nn.Linear(64, 7)

    def forward(self, x):
        return self.inner(self.standardize(x).flatten(1)).relu()


OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "an attribute for each class": {"class_attributes": None},
    "given attributes": {},
    "no intercept": {"fit_intercept": False},
    "seen classes": {"predict_over": "seen"},
    "unseen classes": {"predict_over": "unseen"},
    "balanced classes": {"class_weight": "balanced"},
    "weights of classes": {"class_weight": {1: 3.0, 2: 0.0}},
    "another network": {"module": Features, "max_epochs": 5, "lr": 0.01},
    "a regularised network": {
        "module": Features, "regularizers": [ActivationRegularizer(["features.inner"])]
    },
    "double precision": {"dtype": "float64"},
    "bfloat16": {"precision": "bf16", "module": Features},
    "SGD": {"optimizer": "sgd", "lr": 0.5},
    "no training": {"max_epochs": 0},
    "printed lines": {"verbose": 1},
}  # fmt: skip


def candidates(folder: Path) -> Iterable[tuple[str, Any]]:
    """Predictions among other classes."""
    model = ZeroShotClassifier(**QUICK, class_attributes=BY_NAME)
    fitted(model, KNOWN[SEEN], NAMES[SEEN])
    yield from of_model(model, KNOWN, NEW, NAMES)
    for classes in (
        "all",
        "seen",
        "unseen",
        "nonsense",
        ["digit 8", "digit 1"],
        ["digit 3"],
        ["digit 11"],
        [],
    ):
        for method in ("predict", "decision_function"):
            yield (
                f"{method} of {classes}",
                answer(getattr(model, method), NEW, classes=classes),
            )
    yield "score with weights", model.score(KNOWN, NAMES, sample_weight=WEIGHT)


def streamed(folder: Path) -> Iterable[tuple[str, Any]]:
    """Parts of the samples, one after the other."""
    model = ZeroShotClassifier(**QUICK, class_attributes=BY_NAME)
    for rows in (slice(0, 20), slice(20, 40), slice(40, 60)):
        fitted(model, KNOWN[rows], NAMES[rows], method="partial_fit")
        yield from named(f"rows {rows}", of_model(model, new=NEW))


SCENARIOS: dict[str, Scenario] = {
    **{
        f"zero shot, {title}": fits(
            ZeroShotClassifier,
            {**QUICK, "class_attributes": VECTORS, **options},
            KNOWN[SEEN],
            Y[SEEN],
        )
        for title, options in OPTIONS.items()
    },
    **in_forms("zero shot", ZeroShotClassifier, {**QUICK, "class_attributes": VECTORS}, Y),
    "zero shot, named attributes": candidates,
    "zero shot, a DataFrame of attributes": fits(
        ZeroShotClassifier,
        {**QUICK, "class_attributes": pd.DataFrame(BY_NAME).T},
        KNOWN[SEEN],
        NAMES[SEEN],
    ),
    "zero shot, weights": fits(
        ZeroShotClassifier, {**QUICK, "class_attributes": VECTORS}, y=Y, sample_weight=WEIGHT
    ),
    "zero shot, two classes": fits(ZeroShotClassifier, QUICK, y=Y > 4),
    "zero shot, images": fits(ZeroShotClassifier, QUICK, COLOURS[:60], Y, COLOURS[50:]),
    "zero shot, parts": streamed,
}
