"""Callbacks that score count the samples that have a label."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.needs import needs_callbacks
from helpers.small_fits import DIGIT, GRAPH, KNOWN, QUICK
from sklearn.metrics import adjusted_rand_score
from skorch.callbacks import EpochScoring

from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    ZeroShotClassifier,
    tagnet,
)

Y = DIGIT[:60]


def triplet_dec(**options) -> TripletDECClusterer:
    quick = {"pretrain_epochs": 1, "warmup_epochs": 1, "n_init": 1, "n_starts": 1, **QUICK}
    return TripletDECClusterer(3, **quick, **options)


def graph(**options) -> TAGnetClusterer:
    return TAGnetClusterer(3, **GRAPH, **options)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(tagnet, "HEAD_STEPS", 3)


def number_of_labels(net, X, y=None) -> float:
    return float(len(y))


PARTLY = np.where(np.arange(60) % 3 == 0, Y, -1)


def seen(scoring: str = "accuracy") -> EpochScoring:
    return EpochScoring(scoring, on_train=True, lower_is_better=False, name="seen")


LEARNERS = {
    "classifier": lambda: ParsimoniousClassifier(n_clusters=3),
    "embedder": ForcedApartEmbedder,
    "zero shot": lambda: ZeroShotClassifier(class_attributes=np.eye(10)),
}


@pytest.mark.parametrize("kind", [int, str, object])
@pytest.mark.parametrize("name", LEARNERS)
def test_samples_without_a_label_do_not_count(name, kind):
    y = PARTLY
    if kind is not int:
        y = [label if label == -1 else f"digit {label}" for label in PARTLY.tolist()]
        y = np.array(y, dtype=object) if kind is object else y
    model = LEARNERS[name]()
    if kind is not int and name == "zero shot":
        names = [f"digit {number}" for number in range(10)]
        model.set_params(class_attributes=dict(zip(names, np.eye(10), strict=True)))
    model.set_params(callbacks=[seen()], **QUICK).fit(KNOWN, y)
    known = np.flatnonzero(PARTLY >= 0)
    expected = np.mean([model.predict(KNOWN)[row] == y[row] for row in known])
    assert model.history_[-1]["seen"] == pytest.approx(expected)


@pytest.mark.parametrize("as_given", [np.asarray, list, pd.Series, torch.from_numpy])
@pytest.mark.parametrize("make", [triplet_dec, graph])
def test_clusterers_score_what_is_labelled(make, as_given):
    model = make(callbacks=[seen("adjusted_rand_score")]).fit(KNOWN, as_given(PARTLY))
    known = PARTLY >= 0
    expected = adjusted_rand_score(Y[known], model.labels_[known])
    assert model.history_[-1]["seen"] == pytest.approx(expected)


def test_minus_one_and_one_are_labels():
    y = np.where(Y > 4, 1, -1)
    model = graph(callbacks=[seen("adjusted_rand_score")]).fit(KNOWN, y)
    assert model.history_[-1]["seen"] == pytest.approx(adjusted_rand_score(y, model.labels_))
    classifier = ParsimoniousClassifier(n_clusters=3, callbacks=[seen()], **QUICK).fit(KNOWN, y)
    assert classifier.history_[-1]["seen"] == pytest.approx(classifier.score(KNOWN, y))


def test_a_function_sees_all_samples():
    scoring = EpochScoring(number_of_labels, on_train=True)
    model = graph(callbacks=[scoring]).fit(KNOWN, PARTLY)
    assert model.history_[-1]["number_of_labels"] == 60


def test_a_part_of_a_stream_without_labels_has_no_score():
    model = ForcedApartEmbedder(callbacks=[seen()], **QUICK)
    model.partial_fit(KNOWN, Y, classes=np.unique(Y))
    with pytest.warns(UserWarning, match=r"'seen' records nothing here.*-1"):
        model.partial_fit(KNOWN, np.full(60, -1))
    assert ["seen" in row for row in model.history_] == [True, False]


@needs_callbacks
@pytest.mark.parametrize("make", [graph, LEARNERS["classifier"]])
def test_scikit_learns_monitor_counts_what_is_labelled(make):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="adjusted_rand_score")
    model = make().set_params(**QUICK).set_callbacks(monitor).fit(KNOWN, PARTLY)
    known = PARTLY >= 0
    expected = adjusted_rand_score(Y[known], model.predict(KNOWN)[known])
    rows = monitor.get_logs().data
    of_fit = [row["adjusted_rand_score"] for row in rows if row["task_name"] == "fit"]
    assert of_fit[0] == pytest.approx(expected)


@pytest.mark.parametrize("y", [Y[:10], Y[:10].tolist(), pd.Series(Y[:10]), torch.ones(61)])
@pytest.mark.parametrize(
    "make", [triplet_dec, graph, lambda: ParsimoniousAutoencoder(n_clusters=5, **QUICK)]
)
def test_there_is_a_label_for_each_sample(make, y):
    with pytest.raises(ValueError, match=rf"y has {len(y)} labels, but X has 60 samples"):
        make().fit(KNOWN, y)
