"""Callbacks are the user's own objects: what they collect over all phases is theirs."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from helpers.small_fits import DIGIT, GRAPH, KNOWN, QUICK
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import (
    Callback,
    EarlyStopping,
    EpochScoring,
    LRScheduler,
    PrintLog,
    TensorBoard,
)

from skdeepclust import ForcedApartEmbedder, ParsimoniousAutoencoder, TAGnetClusterer
from skdeepclust._training.users_callbacks import begin_fit, begin_phase
from skdeepclust.tagnet import HEAD_STEPS

COARSE = DIGIT[:60] > 4


class Writer:
    """Can't be copied, as little as a writer of logs that has a thread and an open file."""

    def __init__(self):
        self.written, self.lock = [], threading.Lock()

    def add_scalar(self, tag, scalar_value, global_step=None):
        self.written.append(tag)

    def close(self):
        pass

    def add(self, text):
        self.written.append(text)

    __call__ = add


class Collector(Callback):
    """Collects phases, from the beginning of a fit on."""

    def initialize(self):
        self.seen = []
        return self

    def on_epoch_end(self, net, **kwargs):
        self.seen.append(net.phase_)


class CollectorOfScores(EpochScoring):
    """Does so beside what a callback of skorch keeps of its own."""

    def initialize(self):
        self.seen = []
        return super().initialize()

    def on_epoch_end(self, net, **kwargs):
        super().on_epoch_end(net, **kwargs)
        self.seen.append(net.phase_)


def tagnet(**options) -> TAGnetClusterer:
    return TAGnetClusterer(3, **{**GRAPH, **options})


def embedder(**options) -> ForcedApartEmbedder:
    return ForcedApartEmbedder(**{**QUICK, **options})


def size(net, X, y=None) -> float:
    return float(len(X))


def test_what_cannot_be_copied_is_used():
    sinks = [Writer() for _ in range(4)]
    callbacks = [
        PrintLog(sink=sinks[0]),
        ("log", PrintLog(sink=sinks[1].add)),
        TensorBoard(sinks[2]),
        ["epochs", PrintLog(sink=sinks[3])],
    ]
    model = embedder(callbacks=callbacks).fit(KNOWN, COARSE)
    assert "Loss/train_loss" in sinks[2].written
    n_lines = len(model.history_) + 2  # under a header
    assert [len(sink.written) for sink in (*sinks[:2], sinks[3])] == [n_lines] * 3
    assert model.callbacks is callbacks


def test_a_collector_has_all_phases_of_the_last_fit():
    collector = Collector()
    scores = CollectorOfScores(size, on_train=True, use_caching=False)
    model = tagnet(callbacks=[collector, ("scores", scores)])
    for _ in range(2):
        model.fit(KNOWN)
        assert collector.seen == ["heads"] * HEAD_STEPS + ["clustering"] * 2 == scores.seen
    assert scores.best_score_ == 60


def test_it_goes_on_in_a_stream():
    collector = Collector()
    model = embedder(callbacks=[collector])
    for n_epochs in (1, 2, 3):
        model.partial_fit(KNOWN, COARSE, classes=[False, True])
        assert len(collector.seen) == n_epochs
    another = Collector()
    model.set_params(callbacks=[collector, another]).partial_fit(KNOWN, COARSE)
    assert (len(collector.seen), len(another.seen)) == (4, 1)
    model.fit(KNOWN, COARSE)  # which begins anew
    assert len(collector.seen) == 2


def test_what_skorch_keeps_starts_afresh_with_each_phase():
    log = PrintLog(sink=Writer())
    rates = LRScheduler("StepLR", step_size=1)
    best = EpochScoring(size)
    given = [log, ("rates", rates), ("best", best)]
    assert begin_fit(given) == given
    begin_phase([log, rates, best])
    log.first_iteration_, rates.lr_scheduler_, best.best_score_ = False, "that of a phase", 0.0
    begin_phase([log, rates, best])
    assert (log.first_iteration_, rates.lr_scheduler_, best.best_score_) == (True, None, np.inf)


def test_two_fits_with_the_same_callbacks_are_equal():
    callbacks = [
        EarlyStopping("train_loss", patience=1, threshold=0.1),
        LRScheduler("StepLR", step_size=2),
        EpochScoring("accuracy", on_train=True, lower_is_better=False),
    ]
    model = embedder(callbacks=callbacks, max_epochs=8)
    rows = [model.fit(KNOWN, COARSE).history_ for _ in range(2)]
    for row in (row for history in rows for row in history):
        del row["seconds"]
    assert rows[0] == rows[1]
    assert len(rows[0]) < 8
    assert callbacks[0].misses_ == 1  # and the user sees why it ended


def test_a_class_is_made_once_a_fit():
    model = tagnet(callbacks=[("collector", Collector)]).fit(KNOWN)
    collector = dict(model.net_.callbacks_)["collector"]
    assert len(collector.seen) == HEAD_STEPS + 2
    assert begin_fit([("left out", None)]) == [("left out", None)]


class OfScikitLearn:
    def on_fit_task_end(self, estimator, context):
        pass


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (print, "instances of classes that derive from skorch"),
        (("name", 3), "instances of classes that derive from skorch"),
        (OfScikitLearn(), "set_callbacks"),
    ],
)
def test_other_things_are_refused(given, advice):
    with pytest.raises(TypeError, match=advice):
        embedder(callbacks=[given]).fit(KNOWN)


def test_clones_share_what_cannot_be_copied():
    stopping, log = EarlyStopping("train_loss"), PrintLog(sink=Writer())
    model = embedder(callbacks=[stopping, ("log", log)])
    other = clone(model)
    assert other.callbacks[0] is not stopping
    assert other.callbacks[0].monitor == "train_loss"
    assert other.callbacks[1] == ("log", log)
    assert other.callbacks is not model.callbacks
    search = GridSearchCV(model, {"lam": [0.1, 1.0]}, cv=2, error_score="raise")
    search.fit(KNOWN, COARSE)
    assert len(log.sink.written) == 5 * (2 + 2)  # fits, the last of which with the best
    assert clone(ParsimoniousAutoencoder(callbacks=())).callbacks == ()
