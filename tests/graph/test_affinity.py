"""Affinities between samples and their nearest neighbours."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from helpers.naive_affinity import KINDS, naive_affinity, naive_distances, naive_scales, samples
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.cluster import SpectralClustering

import skdeepclust.graph._affinity
from skdeepclust.graph import NeighborAffinity, laplacian

# ---------------------------------------------------------------- training graph


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("n_features", [1, 3, 20])  # 3 takes a tree, 20 inner products
@pytest.mark.parametrize("k", [1, 4, 9])
@pytest.mark.parametrize("kind", KINDS)
def test_training_graph_equals_loops(kind, k, n_features, as_sparse):
    X = samples(n_features=n_features)
    given = sparse.csr_array(X) if as_sparse else X
    fitted = NeighborAffinity(k, edge_weights=kind).fit(given)
    expected, bandwidth, scales = naive_affinity(X, k, kind)
    np.testing.assert_allclose(fitted.affinity_matrix_.toarray(), expected, rtol=1e-9)
    assert fitted.bandwidth_ == pytest.approx(bandwidth)
    np.testing.assert_allclose(fitted.scales_, scales)
    assert fitted.n_neighbors_ == k
    assert fitted.affinity_matrix_.nnz == np.count_nonzero(expected)


@given(
    n=st.integers(1, 12),
    k=st.integers(1, 14),
    kind=st.sampled_from(KINDS),
    values=st.integers(1, 4),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 999),
)
def test_graphs_of_any_samples_are_sound(n, k, kind, values, dtype, seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, values, size=(n, 2)).astype(dtype)  # many duplicates and ties
    fitted = NeighborAffinity(k, edge_weights=kind).fit(X)
    graph = fitted.affinity_matrix_
    assert isinstance(graph, sparse.csr_array)
    assert graph.dtype == dtype
    dense = graph.toarray()
    np.testing.assert_array_equal(dense, dense.T)
    np.testing.assert_array_equal(dense.diagonal(), 0)
    assert fitted.n_neighbors_ == min(k, n - 1)
    degrees = np.diff(graph.indptr)
    assert graph.nnz == 0 or (graph.data > 0).all()
    assert graph.nnz == 0 or graph.data.max() <= 1
    assert degrees.min() >= min(k, n - 1)
    assert graph.has_sorted_indices
    duplicates = (X[:, None] == X).all(2) & (dense > 0)
    np.testing.assert_array_equal(dense[duplicates], 1)
    new = fitted.transform(X)
    assert (np.diff(new.indptr) == min(k, n)).all()
    assert ((new.data > 0) & (new.data <= 1)).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_unit_and_order_of_the_samples_do_not_matter(kind, dtype):
    X = samples(60, 20).astype(dtype)
    order = np.random.default_rng(1).permutation(60)
    graph = NeighborAffinity(5, edge_weights=kind).fit(X).affinity_matrix_
    moved = NeighborAffinity(5, edge_weights=kind).fit(1024 * X[order]).affinity_matrix_
    np.testing.assert_allclose(moved.toarray(), graph.toarray()[order][:, order], rtol=1e-5)


def test_bytes_are_the_same_as_floats():
    X = np.random.default_rng(0).integers(0, 256, size=(30, 20), dtype=np.uint8)
    graph = NeighborAffinity(4).fit(X).affinity_matrix_
    assert graph.dtype == np.float32
    expected = NeighborAffinity(4).fit(X.astype(float)).affinity_matrix_
    np.testing.assert_allclose(graph.toarray(), expected.toarray(), rtol=1e-5)


def test_large_integers_keep_their_digits():
    X = 2**40 + np.array([[0], [1], [3]])
    graph = NeighborAffinity(1).fit(X).affinity_matrix_
    np.testing.assert_array_equal(graph.toarray(), naive_affinity(X - 2.0**40, 1, "gaussian")[0])


@pytest.mark.parametrize("n", [1, 2, 5])
def test_more_neighbors_than_samples(n):
    X = samples(n)
    fitted = NeighborAffinity(10).fit(X)
    assert fitted.n_neighbors_ == n - 1
    assert fitted.affinity_matrix_.nnz == n * (n - 1)
    assert fitted.transform(X).nnz == n * n
    if n == 1:
        assert fitted.bandwidth_ == 0
        np.testing.assert_array_equal(fitted.transform(samples(3)).toarray(), np.ones((3, 1)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_features", [2, 30])
@pytest.mark.parametrize("row", [0.0, 0.1])
def test_identical_rows_have_affinity_one(kind, n_features, row):
    X = np.full((30, n_features), row, dtype=np.float32)
    fitted = NeighborAffinity(5, edge_weights=kind).fit(X)
    assert fitted.bandwidth_ == 0
    np.testing.assert_array_equal(fitted.affinity_matrix_.data, 1)
    np.testing.assert_array_equal(fitted.transform(X[:4]).data, 1)


@pytest.mark.parametrize("n_features", [2, 30])
def test_a_local_scale_of_zero_becomes_the_bandwidth(n_features):
    X = samples(40, n_features).astype(np.float32)
    X[:12] = 0.1  # each with 11 duplicates; inner products would leave noise between them
    fitted = NeighborAffinity(10, edge_weights="self_tuning").fit(X)
    np.testing.assert_array_equal(fitted.scales_[:12], fitted.bandwidth_)
    graph = fitted.affinity_matrix_
    assert (graph[:12, :12].data == 1).all()
    between = graph[:12, 12:].tocoo()
    assert between.nnz > 0
    i, j = between.coords
    distances = naive_distances(X[:12], X[12:])[i, j]
    expected = np.exp(-(distances**2) / (fitted.bandwidth_ * fitted.scales_[12:][j]))
    np.testing.assert_allclose(between.data, expected, rtol=1e-4)
    other = graph.toarray()[12:, 12:]
    expected = naive_affinity(X[12:], 10, "connectivity")[0] > 0
    assert (other[~expected] == 0).all()  # duplicates crowd neighbours out, and add none


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_outlier_keeps_its_neighbors(kind, dtype):
    X = np.concatenate([samples(30), [[1e6, 0, 0]]]).astype(dtype)
    graph = NeighborAffinity(4, edge_weights=kind).fit(X).affinity_matrix_
    assert len(graph[[30]].data) == 4
    assert graph[[30]].data.min() >= np.finfo(dtype).tiny
    matrix = laplacian(graph)
    assert np.isfinite(matrix.data).all()
    assert matrix[30, 30] == 1


def test_self_tuning_connects_sparse_regions_as_dense_ones():
    X = samples(50)
    X = np.concatenate([X, 1000 + 100 * X])
    graph = NeighborAffinity(8, edge_weights="self_tuning").fit(X).affinity_matrix_.toarray()
    np.testing.assert_allclose(graph[:50, :50], graph[50:, 50:], rtol=1e-6)
    graph = NeighborAffinity(8).fit(X).affinity_matrix_.toarray()
    assert graph[:50, :50].max() > 0.99
    assert np.median(graph[:50, :50][graph[:50, :50] > 0]) > 0.9
    assert np.median(graph[50:, 50:][graph[50:, 50:] > 0]) < 0.5


def test_distances_are_measured_in_blocks(monkeypatch):
    X = samples(30, 20)
    whole = NeighborAffinity(4).fit(X).affinity_matrix_
    monkeypatch.setattr(skdeepclust.graph._affinity, "BLOCK_VALUES", 7 * 20)
    parts = NeighborAffinity(4).fit(X).affinity_matrix_
    np.testing.assert_array_equal(whole.toarray(), parts.toarray())


# ---------------------------------------------------------------- new samples


@pytest.mark.parametrize("k", [1, 5, 9])
@pytest.mark.parametrize("n_features", [1, 3, 20])
@pytest.mark.parametrize("kind", KINDS)
def test_new_samples_equal_loops(kind, n_features, k):
    X, new = samples(40, n_features), samples(15, n_features, seed=1)
    fitted = NeighborAffinity(k, edge_weights=kind).fit(X)
    _, bandwidth, scales = naive_affinity(X, k, kind)
    distances = naive_distances(new, X)
    lists = [np.argsort(row)[:k] for row in distances]
    new_scales = naive_scales(distances, lists, kind, bandwidth)
    expected = np.zeros((15, 40))
    for i, near in enumerate(lists):
        for j in near:
            expected[i, j] = np.exp(-(distances[i, j] ** 2) / (new_scales[i] * scales[j]))
    found = fitted.transform(new)
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-9)
    assert isinstance(found, sparse.csr_array)
    alone = sparse.vstack([fitted.transform(new[[i]]) for i in range(15)])
    np.testing.assert_allclose(alone.toarray(), found.toarray(), rtol=1e-12)


@pytest.mark.parametrize("n_features", [3, 20])
@pytest.mark.parametrize("fit_container", [np.asarray, sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csr_matrix])
def test_new_samples_may_be_held_otherwise(container, fit_container, n_features):
    X, new = samples(40, n_features), samples(10, n_features, seed=1)
    expected = NeighborAffinity(5).fit(X).transform(new).toarray()
    fitted = NeighborAffinity(5).fit(fit_container(X))
    np.testing.assert_allclose(fitted.transform(container(new)).toarray(), expected, rtol=1e-9)
    single = fitted.transform(container(new.astype(np.float32)))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single.toarray(), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_features", [3, 20])
def test_a_training_sample_is_its_own_neighbor_when_it_comes_again(kind, n_features):
    X = samples(50, n_features).astype(np.float32)
    fitted = NeighborAffinity(6, edge_weights=kind).fit(X)
    found = fitted.transform(X)
    np.testing.assert_array_equal(found.diagonal(), 1)
    if kind == "connectivity":  # the others are neighbours in the training graph
        others = found.toarray() - np.eye(50)
        assert (others <= fitted.affinity_matrix_.toarray()).all()


def test_affinity_matrix_feeds_spectral_clustering():
    X = np.concatenate([samples(30), samples(30, seed=1) + 8])
    graph = NeighborAffinity(5, edge_weights="self_tuning").fit(X).affinity_matrix_
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Graph is not fully connected")
        labels = SpectralClustering(2, affinity="precomputed", random_state=0).fit_predict(graph)
    assert len(set(labels[:30])) == len(set(labels[30:])) == 1
    assert labels[0] != labels[-1]
