"""Neighbours in the input, and the initial clusters that they choose."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, mutual_info_score
from sklearn.neighbors import KNeighborsTransformer
from sklearn.preprocessing import FunctionTransformer

from skdeepclust._clusters.partitions import (
    Clusters,
    candidate_partitions,
    distinct_partitions,
    propagated_partition,
)
from skdeepclust.graph import (
    _input_graph,
    count_edges,
    nearest_neighbors,
    neighbor_information,
    smooth_over_graph,
)

# ---------------------------------------------------------------- initial clusters


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


# ---------------------------------------------------------------- graphs


def test_neighbors_equal_brute_force_and_are_never_the_sample_itself():
    X = np.random.default_rng(0).normal(size=(40, 3))
    X[1] = X[0]  # a duplicate is a neighbour, the sample itself isn't
    distances = np.square(X[:, None] - X).sum(2) + np.diag(np.full(40, np.inf))
    found = nearest_neighbors(X, 4)
    nearest = np.take_along_axis(distances, found, axis=1)
    np.testing.assert_allclose(nearest, np.sort(distances, axis=1)[:, :4], atol=1e-12)
    assert found[0, 0] == 1
    assert found[1, 0] == 0
    assert nearest_neighbors(X[:3], 9).shape == (3, 2)


@pytest.mark.parametrize("candidates", [np.arange(40), np.array([0, 1, 5, 7, 30, 31, 39])])
def test_neighbors_among_candidates_equal_brute_force(candidates):
    X = np.random.default_rng(0).normal(size=(40, 3))
    X[1] = X[0]
    distances = np.square(X[:, None] - X).sum(2) + np.diag(np.full(40, np.inf))
    distances[:, np.setdiff1d(np.arange(40), candidates)] = np.inf
    found = nearest_neighbors(X, 4, candidates=candidates)
    nearest = np.take_along_axis(distances, found, axis=1)
    np.testing.assert_allclose(nearest, np.sort(distances, axis=1)[:, :4], atol=1e-12)
    if len(candidates) == len(X):
        np.testing.assert_array_equal(found, nearest_neighbors(X, 4))


def test_a_sample_among_more_duplicates_than_neighbors_is_none_of_them():
    X = np.zeros((30, 2))
    found = nearest_neighbors(X, 3, candidates=np.arange(20))
    assert found.shape == (30, 3)
    assert (found != np.arange(30)[:, None]).all()
    assert (found < 20).all()


def test_a_transformer_finds_the_neighbors():
    X = np.random.default_rng(0).normal(size=(40, 3))
    search = KNeighborsTransformer(n_neighbors=5, algorithm="kd_tree")
    np.testing.assert_array_equal(
        nearest_neighbors(X, 4, neighbors=search), nearest_neighbors(X, 4)
    )
    assert not hasattr(search, "n_features_in_"), "it is cloned"


def test_what_a_transformer_does_not_find_is_filled_by_what_it_does():
    matrix = sparse.csr_array(([2.0, 1.0, 3.0, 4.0], ([0, 0, 1, 2], [2, 1, 0, 2])), (4, 4))
    search = FunctionTransformer(lambda X: matrix)
    found = nearest_neighbors(np.zeros((4, 1)), 3, neighbors=search)
    np.testing.assert_array_equal(found, [[1, 2, 1], [0, 0, 0], [2, 2, 2], [3, 3, 3]])


def test_a_transformer_that_returns_no_graph_is_an_error():
    dense = FunctionTransformer(lambda X: np.zeros((4, 4)))
    with pytest.raises(TypeError, match="neighbors returned ndarray"):
        nearest_neighbors(np.zeros((4, 1)), 2, neighbors=dense)
    narrow = FunctionTransformer(lambda X: sparse.csr_array((4, 3)))
    with pytest.raises(ValueError, match="shape"):
        nearest_neighbors(np.zeros((4, 1)), 2, neighbors=narrow)


class Input(_input_graph.InputGraphMixin):
    """An estimator that has nothing but its input."""

    def _infer(self, function, X):
        return function(torch.from_numpy(X))


@pytest.mark.parametrize("n_features", [40, 1_200])
@pytest.mark.parametrize("max_values", [10**9, 10**5])
def test_principal_components_are_those_of_all_samples(n_features, max_values, monkeypatch):
    monkeypatch.setattr(_input_graph, "MAX_PCA_VALUES", max_values)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, n_features))
    X[:, :3] *= 100  # no part of the samples misses these directions
    projection = Input()._principal_components(X)
    assert projection.axes.shape == (n_features, min(50, n_features))
    assert np.rad2deg(subspace_angles(projection.axes[:, :3], np.eye(n_features, 3))).max() < 2
    np.testing.assert_allclose(
        projection.axes.T @ projection.axes, np.eye(min(50, n_features)), atol=1e-6
    )
    whole = PCA(3).fit(X)
    angle = subspace_angles(projection.axes[:, :3], whole.components_.T).max()
    assert angle < (1e-6 if max_values == 10**9 else 0.05)


def test_smoothing_equals_a_solution_of_its_fixed_point():
    rng = np.random.default_rng(0)
    q = rng.dirichlet(np.ones(3), size=30)
    neighbors = np.stack([rng.choice(30, 4) for _ in range(30)])
    graph = np.zeros((30, 30))
    np.add.at(graph, (np.repeat(np.arange(30), 4), neighbors.ravel()), 0.25)
    expected = np.linalg.solve(np.eye(30) - 0.7 * graph, 0.3 * q)
    smoothed = smooth_over_graph(
        torch.from_numpy(q), torch.from_numpy(neighbors), weight=0.7, n_steps=200
    )
    np.testing.assert_allclose(smoothed.numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(smoothed.sum(1), 1)
    once = smooth_over_graph(torch.from_numpy(q), torch.from_numpy(neighbors), weight=0)
    np.testing.assert_array_equal(once, q)


def test_edges_are_counted_and_their_information_is_that_of_both_ends():
    rng = np.random.default_rng(0)
    labels, neighbors = rng.integers(4, size=50), rng.integers(50, size=(50, 3))
    expected = np.zeros((4, 4), int)
    for sample, nearest in enumerate(neighbors):
        for other in nearest:
            expected[labels[sample], labels[other]] += 1
    np.testing.assert_array_equal(count_edges(labels, neighbors), expected)
    information = mutual_info_score(np.repeat(labels, 3), labels[neighbors].ravel())
    assert neighbor_information(labels, neighbors) == pytest.approx(information, rel=1e-12)
    # names of clusters don't matter
    assert neighbor_information(10**9 * labels - 5, neighbors) == pytest.approx(information)


def test_neighbor_information_is_largest_for_the_parts_of_the_graph():
    labels = np.repeat(np.arange(4), 25)
    neighbors = np.stack([np.roll(np.flatnonzero(labels == k), 1)[:5] for k in labels])
    assert neighbor_information(labels, neighbors) == pytest.approx(np.log(4))
    assert neighbor_information(labels // 2, neighbors) == pytest.approx(np.log(2))
    assert neighbor_information(np.zeros(100, int), neighbors) == 0
    shuffled = np.random.default_rng(0).permutation(labels)
    assert neighbor_information(shuffled, neighbors) < 0.3
