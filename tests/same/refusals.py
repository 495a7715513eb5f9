"""What is said of bad parameters, data, labels, weights and files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from same.models import MODELS
from same.seen import error_of, fitted
from same.small import ALL, KNOWN, NAMES, Scenario, Y
from skdeepclust import export
from skdeepclust.dictionary import KSVD
from skdeepclust.graph import NeighborAffinity


class Nonsense:
    """What no parameter may be."""

    def __repr__(self) -> str:
        return "nonsense"


def with_value(value: float) -> np.ndarray:
    X = KNOWN.copy()
    X[7, 3] = value
    return X


BAD_X: dict[str, Any] = {
    "NaN": with_value(np.nan),
    "infinity": with_value(np.inf),
    "one sample": KNOWN[:1],
    "no sample": KNOWN[:0],
    "no feature": KNOWN[:, :0],
    "a row": KNOWN[0],
    "a number": 3.0,
    "texts": KNOWN.astype(str),
    "words": np.full((9, 4), "word"),
    "complex": KNOWN + 1j,
    "objects": np.full((9, 4), None),
    "huge": 1e30 * KNOWN,
    "large": with_value(1e18),
    "five dimensions": KNOWN.reshape(60, 2, 2, 4, 4),
    "nothing": None,
    "sparse NaN": sparse.csr_array(with_value(np.nan)),
    "tensor NaN": torch.tensor(with_value(np.nan)),
    "a table with texts": pd.DataFrame({"a": ["x", "y"] * 9, "b": range(18)}),
    "small images": KNOWN.reshape(-1, 1, 8, 8)[:, :, :3, :3],
    "dates": np.full((5, 2), "2020", "M8[D]"),
}
BAD_NEW: dict[str, Any] = {
    "NaN": ALL[:5] * np.nan,
    "too few features": ALL[:, :5],
    "too many": np.hstack([ALL, ALL]),
    "no sample": ALL[:0],
    "a row": ALL[0],
    "other images": ALL.reshape(-1, 4, 4, 4),
    "other names": pd.DataFrame(ALL, columns=NAMES),
    "texts": np.full((3, 64), "a"),
    "codes": ALL[:3, :3],
    "nothing": None,
}
BAD_Y: dict[str, Any] = {
    "too few": Y[:-1],
    "too many": np.append(Y, 1),
    "NaN": np.where(Y > 4, np.nan, Y),
    "one class": 0 * Y,
    "reals": Y + 0.5,
    "two columns": np.stack([Y, Y], 1),
    "nothing": None,
    "mixed": np.array([*Y[:-1], "a"], object),
    "only -1": np.full(60, -1),
    "dates": Y.astype("M8[D]"),
}
BAD_WEIGHT: dict[str, Any] = {
    "negative": np.where(Y > 4, -1.0, 1.0),
    "zeros": 0 * Y,
    "too few": np.ones(59),
    "NaN": np.full(60, np.nan),
    "two columns": np.ones((60, 2)),
    "texts": np.full(60, "a"),
}
METHODS = (
    "predict",
    "predict_proba",
    "transform",
    "inverse_transform",
    "score",
    "decision_function",
    "get_feature_names_out",
    "partial_fit",
)
OTHERS: dict[str, Any] = {
    "K-SVD": (partial(KSVD, 5, random_state=0, max_iter=2), (KNOWN,), ALL),
    "affinity": (partial(NeighborAffinity, 3), (KNOWN,), ALL),
}


def parameters(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """Set each parameter to what it may not be."""
    make, arguments, _ = {**MODELS, **OTHERS}[name]
    for parameter in make().get_params(deep=False):
        for value in (Nonsense(), -1, "nonsense", []):
            model = make()
            if "max_epochs" in model.get_params():
                model.set_params(max_epochs=1)
            model.set_params(**{parameter: value})
            yield f"{parameter}={value!r}", error_of(model.fit, *arguments)


def data(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    make, (_, *y), _ = {**MODELS, **OTHERS}[name]
    for title, X in BAD_X.items():
        n = np.shape(X)[0] if np.ndim(X) and X is not None else 0
        yield f"X: {title}", error_of(make().fit, X, *(each[:n] for each in y))
    model = make()
    for method in METHODS:
        if hasattr(model, method):
            extra = [] if method == "get_feature_names_out" else [ALL]
            extra += y if method in ("score", "partial_fit") else []
            yield f"not fitted: {method}", error_of(getattr(make(), method), *extra)


def answers(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    make, arguments, _ = {**MODELS, **OTHERS}[name]
    model = fitted(make(), *arguments)
    for title, X in BAD_NEW.items():
        for method in ("predict", "transform", "inverse_transform", "score"):
            if hasattr(model, method):
                yield f"{method}: {title}", error_of(getattr(model, method), X)
    yield "export", error_of(export, model, folder / "model.txt")
    if hasattr(model, "warm_start"):
        model.set_params(warm_start=True)
        yield "warm start on other features", error_of(model.fit, ALL[:60, :5], *arguments[1:])
        if hasattr(model, "partial_fit"):
            X, *y = ALL[:60, :5], *arguments[1:]
            yield "part of other features", error_of(model.partial_fit, X, *y)


def labels(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    make, (X, *_), _ = MODELS[name]
    for title, y in BAD_Y.items():
        yield f"y: {title}", error_of(make().fit, X, y)
        yield f"y of a part: {title}", error_of(make().partial_fit, X, y, classes=range(10))
    yield "no classes", error_of(make().partial_fit, X, Y)
    model = fitted(make(), X, Y, method="partial_fit", classes=range(10))
    yield "other classes", error_of(model.partial_fit, X, Y, classes=range(3))
    yield "an unknown class", error_of(model.partial_fit, X, Y + 5)
    yield "scored", error_of(model.score, X, Y[:-3])
    for weights in ({0: -1.0}, {"a": 1.0}, {0: "x"}, "unbalanced", [1.0] * 10):
        if "class_weight" in model.get_params():
            yield f"weights {weights}", error_of(make(class_weight=weights).fit, X, Y)


def weights(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    make, (X, *y), _ = MODELS[name]
    for title, weight in BAD_WEIGHT.items():
        yield f"weight: {title}", error_of(make().fit, X, *y, sample_weight=weight[: len(X)])


# One of each class, then those that differ in what X holds and how it is taken.
ONE_EACH = ["triplet DEC", "TAGnet", "classifier", "autoencoder", "embedder", "zero shot"]
OF_STEPS = [*ONE_EACH, "embedder of sequences", "triplet DEC of images", "TAGnet in batches"]
SCENARIOS: dict[str, Scenario] = {
    **{f"refused parameters, {name}": partial(parameters, name) for name in [*ONE_EACH, *OTHERS]},
    **{f"refused data, {name}": partial(data, name) for name in [*OF_STEPS, *OTHERS]},
    **{f"refused new data, {name}": partial(answers, name) for name in [*OF_STEPS, *OTHERS]},
    **{
        f"refused labels, {name}": partial(labels, name)
        for name in ("classifier", "embedder", "zero shot")
    },
    **{f"refused weights, {name}": partial(weights, name) for name in OF_STEPS},
}
