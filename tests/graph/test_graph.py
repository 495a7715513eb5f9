"""Neighbours in the input, and what is smoothed and counted over them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from sklearn.metrics import mutual_info_score
from sklearn.neighbors import KNeighborsTransformer
from sklearn.preprocessing import FunctionTransformer

from skdeepclust._engine.runner import Runner
from skdeepclust.graph import (
    _input_graph,
    count_edges,
    nearest_neighbors,
    neighbor_information,
    smooth_over_graph,
)


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


@pytest.mark.parametrize("n_features", [40, 1_200])
@pytest.mark.parametrize("max_values", [10**9, 10**5])
def test_principal_components_are_those_of_all_samples(n_features, max_values, monkeypatch):
    monkeypatch.setattr(_input_graph, "MAX_PCA_VALUES", max_values)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, n_features))
    X[:, :3] *= 100  # no part of the samples misses these directions
    network = torch.nn.Linear(1, 1, dtype=torch.float64)
    projection = _input_graph.principal_components(Runner(network, (n_features,), 600), X)
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
