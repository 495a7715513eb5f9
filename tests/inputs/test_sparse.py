"""Sparse X whose entries are in any order, or several of one index: the same values, untouched."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.quick import forced_apart
from scipy import sparse
from sklearn.datasets import load_iris

from skdeepclust import (
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    ZeroShotClassifier,
)
from skdeepclust._inputs import values
from skdeepclust._inputs.values import extremes_of, some_rows_of, value_range_of

X, Y = load_iris(return_X_y=True)
X, Y = X[::3], Y[::3]
ESTIMATORS = {
    "triplet": lambda: TripletDECClusterer(
        3, pretrain_epochs=1, warmup_epochs=1, max_epochs=1, n_init=2, random_state=0
    ),
    "tagnet": lambda: TAGnetClusterer(
        3, n_components=8, n_stages=2, max_epochs=1, n_init=2, random_state=0
    ),
    "autoencoder": lambda: ParsimoniousAutoencoder(n_clusters=3, max_epochs=1, random_state=0),
    "classifier": lambda: ParsimoniousClassifier(n_clusters=3, max_epochs=1, random_state=0),
    "embedder": lambda: forced_apart(max_epochs=1),
    "zero shot": lambda: ZeroShotClassifier(max_epochs=1, random_state=0),
}


def read_only(n_parts: int, dense=X) -> sparse.csr_matrix:
    """Return X in `n_parts` entries of each value, in no order, that nobody may write to."""
    n_rows = len(dense)
    indices = np.tile(np.repeat([3, 1, 0, 2], n_parts), n_rows)
    parts = np.repeat(dense[:, [3, 1, 0, 2]].ravel() / n_parts, n_parts)
    matrix = sparse.csr_matrix(
        (parts, indices, np.arange(0, len(parts) + 1, 4 * n_parts)), shape=dense.shape
    )
    for array in (matrix.data, matrix.indices, matrix.indptr):
        array.flags.writeable = False
    return matrix


@pytest.mark.parametrize("n_parts", [1, 2], ids=["unsorted", "duplicates"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_matrix_that_cannot_be_written_to(name, n_parts) -> None:
    matrix = read_only(n_parts)
    arrays = matrix.data, matrix.indices, matrix.indptr
    found, expected = ESTIMATORS[name]().fit(matrix, Y), ESTIMATORS[name]().fit(X, Y)
    method = "transform" if hasattr(found, "transform") else "decision_function"
    np.testing.assert_allclose(
        getattr(found, method)(matrix), getattr(expected, method)(X), rtol=1e-4, atol=1e-5
    )
    assert all(
        a is b for a, b in zip(arrays, (matrix.data, matrix.indices, matrix.indptr), strict=True)
    )


def test_duplicates_count_as_their_sum(monkeypatch) -> None:
    monkeypatch.setattr(values, "ROWS_OF_A_BLOCK", 7)
    matrix = read_only(2)
    assert extremes_of(matrix) == (X.min(), X.max())
    assert value_range_of(some_rows_of(matrix)) == value_range_of(X)


def test_indices_of_words_in_parts_are_their_sum() -> None:
    words = np.arange(80).reshape(20, 4) % 5
    model = forced_apart(vocabulary_size=5, max_epochs=1, module__hidden=4).fit(
        words, np.arange(20) % 2
    )
    np.testing.assert_array_equal(model.transform(read_only(2, words)), model.transform(words))
    with pytest.raises(ValueError, match="integers from 0"):
        model.transform(read_only(2, 2 * words))
