"""Refusals and turns of parts of estimators that no usual fit comes to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from torch import nn

from same import embedder, tagnet, zero_shot
from same.models import MODELS
from same.seen import answer, error_of, fitted
from same.small import ALL, COARSE, IMAGES, KNOWN, NEW, PARTIAL, Scenario, Y, drawn
from skdeepclust import (
    ForcedApartEmbedder,
    TAGnetClusterer,
    ZeroShotClassifier,
    graph,
    metrics,
    networks,
    plotting,
    regularizers,
)


class Search(TransformerMixin, BaseEstimator):
    """A search for neighbours that returns what it is told."""

    def __init__(self, found: str = "dense"):
        self.found = found

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        shape = (len(X), len(X) + (self.found == "shape"))
        distances = np.full(shape, -1.0 if self.found == "negative" else 1.0)
        return distances if self.found == "dense" else sparse.csr_array(distances)


def attributes(folder: Path) -> Iterator[tuple[str, Any]]:
    """Attributes of classes that don't fit."""
    bad: dict[str, Any] = {
        "lengths": {n: [1.0] * (1 + n % 2) for n in range(10)}, "zeros": np.zeros((10, 3)),
        "texts and numbers": {"a": [1.0], 3: [2.0]}, "too few": {1: [1.0, 0.0], 2: [0.0, 1.0]},
        "rows": np.ones((4, 2)), "NaN": np.full((10, 2), np.nan), "numbers": np.arange(10.0),
        "words": {n: ["a", "b"] for n in range(10)},
    }  # fmt: skip
    for title, given in bad.items():
        model = ZeroShotClassifier(**zero_shot.QUICK, class_attributes=given)
        yield title, error_of(model.fit, KNOWN, Y)
    model = ZeroShotClassifier(**zero_shot.QUICK, predict_over="unseen")
    yield "no unseen class", error_of(model.fit, KNOWN, Y)
    model = fitted(ZeroShotClassifier(**zero_shot.QUICK), KNOWN, Y)
    for classes in ("unseen", "nonsense", [1, 1], [[1]], [99], 3):
        yield f"classes {classes}", error_of(model.predict, NEW, classes=classes)


def labels(folder: Path) -> Iterator[tuple[str, Any]]:
    """Labels of other types, weights of classes, and tasks that change."""
    for name in ("classifier", "embedder", "zero shot"):
        make, (X, *_), new = MODELS[name]
        given: dict[str, Any] = {
            "a tensor": torch.tensor(Y), "a list": Y.tolist(),
            "texts in a list": [f"{n}" for n in Y],
            "-1 in texts": [f"{n}" for n in PARTIAL], "objects": Y.astype(object),
            "bytes": Y.astype("S"),
            "truth values": COARSE, "-1, 0 and 1": PARTIAL.clip(-1, 1), "reals": Y.astype(float),
            "texts and -1": [-1 if n < 3 else f"{n}" for n in Y], "a column": Y[:, None],
        }  # fmt: skip
        for title, y in given.items():
            yield (
                f"{name}: {title}",
                answer(lambda m=make, X=X, y=y, n=new: m().fit(X, y).predict(n)),
            )
        if "class_weight" in make().get_params():
            zeros = make(class_weight=dict.fromkeys(range(10), 0.0))
            yield f"{name}: all weights 0", error_of(zeros.fit, X, Y)
            balanced = make(class_weight="balanced")
            yield f"{name}: balanced", error_of(balanced.partial_fit, X, Y, classes=range(10))
        yield f"{name}: one class", error_of(make().partial_fit, X, 0 * Y, classes=[0])
    quick = {**embedder.SMALL, "warm_start": True}
    model = fitted(ForcedApartEmbedder(**quick), KNOWN, COARSE)
    yield "labels are gone", error_of(model.fit, KNOWN)
    model = fitted(ForcedApartEmbedder(**quick), KNOWN)
    yield "labels have come", error_of(model.fit, KNOWN, COARSE)
    yield "labels of a part have come", error_of(model.partial_fit, KNOWN, COARSE)
    yield "predictions", error_of(lambda: model.predict(KNOWN))
    words = ForcedApartEmbedder(**embedder.STEPS, vocabulary_size=30)
    yield "words without labels", error_of(words.fit, embedder.TEXTS)
    yield "large words", error_of(words.fit, embedder.TEXTS + 9, Y)
    for shapes in ({"image_shape": (9, 4)}, {"sequence_shape": (4, 9)}, {"sequence_shape": (9,)}):
        model = ForcedApartEmbedder(**embedder.STEPS, **shapes)
        yield f"{shapes}", error_of(model.fit, embedder.STROKES, ALL[:, 20] > 0.5)


