"""Columns that hold categories: how they are found, named, and kept whole."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdeepclust import TripletDECClusterer
from skdeepclust._clusters.categories import categorical_columns, two_valued_columns
from skdeepclust._clusters.positives import NeighborMixtures, positives_of
from skdeepclust._engine.runner import Runner
from skdeepclust.graph import nearest_neighbors

FEW = {"pretrain_epochs": 1, "max_epochs": 2, "n_init": 2}
N = 1_500  # more than are looked at first


def table(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return two numbers and two categories in one-hot code, and which columns are the latter."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(N, 2))
    codes = OneHotEncoder(sparse_output=False).fit_transform(rng.integers(0, 3, (N, 2)))
    return np.hstack([numbers, codes]), np.arange(8) >= 2


def of_values(column: np.ndarray) -> bool:
    values, count = np.unique(column, return_counts=True)
    return len(values) == 2 and count.min() >= 2


@pytest.mark.parametrize(
    ("make", "scale"),
    [
        (np.asarray, False),
        (np.asarray, True),
        (torch.from_numpy, True),
        (sparse.csr_matrix, False),
        (sparse.csr_array, True),  # no value is zero
    ],
)
def test_columns_of_two_values_are_found_as_by_counting(make, scale):
    X, categories = table()
    late = np.zeros((N, 3))
    late[-2:, 0] = 1  # two values, the second of which comes late
    late[-1, 1] = 1  # in a single sample
    late[-3:, 2] = [1, 2, 3]
    X = np.hstack([X, late, np.full((N, 1), 4.0)])
    X = StandardScaler().fit_transform(X) if scale else X
    expected = np.apply_along_axis(of_values, 0, X)
    assert expected.tolist() == [*categories, True, False, False, False]
    np.testing.assert_array_equal(two_valued_columns(make(X)), expected)


@pytest.mark.parametrize("given", [[-1, 2], [False, False, True, False, True], ["c", "e"]])
def test_columns_are_named_by_indices_a_mask_or_names(given):
    X, names = np.zeros((4, 5)), np.array(list("abcde"), dtype=object)
    found = categorical_columns(given, X, names, (5,))
    assert np.flatnonzero(found).tolist() == [2, 4]
    assert categorical_columns([], X, names, (5,)) is None
    assert categorical_columns(None, X, names, (5,)) is None


@pytest.mark.parametrize(
    ("given", "names", "error", "message"),
    [
        ([5], None, ValueError, r"has the columns \[5\], X has 5 columns"),
        ([-6, 0], None, ValueError, r"has the columns \[-6\]"),
        ([True, False], None, ValueError, "a mask of 2 columns, X has 5"),
        ([0.5], None, TypeError, "indices, names or booleans, got numbers of type float64"),
        ([[0, 1]], None, ValueError, r"an array of shape \(1, 2\)"),
        (["a"], None, ValueError, "pass a data frame, or indices"),
        (
            ["a", "z"],
            np.array(list("abcde"), dtype=object),
            ValueError,
            r"names that X doesn't have: \['z'\]",
        ),
    ],
)
def test_columns_that_X_has_not_are_refused(given, names, error, message):
    with pytest.raises(error, match=message):
        categorical_columns(given, np.zeros((4, 5)), names, (5,))


def test_images_have_no_categories():
    X = np.random.default_rng(0).integers(0, 2, (20, 64)).astype(float)
    assert categorical_columns("auto", X, None, (1, 8, 8)) is None
    with pytest.raises(ValueError, match="columns of tables"):
        categorical_columns([0], X, None, (1, 8, 8))


@pytest.mark.parametrize(
    ("X", "options"),
    [
        (np.zeros((20, 64)), {"image_shape": (8, 8)}),
        (np.zeros((20, 4)), {"n_neighbors": 0}),
        (np.zeros((20, 4)), {"augmentation": None}),
        (np.zeros((20, 4)), {"augmentation": torch.clone}),
    ],
)
def test_columns_that_X_has_not_are_refused_where_they_have_no_effect(X, options):
    model = TripletDECClusterer(2, **options, categorical_features=[64], random_state=0)
    with pytest.raises(ValueError, match="categorical_features"):
        model.fit(X)


def test_all_categories_come_from_the_nearer_sample():
    X, categories = table()
    X = X.astype(np.float32)
    neighbors = torch.from_numpy(nearest_neighbors(X, 5))
    runner = Runner(torch.nn.Linear(8, 1), (8,), 64)
    made = positives_of("auto", runner, X, neighbors, columns=(categories, None))
    assert isinstance(made, NeighborMixtures)
    idx = torch.arange(200)
    x = torch.from_numpy(X)[idx]
    other, share = made.draw(x, idx)
    positive = made.apply_drawn(x, other, share)
    nearer = [x[i] if share[i] < 0.5 else other[i] for i in range(200)]
    assert torch.equal(positive[:, 2:], torch.stack(nearer)[:, 2:])
    between = torch.lerp(x, other, share[:, None])
    assert torch.equal(positive[:, :2], between[:, :2])


def test_a_table_without_two_valued_columns_is_fitted_as_ever():
    X = np.random.default_rng(0).normal(size=(60, 4))
    fits = [
        TripletDECClusterer(2, **FEW, categorical_features=each, random_state=0).fit(X)
        for each in ("auto", None)
    ]
    np.testing.assert_array_equal(*[each.transform(X) for each in fits])


def test_names_of_a_data_frame_are_its_columns():
    X, categories = table()
    frame = pd.DataFrame(X[:200], columns=list("abcdefgh"))
    fits = [
        TripletDECClusterer(2, **FEW, categorical_features=each, random_state=0).fit(frame)
        for each in (list("cdefgh"), "auto", np.flatnonzero(categories), None)
    ]
    named, found, numbered, without = (each.transform(frame) for each in fits)
    np.testing.assert_array_equal(named, found)
    np.testing.assert_array_equal(named, numbered)
    assert not np.array_equal(named, without)
