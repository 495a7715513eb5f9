"""A fit has a network of its own: what the user holds, and what is frozen, stays as it was."""

from __future__ import annotations

import functools
import pickle
import threading

import numpy as np
import pytest
import torch
from helpers.small_fits import DIGIT, KNOWN, QUICK
from torch import nn

from skdeepclust import ParsimoniousAutoencoder, ParsimoniousClassifier, TripletDECClusterer
from skdeepclust._estimator.structure import made_by
from skdeepclust.networks._layers import mark_frozen_parts, train_mode


class Network(nn.Module):
    """An autoencoder of parts that may have been there before."""

    def __init__(self, body=None, weight=None, act=None, shift=None, n_components=4):
        super().__init__()
        self.body = nn.Linear(64, 16) if body is None else body
        self.act = nn.ReLU() if act is None else act
        self.code, self.out = nn.Linear(16, n_components), nn.Linear(n_components, 64)
        self.shift = shift
        if weight is not None:
            self.code.weight = weight

    def encode(self, x):
        h = self.act(self.body(x))
        return self.code(h if self.shift is None else h + self.shift)

    def decode(self, z):
        return self.out(z)


class Classifier(Network):
    def forward(self, x):
        return self.decode(self.encode(x))[:, :10]


def body() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 16), nn.BatchNorm1d(16), nn.Dropout())


def frozen_body() -> nn.Module:
    return body().eval().requires_grad_(False)


class Maker:
    def __init__(self):
        self.network = Network(body())

    def make(self, n_components):
        return self.network


def within(module: nn.Module) -> Network:
    # of a helper, whose variables aren't in reach of the factory
    return Network(module)


def of_dict(parts: dict[str, nn.Module]) -> Network:
    return Network(parts["it"])


# what the user holds, and what makes a network of it
MADE_OF = {
    "a body around a function": (body, lambda it: lambda n_components: Network(it)),
    "a body in a dict": (body, lambda it: functools.partial(of_dict, {"it": it})),
    "a body in a partial": (body, lambda it: functools.partial(Network, it)),
    "a body in a helper": (body, lambda it: lambda **options: within(it)),
    "a frozen body": (frozen_body, lambda it: lambda n_components: Network(it)),
    "an activation": (lambda: nn.Dropout(0.1).eval(), lambda it: lambda: Network(act=it)),
    "a weight": (lambda: nn.Parameter(torch.ones(4, 16)), lambda it: lambda: Network(weight=it)),
    "a shift": (lambda: nn.Parameter(torch.zeros(16)), lambda it: lambda: Network(shift=it)),
    "a tensor": (
        lambda: torch.ones(4, 16),
        lambda it: lambda: Network(weight=nn.Parameter(it)),
    ),
    "an array": (
        lambda: np.ones((4, 16), np.float32),
        lambda it: lambda: Network(weight=nn.Parameter(torch.from_numpy(it))),
    ),
    "a method's network": (lambda: Maker().network, lambda it: lambda **options: it),
    "an instance": (lambda: Network(frozen_body()), lambda it: it),
}  # fmt: skip


def all_of(it) -> list:
    """Return all that may change of a module, a tensor or an array."""
    if isinstance(it, np.ndarray):
        return [it.tobytes()]
    if isinstance(it, torch.Tensor):
        return [it.dtype, it.requires_grad, it.grad is None, it.detach().numpy().tobytes()]
    parts = [[name, each.training, len(each._forward_hooks)] for name, each in it.named_modules()]
    return parts + [all_of(each) for each in [*it.parameters(), *it.buffers()]]


@pytest.mark.parametrize("name", MADE_OF)
def test_what_a_network_is_made_of_stays_as_it_was(name):
    make, factory = MADE_OF[name]
    it = make()
    before = all_of(it)
    model = ParsimoniousAutoencoder(
        module=factory(it), layers=["code"], n_clusters=5, dtype="float64", **QUICK
    )
    model.fit(KNOWN).partial_fit(KNOWN).transform(KNOWN)
    assert all_of(it) == before


def test_weights_that_share_memory_still_do():
    def tied() -> nn.Module:
        network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3))
        network[1].weight.data = network[0].weight.data.T
        return network

    network = made_by(tied, {}, {})
    with torch.no_grad():
        network[0].weight.fill_(2)
    assert (network[1].weight == 2).all()


def test_what_cannot_be_copied_says_so():
    network = Network()
    network.lock = threading.Lock()
    with pytest.raises(TypeError, match=r"can't be copied .* give a class or a function"):
        made_by(network, {}, {})

    def new() -> nn.Module:
        network = Network()
        network.lock = threading.Lock()
        return network

    assert made_by(new, {}, {}).training


# ---------------------------------------------------------------- frozen parts


def has_moved(network: nn.Module, norm: nn.BatchNorm1d) -> bool:
    assert not network.training
    return not torch.equal(network.body[1].running_mean.float(), norm.running_mean)


BODY = frozen_body()
QUICK_DEC = {"pretrain_epochs": 1, "warmup_epochs": 1, "n_init": 1, **QUICK}


def around(**options) -> Network:
    return Classifier(BODY)


def test_a_frozen_part_stays_in_evaluation_mode():
    model = ParsimoniousClassifier(module=around, layers=["code"], n_clusters=3, **QUICK)
    model.fit(KNOWN, DIGIT[:60]).partial_fit(KNOWN, DIGIT[:60])
    model.set_params(warm_start=True).fit(KNOWN, DIGIT[:60])
    again = pickle.loads(pickle.dumps(model)).partial_fit(KNOWN, DIGIT[:60])
    for each in (model, again):
        assert not has_moved(each.module_, BODY[1])
    clusterer = TripletDECClusterer(3, module=around(), **QUICK_DEC).fit(KNOWN)
    assert not has_moved(clusterer.module_.autoencoder, BODY[1])
    # one that is trained isn't kept in the mode of predictions
    trained = ParsimoniousAutoencoder(module=Network(body()).eval(), layers=["code"], **QUICK)
    assert has_moved(trained.set_params(n_clusters=3).fit(KNOWN).module_, body()[1])


def modes(network: nn.Module) -> list[bool]:
    train_mode(network, False)
    assert not any(each.training for each in network.modules())
    train_mode(network)
    return [each.training for each in network.modules()]


def test_which_parts_stay_as_they_are():
    network = nn.Sequential(
        frozen_body(), nn.BatchNorm1d(16, affine=False).eval(), nn.Linear(16, 4)
    )
    mark_frozen_parts(network)
    expected = [True, False, False, False, False, False, True]
    assert modes(network) == expected
    network[0].requires_grad_(True)  # as a callback may
    assert modes(network) == [True, True, True, True, True, False, True]
    whole = nn.Sequential(nn.Linear(3, 3), nn.Dropout(), frozen_body()).eval()
    mark_frozen_parts(whole)
    assert modes(whole) == [True, True, True, False, False, False, False]
