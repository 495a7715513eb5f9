"""Samples of no cluster: scores, thresholds, and the share of usual samples that is refused."""

from __future__ import annotations

import math

import dask.array
import numpy as np
import pandas as pd
import pytest
import torch
import zarr
from scipy import sparse
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

from skdeepclust.meta import ConsensusClusterer, OpenSetClusterer
from skdeepclust.meta._base import indexed, some_rows


class One(ClusterMixin, BaseEstimator):
    """A single cluster."""

    def fit(self, X, y=None):
        self.labels_ = self.predict(X)
        return self

    def predict(self, X):
        return np.zeros(len(X), int)


def blobs(n_samples=120, seed=0, **options):
    return make_blobs(n_samples, 3, centers=3, random_state=seed, **options)[0]


def naive_score(z: np.ndarray, known: np.ndarray, k: int) -> float:
    return -float(np.sort(np.sqrt(((known - z) ** 2).sum(1)))[:k].mean())


@pytest.mark.parametrize("k", [1, 4])
def test_scores_are_mean_distances_to_neighbours(k):
    X = blobs()
    model = OpenSetClusterer(KMeans(3, n_init=1), n_neighbors=k, random_state=0).fit(X)
    held = model.calibration_indices_
    kept = np.delete(X, held, axis=0)
    assert len(held) == math.ceil(0.2 * len(X))
    found = [naive_score(z, kept, k) for z in X]
    np.testing.assert_allclose(model.score_samples(X), found, atol=1e-12)
    np.testing.assert_allclose(model.calibration_scores_, np.array(found)[held], atol=1e-12)
    assert model.offset_ == np.sort(model.calibration_scores_)[0]  # floor(0.05 * 25) = 1
    np.testing.assert_array_equal(
        model.decision_function(X), model.score_samples(X) - model.offset_
    )
    is_refused = model.score_samples(X) < model.offset_
    np.testing.assert_array_equal(
        model.predict(X), np.where(is_refused, -1, model.estimator_.predict(X))
    )
    np.testing.assert_array_equal(model.labels_, model.predict(X))


def test_without_calibration_samples_are_left_out_one_by_one():
    X = blobs(40)
    model = OpenSetClusterer(One(), calibration=None, n_neighbors=3, contamination=0.1).fit(X)
    found = [naive_score(z, np.delete(X, i, axis=0), 3) for i, z in enumerate(X)]
    np.testing.assert_allclose(model.calibration_scores_, found, atol=1e-12)
    assert model.offset_ == np.sort(model.calibration_scores_)[3]  # floor(0.1 * 41) = 4
    assert len(model.calibration_indices_) == 0


@pytest.mark.parametrize(
    ("contamination", "n_held", "levels"),
    [(0.1, 19, None), (0.25, 30, None), (0.25, 30, 3)],
    ids=["a tenth", "a quarter", "with ties"],
)
def test_the_share_refused_is_as_promised(contamination, n_held, levels):
    """Of exchangeable draws the share is floor(a (c + 1)) / (c + 1) if no scores are equal."""
    rng, shares = np.random.default_rng(0), []
    n_new = 50
    for _ in range(120):
        X = rng.standard_normal((40 + n_new, 2))
        X = X if levels is None else np.round(X * levels)
        model = OpenSetClusterer(
            One(),
            contamination=contamination,
            calibration=n_held / 40 - 1e-9,
            n_neighbors=1,
            random_state=int(rng.integers(2**31)),
        ).fit(X[:40])
        shares.append((model.predict(X[40:]) == -1).mean())
    error = np.std(shares) / math.sqrt(len(shares))
    expected = math.floor(contamination * (n_held + 1)) / (n_held + 1)
    assert np.mean(shares) <= contamination + 3 * error
    if levels is None:
        assert abs(np.mean(shares) - expected) < 4 * error


def test_what_lies_elsewhere_is_refused():
    X = blobs()
    model = OpenSetClusterer(KMeans(3, random_state=0), random_state=0).fit(X)
    assert (model.predict(X + 100) == -1).all()
    assert (model.labels_ >= 0).mean() > 0.9


def test_too_few_samples_for_a_threshold_refuse_nobody():
    X = blobs(30)
    with pytest.warns(
        UserWarning, match="contamination=0.05 asks for 19 samples .* leaves 6"
    ) as told:
        model = OpenSetClusterer(One(), random_state=0).fit(X)
    assert told[0].filename == __file__  # the line that asks for it, not one of ours
    assert model.offset_ == -math.inf
    assert (model.predict(X + 100) == 0).all()


def test_too_few_samples_to_hold_any_back():
    with pytest.raises(ValueError, match=r"n_samples=1, .*calibration=None"):
        OpenSetClusterer(One()).fit([[1.0]])
    with pytest.raises(ValueError, match="give at least 2"):
        OpenSetClusterer(One(), calibration=None).fit([[1.0]])


def test_what_refuses_samples_stands_outside():
    X = blobs()
    refuses = OpenSetClusterer(KMeans(3), contamination=0.5, random_state=0)
    with pytest.raises(ValueError, match=r"OpenSetClusterer\(ConsensusClusterer"):
        ConsensusClusterer(refuses, n_runs=2, random_state=0).fit(X)
    around = OpenSetClusterer(ConsensusClusterer(KMeans(3), n_runs=2), random_state=0).fit(X)
    assert (around.predict(X + 100) == -1).all()


ROWS = np.arange(12.0).reshape(4, 3)
CONTAINERS = {
    "array": ROWS,
    "list": ROWS.tolist(),
    "frame": pd.DataFrame(ROWS),
    "matrix in CSR": sparse.csr_array(ROWS),
    "matrix in COO": sparse.coo_array(ROWS),
    "tensor": torch.from_numpy(ROWS),
    "sparse tensor": torch.from_numpy(ROWS).to_sparse(),
    "dask": dask.array.from_array(ROWS, chunks=(2, 3)),
    "zarr": zarr.array(ROWS, chunks=(2, 3)),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_rows_are_taken_of_any_container(kind):
    X, y, n_samples = indexed(CONTAINERS[kind], [1, 2, 3, 4])
    assert n_samples == 4
    some = some_rows(X, np.array([0, 3]))
    some = some.toarray() if sparse.issparse(some) else np.asarray(some)
    np.testing.assert_array_equal(some, ROWS[[0, 3]])
    assert some_rows(y, np.array([0, 3])) == [1, 4]
    assert some_rows(None, np.array([0])) is None
