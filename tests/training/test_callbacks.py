"""What callbacks may do in the middle of a fit: copy it, score it, end a phase."""

from __future__ import annotations

import copy
import os
import pickle
import signal

import numpy as np
import pytest
from helpers.needs import needs_callbacks
from helpers.stopped_fits import NETWORKS
from skorch.callbacks import Callback, EarlyStopping

from skdeepclust import ForcedApartEmbedder, save

X = np.random.default_rng(0).normal(size=(60, 4)).astype("float32")
Y = np.arange(60) % 2


class CopyIt(Callback):
    """Copies, pickles and saves the estimator in the middle of its first fit."""

    def __init__(self, path):
        self.path = path

    def on_epoch_end(self, net, **kwargs):
        estimator = net.bound_.estimator
        copies = (
            copy.copy(estimator),
            copy.deepcopy(estimator),
            pickle.loads(pickle.dumps(estimator)),
        )
        for each in copies:
            assert each.get_params().keys() == estimator.get_params().keys()
            assert len(each.module_.state_dict()) == len(estimator.module_.state_dict())


@pytest.mark.parametrize("name", NETWORKS)
def test_an_estimator_can_be_copied_in_its_first_fit(name, tmp_path):
    model, arguments = NETWORKS[name]()
    model.set_params(callbacks=[CopyIt(tmp_path)]).fit(*arguments)
    save(model.set_params(callbacks=None), tmp_path / "file")


@needs_callbacks
def test_scikit_learns_own_scores():
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    model = ForcedApartEmbedder(max_epochs=2, random_state=0).set_callbacks(monitor)
    assert len(model.fit(X, Y).history_) == 2
    model = ForcedApartEmbedder(random_state=0).set_callbacks(ScoringMonitor(scoring="accuracy"))
    assert len(model.partial_fit(X, Y, classes=[0, 1]).history_) == 1


class Late(Callback):
    """Another callback, which it hands everything on to."""

    def __init__(self, inner):
        self.inner = inner

    def initialize(self):
        self.inner.initialize()
        return self

    def on_train_begin(self, net, **kwargs):
        self.inner.on_train_begin(net, **kwargs)

    def on_epoch_end(self, net, **kwargs):
        self.inner.on_epoch_end(net, **kwargs)


class Closure(Callback):
    """Stops within a function of its own."""

    def on_epoch_end(self, net, **kwargs):
        def stop():
            raise KeyboardInterrupt

        stop()


@pytest.mark.parametrize(
    "callback",
    [Late(EarlyStopping(monitor="train_loss", patience=1, threshold=100)), Closure()],
    ids=["around another", "in a function"],
)
def test_a_callback_ends_a_phase(callback):
    before = signal.getsignal(signal.SIGINT)
    model = ForcedApartEmbedder(max_epochs=5, callbacks=[callback], random_state=0).fit(X, Y)
    assert 1 <= len(model.history_) < 5
    assert signal.getsignal(signal.SIGINT) is before
    assert model.predict(X).shape == (60,)


class CtrlC(Callback):
    """Somebody presses Ctrl-C while a callback is at work."""

    def on_epoch_end(self, net, **kwargs):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def listening():
    """Let Ctrl-C be heard, which processes in the background of a shell ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
def test_ctrl_c_within_a_callback_goes_through():
    before = signal.getsignal(signal.SIGINT)
    model = ForcedApartEmbedder(max_epochs=5, callbacks=[CtrlC()], random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    assert not hasattr(model, "module_")
    assert signal.getsignal(signal.SIGINT) is before
