"""Laplacians, the bound of their eigenvalues, and affinities that are given."""

from __future__ import annotations

import warnings

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.cluster import SpectralClustering

from skdeepclust.graph import (
    NeighborAffinity,
    check_affinity,
    laplacian,
    largest_eigenvalue_bound,
)


def naive_laplacian(affinity, normalized):
    degrees = affinity.sum(1)
    n = len(affinity)
    expected = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if not normalized:
                expected[i, j] = (degrees[i] if i == j else 0) - affinity[i, j]
            elif degrees[i] and degrees[j]:
                expected[i, j] = (i == j) - affinity[i, j] / np.sqrt(degrees[i] * degrees[j])
    return expected


def two_parts_and_a_hermit(dtype=float):
    """Two connected parts without an edge between them, and a sample without any."""
    rng = np.random.default_rng(0)
    graph = np.zeros((31, 31))
    for part in (slice(0, 10), slice(10, 30)):
        n = part.stop - part.start
        edges = (rng.random((n, n)) < 0.3) | np.eye(n, k=1, dtype=bool)
        graph[part, part] = np.triu(rng.random((n, n)) * edges, 1)
    return (graph + graph.T).astype(dtype)


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.coo_matrix])
def test_laplacian_equals_its_formula(container, normalized):
    affinity = two_parts_and_a_hermit()
    matrix = laplacian(container(affinity), normalized=normalized)
    assert isinstance(matrix, sparse.csr_array)
    np.testing.assert_allclose(matrix.toarray(), naive_laplacian(affinity, normalized), atol=1e-12)
    values = np.linalg.eigvalsh(matrix.toarray())
    assert values.min() > -1e-12
    assert (values < 1e-10).sum() == 3  # one for each part
    assert matrix[[30]].nnz == 0


@pytest.mark.parametrize("normalized", [True, False])
def test_laplacian_keeps_the_dtype_and_its_input(normalized):
    affinity = sparse.csr_array(two_parts_and_a_hermit(np.float32))
    before = affinity.toarray()
    matrix = laplacian(affinity, normalized=normalized)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(affinity.toarray(), before)
    expected = naive_laplacian(before.astype(float), normalized)
    np.testing.assert_allclose(matrix.toarray(), expected, atol=1e-5)
    assert laplacian(np.ones((3, 3), dtype=int), normalized=normalized).dtype == np.float64


def test_a_diagonal_does_not_matter():
    affinity = two_parts_and_a_hermit()
    for normalized in (True, False):
        np.testing.assert_allclose(
            laplacian(affinity + np.diag(np.arange(31.0)), normalized=normalized).toarray(),
            laplacian(affinity, normalized=normalized).toarray(),
        )


def test_quadratic_form_sums_over_the_edges():
    affinity, z = two_parts_and_a_hermit(), np.random.default_rng(0).normal(size=31)
    expected = 0.5 * (affinity * (z[:, None] - z) ** 2).sum()
    assert z @ laplacian(affinity, normalized=False) @ z == pytest.approx(expected)
    degrees = affinity.sum(1)
    scaled = z / np.sqrt(np.where(degrees, degrees, 1))
    expected = 0.5 * (affinity * (scaled[:, None] - scaled) ** 2).sum()
    assert z @ laplacian(affinity) @ z == pytest.approx(expected)


# ---------------------------------------------------------------- bound


@given(
    n=st.integers(1, 12),
    density=st.floats(0, 1),
    spread=st.sampled_from([0.0, 1.0, 30.0]),
    normalized=st.booleans(),
    n_steps=st.integers(0, 30),
    seed=st.integers(0, 999),
)
def test_bound_is_above_every_eigenvalue(n, density, spread, normalized, n_steps, seed):
    rng = np.random.default_rng(seed)
    weights = 10 ** (spread * rng.normal(size=(n, n))) * (rng.random((n, n)) < density)
    affinity = np.triu(weights, 1)
    matrix = laplacian(affinity + affinity.T, normalized=normalized)
    bound = largest_eigenvalue_bound(matrix, n_steps=n_steps)
    largest = np.linalg.eigvalsh(matrix.toarray()).max()
    assert bound >= largest * (1 - 1e-9)
    gershgorin = abs(matrix).sum(1).max()
    assert bound <= gershgorin * (1 + 1e-9)
    assert bound <= 2 or not normalized
    assert (bound == 0) == (matrix.nnz == 0)


def test_bound_of_graphs_with_known_eigenvalues():
    complete = np.ones((6, 6)) - np.eye(6)
    star = np.zeros((6, 6))
    star[0, 1:] = star[1:, 0] = 1
    assert largest_eigenvalue_bound(laplacian(complete)) == 2  # the eigenvalue is 6 / 5
    assert largest_eigenvalue_bound(laplacian(star)) == 2
    assert largest_eigenvalue_bound(laplacian(star, normalized=False)) == pytest.approx(6)
    assert largest_eigenvalue_bound(laplacian(complete, normalized=False)) == pytest.approx(10)
    assert largest_eigenvalue_bound(laplacian(np.zeros((3, 3)), normalized=False)) == 0


