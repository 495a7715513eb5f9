"""Zero-shot classification: unseen pairs of digits, known optima, invariances."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.zero_shot_data import (
    ATTRIBUTES,
    PLANE,
    digit_pairs,
    mean_class_accuracy,
    overlapping_blobs,
    quick_fit,
)
from scipy.optimize import linprog
from sklearn.datasets import make_blobs
from sklearn.model_selection import train_test_split
from sklearn.svm import LinearSVC

from skdeepclust import ZeroShotClassifier
from skdeepclust.networks import MLP


@pytest.fixture(scope="module")
def pairs():
    return digit_pairs()


@pytest.fixture(scope="module")
def fitted(pairs):
    return ZeroShotClassifier(class_attributes=ATTRIBUTES, random_state=0).fit(pairs.X, pairs.y)


@pytest.fixture(scope="module")
def blobs():
    return overlapping_blobs()


# ---------------------------------------------------------------- what it is for


def test_it_knows_pairs_that_it_has_never_seen(fitted, pairs):
    assert set(fitted.unseen_classes_) == set(pairs.unseen)
    X, y = pairs.X_test[pairs.is_new], pairs.y_test[pairs.is_new]
    # by chance 1/30 and 1/100; measured 0.96 among the unseen classes and 0.90 among all
    assert mean_class_accuracy(y, fitted.predict(X, classes="unseen")) > 0.93
    assert mean_class_accuracy(y, fitted.predict(X)) > 0.85
    X, y = pairs.X_test[~pairs.is_new], pairs.y_test[~pairs.is_new]
    assert mean_class_accuracy(y, fitted.predict(X, classes="seen")) > 0.9


def test_attributes_of_other_classes_are_of_no_use(pairs):
    wrong = np.random.default_rng(0).permutation(ATTRIBUTES)
    classifier = ZeroShotClassifier(class_attributes=wrong, max_epochs=10, random_state=0)
    classifier.fit(pairs.X, pairs.y)
    predicted = classifier.predict(pairs.X_test[pairs.is_new], classes="unseen")
    assert mean_class_accuracy(pairs.y_test[pairs.is_new], predicted) < 0.15


def test_a_module_is_trained_with_the_map(pairs):
    classifier = ZeroShotClassifier(
        class_attributes=ATTRIBUTES,
        module=MLP,
        module__n_outputs=32,
        module__hidden=(64,),
        max_epochs=8,
        predict_over="unseen",
        random_state=0,
    ).fit(pairs.X, pairs.y)
    assert classifier.score(pairs.X_test[pairs.is_new], pairs.y_test[pairs.is_new]) > 0.85
    assert not hasattr(classifier, "coef_")
    # the input is scaled where a network has a layer for that
    assert float(classifier.module_.standardize.mean) == pytest.approx(pairs.X.mean(), rel=1e-5)


# ---------------------------------------------------------------- optima and special cases


def lowest_loss(X, y, attributes, fit_intercept) -> float:
    """Solve Eq. 5 as the linear program that it is."""
    if fit_intercept:
        X = np.column_stack([X, np.ones(len(X))])
    classes = np.unique(y)
    slack = np.eye(len(X))
    rows = [
        # 1 + x^T W (phi(c) - phi(y)) <= xi
        np.append(np.outer(x, attributes[c] - attributes[y[n]]), -slack[n])
        for n, x in enumerate(X)
        for c in np.setdiff1d(classes, y[n])
    ]
    n_weights = X.shape[1] * attributes.shape[1]
    cost = np.append(np.zeros(n_weights), np.full(len(X), 1 / len(X)))
    bounds = [(None, None)] * n_weights + [(0, None)] * len(X)
    return linprog(cost, np.array(rows), -np.ones(len(rows)), bounds=bounds).fun


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("attributes", [None, PLANE], ids=["one-hot", "plane"])
def test_it_reaches_the_optimum(attributes, fit_intercept):
    centers = [[0, 0], [3, 0], [0, 3], [3, 3]]
    X, y = make_blobs(80, centers=centers, random_state=0)
    classifier = ZeroShotClassifier(
        class_attributes=attributes,
        fit_intercept=fit_intercept,
        max_epochs=100,
        batch_size=20,
        dtype="float64",
        random_state=0,
    ).fit(X, y)
    optimum = lowest_loss(X, y, classifier.class_attributes_, fit_intercept)
    scores = classifier.decision_function(X)
    excess = 1 + scores - scores[np.arange(80), y][:, None]
    excess[np.arange(80), y] = 0
    assert optimum > 0.1
    assert optimum - 1e-9 <= excess.max(1).mean() <= 1.01 * optimum


def test_the_loss_of_separable_classes_falls_to_zero():
    X, y = make_blobs(60, centers=4, cluster_std=0.1, random_state=0)
    classifier = ZeroShotClassifier(max_epochs=200, random_state=0).fit(X, y)
    assert classifier.history_[0]["loss"] > 0.1
    assert classifier.history_[-1]["loss"] == 0
    assert classifier.score(X, y) == 1


def test_without_attributes_it_is_a_linear_classifier_with_hinge_loss(digits):
    X, X_test, y, y_test = train_test_split(*digits, random_state=0)
    X, X_test = X / 16, X_test / 16
    classifier = ZeroShotClassifier(max_epochs=15, random_state=0).fit(X, y)
    svc = LinearSVC(multi_class="crammer_singer", C=0.1, max_iter=100_000, random_state=0).fit(X, y)
    assert classifier.score(X_test, y_test) > svc.score(X_test, y_test) - 0.01
    assert np.mean(classifier.predict(X_test) == svc.predict(X_test)) > 0.96


@pytest.mark.parametrize(("fit_intercept", "offset"), [(True, 0.0), (True, 30.0), (False, 0.0)])
def test_scores_are_bilinear(blobs, fit_intercept, offset):
    X, y = blobs[0] + offset, blobs[1]
    classifier = ZeroShotClassifier(
        class_attributes=PLANE, fit_intercept=fit_intercept, max_epochs=5, random_state=0
    ).fit(X, y)
    assert classifier.coef_.shape == (2, 2)
    scores = (X @ classifier.coef_ + classifier.intercept_) @ classifier.class_attributes_.T
    assert np.ptp(scores) > 0.5
    np.testing.assert_allclose(classifier.decision_function(X), scores, rtol=1e-4, atol=1e-4)
    assert np.any(classifier.intercept_) == fit_intercept


def test_classes_without_samples_do_not_enter_the_training(blobs):
    X, y = blobs
    some, all_of_them = (
        ZeroShotClassifier(class_attributes=rows, max_epochs=5, random_state=0).fit(X, y)
        for rows in (PLANE[:3], PLANE)
    )
    np.testing.assert_array_equal(some.coef_, all_of_them.coef_)
    assert some.decision_function(X).shape == (90, 3)
    assert all_of_them.decision_function(X).shape == (90, 4)


# ---------------------------------------------------------------- invariances


@pytest.mark.parametrize(("factor", "offset"), [(1e-3, 0.0), (255.0, 0.0), (1.0, 300.0)])
def test_the_unit_of_x_and_its_zero_do_not_matter(blobs, factor, offset):
    X, y = blobs
    moved = factor * X + offset
    np.testing.assert_allclose(
        quick_fit(moved, y).decision_function(moved),
        quick_fit(X, y).decision_function(X),
        rtol=1e-6,
    )


def test_one_learning_rate_suits_few_features_and_many(blobs):
    X, y = blobs
    many = np.tile(X, 50)
    np.testing.assert_allclose(
        quick_fit(many, y, fit_intercept=False).decision_function(many),
        quick_fit(X, y, fit_intercept=False).decision_function(X),
        atol=1e-4,
    )


def test_the_length_of_attributes_does_not_matter(blobs):
    lengths = np.array([[0.1], [1.0], [20.0], [3.0]])
    a, b = (quick_fit(*blobs, class_attributes=rows) for rows in (PLANE, lengths * PLANE))
    np.testing.assert_allclose(np.linalg.norm(b.class_attributes_, axis=1), 1)
    np.testing.assert_allclose(a.coef_, b.coef_, rtol=1e-6)


def test_repeatable_and_without_a_trace(blobs, global_state_untouched):
    a, b, c = (quick_fit(*blobs, random_state=seed, batch_size=16) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a.coef_, b.coef_)
    assert not np.array_equal(a.coef_, c.coef_)
