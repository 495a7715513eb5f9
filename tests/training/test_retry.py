"""A phase whose loss becomes non-finite is tried again, once, with a lower learning rate."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from helpers.needs import needs_callbacks
from helpers.plain_autoencoder import assert_same_weights, make
from helpers.small_fits import KNOWN, QUICK
from helpers.stopped_fits import after_an_epoch, assert_same_result, fitted_with_stops, result
from sklearn.exceptions import ConvergenceWarning

from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousClassifier,
    TripletDECClusterer,
    ZeroShotClassifier,
)

# Steps of this size lead to infinity, those of a tenth don't.
X = np.random.default_rng(0).normal(size=(97, 6))
TOO_LARGE = {"optimizer": "sgd", "lr": 8.0, "max_epochs": 8, "batch_size": 16}
AGAIN = "starts again with a tenth of the learning rate"


class Fragile(TripletDECClusterer):
    """Its loss is infinite in the second epoch of the clustering phase, unless the rate is low."""

    def _clustering_loss(self, x, idx, sample_weight=None):
        parts = super()._clustering_loss(x, idx, sample_weight)
        if len(self._net.history) == 2 and self._net.lr > 0.5 * self.lr:
            parts["clustering"] = parts["clustering"] / 0
        return parts

    def _fit_phases(self, session, *args):
        run = session._run

        def noted(phase, loss, data, net, *rest):
            self._net = net
            run(phase, loss, data, net, *rest)

        session._run = noted
        super()._fit_phases(session, *args)


def fragile(**options) -> Fragile:
    settings = {
        "pretrain_epochs": 1,
        "warmup_epochs": 1,
        "n_init": 1,
        "n_starts": 1,
        **QUICK,
        "max_epochs": 3,
    }
    return Fragile(3, **{**settings, **options})


def test_the_second_try_is_a_fit_with_a_tenth_of_the_rate():
    with pytest.warns(ConvergenceWarning, match=rf"'reconstruction', epoch \d .*plain=.*{AGAIN}"):
        model = make(**TOO_LARGE).fit(X)
    lower = make(**{**TOO_LARGE, "lr": 0.8}).fit(X)
    assert_same_weights(model, lower)
    assert len(model.history_) == model.n_iter_ == 8
    for row, other in zip(model.history_, lower.history_, strict=True):
        assert {**row, "seconds": 0} == {**other, "seconds": 0}
    with pytest.warns(ConvergenceWarning, match=AGAIN):
        named = make(**{**TOO_LARGE, "lr": 1.0}, optimizer__lr=8.0).fit(X)
    assert_same_weights(named, lower)


def test_a_fit_without_trouble_tries_once():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(make(**{**TOO_LARGE, "lr": 0.8}).fit(X).history_) == 8


def test_only_the_phase_is_tried_again():
    problem = rf"phase 'clustering', epoch 2 .*clustering=inf.*{AGAIN} \(0.0001 for lr=0.001\)"
    with pytest.warns(ConvergenceWarning, match=problem) as caught:
        model = fragile().fit(KNOWN)
    assert len(caught) == 1
    expected = TripletDECClusterer(**{**model.get_params(), "max_epochs": 0}).fit(KNOWN)
    before = [{**row, "seconds": 0} for row in model.history_[:2]]
    assert before == [{**row, "seconds": 0} for row in expected.history_]
    phases = [(row["phase"], row["epoch"]) for row in model.history_]
    assert phases == [("reconstruction", 1), ("warmup", 1), *(("clustering", i) for i in (1, 2, 3))]


class Tasks:
    """Writes down the phases that scikit-learn's callbacks see."""

    def __init__(self):
        self.phases = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        if context.parent is not None and context.task_name != "epoch":
            self.phases.append((context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context):
        return False


@needs_callbacks
def test_callbacks_see_a_task_for_each_try():
    tasks = Tasks()
    with pytest.warns(ConvergenceWarning, match=AGAIN):
        make(**TOO_LARGE).set_callbacks(tasks).fit(X)
    assert tasks.phases == [("reconstruction", 0), ("reconstruction", 1)]


@pytest.mark.filterwarnings("ignore:The loss became:sklearn.exceptions.ConvergenceWarning")
def test_a_second_try_goes_on_from_a_checkpoint(tmp_path: Path):
    expected = result(fragile().fit(KNOWN))
    epochs: list[str] = []
    model, n_stops = fitted_with_stops(
        fragile(checkpoint=tmp_path), (KNOWN,), after_an_epoch, epochs
    )
    assert_same_result(result(model), expected)
    # two epochs of the first try: the one that failed isn't run again after each stop
    assert n_stops == len(model.history_) + 1
    assert len(epochs) == len(model.history_) + 2 + n_stops
    assert list(tmp_path.iterdir()) == []


LAST_STEPS = {
    "classifier": lambda: ParsimoniousClassifier(n_clusters=3, lr=1e30),
    "embedder": lambda: ForcedApartEmbedder(lr=1e30),
    "zero shot": lambda: ZeroShotClassifier(class_attributes=np.eye(3), lr=1e37),
}


@pytest.mark.parametrize("name", LAST_STEPS)
def test_a_last_step_that_leaves_finite_weights_but_no_finite_outputs_is_an_error(name):
    """The loss is that of before the step: of one step it says nothing."""
    options = {"optimizer": "sgd", "max_epochs": 1, "batch_size": 97, "random_state": 0}
    model = LAST_STEPS[name]().set_params(**options)
    with pytest.raises(ValueError, match=r"non-finite after the last step\. Lower `lr`"):
        model.fit(X, np.arange(97) % 3)
    assert not hasattr(model, "module_")
