"""Training that makes the clusters worse is undone, and says so."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from stopped_fits import after_an_epoch, assert_same_result, fitted_with_stops, result

from skdeepclust import TAGnetClusterer, tagnet

X, DIGIT = load_digits(return_X_y=True)
X, DIGIT = X[:400] / 16, DIGIT[:400]
GRAPH = {"n_components": 32, "n_stages": 3, "n_init": 2, "max_epochs": 6, "random_state": 0}
WORSE = r"made the clusters worse: the information .* fell from (\S+) to (\S+)\. .*`lr`"


def tag(**options) -> TAGnetClusterer:
    return TAGnetClusterer(10, **{**GRAPH, "lr": 1.0, **options})


def test_the_network_from_before_is_kept():
    with pytest.warns(ConvergenceWarning, match=WORSE) as caught:
        model = tag().fit(X)
    before, after = map(float, re.search(WORSE, str(caught[0].message)).groups())
    assert after < before
    untrained = tag(max_epochs=0).fit(X)
    np.testing.assert_array_equal(model.labels_, untrained.labels_)
    np.testing.assert_array_equal(model.predict_proba(X), untrained.predict_proba(X))
    assert adjusted_rand_score(DIGIT, model.labels_) > 0.4
    assert model.history_[-1]["phase"] == "clustering"
    assert "optimizer" not in model._resume


@pytest.mark.parametrize("loss", ["entropy", "max_margin", "target"])
def test_training_at_the_default_rate_is_kept(loss):
    options = {"loss": loss, "lr": TAGnetClusterer().lr}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = tag(**options).fit(X)
    untrained = tag(max_epochs=0, **options).fit(X)
    assert (model.predict_proba(X) != untrained.predict_proba(X)).any()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_is_undone_stays_undone_after_a_stop(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(tagnet, "HEAD_STEPS", 3)
    model = tag().fit(X)
    again, _ = fitted_with_stops(tag(checkpoint=tmp_path), (X,), after_an_epoch, [])
    for each in (model, again):
        each._resume["optimizer"] = {"moments": {}}
    assert_same_result(result(again), result(model))
