"""A method of less than 60 lines on the base passes what the library's own methods pass."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import toy_method
from helpers.source_trees import ROOT
from helpers.toy_method import DECClusterer
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator

SOURCE = Path(toy_method.__file__).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pixels(digits) -> np.ndarray:
    return digits[0] / 16


@pytest.fixture(scope="module")
def fitted(pixels) -> DECClusterer:
    return DECClusterer(10, random_state=0).fit(pixels)


def test_it_has_less_than_60_lines():
    assert len([line for line in SOURCE.splitlines() if line.strip()]) < 60


def test_the_documentation_shows_this_file():
    page = (ROOT / "docs" / "adding_a_method.md").read_text(encoding="utf-8")
    assert SOURCE in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)


# The checks fit rows that are all the same, and random rows with fewer groups than clusters.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_check_estimator(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    # all samples are in one batch, so that a weight of 2 and a repeated sample are the same
    toy = DECClusterer(4, dtype="float64", max_epochs=2, random_state=0)
    results = check_estimator(toy, on_skip=None, on_fail=None)
    assert {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"} == {}
    names = {r["check_name"] for r in results}
    assert "check_sample_weight_equivalence_on_dense_data" in names
    assert len(results) > 50


def test_it_finds_the_blobs():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(4), 50)
    X = rng.normal(size=(4, 20))[y] + 0.3 * rng.normal(size=(200, 20))
    toy = DECClusterer(4, batch_size=32, max_epochs=10, random_state=0).fit(X)
    assert adjusted_rand_score(y, toy.labels_) == 1


def test_phases(fitted):
    phases = [row["phase"] for row in fitted.history_]
    assert phases == 30 * ["reconstruction"] + 15 * ["clustering"]
    losses = [row["loss"] for row in fitted.history_ if row["phase"] == "reconstruction"]
    assert losses[-1] < losses[0] / 2


def test_it_clusters_digits(fitted, pixels, digits):
    # a network that isn't trained gives about 0.2
    assert adjusted_rand_score(digits[1], fitted.labels_) > 0.6
    np.testing.assert_array_equal(fitted.labels_, fitted.predict(pixels))
    assert fitted.transform(pixels).shape == fitted.predict_proba(pixels).shape == (1797, 10)


def test_warm_start_goes_on_with_the_last_phase(fitted, pixels):
    warm = copy.deepcopy(fitted).set_params(warm_start=True, max_epochs=5).fit(pixels)
    assert [row["phase"] for row in warm.history_[45:]] == 5 * ["clustering"]
    # the clustering phase sharpens the assignment
    assert warm.score(pixels) > fitted.score(pixels) + 0.01


def test_pickle_has_no_tensors_and_predicts_the_same(fitted, pixels):
    assert not [k for k, v in fitted.__getstate__().items() if isinstance(v, torch.Tensor)]
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.predict_proba(pixels), fitted.predict_proba(pixels))


def test_grid_search_needs_no_scoring(pixels):
    toy = DECClusterer(10, batch_size=64, max_epochs=5, random_state=0)
    grid = GridSearchCV(toy, {"lr": [0.001, 1e-9], "module__hidden": [(64,)]}, cv=2)
    grid.fit(pixels)
    assert grid.best_params_["lr"] == 0.001
