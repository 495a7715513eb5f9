"""What the base does for every estimator: history, callbacks, interrupts, warm starts."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from helpers.needs import needs_callbacks
from helpers.plain_autoencoder import assert_same_weights, make
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback, EarlyStopping, EpochScoring, GradientNormClipping
from torch import nn

from skdeepclust.networks import MLPAutoencoder


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(97, 6))


# ---------------------------------------------------------------- history and callbacks


def test_history_has_a_row_an_epoch(X):
    model = make(max_epochs=4).fit(X)
    assert [row["epoch"] for row in model.history_] == [1, 2, 3, 4]
    assert model.n_iter_ == 4
    for row in model.history_:
        assert set(row) == {"phase", "epoch", "loss", "plain", "seconds"}
        assert row["phase"] == "reconstruction"
        assert row["loss"] == pytest.approx(row["plain"], rel=1e-5)
        assert row["seconds"] > 0
    assert model.history_[-1]["loss"] < model.history_[0]["loss"]


def test_history_is_the_mean_over_samples_not_over_batches(X):
    seen = []

    class Record(Callback):
        def on_batch_end(self, net, batch=None, loss=None, **kwargs):
            seen.append((float(loss), len(batch[0])))

    model = make(max_epochs=1, callbacks=[Record()])
    model.fit(X)
    losses, sizes = np.array(seen).T
    assert sizes.sum() == len(X)
    assert model.history_[0]["loss"] == pytest.approx(np.average(losses, weights=sizes), rel=1e-5)


def test_batches_are_of_even_size_and_never_of_one_row(X):
    sizes = []

    class Record(Callback):
        def on_batch_begin(self, net, batch=None, **kwargs):
            sizes.append(len(batch[0]))

    make(max_epochs=1, batch_size=32, callbacks=[Record()]).fit(X)  # 97 = 3 * 32 + 1
    assert sizes == [25, 24, 24, 24]
    sizes.clear()
    make(max_epochs=1, batch_size=2, callbacks=[Record()]).fit(X[:3])
    assert sizes == [3]


def test_skorch_callbacks_work(X):
    stopping = EarlyStopping(patience=2, threshold=10.0, monitor="train_loss")
    before = stopping.get_params()
    model = make(max_epochs=50, callbacks=[stopping, GradientNormClipping(1.0)]).fit(X)
    assert model.n_iter_ < 50
    assert stopping.get_params() == before
    assert stopping.misses_ == 2
    assert model.callbacks[0] is stopping


def test_early_stopping_on_a_validation_part(X):
    stopping = EarlyStopping(patience=3, monitor="valid_loss")
    model = make(max_epochs=200, lr=0.05, callbacks=[stopping]).fit(X[:60], X_valid=X[60:])
    assert {"valid_loss", "valid_plain"} <= set(model.history_[0])
    assert model.n_iter_ < 200


def test_epoch_scoring_asks_the_estimator(X):
    def spread(net, X, y=None):
        return float(net.transform(X).std())

    scoring = EpochScoring(spread, name="spread", on_train=True, use_caching=False)
    model = make(max_epochs=2, callbacks=[("spread", scoring)]).fit(X)
    assert model.history_[-1]["spread"] == pytest.approx(float(model.transform(X).std()), rel=1e-5)


class StopAfter:
    """A callback of scikit-learn."""

    def __init__(self, n_epochs):
        self.n_epochs, self.seen = n_epochs, []

    def setup(self, estimator, context):
        self.seen.append("setup")

    def teardown(self, estimator, context):
        self.seen.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.seen.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context):
        self.seen.append(f"end {context.task_name}")
        return self.seen.count("end epoch") == self.n_epochs


@needs_callbacks
def test_scikit_learn_callbacks(X):
    callback = StopAfter(2)
    model = make(max_epochs=9).set_callbacks(callback).fit(X)
    epoch = ["begin epoch", "end epoch"]
    phase = ["begin reconstruction", *epoch, *epoch, "end reconstruction"]
    assert callback.seen == ["setup", "begin fit", *phase, "end fit", "teardown"]
    assert model.n_iter_ == 2
    assert model.history_[-1]["seconds"] > 0


@needs_callbacks
def test_callbacks_are_torn_down_when_a_fit_fails(X):
    class Fail(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise RuntimeError("on purpose")

    callback = StopAfter(9)
    with pytest.raises(RuntimeError, match="on purpose"):
        make(callbacks=[Fail()]).set_callbacks(callback).fit(X)
    assert callback.seen[-1] == "teardown"


# ---------------------------------------------------------------- interrupts and failures


class Interrupt(nn.Module):
    """Ctrl-C in the third forward pass."""

    def __init__(self, input_shape):
        super().__init__()
        self.network, self.n_calls = MLPAutoencoder(input_shape, 2), 0

    def forward(self, x):
        self.n_calls += 1
        if self.n_calls == 3:
            raise KeyboardInterrupt
        return self.network(x)

    def encode(self, x):
        return self.network.encode(x)


def test_an_interrupt_goes_through_and_leaves_a_fit_as_it_was(X):
    model = make().fit(X)
    before, embedding = dict(vars(model)), model.transform(X)
    changed = {"module": Interrupt, "random_state": 1, "_nested": {}}
    vars(model).update(changed)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:, :5])
    before.update(changed)
    assert vars(model) == before
    np.testing.assert_array_equal(model.transform(X), embedding)


class FailLate(Callback):
    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise RuntimeError("on purpose")


def test_a_warm_fit_that_fails_leaves_everything_as_it_was(X):
    model = make(warm_start=True).fit(X)
    embedding, history = model.transform(X), list(model.history_)
    twin = copy.deepcopy(model)
    model.set_params(callbacks=[FailLate()])
    with pytest.raises(RuntimeError, match="on purpose"):
        model.fit(X)
    np.testing.assert_array_equal(model.transform(X), embedding)
    assert model.history_ == history
    # the optimiser's moments and the random numbers, too
    assert_same_weights(model.set_params(callbacks=None).fit(X), twin.fit(X))


def test_a_non_finite_loss_names_phase_epoch_and_part(X):
    problem = r"phase 'reconstruction', epoch 1 .*plain="
    again = pytest.warns(ConvergenceWarning, match=problem)
    with again, pytest.raises(ValueError, match=problem) as error:
        make(lr=1e30, optimizer="sgd", max_epochs=5).fit(X * 1e10)
    assert "`lr` (now 1e+29)" in str(error.value)


# ---------------------------------------------------------------- warm start


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_warm_start_goes_on_as_if_never_stopped(X, optimizer):
    options = {"optimizer": optimizer, "lr": 0.003}
    if optimizer == "sgd":
        options["optimizer__momentum"] = 0.9
    whole = make(max_epochs=6, **options).fit(X)
    parts = make(max_epochs=2, warm_start=True, **options).fit(X)
    parts.fit(X)
    copy.deepcopy(parts)
    parts = copy.deepcopy(parts).fit(X)  # a copy has the same state
    assert_same_weights(whole, parts)
    assert len(parts.history_) == 6
    assert parts.n_iter_ == 2


def test_a_cold_fit_forgets(X):
    model = make().fit(X)
    assert_same_weights(model.fit(X), make().fit(X))
    assert len(model.history_) == 3


def test_a_last_step_that_diverges_is_noticed(X):
    problem = "last step of phase 'reconstruction', epoch 1"
    again = pytest.warns(ConvergenceWarning, match=problem)
    with again, pytest.raises(ValueError, match=rf"{problem}.*`lr`"):
        make(lr=1e38, optimizer="sgd", max_epochs=1, batch_size=len(X)).fit(X * 1e5)
