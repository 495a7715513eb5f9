"""ParsimoniousAutoencoder: reconstruction, its units, and its life in scikit-learn."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skdeepclust import ParsimoniousAutoencoder
from skdeepclust.parsimonious import _paper_widths
from skdeepclust.regularizers import ActivationRegularizer


def quick(**params) -> ParsimoniousAutoencoder:
    """Return an autoencoder that is trained in a moment."""
    defaults = {"n_components": 8, "n_clusters": 10, "max_epochs": 3, "random_state": 0}
    return ParsimoniousAutoencoder(**{**defaults, **params})


@pytest.fixture(scope="module")
def few(digits) -> np.ndarray:
    return digits[0][:300]


@pytest.fixture(scope="module")
def fitted(digits) -> ParsimoniousAutoencoder:
    return quick(max_epochs=40, lr=0.003, batch_size=64).fit(digits[0][:1200])


def test_it_reconstructs_unseen_digits_better_than_a_linear_code(fitted, digits):
    X, _ = digits
    linear = PCA(8, random_state=0).fit(X[:1200])
    rest = X[1200:]
    error = np.square(linear.inverse_transform(linear.transform(rest)) - rest).sum(1).mean()
    assert -fitted.score(rest) < 0.85 * error


def test_errors_are_in_the_units_of_x(fitted, digits):
    X = digits[0][:1200]
    decoded = fitted.inverse_transform(fitted.transform(X))
    error = np.square(decoded - X).sum(1)
    assert fitted.reconstruction_err_ == pytest.approx(error.mean(), rel=1e-4)
    assert fitted.score(X) == pytest.approx(-error.mean(), rel=1e-4)
    # the loss is a share of the variance; weights still change within the epoch
    share = error.mean() / (64 * X.var())
    assert fitted.history_[-1]["reconstruction"] == pytest.approx(share, rel=0.1)


def test_scale_and_offset_of_x_do_not_matter(few):
    plain, shifted = quick().fit(few), quick().fit(1000 + 50 * few)
    np.testing.assert_allclose(plain.transform(few), shifted.transform(1000 + 50 * few), atol=1e-3)
    assert shifted.reconstruction_err_ == pytest.approx(2500 * plain.reconstruction_err_, rel=1e-3)


def test_the_papers_network_scaled_to_the_data(fitted):
    assert _paper_widths(784, 30) == (1000, 500, 250)
    assert _paper_widths(3072, 30) == (1000, 500, 250)
    assert _paper_widths(64, 30) == (82, 41, 30)
    linear = [m for m in fitted.module_.modules() if isinstance(m, torch.nn.Linear)]
    assert [m.out_features for m in linear] == [82, 41, 20, 8, 20, 41, 82, 64]
    # all layers but the top one are regularised
    assert list(fitted.cluster_centers_) == [
        *(f"encoder.{i}" for i in (0, 2, 4, 6)),
        *(f"decoder.{i}" for i in (0, 2, 4)),
    ]


def test_history_adds_up_and_falls(fitted):
    for row in fitted.history_:
        total = row["reconstruction"] + row["clustering_penalty"]
        assert row["loss"] == pytest.approx(total, rel=1e-5)
    assert fitted.history_[-1]["loss"] < 0.3 * fitted.history_[0]["loss"]


def test_images_have_a_convolutional_autoencoder(few):
    model = quick(layers={"encoder.0": "spatial", "to_embedding": "sample"}, image_shape=(8, 8))
    code = model.fit_transform(few)
    assert code.shape == (300, 8)
    assert model.inverse_transform(code).shape == (300, 64)
    assert model.cluster_centers_["encoder.0"].shape == (10, 16)
    images = few.reshape(-1, 8, 8)
    again = quick(layers={"encoder.0": "spatial", "to_embedding": "sample"}).fit(images)
    np.testing.assert_array_equal(again.transform(images), code)
    assert again.inverse_transform(code).shape == images.shape
    exemplars = model.regularizer_.exemplars(few, "encoder.0", 0)
    assert ((exemplars.boxes[:, 2:] - exemplars.boxes[:, :2]) <= 3).all()


def test_without_penalty_it_is_a_plain_autoencoder(few):
    model = quick(lam=0).fit(few)
    assert model.cluster_centers_ == {}
    assert "clustering_penalty" not in model.history_[0]
    shrunk = quick(lam=0, regularizers=[ActivationRegularizer(lam=1.0)]).fit(few)
    assert np.square(shrunk.transform(few)).sum() < np.square(model.transform(few)).sum()


def test_weights_of_samples(few):
    weight = np.r_[np.ones(200), np.zeros(100)]
    options = {"dtype": "float64", "batch_size": 1000, "lam": 0, "max_epochs": 5}
    with_zeros = quick(**options).fit(few, sample_weight=weight)
    without = quick(**options).fit(few[:200])
    np.testing.assert_allclose(with_zeros.transform(few), without.transform(few), rtol=1e-7)
    assert with_zeros.reconstruction_err_ == pytest.approx(without.reconstruction_err_)


def test_grid_search_and_a_pipeline_into_kmeans(digits):
    X, y = digits
    search = GridSearchCV(quick(), {"lam": [0, 0.01], "n_clusters": [5]}, cv=2).fit(X[:400])
    assert search.best_score_ < 0
    pipeline = make_pipeline(quick(max_epochs=40), KMeans(10, n_init=3, random_state=0))
    assert adjusted_rand_score(y, pipeline.fit_predict(X)) > 0.5


def test_pickles_and_copies(fitted, digits):
    X = digits[0][:50]
    for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        np.testing.assert_array_equal(other.transform(X), fitted.transform(X))
        np.testing.assert_array_equal(
            other.regularizer_.assign(X, "encoder.6"), fitted.regularizer_.assign(X, "encoder.6")
        )


def test_a_warm_start_goes_on_bit_for_bit(few):
    straight = quick(max_epochs=4).fit(few)
    halves = quick(max_epochs=2, warm_start=True).fit(few).fit(few)
    np.testing.assert_array_equal(straight.transform(few), halves.transform(few))


def test_refusals(few):
    with pytest.raises(TypeError, match="should have the methods encode"):
        quick(module=torch.nn.Linear(64, 64)).fit(few)
    with pytest.raises(ValueError, match="no layer 'fc1'"):
        quick(layers=["fc1"]).fit(few)
    with pytest.raises(ValueError, match="has 9 components"):
        quick().fit(few).inverse_transform(np.zeros((2, 9)))


@pytest.mark.parametrize("unit", [1e-18, 1e-6, 1e9])
def test_the_unit_of_the_samples_does_not_matter(unit):
    samples = np.random.default_rng(0).normal(size=(20, 3))
    one, other = (
        ParsimoniousAutoencoder(n_components=2, n_clusters=2, max_epochs=3, random_state=0).fit(X)
        for X in (samples, unit * samples)
    )
    np.testing.assert_allclose(
        other.transform(unit * samples), one.transform(samples), rtol=1e-2, atol=1e-3
    )
    assert other.history_[-1]["loss"] == pytest.approx(one.history_[-1]["loss"], rel=1e-3)


@pytest.mark.filterwarnings("ignore:The loss became non-finite")
def test_a_part_of_a_stream_that_is_far_too_large_is_refused_and_changes_nothing():
    rng = np.random.default_rng(0)
    stream = ParsimoniousAutoencoder(n_components=2, n_clusters=2, max_epochs=1, random_state=0)
    stream.set_params(optimizer="sgd", batch_size=8).fit(rng.normal(size=(9, 4)))
    part = rng.normal(size=(14, 4))
    before = stream.transform(part)
    for size in (2.0**40, 2.0**60):
        told = pytest.warns(UserWarning, match="the X of the fit had some from")
        with told, pytest.raises(ValueError, match=r"non-finite.*Lower `lr`"):
            stream.partial_fit(size * part)
        np.testing.assert_array_equal(stream.transform(part), before)
