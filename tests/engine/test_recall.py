"""A network runs over the same samples once, until it has changed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from skdeepclust import DECClusterer, TripletDECClusterer
from skdeepclust._engine.runner import LastAnswer, Runner

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
    digits = load_digits().data[:300]
    passes, infer = [], Runner.infer

    def counted(self, function, samples, *args, **kwargs):
        is_embedding = getattr(function, "__name__", "") in ("_embed", "_soft")
        passes.extend([function] * (is_embedding and len(samples) == len(digits)))
        return infer(self, function, samples, *args, **kwargs)

    monkeypatch.setattr(Runner, "infer", counted)
    clusterer.set_params(pretrain_epochs=1, random_state=0).fit(digits)
    assert len(passes) == n_passes
    assert "_runner" not in vars(clusterer)  # the memory goes with the fit
