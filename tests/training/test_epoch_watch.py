"""The best epoch is kept, and bad training says so."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.stopped_fits import after_an_epoch, assert_same_result, fitted_with_stops, result
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from skdeepclust import TAGnetClusterer, TripletDECClusterer, tagnet
from skdeepclust._training.epoch_watch import EpochWatch

X, DIGIT = load_digits(return_X_y=True)
X, DIGIT = X[:120] / 16, DIGIT[:120]
WORSE = r"clusters worse: the criterion, of at most 1, fell from (\S+) to (\S+)\. Lower `lr`"
TOO_FAST = "ignore:The clustering phase has made:sklearn.exceptions.ConvergenceWarning"
COLLAPSED = "ignore:.* clusters have samples:sklearn.exceptions.ConvergenceWarning"
GRAPH = {"n_components": 16, "n_stages": 3, "n_init": 2, "max_epochs": 6, "random_state": 0}
FAST = {
    "pretrain_epochs": 2, "warmup_epochs": 2, "max_epochs": 6, "n_init": 2, "n_starts": 1,
    "batch_size": 64, "random_state": 0, "module__hidden": (32,),
}  # fmt: skip


def triplet_dec(**options) -> TripletDECClusterer:
    return TripletDECClusterer(10, **{**FAST, "lr": 0.1, **options})


def tag(**options) -> TAGnetClusterer:
    return TAGnetClusterer(10, **{**GRAPH, "lr": 0.3, **options})


# at learning rates so large that the last epoch isn't the best one
FITS = {
    "Triplet DEC": triplet_dec,
    "Triplet DEC, no neighbours": lambda **options: triplet_dec(n_neighbors=0, **options),
    "Triplet DEC, a prior": lambda **options: triplet_dec(cluster_prior="estimated", **options),
    "TAGnet": tag,
    "TAGnet, batches": lambda **options: tag(batch_size=64, lr=0.1, **options),
    "TAGnet, batches without a graph": lambda **options: tag(
        batch_size=64, graph_weight=0, **options
    ),
    "TAGnet, targets": lambda **options: tag(loss="target", **options),
}


class Weights(Callback):
    """Keeps the weights before the clustering phase, and after each of its epochs."""

    seen: list[dict] = []  # noqa: RUF012 (callbacks are copied)

    def on_train_begin(self, net, **kwargs):
        type(self).seen = [self._of(net)]

    def on_epoch_end(self, net, **kwargs):
        self.seen.append(self._of(net))

    def _of(self, net):
        return {k: v.clone() for k, v in net.module_.named_parameters()}


class StopInTheFirstStep(Callback):
    """Ends the clustering phase before its first epoch has come to its end."""

    def on_batch_end(self, net, **kwargs):
        if net.phase_ == "clustering":
            raise KeyboardInterrupt


# ---------------------------------------------------------------- the best epoch


@pytest.mark.filterwarnings(TOO_FAST, COLLAPSED)
@pytest.mark.parametrize("name", FITS)
def test_the_network_of_the_largest_criterion_is_kept(name, monkeypatch):
    begin, finish, naive = EpochWatch.begin_epoch, EpochWatch.finish, []

    def and_evaluate(watch, trained):
        begin(watch, trained)
        naive.append(watch.criterion())

    def and_evaluate_the_last(watch, trained, n_epochs):
        naive.append(watch.criterion())
        finish(watch, trained, n_epochs)

    monkeypatch.setattr(EpochWatch, "begin_epoch", and_evaluate)
    monkeypatch.setattr(EpochWatch, "finish", and_evaluate_the_last)
    one_start = {"n_starts": 1} if "Triplet" in name else {}
    model = FITS[name](restore_best=True, callbacks=[Weights()], **one_start).fit(X)
    rows = [row for row in model.history_ if row["phase"] == "clustering"]
    np.testing.assert_allclose([row["criterion"] for row in rows], naive[1:], atol=1e-6)
    assert model.best_epoch_ == int(np.argmax(naive))
    for key, value in model.module_.named_parameters():
        assert torch.equal(value, Weights.seen[model.best_epoch_][key]), key
    assert -1e-6 <= min(naive) <= max(naive) <= 1 + 1e-6
    if "TAGnet" in name:
        assert model.score(X) == pytest.approx(max(naive), abs=1e-6)


@pytest.mark.filterwarnings(TOO_FAST, COLLAPSED)
@pytest.mark.parametrize("name", ["Triplet DEC", "TAGnet", "TAGnet, batches"])
def test_a_phase_may_be_ended_within_its_first_epoch(name):
    model = FITS[name](restore_best=True, callbacks=[StopInTheFirstStep()]).fit(X)
    assert model.best_epoch_ in (0, 1)
    assert model.history_[-1]["epoch"] == 1


def test_the_last_epoch_is_kept_where_it_is_the_best():
    one = tag(lr=0.003, restore_best=True).fit(X)
    other = tag(lr=0.003).fit(X)
    assert one.best_epoch_ == 6
    assert not hasattr(other, "best_epoch_")
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


@pytest.mark.filterwarnings(TOO_FAST, COLLAPSED)
def test_of_two_starts_the_one_with_the_best_epoch_is_kept():
    model = triplet_dec(restore_best=True, n_starts=2, cluster_prior="estimated").fit(X)
    best = {
        start: max(row["criterion"] for row in model.history_ if row.get("attempt") == start)
        for start in (0, 1)
    }
    assert best[0] != best[1]
    if model.best_epoch_ > 0:
        assert model.attempt_ == max(best, key=best.__getitem__)
        kept = [row for row in model.history_ if row.get("attempt") == model.attempt_]
        assert kept[model.best_epoch_ - 1]["criterion"] == max(best.values())


@pytest.mark.filterwarnings(TOO_FAST, COLLAPSED)
@pytest.mark.parametrize("name", ["Triplet DEC", "TAGnet, batches"])
def test_a_fit_that_was_stopped_keeps_the_same_epoch(name, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(tagnet, "HEAD_STEPS", 3)
    expected = FITS[name](restore_best=True).fit(X)
    model, n_stops = fitted_with_stops(
        FITS[name](restore_best=True, checkpoint=tmp_path), (X,), after_an_epoch, []
    )
    assert n_stops > 3
    assert model.best_epoch_ == expected.best_epoch_
    assert_same_result(result(model), result(expected))


SCRIPT = [0.1, 0.2, 0.9, 0.3, 0.9, 0.2, 0.1]


class Scripted(TripletDECClusterer):
    """Has these values of its criterion, whatever its clusters are."""

    def _watch(self, X):
        watch = EpochWatch(lambda: SCRIPT[len(watch.values)], keep_best=self.restore_best)
        note = watch.note
        watch.note = lambda value: note(watch.criterion)
        return watch


def test_an_epoch_in_the_middle_and_a_warm_start_from_it():
    options = {**FAST, "restore_best": True, "warm_start": True, "callbacks": [Weights()]}
    model = Scripted(10, **options).fit(X)
    assert model.best_epoch_ == 2  # the first of equal ones
    seen = Weights.seen[2]
    assert all(torch.equal(v, seen[k]) for k, v in model.module_.named_parameters())
    assert [row.get("criterion") for row in model.history_][-6:] == SCRIPT[1:]
    assert model._resume.optimizer is None  # its moments are those of the last epoch
    model.set_params(max_epochs=3).fit(X)
    assert all(torch.equal(Weights.seen[0][key], value) for key, value in seen.items())
    model.set_params(restore_best=False).fit(X)
    assert not hasattr(model, "best_epoch_")


def test_what_is_kept_of_one_that_never_becomes_better():
    network = torch.nn.Linear(1, 1)
    values = iter([0.5, 0.5, 0.3])
    watch = EpochWatch(lambda: next(values), keep_best=True)
    start = network.weight.item()
    for _ in range(2):
        watch.begin_epoch(network)
        watch.note(watch.criterion)
        network.weight.data += 1
    watch.finish(network, 2)
    assert watch.values == [0.5, 0.5, 0.3]
    assert (watch.best, watch.value) == (0, 0.5)  # the first of equal ones
    assert network.weight.item() == start


def test_without_keeping_only_both_ends_are_evaluated():
    network = torch.nn.Linear(1, 1)
    asked = []
    watch = EpochWatch(lambda: asked.append(1) or len(asked), keep_best=False)
    for _ in range(5):
        watch.begin_epoch(network)
        watch.note(watch.criterion)
    watch.finish(network, 5)
    assert watch.values == [1, 2]
    assert watch.value == 2


# ---------------------------------------------------------------- training that makes it worse


@pytest.mark.filterwarnings(COLLAPSED)
@pytest.mark.parametrize("restore_best", [False, True])
def test_training_that_lowers_the_criterion_says_so(restore_best):
    with pytest.warns(ConvergenceWarning, match=WORSE) as caught:
        model = tag(lr=1.0, restore_best=restore_best).fit(X)
    messages = [str(w.message) for w in caught if re.search(WORSE, str(w.message))]
    assert len(messages) == 1
    before, after = (float(value) for value in re.search(WORSE, messages[0]).groups())
    assert before - after > 0.1
    untrained = tag(lr=1.0, max_epochs=0).fit(X)
    assert before == pytest.approx(untrained.score(X), rel=1e-3)
    if restore_best:
        assert after == pytest.approx(model.history_[-1]["criterion"], rel=1e-3)
        assert f"epoch {model.best_epoch_} is kept" in messages[0]
    else:
        assert after == pytest.approx(model.score(X), rel=1e-3)
        assert "restore_best=True" in messages[0]


@pytest.mark.filterwarnings(COLLAPSED)
def test_a_few_epochs_are_not_judged():
    fallen = tag(lr=1.0, max_epochs=4, restore_best=True).fit(X)  # no warning
    assert fallen.history_[-1]["criterion"] < 0.8 < fallen.score(X)


@pytest.mark.parametrize("loss", ["entropy", "max_margin", "target"])
def test_training_at_the_default_rate_says_nothing(loss):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tag(lr=TAGnetClusterer().lr, loss=loss).fit(X)
