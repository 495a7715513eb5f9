"""Regularisers that are saved, pickled, copied or cast go on as if nothing had happened."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from helpers.naive_clustering import NaiveCenters
from helpers.watched import clustering, normal, penalty
from torch import Tensor, nn

from skdeepclust.regularizers import ActivationRegularizer, ClusteringRegularizer, Regularizer

BATCHES = normal(7, 12, 2, 4, 4, dtype=torch.float32)
LAYERS = {
    "auto": "auto",
    "names": ["linear", "conv"],
    "options": {"linear": {"center_gradient": "exact"}, "conv": ["channel", "spatial"]},
}


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear, self.out = nn.Conv2d(2, 3, 3), nn.Linear(12, 5), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv(x).relu().flatten(1)
        return self.out(self.linear(hidden).relu())


def make(layers: str) -> ClusteringRegularizer:
    return ClusteringRegularizer(LAYERS[layers], n_clusters=6, lam=1.0, starved_below=0.9)


def train(network: nn.Module, regularizer: ClusteringRegularizer, batches: Tensor) -> None:
    """Train on some batches, three of them an epoch."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for step, x in enumerate(batches, 1):
        with regularizer.watch(network):
            loss = network(x).square().mean()
        optimizer.zero_grad()
        (loss + regularizer.penalty()).backward()
        optimizer.step()
        if step % 3 == 0:
            regularizer.end_epoch()


def by_state_dict(regularizer: ClusteringRegularizer, layers: str) -> ClusteringRegularizer:
    fresh = make(layers)
    fresh.load_state_dict(regularizer.state_dict())
    return fresh


def by_file(regularizer: ClusteringRegularizer, layers: str) -> ClusteringRegularizer:
    file = io.BytesIO()
    torch.save(regularizer.state_dict(), file)
    file.seek(0)
    fresh = make(layers)
    fresh.load_state_dict(torch.load(file, weights_only=True))
    return fresh


def into_a_used_one(regularizer: ClusteringRegularizer, layers: str) -> ClusteringRegularizer:
    used = make(layers)
    train(Network(), used, BATCHES[:1, [0, 1, 2, 3] * 3])  # four centres of six
    used.load_state_dict(regularizer.state_dict())
    return used


def by_pickle(regularizer: ClusteringRegularizer, layers: str) -> ClusteringRegularizer:
    return pickle.loads(pickle.dumps(regularizer))


def by_deepcopy(regularizer: ClusteringRegularizer, layers: str) -> ClusteringRegularizer:
    return copy.deepcopy(regularizer)


WAYS = [by_state_dict, by_file, by_pickle, by_deepcopy]


def flat(regularizer: ClusteringRegularizer) -> list[np.ndarray]:
    found = regularizer.cluster_centers_.values()
    return [array for each in found for array in (each.values() if type(each) is dict else [each])]


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("way", WAYS)
def test_training_goes_on_bit_for_bit(way: Callable, layers: str, steps: int) -> None:
    """Saved before the first step, in the midst of an epoch, or before centres are redrawn."""
    assert_goes_on(way, layers, steps)


@pytest.mark.parametrize("layers", LAYERS)
def test_a_used_regularizer_takes_up_another_state(layers: str) -> None:
    assert_goes_on(into_a_used_one, layers, 2)


def assert_goes_on(way: Callable, layers: str, steps: int) -> None:
    network, regularizer = Network(), make(layers)
    train(network, regularizer, BATCHES[:steps])
    other, again = copy.deepcopy(network), way(regularizer, layers)
    for one, each in ((network, regularizer), (other, again)):
        torch.default_generator.manual_seed(1)
        train(one, each, BATCHES[steps:])
    assert len(flat(again)) == {"auto": 1, "names": 2, "options": 3}[layers]
    for kept, new in zip(flat(regularizer), flat(again), strict=True):
        np.testing.assert_array_equal(kept, new)
    for kept, new in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(kept, new)


