"""Several runs put to the vote: one numbering, known optima, how far runs agree."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from skdeepclust._clusters.votes import (
    agreements,
    consensus,
    jaccard_of_clusters,
    matched,
    one_hot,
    voted,
)
from skdeepclust.meta import ConsensusClusterer

X, Y = make_blobs(120, 3, centers=4, cluster_std=0.5, random_state=1)


class Told(ClusterMixin, BaseEstimator):
    """Gives the clusters of a table, by the first column and the seed; of a bad seed, noise."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        self.order_ = np.random.default_rng(self.random_state).permutation(4)
        self.labels_ = self.predict(X)
        return self

    def predict(self, X):
        return self.order_[np.asarray(X)[:, 0].astype(int)]


def test_names_of_clusters_do_not_matter():
    told = np.repeat(np.arange(4), 5)[:, None].astype(float)
    model = ConsensusClusterer(Told(), n_runs=6, random_state=0).fit(told)
    assert len({tuple(run.order_) for run in model.estimators_}) > 1
    assert adjusted_rand_score(told[:, 0], model.labels_) == 1
    np.testing.assert_array_equal(model.stability_, np.ones(4))
    np.testing.assert_array_equal(model.sample_stability_, np.ones(20))
    np.testing.assert_array_equal(model.predict_proba(told).max(1), np.ones(20))
    np.testing.assert_allclose(model.weights_, np.full(6, 1 / 6))


def test_matching_is_the_best_of_all():
    rng = np.random.default_rng(0)
    overlap = rng.random((4, 4))
    best = max(permutations(range(4)), key=lambda order: overlap[range(4), order].sum())
    assert tuple(matched(overlap)) == best
    # of six rows four have partners, the others their largest column
    overlap = rng.random((6, 4))
    columns = matched(overlap)
    assert set(columns) == {0, 1, 2, 3}
    alone = [row for row in range(6) if (columns == columns[row]).sum() > 1]
    assert sum(columns[row] == overlap[row].argmax() for row in alone) >= 2


def test_the_vote_is_a_mean_by_hand():
    votes = [np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[0.3, 0.7], [1.0, 0.0]])]
    columns = [np.array([0, 1]), np.array([1, 0])]
    found = voted(votes, columns, np.array([0.75, 0.25]), 2)
    np.testing.assert_allclose(found, [[0.85, 0.15], [0.15, 0.85]])
    # who is for a cluster that isn't there has no vote
    columns = [np.array([0, -1]), np.array([1, -1])]
    found = voted([np.array([[0.5, 0.5], [0.0, 1.0]])] * 2, columns, np.array([0.75, 0.25]), 2)
    np.testing.assert_allclose(found, [[0.75, 0.25], [0.5, 0.5]])


def test_errors_of_single_runs_are_outvoted():
    """Each of five runs puts a tenth of the samples anywhere, each another tenth."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(5), 100)
    runs = []
    for _ in range(5):
        labels = truth.copy()
        wrong = rng.choice(len(truth), 50, replace=False)
        labels[wrong] = rng.integers(5, size=50)
        runs.append(rng.permutation(5)[labels])
    votes = [one_hot(labels, 5) for labels in runs]
    _, found = consensus(votes, agreements(runs))
    assert adjusted_rand_score(truth, found) > max(adjusted_rand_score(truth, r) for r in runs)
    assert adjusted_rand_score(truth, found) > 0.97
    # a run of chance alone has no say, and the order of runs and samples doesn't matter
    runs.append(rng.integers(5, size=500))
    weights = agreements(runs)
    assert weights[-1] < 0.1 * weights[:-1].min()
    order = rng.permutation(500)
    votes = [one_hot(labels[order], 5) for labels in runs[::-1]]
    _, again = consensus(votes, weights[::-1])
    assert adjusted_rand_score(found[order], again) > 0.97


def test_agreement_is_the_mean_rand_index():
    runs = [np.array([0, 0, 1, 1, 2]), np.array([1, 1, 0, 0, 2]), np.array([0, 1, 1, 0, 2])]
    expected = [
        np.mean([adjusted_rand_score(a, b) for j, b in enumerate(runs) if j != i])
        for i, a in enumerate(runs)
    ]
    np.testing.assert_allclose(agreements(runs), expected)
    assert agreements(runs[:1]) == [1]


def test_jaccard_is_that_of_sets():
    one, other = np.array([0, 0, 0, 1, 1, 2]), np.array([1, 1, 0, 0, 0, 0])
    sets = [[set(np.flatnonzero(a == k)) for k in np.unique(a)] for a in (one, other)]
    expected = [max(len(a & b) / len(a | b) for b in sets[1]) for a in sets[0]]
    np.testing.assert_allclose(jaccard_of_clusters(one, other), expected)


def test_clusters_that_win_no_sample_are_left_out():
    votes = [np.array([[0.5, 0.4, 0.1], [0.1, 0.4, 0.5], [0.5, 0.4, 0.1]])]
    columns, labels = consensus(votes, np.ones(1))
    assert labels.tolist() == [0, 1, 0]
    assert columns[0].tolist() == [0, -1, 1]


@pytest.mark.parametrize("inside", [KMeans(4, n_init=1), GaussianMixture(4)], ids=["hard", "soft"])
def test_new_samples_are_put_to_the_same_vote(inside):
    model = ConsensusClusterer(inside, n_runs=4, random_state=0).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    np.testing.assert_allclose(model.predict_proba(X).sum(1), 1)
    with parallel_config("threading"):
        again = ConsensusClusterer(inside, n_runs=4, n_jobs=2, random_state=0).fit(X)
    np.testing.assert_array_equal(again.labels_, model.labels_)


def test_runs_on_a_part_of_the_samples():
    model = ConsensusClusterer(
        KMeans(4, init=X[:4], n_init=1), n_runs=3, max_samples=0.5, random_state=0
    ).fit(X)
    centers = [run.cluster_centers_ for run in model.estimators_]
    assert not np.allclose(centers[0], centers[1])
    assert [len(run.labels_) for run in model.estimators_] == [60, 60, 60]
    assert len(model.labels_) == 120


def test_what_runs_agree_on_is_right_more_often():
    digits = load_digits()
    model = ConsensusClusterer(KMeans(10, n_init=1), random_state=0).fit(digits.data)
    sure = model.sample_stability_ == 1
    scores = [
        adjusted_rand_score(digits.target[rows], model.labels_[rows]) for rows in (sure, ~sure)
    ]
    assert scores[0] > scores[1] + 0.1


def test_embeddings_lie_side_by_side_at_one_spread():
    model = ConsensusClusterer(KMeans(4, n_init=1), n_runs=2, random_state=0).fit(X)
    spread = np.sqrt(((X - X.mean(0)) ** 2).sum(1).mean())
    np.testing.assert_allclose(model.transform(X), np.hstack([X, X]) / spread)
    assert len(model.get_feature_names_out()) == 6
