"""Values that lie far from zero, in another unit, or closer than their digits can tell."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from helpers.quick import triplet_dec
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_blobs
from sklearn.metrics import adjusted_rand_score
from torch import nn

from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    ZeroShotClassifier,
)
from skdeepclust._inputs.samples import InputSpec
from skdeepclust._inputs.values import (
    check_differences,
    check_digits,
    origin_of,
    some_rows_of,
    value_range_of,
    warn_of_other_unit,
)

BLOBS, GROUP = make_blobs(120, centers=3, n_features=6, cluster_std=0.5, random_state=0)
# what isn't lost of their digits by the largest offset
BLOBS = np.round(BLOBS, 3)
ESTIMATORS = {
    "triplet": lambda: TripletDECClusterer(
        3, pretrain_epochs=1, warmup_epochs=1, max_epochs=1, n_init=2, random_state=0
    ),
    "tagnet": lambda: TAGnetClusterer(
        3, n_components=8, n_stages=2, max_epochs=1, n_init=2, random_state=0
    ),
    "autoencoder": lambda: ParsimoniousAutoencoder(
        n_components=2, n_clusters=3, max_epochs=2, random_state=0
    ),
    "classifier": lambda: ParsimoniousClassifier(n_clusters=3, max_epochs=2, random_state=0),
    "embedder": lambda: ForcedApartEmbedder(n_components=3, max_epochs=2, random_state=0),
    "zero shot": lambda: ZeroShotClassifier(max_epochs=2, random_state=0),
}


def answers(name: str, X) -> np.ndarray:
    model = ESTIMATORS[name]().fit(X, GROUP)
    if hasattr(model, "transform"):
        return model.transform(X)
    return model.decision_function(X)


@pytest.mark.parametrize("offset", [1e8, -1e6], ids=["far above", "far below"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_offset_changes_no_result(name, offset) -> None:
    shifted = BLOBS - BLOBS.min() + 40  # also far enough to be told from another origin
    np.testing.assert_allclose(
        answers(name, shifted + offset), answers(name, shifted), rtol=2e-3, atol=2e-3
    )


def test_stamps_in_nanoseconds() -> None:
    stamps = np.datetime64("2026-11-29", "ns").astype(np.int64)
    X = stamps + (1e9 * (BLOBS - BLOBS.min() + 40)).astype(np.int64)
    assert adjusted_rand_score(GROUP, ESTIMATORS["tagnet"]().fit_predict(X)) == 1
    years = stamps + (1e15 * (BLOBS - BLOBS.min() + 40)).astype(np.int64)
    with pytest.raises(ValueError, match=r"differ from each other by .* Scale X"):
        ESTIMATORS["tagnet"]().fit(years)


@pytest.mark.parametrize("offset", [0, 273.15, -1e8])
def test_training_is_as_good_wherever_values_lie(digits, offset) -> None:
    X, y = digits[0] + offset, digits[1]
    networks = {
        ParsimoniousClassifier(max_epochs=5, random_state=0): 0.85,
        ForcedApartEmbedder(max_epochs=5, random_state=0): 0.85,
        ZeroShotClassifier(max_epochs=5, random_state=0): 0.85,
    }
    for model, least in networks.items():
        model.fit(X, y)
        assert model.score(X, y) > least, type(model).__name__


def test_an_offset_of_one_feature_is_no_scale_of_the_others() -> None:
    def error(X) -> float:
        network = {"n_components": 2, "n_clusters": 3, "max_epochs": 3, "random_state": 0}
        return ParsimoniousAutoencoder(batch_size=32, **network).fit(X).reconstruction_err_

    near, far = (BLOBS + np.array([offset, 0, 0, 0, 0, 0]) for offset in (60, 1e6))
    assert error(near) == pytest.approx(error(far), rel=0.01)


def test_plain_tables_and_images_are_told_from_zero(digits) -> None:
    for load in (load_iris, load_wine, load_breast_cancer):
        X = load(return_X_y=True)[0]
        assert InputSpec.learn(X.shape[1:], X.shape[1]).with_values(X, "float32").origin is None
    X = digits[0] + np.linspace(0, 80, 64)  # a gradient of the light
    rows, images = (InputSpec.learn((64,), 64, shape) for shape in (None, (8, 8)))
    assert rows.with_values(X, "float32").origin.shape == (64,)
    assert images.with_values(X, "float32").origin is None


@pytest.mark.parametrize("name", ["triplet", "tagnet"])
def test_an_offset_of_one_feature_hides_no_cluster(name) -> None:
    X = BLOBS + np.array([1.7e9, 0, 0, 0, 0, 0])  # seconds since 1970
    labels = ESTIMATORS[name]().fit_predict(X)
    assert len({(label, group) for label, group in zip(labels, GROUP, strict=True)}) == 3


def test_images_on_another_ground_are_augmented_alike(digits) -> None:
    images = digits[0][:100]
    plain, bright = (triplet_dec(4).fit(X) for X in (images, images + 256))
    # steps of 1 are told exactly: the same numbers go through the network
    np.testing.assert_array_equal(bright.transform(images + 256), plain.transform(images))


def test_what_is_decoded_lies_where_x_does() -> None:
    X = BLOBS + 1e8
    model = ESTIMATORS["autoencoder"]().fit(X)
    decoded = model.inverse_transform(model.transform(X))
    error = np.square(decoded - X).sum(1).mean()
    assert error == pytest.approx(-model.score(X), rel=1e-4)
    assert error == pytest.approx(model.reconstruction_err_, rel=1e-4)


def test_linear_coefficients_are_those_of_x_itself() -> None:
    X = BLOBS + 1000
    model = ESTIMATORS["zero shot"]().fit(X, GROUP)
    scores = X @ model.coef_.astype(float) + model.intercept_
    attributes = model.class_attributes_
    np.testing.assert_allclose(scores @ attributes.T, model.decision_function(X), atol=0.05)


def test_exemplars_are_those_of_the_training() -> None:
    X = BLOBS + 1e8
    model = ESTIMATORS["classifier"]().fit(X, GROUP)
    found = model.regularizer_.exemplars(X, "fc1", 0, n_exemplars=3)
    again = ESTIMATORS["classifier"]().fit(BLOBS - BLOBS.min() + 40, GROUP)
    expected = again.regularizer_.exemplars(BLOBS - BLOBS.min() + 40, "fc1", 0, n_exemplars=3)
    np.testing.assert_array_equal(found.samples, expected.samples)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_differences_that_are_rounded_away_are_refused(name) -> None:
    X = (BLOBS + 1e8).astype(np.float32)
    with pytest.raises(ValueError, match=r"float32 rounds to multiples of 8.*Subtract their mean"):
        ESTIMATORS[name]().fit(X, GROUP)


def test_digits_of_each_feature_are_looked_at() -> None:
    stamps = 1.7e9 + 64 * GROUP[:, None]
    for others in (400 * BLOBS, 10 * BLOBS, BLOBS - BLOBS):
        with pytest.raises(ValueError, match=r"X has values of a size of 1.7e\+09, which float32"):
            check_digits(np.c_[others, stamps].astype(np.float32), np.float32)
    for fine in (1e9 + 1000 * GROUP, np.full(len(BLOBS), 1e9), 1 + 1e-7 * GROUP, 1e9 * (GROUP > 1)):
        check_digits(np.c_[BLOBS, fine].astype(np.float32), np.float32)
    with pytest.raises(ValueError, match=r"float32 rounds to multiples of 64"):  # in their sum
        check_digits(np.c_[BLOBS, np.full(len(BLOBS), 1e9)], np.float32, together=True)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("at", [0, 3], ids=["of one sign", "of both"])
def test_values_without_squares_get_the_error_alone(name, at) -> None:
    X = (BLOBS - BLOBS.min() + 1 - 3 * at) * 5e306
    for given in (X, X * [1, 0, 0, 0, 0, 0], X * 1e-270, sparse.csr_array(X)):
        with warnings.catch_warnings(), np.errstate(all="raise"):
            warnings.simplefilter("error")
            with pytest.raises(ValueError, match=r"with dtype='float32' they may be .* Scale X"):
                ESTIMATORS[name]().fit(given, GROUP)


@pytest.mark.parametrize("unit", [1e-9, 1e-18])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_small_unit_changes_no_result(name, unit) -> None:
    np.testing.assert_allclose(
        answers(name, BLOBS * unit), answers(name, BLOBS), rtol=2e-3, atol=2e-3
    )


@pytest.mark.parametrize("name", ESTIMATORS)
def test_differences_without_squares_are_refused(name) -> None:
    refused = pytest.raises(
        ValueError, match=r"differ from each other by .* by X \* 1e(24|309|300)"
    )
    for given in (BLOBS * 1e-25, sparse.csr_array(BLOBS * 1e-25), BLOBS * 1e-310):
        with refused:
            ESTIMATORS[name]().fit(given, GROUP)
    with pytest.raises(ValueError, match=r"dtype='float64' some have to differ by 1.5e-154"):
        ESTIMATORS[name]().set_params(dtype="float64").fit(BLOBS * 1e-156, GROUP)


def test_differences_are_those_of_all_rows() -> None:
    rows = np.random.default_rng(0).normal(size=(4001, 3)) * 1e-25
    for X in (rows, torch.from_numpy(rows), sparse.csr_array(rows)):
        with pytest.raises(ValueError, match="differ from each other"):
            check_differences(X, some_rows_of(X), "float32")
    rows[3] = 1  # which isn't one of the rows that are looked at
    for X in (rows, torch.from_numpy(rows), sparse.csr_array(rows), np.full((30, 2), 1e-25)):
        check_differences(X, some_rows_of(X), "float32")


def test_a_network_of_the_users_gets_the_values_as_they_are() -> None:
    class Plain(nn.Module):
        def __init__(self, input_shape, n_outputs):
            super().__init__()
            self.linear = nn.Linear(*input_shape, n_outputs)
            self.seen = 0.0

        def forward(self, x):
            self.seen = float(x.abs().max())
            return self.linear(x)

    model = ParsimoniousClassifier(module=Plain, lam=0, max_epochs=1, random_state=0)
    model.fit(BLOBS + 1000, GROUP).predict(BLOBS + 1000)
    assert model.module_.seen > 900
    with pytest.raises(ValueError, match="float32 rounds to multiples of"):
        model.fit(BLOBS + 1e9, GROUP)


def test_where_values_are_told_from() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 5))
    assert origin_of(rows) is None
    assert origin_of(rows + 1) is None
    assert origin_of(rows - rows.min() + 1) == pytest.approx(1)  # from the smallest
    assert origin_of(rows - rows.max() - 50) == pytest.approx(rows.min() - rows.max() - 50)
    around = rows + np.where(np.arange(200) % 50, 20, 0)[:, None]  # some lie at zero
    assert origin_of(around) == pytest.approx(around.mean())
    apart = rows + 100 * np.arange(5)
    np.testing.assert_allclose(origin_of(apart), apart.mean(0))
    assert origin_of(np.full((3, 2), 1e9)) is None
    assert origin_of(sparse.csr_array(rows + 1e6)) is None


def test_values_of_another_unit_are_told() -> None:
    rows = np.random.default_rng(0).uniform(size=(100, 4))
    seen = value_range_of(255 * rows)
    for other in (rows, 255 * 100 * rows, 255 * rows + 5000, -255 * rows - 5000):
        with pytest.warns(UserWarning, match=r"X has values from .* the X of the fit .* to 25"):
            warn_of_other_unit(other, seen)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_other_unit(200 * rows + 30, seen)
        warn_of_other_unit(rows[:3], seen)  # a few samples may well be alike
        warn_of_other_unit(np.zeros((50, 4)), seen)  # and equal values tell no unit
        warn_of_other_unit(sparse.csr_array(255 * rows), seen)


def test_a_rare_kind_of_the_fit_is_in_no_other_unit() -> None:
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(2990, 4)), rng.normal(200, 50, (10, 4))])
    y = np.arange(3000) > 2989
    model = ParsimoniousClassifier(n_clusters=5, max_epochs=1, random_state=0).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(X[y])
    with pytest.warns(UserWarning, match="the X of the fit had some from"):
        model.predict(1000 * X[y])


def test_exemplars_are_looked_for_in_the_unit_of_the_fit(digits) -> None:
    X, y = digits[0][:100], digits[1][:100]
    found = ParsimoniousClassifier(n_clusters=5, max_epochs=1, random_state=0).fit(X, y)
    with pytest.warns(UserWarning, match="the X of the fit had some from"):
        found.regularizer_.exemplars(255 * X, "fc1", 0)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform", "score", "fit"])
def test_every_door_warns_of_another_unit_once(digits, method) -> None:
    X = digits[0][:100]
    model = triplet_dec(4, warm_start=True).fit(X)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        getattr(model, method)(X / 255)
    told = [str(each.message) for each in caught if "the X of the fit" in str(each.message)]
    assert len(told) == 1
    assert caught[0].filename == __file__