def given_graphs(folder: Path) -> Iterator[tuple[str, Any]]:
    """Graphs, features and searches that don't fit."""
    bad: dict[str, Any] = {
        "none": None, "rows": tagnet.edges(NEW), "a shape": np.ones((60, 7)), "a row": np.ones(60),
        "negative": -np.ones((60, 60)), "NaN": np.full((60, 60), np.nan), "texts": "nonsense",
        "a tensor": torch.ones(60, 60),
    }  # fmt: skip
    for title, given in bad.items():
        for kind in ("precomputed", "nearest_neighbors", tagnet.close):
            model = TAGnetClusterer(**tagnet.QUICK, affinity=kind)
            yield (
                f"{title}, {kind if isinstance(kind, str) else 'function'}",
                error_of(model.fit, KNOWN, affinity=given),
            )
    model = TAGnetClusterer(**tagnet.QUICK, affinity="precomputed")
    fitted(model, KNOWN, affinity=tagnet.edges())
    for title, given in {**bad, "missing": None}.items():
        yield f"new: {title}", error_of(model.predict, NEW, affinity=given)
    plain = fitted(TAGnetClusterer(**tagnet.QUICK), KNOWN)
    yield "features that weren't given", error_of(plain.predict, NEW, affinity=NEW)
    for found in ("dense", "shape", "negative"):
        search = Search(found)
        yield f"search: {found}", error_of(graph.NeighborAffinity(3, neighbors=search).fit, KNOWN)
        yield f"neighbours: {found}", error_of(graph.nearest_neighbors, KNOWN, 3, neighbors=search)
    for function in (lambda a, b: a, lambda a, b: -np.ones((len(a), len(b))), lambda a, b: None):
        model = TAGnetClusterer(**tagnet.QUICK, affinity=function)
        yield f"function {function(KNOWN, KNOWN) is None}", error_of(model.fit, KNOWN)


def regularizer_options(folder: Path) -> Iterator[tuple[str, Any]]:
    """Options of regularisers that can't be."""
    bad: list[dict[str, Any]] = [
        {"layers": 3}, {"layers": ["fc1", "fc1"]}, {"layers": {"fc1": {"nonsense": 1}}},
        {"layers": {"fc1": 3}}, {"layers": {"fc1": ["sample", "spatial"]}}, {"lam": -1.0},
        {"lam": True}, {"n_clusters": 0}, {"n_clusters": True}, {"clustering": "nonsense"},
        {"smoothing": 0}, {"center_gradient": "nonsense"}, {"starved_below": 1},
        {"row_fraction": 2},
        {"clustering": []}, {"layers": {"fc1": "sample"}}, {"clustering": ["sample", "sample"]},
    ]  # fmt: skip
    for options in bad:
        given = {"layers": ["fc1"], **options}
        yield f"{options}", answer(lambda g=given: repr(regularizers.ClusteringRegularizer(**g)))
    for kind, options in (
        ("ForcedApartRegularizer", {"margin": -1.0}), ("ForcedApartRegularizer", {"margin": "x"}),
        ("ForcedApartWeightRegularizer", {"divergence": "js", "margin": 3.0}),
        ("XCovRegularizer", {"lam": None}), ("DeCovRegularizer", {"lam": np.inf}),
    ):  # fmt: skip
        yield f"{kind} {options}", error_of(getattr(regularizers, kind), ["fc1"], **options)
    module = networks.MLP((64,), 3, hidden=(6, 4))
    regularizer = regularizers.ClusteringRegularizer(["fc1"], n_clusters=2)
    yield "no network", error_of(regularizer.penalty)
    yield "no centres", error_of(regularizer.exemplars, KNOWN, "fc1", 0)
    with regularizer.watch(module):
        pass
    yield "nothing has run", error_of(regularizer.penalty)