def test_the_centers_of_this_test_are_drawn_anew() -> None:
    """What the test above covers: some centres starve after each of the epochs."""
    regularizer = make("names")
    train(Network(), regularizer, BATCHES[:3])
    assert all(running.starved.any() for running in regularizer.running)
    assert not all(running.starved.all() for running in regularizer.running)


@pytest.mark.parametrize("way", [by_pickle, by_deepcopy])
def test_pickles_and_copies_keep_mode_and_options(way: Callable) -> None:
    regularizer = make("auto")
    train(Network(), regularizer, BATCHES[:2])
    again = way(regularizer.eval(), "auto")
    assert not again.training
    assert again.input_shape == (2, 4, 4)
    for name in ("layers", "n_clusters", "lam", "starved_below", "smoothing"):
        assert getattr(again, name) == getattr(regularizer, name)
    with pytest.raises(RuntimeError, match=r"penalty\(\) needs"):
        again.penalty()
    train(Network(), regularizer.train(), BATCHES[2:4])
    assert not np.array_equal(flat(again)[0], flat(regularizer)[0]), "a copy shares no memory"


def test_a_state_of_other_layers_is_refused() -> None:
    regularizer = make("names")
    train(Network(), regularizer, BATCHES[:1])
    other = ClusteringRegularizer(["conv", "linear"], n_clusters=6)
    with pytest.raises(ValueError, match=r"layers \['linear', 'conv'\].*has the layers \['conv'"):
        other.load_state_dict(regularizer.state_dict())
    fewer = ClusteringRegularizer({"linear": None, "conv": ["sample", "spatial"]}, n_clusters=6)
    with pytest.raises(RuntimeError, match="Missing key"):
        fewer.load_state_dict(regularizer.state_dict())


@pytest.mark.parametrize("steps", [0, 1])
def test_casting_to_float64(steps: int) -> None:
    regularizer = clustering(n_clusters=3)
    for seed in range(steps):
        penalty(regularizer, normal(8, 4, seed=seed, dtype=torch.float32))
    before = regularizer.cluster_centers_["a"]
    regularizer.to(torch.float64)
    np.testing.assert_array_equal(regularizer.cluster_centers_["a"], before)
    penalty(regularizer, normal(8, 4, seed=1))
    naive = NaiveCenters(regularizer.cluster_centers_["a"], 0.9)
    y = normal(8, 4, seed=2)
    value = penalty(regularizer, y)
    assert value.dtype == torch.float64
    assert value.item() == pytest.approx(naive.step(y.tolist(), [1.0] * 8).penalty, rel=1e-12)
    np.testing.assert_allclose(regularizer.cluster_centers_["a"], naive.centers, rtol=1e-12)
    regularizer.end_epoch()
    penalty(regularizer, y)


# ---------------------------------------------------------------- a regulariser of one's own


class AbsoluteRegularizer(Regularizer):
    def __init__(self, layers="auto", *, lam: float = 0.5, power: float = 1.0) -> None:
        super().__init__(layers, lam=lam, power=power)

    def layer_penalty(self, name: str, representation: Tensor, sample_weight) -> Tensor:
        return self.lam * representation.abs().pow(self.power).mean()


@pytest.mark.parametrize("way", [by_pickle, by_deepcopy])
def test_a_subclass_needs_one_method(way: Callable) -> None:
    regularizer, network = way(AbsoluteRegularizer(power=3.0), ""), Network()
    with regularizer.watch(network):
        network(BATCHES[0])
    expected = 0.5 * network.linear(network.conv(BATCHES[0]).relu().flatten(1)).abs() ** 3
    torch.testing.assert_close(regularizer.penalty(), expected.mean())
    again = way(regularizer, "")
    assert again.power == 3.0
    regularizer.end_epoch()
    with again.watch(network):
        network(BATCHES[0])
    torch.testing.assert_close(again.penalty(), expected.mean())


def test_nothing_has_happened_before_the_first_watch() -> None:
    for regularizer in (make("auto"), make("options"), ActivationRegularizer()):
        regularizer.end_epoch()
    assert make("auto").cluster_centers_ == {}
    centers = make("names").cluster_centers_
    assert [array.shape for array in centers.values()] == [(0, 0), (0, 0)]
