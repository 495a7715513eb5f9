"""What holds for each of them: scikit-learn's contract, containers, files, searches, metadata."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.meta_around import KMEANS, NAMES, around
from helpers.small_fits import QUICK
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from skdeepclust import TAGnetClusterer, load, meta, save
from skdeepclust.metrics import embedding_silhouette_scorer

X, Y = make_blobs(90, 4, centers=3, cluster_std=0.6, random_state=0)
DIGITS = load_digits().data[:60] / 16
TAGNET = TAGnetClusterer(3, n_components=8, n_stages=2, n_init=1, **QUICK)
# Around clusterers of this library: test_everywhere.py.
INSIDE = {
    "kmeans": KMEANS,
    "mixture": make_pipeline(StandardScaler(), PCA(2), GaussianMixture(3, random_state=0)),
}


class Watched(ClusterMixin, BaseEstimator):
    """One cluster for each sign of the first feature; remembers what it was given."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None, sample_weight=None):
        self.given_, self.y_, self.weight_ = X, y, sample_weight
        self.labels_ = self.predict(X)
        return self

    def predict(self, X):
        self.seen_ = type(X)
        rows = X.toarray() if sparse.issparse(X) else np.asarray(X)
        return (rows[:, 0] > 0).astype(int)

    def transform(self, X):
        return X


def inner(model: Any) -> Any:
    return model.estimators_[0] if hasattr(model, "estimators_") else model.estimator_