def scorers(folder: Path) -> Iterator[tuple[str, Any]]:
    """Scorers of pipelines, of searches, and of what has no embedding."""
    make, (X,), _ = MODELS["triplet DEC"]
    pipeline = fitted(make_pipeline(MinMaxScaler(), make()), X)
    search = fitted(GridSearchCV(make(), {"lr": [0.001]}, cv=2), X)
    for title, model in (("pipeline", pipeline), ("search", search)):
        yield title, answer(metrics.embedding_silhouette_scorer, model, NEW)
        yield (
            f"{title}, accuracy",
            answer(metrics.clustering_accuracy_scorer, model, NEW, NEW[:, 0]),
        )
    yield "more clusters", metrics.match_labels(Y > 4, Y)
    yield "more clusters than names", metrics.match_labels(np.where(Y > 4, "a", "b"), Y)
    yield "none", error_of(metrics.match_labels, [], [])


def more_displays(folder: Path) -> Iterator[tuple[str, Any]]:
    """Searches, and numbers of clusters."""
    make, arguments, _ = MODELS["classifier"]
    grid = {"lr": [0.001, 0.01], "n_clusters": [2, 4]}
    results = fitted(GridSearchCV(make(max_epochs=1), grid, cv=2), *arguments).cv_results_
    for params in ("lr", ("lr", "n_clusters")):
        axes = Figure().add_subplot()
        shown = plotting.SweepDisplay.from_cv_results(results, params, ax=axes)
        yield f"sweep of {params}", {k: v for k, v in vars(shown).items() if k[-1] != "_"}
    numbers = plotting.ClusterNumberDisplay.from_estimators(
        {"code": fitted(MODELS["embedder"][0](), KNOWN, COARSE)}, KNOWN, Y,
        n_clusters=[2, 4], ax=Figure().add_subplot(),
    )  # fmt: skip
    yield "numbers", {k: v for k, v in vars(numbers).items() if k[-1] != "_"}
    yield "no parameter", error_of(plotting.SweepDisplay.from_cv_results, results, "nonsense")


def layers_of_all_kinds() -> nn.Module:
    with torch.random.fork_rng():
        return nn.Sequential(
            nn.Conv2d(1, 2, 3, padding=1, stride=2), nn.ZeroPad2d(1), nn.AvgPool2d(2),
            nn.ReflectionPad2d(1), nn.Dropout(), nn.Conv2d(2, 2, 2, dilation=2),
            nn.Upsample(scale_factor=2), nn.Flatten(), nn.Linear(648, 3),
        )  # fmt: skip


def fields(folder: Path) -> Iterator[tuple[str, Any]]:
    """Receptive fields of layers of many kinds."""
    module = layers_of_all_kinds()
    for layer in map(str, range(9)):
        yield (
            layer,
            answer(
                lambda name=layer: vars(
                    networks.receptive_field(module.eval(), name, drawn(1, 1, 32, 32))
                )
            ),
        )
    make, arguments, _ = MODELS["classifier of images"]
    model = fitted(make(), *arguments)
    for cluster in range(2):
        yield f"{cluster}", vars(model.regularizer_.exemplars(IMAGES, "conv2", cluster))
    yield "assigned", model.regularizer_.assign(IMAGES, "conv2")


SCENARIOS: dict[str, Scenario] = {
    "refused attributes of classes": attributes,
    "labels of other types": labels,
    "refused graphs": given_graphs,
    "refused options of regularisers": regularizer_options,
    "scorers": scorers,
    "displays of searches": more_displays,
    "receptive fields and exemplars": fields,
}
