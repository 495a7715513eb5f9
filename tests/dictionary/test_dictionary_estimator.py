"""K-SVD as an estimator of scikit-learn: its contract, seeds, settings and what it refuses."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from skdeepclust import dictionary
from skdeepclust.dictionary import KSVD

ROWS = np.random.default_rng(0).normal(size=(30, 10))


def test_check_estimator(monkeypatch) -> None:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    results = check_estimator(KSVD(), on_skip=None, on_fail=None)
    assert not [r for r in results if r["status"] != "passed"]
    assert len(results) > 40


def test_the_same_seed_gives_the_same_result(global_state_untouched) -> None:
    n_threads = torch.get_num_threads()
    one, two, other = (KSVD(12, random_state=seed).fit(ROWS) for seed in (3, 3, 4))
    KSVD(12).fit(ROWS)
    np.testing.assert_array_equal(one.components_, two.components_)
    assert not np.allclose(one.components_, other.components_)
    assert torch.get_num_threads() == n_threads


def test_defaults() -> None:
    X = np.random.default_rng(0).normal(size=(50, 34))
    ksvd = KSVD(max_iter=2, random_state=0).fit(X)
    assert ksvd.components_.shape == (34, 34)
    assert np.count_nonzero(ksvd.transform(X), axis=1).max() == 3


def test_pickle_and_clone() -> None:
    ksvd = KSVD(12, n_nonzero_coefs=2, random_state=0).fit(ROWS)
    copy = pickle.loads(pickle.dumps(ksvd))
    np.testing.assert_array_equal(copy.transform(ROWS), ksvd.transform(ROWS))
    with pytest.raises(NotFittedError):
        clone(ksvd).transform(ROWS)


def test_names_of_codes() -> None:
    ksvd = KSVD(3, random_state=0).set_output(transform="pandas").fit(ROWS)
    assert ksvd.get_feature_names_out().tolist() == ["ksvd0", "ksvd1", "ksvd2"]
    assert ksvd.transform(ROWS).columns.tolist() == ["ksvd0", "ksvd1", "ksvd2"]


def test_pipeline_and_search(digits) -> None:
    X = digits[0][:300]
    ksvd = KSVD(20, n_nonzero_coefs=3, max_iter=3, random_state=0)
    labels = make_pipeline(ksvd, KMeans(10, n_init=1, random_state=0)).fit_predict(X)
    assert len(np.unique(labels)) == 10
    search = GridSearchCV(ksvd, {"n_components": [3, 20]}, cv=2).fit(X)
    assert search.best_params_ == {"n_components": 20}


def test_score_is_minus_the_mean_squared_error() -> None:
    ksvd = KSVD(12, n_nonzero_coefs=2, random_state=0).fit(ROWS)
    rest = ROWS - ksvd.inverse_transform(ksvd.transform(ROWS))
    assert ksvd.score(ROWS) == pytest.approx(-np.mean(rest**2))


@pytest.mark.parametrize(
    ("settings", "X", "message"),
    [
        ({"n_components": 3, "n_nonzero_coefs": 4}, ROWS, "n_nonzero_coefs=4, but there are 3"),
        ({"n_components": 0}, ROWS, "n_components"),
        ({"tol": -1.0}, ROWS, "tol"),
    ],
    ids=["too many coefficients", "no atoms", "negative tol"],
)
def test_settings_that_cannot_be(settings: dict, X: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KSVD(**settings).fit(X)


def test_sparse_matrices_and_codes_of_another_width_are_refused() -> None:
    with pytest.raises(TypeError, match="Sparse data was passed"):
        KSVD().fit(csr_array(ROWS))
    ksvd = KSVD(4).fit(ROWS)
    with pytest.raises(ValueError, match="5 columns, but the dictionary has 4 atoms"):
        ksvd.inverse_transform(np.ones((2, 5)))


def test_the_score_is_the_same_by_blocks(monkeypatch):
    X = np.random.default_rng(0).normal(size=(50, 6))
    model = KSVD(8, n_nonzero_coefs=2, random_state=0).fit(X)
    error = np.square(X - model.inverse_transform(model.transform(X))).mean()
    assert model.score(X) == pytest.approx(-error, rel=1e-9)
    monkeypatch.setattr(dictionary, "MOST_ROWS", 16)  # four blocks
    assert model.score(X) == pytest.approx(-error, rel=1e-9)


@pytest.mark.parametrize(("n_features", "n_nonzero"), [(5, 1), (30, 3), (100, 10)])
def test_a_tenth_of_the_features_are_codes_by_default(n_features, n_nonzero):
    X = np.random.default_rng(0).normal(size=(40, n_features))
    codes = KSVD(20, random_state=0).fit(X).transform(X)
    assert np.count_nonzero(codes, axis=1).max() == n_nonzero
