"""Clusters of any clusterer that keep links between samples, or labels of some."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs, make_moons
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdeepclust import TripletDECClusterer
from skdeepclust.meta import ConstrainedClusterer
from skdeepclust.metrics import clustering_accuracy_score

X, Y = make_blobs(120, 3, centers=4, cluster_std=0.5, random_state=1)
KMEANS = KMeans(4, n_init=1, random_state=0)
EVERY = np.where(np.arange(120) % 3, -1, Y)


def pairs_of(truth: np.ndarray, n_pairs: int) -> tuple[np.ndarray, np.ndarray]:
    ends = np.random.default_rng(0).integers(len(truth), size=(n_pairs, 2))
    ends = ends[ends[:, 0] != ends[:, 1]]
    same = truth[ends[:, 0]] == truth[ends[:, 1]]
    return ends[same], ends[~same]


def test_all_links_hold_and_separable_clusters_are_found():
    must, cannot = pairs_of(Y, 80)
    model = ConstrainedClusterer(KMEANS)
    model.fit(X, must_link=must, cannot_link=cannot, known_labels=EVERY)
    assert clustering_accuracy_score(Y, model.labels_) == 1
    # against all evidence, too
    rng = np.random.default_rng(1)
    labels = ConstrainedClusterer(KMEANS).fit(X, known_labels=rng.integers(4, size=120)).labels_
    np.testing.assert_array_equal(
        np.unique(labels), np.unique(KMEANS.fit_predict(X))
    )  # named as in the estimator
    groups = np.random.default_rng(1).integers(4, size=120)
    assert clustering_accuracy_score(groups, labels) == 1


def test_labels_mend_what_the_estimator_has_joined():
    # KMeans cuts both moons; four labels in each of them mend that
    moons, truth = make_moons(200, noise=0.05, random_state=0)
    plain = KMeans(2, n_init=1, random_state=0)
    assert clustering_accuracy_score(truth, plain.fit_predict(moons)) < 0.9
    known = np.full(200, -1)
    for moon in (0, 1):
        rows = np.flatnonzero(truth == moon)
        known[rows[np.argsort(moons[rows, 0])[[0, 33, 66, 99]]]] = moon
    model = ConstrainedClusterer(plain).fit(moons, known_labels=known)
    new, of_new = make_moons(100, noise=0.05, random_state=1)
    assert clustering_accuracy_score(of_new, model.predict(new)) > 0.97


@pytest.mark.parametrize(
    "estimator", [KMeans(10, n_init=1, random_state=0), GaussianMixture(10, random_state=0)]
)
def test_a_hundred_labels_are_worth_more_than_none_and_queried_ones_more_than_random(estimator):
    digits, truth = load_digits(return_X_y=True)
    chain = make_pipeline(PCA(20, random_state=0), estimator)
    plain = ConstrainedClusterer(chain).fit(digits)

    def accuracy(rows: np.ndarray) -> float:
        known = np.full(len(truth), -1)
        known[rows] = truth[rows]
        labels = ConstrainedClusterer(chain).fit(digits, known_labels=known).labels_
        return clustering_accuracy_score(truth[known < 0], labels[known < 0])

    found = accuracy(np.random.default_rng(0).permutation(len(truth))[:50])
    assert found > clustering_accuracy_score(truth, plain.labels_)
    assert accuracy(plain.query(digits, 50)) > found + 0.02


def test_links_that_are_empty_are_none():
    plain = ConstrainedClusterer(KMEANS).fit(X)
    for known in (
        {"must_link": [], "cannot_link": np.empty((0, 2), dtype=int)},
        {"known_labels": [-1] * 120},
    ):
        model = ConstrainedClusterer(KMEANS).fit(X, **known)
        np.testing.assert_array_equal(model.labels_, plain.labels_)
        np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


def test_clusters_keep_the_names_of_the_estimator():
    class Odd(KMeans):
        def predict(self, X):
            return 2 * super().predict(X) + 1

    model = ConstrainedClusterer(Odd(4, n_init=1, random_state=0)).fit(X, known_labels=EVERY)
    assert set(model.labels_) == set(model.predict(X)) == {1, 3, 5, 7}
    assert model.predict_proba(X).shape == (120, 4)
    np.testing.assert_allclose(model.predict_proba(X).sum(1), 1)


def test_a_cluster_without_samples_in_the_fit_has_no_say():
    class Lost(KMeans):
        def predict(self, X):
            """Number clusters 0, 2, 3 and 4; the fit has seen nothing of cluster 1."""
            found = super().predict(X)
            return np.where(X[:, 0] > 1e3, 1, found + (found > 0))

    model = ConstrainedClusterer(Lost(4, n_init=1, random_state=0)).fit(X, known_labels=EVERY)
    new = X[:1] + np.array([1e4, 0, 0])
    around = model.neighbors_.kneighbors(new, return_distance=False)
    expected = model._reached[around[0]].mean(axis=0)
    np.testing.assert_allclose(model.predict_proba(new)[0], expected / expected.sum())


@pytest.mark.parametrize("step", [None, "kmeans"])
def test_of_samples_of_weight_0_nothing_is_known(step):
    weight = (np.arange(120) > 2).astype(float)
    inner = KMEANS if step is None else make_pipeline(MinMaxScaler(), KMEANS)
    given = {"sample_weight" if step is None else f"{step}__sample_weight": weight}
    links = {"must_link": [[0, 1], [1, 5], [7, 8]], "cannot_link": [[0, 1], [2, 9]]}
    model, plain = ConstrainedClusterer(inner), ConstrainedClusterer(inner)
    model.fit(X, **links, **given)
    plain.fit(X, must_link=[[7, 8]], **given)
    np.testing.assert_array_equal(model.labels_, plain.labels_)
    known = np.where(np.arange(120) < 3, np.arange(120) + 9, EVERY)
    model.fit(X, known_labels=known, **given)
    plain.fit(X, known_labels=np.where(weight > 0, EVERY, -1), **given)
    np.testing.assert_array_equal(model.labels_, plain.labels_)


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"must_link": [[0, 1]], "cannot_link": [[0, 1]]}, r"cannot_link holds \(0, 1\)"),
        ({"must_link": [[0, 120]]}, "must_link holds the index 120, but X has n_samples=120"),
        ({"known_labels": np.arange(120) % 5}, "5 different labels.*n_clusters=4"),
        ({"cannot_link": [(i, j) for i in range(5) for j in range(i)]}, "n_clusters=4 clusters"),
    ],
)
def test_what_cannot_be_is_named(known, message):
    with pytest.raises(ValueError, match=message):
        ConstrainedClusterer(KMEANS).fit(X, **known)


def test_metadata_is_for_it_and_for_the_estimator_that_asks():
    chain = make_pipeline(MinMaxScaler(), ConstrainedClusterer(KMEANS))
    plain = chain.fit(X, constrainedclusterer__known_labels=EVERY).predict(X)
    inner = TripletDECClusterer(
        4, n_components=3, pretrain_epochs=1, max_epochs=1, n_init=1, module__hidden=(8,),
        random_state=0,
    )  # fmt: skip
    with config_context(enable_metadata_routing=True):
        asks = ConstrainedClusterer(KMEANS).set_fit_request(known_labels=True)
        routed = make_pipeline(MinMaxScaler(), asks).fit(X, known_labels=EVERY)
        np.testing.assert_array_equal(routed.predict(X), plain)
        both = ConstrainedClusterer(inner.set_fit_request(known_labels=True))
        labels = both.fit(X, known_labels=EVERY).estimator_.labels_
        np.testing.assert_array_equal(labels, inner.fit(X, known_labels=EVERY).labels_)
        alone = ConstrainedClusterer(inner.set_fit_request(known_labels=False))
        labels = alone.fit(X, known_labels=EVERY).estimator_.labels_
        np.testing.assert_array_equal(labels, inner.fit(X).labels_)


def test_samples_that_are_sparse():
    given = sparse.csr_array(X)
    model = ConstrainedClusterer(KMEANS).fit(given, known_labels=EVERY)
    plain = ConstrainedClusterer(KMEANS).fit(X, known_labels=EVERY)
    assert clustering_accuracy_score(plain.labels_, model.labels_) == 1
    assert len(set(model.query(given, 9, known_labels=EVERY).tolist())) == 9


def test_queries_leave_out_what_is_known():
    model = ConstrainedClusterer(KMEANS).fit(X)
    rows = model.query(X, 8)
    known = np.full(120, -1)
    known[rows] = Y[rows]
    assert not set(model.query(X, 30, known_labels=known).tolist()) & set(rows.tolist())
    with pytest.raises(ValueError, match=r"n_queries=113 .* from 1 to 112"):
        model.query(X, 113, known_labels=known)
