"""K-means in torch is scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from skdeepclust._clusters.mixtures import k_means
from skdeepclust._clusters.mixtures.k_means import k_means_partition
from skdeepclust._clusters.partitions import _device_partition, _kmeans_partition

CPU = torch.device("cpu")


def points(n: int = 600, n_dims: int = 5, offset: float = 0.0) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, n_dims)) * [3, 2, 1, 1, 0.1] + offset


@pytest.mark.parametrize("offset", [0, 1e4])
@pytest.mark.parametrize("seed", range(5))
def test_partitions_of_all_are_those_of_scikit_learn_fitted_to_some(seed, offset):
    X, rows = points(offset=offset), np.arange(0, 600, 2)
    expected = _kmeans_partition(X, 8, rows, seed, CPU)
    np.testing.assert_array_equal(_device_partition(X, 8, rows, seed, CPU), expected)


def test_steps_end_where_scikit_learns_end():
    X = points()
    seeds = np.arange(7)
    peer = KMeans(7, init=X[seeds], n_init=1).fit(X)
    assert peer.n_iter_ > 5
    found = k_means._fitted_centers(torch.from_numpy(X), torch.from_numpy(seeds))
    np.testing.assert_allclose(found, peer.cluster_centers_, atol=1e-12)


def test_a_centre_that_no_sample_is_nearest_to_goes_to_the_farthest_one():
    X = np.array([[0.0], [0.0], [1.0], [2.0], [9.0]])
    seeds = np.array([0, 1, 2])  # two centres at one place: the first has all
    peer = KMeans(3, init=X[seeds], n_init=1).fit(X)
    found = k_means._fitted_centers(torch.from_numpy(X), torch.from_numpy(seeds))
    np.testing.assert_allclose(sorted(found.ravel()), sorted(peer.cluster_centers_.ravel()))


def test_fewer_distinct_samples_than_clusters_are_parted_all_the_same():
    X, everyone = torch.tensor([[0.0], [0.0], [0.0], [5.0]]), torch.arange(4)
    labels = k_means_partition(X, everyone, torch.tensor([0, 1, 3]))
    assert len(set(labels[:3].tolist())) == 1
    assert labels[3] != labels[0]


def test_partitions_depend_on_no_block(monkeypatch):
    X, rows, seeds = torch.from_numpy(points()), torch.arange(0, 600, 3), torch.arange(6)
    expected = k_means_partition(X, rows, seeds)
    monkeypatch.setattr(k_means, "BLOCK_SIZE", 1)
    torch.testing.assert_close(k_means_partition(X, rows, seeds), expected)
