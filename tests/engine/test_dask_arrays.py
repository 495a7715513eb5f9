"""Answers for Dask arrays are Dask arrays: of known shape, computed by blocks when asked for."""

from __future__ import annotations

import functools
import warnings

import dask.array as da
import numpy as np
import pytest
from helpers.small_fits import DIGIT, NETWORKS, X, fitted

from skdeepclust import ForcedApartEmbedder, ParsimoniousAutoencoder, TAGnetClusterer

once_fitted = functools.cache(fitted)
METHODS = ("predict", "predict_proba", "transform", "decision_function", "inverse_transform")
PAIRS = [
    (name, method)
    for name in NETWORKS
    for method in METHODS
    if hasattr(NETWORKS[name]()[0], method)
]


def samples_of(model, method: str) -> np.ndarray:
    return model.transform(X) if method == "inverse_transform" else X


@pytest.mark.parametrize(("name", "method"), PAIRS)
def test_the_answer_is_lazy_and_that_in_memory(name, method) -> None:
    model = once_fitted(name)
    samples = samples_of(model, method)
    expected = getattr(model, method)(samples)
    # chunks that cut the features, too
    lazy = getattr(model, method)(da.from_array(samples, chunks=(25, samples.shape[1] // 2)))
    assert isinstance(lazy, da.Array)
    assert lazy.dtype == expected.dtype
    assert lazy.shape == expected.shape
    assert lazy.chunks[0] == (25, 25, 25, 15)
    found = lazy.compute()
    assert found.dtype == expected.dtype
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    else:
        np.testing.assert_array_equal(found, expected)


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    computed = []

    def load(block, block_info=None):
        computed.append(block_info[0]["chunk-location"][0] if block_info else None)
        return block

    rows = da.from_array(X.reshape(-1, 8, 8), chunks=(30, 8, 8)).map_blocks(load, dtype=X.dtype)
    computed.clear()
    model = once_fitted("triplet dec")
    labels = model.predict(rows)
    assert not computed
    np.testing.assert_array_equal(labels[60:].compute(), model.predict(X)[60:])
    assert computed == [2]


def test_a_number_of_rows_that_is_not_known_yet() -> None:
    model = once_fitted("autoencoder")
    rows = da.from_array(X, chunks=(30, 64))
    some = rows[rows[:, 20] > 0.5]
    code = model.transform(some)
    assert np.isnan(code.shape[0])
    expected = model.transform(X[X[:, 20] > 0.5])
    np.testing.assert_allclose(code.compute(), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        model.fit(some)


def test_the_answer_is_that_of_the_estimator_as_it_was() -> None:
    model = fitted("autoencoder")
    before = model.transform(X)
    lazy = model.transform(da.from_array(X, chunks=(45, 64)))
    model.set_params(random_state=1).fit(X)
    assert not np.allclose(model.transform(X), before)
    np.testing.assert_allclose(lazy.compute(), before, rtol=1e-5, atol=1e-6)


def test_wrong_samples_are_refused_at_once_and_bad_values_when_computed() -> None:
    model = once_fitted("classifier")
    with pytest.raises(ValueError, match="X has 63 features"):
        model.predict(da.zeros((90, 63), chunks=(30, 63)))
    with pytest.raises(Exception, match="not fitted"):
        ForcedApartEmbedder().transform(da.zeros((90, 64), chunks=(30, 64)))
    lazy = model.predict(da.full((90, 64), np.nan, chunks=(30, 64)))
    with pytest.raises(ValueError, match="Input X contains NaN"):
        lazy.compute()


@pytest.mark.parametrize("name", ["classifier", "zero shot", "embedder"])
def test_score_of_a_dask_array(name) -> None:
    model = once_fitted(name)
    y = DIGIT > 4 if name == "embedder" else DIGIT
    lazy = da.from_array(X, chunks=(30, 64)), da.from_array(y, chunks=30)
    assert model.score(*lazy) == pytest.approx(model.score(X, y))


def test_a_graph_of_given_affinities_is_not_cut_up() -> None:
    affinity = np.exp(-np.square(X[:60, None] - X[None, :60]).sum(2))
    options = {"n_components": 8, "n_stages": 2, "n_init": 1, "max_epochs": 1, "random_state": 0}
    model = TAGnetClusterer(3, affinity="precomputed", **options).fit(X[:60], affinity=affinity)
    rows = da.from_array(X[:60], chunks=(20, 64))
    found = model.predict(rows, affinity=affinity)
    np.testing.assert_array_equal(found, model.predict(X[:60], affinity=affinity))


def test_blocks_are_told_from_where_the_fit_was() -> None:
    kelvin = 16 * X + 273.15
    model = ParsimoniousAutoencoder(n_components=2, n_clusters=3, max_epochs=1, random_state=0)
    model.fit(kelvin)
    blocks = da.from_array(kelvin, chunks=(40, -1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = np.asarray(model.transform(blocks))
    np.testing.assert_allclose(found, model.transform(kelvin), rtol=1e-6, atol=1e-6)
    with pytest.raises(ValueError, match=r"shape \(4, 16\), those of the fit"):
        model.transform(blocks.reshape(len(X), 4, 16))
