"""Recorded training steps: one replay a step, the same results, and as ever where they can't be."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from helpers.recorded_graphs import ProcessorGraphs
from helpers.small_fits import KNOWN, NETWORKS
from sklearn.base import clone
from skorch.callbacks import Callback, EpochTimer, Freezer
from torch import nn

from skdeepclust import IDECClusterer, TAGnetClusterer, TripletDECClusterer
from skdeepclust._engine import captured
from skdeepclust.persistence import load, save


@pytest.fixture
def graphs(monkeypatch) -> list[ProcessorGraphs]:
    """Let this processor record; return what has recorded."""
    made: list[ProcessorGraphs] = []

    def make(device: torch.device) -> ProcessorGraphs:
        made.append(ProcessorGraphs())
        return made[-1]

    monkeypatch.setattr(captured, "CudaGraphs", make)
    monkeypatch.setattr(captured, "_why_not", lambda device, n_processes: "")
    return made


DEVICES = ["cpu", *(["cuda"] * torch.cuda.is_available())]
RADIUS = {"contrast": "triplet", "negatives": "radius"}
FITS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in NETWORKS},
    # so many steps after a single epoch of warm-up lose a cluster at the usual rate
    "triplet dec with links": ("triplet dec with links", {"lr": 3e-4}),
    "triplet dec, triplets": ("triplet dec", RADIUS),
}


def model_of(name: str, **options: Any) -> tuple[Any, tuple]:
    """Return an estimator that takes five batches an epoch, and what it is fitted to."""
    network, own = FITS[name]
    model, arguments = NETWORKS[network]()
    return model.set_params(batch_size=12, **{"device": "cpu", **own, **options}), arguments


def numbers(model) -> dict[str, np.ndarray]:
    state = model.module_.state_dict()
    losses = [row["loss"] for row in model.history_]
    return {
        **{name: each.cpu().numpy() for name, each in state.items()},
        "losses": np.array(losses),
    }


@pytest.mark.usefixtures("few_head_steps")
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", FITS)
def test_recorded_steps_come_to_the_same(name, device, request):
    made = request.getfixturevalue("graphs") if device == "cpu" else []
    plain, arguments = model_of(name, device=device)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="compile=")
        recorded = model_of(name, device=device, compile="cuda_graph")[0].fit(*arguments)
    assert all(own.n_replayed > 2 * own.n_recorded > 0 for own in made)
    assert_same(recorded, plain.fit(*arguments))


def autoencoder(network: nn.Module | None = None, X: np.ndarray = KNOWN, **options):
    """Return a clusterer that has trained its autoencoder alone: two epochs, batches of twelve."""
    untrained = {"warmup_epochs": 0, "max_epochs": 0, "n_neighbors": 0, "init": "kmeans"}
    training = {"pretrain_epochs": 2, "batch_size": 12, "device": "cpu", "random_state": 0}
    return TripletDECClusterer(3, module=network, **untrained, **training, **options).fit(X)


@pytest.mark.parametrize(
    ("n_samples", "recorded", "replayed"),
    # five batches of twelve an epoch; four of twelve and one of eleven
    [(60, 1, 9), (59, 2, 8)],
)
def test_a_step_is_one_replay(graphs, n_samples, recorded, replayed):
    autoencoder(X=KNOWN[:n_samples], compile="cuda_graph")
    (own,) = graphs
    assert (own.n_aside, own.n_recorded, own.n_replayed) == (recorded, recorded, replayed)


def test_what_changes_between_epochs_is_recorded_anew(graphs):
    autoencoder(compile="cuda_graph", callbacks=[EpochTimer()])
    (own,) = graphs
    assert (own.n_aside, own.n_recorded, own.n_replayed) == (2, 2, 8)


@pytest.mark.parametrize(
    ("model", "n_phases"),
    [
        (
            TripletDECClusterer(
                3, image_shape=(8, 8), pretrain_epochs=1, warmup_epochs=1, n_starts=1, max_epochs=4
            ),
            3,
        ),
        (IDECClusterer(3, pretrain_epochs=1, max_epochs=4, module__hidden=(8,)), 2),
        # its clustering phase takes all samples at once
        (TAGnetClusterer(3, loss="target", max_epochs=6, auxiliary_clusters=None), 2),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.usefixtures("few_head_steps")
def test_targets_that_change_stay_where_they_are_read(graphs, model, n_phases):
    options = {} if isinstance(model, TAGnetClusterer) else {"batch_size": 12}
    model = model.set_params(device="cpu", random_state=0, compile="cuda_graph", **options)
    model.fit(KNOWN)
    (own,) = graphs
    assert (own.n_aside, own.n_recorded) == (n_phases, n_phases)
    assert_same(model, clone(model).set_params(compile=False).fit(KNOWN))


class Network(nn.Module):
    """Rows to rows by way of two numbers, and some Python on the way."""

    def __init__(self, n_features: int = 64):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(n_features, 2), nn.Linear(2, n_features)

    def encode(self, x):
        return self.encoder(x) + self.shift(x)

    def decode(self, code):
        return self.decoder(code)

    def forward(self, x):
        return self.decode(self.encode(x))

    def shift(self, x):
        return 0.0


class Counting(Network):
    n_steps = 0

    def shift(self, x):
        self.n_steps += self.training
        return self.n_steps / 10 * x[:, :1]


class Looking(Network):
    def shift(self, x):
        return float(x.mean())


class Averaging(Network):
    """Keeps a slow mean by assignment: a recording goes on writing to the first one."""

    def __init__(self, n_features: int = 64):
        super().__init__(n_features)
        self.register_buffer("mean", torch.zeros(2))

    def encode(self, x):
        code = self.encoder(x)
        if self.training:
            self.mean = 0.999 * self.mean + 0.001 * code.detach().mean(0)
        return code


class Drawing(Network):
    def shift(self, x):
        return random.random()


ANOTHER = "gives something else when it is recorded"


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (Counting, ANOTHER),
        (Averaging, ANOTHER),
        (Looking, "can't be recorded"),
        (Drawing, "draws random numbers on the processor"),
    ],
)
def test_what_python_decides_is_taken_as_it_is(graphs, network, said):
    expected = autoencoder(seeded(network))
    with pytest.warns(UserWarning, match=f"a step of phase 'reconstruction' {said}") as told:
        found = autoencoder(seeded(network), compile="cuda_graph")
    assert len(told) == 1
    (own,) = graphs
    assert own.n_replayed <= 2
    if network is not Counting:  # which has counted while it was compared, too
        assert_same(found, expected)


def seeded(network: type[Network]) -> Network:
    random.seed(0)
    torch.manual_seed(0)
    return network()


class Scaling(Network):
    """Keeps the largest value in a buffer that no file has."""

    def __init__(self, n_features: int = 64):
        super().__init__(n_features)
        self.register_buffer("largest", torch.zeros(()), persistent=False)

    def encode(self, x):
        code = self.encoder(x)
        if self.training:
            self.largest.mul_(0.9).add_(code.detach().abs().max(), alpha=0.1)
        return code + 0.1 * self.largest


def test_buffers_that_no_file_has_are_put_back_after_the_comparison(graphs):
    expected, found = (autoencoder(seeded(Scaling), compile=how) for how in (False, "cuda_graph"))
    assert graphs[0].n_replayed == 9
    assert_same(found, expected)
    assert found.module_.autoencoder.largest == expected.module_.autoencoder.largest


class Freezing(Callback):
    def on_batch_end(self, net, training, **kwargs):
        if training:
            net.module_.autoencoder.encoder.requires_grad_(False)


def test_steps_that_a_callback_changes_are_taken_as_they_are(graphs):
    with pytest.warns(UserWarning, match="a callback hears of each step"):
        found = autoencoder(seeded(Network), callbacks=[Freezing()], compile="cuda_graph")
    assert graphs[0].n_replayed == 0
    assert_same(found, autoencoder(seeded(Network), callbacks=[("freeze", Freezing())]))


def test_a_weight_that_is_frozen_between_epochs_stays_where_it_is(graphs):
    frozen = [Freezer("autoencoder.encoder*", at=2)]
    expected, found = (
        autoencoder(seeded(Network), callbacks=frozen, compile=how) for how in (False, "cuda_graph")
    )
    assert graphs[0].n_recorded == 2
    assert_same(found, expected)


def assert_same(model, other) -> None:
    expected = numbers(other)
    for key, value in numbers(model).items():
        np.testing.assert_array_equal(value, expected[key], err_msg=key)


def test_a_processor_records_nothing_and_says_so():
    with pytest.warns(UserWarning, match="compile='cuda_graph': device 'cpu' records nothing"):
        found = autoencoder(compile="cuda_graph")
    assert_same(found, autoencoder())


def test_another_word_is_refused():
    with pytest.raises(ValueError, match="The 'compile' parameter of TripletDECClusterer"):
        autoencoder(compile="graph")


def test_a_fit_that_was_saved_goes_on_with_recorded_steps(graphs, tmp_path):
    whole, arguments = model_of("autoencoder", compile="cuda_graph", warm_start=True)
    save(whole.fit(*arguments), tmp_path / "model.zip")
    assert_same(load(tmp_path / "model.zip").fit(*arguments), whole.fit(*arguments))
