"""Affinities by other searches, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.naive_affinity import KINDS, naive_distances, samples
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.neighbors import KNeighborsTransformer
from sklearn.utils.estimator_checks import check_estimator

from skdeepclust.graph import NeighborAffinity


class WithoutItself(TransformerMixin, BaseEstimator):
    """Neighbours without the sample itself, in float32; each row ends in two that are missing."""

    def __init__(self, n_neighbors=5, missing=(-1, np.inf)):
        self.n_neighbors = n_neighbors
        self.missing = missing  # index and distance

    def fit(self, X):
        self.X_ = X
        return self

    def fit_transform(self, X, y=None):
        return self.fit(X)._graph(naive_distances(X, X) + np.diag(np.full(len(X), np.inf)))

    def transform(self, X):
        return self._graph(naive_distances(X, self.X_))

    def _graph(self, distances):
        indices = np.argsort(distances)[:, : self.n_neighbors]
        found = np.take_along_axis(distances, indices, axis=1)
        # (n, k + 2)
        indices, values = (
            np.pad(known, ((0, 0), (0, 2)), constant_values=missing)
            for known, missing in zip((indices, found.astype("f4")), self.missing, strict=True)
        )
        graph = sparse.csr_matrix(distances.shape, dtype=np.float32)
        graph.indices = indices.ravel()
        graph.data = values.ravel()
        graph.indptr = values.shape[1] * np.arange(len(values) + 1)
        return graph


@pytest.mark.parametrize(
    "neighbors",
    [
        KNeighborsTransformer(n_neighbors=6, mode="distance"),
        KNeighborsTransformer(n_neighbors=6, mode="distance", algorithm="ball_tree"),
        KNeighborsTransformer(n_neighbors=15, mode="distance"),
        WithoutItself(6),
        WithoutItself(12),
    ],
    ids=["as_many", "tree", "more", "without_itself", "more_without_itself"],
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_features", [3, 20])
def test_any_search_gives_the_same_graph(neighbors, kind, n_features):
    X, new = samples(40, n_features), samples(10, n_features, seed=1)
    expected = NeighborAffinity(6, edge_weights=kind).fit(X)
    fitted = NeighborAffinity(6, edge_weights=kind, neighbors=neighbors).fit(X)
    np.testing.assert_allclose(
        fitted.affinity_matrix_.toarray(), expected.affinity_matrix_.toarray(), rtol=1e-5
    )
    assert fitted.affinity_matrix_.dtype == X.dtype
    np.testing.assert_allclose(
        fitted.transform(new).toarray(), expected.transform(new).toarray(), rtol=1e-5
    )
    assert fitted.neighbors_ is not neighbors
    assert not vars(neighbors).keys() & {"X_", "n_samples_fit_"}  # a clone was fitted


@pytest.mark.parametrize("missing", [(-1, np.inf), (-1, 1e38), (39, np.inf), (39, np.nan)])
def test_neighbors_that_a_search_did_not_find_are_no_edges(missing):
    X, new = samples(40), samples(10, seed=1)
    expected = NeighborAffinity(4).fit(X)
    fitted = NeighborAffinity(6, neighbors=WithoutItself(4, missing)).fit(X)
    np.testing.assert_allclose(
        fitted.affinity_matrix_.toarray(), expected.affinity_matrix_.toarray(), rtol=1e-5
    )
    found = fitted.transform(new)
    np.testing.assert_allclose(found.toarray(), expected.transform(new).toarray(), rtol=1e-5)
    assert found.nnz == 40


def test_rounding_between_duplicates_is_no_local_scale():
    X = samples(40, 30)
    X[:12] = X[0] + 1e-9 * X[:12]  # what a search that rounds measures between duplicates
    search = KNeighborsTransformer(n_neighbors=10, mode="distance", algorithm="kd_tree")
    fitted = NeighborAffinity(10, edge_weights="self_tuning", neighbors=search).fit(X)
    np.testing.assert_array_equal(fitted.scales_[:12], fitted.bandwidth_)
    np.testing.assert_allclose(fitted.transform(X[:12]).data, 1)


def test_explicit_zeros_of_a_search_are_edges():
    X = np.repeat(samples(8, 2), 2, axis=0)
    search = KNeighborsTransformer(n_neighbors=3, mode="distance", algorithm="kd_tree")
    fitted = NeighborAffinity(3, neighbors=search).fit(X)
    graph = fitted.affinity_matrix_.toarray()
    pairs = np.arange(16)
    np.testing.assert_array_equal(graph[pairs, pairs ^ 1], 1)  # x ^ 1 is its duplicate
    np.testing.assert_allclose(graph, NeighborAffinity(3).fit(X).affinity_matrix_.toarray())
    assert (np.diff(fitted.transform(X).indptr) == 3).all()


def test_other_metrics_and_samples_without_neighbors():
    X = samples(30)
    search = KNeighborsTransformer(n_neighbors=4, mode="distance", metric="cosine")
    graphs = [NeighborAffinity(4, neighbors=search).fit(s * X).affinity_matrix_ for s in (1, 5)]
    np.testing.assert_allclose(graphs[0].toarray(), graphs[1].toarray(), atol=1e-6)
    alone = NeighborAffinity(4, neighbors=WithoutItself(0)).fit(X)  # finds nobody
    assert alone.affinity_matrix_.nnz == 0
    assert alone.transform(X).shape == (30, 30)
    assert alone.transform(X).nnz == 0


class Returns(TransformerMixin, BaseEstimator):
    def __init__(self, result=None):
        self.result = result

    def fit_transform(self, X, y=None):
        return self.result

    transform = fit_transform


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        (np.zeros((5, 5)), TypeError, "neighbors returned ndarray"),
        (sparse.csr_array((5, 4)), ValueError, r"neighbors returned .* shape \(5, 4\), not"),
        (sparse.csr_array(-np.eye(5)), ValueError, "neighbors returned negative"),
    ],
    ids=["dense", "shape", "negative"],
)
def test_what_a_search_may_not_return(result, error, message):
    with pytest.raises(error, match=message):
        NeighborAffinity(neighbors=Returns(result)).fit(samples(5))


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"n_neighbors": 0}, "n_neighbors"),
        ({"n_neighbors": 2.5}, "n_neighbors"),
        ({"edge_weights": "linear"}, "edge_weights"),
        ({"neighbors": "exact"}, "neighbors"),
    ],
    ids=["zero", "fraction", "kind", "search"],
)
def test_parameters_are_checked(parameters, name):
    with pytest.raises(ValueError, match=name):
        NeighborAffinity(**parameters).fit(samples())


@pytest.mark.parametrize("kind", KINDS)
def test_check_estimator(kind):
    results = check_estimator(NeighborAffinity(edge_weights=kind), on_skip=None, on_fail=None)
    bad = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert not bad
    assert len(results) > 40


def test_random_state_and_parameters_are_untouched(global_state_untouched):
    affinity = NeighborAffinity(3)
    assert clone(affinity.fit(samples())).get_params() == affinity.get_params()
