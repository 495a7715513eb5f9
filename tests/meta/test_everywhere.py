"""Each of them around each kind of clusterer: new samples, pipelines, searches, files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.meta_around import NAMES, around
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skdeepclust import TAGnetClusterer, TripletDECClusterer, load, report, save
from skdeepclust.explain import (
    contrast_centers,
    distinguishing_features,
    nearest_members,
    surrogate_tree,
)
from skdeepclust.metrics import embedding_silhouette_scorer

pytestmark = pytest.mark.usefixtures("few_head_steps")

X, Y = load_digits(n_class=3, return_X_y=True)
KNOWN, NEW = np.split(X[:72], [48])
DEC = {
    "pretrain_epochs": 1,
    "warmup_epochs": 1,
    "n_starts": 1,
    "n_init": 1,
    "module__hidden": (16,),
}
TAG = {"n_components": 8, "n_stages": 2, "n_init": 1, "dictionary": "kmeans"}
QUICK = {"max_epochs": 1, "random_state": 0}
KINDS: dict[str, Any] = {
    "triplet dec": TripletDECClusterer(3, **DEC, **QUICK),
    "tagnet": TAGnetClusterer(3, **TAG, **QUICK),
    "chain": make_pipeline(StandardScaler(), KMeans(3, n_init=1, random_state=0)),
}
# What a search changes, inside of the clusterer.
NESTED = {
    "triplet dec": ("module__hidden", [(8,), (16,)]),
    "tagnet": ("n_stages", [1, 2]),
    "chain": ("kmeans__n_clusters", [2, 3]),
}
TRUSTED = [KMeans, MinMaxScaler, Pipeline, StandardScaler]
QUESTIONS = ("predict", "transform", "predict_proba", "score_samples", "decision_function")


def answers(model: Any, X: np.ndarray) -> dict[str, np.ndarray]:
    """Return all that a model says of samples."""
    return {each: getattr(model, each)(X) for each in QUESTIONS if hasattr(model, each)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_search_in_a_pipeline_and_a_file(name, kind, tmp_path):
    parameter, values = NESTED[kind]
    chain = make_pipeline(MinMaxScaler(), around(name, KINDS[kind], random_state=0))
    grid = {f"{name.lower()}__estimator__{parameter}": values}
    cv = [(np.arange(40), np.arange(40, 48))]
    search = GridSearchCV(chain, grid, scoring=embedding_silhouette_scorer, cv=cv).fit(KNOWN)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_
    assert best[-1].estimator.get_params()[parameter] == search.best_params_[next(iter(grid))]
    found = answers(best, NEW)
    assert found["predict"].shape == (len(NEW),)
    assert found["predict"].max() < 3

    path = tmp_path / "model.safetensors"
    save(search.best_estimator_, path)
    again = answers(load(path, trusted=TRUSTED), NEW)
    for question, expected in answers(best, NEW).items():
        np.testing.assert_array_equal(again[question], expected, err_msg=question)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [None, *NAMES])
def test_new_samples_explanations_and_a_report(name, kind, tmp_path):
    inner = KINDS[kind]
    model = (clone(inner) if name is None else around(name, inner, random_state=0)).fit(KNOWN)
    found = answers(model, NEW)
    for question, some in answers(model, NEW[[5, 3]]).items():
        np.testing.assert_allclose(some, found[question][[5, 3]], rtol=1e-5, atol=1e-6)
    tree = surrogate_tree(model, NEW, cv=2)
    assert tree.predict(NEW[:2]).shape == (2,)
    labels = found["predict"]
    assert distinguishing_features(model, NEW).keys() == set(labels[labels >= 0].tolist())
    assert nearest_members(model, KNOWN, NEW).members.shape == (len(NEW), 5)
    assert contrast_centers(model, KNOWN).centers.shape[1:] == KNOWN.shape[1:]
    page = report(model, KNOWN, path=tmp_path / "page.html").read_text(encoding="utf-8")
    assert f"{len(KNOWN)} samples" in page
