"""Labels of which some are missing, and what estimators that take y make of them."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import torch
from helpers.quick import DIGIT, PIXELS, forced_apart, parsimonious

from skdeepclust import ParsimoniousClassifier, ZeroShotClassifier
from skdeepclust._estimator.classifier import BaseDeepClassifier
from skdeepclust._estimator.partial_labels import (
    check_partial_labels,
    is_labelled,
    named,
    named_classes,
    split,
)
from skdeepclust.regularizers import ForcedApartRegularizer


class Classifier(BaseDeepClassifier):
    """Has labels, and weights of classes."""


def encode_partial(y) -> tuple[list, list[int]]:
    classes, index = check_partial_labels(Classifier(), y, len(y))
    assert index.dtype == np.int64
    return classes.tolist(), index.tolist()


PARTIAL = {
    "numbers": ([7, -1, 2, -1], [2, 7], [1, -1, 0, -1]),
    "floats": (np.array([7.0, -1.0, 2.0]), [2, 7], [1, -1, 0]),
    "int8": (np.array([7, -1, 2], dtype=np.int8), [2, 7], [1, -1, 0]),
    "uint8": (np.array([255, 2], dtype=np.uint8), [2, 255], [1, 0]),
    "tensor": (torch.tensor([7, -1, 2]), [2, 7], [1, -1, 0]),
    "objects": (np.array([7, -1, 2], dtype=object), [2, 7], [1, -1, 0]),
    "strings": (["b", -1, "a"], ["a", "b"], [1, -1, 0]),
    "strings in a tuple": (("b", -1.0, "a"), ["a", "b"], [1, -1, 0]),
    "strings as objects": (np.array(["b", -1, "a"], dtype=object), ["a", "b"], [1, -1, 0]),
    "series": (pd.Series(["b", -1, "a"]), ["a", "b"], [1, -1, 0]),
    "categories": (pd.Series(["b", "a"], dtype="category"), ["a", "b"], [1, 0]),
    "integers with a mask": (pd.Series([7, -1, 2], dtype="Int64"), [2, 7], [1, -1, 0]),
    "strings alone": (np.array(["b", "a"]), ["a", "b"], [1, 0]),
    "truth values": ([True, False, True], [False, True], [1, 0, 1]),
    "truth values and none": ([True, False, -1], [False, True], [1, 0, -1]),
    "two classes": ([-1, 1, 1], [-1, 1], [0, 1, 1]),
    "two classes as floats": (np.array([-1.0, 1.0]), [-1, 1], [0, 1]),
    "two classes as strings": (["-1", "1", "1"], ["-1", "1"], [0, 1, 1]),
    "three numbers": ([-1, 0, 1], [0, 1], [-1, 0, 1]),
}


@pytest.mark.parametrize("name", PARTIAL)
def test_missing_labels_have_no_index(name):
    y, classes, index = PARTIAL[name]
    assert encode_partial(y) == (classes, index)


@pytest.mark.parametrize(
    ("y", "match"),
    [
        ([-1] * 6, "All 6 labels in y are -1, which means unlabelled. Give labels of at least 2"),
        ([0, 0, -1, 0, 0, 0], r"only 1 class: 0 \(-1 means unlabelled\). Give labels of"),
        (["a", "a", -1, "a", -1, "a"], "Classifier .* only 1 class: 'a'"),
        ([0, 1, -1], "y has 3 labels, but X has 6 samples"),
        ([0, 1, -1, np.nan, 1, 1], "contains NaN"),
        (["a", "b", -1, np.nan, "a", "a"], "contains NaN"),
        (["a", "b", -1, None, "a", "a"], "contains None, a missing value, in row 3"),
        (["a", "b", -1, 3, "a", "a"], "mixes strings with 3"),
        (np.array(["a", "b", -1, "a", "a", "a"]), "string '-1'.*dtype object, with the number -1"),
        ([0.5, 1, 2, 0, 1, -1], "Unknown label type: continuous"),
        (np.eye(6), r"y should be a 1d array, got an array of shape \(6, 6\)"),
    ],
    ids=[
        "none", "one", "one string", "short", "nan", "nan among strings", "None among strings",
        "mixed", "string -1", "continuous", "indicator",
    ],
)  # fmt: skip
def test_what_cannot_be_partial_labels(y, match):
    with pytest.raises(ValueError, match=match):
        check_partial_labels(Classifier(), y, 6)


def test_known_classes_say_what_minus_one_is():
    three, two = np.array([0, 1, 2]), np.array([-1, 1])

    def index_of(y, classes) -> list[int]:
        return check_partial_labels(Classifier(), y, len(y), classes)[1].tolist()

    y = [-1, 1, 1]
    assert index_of(y, three) == [-1, 1, 1]
    assert index_of(y, two) == [0, 1, 1]
    assert index_of([-1, -1], two) == [0, 0]
    assert index_of([2, -1], three) == [2, -1]
    with pytest.raises(ValueError, match=r"unknown labels: 3\. Known are 0, 1, 2"):
        index_of([3, -1], three)


@pytest.mark.parametrize("classes", [None, np.array([0, 1]), np.array(["a", "b"])])
def test_all_that_is_not_minus_one_is_labelled(classes):
    y = np.array([0, -1, 1, -2])
    assert is_labelled(y, classes).tolist() == [True, False, True, True]
    assert is_labelled(np.array(["0", "-1"]), classes).all()
    assert is_labelled(np.array([True, False]), classes).all()


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ([-1, 0, 1], [0, 1]),
        (np.array([-1, 2, 5], dtype=np.int8), [2, 5]),
        (["b", -1, "a"], ["b", "a"]),
        ([-1, 1], [-1, 1]),
        (["-1", "1"], ["-1", "1"]),
    ],
)
def test_minus_one_is_no_class_but_beside_one(classes, expected):
    assert list(named_classes(classes)) == expected


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (np.array([2, 7], dtype=np.uint8), [7, -1, 2]),
        (np.array([0.5, 1.5]), [1.5, -1, 0.5]),
        (np.array(["a", "b"]), ["b", -1, "a"]),
        (np.array([False, True]), [True, -1, False]),
    ],
    ids=["uint8", "float", "strings", "truth values"],
)
def test_labels_of_indices(classes, expected):
    assert named(np.array([1, -1, 0]), classes).tolist() == expected
    whole = named(np.array([1, 0]), classes)
    assert whole.dtype == classes.dtype


def test_only_labelled_samples_are_held_out():
    y = np.repeat([0, 1, -1], [20, 20, 60])
    X = np.arange(100.0)[:, None]
    (_, train), (rows, valid) = split(X, {"y": y, "row": np.arange(100)}, 0.25)
    assert np.bincount(valid["y"]).tolist() == [5, 5]
    assert (train["y"] == -1).sum() == 60
    assert sorted([*train["row"], *valid["row"]]) == list(range(100))
    np.testing.assert_array_equal(rows.ravel(), valid["row"])


# ---------------------------------------------------------------- in the estimators

X = PIXELS[:200]
KNOWN = np.random.default_rng(0).random(200) < 0.3
PARTIAL_DIGIT = np.where(KNOWN, DIGIT[:200], -1)


def zero_shot(**params) -> ZeroShotClassifier:
    return ZeroShotClassifier(**{"max_epochs": 3, "random_state": 0, **params})


MAKERS = {"parsimonious": parsimonious, "zero shot": zero_shot, "forced apart": forced_apart}
CLASSIFIERS = [parsimonious, zero_shot]


def answers(model) -> np.ndarray:
    ask = getattr(model, "predict_proba", None) or model.decision_function
    return ask(X)


@pytest.fixture(params=MAKERS)
def make(request):
    return MAKERS[request.param]


def test_minus_one_is_no_class(make):
    model = make().fit(X, PARTIAL_DIGIT)
    assert model.classes_.tolist() == list(range(10))
    assert -1 not in model.predict(X)
    assert model.score(X, PARTIAL_DIGIT) == model.score(X[KNOWN], DIGIT[:200][KNOWN])
    with pytest.raises(ValueError, match="All 3 labels in y are -1"):
        model.score(X[:3], [-1, -1, -1])


@pytest.mark.parametrize(
    "hold",
    [
        torch.tensor,
        np.ndarray.tolist,
        lambda y: y.astype(np.int8),
        lambda y: pd.Series(y, dtype="Int64"),
        lambda y: da.from_array(y, chunks=50),
        lambda y: np.array([*"abcdefghij", -1], dtype=object)[y],
        lambda y: np.array([*"abcdefghij", -1], dtype=object)[y].tolist(),
    ],
    ids=["tensor", "list", "int8", "nullable", "dask", "strings", "list of strings"],
)
def test_whatever_holds_the_labels(make, hold):
    y = hold(PARTIAL_DIGIT)
    model, expected = make().fit(X, y), make().fit(X, PARTIAL_DIGIT)
    np.testing.assert_array_equal(answers(model), answers(expected))
    assert model.score(X, y) == expected.score(X, PARTIAL_DIGIT)


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_a_sample_without_a_label_has_no_part_in_the_supervised_loss(make):
    """Without regularisers, and in one batch, it is as if it weren't there."""
    params = {"batch_size": 200, "dtype": "float64", "max_epochs": 5}
    params |= {"lam": 0} if make is parsimonious else {}
    labelled, y = X[KNOWN], DIGIT[:200][KNOWN]
    alone = make(**params).fit(labelled, y)
    # the same samples once more: the scale of X stays
    twice = make(**params).fit(np.r_[labelled, labelled], np.r_[y, np.full(len(y), -1)])
    np.testing.assert_allclose(answers(twice), answers(alone), atol=1e-7)


