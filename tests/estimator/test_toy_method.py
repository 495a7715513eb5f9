"""A method of less than 50 lines on the base passes what the library's own methods pass."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from helpers import toy_method
from helpers.source_trees import ROOT
from helpers.toy_method import DECClusterer, IDECClusterer
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator
from skorch.callbacks import Callback

from skdeepclust import TripletDECClusterer
from skdeepclust._estimator.clusterer import BaseDeepClusterer

SOURCE = Path(toy_method.__file__).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pixels(digits) -> np.ndarray:
    return digits[0] / 16


@pytest.fixture(scope="module")
def fitted(pixels) -> DECClusterer:
    return DECClusterer(10, random_state=0).fit(pixels)


def blobs() -> tuple[np.ndarray, np.ndarray]:
    rng, y = np.random.default_rng(0), np.repeat(np.arange(4), 50)
    return rng.normal(size=(4, 20))[y] + 0.3 * rng.normal(size=(200, 20)), y


def lines_of(cls: type) -> list[str]:
    return [line for line in inspect.getsource(cls).splitlines() if line.strip()]


def test_it_has_less_than_50_lines_and_idec_five():
    assert len(lines_of(DECClusterer)) < 50
    assert len(lines_of(IDECClusterer)) == 5


def test_the_documentation_shows_this_file():
    page = (ROOT / "docs" / "adding_a_method.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    assert SOURCE in blocks


def test_it_has_the_parameters_of_all_estimators_without_a_line_of_its_own():
    shared = inspect.signature(TripletDECClusterer).parameters
    own = inspect.signature(IDECClusterer).parameters
    assert {*BaseDeepClusterer._declared} | {"gamma"} == {*own} - {"module__kwargs"}
    assert {"device", "checkpoint", "callbacks", "restore_best", "verbose"} <= own.keys()
    assert all(own[name].annotation == shared[name].annotation for name in ("device", "verbose"))
    with pytest.raises(ValueError, match="lr"):
        IDECClusterer(2, lr=-1.0).fit(np.eye(4))


class Seen(Callback):
    """Notes what it is told of."""

    phases: ClassVar[list[str]] = []

    def on_train_begin(self, net, **kwargs):
        self.phases.append(net.phase_)


def test_shared_parameters_do_what_they_do_elsewhere(tmp_path, capsys):
    X = np.random.default_rng(0).normal(size=(60, 5))
    Seen.phases.clear()
    options = {"callbacks": [Seen()], "checkpoint": tmp_path / "kept", "device": "cpu"}
    toy = IDECClusterer(3, max_epochs=2, gamma=1.0, random_state=0, verbose=1, **options).fit(X)
    plain = IDECClusterer(3, max_epochs=2, gamma=1.0, random_state=0).fit(X)
    np.testing.assert_array_equal(toy.predict_proba(X), plain.predict_proba(X))
    assert Seen.phases == ["reconstruction", "clustering"]
    assert "IDECClusterer, clustering 2/2" in capsys.readouterr().out
    assert [*(tmp_path / "kept").iterdir()] == []


class Spoil(Callback):
    """Moves all centres away after the fifth epoch of the clustering phase."""

    def on_epoch_end(self, net, **kwargs):
        if net.phase_ == "clustering" and len(net.history) == 5:
            net.module_.centers.data += 100


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_best_epoch_is_kept_by_the_score():
    X, _ = blobs()
    options = {"lr": 0.01, "batch_size": 32, "callbacks": [Spoil()], "random_state": 0}
    options["max_epochs"] = 6
    best, last = (IDECClusterer(4, restore_best=each, **options).fit(X) for each in (True, False))
    rows = [row for row in best.history_ if row["phase"] == "clustering"]
    values = [row["criterion"] for row in rows]
    assert best.best_epoch_ == 1 + int(np.argmax(values)) == 4
    assert best.score(X) == pytest.approx(max(values))
    assert last.score(X) == pytest.approx(values[-1])
    assert not hasattr(last, "best_epoch_")


def test_training_that_makes_clusters_worse_is_told():
    X, _ = blobs()
    toy = IDECClusterer(4, batch_size=32, max_epochs=6, callbacks=[Spoil()], random_state=0)
    with pytest.warns(ConvergenceWarning) as warned:
        toy.fit(5 * X)
    assert any("restore_best=True keeps the best epoch" in str(each.message) for each in warned)


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
    X, y = blobs()
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
