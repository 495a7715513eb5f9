"""What the zero-shot classifier takes, its networks, and its manners with scikit-learn."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
import torch
from helpers.zero_shot_data import (
    ATTRIBUTES,
    PLANE,
    digit_pairs,
    mean_class_accuracy,
    overlapping_blobs,
    quick_fit,
)
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skdeepclust import ZeroShotClassifier
from skdeepclust.regularizers import ActivationRegularizer


@pytest.fixture(scope="module")
def pairs():
    return digit_pairs()


@pytest.fixture(scope="module")
def fitted(pairs):
    return quick_fit(pairs.X, pairs.y, class_attributes=ATTRIBUTES, dtype="float32")


@pytest.fixture(scope="module")
def blobs():
    return overlapping_blobs()


# ---------------------------------------------------------------- inputs


def test_images_and_rows_are_the_same(pairs):
    X, y = pairs.X[:200], pairs.y[:200]
    rows = ZeroShotClassifier(max_epochs=2, random_state=0).fit(X, y)
    images = clone(rows).fit(X.reshape(-1, 2, 8, 8), y)
    named = clone(rows).set_params(image_shape=(2, 8, 8)).fit(X, y)
    assert images.image_shape_ == named.image_shape_ == (2, 8, 8)
    np.testing.assert_array_equal(images.coef_, rows.coef_)
    np.testing.assert_array_equal(named.coef_, rows.coef_)
    assert not hasattr(rows, "image_shape_")


def test_every_form_of_rows_is_the_same(pairs):
    X, y = pairs.X[:200], pairs.y[:200]
    classifier = ZeroShotClassifier(max_epochs=2, random_state=0).fit(X, y)
    expected = classifier.decision_function(X)
    for form in (sparse.csr_array(X), torch.from_numpy(X), X.astype(np.uint8)):
        again = clone(classifier).fit(form, y)
        np.testing.assert_allclose(np.asarray(again.decision_function(form)), expected, rtol=1e-5)
    assert isinstance(classifier.decision_function(torch.from_numpy(X)), torch.Tensor)
    assert isinstance(classifier.predict(torch.from_numpy(X)), np.ndarray)


# ---------------------------------------------------------------- networks


def features() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh())


class Shaped(nn.Module):
    """Features in the shape of an image, for batches of `input_shape`."""

    def __init__(self, input_shape, width=4):
        super().__init__()
        assert input_shape == (2,)
        self.layer = nn.Linear(2, width * 4)

    def forward(self, x):
        return self.layer(x).reshape(len(x), -1, 2, 2)


@pytest.mark.parametrize("module", [features, features(), Shaped], ids=["factory", "net", "class"])
def test_networks_of_features(blobs, module):
    X, y = blobs
    classifier = ZeroShotClassifier(module=module, max_epochs=40, lr=0.01, random_state=0)
    classifier.fit(X, y)
    assert classifier.score(X, y) > 0.8
    assert classifier.module_.linear.in_features == (16 if module is Shaped else 8)
    copied = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(copied.decision_function(X), classifier.decision_function(X))
    classifier.set_params(module=None).fit(X, y)
    assert classifier.coef_.shape == (2, 3)
    assert not hasattr(classifier.set_params(module=module).fit(X, y), "intercept_")


def test_weights_of_the_network_move(blobs):
    net = features()
    before = net[0].weight.detach().clone()
    fit = ZeroShotClassifier(module=net, max_epochs=3, random_state=0).fit(*blobs)
    assert torch.equal(net[0].weight, before)
    assert not torch.equal(fit.module_.features[0].weight, before)


class Flat(nn.Linear):
    def forward(self, x):
        return super().forward(x).flatten()


def test_a_network_without_rows_of_features(blobs):
    with pytest.raises(ValueError, match=r"module=Flat should make a tensor \(n, n_features\)"):
        ZeroShotClassifier(module=Flat(2, 3)).fit(*blobs)


def test_regularisers_of_the_network(blobs):
    penalty = ActivationRegularizer(["features.0"], lam=1.0)
    plain = ZeroShotClassifier(module=features(), lr=0.01, random_state=0).fit(*blobs)
    small = clone(plain).set_params(regularizers=[penalty]).fit(*blobs)
    X = torch.from_numpy(blobs[0]).float()
    with torch.no_grad():
        size = [float(fit.module_.features[0](X).square().mean()) for fit in (plain, small)]
    assert size[1] < 0.5 * size[0]
    assert small.history_[-1]["loss"] > small.history_[-1]["hinge"]


# ---------------------------------------------------------------- scikit-learn


def test_score_is_the_mean_over_classes_and_does_not_warn(fitted, pairs):
    X, y = pairs.X_test[:100], pairs.y_test[:100]
    predicted = fitted.predict(X)
    assert set(predicted) - set(y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fitted.score(X, y) == pytest.approx(mean_class_accuracy(y, predicted))
    assert fitted.score(X, y) != pytest.approx(accuracy_score(y, predicted), abs=1e-4)


def test_score_weighs_samples_within_their_class(fitted, pairs):
    X, y = pairs.X_test[:500], pairs.y_test[:500]
    weight = np.random.default_rng(0).integers(0, 3, 500)
    weight[y == y[0]] = 0
    rows = np.repeat(np.arange(500), weight)
    expected = mean_class_accuracy(y[rows], fitted.predict(X[rows]))
    assert fitted.score(X, y, sample_weight=weight) == pytest.approx(expected)


def test_a_scaler_in_front_and_a_grid_around(pairs):
    X, X_test, y, y_test = train_test_split(
        pairs.X[:1000], pairs.y[:1000] // 10, random_state=0, stratify=pairs.y[:1000] // 10
    )
    pipeline = make_pipeline(StandardScaler(), ZeroShotClassifier(random_state=0))
    grid = GridSearchCV(pipeline, {"zeroshotclassifier__max_epochs": [0, 5]}, cv=2).fit(X, y)
    assert grid.best_params_ == {"zeroshotclassifier__max_epochs": 5}
    assert grid.score(X_test, y_test) > 0.85


def test_a_pickle_predicts_the_same_and_a_clone_knows_nothing(fitted, pairs):
    copied = pickle.loads(pickle.dumps(fitted))
    X = pairs.X_test[:50]
    np.testing.assert_array_equal(copied.decision_function(X), fitted.decision_function(X))
    np.testing.assert_array_equal(copied.predict(X, "unseen"), fitted.predict(X, "unseen"))
    assert not hasattr(clone(fitted), "coef_")
    np.testing.assert_array_equal(clone(fitted).class_attributes, ATTRIBUTES)


def test_class_weights_are_sample_weights(blobs):
    X, y = blobs
    X, y = X[(y < 2) | (np.arange(90) % 3 == 0)], y[(y < 2) | (np.arange(90) % 3 == 0)]
    balanced = len(y) / (3 * np.bincount(y))[y]
    by_class = quick_fit(X, y, class_weight="balanced")
    by_sample = ZeroShotClassifier(**by_class.set_params(class_weight=None).get_params())
    by_sample.fit(X, y, sample_weight=balanced)
    np.testing.assert_allclose(by_class.coef_, by_sample.coef_, rtol=1e-9)
    assert not np.allclose(by_class.coef_, quick_fit(X, y).coef_, rtol=1e-3)


def test_class_weights_are_by_label_also_beside_unseen_classes(blobs):
    X, y = blobs
    labels = np.array(["1", "2", "3"])[y]
    rows = dict(zip(["1", "2", "3", "0"], PLANE, strict=True))
    fit = quick_fit(X, labels, class_attributes=rows, class_weight={"2": 100})
    plain = quick_fit(X, labels, class_attributes=rows)
    assert np.mean(fit.predict(X, "seen") == "2") > np.mean(plain.predict(X, "seen") == "2") + 0.1


# ---------------------------------------------------------------- warm starts


def test_a_warm_start_goes_on_and_may_see_more_classes(blobs):
    X, y = blobs
    classifier = quick_fit(X[y < 2], y[y < 2], class_attributes=PLANE, warm_start=True)
    first = classifier.coef_
    assert classifier.unseen_classes_.tolist() == [2, 3]
    classifier.set_params(max_epochs=20).fit(X[y > 0], y[y > 0])
    assert classifier.seen_classes_.tolist() == [0, 1, 2]
    assert classifier.unseen_classes_.tolist() == [3]
    assert len(classifier.history_) == 30
    assert not np.array_equal(classifier.coef_, first)
    with pytest.raises(ValueError, match="y has unknown labels: 7"):
        classifier.fit(X, np.where(y == 2, 7, y))
    assert classifier.seen_classes_.tolist() == [0, 1, 2]
    assert classifier.set_params(warm_start=False).fit(X, y).history_[0]["epoch"] == 1
    assert len(classifier.history_) == 20