def test_a_sample_without_a_label_shapes_the_clusters():
    model = parsimonious(lam=1.0).fit(X, PARTIAL_DIGIT)
    alone = parsimonious(lam=1.0).fit(X[KNOWN], PARTIAL_DIGIT[KNOWN])
    centers = model.cluster_centers_["fc1"], alone.cluster_centers_["fc1"]
    assert not np.allclose(*centers)
    rows = model.history_[-1]
    assert rows["clustering_penalty"] > 0


def test_batches_without_any_label(make):
    y = np.full(200, -1)
    y[:20] = DIGIT[:20]
    model = make(batch_size=20).fit(X, y)
    assert np.isfinite([row["loss"] for row in model.history_]).all()
    assert np.isfinite(answers(model)).all()


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_all_labels_missing(make):
    with pytest.raises(ValueError, match=r"All 200 labels in y are -1.*Give labels of at least 2"):
        make().fit(X, np.full(200, -1))
    with pytest.raises(ValueError, match=r"only 1 class: 3 \(-1 means unlabelled\)"):
        make().fit(X, np.where(DIGIT[:200] == 3, 3, -1))


def test_a_stream(make):
    model = make()
    for part in np.array_split(np.arange(200), 4):
        model.partial_fit(X[part], PARTIAL_DIGIT[part], classes=[-1, *range(10)])
    model.partial_fit(X[:50], np.full(50, -1))
    assert model.classes_.tolist() == list(range(10))
    assert np.isfinite(answers(model)).all()