@pytest.mark.parametrize("name", NAMES)
def test_check_estimator(name, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    # as many clusters as scikit-learn's checks have classes; a vote may leave one without samples
    model = around(name, KMeans(4, n_init=2, random_state=0), random_state=0)
    results = check_estimator(model, on_skip=None, on_fail=None)
    bad = {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"}
    assert not bad
    assert len(results) > 45


@pytest.mark.parametrize("kind", INSIDE)
@pytest.mark.parametrize("name", NAMES)
def test_any_clusterer_is_saved_and_answers_of_new_samples(name, kind, tmp_path):
    model = around(name, INSIDE[kind], random_state=0).fit(X[:45])
    path = tmp_path / "model.safetensors"
    save(model, path)
    trusted = [KMeans, Pipeline, StandardScaler, PCA, GaussianMixture]
    again = load(path, trusted=trusted)
    for method in ("predict", "transform", "predict_proba", "score_samples"):
        if hasattr(model, method):
            np.testing.assert_array_equal(getattr(again, method)(X), getattr(model, method)(X))
    assert model.predict(X).shape == (len(X),)
    assert model.n_features_in_ == X.shape[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_and_the_global_state_stays(name, global_state_untouched):
    first, second = (
        around(name, KMeans(6, n_init=1, init="random"), random_state=3).fit(X) for _ in range(2)
    )
    np.testing.assert_array_equal(first.labels_, second.labels_)
    np.testing.assert_array_equal(first.predict(X[::-1]), first.predict(X)[::-1])
    assert isinstance(inner(first).random_state, int)
    # of None the seeds are those of the estimator
    if not hasattr(first, "estimators_"):
        assert inner(around(name).fit(X)).random_state == 0


@pytest.mark.parametrize("name", NAMES)
def test_samples_reach_the_estimator_as_they_are_given(name):
    frame = pd.DataFrame(X, columns=list("abcd"))
    for given in (frame, sparse.csr_array(X), torch.from_numpy(X), X.astype(np.float32)):
        model = around(name, Watched()).fit(given)
        assert type(inner(model).given_) is type(given)
        model.predict(given)
        assert inner(model).seen_ is type(given)
    assert around(name).fit(frame).feature_names_in_.tolist() == list("abcd")


@pytest.mark.parametrize("name", NAMES)
def test_metadata_and_y_reach_the_fit(name):
    weight = X[:, 0] - X[:, 0].min()
    fitted = inner(around(name, Watched()).fit(X, Y, sample_weight=weight))
    np.testing.assert_array_equal(fitted.weight_, fitted.given_[:, 0] - X[:, 0].min())
    assert len(fitted.y_) == len(fitted.weight_)
    chain = make_pipeline(StandardScaler(), Watched())
    fitted = inner(around(name, chain).fit(X, watched__sample_weight=weight))[-1]
    assert len(fitted.weight_) == len(fitted.given_)
    with config_context(enable_metadata_routing=True):
        asks = Watched().set_fit_request(sample_weight=True)
        fitted = inner(around(name, asks).fit(X, sample_weight=weight))
        np.testing.assert_array_equal(fitted.weight_, fitted.given_[:, 0] - X[:, 0].min())
        with pytest.raises(TypeError, match="unexpected argument"):
            around(name, asks).fit(X, weights=weight)


@pytest.mark.parametrize("name", NAMES)
def test_it_stands_in_pipelines_and_searches(name):
    chain = make_pipeline(MinMaxScaler(), around(name, random_state=0))
    grid = {f"{name.lower()}__estimator__n_clusters": [2, 3]}
    search = GridSearchCV(chain, grid, scoring=embedding_silhouette_scorer, cv=2).fit(X)
    assert search.best_params_ == {next(iter(grid)): 3}
    assert len(search.predict(X)) == len(X)
    model = clone(around(name)).set_params(estimator__n_clusters=2)
    assert model.estimator.n_clusters == 2


@pytest.mark.usefixtures("few_head_steps")
@pytest.mark.parametrize("name", NAMES)
def test_the_embedding_is_one_rule(name):
    chain = INSIDE["mixture"]
    model = around(name, chain).fit(X)
    if hasattr(model, "estimators_"):
        return  # theirs lie side by side
    entering = model.estimator_[:-1].transform(X)
    np.testing.assert_allclose(model.transform(X), entering)
    np.testing.assert_array_equal(around(name).fit(X).transform(X), X)
    ours = around(name, TAGNET).fit(DIGITS)
    np.testing.assert_array_equal(ours.transform(DIGITS), ours.estimator_.transform(DIGITS))
    for embedding, columns in (("input", 4), ("transform", 3), (lambda e, X: X[:, :2], 2)):
        assert around(name, embedding=embedding).fit(X).transform(X).shape == (90, columns)
    # one stands around another one
    outer = around(name, around(name, chain)).fit(X)
    assert outer.transform(X).shape == (90, 2)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_checked(name):
    with pytest.raises(ValueError, match=r"'estimator' parameter .* 'predict'"):
        around(name, PCA()).fit(X)
    with pytest.raises(ValueError, match="'embedding' parameter"):
        around(name, embedding="umap").fit(X)


# What is found to be wrong only after `estimator` has been fitted.
TOO_LATE: dict[str, dict[str, Any]] = {
    "OpenSetClusterer": {"embedding": lambda fitted, X: X * np.nan},
    "ConsensusClusterer": {"embedding": lambda fitted, X: X * np.nan},
    "ConstrainedClusterer": {"embedding": lambda fitted, X: X * np.nan},
    "HierarchicalClusterer": {"n_clusters": 9},
    "SizeConstrainedClusterer": {"min_cluster_size": 80},
    "StreamClusterer": {"embedding": lambda fitted, X: X * np.nan},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_fit_that_fails_changes_nothing(name):
    new = around(name, **TOO_LATE[name])
    with pytest.raises(ValueError, match=r"NaN|n_clusters=9|min_cluster_size=80"):
        new.fit(X)
    with pytest.raises(NotFittedError):
        new.predict(X)
    model = around(name).fit(X)
    before, labels = dict(vars(model)), model.predict(X)
    model.set_params(estimator__n_clusters=2, **TOO_LATE[name])
    with pytest.raises(ValueError, match=r"NaN|n_clusters=9|min_cluster_size=80"):
        model.fit(X + 1)
    learned = {key: value for key, value in before.items() if key not in model.get_params()}
    assert all(vars(model)[key] is value for key, value in learned.items())
    np.testing.assert_array_equal(model.set_params(**around(name).get_params()).predict(X), labels)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_fitted_answers_as_before_after_set_params(name):
    model = around(name, random_state=0).fit(X)
    doors = ("predict", "transform", "predict_proba", "decision_function")
    before = {door: getattr(model, door)(X) for door in doors if hasattr(model, door)}
    changes = {"contamination": 0.4, "n_neighbors": 1, "min_overlap": 1, "n_clusters": 2}
    known = model.get_params(deep=False)
    model.set_params(**{key: value for key, value in changes.items() if key in known})
    model.set_params(embedding="transform", estimator__n_clusters=2)
    for door, answer in before.items():
        np.testing.assert_array_equal(getattr(model, door)(X), answer)


# What the estimator inside says of its parameters, and what that is from outside.
@pytest.mark.parametrize("name", NAMES)
def test_columns_in_another_order_are_refused_everywhere(name):
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = around(name).fit(frame)
    for door in ("predict", "transform", "predict_proba", "score_samples", "decision_function"):
        if hasattr(model, door):
            with pytest.raises(ValueError, match="same order"):
                getattr(model, door)(frame[list("dcba")])


@pytest.mark.parametrize("name", NAMES)
def test_an_embedding_has_a_row_for_each_sample(name):
    with pytest.raises(ValueError, match="embedding gives 5 rows"):
        around(name, embedding=lambda fitted, X: X[:5]).fit(X)


@pytest.mark.parametrize("n_weights", [45, 89])
def test_weights_of_other_samples_are_refused(n_weights):
    # 45 is the number of samples that a run is fitted on
    for name, part in (("ConsensusClusterer", "max_samples"), ("OpenSetClusterer", "calibration")):
        model = around(name, **{part: 0.5})
        with pytest.raises(ValueError, match=f"sample_weight has {n_weights} values"):
            model.fit(X, sample_weight=np.ones(n_weights))


@pytest.mark.parametrize("name", NAMES)
def test_frames_as_output_change_no_answer(name, recwarn):
    model = around(name, random_state=0).fit(X)
    plain = model.predict(X)
    with config_context(transform_output="pandas"):
        framed = around(name, random_state=0).fit(X)
        assert type(framed.transform(X)) is pd.DataFrame
        np.testing.assert_array_equal(framed.predict(X), plain)
    model.set_output(transform="pandas")
    np.testing.assert_array_equal(model.predict(X), plain)
    assert not [str(each.message) for each in recwarn if "feature names" in str(each.message)]


def test_steps_that_were_fitted_on_frames_get_frames():
    steps = make_pipeline(StandardScaler(), PCA(2, random_state=0), KMeans(3, random_state=0))
    frame = pd.DataFrame(X, columns=list("abcd"))
    plain = meta.HierarchicalClusterer(steps).fit(frame).predict(frame)
    with config_context(transform_output="pandas"):
        framed = meta.HierarchicalClusterer(steps).fit(frame)  # a warning would be an error
        np.testing.assert_array_equal(framed.predict(frame), plain)
        assert type(framed.transform(frame)) is pd.DataFrame


@pytest.mark.parametrize("fitted_on_sparse", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_samples_may_be_sparse_where_those_of_the_fit_were_not(name, fitted_on_sparse):
    kinds = sparse.csr_array, np.asarray
    of_fit, of_questions = kinds if fitted_on_sparse else kinds[::-1]
    model = around(name, random_state=0).fit(of_fit(X))
    for asked in ("predict", "predict_proba", "score_samples"):
        if hasattr(model, asked):
            answers = [getattr(model, asked)(make(X[:40])) for make in (of_fit, of_questions)]
            np.testing.assert_allclose(*answers, atol=1e-6)
    if name == "StreamClusterer":
        new = np.vstack([X[:20], X + 40])
        streams = [clone(model).set_params(min_cluster_size=10).fit(of_fit(X)) for _ in range(2)]
        for stream, make in zip(streams, (of_fit, of_questions), strict=True):
            stream.partial_fit(make(new))
        assert streams[0].report_.new == streams[1].report_.new != ()
        np.testing.assert_array_equal(streams[0].labels_, streams[1].labels_)
