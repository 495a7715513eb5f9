"""What holds for each of the classics: its contract with scikit-learn, and what the base gives."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from helpers.classics import CLASSICS, classic
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator

from skdeepclust.metrics import clustering_accuracy_score

SAMPLE_WEIGHT_CHECKS = {
    f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")
}
REASON = "In minibatches a weight of 2 isn't a repetition; in one batch it is, in float64."
each = pytest.mark.parametrize("name", CLASSICS)


@pytest.fixture(scope="module")
def X(digits) -> np.ndarray:
    return digits[0][:150] / 16


def blobs(n_features: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng, y = np.random.default_rng(0), np.repeat(np.arange(4), 40)
    means = 2 * rng.normal(size=(4, n_features))
    return means[y] + 0.3 * rng.normal(size=(160, n_features)), y


# ---------------------------------------------------------------- what they find


@each
def test_it_finds_blobs(name):
    X, y = blobs()
    model = classic(name, pretrain_epochs=10, max_epochs=10, batch_size=32).fit(X)
    assert adjusted_rand_score(y, model.labels_) == 1


@each
def test_it_clusters_digits(name, digits):
    X, y = (part[:600] for part in digits)
    options = {"pretrain_epochs": 12, "max_epochs": 4, "batch_size": 64, "n_components": 8}
    model = classic(name, 10, module__hidden=(64,), **options).fit(X)
    # ten clusters at random, or a network that isn't trained, have less than 0.3 and 0.5
    assert clustering_accuracy_score(y, model.labels_) > 0.6


@each
def test_a_search_finds_a_better_start(name, digits):
    X, y = (part[:600] for part in digits)
    options = {"pretrain_epochs": 4, "max_epochs": 0, "batch_size": 64, "n_components": 8}
    paper, search = (
        classic(name, 10, module__hidden=(32,), init=init, **options).fit(X)
        for init in ("paper", "search")
    )
    found, better = (clustering_accuracy_score(y, each.labels_) for each in (paper, search))
    assert better > found + 0.05


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each
def test_a_search_takes_weights_few_and_equal_samples(name, X, tmp_path):
    weight = np.arange(150) % 2.0
    model = classic(name, init="search", checkpoint=tmp_path / "kept").fit(X, sample_weight=weight)
    other = classic(name, init="search").fit(X, sample_weight=weight)
    np.testing.assert_array_equal(model.predict_proba(X), other.predict_proba(X))
    for few in (X[:5], np.repeat(X[:2], 4, axis=0)):
        assert np.isfinite(classic(name, init="search").fit(few).predict_proba(X)).all()


@each
def test_centers_decode_into_the_units_of_x(name):
    X = 100 + 30 * blobs()[0]
    options = {"pretrain_epochs": 60, "max_epochs": 3, "batch_size": 32, "lr": 0.01}
    model = classic(name, **options).fit(X)
    decoded = model.inverse_transform(model.cluster_centers_)
    means = np.stack([X[model.labels_ == k].mean(0) for k in range(4)])
    assert np.square(decoded - means).mean() < 0.2 * X.var(0).mean()


# ---------------------------------------------------------------- the contract


# The checks fit rows that are all the same, and random rows with fewer groups than clusters.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each
def test_check_estimator(name, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    results = check_estimator(
        classic(name, batch_size=32, pretrain_epochs=1, max_epochs=1, n_init=1),
        expected_failed_checks=dict.fromkeys(SAMPLE_WEIGHT_CHECKS, REASON),
        on_skip=None,
        on_fail=None,
    )
    bad = {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"}
    assert set(bad) <= SAMPLE_WEIGHT_CHECKS, bad
    assert len(results) > 50


@pytest.fixture
def no_noise(monkeypatch) -> None:
    """Let VaDE draw nothing for each sample: a repeated one has noise of its own."""
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)


@pytest.mark.parametrize("check", sorted(SAMPLE_WEIGHT_CHECKS))
@each
def test_weights_equal_repetition_in_one_batch(name, check, no_noise):
    model = classic(name, 2, dtype="float64", batch_size=10_000)
    getattr(estimator_checks, check)(type(model).__name__, model)


@each
def test_the_same_seed_gives_the_same_fit(name, X, global_state_untouched):
    one, other = classic(name).fit(X), classic(name)
    np.testing.assert_array_equal(other.fit_predict(X), one.labels_)
    np.testing.assert_array_equal(other.predict(X), one.labels_)
    np.testing.assert_array_equal(other.predict_proba(X), one.predict_proba(X))
    np.testing.assert_array_equal(one.predict_proba(X).argmax(1), one.labels_)
    np.testing.assert_allclose(one.predict_proba(X).sum(1), 1, rtol=1e-5)


@each
def test_all_forms_of_input_give_the_same(name, X, tmp_path):
    X = X.astype(np.float32)
    np.save(tmp_path / "X.npy", X)
    expected = classic(name).fit(X).predict_proba(X)
    stored = np.load(tmp_path / "X.npy", mmap_mode="r")
    for form in (sparse.csr_matrix(X), torch.from_numpy(X), stored, X.tolist()):
        model = classic(name).fit(form)
        np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-5)
    weighted = classic(name).fit(X, sample_weight=np.full(len(X), 3.0))
    np.testing.assert_allclose(weighted.predict_proba(X), expected, atol=1e-4)


@each
def test_samples_of_weight_zero_are_left_out(name, X, no_noise):
    options = {"dtype": "float64", "batch_size": 1000}
    weight = np.arange(len(X)) % 3 > 0
    outliers = np.where(weight[:, None], X, 1 - X)
    left_out = classic(name, **options).fit(outliers, sample_weight=weight.astype(float))
    model = classic(name, **options).fit(X[weight])
    np.testing.assert_allclose(left_out.predict_proba(X), model.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"image_shape": (8, 8), "module__channels": (4, 8)},
        {"dtype": "float64"},
        {"precision": "bf16"},
        {"restore_best": True},
        {"optimizer": "sgd", "optimizer__momentum": 0.5},
    ],
    ids=lambda options: next(iter(options)),
)
@each
def test_options_of_the_base(name, options, X):
    model = classic(name, **options).fit(X)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert model.transform(X).dtype == np.dtype(model.dtype)
    assert model.inverse_transform(model.cluster_centers_).shape == (4, 64)
    assert [row["phase"] for row in model.history_] == 2 * ["reconstruction"] + 2 * ["clustering"]


@each
def test_a_warm_start_goes_on_with_the_clustering_phase(name, X):
    model = classic(name).fit(X)
    warm = copy.deepcopy(model).set_params(warm_start=True).fit(X)
    long = classic(name, max_epochs=4).fit(X)
    assert [row["phase"] for row in warm.history_[4:]] == 2 * ["clustering"]
    np.testing.assert_allclose(warm.predict_proba(X), long.predict_proba(X), atol=1e-6)


@each
def test_pipelines_and_searches_need_no_scoring(name, X):
    pipeline = make_pipeline(MinMaxScaler(), classic(name))
    search = GridSearchCV(pipeline, {f"{type(classic(name)).__name__.lower()}__lr": [1e-3]}, cv=2)
    assert 0 <= search.fit(X).best_score_ <= 1
    assert clone(pipeline).fit_predict(X).shape == (150,)


# ---------------------------------------------------------------- awkward input


@each
def test_fewer_distinct_samples_than_clusters_are_told(name):
    X = 3 * np.random.default_rng(0).normal(size=(3, 6)).repeat(10, axis=0)
    options = {"n_components": 3, "pretrain_epochs": 1, "max_epochs": 1, "module__hidden": (8,)}
    with pytest.warns(ConvergenceWarning, match="3 of n_clusters=5 clusters have samples"):
        model = classic(name, 5, **options).fit(X)
    # equal samples are in one cluster
    assert [len(np.unique(part)) for part in model.labels_.reshape(3, 10)] == [1, 1, 1]
    assert np.isfinite(model.predict_proba(X)).all()


@each
def test_constant_columns_and_repeated_samples(name):
    X, y = blobs()
    X = np.hstack([np.repeat(X, 2, axis=0), np.ones((320, 1)), np.zeros((320, 1))])
    model = classic(name, pretrain_epochs=10, batch_size=64).fit(X)
    assert adjusted_rand_score(np.repeat(y, 2), model.labels_) == 1


@each
@pytest.mark.parametrize("parameter", ["n_components", "n_init", "clustering_lr", "max_epochs"])
def test_values_out_of_range_are_refused_by_name(name, parameter, X):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of .* must be"):
        classic(name, **{parameter: -1}).fit(X)


@each
def test_training_that_makes_clusters_worse_names_its_learning_rate(name, X, monkeypatch):
    monkeypatch.setattr("skdeepclust._training.epoch_watch.NOTABLE_FALL", -2.0)
    with pytest.warns(ConvergenceWarning, match=r"Lower `clustering_lr` \(now 0.0002\)"):
        classic(name, max_epochs=5, clustering_lr=0.0002).fit(X)
