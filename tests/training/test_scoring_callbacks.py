"""Callbacks see samples and labels as the user gives them, and say what they lack."""

from __future__ import annotations

import copy
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.needs import needs_callbacks
from helpers.small_fits import DIGIT, GRAPH, KNOWN, NEW, QUICK, outputs
from helpers.stopped_fits import after_an_epoch, assert_same_result, fitted_with_stops, result
from sklearn.metrics import adjusted_rand_score
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    LRScheduler,
)
from torch.optim.lr_scheduler import ReduceLROnPlateau

from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    tagnet,
)

Y = DIGIT[:60]


def triplet_dec(**options) -> TripletDECClusterer:
    quick = {"pretrain_epochs": 1, "warmup_epochs": 1, "n_init": 1, "n_starts": 1, **QUICK}
    return TripletDECClusterer(3, **{**quick, **options})


def graph(**options) -> TAGnetClusterer:
    return TAGnetClusterer(3, **{**GRAPH, **options})


CLUSTERERS = {
    "Triplet DEC": triplet_dec,
    "Triplet DEC, images": lambda **options: triplet_dec(image_shape=(8, 8), **options),
    "TAGnet": graph,
    "TAGnet, batches": lambda **options: graph(batch_size=16, **options),
    "TAGnet, no graph": lambda **options: graph(graph_weight=0, **options),
    "TAGnet, targets": lambda **options: graph(loss="target", **options),
}


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(tagnet, "HEAD_STEPS", 3)


def scores() -> EpochScoring:
    return EpochScoring("adjusted_rand_score", on_train=True, lower_is_better=False, name="ari")


class Predict(Callback):
    """Asks for predictions at all times, of samples that the fit has and hasn't."""

    def initialize(self):
        self.seen = []
        return self

    def on_batch_end(self, net, **kwargs):
        net.predict(KNOWN)

    def on_epoch_end(self, net, dataset_train=None, **kwargs):
        assert dataset_train.X.shape == KNOWN.shape
        self.seen.append((net.predict_proba(KNOWN), net.transform(NEW)))


# ---------------------------------------------------------------- samples and labels


