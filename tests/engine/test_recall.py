"""A network runs over the same samples once, until it has changed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from skorch.callbacks import Callback
from torch import nn

from skdeepclust import DECClusterer, TripletDECClusterer
from skdeepclust._engine.runner import LastAnswer, Runner

DIGITS = load_digits().data[:300].astype(np.float32) / 16
X = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)


class Net(nn.Module):
    of_clusters = frozenset({"centers"})

    def __init__(self):
        super().__init__()
        self.layer, self.norm = nn.Linear(4, 2), nn.BatchNorm1d(2)
        self.centers = nn.Parameter(torch.zeros(3, 2))
        self.n_runs = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.n_runs += 1
        return self.norm(self.layer(x))

    def doubled(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * self(x)


def change_weight(net: Net) -> None:
    with torch.no_grad():
        net.layer.weight[0, 0] += 1


def train_mode_sees_a_batch(net: Net) -> None:
    net.train()
    net(torch.ones(4, 4))
    net.n_runs -= 1


@pytest.mark.parametrize("change", [change_weight, train_mode_sees_a_batch])
def test_a_changed_network_runs_anew(change: Callable[[Net], None]):
    net = Net()
    runner = Runner(net, (4,), 64, memory=LastAnswer())
    runner.recall(net, X)
    change(net)
    found = runner.recall(net, X)
    assert net.n_runs == 2
    torch.testing.assert_close(found, runner.infer(net, X), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("samples", "function", "n_runs"),
    [(X, Net.forward, 1), (X.copy(), Net.forward, 2), (X, Net.doubled, 2)],
)
def test_the_last_answer_is_of_the_same_samples_and_function(samples, function, n_runs):
    net = Net()
    runner = Runner(net, (4,), 64, memory=LastAnswer())
    runner.recall(net.forward, X)
    with torch.no_grad():
        net.centers += 1  # the answer doesn't depend on them
    net.train()
    found = runner.recall(function.__get__(net), samples)
    assert net.n_runs == n_runs
    assert not net.training
    torch.testing.assert_close(found, runner.infer(function.__get__(net), X), rtol=0, atol=0)


def test_what_has_been_forgotten_or_grown_is_found_anew():
    net = Net()
    runner = Runner(net, (4,), 64, memory=LastAnswer())
    runner.recall(net, X)
    runner.forget()
    runner.recall(net, X)
    net.register_buffer("mask", torch.ones(1))  # as pruning adds one
    runner.recall(net, X)
    assert net.n_runs == 3


def test_without_a_memory_each_question_is_answered():
    net = Net()
    runner = Runner(net, (4,), 64)
    runner.recall(net, X)
    runner.recall(net, X)
    assert net.n_runs == 2


@pytest.mark.parametrize(
    ("clusterer", "n_passes"),
    [
        # for the initial clusters, for the second targets, at the end
        (
            TripletDECClusterer(
                10, image_shape=(8, 8), warmup_epochs=1, max_epochs=2, n_init=3, n_starts=1
            ),
            3,
        ),
        # before each of two epochs, at the end
        (DECClusterer(10, pretrain_epochs=1, max_epochs=2, module__hidden=(16,)), 3),
    ],
)
def test_a_fit_embeds_all_samples_as_often_as_the_network_changes(clusterer, n_passes, monkeypatch):
    passes, infer = [], Runner.infer

    def counted(self, function, samples, *args, **kwargs):
        is_embedding = getattr(function, "__name__", "") in ("_embed", "_soft")
        passes.extend([function] * (is_embedding and len(samples) == len(DIGITS)))
        return infer(self, function, samples, *args, **kwargs)

    monkeypatch.setattr(Runner, "infer", counted)
    clusterer.set_params(pretrain_epochs=1, random_state=0).fit(DIGITS)
    assert len(passes) == n_passes
    assert "_runner" not in vars(clusterer)  # the memory goes with the fit


class Centering(Callback):
    """Changes what the fitted estimator returns, and asks for an array that it refills."""

    def on_epoch_end(self, net, **kwargs):
        estimator = net.bound_.estimator
        embedding = estimator.transform(DIGITS)
        embedding -= embedding.mean(0)
        refilled = DIGITS[:100].copy()
        first = estimator.transform(refilled)
        refilled[:] = DIGITS[100:200]
        assert not np.array_equal(estimator.transform(refilled), first)


def test_callbacks_that_ask_change_nothing():
    plain, watched = (
        DECClusterer(4, pretrain_epochs=1, max_epochs=2, random_state=0, callbacks=callbacks)
        for callbacks in (None, [Centering()])
    )
    labels = watched.fit(DIGITS).labels_
    np.testing.assert_array_equal(labels, plain.fit_predict(DIGITS))
    np.testing.assert_array_equal(labels, watched.predict(DIGITS))


class Drifting(nn.Module):
    """A frozen encoder whose output moves with each training step, by no parameter or buffer."""

    def __init__(self, input_shape: tuple[int, ...]):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(input_shape[0], 3), nn.Linear(3, input_shape[0])
        self.encoder.requires_grad_(False)
        self.n_components, self.mean = 3, torch.zeros(3)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        codes = self.encoder(x)
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * codes.detach().mean(0)
        return codes * (1 + self.mean)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return self.decoder(z)


def test_labels_are_those_of_a_frozen_network_that_holds_more_than_weights():
    clusterer = DECClusterer(4, module=Drifting, pretrain_epochs=1, max_epochs=3, random_state=0)
    labels = clusterer.fit(DIGITS).labels_
    np.testing.assert_array_equal(labels, clusterer.predict(DIGITS))
