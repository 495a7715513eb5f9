"""Weights of samples: whatever holds them, and only their ratios count."""

from __future__ import annotations

import warnings

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import torch
from helpers.small_fits import DIGIT, KNOWN, NETWORKS, X
from sklearn.exceptions import ConvergenceWarning

from skdeepclust._inputs.weights import relative, weights_of

WEIGHT = np.linspace(0.5, 2.0, 90)


def read_only(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values.flags.writeable = False
    return values


HOLDERS = {
    "read-only": read_only,
    "list": np.ndarray.tolist,
    "numbers of numpy": list,
    "tensors": lambda values: [torch.tensor(value, requires_grad=True) for value in values],
    "tensor with a gradient": lambda values: torch.tensor(values, requires_grad=True),
    "series": pd.Series,
    "nullable": lambda values: pd.Series(values, dtype="Float64"),
    "categories": lambda values: pd.Series(values).astype("category"),
    "objects": lambda values: values.astype(object),
    "no mask": np.ma.array,
    "dask": lambda values: da.from_array(values, chunks=20),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_whatever_holds_them(holder: str) -> None:
    expected = weights_of(WEIGHT, X)["sample_weight"]
    found = weights_of(HOLDERS[holder](WEIGHT), X)["sample_weight"]
    np.testing.assert_array_equal(found, expected)
    assert found.flags.writeable


@pytest.mark.parametrize("size", [2.0, torch.tensor(2.0), np.float32(2), np.array(2)])
def test_one_number_stands_for_all(size) -> None:
    assert set(weights_of(size, X)["sample_weight"].tolist()) == {1.0}


NO_WEIGHTS = [
    np.ones(3),
    np.ones((60, 1)),
    ["a"] * 60,
    np.full(60, np.nan),
    np.nan,
    -1.0,
    np.zeros(60),
    [object()] * 60,
    np.repeat(-1.0, 60),
]


@pytest.mark.parametrize("weight", NO_WEIGHTS, ids=lambda weight: repr(weight)[:12])
@pytest.mark.parametrize("name", ["classifier", "zero shot", "embedder"])
def test_scores_refuse_weights_as_fits_do(name: str, weight) -> None:
    model, (samples, y) = NETWORKS[name]()
    model.fit(samples, y)
    for call in (model.score, model.fit):
        with pytest.raises(ValueError, match="sample_weight"):
            call(samples, y, sample_weight=weight)


@pytest.mark.parametrize("name", ["classifier", "zero shot", "embedder"])
def test_scores_take_weights_as_fits_do(name: str) -> None:
    model, (samples, y) = NETWORKS[name]()
    model.fit(samples, y)
    assert model.score(samples, y, sample_weight=2.0) == pytest.approx(model.score(samples, y))
    labels = np.where(np.arange(60) < 40, y, -1)
    with pytest.raises(ValueError, match="sample_weight leaves no labelled sample"):
        model.score(samples, labels, sample_weight=1.0 * (np.arange(60) >= 40))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_column_of_a_frame_warns_of_nothing(name: str) -> None:
    frame = pd.DataFrame({"weight": WEIGHT[:60], "label": pd.Series(DIGIT[:60], dtype="Int64")})
    model = NETWORKS[name]()[0]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        model.fit(KNOWN, frame["label"], sample_weight=frame["weight"])


@pytest.mark.parametrize("size", [1.0, 3.0, 1 / 90, 1e-6, 1e6, 1e-300, 1e300])
def test_equal_weights_are_one_to_the_last_bit(size: float) -> None:
    assert set(weights_of(np.full(90, size), X)["sample_weight"].tolist()) == {1.0}
    masked = np.where(np.arange(90) < 30, 0.0, size)
    assert set(weights_of(masked, X)["sample_weight"].tolist()) == {0.0, 1.0}


def test_ratios_stay_and_the_mean_is_one() -> None:
    weight = weights_of(1e-6 * WEIGHT, X)["sample_weight"]
    assert weight.mean() == pytest.approx(1)
    np.testing.assert_allclose(weight / weight[0], WEIGHT / WEIGHT[0], rtol=1e-14)
    with_zeros = relative(np.r_[0.0, WEIGHT, 0.0])  # as if these weren't there
    np.testing.assert_allclose(with_zeros[1:-1], weight, rtol=1e-14)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", NETWORKS)
def test_fits_depend_on_ratios_alone(name: str) -> None:
    def fitted(size: float):
        model = NETWORKS[name]()[0].set_params(dtype="float64", max_epochs=1)
        model.fit(KNOWN, DIGIT[:60], sample_weight=size * WEIGHT[:60])
        ask = getattr(model, "transform", None) or model.decision_function
        return ask(KNOWN)

    np.testing.assert_allclose(fitted(1e-6), fitted(1.0), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("weight", "error", "match"),
    [
        (np.ma.array(WEIGHT, mask=WEIGHT > 1), ValueError, "sample_weight is a masked array with"),
        (np.where(WEIGHT > 1, np.nan, WEIGHT), ValueError, "Input sample_weight contains NaN"),
        (
            [*WEIGHT[1:], None],
            ValueError,
            "sample_weight contains None, a missing value, in row 89",
        ),
        ([*WEIGHT[1:], pd.NA], ValueError, "sample_weight contains <NA>"),
        (pd.Series([None, *WEIGHT[1:]], dtype="Float64"), ValueError, "contains NaN"),
        ((each for each in WEIGHT), TypeError, "sample_weight is a generator: give an array"),
        ({0: 1.0}, TypeError, "sample_weight is a dict: give an array"),
        (-WEIGHT, ValueError, "Negative values"),
        (WEIGHT[:3], ValueError, r"sample_weight.shape == \(3,\), expected \(90,\)"),
        (0 * WEIGHT, ValueError, "at least one non-zero"),
        (["a"] * 90, ValueError, "sample_weight must hold numbers: could not convert"),
        (WEIGHT[:, None], ValueError, "must be 1D array"),
    ],
)
def test_what_no_weights_are(weight, error, match: str) -> None:
    with pytest.raises(error, match=match):
        weights_of(weight, X)


@pytest.mark.parametrize("name", ["triplet dec", "tagnet"])
@pytest.mark.parametrize(("n_clusters", "n_counted"), [(1, 1), (3, 1), (3, 2)])
def test_weights_leave_a_sample_for_each_cluster(name: str, n_clusters, n_counted) -> None:
    model = NETWORKS[name]()[0].set_params(n_clusters=n_clusters)
    weight = 1.0 * (np.arange(60) < n_counted)
    with pytest.raises(
        ValueError, match=rf"sample_weight .* {n_counted} .*n_clusters={n_clusters}"
    ):
        model.fit(KNOWN, sample_weight=weight)


def test_weights_leave_a_sample_for_each_cluster_of_a_task() -> None:
    model = NETWORKS["tagnet"]()[0].set_params(auxiliary_clusters=[5, None])
    with pytest.raises(
        ValueError, match=r"auxiliary_clusters=\[5, None\].*n_samples=4, without .*sample_weight"
    ):
        model.fit(KNOWN, sample_weight=1.0 * (np.arange(60) < 4))