def test_steps_tighten_the_bound():
    graph = NeighborAffinity(6).fit(np.random.default_rng(0).normal(size=(400, 3))).affinity_matrix_
    matrix = laplacian(graph, normalized=False)
    bounds = [largest_eigenvalue_bound(matrix, n_steps=n) for n in (0, 1, 5, 20)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] == pytest.approx(abs(matrix).sum(1).max())
    largest = np.linalg.eigvalsh(matrix.toarray()).max()
    limit = np.linalg.eigvalsh(abs(matrix).toarray()).max()
    assert largest < limit <= bounds[-1] < 1.01 * limit < 1.2 * limit < bounds[0]


def test_parts_of_tiny_weight_do_not_disturb_the_bound():
    path = np.diag(np.ones(4), 1) + np.diag(np.ones(4), -1)
    affinity = np.kron(np.diag([1.0, 1e-38, 1e-300]), path)
    alone = largest_eigenvalue_bound(laplacian(path, normalized=False), n_steps=50)
    matrix = laplacian(affinity, normalized=False)
    assert largest_eigenvalue_bound(matrix, n_steps=50) == pytest.approx(alone)


# ---------------------------------------------------------------- affinities that are given


@pytest.mark.parametrize(
    "container",
    [
        np.asarray,
        np.ndarray.tolist,
        sparse.csr_matrix,
        sparse.coo_array,
        np.ma.array,
        pd.DataFrame,
        lambda values: pd.DataFrame(values).convert_dtypes(),
        lambda values: torch.tensor(values, requires_grad=True),
        lambda values: torch.tensor(values).to_sparse(),
        lambda values: [torch.tensor(row) for row in values],
        lambda values: da.from_array(values, chunks=10),
    ],
)
def test_given_affinities_become_sparse(container):
    affinity = two_parts_and_a_hermit()
    checked = check_affinity(container(affinity), 31)
    assert isinstance(checked, sparse.csr_array)
    np.testing.assert_array_equal(checked.toarray(), affinity)
    assert checked.nnz == np.count_nonzero(affinity)


@pytest.mark.parametrize(("dtype", "expected"), [("f4", "f4"), ("f8", "f8"), ("i8", "f8")])
def test_given_affinities_are_floats(dtype, expected):
    assert check_affinity(np.ones((3, 3), dtype=dtype), 3).dtype == expected


def test_training_graphs_lose_the_diagonal_and_new_ones_do_not():
    square = sparse.csr_array(np.array([[1.0, 2.0], [2.0, 3.0]]))
    np.testing.assert_array_equal(check_affinity(square, 2).toarray(), [[0, 2], [2, 0]])
    np.testing.assert_array_equal(square.toarray(), [[1, 2], [2, 3]])  # ours was a copy
    directed = np.array([[1.0, 2.0], [0.0, 3.0]])
    np.testing.assert_array_equal(check_affinity(directed, 2, 2).toarray(), directed)
    np.testing.assert_array_equal(check_affinity(directed[:1], 1, 2).toarray(), directed[:1])


def test_directed_training_graphs_become_symmetric_as_in_spectral_clustering():
    affinity = np.random.default_rng(0).random((6, 6))
    with pytest.warns(UserWarning, match="not symmetric"):
        checked = check_affinity(affinity, 6)
    expected = (affinity + affinity.T) / 2
    np.testing.assert_allclose(checked.toarray(), expected - np.diag(expected.diagonal()))
    with pytest.warns(UserWarning, match="not symmetric"):
        SpectralClustering(2, affinity="precomputed", random_state=0).fit(affinity)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_rounding_is_no_asymmetry(dtype, unit):
    affinity = unit * two_parts_and_a_hermit(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_affinity(np.triu(affinity) + np.tril(affinity) * (1 + np.finfo(dtype).eps), 31)
    with pytest.warns(UserWarning, match="not symmetric"):
        check_affinity(np.triu(affinity) + 1.01 * np.tril(affinity), 31)


@pytest.mark.parametrize(
    ("affinity", "message"),
    [
        (np.ones((3, 4)), r"affinity has the shape \(3, 4\), not \(3, 3\)"),
        (np.ones(3), r"affinity has the shape \(3,\)"),
        (None, r"affinity has the shape \(\)"),
        (-np.ones((3, 3)), "affinity has negative values, the smallest is -1"),
        (np.full((3, 3), np.nan), "affinity contains NaN"),
        (sparse.csr_array(np.full((3, 3), np.inf)), "affinity contains infinity"),
        (np.ma.array(np.ones((3, 3)), mask=np.eye(3)), "affinity is a masked array with 3 masked"),
        ([[0, 1, 1], [1, 0, pd.NA], [1, 1, 0]], "affinity contains <NA>"),
    ],
    ids=["rectangular", "vector", "none", "negative", "nan", "infinite", "masked", "missing"],
)
def test_affinities_that_are_refused(affinity, message):
    with pytest.raises(ValueError, match=message):
        check_affinity(affinity, 3)
    with pytest.raises(ValueError, match=r"^(Input )?affinity"):
        laplacian(affinity)