def test_a_warm_start(make):
    model = make(warm_start=True).fit(X, DIGIT[:200]).fit(X, PARTIAL_DIGIT)
    assert model.classes_.tolist() == list(range(10))


def test_weights_of_labelled_samples_that_are_all_zero(make):
    with pytest.raises(ValueError, match="leaves no labelled sample"):
        make().fit(X, PARTIAL_DIGIT, sample_weight=~KNOWN)


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_a_class_weight_is_that_of_labelled_samples(make):
    model = make(class_weight="balanced").fit(X, PARTIAL_DIGIT)
    weight = model._weights(None, PARTIAL_DIGIT, X)["sample_weight"]
    total = np.bincount(PARTIAL_DIGIT[KNOWN], weight[KNOWN])
    np.testing.assert_allclose(total, total[0])
    np.testing.assert_allclose(weight[~KNOWN], weight[KNOWN].mean())


def test_early_stopping_holds_out_labelled_samples():
    model = parsimonious(early_stopping=True, validation_fraction=0.3).fit(X, PARTIAL_DIGIT)
    assert -1 not in model.predict(X)


def test_a_regulariser_forces_unlabelled_samples_apart():
    regularizers = [ForcedApartRegularizer(["fc2"], lam=1.0)]
    model = parsimonious(regularizers=regularizers).fit(X, PARTIAL_DIGIT)
    assert all(row["forced_apart_penalty"] > 0 for row in model.history_)


def test_attributes_of_a_class_minus_one_are_refused():
    attributes = {label: np.eye(11)[label] for label in range(-1, 10)}
    with pytest.raises(ValueError, match="class_attributes describes a class -1"):
        zero_shot(class_attributes=attributes).fit(X, PARTIAL_DIGIT)


@pytest.mark.parametrize("n_labelled", [3, 9])
def test_too_few_labels_to_hold_some_out(n_labelled):
    y = np.where(np.arange(60) < n_labelled, np.arange(60) % 3, -1)
    model = ParsimoniousClassifier(n_clusters=3, early_stopping=True, max_epochs=1)
    with pytest.raises(ValueError, match=rf"validation_fraction=0\.1 of the {n_labelled} samples"):
        model.fit(np.random.default_rng(0).normal(size=(60, 4)), y)
