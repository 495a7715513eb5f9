"""The search by matrix products and its components, as on a GPU, find what scikit-learn's find."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from skdeepclust.graph import _device_search, nearest_neighbors
from skdeepclust.graph._device_search import by_products, nearest_rows
from skdeepclust.graph._input_graph import principal_axes

DEVICES = ["cpu", *(["cuda"] * torch.cuda.is_available())]


@pytest.mark.parametrize("offset", [0, 1e4])
@pytest.mark.parametrize("block_size", [1, 300, 2**26])
@pytest.mark.parametrize("candidates", [None, np.arange(0, 90, 2), np.arange(80, 3, -3)])
@pytest.mark.parametrize("device", DEVICES)
def test_neighbors_by_products_are_those_of_scikit_learn(
    offset, block_size, candidates, device, monkeypatch
):
    monkeypatch.setattr(_device_search, "BLOCK_SIZE", block_size)
    X = (np.random.default_rng(0).normal(size=(90, 5)) + offset).astype(np.float32)
    found = by_products(torch.from_numpy(X).to(device), 4, candidates).cpu()
    expected = nearest_neighbors(X.astype(np.float64), 4, candidates=candidates)
    np.testing.assert_array_equal(found, expected)


def test_a_row_is_no_neighbor_of_its_own_among_equal_ones():
    found = by_products(torch.zeros(5, 2), 4, None)
    np.testing.assert_array_equal(np.sort(found, 1), [np.delete(np.arange(5), i) for i in range(5)])


def test_more_neighbors_than_there_are_rows():
    assert nearest_rows(torch.eye(3), 9).shape == (3, 2)


@pytest.mark.parametrize("offset", [0, 1e4])
@pytest.mark.parametrize("device", DEVICES)
def test_axes_are_those_of_scikit_learn(offset, device):
    scale = 2.0 ** -np.arange(6)
    X = (np.random.default_rng(0).normal(size=(40, 6)) * scale + offset).astype(np.float32)
    found = principal_axes(torch.from_numpy(X).to(device), 4)
    expected = PCA(4, svd_solver="full").fit(X.astype(np.float64))
    np.testing.assert_allclose(found.origin, expected.mean_, rtol=1e-12)
    np.testing.assert_allclose(found.axes, expected.components_.T, atol=1e-7)
