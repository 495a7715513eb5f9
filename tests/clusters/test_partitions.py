"""Initial clusters, and which of several partitions neighbours choose."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from skdeepclust._clusters.partitions import (
    Clusters,
    candidate_partitions,
    distinct_partitions,
    propagated_partition,
)
from skdeepclust.graph import neighbor_information


def blobs(n_clusters=3, n_components=4, spread=(3.0, 1.0, 0.3, 0.1)):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(n_clusters), 200)
    centers = 20 * rng.normal(size=(n_clusters, n_components))
    return centers[labels] + rng.normal(size=(len(labels), n_components)) * spread, labels


@pytest.mark.parametrize("init", ["gmm", "kmeans"])
def test_candidates_find_what_is_there(init, global_state_untouched):
    X, labels = blobs()
    rows = np.arange(0, len(X), 2)  # every other sample; labels are of all
    options = {"rows": rows, "init": init, "n_init": 6, "random_state": 0}
    found = list(candidate_partitions(X, 3, **options))
    assert len(found) == 6
    assert max(adjusted_rand_score(labels, candidate) for candidate in found) == 1
    again = list(candidate_partitions(X, 3, **options))
    np.testing.assert_array_equal(found, again)


def test_given_centers_make_one_candidate():
    X, labels = blobs()
    centers = np.stack([X[labels == k].mean(0) for k in range(3)])
    for init in (centers, centers.tolist(), lambda X, n_clusters, random_state: centers):
        (found,) = candidate_partitions(
            X, 3, rows=np.arange(len(X)), init=init, n_init=9, random_state=0
        )
        np.testing.assert_array_equal(found, labels)


def test_a_graph_moves_a_mixture_out_of_a_wrong_optimum():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(4), [100, 100, 50, 200])
    # in the embedding the third group lies between its neighbours, in the graph by the fourth
    embedding = np.array([[0.0, 0.0], [9.0, 0.0], [9.0, 6.0], [9.0, 12.0]])[group]
    embedding = embedding + rng.normal(size=(450, 2))
    right, wrong = np.array([0, 1, 2, 2])[group], np.array([0, 1, 1, 2])[group]
    neighbors = np.stack([rng.choice(np.flatnonzero(right == k), 10) for k in right])
    found = propagated_partition(embedding, wrong, torch.from_numpy(neighbors), rows=np.arange(450))
    assert adjusted_rand_score(right, found) > 0.95 > adjusted_rand_score(right, wrong)
    assert neighbor_information(right, neighbors) > neighbor_information(wrong, neighbors) + 0.2


def test_distinct_partitions_keep_the_order():
    a = np.repeat([0, 1, 2], 50)
    almost_a = a.copy()
    almost_a[0] = 1
    b, c = np.tile([0, 1, 2], 50), np.repeat([0, 1], 75)
    assert distinct_partitions([a, (a + 1) % 3, almost_a, b, c], 3) == [0, 3, 4]
    assert distinct_partitions([a, b, c], 2) == [0, 1]


def test_clusters_are_round_under_their_metric():
    X, labels = blobs()
    clusters = Clusters.from_labels(X, labels, np.ones(len(X)), 3, spread=5.0)
    residual = (X - clusters.centers[labels]) @ clusters.metric
    assert np.square(residual).sum(1).mean() == pytest.approx(5)
    variances = np.linalg.eigvalsh(residual.T @ residual / len(X))
    raw = np.linalg.eigvalsh(np.cov((X - clusters.centers[labels]).T))
    assert raw[-1] / raw[0] > 500
    # not quite 1: the ridge keeps the directions in which clusters are flat from blowing up
    assert variances[-1] / variances[0] < raw[-1] / raw[0] / 10


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_metric_of_equal_points_is_finite(value):
    points = np.full((8, 3), value)
    points[::2] += 1e-9 * value  # rounding
    clusters = Clusters.from_labels(
        points, np.repeat([0, 1], 4), np.ones(8), n_clusters=2, spread=5.0
    )
    assert np.abs(clusters.metric).max() < 100


def test_metric_does_not_depend_on_rotation_or_unit():
    X, labels = blobs()
    X = X - X.mean(0)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    weight = np.ones(len(X))

    def distances(X):
        clusters = Clusters.from_labels(X, labels, weight, 3, spread=5.0)
        difference = (X[:, None] - clusters.centers) @ clusters.metric
        return np.square(difference).sum(2)

    np.testing.assert_allclose(distances(X), distances(7.0 * X @ rotation), rtol=1e-8)


def test_weights_of_samples_are_repetitions():
    X, labels = blobs()
    weight = np.random.default_rng(2).integers(0, 4, len(X))
    weighted = Clusters.from_labels(X, labels, weight.astype(float), 3, spread=5.0)
    X, labels = np.repeat(X, weight, axis=0), np.repeat(labels, weight)
    repeated = Clusters.from_labels(X, labels, np.ones(len(X)), 3, spread=5.0)
    np.testing.assert_allclose(weighted.centers, repeated.centers, rtol=1e-10)
    np.testing.assert_allclose(weighted.metric, repeated.metric, rtol=1e-8)


def test_empty_clusters_start_at_samples_and_identical_samples_are_no_trouble():
    X, labels = blobs()
    clusters = Clusters.from_labels(X, labels, np.ones(len(X)), 5, spread=5.0)
    for center in clusters.centers[3:]:
        assert np.abs(X - center).sum(1).min() == 0
    same = Clusters.from_labels(np.ones((6, 4)), np.zeros(6, int), np.ones(6), 2, spread=5.0)
    assert np.isfinite(same.metric).all()
    assert np.isfinite(same.centers).all()