@pytest.mark.parametrize("name", CLUSTERERS)
def test_labels_are_scored_and_not_learned(name):
    plain = CLUSTERERS[name]().fit(KNOWN)
    model = CLUSTERERS[name](callbacks=[scores()])
    labels = model.fit_predict(KNOWN, Y)
    assert all("ari" in row for row in model.history_)
    assert model.history_[-1]["ari"] == pytest.approx(adjusted_rand_score(Y, labels))
    for one, other in zip(outputs(model), outputs(plain), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", CLUSTERERS)
def test_predictions_within_a_fit_are_those_after_it(name):
    predict = Predict()
    model = CLUSTERERS[name](callbacks=[predict]).fit(KNOWN)
    assert len(predict.seen) == len(model.history_)
    np.testing.assert_array_equal(predict.seen[-1][0], model.predict_proba(KNOWN))
    np.testing.assert_array_equal(predict.seen[-1][1], model.transform(NEW))
    # and asking in the middle of an epoch leaves the training as it is
    plain = CLUSTERERS[name]().fit(KNOWN)
    for one, other in zip(outputs(model), outputs(plain), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("make", [triplet_dec, graph])
def test_scores_of_a_fit_that_was_stopped(make, tmp_path):
    options = {"callbacks": [("ari", scores())], "max_epochs": 3, "restore_best": True}
    weight = np.linspace(1, 2, 60)
    arguments = {"y": Y, "sample_weight": weight}
    expected = make(**copy.deepcopy(options)).fit(KNOWN, **arguments)
    stopped = make(**options, checkpoint=tmp_path)
    fit = stopped.fit
    stopped.fit = lambda X: fit(X, **arguments)
    model, n_stops = fitted_with_stops(stopped, (KNOWN,), after_an_epoch, [])
    assert n_stops > 1
    assert_same_result(result(model), result(expected))


@pytest.mark.parametrize(
    "y",
    [Y.tolist(), Y.astype(str), pd.Series(Y), pd.DataFrame({"y": Y}), torch.from_numpy(Y)],
    ids=["list", "texts", "series", "frame", "tensor"],
)
def test_labels_of_any_kind(y):
    frame = pd.DataFrame(KNOWN).add_prefix("x")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of names of features, too
        model = graph(callbacks=[scores()]).fit(frame, y)
    assert model.history_[-1]["ari"] == pytest.approx(adjusted_rand_score(Y, model.labels_))


def number_of_labels(net, X, y=None) -> float:
    return float(len(y))


@pytest.mark.parametrize("make", [ParsimoniousAutoencoder, ForcedApartEmbedder])
def test_labels_of_autoencoders(make):
    scoring = EpochScoring(number_of_labels, on_train=True)
    arguments = (KNOWN, Y) if make is ParsimoniousAutoencoder else (KNOWN, (Y > 4).tolist())
    options = {"n_clusters": 5} if make is ParsimoniousAutoencoder else {}
    model = make(callbacks=[scoring], **options, **QUICK).fit(*arguments)
    assert model.history_[-1]["number_of_labels"] == 60


def test_the_validation_part_has_labels():
    scoring = EpochScoring("accuracy", lower_is_better=False, name="share")
    model = ParsimoniousClassifier(
        n_clusters=3, early_stopping=True, validation_fraction=0.3, callbacks=[scoring], **QUICK
    )
    for row in model.fit(KNOWN, Y).history_:
        assert row["share"] == pytest.approx(row["valid_accuracy"])


@needs_callbacks
@pytest.mark.parametrize("name", ["Triplet DEC", "TAGnet"])
def test_scikit_learns_monitor_has_a_score_an_epoch(name):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="adjusted_rand_score")
    model = CLUSTERERS[name]().set_callbacks(monitor).fit(KNOWN, Y)
    rows = monitor.get_logs().data
    of_epochs = [row["adjusted_rand_score"] for row in rows if row["task_name"] == "epoch"]
    of_fit = [row["adjusted_rand_score"] for row in rows if row["task_name"] == "fit"]
    assert len(of_epochs) == len(model.history_)
    assert of_epochs[-1] == of_fit[0] == pytest.approx(adjusted_rand_score(Y, model.labels_))


# ---------------------------------------------------------------- what is missing


def of_unknown(net):
    return net.history[-1, "valid_accuracy"]


class Careless(Callback):
    def on_epoch_end(self, net, **kwargs):
        {}["something of its own"]


MISSING = {
    "stopping": (EarlyStopping(), "monitor='train_loss'"),
    "name of history_": (EarlyStopping("loss"), "monitor='train_loss'"),
    "part": (EarlyStopping("valid_reconstruction"), "monitor='train_reconstruction'"),
    "misspelt": (EarlyStopping("train_los"), "there are train_loss, train_reconstruction"),
    "checkpoint": (Checkpoint(), "monitor='train_loss_best'"),
    "function": (Checkpoint(of_unknown), "ask for 'train_loss'"),
    "plateau": (LRScheduler(ReduceLROnPlateau, monitor="valid_loss"), "monitor='train_loss'"),
    "batches": (LRScheduler(ReduceLROnPlateau, step_every="batch"), 'step_every="epoch"'),
    "labels": (EpochScoring("adjusted_rand_score", on_train=True), "call fit(X, y)"),
    "scores of batches": (BatchScoring("accuracy", on_train=True), "EpochScoring(..., on_train"),
}


@pytest.mark.parametrize("name", MISSING)
def test_a_line_says_what_to_write(name):
    callback, advice = MISSING[name]
    with pytest.raises(ValueError, match=re.escape(advice)) as caught:
        ParsimoniousAutoencoder(n_clusters=5, callbacks=[callback], **QUICK).fit(KNOWN)
    assert "\n" not in str(caught.value)


def test_what_an_estimator_has_not_cannot_be_scored():
    callback = EpochScoring("adjusted_rand_score", on_train=True)
    with pytest.raises(TypeError, match=r"calls predict, which ParsimoniousAutoencoder .*function"):
        ParsimoniousAutoencoder(n_clusters=5, callbacks=[callback], **QUICK).fit(KNOWN, Y)


def test_a_network_that_is_frozen_as_a_whole():
    model = ParsimoniousAutoencoder(n_clusters=5, callbacks=[Freezer("*")], **QUICK)
    with pytest.raises(ValueError, match=r"'reconstruction' has nothing to train.*Freezer"):
        model.fit(KNOWN)


def test_an_error_of_its_own_stays_one():
    with pytest.raises(KeyError, match="something of its own"):
        ParsimoniousAutoencoder(n_clusters=5, callbacks=[Careless()], **QUICK).fit(KNOWN)


def test_a_score_of_no_validation_part_warns_once():
    with pytest.warns(UserWarning, match="on_train=True") as caught:
        graph(callbacks=[EpochScoring("adjusted_rand_score")]).fit(KNOWN, Y)
    assert len(caught) == 1
