"""Checks of the modules that users give in place of our networks."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from skdeepclust.networks import (
    MLP,
    CIFARQuick,
    ConvAutoencoder,
    MLPAutoencoder,
    SequenceAutoencoder,
)
from skdeepclust.networks._checks import check_autoencoder, check_outputs


class Failing(nn.Linear):
    def forward(self, x):
        raise RuntimeError("fails")


class Pair(nn.Linear):
    def forward(self, x):
        return super().forward(x), x


@pytest.mark.parametrize(("cls", "shape"), [(MLP, (7,)), (CIFARQuick, (2, 9, 14))])
def test_our_classifiers_pass_the_check(cls, shape):
    check_outputs(cls(shape, 4).double(), shape, 4)


@pytest.mark.parametrize(
    ("cls", "shape"),
    [(MLPAutoencoder, (7,)), (SequenceAutoencoder, (9, 2)), (ConvAutoencoder, (2, 9, 14))],
)
def test_our_autoencoders_pass_the_check(cls, shape):
    assert check_autoencoder(cls(shape, 4, standardize=True).double(), shape) == 4


@pytest.mark.parametrize(
    ("network", "error", "message"),
    [
        (nn.Linear(5, 3), ValueError, r"module=Linear .* \(2, 3\) .* \(2, 5\).* \(2, 4\)"),
        (nn.Sequential(nn.Linear(5, 4), nn.Flatten(0)), ValueError, r"module=Sequential .* \(8,\)"),
        (Pair(5, 4), TypeError, r"module=Pair returns a tuple .* one tensor .* \(2, 4\)"),
        (nn.Identity(), ValueError, "module=Identity has no parameters"),
    ],
    ids=["number", "dimensions", "tuple", "parameters"],
)
def test_outputs_of_another_shape_are_refused(network, error, message):
    with pytest.raises(error, match=message):
        check_outputs(network, (5,), 4)


CHECKS = [
    pytest.param(MLP((5,), 4), lambda network: check_outputs(network, (5,), 4), id="outputs"),
    pytest.param(
        MLPAutoencoder((5,), 4), lambda network: check_autoencoder(network, (5,)), id="autoencoder"
    ),
]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("network", "check"), CHECKS)
def test_a_check_leaves_the_network_as_it_was(network, check, training):
    network = copy.deepcopy(network).train(training)
    network.frozen = nn.BatchNorm1d(4).train(not training)
    modes = [layer.training for layer in network.modules()]
    state = copy.deepcopy(network.state_dict())
    check(network)
    assert [layer.training for layer in network.modules()] == modes
    for name, value in network.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_a_network_that_fails_gets_its_mode_back():
    network = Failing(5, 4)
    with pytest.raises(RuntimeError, match="fails"):
        check_outputs(network, (5,), 4)
    assert network.training


def test_a_module_without_parameters_is_no_autoencoder():
    network = nn.Identity()
    network.encode = network.decode = network.forward
    with pytest.raises(ValueError, match="module=Identity has no parameters"):
        check_autoencoder(network, (5,))
