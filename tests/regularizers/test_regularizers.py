"""Watching layers of any network, the regularisers without a state, and a user's loop."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from helpers.watched import clustering, normal, penalty
from sklearn.cluster import KMeans
from torch import Tensor, nn
from torch.nn import functional

from skdeepclust import losses
from skdeepclust.networks._layers import (
    hidden_linear_layers,
    last_layer_input,
    layer_output,
    module_device_and_dtype,
)
from skdeepclust.regularizers import (
    ActivationRegularizer,
    ClusteringRegularizer,
    DeCovRegularizer,
)

SIMPLE = {
    "activation": (ActivationRegularizer, losses.activation_penalty),
    "decov": (DeCovRegularizer, losses.decov_loss),
}


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield


def mlp(inplace: bool = False) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(4, 5), nn.ReLU(inplace), nn.Linear(5, 3), nn.ReLU(inplace), nn.Linear(3, 2)
    )


def hooks_of(module: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in module.modules())


# ---------------------------------------------------------------- regularisers without a state


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", SIMPLE)
def test_simple_regularizers_sum_their_losses(name: str, weighted: bool) -> None:
    cls, loss = SIMPLE[name]
    weight = torch.arange(6) if weighted else None
    a, b, c = normal(6, 4), normal(6, 2, 3, 3, seed=1), normal(12, 2, seed=2)
    regularizer = cls({"a": 0.5, "b": {"lam": 2.0}, "c": None}, lam=0.25)
    value = penalty(regularizer, a, b=b, c=c, sample_weight=weight)
    twice = None if weight is None else weight.repeat(2)
    expected = 0.5 * loss(a, sample_weight=weight) + 2 * loss(b, sample_weight=weight)
    torch.testing.assert_close(value, expected + 0.25 * loss(c, sample_weight=twice))


@pytest.mark.parametrize("name", SIMPLE)
def test_simple_regularizers_reach_the_network(name: str) -> None:
    cls, loss = SIMPLE[name]
    network, x = mlp(), normal(6, 4, dtype=torch.float32)
    regularizer = cls(lam=3.0)
    with regularizer.watch(network):
        network(x)
    regularizer.penalty().backward()
    of_network = [p.grad.clone() for p in network[:3].parameters()]
    first = network[0](x)
    expected = 3 * (loss(first) + loss(network[2](network[1](first))))
    actual = torch.autograd.grad(expected, list(network[:3].parameters()))
    torch.testing.assert_close(of_network, list(actual))
    assert network[4].weight.grad is None, "'auto' leaves the last layer alone"


# ---------------------------------------------------------------- watching


@pytest.mark.parametrize("fails", [False, True])
def test_hooks_are_gone_after_watching(fails: bool) -> None:
    network, regularizer = mlp(), ClusteringRegularizer(["0", "2"], n_clusters=2)

    def body() -> None:
        with regularizer.watch(network) as watching:
            assert watching is regularizer
            assert hooks_of(network) == 3
            network(torch.zeros(6, 3 if fails else 4))

    if fails:
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            body()
    else:
        body()
        regularizer.penalty()
    assert hooks_of(network) == 0
    for again in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert again(torch.zeros(1, 4)).shape == (1, 2)


def test_a_layer_that_has_gone_leaves_no_hook() -> None:
    network = mlp()
    regularizer = ActivationRegularizer(["0", "2"])
    regularizer.attach(network)
    shorter = nn.Sequential(*network[:2])
    network._modules = shorter._modules
    with pytest.raises(ValueError, match="no layer '2'"), regularizer.watch(network):
        pass
    assert hooks_of(network) == 0


def test_the_network_is_no_part_of_the_regularizer() -> None:
    network, regularizer = mlp(), ClusteringRegularizer(n_clusters=2)
    with regularizer.watch(network):
        network(torch.rand(6, 4))
    regularizer.penalty()
    assert not list(regularizer.parameters())
    assert regularizer.input_shape == (4,)
    network.double()
    assert regularizer.cluster_centers_["0"].dtype == np.float32


def test_two_regularizers_watch_one_network() -> None:
    network, x = mlp(), torch.rand(6, 4)
    one, two = ActivationRegularizer(["0"], lam=1.0), ActivationRegularizer(["2"], lam=1.0)
    with one.watch(network), two.watch(network):
        network(x)
    hidden = network[0](x)
    torch.testing.assert_close(one.penalty(), losses.activation_penalty(hidden))
    torch.testing.assert_close(two.penalty(), losses.activation_penalty(network[2](hidden.relu())))


def test_penalties_without_gradient() -> None:
    """Validation under no_grad and in inference mode is as good as with gradients."""
    network, x = mlp(), torch.rand(6, 4)
    regularizer = ClusteringRegularizer(["0", "2"], n_clusters=2)

    def value() -> float:
        with regularizer.watch(network):
            network(x)
        return regularizer.penalty().item()

    value()
    regularizer.eval()
    expected = value()
    for context in (torch.no_grad, torch.inference_mode):
        with context():
            assert value() == expected


def test_centers_that_were_read_do_not_change_later() -> None:
    regularizer = clustering()
    penalty(regularizer, normal(6, 2))
    read = regularizer.cluster_centers_["a"]
    kept = read.copy()
    penalty(regularizer, normal(6, 2, seed=1))
    np.testing.assert_array_equal(read, kept)
    assert not np.array_equal(regularizer.cluster_centers_["a"], kept)


# ---------------------------------------------------------------- finding layers


def test_hidden_layers_are_the_fully_connected_ones_before_the_last() -> None:
    assert hidden_linear_layers(mlp()) == ["0", "2"]
    to_images = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Linear(2, 2), nn.ConvTranspose2d(1, 1, 1))
    assert hidden_linear_layers(to_images) == ["1"]
    assert hidden_linear_layers(nn.Sequential(nn.Conv2d(1, 1, 1), nn.Linear(2, 2))) == []
    assert hidden_linear_layers(nn.Linear(2, 2)) == []


def test_device_and_dtype_are_those_of_the_parameters() -> None:
    cpu = torch.device("cpu")
    assert module_device_and_dtype(mlp().double()) == (cpu, torch.float64)
    assert module_device_and_dtype(nn.Tanh()) == (cpu, torch.float32)


def test_inputs_and_outputs_of_layers_are_caught() -> None:
    network, x = mlp(inplace=True), torch.randn(6, 4)
    with layer_output(network, "0") as output, last_layer_input(network) as before_last:
        network(x)
    torch.testing.assert_close(output[0], network[0](x))
    torch.testing.assert_close(before_last[0], network[:4](x))
    assert hooks_of(network) == 0
    recurrent = nn.Sequential(nn.LSTM(4, 3))
    with layer_output(recurrent, "0"), pytest.raises(TypeError, match="'0' returns tuple"):
        recurrent(torch.zeros(1, 2, 4))
    assert hooks_of(recurrent) == 0


# ---------------------------------------------------------------- a user's loop


def within_share(hidden: Tensor) -> float:
    """Return the share of the variance that three-means leaves inside of its clusters."""
    inertia = KMeans(10, n_init=2, random_state=0).fit(hidden.numpy()).inertia_
    return inertia / (hidden - hidden.mean(0)).square().sum().item()


def trained_on_digits(digits: tuple[np.ndarray, np.ndarray], lam: float) -> tuple[float, float]:
    """Return within share of the hidden units and accuracy after a few epochs."""
    X, y = torch.tensor(digits[0][:1000], dtype=torch.float32) / 16, torch.tensor(digits[1][:1000])
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        regularizer = ClusteringRegularizer(n_clusters=10, lam=lam)
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        for _ in range(8):
            for index in torch.randperm(len(X)).split(100):
                with regularizer.watch(network):
                    loss = functional.cross_entropy(network(X[index]), y[index])
                optimizer.zero_grad()
                (loss + regularizer.penalty()).backward()
                optimizer.step()
            regularizer.end_epoch()
    assert list(regularizer.cluster_centers_) == ["0"]
    with torch.no_grad():
        accuracy = (network(X).argmax(1) == y).float().mean().item()
        return within_share(network[0](X)), accuracy


def test_training_digits_pulls_hidden_units_to_centers(digits) -> None:
    plain, accuracy = trained_on_digits(digits, 0.0)
    pulled, accuracy_pulled = trained_on_digits(digits, 30.0)
    assert pulled < 0.8 * plain
    assert min(accuracy, accuracy_pulled) > 0.9
