"""Networks of users in files: nothing that they hold is lost, and training goes on."""

from __future__ import annotations

import functools

import pytest
import torch
from helpers.small_fits import DIGIT, KNOWN, QUICK, assert_same
from helpers.trusting import loaded
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    ZeroShotClassifier,
    save,
)

Y = DIGIT[:60]


def chain(*layers):
    return nn.Sequential(*layers, nn.ReLU(), nn.Linear(8, 10))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.out = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.out(torch.relu(self.two(torch.relu(self.one(x)))))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        rows = x.reshape(-1, 8, 8)
        return self.out(torch.relu(self.attention(rows, rows, rows)[0].flatten(1)))


class Parts(nn.Module):
    """Parameters in lists and dicts, buffers, a size, functions, and hooks with a handle."""

    def __init__(self):
        super().__init__()
        self.weights = nn.ParameterList([nn.Parameter(torch.rand(64, 10) / 8)])
        self.named = nn.ParameterDict({"bias": nn.Parameter(torch.zeros(10))})
        self.register_buffer("n_batches", torch.zeros((), dtype=torch.int64))
        self.size, self.function = torch.Size([64]), nn.functional.gelu
        self.handle = self.register_forward_pre_hook(self.halve)
        self.dead = self.register_forward_hook(doubled_output)
        self.dead.remove()
        self.register_forward_hook(doubled_output)
        self.last = nn.Linear(10, 10)

    def halve(self, module, arguments):
        return (arguments[0] / 2,)

    def forward(self, x):
        self.n_batches += self.training
        return self.last(self.function(x @ self.weights[0] + self.named["bias"]))


def doubled_output(module, arguments, output):
    return 2 * output


def old_weight_norm():
    return chain(weight_norm(nn.Linear(64, 8)))


def lasting(make):
    return chain(make(nn.Linear(64, 8)))


NETWORKS = {
    "weight norm": lambda: lasting(parametrizations.weight_norm),
    "spectral norm": lambda: lasting(parametrizations.spectral_norm),
    "orthogonal": lambda: lasting(parametrizations.orthogonal),
    "two of them": lambda: lasting(
        lambda layer: parametrizations.spectral_norm(parametrizations.weight_norm(layer))
    ),
    "old spectral norm": lambda: lasting(spectral_norm),
    "old weight norm": lambda: old_weight_norm,
    "tied": Tied,
    "attention": Attention,
    "parts": Parts,
    "lazy": lambda: nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(10)),
    "half lazy": lambda: nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.LazyLinear(10)),
    "norms": lambda: chain(nn.Linear(64, 8), nn.BatchNorm1d(8), nn.LayerNorm(8), nn.Dropout(0.1)),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_users_go_on_as_they_would_have(name, tmp_path):
    torch.manual_seed(0)
    model = ZeroShotClassifier(module=NETWORKS[name](), **QUICK).fit(KNOWN, Y)
    save(model, tmp_path / "first")
    again = loaded(tmp_path / "first")
    assert_same(again, model)
    save(model, tmp_path / "second")
    assert (tmp_path / "second").read_bytes() == (tmp_path / "first").read_bytes()
    for each in (model, again):
        each.set_params(warm_start=True, max_epochs=1).fit(KNOWN, Y)
    assert_same(again, model)
    state = again.module_.state_dict()
    for key, value in model.module_.state_dict().items():
        assert torch.equal(state[key], value), key


class Coder(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Tied()
        self.outer = parametrizations.weight_norm(nn.Linear(10, 64))

    def encode(self, x):
        return self.inner(x)

    def decode(self, code):
        return self.outer(code)

    def forward(self, x):
        return self.decode(self.encode(x))


METHODS = {
    "tagnet": lambda: TAGnetClusterer(
        2, module=Tied(), n_components=10, n_init=1, **{**QUICK, "lr": 1e-4}
    ),
    "classifier": lambda: ParsimoniousClassifier(
        n_clusters=2, module=Tied(), layers=["one"], **QUICK
    ),
    "autoencoder": lambda: ParsimoniousAutoencoder(
        n_clusters=2, module=Coder(), layers=["inner.one"], **QUICK
    ),
    "embedder": lambda: ForcedApartEmbedder(module=Tied(), code_layer="two", **QUICK),
    "triplet dec": lambda: TripletDECClusterer(
        3, module=Coder(), pretrain_epochs=1, warmup_epochs=1, n_init=1, **QUICK
    ),
    "zero shot": lambda: ZeroShotClassifier(module=Tied(), **QUICK),
}
OPTIMIZERS = [
    torch.optim.SGD, "rmsprop", torch.optim.NAdam, functools.partial(torch.optim.SGD, momentum=0.9),
    functools.partial(torch.optim.Adam, amsgrad=True), torch.optim.Adagrad,
]  # fmt: skip


@pytest.mark.parametrize(("name", "optimizer"), [*zip(METHODS, OPTIMIZERS, strict=True)])
def test_every_method_goes_on_with_shared_weights_and_moments(name, optimizer, tmp_path):
    torch.manual_seed(0)
    labels = (Y,) if name not in ("autoencoder", "tagnet", "triplet dec") else ()
    model = METHODS[name]().set_params(optimizer=optimizer).fit(KNOWN, *labels)
    save(model, tmp_path / "model")
    again = loaded(tmp_path / "model")
    for each in (model, again):
        each.set_params(warm_start=True).fit(KNOWN, *labels)
    assert_same(again, model)
    one, other = (len([*each.module_.parameters()]) for each in (model, again))
    assert one == other


def test_hooks_are_numbered_on(tmp_path):
    model = ZeroShotClassifier(module=Parts(), **QUICK).fit(KNOWN, Y)
    save(model, tmp_path / "model")
    layer = loaded(tmp_path / "model").module
    x = torch.rand(3, 64)
    expected = layer(x)
    torch.testing.assert_close(expected, model.module(x))
    layer.register_forward_hook(doubled_output)  # in addition, not in the place of another
    torch.testing.assert_close(layer(x), 2 * expected)
    layer.handle.remove()
    torch.testing.assert_close(layer(x / 2), 2 * expected)
