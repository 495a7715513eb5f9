"""Estimators around a clusterer, where the tree has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import Pipeline, make_pipeline

from same import clusterers, tagnet
from same.seen import answer, attributes, error_of, fitted, named, of_model
from same.small import ALL, FORMS, KNOWN, NEW, WEIGHT, Scenario, of_folder
from skdeepclust import TAGnetClusterer, TripletDECClusterer, load, meta, save

OPTIONS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "OpenSetClusterer": {
        "defaults": {},
        "many refused": {"contamination": 0.4, "n_neighbors": 2},
        "no calibration": {"calibration": None, "contamination": 0.1},
        "the input": {"embedding": "input", "random_state": 1},
    },
    "ConsensusClusterer": {"defaults": {}, "parts": {"n_runs": 2, "max_samples": 0.6}},
    "HierarchicalClusterer": {"defaults": {}, "two": {"n_clusters": 2, "n_neighbors": 3}},
    "SizeConstrainedClusterer": {
        "defaults": {}, "bounds": {"min_cluster_size": 15, "max_cluster_size": 25},
    },
    "StreamClusterer": {
        "defaults": {}, "small clusters": {"min_cluster_size": 5, "contamination": 0.2},
    },
}  # fmt: skip
THERE = {name: getattr(meta, name) for name in OPTIONS if hasattr(meta, name)}
INSIDE: Mapping[str, Callable[[], Any]] = {
    "KMeans": lambda: KMeans(3, n_init=2),
    "a mixture": lambda: make_pipeline(PCA(5), GaussianMixture(3, covariance_type="diag")),
    "triplet DEC": lambda: TripletDECClusterer(**clusterers.QUICK),
    "TAGnet": lambda: TAGnetClusterer(**tagnet.QUICK),
}
TRUSTED = [KMeans, PCA, GaussianMixture, Pipeline]


def around(name: str, inside: str, options: Mapping[str, Any]) -> Any:
    return THERE[name](INSIDE[inside](), **{"random_state": 0, **options})


def fits(name: str, inside: str, options: Mapping[str, Any], folder: Path) -> Iterator:
    """Fit, ask, and ask what went through a file."""
    model = fitted(around(name, inside, options), KNOWN)
    yield from of_model(model, KNOWN, NEW)
    yield "report", repr(getattr(model, "report_", None))
    if hasattr(model, "score_samples"):
        yield "scores", model.score_samples(NEW)
    save(model, folder / "model.safetensors")
    again = load(folder / "model.safetensors", trusted=TRUSTED)
    yield "loaded", answer(again.predict, NEW)


def weights(name: str, folder: Path) -> Iterator:
    model = fitted(around(name, "KMeans", {}), KNOWN, sample_weight=WEIGHT)
    yield from of_model(model, KNOWN, NEW)


def forms(name: str, folder: Path) -> Iterator:
    for title, form in FORMS.items():
        model = around(name, "KMeans", {})
        known, new = (of_folder(partial(form, X), folder) for X in (KNOWN, NEW))
        yield f"{title}, fit", error_of(model.fit, known)
        yield title, answer(model.predict, new)


def refused(name: str, folder: Path) -> Iterator:
    """Errors of what is inside, and of what is asked of it."""
    wrong: Mapping[str, Any] = {
        "KMeans of too many": KMeans(500),
        "TAGnet of too many": TAGnetClusterer(**{**tagnet.QUICK, "n_clusters": 500}),
        "no such option": KMeans(3, init="nonsense"),
        "a network that doesn't fit": TripletDECClusterer(
            **{**clusterers.QUICK, "image_shape": (3, 3)}
        ),
    }
    for title, inside in wrong.items():
        yield title, error_of(THERE[name](inside, random_state=0).fit, KNOWN)
    model = around(name, "KMeans", {})
    yield "not fitted", error_of(model.predict, NEW)
    yield "another width", error_of(fitted(model, KNOWN).predict, NEW[:, :9])
    yield "no samples", error_of(model.fit, KNOWN[:0])
    yield "one sample", error_of(model.fit, KNOWN[:1])


def parts(inside: str, folder: Path) -> Iterator:
    """A stream: parts, one of them with other samples, a file between, a fit with a reference."""
    options = {"min_cluster_size": 5, "contamination": 0.2, "n_neighbors": 3}
    model = around("StreamClusterer", inside, options)
    rng = np.random.default_rng(0)
    far = 3 + rng.random((20, KNOWN.shape[1]))
    for title, X in (("first", KNOWN), ("same", NEW), ("far", np.concatenate([NEW, far]))):
        fitted(model, X, method="partial_fit")
        yield from named(title, attributes(model))
        yield f"{title}: report", repr(model.report_)
    save(model, folder / "model.safetensors")
    again = load(folder / "model.safetensors", trusted=TRUSTED)
    again.partial_fit(ALL)
    yield "after a file", repr(again.report_)
    other = around("StreamClusterer", inside, {**options, "random_state": 1})
    yield from named("refit", of_model(other.fit(ALL, reference=model), ALL, far))
    yield "refit: report", repr(other.report_)


SCENARIOS: dict[str, Scenario] = {
    **{
        f"{name} around {inside}, {title}": partial(fits, name, inside, options)
        for name in THERE
        for inside in INSIDE
        for title, options in OPTIONS[name].items()
    },
    **{f"{name}, weights": partial(weights, name) for name in THERE},
    **{f"{name}, X in forms": partial(forms, name) for name in THERE},
    **{f"refused inside {name}": partial(refused, name) for name in THERE},
}
if "StreamClusterer" in THERE:
    SCENARIOS |= {f"StreamClusterer, parts of {each}": partial(parts, each) for each in INSIDE}
