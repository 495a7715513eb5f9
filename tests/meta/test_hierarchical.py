"""Trees of clusters: against a plain loop, SciPy's dendrogram, numbers that are known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.cluster.hierarchy import cut_tree, dendrogram, is_valid_linkage
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline

from skdeepclust.meta import HierarchicalClusterer
from skdeepclust.meta._hierarchical import tree_of

X, Y = make_blobs(200, 2, centers=4, cluster_std=0.7, random_state=3)


class Told(ClusterMixin, BaseEstimator):
    """Clusters by the first column, whatever numbers these are."""

    def fit(self, X, y=None):
        self.labels_ = self.predict(X)
        return self

    def predict(self, X):
        return np.asarray(X)[:, 0].astype(int)


def modularity(weight: np.ndarray, groups: list[list[int]]) -> float:
    P = weight / weight.sum()
    return sum(P[np.ix_(g, g)].sum() - P[g].sum() ** 2 for g in groups)


def naive_tree(weight: np.ndarray) -> tuple[list[list[int]], list[float]]:
    """Merge by the loss of modularity over the share of the smaller, one pair after the other."""
    groups = {leaf: [leaf] for leaf in range(len(weight))}
    children, distances = [], []
    total = weight.sum()
    while len(groups) > 1:

        def loss(a, b, groups=groups):
            others = [g for k, g in groups.items() if k not in (a, b)]
            before = modularity(weight, list(groups.values()))
            return before - modularity(weight, [*others, groups[a] + groups[b]])

        def smaller(a, b, groups=groups):
            return min(weight[groups[a]].sum(), weight[groups[b]].sum()) / total

        pair = min(combinations(groups, 2), key=lambda ab: loss(*ab) / smaller(*ab))
        distances.append(max(len(groups) ** 2 / 2 * loss(*pair), 0, *distances))
        groups[len(weight) + len(children)] = groups[pair[0]] + groups[pair[1]]
        children.append(sorted(pair))
        del groups[pair[0]], groups[pair[1]]
    return children, distances


@pytest.mark.parametrize("seed", range(3))
def test_the_tree_is_that_of_a_plain_loop(seed):
    weight = np.random.default_rng(seed).random((7, 7))
    weight += weight.T
    children, distances = naive_tree(weight)
    found, heights = tree_of(weight)
    np.testing.assert_array_equal(found, children)
    np.testing.assert_allclose(heights, distances, atol=1e-12)


def test_the_numbers_of_leaves_do_not_matter():
    rng = np.random.default_rng(0)
    weight = rng.random((8, 8))
    weight += weight.T
    order = rng.permutation(8)
    np.testing.assert_allclose(tree_of(weight[np.ix_(order, order)])[1], tree_of(weight)[1])


def test_edges_are_those_between_neighbours():
    model = HierarchicalClusterer(KMeans(6, n_init=1, random_state=0), n_neighbors=3).fit(X)
    leaf = model.estimator_.labels_
    near = NearestNeighbors(n_neighbors=3).fit(X).kneighbors(return_distance=False)
    weight = np.zeros((6, 6))
    for i, neighbours in enumerate(near):
        for j in neighbours:
            weight[leaf[i], leaf[j]] += 1
            weight[leaf[j], leaf[i]] += 1
    np.testing.assert_array_equal(model.children_, tree_of(weight)[0])
    np.testing.assert_allclose(model.distances_, tree_of(weight)[1])


def test_scipy_draws_and_cuts_the_same_tree():
    model = HierarchicalClusterer(KMeans(12, n_init=1, random_state=0)).fit(X)
    counts = [1] * 12  # SciPy's are of leaves
    for a, b in model.children_:
        counts.append(counts[a] + counts[b])
    heights = model.distances_ + 1e-9 * np.arange(11)  # cut_tree takes equal ones in any order
    linkage = np.column_stack([model.children_, heights, counts[12:]])
    assert is_valid_linkage(linkage)
    assert sorted(dendrogram(linkage, no_plot=True)["leaves"]) == list(range(12))
    assert model.leaf_counts_.sum() == len(X)
    levels = cut_tree(linkage)
    for n_clusters in range(1, 13):
        theirs = levels[:, 12 - n_clusters][model.estimator_.labels_]
        assert adjusted_rand_score(theirs, model.labels_at(n_clusters)) == 1
        assert set(model.labels_at(n_clusters)) == set(range(n_clusters))


@pytest.mark.parametrize("n_parts", [4, 8, 20])
def test_the_number_of_clusters_is_found(n_parts):
    order = np.random.default_rng(n_parts).permutation(len(X))
    model = HierarchicalClusterer(KMeans(n_parts, n_init=1, random_state=n_parts)).fit(X[order])
    assert model.n_clusters_ == 4
    assert adjusted_rand_score(Y[order], model.labels_) > 0.95


def test_ten_digits_are_found():
    digits = load_digits()
    mixture = GaussianMixture(30, covariance_type="diag", random_state=0)
    model = HierarchicalClusterer(make_pipeline(PCA(20), mixture)).fit(digits.data)
    assert abs(model.n_clusters_ - 10) <= 1


def test_new_samples_at_any_level():
    model = HierarchicalClusterer(KMeans(12, n_init=1, random_state=0), n_clusters=3).fit(X)
    assert model.n_clusters_ == 3
    for n_clusters in (1, 3, 7, 12):
        np.testing.assert_array_equal(model.predict(X, n_clusters), model.labels_at(n_clusters))
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_clusters_without_training_samples_fall_to_the_nearest():
    known = np.repeat([2.0, 5.0, 9.0], 10)[:, None]
    model = HierarchicalClusterer(Told(), n_clusters=3, n_neighbors=2).fit(known)
    assert model.leaves_.tolist() == [2, 5, 9]
    for each in (model, clone(model).fit(known).set_output(transform="pandas")):
        assert each.predict([[0.0], [4.0], [6.0], [20.0]]).tolist() == [0, 1, 1, 2]


def test_a_single_cluster_and_too_many():
    one = HierarchicalClusterer(KMeans(1)).fit(X)
    assert (one.n_clusters_, one.children_.shape, one.distances_.shape) == (1, (0, 2), (0,))
    with pytest.raises(ValueError, match="n_clusters=5 should be between 1 and 4"):
        HierarchicalClusterer(KMeans(4), n_clusters=5).fit(X)
    with pytest.raises(ValueError, match="n_clusters=0 should be between 1 and 1"):
        one.labels_at(0)
    with pytest.raises(ValueError, match="between 1 and 1"):
        one.predict(X, 2)
