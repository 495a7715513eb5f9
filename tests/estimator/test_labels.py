"""Labels, class weights and sample weights of classifiers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.small_fits import KNOWN, QUICK
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import get_tags
from sklearn.utils.class_weight import compute_sample_weight

from skdeepclust import ParsimoniousClassifier, ZeroShotClassifier
from skdeepclust._estimator.classifier import BaseDeepClassifier
from skdeepclust._estimator.labels import check_labels, positions

X = np.zeros((6, 2))


class Classifier(BaseDeepClassifier):
    """Has labels, and weights of classes."""


def encode(y, **params) -> tuple[Classifier, np.ndarray]:
    classifier = Classifier(**params)
    classifier.classes_, index = check_labels(classifier, y, len(y))
    return classifier, index


def test_it_is_a_classifier_that_needs_y():
    tags = get_tags(Classifier())
    assert tags.estimator_type == "classifier"
    assert tags.target_tags.required
    assert tags.classifier_tags.multi_class
    assert tags.input_tags.sparse


@pytest.mark.parametrize(
    "y",
    [
        ["b", "a", "c", "a"],
        np.array(["b", "a", "c", "a"], dtype=object),
        [2, 1, 7, 1],
        np.array([2.0, 1.0, 7.0, 1.0]),
        torch.tensor([2, 1, 7, 1]),
        np.array([200, 100, 255, 100], dtype=np.uint8),
    ],
    ids=["str", "object", "int", "float", "tensor", "uint8"],
)
def test_labels_become_indices_and_stay_what_they_are(y):
    classifier, index = encode(y)
    assert index.dtype == np.int64
    assert index.tolist() == [1, 0, 2, 0]
    np.testing.assert_array_equal(classifier.classes_[index], np.asarray(y))
    assert check_labels(classifier, y[:1], 1, classifier.classes_)[1].tolist() == [1]


def test_truth_values_are_labels():
    classifier, index = encode([True, False, True])
    assert classifier.classes_.tolist() == [False, True]
    assert index.tolist() == [1, 0, 1]


def test_numbers_are_found_in_whatever_type():
    classifier, _ = encode([1, 2])
    assert check_labels(classifier, [2.0, 1.0], 2, classifier.classes_)[1].tolist() == [1, 0]


def test_a_column_is_taken_with_a_warning():
    with pytest.warns(DataConversionWarning, match="column-vector"):
        _, index = encode(np.array([["b"], ["a"]]))
    assert index.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (None, "Classifier estimator requires y to be passed, but the target y is None"),
        (["a"] * 6, "y has only 1 class: 'a'"),
        ([0.5, 1, 2, 0, 1, 2], "Unknown label type: continuous"),
        ([np.nan, 1, 2, 0, 1, 2], "Input y contains NaN"),
        (np.array(["a", np.nan] * 3, dtype=object), "contains NaN"),
        (np.eye(6), r"y should be a 1d array, got an array of shape \(6, 6\)"),
        ([0, 1], "y has 2 labels, but X has 6 samples"),
    ],
    ids=["none", "one class", "continuous", "nan", "nan object", "indicator", "short"],
)
def test_what_cannot_be_labels(y, match):
    with pytest.raises(ValueError, match=match):
        check_labels(Classifier(), y, 6)


@pytest.mark.parametrize(
    ("known", "y", "match"),
    [
        (["a", "b"], ["a", "apple"], "unknown labels: 'apple'. Known are 'a', 'b'."),
        ([1, 2], ["1", "2"], "unknown labels: '1', '2'. Known are 1, 2."),
        ([1, 2], [2, 300], "unknown labels: 300."),
    ],
    ids=["longer", "strings", "numbers"],
)
def test_unknown_labels_are_named(known, y, match):
    classifier, _ = encode(np.array(known))
    with pytest.raises(ValueError, match=match):
        check_labels(classifier, y, 2, classifier.classes_)[1]


def test_many_unknown_labels_are_not_all_printed():
    with pytest.raises(ValueError, match=r"y: 10, 11, .*, 19 and 80 more\. Known are 0, .*9\.$"):
        positions(range(100), range(10), problem="y")


# ---------------------------------------------------------------- weights


def test_no_weights():
    classifier, index = encode([0, 1, 1, 2, 2, 2])
    assert classifier._weights(None, index, X) == {}


@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 2: 0.5}])
def test_class_weights_are_scikit_learns(class_weight):
    y = [0, 1, 1, 2, 2, 2]
    classifier, index = encode(y, class_weight=class_weight)
    weight = classifier._weights(None, index, X)["sample_weight"]
    expected = compute_sample_weight(class_weight, y)
    np.testing.assert_allclose(weight / weight[0], expected / expected[0])


def test_weights_are_multiplied():
    classifier, index = encode(["a", "b", "b", "c", "c", "c"], class_weight={"b": 2})
    weight = classifier._weights([1, 2, 3, 4, 5, 6], index, X)["sample_weight"]
    np.testing.assert_allclose(weight / weight[0], [1, 4, 6, 4, 5, 6], rtol=1e-12)


def test_balanced_weights_see_sample_weights_as_repetition():
    y, sample_weight = np.array([0, 0, 1, 1, 2, 2]), np.array([1, 0, 2, 3, 0, 0])
    rows = np.repeat(np.arange(6), sample_weight)
    classifier, index = encode(y, class_weight="balanced")
    weight = classifier._weights(sample_weight, index, X)["sample_weight"]
    repeated = classifier._weights(None, index[rows], X[rows])["sample_weight"]
    total = np.bincount(rows, repeated, minlength=6)
    np.testing.assert_allclose(total / total.sum(), weight / weight.sum())
    assert weight[:2].sum() == pytest.approx(weight[2:4].sum())


def test_labels_that_look_like_numbers():
    classifier, index = encode(["7", "07", "7"], class_weight={"7": 5})
    weight = classifier._weights(None, index, X[:3])["sample_weight"]
    assert (weight / weight[1]).tolist() == [5, 1, 5]


@pytest.mark.parametrize(
    ("class_weight", "match"),
    [
        ({"d": 1}, "class_weight has labels that no class has: 'd'. Known are 'a', 'b'"),
        ({"a": -1.0}, "must hold non-negative numbers"),
        ({"a": 0, "b": 0}, "leaves no sample of y with a positive weight"),
    ],
    ids=["unknown", "negative", "zero"],
)
def test_wrong_class_weights(class_weight, match):
    classifier, index = encode(["a", "b"], class_weight=class_weight)
    with pytest.raises(ValueError, match=match):
        classifier._weights(None, index, X[:2])


# ---------------------------------------------------------------- labels that are times

DAYS = np.array(["2020-01-01", "2021-01-01", "2022-01-01"], dtype="datetime64[D]")
TIMES = {
    "nanoseconds": DAYS.astype("datetime64[ns]"),
    "microseconds": DAYS.astype("datetime64[us]"),
    "days": DAYS,
    "spans": (DAYS - DAYS[0]).astype("timedelta64[ns]"),
}


def of_pandas(times: np.ndarray) -> list:
    return list(pd.to_datetime(times) if times.dtype.kind == "M" else pd.to_timedelta(times))


KEYS = {
    "of pandas": of_pandas,
    "of Python": lambda times: times.astype(f"{times.dtype.kind}8[us]").tolist(),
    "of NumPy": list,
    "of other units": lambda times: list(times.astype(f"{times.dtype.kind}8[s]")),
}


@pytest.mark.parametrize("holder", KEYS)
@pytest.mark.parametrize("unit", TIMES)
def test_times_are_labels_in_any_unit(unit, holder) -> None:
    times = TIMES[unit]
    y, keys = times[np.arange(60) % 3], KEYS[holder](times)
    weight = {"class_weight": dict(zip(keys, [1, 2, 3], strict=True))}
    classifier = ParsimoniousClassifier(n_clusters=3, **weight, **QUICK).fit(KNOWN, y)
    numbers = {"class_weight": {0: 1, 1: 2, 2: 3}}
    plain = ParsimoniousClassifier(n_clusters=3, **numbers, **QUICK).fit(KNOWN, np.arange(60) % 3)
    np.testing.assert_array_equal(classifier.predict(KNOWN), times[plain.predict(KNOWN)])
    attributes = dict(zip(keys, np.eye(3), strict=True))
    zero_shot = ZeroShotClassifier(class_attributes=attributes, **QUICK).fit(KNOWN, y)
    assert zero_shot.predict(KNOWN).dtype == zero_shot.classes_.dtype == times.dtype
    assert set(zero_shot.predict(KNOWN, classes=times[:2])) <= set(times[:2])


def test_a_class_that_is_a_time_and_has_no_samples() -> None:
    times = TIMES["nanoseconds"]
    attributes = dict(zip(pd.to_datetime(times), np.eye(3), strict=True))
    model = ZeroShotClassifier(class_attributes=attributes, **QUICK)
    model.fit(KNOWN, times[np.arange(60) % 2])
    np.testing.assert_array_equal(model.unseen_classes_, times[2:])
    model.partial_fit(KNOWN, times.astype("datetime64[us]")[np.arange(60) % 3])
    assert model.score(KNOWN, times[np.arange(60) % 3]) > 0


def test_an_unknown_time_is_named() -> None:
    times = TIMES["nanoseconds"]
    model = ParsimoniousClassifier(n_clusters=3, class_weight={times[0] + 1: 2}, **QUICK)
    with pytest.raises(ValueError, match=r"2020-01-01T00:00:00\.000000001.*Known are.*2021"):
        model.fit(KNOWN, times[np.arange(60) % 3])
