"""Sizes of clusters: against all assignments, against SciPy, and for new samples."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.mixture import GaussianMixture

from skdeepclust.meta import SizeConstrainedClusterer, _transport
from skdeepclust.meta._transport import bounded_assignment, prices_of


class Told(ClusterMixin, BaseEstimator):
    """Clusters by the first column, whatever numbers these are."""

    def fit(self, X, y=None):
        self.labels_ = self.predict(X)
        return self

    def predict(self, X):
        return np.asarray(X)[:, 0].astype(int)


def uneven(n_samples: int, seed: int = 0) -> np.ndarray:
    sizes = [n_samples // 2, n_samples // 4, n_samples // 4]
    return make_blobs(sizes, centers=[[0, 0], [4, 0], [0, 4]], random_state=seed)[0]


def sizes_of(labels, n_clusters):
    return np.bincount(labels, minlength=n_clusters)


@pytest.mark.parametrize("kind", ["continuous", "equal costs"])
def test_it_is_the_best_of_all_assignments(kind):
    rng = np.random.default_rng(0)
    for _ in range(25):
        n_samples, n_clusters = int(rng.integers(3, 7)), int(rng.integers(2, 4))
        costs = rng.random((n_samples, n_clusters))
        costs = costs if kind == "continuous" else np.round(3 * costs)
        least = int(rng.integers(n_samples // n_clusters + 1))
        most = int(rng.integers(max(least, -(-n_samples // n_clusters)), n_samples + 1))
        totals = [
            costs[range(n_samples), labels].sum()
            for labels in product(range(n_clusters), repeat=n_samples)
            if least
            <= sizes_of(labels, n_clusters).min()
            <= sizes_of(labels, n_clusters).max()
            <= most
        ]
        labels, prices = bounded_assignment(costs, least, most)
        assert least <= sizes_of(labels, n_clusters).min()
        assert sizes_of(labels, n_clusters).max() <= most
        assert costs[range(n_samples), labels].sum() == pytest.approx(min(totals))
        priced = costs + prices
        assert (priced[range(n_samples), labels] <= priced.min(1) + 1e-5).all()


def test_equal_sizes_are_scipys_assignment_to_slots(monkeypatch):
    """Also where most samples are left out of the program, as if there were many."""
    costs = np.random.default_rng(0).random((120, 4)) * [1, 2, 3, 4]
    slots = np.repeat(np.arange(4), 30)
    row, column = linear_sum_assignment(costs[:, slots])
    for at_once in (20_000, 100):
        monkeypatch.setattr(_transport, "AT_ONCE", at_once)
        labels, prices = bounded_assignment(costs, 30, 30)
        np.testing.assert_array_equal(sizes_of(labels, 4), 30)
        assert costs[range(120), labels].sum() == pytest.approx(costs[row, slots[column]].sum())
        np.testing.assert_array_equal((costs + prices).argmin(1), labels)


def test_what_isnt_the_best_has_no_prices():
    costs = np.array([[0.0, 1.0], [1.0, 0.0]])
    bounds = np.array([1.0, 1.0])
    assert prices_of(costs, np.array([1, 0]), bounds) is None
    assert prices_of(costs, np.array([0, 1]), bounds) is not None
    # in the middle of those that do, which are between -1 and 1
    np.testing.assert_allclose(prices_of(costs, np.array([0, 1]), bounds), 0, atol=1e-6)


@pytest.mark.parametrize(
    "inside", [KMeans(3, random_state=0), GaussianMixture(3, random_state=0)], ids=["means", "soft"]
)
def test_sizes_are_kept_and_those_of_new_samples_nearly(inside):
    X, new = np.split(uneven(1200)[np.random.default_rng(0).permutation(1200)], 2)
    free = inside.fit(X).predict(X)
    assert sizes_of(free, 3).max() > 250
    model = SizeConstrainedClusterer(inside, min_cluster_size=190, max_cluster_size=210).fit(X)
    assert sizes_of(model.labels_, 3).min() >= 190
    assert sizes_of(model.labels_, 3).max() <= 210
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert abs(sizes_of(model.predict(new), 3) - 200).max() < 40
    assert abs(model.prices_.mean()) < 1e-12


def test_bounds_that_hold_already_change_nothing():
    X = uneven(120)
    model = SizeConstrainedClusterer(KMeans(3, random_state=0), min_cluster_size=2).fit(X)
    np.testing.assert_array_equal(model.labels_, model.estimator_.labels_)
    np.testing.assert_array_equal(model.prices_, 0)


def test_the_order_of_samples_does_not_matter():
    X = uneven(120)
    order = np.random.default_rng(0).permutation(len(X))
    centers = KMeans(3, n_init=1, init=X[[0, 70, 100]])
    first, other = (
        SizeConstrainedClusterer(centers, max_cluster_size=40).fit(rows) for rows in (X, X[order])
    )
    np.testing.assert_array_equal(first.labels_[order], other.labels_)


def test_clusters_keep_their_names():
    told = np.repeat([2.0, 5.0, 9.0], [10, 1, 1])[:, None] + np.linspace(0, 0.5, 12)[:, None]
    model = SizeConstrainedClusterer(Told(), min_cluster_size=3).fit(told)
    assert set(model.labels_) == {2, 5, 9}
    assert sizes_of(model.labels_, 10).max() == 6


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ((5, 3), "min_cluster_size=5 is above max_cluster_size=3"),
        ((5, None), "min_cluster_size=5 is too much .* it may be at most 4"),
        ((None, 3), "max_cluster_size=3 is too little .* it has to be at least 4"),
    ],
)
def test_bounds_without_an_assignment_are_refused(bounds, message):
    model = SizeConstrainedClusterer(
        KMeans(3), min_cluster_size=bounds[0], max_cluster_size=bounds[1]
    )
    with pytest.raises(ValueError, match=message):
        model.fit(uneven(12))
