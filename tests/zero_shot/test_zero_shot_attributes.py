"""Forms in which attributes of classes may be given, and which classes are chosen from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError

from skdeepclust import ZeroShotClassifier

ROWS = np.array([[1.0, 0.0], [-0.6, 0.8], [0.0, -1.0], [0.8, 0.6], [2.0, 2.0]])
NAMES = ["ant", "bee", "cat", "dog", "eel"]


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(60, centers=3, random_state=0)


def fit(X, y, class_attributes, **params):
    classifier = ZeroShotClassifier(
        class_attributes=class_attributes, max_epochs=3, random_state=0, **params
    )
    return classifier.fit(X, y)


def named(y, dtype=None):
    return np.array(NAMES, dtype=dtype)[y]


@pytest.fixture(scope="module")
def fitted(blobs):
    X, y = blobs
    return fit(X, named(y), dict(zip(NAMES, ROWS, strict=True)))


# ---------------------------------------------------------------- forms


def assert_same(a, b, X):
    np.testing.assert_array_equal(a.classes_, b.classes_)
    np.testing.assert_array_equal(a.class_attributes_, b.class_attributes_)
    np.testing.assert_array_equal(a.coef_, b.coef_)
    np.testing.assert_array_equal(a.predict(X), b.predict(X))


ORDER = [3, 0, 4, 1, 2]
FORMS = {
    "frame": pd.DataFrame(ROWS, index=NAMES, columns=["striped", "wet"]),
    "shuffled frame": pd.DataFrame(ROWS, index=NAMES).iloc[ORDER],
    "shuffled dict": {NAMES[i]: ROWS[i] for i in ORDER},
    "dict of lists": {name: row.tolist() for name, row in zip(NAMES, ROWS, strict=True)},
}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_and_orders_are_the_same(blobs, fitted, form):
    X, y = blobs
    assert_same(fit(X, named(y), FORMS[form]), fitted, X)
    assert fitted.classes_.tolist() == NAMES
    assert fitted.seen_classes_.tolist() == NAMES[:3]
    assert fitted.unseen_classes_.tolist() == NAMES[3:]
    lengths = np.linalg.norm(ROWS, axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.class_attributes_, ROWS / lengths)


def test_rows_of_an_array_describe_numbers_or_the_sorted_labels(blobs, fitted):
    X, y = blobs
    numbers = fit(X, y, ROWS)
    np.testing.assert_array_equal(numbers.coef_, fitted.coef_)
    assert numbers.classes_.tolist() == [0, 1, 2, 3, 4]
    # as many rows as labels
    strings = fit(X, named(y), ROWS[:3])
    np.testing.assert_array_equal(strings.coef_, fitted.coef_)
    assert strings.classes_.tolist() == NAMES[:3]
    far = fit(X, 10 * y - 10, ROWS[:3].tolist())
    np.testing.assert_array_equal(far.coef_, fitted.coef_)
    assert far.classes_.tolist() == [-10, 0, 10]
    # some rows of labels that come later
    later = fit(X, y + 2, ROWS)
    assert later.seen_classes_.tolist() == [2, 3, 4]
    np.testing.assert_array_equal(later.unseen_classes_, [0, 1])


def test_no_attributes_are_one_for_each_label(blobs):
    X, y = blobs
    none = fit(X, named(y), None)
    assert_same(none, fit(X, named(y), np.eye(3)), X)
    assert_same(none, fit(X, named(y), dict(zip(NAMES, 7 * np.eye(3), strict=False))), X)
    np.testing.assert_array_equal(none.class_attributes_, np.eye(3))
    assert len(none.unseen_classes_) == 0


@pytest.mark.parametrize("dtype", [object, "<U3", np.uint8, np.float64, bool])
def test_predictions_have_the_type_of_labels(blobs, dtype):
    X, y = blobs
    labels = np.array(NAMES[:3] if dtype in (object, "<U3") else [0, 1, 1], dtype=dtype)[y]
    rows = ROWS[:2] if dtype is bool else ROWS
    forms = FORMS["frame"] if dtype in (object, "<U3") else rows
    classifier = fit(X, labels, forms)
    assert classifier.predict(X).dtype == labels.dtype
    assert classifier.score(X, labels) > 0.4


def test_names_of_features_are_kept(blobs):
    frame = pd.DataFrame(blobs[0], columns=["a", "b"])
    classifier = fit(frame, pd.Series(named(blobs[1])), FORMS["frame"])
    assert classifier.feature_names_in_.tolist() == ["a", "b"]
    assert set(classifier.predict(frame)) <= set(NAMES)


# ---------------------------------------------------------------- mistakes

MISTAKES = {
    "a label without attributes": (
        dict(zip(NAMES[:2], ROWS, strict=False)),
        "y has labels without a row in class_attributes: 'cat'. Known are 'ant', 'bee'.",
    ),
    "numbers for strings": (
        dict(enumerate(ROWS)),
        "y has labels without a row in class_attributes: 'ant', 'bee', 'cat'. Known are 0, 1",
    ),
    "unequal lengths": (
        {"ant": [1, 2], "bee": [1, 2, 3], "cat": [1, 2]},
        "as many attributes for each label, got 2 for 'cat', 3 for 'bee'",
    ),
    "nan": ({**FORMS["dict of lists"], "bee": [np.nan, 1]}, "Input class_attributes contains NaN"),
    "infinite": ({**FORMS["dict of lists"], "bee": [np.inf, 1]}, "contains infinity"),
    "a row of zeros": (
        {**FORMS["dict of lists"], "dog": [0, 0]},
        "class_attributes is zero in all attributes of 'dog'",
    ),
    "an array for strings": (ROWS, "is an array of 5 rows, but y has 3 labels.*: 'ant', 'bee'"),
    "labels of two kinds": (
        {**FORMS["dict of lists"], 3: [1, 1]},
        "must be all numbers or all strings",
    ),
    "a label twice": (
        pd.DataFrame(ROWS, index=["ant", "bee", "cat", "dog", "bee"]),
        "describes labels more than once: 'bee'",
    ),
    "a vector": (np.ones(3), "Expected 2D array, got 1D array"),
    "words": ({name: ["x"] for name in NAMES}, "could not convert|to numeric"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_in_attributes(blobs, mistake):
    class_attributes, match = MISTAKES[mistake]
    with pytest.raises(ValueError, match=match):
        fit(blobs[0], named(blobs[1]), class_attributes)


def test_an_array_with_too_few_rows(blobs):
    X, y = blobs
    with pytest.raises(
        ValueError, match=r"without a row in class_attributes: 2\. Known are 0, 1\."
    ):
        fit(X, y, ROWS[:2])


def test_no_class_is_left_to_be_unseen(blobs):
    X, y = blobs
    with pytest.raises(ValueError, match="There is no unseen class to choose from"):
        fit(X, y, ROWS[:3], predict_over="unseen")
    with pytest.raises(ValueError, match=r"The 'predict_over' parameter .* Got 'new' instead"):
        fit(X, y, ROWS, predict_over="new")


def test_one_class_is_not_enough(blobs):
    X, y = blobs
    with pytest.raises(ValueError, match="at least 2 classes, but y has only 1 class: 1"):
        fit(X[y == 1], y[y == 1], ROWS)


# ---------------------------------------------------------------- which classes


def test_which_classes_are_chosen_from(blobs, fitted):
    X, _ = blobs
    scores = fitted.decision_function(X)
    assert scores.shape == (60, 5)
    np.testing.assert_array_equal(fitted.decision_function(X, classes="all"), scores)
    for which, columns in {"all": [0, 1, 2, 3, 4], "seen": [0, 1, 2], "unseen": [3, 4]}.items():
        best = np.array(NAMES)[columns][scores[:, columns].argmax(1)]
        np.testing.assert_array_equal(fitted.predict(X, classes=which), best)
        default = clone(fitted).set_params(predict_over=which).fit(X, named(blobs[1]))
        np.testing.assert_array_equal(default.predict(X), best)
    np.testing.assert_array_equal(fitted.decision_function(X, "seen"), scores[:, :3])


def test_columns_are_in_the_order_asked_for(blobs, fitted):
    X, _ = blobs
    scores = fitted.decision_function(X)
    asked = ["eel", "ant", "dog"]
    np.testing.assert_array_equal(fitted.decision_function(X, asked), scores[:, [4, 0, 3]])
    best = np.array(asked)[scores[:, [4, 0, 3]].argmax(1)]
    np.testing.assert_array_equal(fitted.predict(X, np.array(asked)), best)
    np.testing.assert_array_equal(fitted.predict(X, pd.Index(asked)), best)


def test_of_two_classes_there_is_one_score(blobs, fitted):
    X, _ = blobs
    scores = fitted.decision_function(X)
    two = fitted.decision_function(X, "unseen")
    np.testing.assert_array_equal(two, scores[:, 4] - scores[:, 3])
    np.testing.assert_array_equal(fitted.predict(X, "unseen") == "eel", two > 0)
    np.testing.assert_array_equal(fitted.decision_function(X, ["eel", "dog"]), -two)
    assert fitted.decision_function(torch.from_numpy(X), "unseen").shape == (60,)


def test_of_one_class_there_is_no_choice(blobs, fitted):
    assert set(fitted.predict(blobs[0], ["dog"])) == {"dog"}
    assert fitted.decision_function(blobs[0], ["dog"]).shape == (60, 1)


@pytest.mark.parametrize(
    ("classes", "match"),
    [
        ("dog", "classes='dog' should be 'all', 'seen', 'unseen' or an array of labels"),
        (["dog", "fly"], "classes has labels without attributes: 'fly'. Known are 'ant'"),
        ([], "at least one label, each but once, got none"),
        (["dog", "dog"], "each but once, got 'dog', 'dog'"),
        ([["dog"]], "1-d array"),
    ],
    ids=["one name", "unknown", "none", "twice", "2-d"],
)
def test_mistakes_in_classes(blobs, fitted, classes, match):
    for method in (fitted.predict, fitted.decision_function):
        with pytest.raises(ValueError, match=match):
            method(blobs[0], classes=classes)


def test_before_the_fit(blobs):
    for method in ("predict", "decision_function"):
        with pytest.raises(NotFittedError):
            getattr(ZeroShotClassifier(), method)(blobs[0], classes=["dog"])
