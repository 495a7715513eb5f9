"""What estimators are beside their fits: parameters, tags, texts; searches, pipelines, outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_clusterer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import get_tags

from same.models import MODELS
from same.seen import answer, attributes, error_of, fitted, of_model
from same.small import Scenario

# The parts of the page of a fitted model that are the library's own.
TABLE = re.compile(r"<summary>(?:Phases|Network).*?</details>", re.S)
SECONDS = re.compile(r"<td>\d+\.\d</td>")


def described(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """Parameters, tags and texts."""
    make, (X, *y), _ = MODELS[name]
    model, default = make(), type(make())()
    yield "parameters", {k: v for k, v in default.get_params().items() if k != "callbacks"}
    yield "shallow parameters", sorted(model.get_params(deep=False))
    yield "text", repr(model)
    yield "default", repr(default)
    yield "tags", repr(get_tags(model))
    yield "kinds", [is_classifier(model), is_clusterer(model)]
    yield "routing", repr(model.get_metadata_routing())
    yield (
        "methods",
        sorted(n for n in dir(model) if not n.startswith("_") and "_component" not in n),
    )
    fitted(model, X, *y)
    yield (
        "methods of a fitted model",
        [method for method in sorted(dir(model)) if method[0] != "_" and hasattr(model, method)],
    )
    yield "fitted text", repr(model)
    yield (
        "phases and layers",
        [SECONDS.sub("", each) for each in TABLE.findall(model._repr_html_())],
    )
    yield "clone", repr(clone(model))


def used(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """Searches, pipelines, outputs as tables, answers to tensors and single samples."""
    make, (X, *y), new = MODELS[name]
    rows = X.reshape(len(X), -1) if name == "classifier" else X
    model = fitted(make(), rows, *y)
    for rows_of_new in (1, 2, len(new)):
        yield (
            f"{rows_of_new} rows",
            [
                answer(getattr(model, method), new[:rows_of_new])
                for method in ("predict", "predict_proba", "transform")
                if hasattr(model, method)
            ],
        )
    tensor = torch.tensor(new, dtype=torch.float32, requires_grad=True)
    with config_context(array_api_dispatch=True):
        yield (
            "tensors",
            [
                answer(getattr(model, method), tensor)
                for method in ("predict", "predict_proba", "transform", "decision_function")
                if hasattr(model, method)
            ],
        )
    if hasattr(model, "set_output"):
        yield "table", answer(model.set_output(transform="pandas").transform, new)
    for method in ("fit_predict", "fit_transform"):
        if hasattr(model, method):
            yield method, answer(getattr(make(), method), X, *y)


def searched(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """A search over a rate, of a pipeline."""
    make, (X, *y), new = MODELS[name]
    pipeline = make_pipeline(MinMaxScaler(), make())
    step = pipeline.steps[-1][0]
    search = GridSearchCV(pipeline, {f"{step}__lr": [0.001, 0.02]}, cv=2, error_score="raise")
    fitted(search, X, *y)
    results = {k: v for k, v in search.cv_results_.items() if "time" not in k and k != "params"}
    yield "scores", results
    yield "best", search.best_params_
    yield from of_model(search.best_estimator_[-1], new=new)


def compiled(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """What torch is asked to compile; nothing is, which would take minutes."""
    make, (X, *y), _ = MODELS[name]
    asked, compile_ = [], torch.compile

    def keep(function: Any, **options: Any) -> Any:
        asked.append(repr(sorted(options.items())))
        return function

    torch.compile = keep
    try:
        fitted(model := make(compile=True), X, *y)
    finally:
        torch.compile = compile_
    yield "asked", "\n".join(asked)
    yield from attributes(model)


def components(folder: Path) -> Iterator[tuple[str, Any]]:
    """Options of the network and the optimiser among the parameters."""
    make, (X, *y), _ = MODELS["classifier"]
    model = make(optimizer__weight_decay=0.1)
    model.set_params(module__dropout=0.2, optimizer__amsgrad=True, lr=0.01)
    yield "parameters", {k: v for k, v in model.get_params().items() if "__" in k}
    yield "clone", repr(clone(model))
    yield "unknown", error_of(model.set_params, unknown=3)
    yield from attributes(fitted(model, X, *y))


ONE_EACH = ["triplet DEC", "TAGnet", "classifier", "autoencoder", "embedder", "zero shot"]
SCENARIOS: dict[str, Scenario] = {
    **{f"interface, {name}": partial(described, name) for name in ONE_EACH},
    **{f"use, {name}": partial(used, name) for name in MODELS},
    **{f"search, {name}": partial(searched, name) for name in ONE_EACH},
    **{f"compiled, {name}": partial(compiled, name) for name in ONE_EACH},
    "interface, components": components,
}
