"""Training on streams: one epoch on what comes, by estimators that need no sample twice."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.small_fits import DIGIT, QUICK, X, assert_same

import skdeepclust
from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousAutoencoder,
    TAGnetClusterer,
    TripletDECClusterer,
    ZeroShotClassifier,
)
from skdeepclust.losses import structured_hinge_loss

COARSE = (DIGIT > 4).astype(int)
ATTRIBUTES = {digit: [digit & 1, digit & 2, digit & 4, digit & 8, 1] for digit in range(10)}

# A model, and what its fit and its partial_fit take beside X.
STREAMS = {
    "autoencoder": (ParsimoniousAutoencoder(n_components=4, n_clusters=5), (), {}),
    "embedder": (ForcedApartEmbedder(n_components=4), (COARSE,), {"classes": [0, 1]}),
    "embedder without labels": (ForcedApartEmbedder(n_components=4), (), {}),
}


@pytest.mark.parametrize("name", STREAMS)
def test_as_many_calls_as_epochs_are_a_fit(name) -> None:
    model, labels, classes = STREAMS[name]
    whole = copy.deepcopy(model).set_params(max_epochs=3, random_state=0).fit(X, *labels)
    stream = copy.deepcopy(model).set_params(random_state=0)
    for _ in range(3):
        stream.partial_fit(X, *labels, **classes)
    assert_same(stream, whole)
    if not labels:
        assert stream.reconstruction_err_ == pytest.approx(whole.reconstruction_err_)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_goes_on_after_a_file(name, tmp_path) -> None:
    model, labels, classes = STREAMS[name]
    model = copy.deepcopy(model).set_params(random_state=0).partial_fit(X, *labels, **classes)
    skdeepclust.save(model, tmp_path / "model")
    loaded = skdeepclust.load(tmp_path / "model")
    assert_same(loaded.partial_fit(X, *labels), model.partial_fit(X, *labels))


def test_the_first_part_of_a_stream_sets_the_scale() -> None:
    model = ParsimoniousAutoencoder(n_components=4, lam=0, random_state=0, lr=1e-12)
    model.partial_fit(X[:30])
    first = model.history_[-1]["loss"]
    model.partial_fit(10 * X[:30])  # with weights that stand still
    output = model.inverse_transform(model.transform(10 * X[:30]))
    expected = np.square(output - 10 * X[:30]).mean() / X[:30].var()
    assert model.history_[-1]["loss"] == pytest.approx(expected, rel=1e-4)
    assert expected > 50 * first


def test_a_part_of_a_stream_may_have_no_label() -> None:
    model = ForcedApartEmbedder(random_state=0, lr=0.01)
    model.partial_fit(X[:30], np.full(30, -1), classes=[0, 1])
    for _ in range(15):
        model.partial_fit(X, np.where(np.arange(90) % 3, COARSE, -1))
    assert model.score(X, COARSE) > 0.9
    with pytest.raises(ValueError, match="y has unknown labels: 7"):
        model.partial_fit(X[:30], np.full(30, 7))
    with pytest.raises(ValueError, match="trained with y and this one isn't"):
        model.partial_fit(X)


# ---------------------------------------------------------------- zero shot


def zero_shot(**options) -> ZeroShotClassifier:
    return ZeroShotClassifier(class_attributes=ATTRIBUTES, random_state=0, **options)


def test_one_call_is_one_step_of_a_plain_loop() -> None:
    """With one batch and plain gradient descent, the step can be written down."""
    options = {"optimizer": "sgd", "lr": 0.5, "batch_size": 90, "dtype": "float64"}
    rows = DIGIT < 8
    start = zero_shot(max_epochs=0, **options).fit(X[rows], DIGIT[rows])
    stepped = zero_shot(**options).partial_fit(X[rows], DIGIT[rows])
    attributes = torch.as_tensor(start.class_attributes_[:8])
    module = copy.deepcopy(start.module_).train()
    loss = structured_hinge_loss(
        module(torch.from_numpy(X[rows])) @ attributes.T, torch.from_numpy(DIGIT[rows])
    )
    loss.backward()
    assert stepped.history_[0]["hinge"] == pytest.approx(loss.item())
    with torch.no_grad():
        for (name, before), after in zip(
            module.named_parameters(), stepped.module_.parameters(), strict=True
        ):
            torch.testing.assert_close(after, before - 0.5 * before.grad, msg=name)


def test_classes_are_seen_as_they_come() -> None:
    model = zero_shot(lr=0.01)
    few = DIGIT < 4
    model.partial_fit(X[few], DIGIT[few])
    assert model.seen_classes_.tolist() == [0, 1, 2, 3]
    assert model.unseen_classes_.tolist() == [4, 5, 6, 7, 8, 9]
    alone = DIGIT == 6  # a part with one class alone
    model.partial_fit(X[alone], DIGIT[alone])
    assert model.seen_classes_.tolist() == [0, 1, 2, 3, 6]
    for _ in range(30):
        model.partial_fit(X, DIGIT)
    assert model.unseen_classes_.size == 0
    assert model.score(X, DIGIT) > 0.8


def test_where_the_classes_come_from() -> None:
    table = pd.DataFrame(ATTRIBUTES).T
    few = DIGIT < 4
    framed = ZeroShotClassifier(class_attributes=table, **QUICK).partial_fit(X[few], DIGIT[few])
    np.testing.assert_array_equal(framed.classes_, np.arange(10))
    for attributes in (None, table.to_numpy()):
        model = ZeroShotClassifier(class_attributes=attributes, **QUICK)
        with pytest.raises(ValueError, match="classes must be passed on the first call"):
            model.partial_fit(X, DIGIT)
        model.partial_fit(X[few], DIGIT[few], classes=range(10)).partial_fit(X, DIGIT)
        np.testing.assert_array_equal(model.classes_, np.arange(10))
        with pytest.raises(ValueError, match="classes has unknown labels: 12"):
            model.partial_fit(X, DIGIT, classes=[1, 12])
        with pytest.raises(ValueError, match="y has unknown labels: 12"):
            model.partial_fit(X, np.full(90, 12))
    with pytest.raises(ValueError, match="class_weight='balanced' needs all samples at once"):
        zero_shot(class_weight="balanced").partial_fit(X, DIGIT)


def test_clusterers_that_need_all_samples_take_no_stream() -> None:
    assert not hasattr(TripletDECClusterer, "partial_fit")
    assert not hasattr(TAGnetClusterer, "partial_fit")


@pytest.mark.parametrize("name", STREAMS)
def test_parameters_are_checked_also_in_the_middle_of_a_stream(name) -> None:
    model, labels, classes = STREAMS[name]
    stream = copy.deepcopy(model).partial_fit(X, *labels, **classes)
    before = stream.transform(X)
    for parameter, value in (("optimizer", "none"), ("lr", -1.0)):
        changed = copy.deepcopy(stream).set_params(**{parameter: value})
        with pytest.raises(ValueError, match=f"'{parameter}' parameter of"):
            changed.partial_fit(X, *labels, **classes)
        np.testing.assert_array_equal(changed.transform(X), before)
