"""Training steps of all estimators leave the device alone: no waiting, no tensor from elsewhere."""

from __future__ import annotations

import contextlib
import itertools
import pickle
import warnings

import numpy as np
import pytest
import torch
from helpers.abstract_steps import steps_on_meta
from helpers.plain_autoencoder import assert_same_weights
from helpers.small_fits import DIGIT, GRAPH, KNOWN, NETWORKS, QUICK, fitted, outputs
from helpers.stopped_fits import after_a_file, after_an_epoch, fitted_with_stops, result
from sklearn.base import clone
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
)
from skdeepclust._engine.rng import deterministic
from skdeepclust._training.phase_net import PhaseNet
from skdeepclust._training.regularization import attach
from skdeepclust.losses._forced_apart import _numbered
from skdeepclust.regularizers import ClusteringRegularizer, DeCovRegularizer
from skdeepclust.triplet_dec import PAPER_SETTINGS

pytestmark = pytest.mark.usefixtures("few_head_steps")

COARSE = DIGIT[:60] > 4
WEIGHT = np.linspace(0.5, 1.5, 60)
PART = np.where(np.arange(60) % 3, DIGIT[:60] > 4, -1)
WORDS = np.random.default_rng(0).integers(0, 20, (60, 9))
IMAGES = {"image_shape": (8, 8), **QUICK}
EPOCHS = {"pretrain_epochs": 1, "warmup_epochs": 1, "max_epochs": 1, "n_init": 1}
ON_LAYERS = [
    ClusteringRegularizer(["autoencoder.encoder.0"], n_clusters=4, clustering="spatial"),
    DeCovRegularizer(["autoencoder.to_embedding"]),
]

CASES = {
    **NETWORKS,
    "triplets": lambda: (
        TripletDECClusterer(3, **{**PAPER_SETTINGS, **EPOCHS}, random_state=0),
        (KNOWN, None, WEIGHT),
    ),
    "radius and prior": lambda: (
        TripletDECClusterer(
            3, negatives="radius", cluster_prior="estimated", target_view="clean",
            regularizers=ON_LAYERS, **{**IMAGES, **EPOCHS},
        ),
        (KNOWN,),
    ),
    "spatial and exact": lambda: (
        ParsimoniousClassifier(
            n_clusters=4, clustering="spatial", layers=["conv1"], center_gradient="exact", **IMAGES
        ),
        (KNOWN, DIGIT[:60], WEIGHT),
    ),
    "channels": lambda: (
        ParsimoniousClassifier(n_clusters=4, clustering="channel", layers=["conv2"], **IMAGES),
        (KNOWN, DIGIT[:60]),
    ),
    "a part of the labels": lambda: (ForcedApartEmbedder(**QUICK), (KNOWN, PART, WEIGHT)),
    "no labels": lambda: (ForcedApartEmbedder(**IMAGES), (KNOWN,)),
    "sequences": lambda: (ForcedApartEmbedder(**QUICK), (KNOWN.reshape(-1, 8, 8), COARSE)),
    "words": lambda: (
        ForcedApartEmbedder(vocabulary_size=20, loss="multi", **QUICK), (WORDS, COARSE)
    ),
    "batches of a graph": lambda: (TAGnetClusterer(3, batch_size=20, **GRAPH), (KNOWN,)),
    "margins of a graph": lambda: (TAGnetClusterer(3, loss="max_margin", **GRAPH), (KNOWN,)),
    "entropy without a graph": lambda: (
        TAGnetClusterer(3, loss="entropy", graph_weight=0, **GRAPH), (KNOWN,)
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", CASES)
def test_steps_need_no_number_and_no_other_device(name, monkeypatch):
    model, arguments = CASES[name]()
    if model.batch_size != "auto":
        model.set_params(batch_size=20)
    with steps_on_meta(monkeypatch) as phases:
        model.fit(*arguments)
    assert set(phases) == {row["phase"] for row in model.history_}
    assert min(phases.values()) >= 2


@pytest.mark.parametrize(
    "wrong",
    [
        lambda loss: loss * float(loss.detach()),
        lambda loss: loss + (loss > 0).nonzero().sum(),
        lambda loss: loss + torch.zeros(3).sum(0, keepdim=True)[0] * torch.ones(3).to(loss).sum(),
        lambda loss: (loss.expand(3) @ torch.ones(3)).sum(),
        lambda loss: loss.double(),
    ],
)
def test_wrong_steps_are_found(wrong, monkeypatch):
    class Wrong(ParsimoniousClassifier):
        def _loss(self, x, idx, y, sample_weight=None):
            parts = super()._loss(x, idx, y, sample_weight)
            return {**parts, "loss": wrong(parts["loss"])}

    with steps_on_meta(monkeypatch), pytest.raises((RuntimeError, AssertionError)):
        Wrong(n_clusters=4, batch_size=20, **QUICK).fit(KNOWN, DIGIT[:60])


WAITING = {
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "_unique2",
    "unique_dim",
    "unique_consecutive",
}


class Waits(TorchDispatchMode):
    """Counts what a GPU would be waited for: numbers that are read, shapes that depend on them."""

    def __init__(self) -> None:
        super().__init__()
        self.n_waits = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        chosen = args[1] if name in ("index", "index_put_") else ()
        by_mask = any(x is not None and x.dtype is torch.bool for x in chosen)
        self.n_waits += name in WAITING or by_mask
        return func(*args, **(kwargs or {}))


class Synchronizations(warnings.catch_warnings):
    """Counts what CUDA says that it is waited for."""

    def __init__(self) -> None:
        super().__init__(record=True)

    def __enter__(self) -> Synchronizations:
        self.told = super().__enter__()
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        return self

    def __exit__(self, *error) -> None:
        torch.cuda.set_sync_debug_mode("default")
        self.n_waits = sum("called a synchronizing" in str(each.message) for each in self.told)
        super().__exit__(*error)


def most_waits(name: str, batch_size: int, monkeypatch, device="cpu", counter=Waits) -> int:
    """Return how often an epoch waits, the worst one."""
    run_epoch, counts = PhaseNet.run_single_epoch, []

    def counted(self, *args, **kwargs):
        with counter() as waits:
            run_epoch(self, *args, **kwargs)
        counts.append(waits.n_waits)

    model, arguments = CASES[name]()
    # plain SGD: on a CPU Adam's step counter is on the host and read there
    model.set_params(device=device, optimizer="sgd", lr=1e-3, batch_size=batch_size)
    with monkeypatch.context() as patch:
        patch.setattr(PhaseNet, "run_single_epoch", counted)
        # as on all devices but the CPU, where nobody waits
        patch.setattr("skdeepclust.losses._forced_apart._counted", _numbered)
        model.fit(*arguments)
    return max(counts)


DEVICES = ["cpu", *(["cuda"] * torch.cuda.is_available())]
DEVICES += ["mps"] * torch.backends.mps.is_available()
# On the CPU tests of checkpoints and of files hold the same of all of them.
FITS_ELSEWHERE = [("classifier", "cpu"), *itertools.product(NETWORKS, DEVICES[1:])]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", CASES)
def test_epochs_do_not_wait_for_each_batch(name, monkeypatch):
    few, many = (most_waits(name, size, monkeypatch) for size in (30, 12))
    assert few == many
    # regularisers draw their centres once, with two waits a layer and two where rows have weights
    assert many <= 14
    assert many == 0 or regularizes(name)


def regularizes(name: str) -> bool:
    model, _ = CASES[name]()
    return (hasattr(model, "lam") and hasattr(model, "center_gradient")) or bool(model.regularizers)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CASES)
def test_a_seed_gives_the_same_bits_on_every_device_of_this_machine(name, device, monkeypatch):
    model, arguments = CASES[name]()
    other = clone(model.set_params(device=device)).fit(*arguments)
    model.fit(*arguments)
    assert next(model.module_.parameters()).device.type == device
    for a, b in zip(model.history_, other.history_, strict=True):
        assert {**a, "seconds": None} == {**b, "seconds": None}
    assert_same_weights(model, other)
    if hasattr(model, "predict"):
        assert len(model.predict(KNOWN if arguments[0] is KNOWN else arguments[0])) == 60
    if hasattr(model, "transform"):
        assert np.isfinite(model.transform(arguments[0])).all()
    if device == "cuda":
        few, many = (
            most_waits(name, size, monkeypatch, device, Synchronizations) for size in (30, 12)
        )
        assert few == many
        assert many <= 1 or regularizes(name)  # the losses are read once, at the epoch's end


@pytest.mark.parametrize("before", [(False, True), (True, False), (False, False)])
def test_settings_of_cudnn_are_those_of_a_fit_in_it_alone(before, monkeypatch):
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, "deterministic", before[0])
    monkeypatch.setattr(cudnn, "benchmark", before[1])
    with contextlib.suppress(RuntimeError), deterministic(torch.device("cuda")):
        assert (cudnn.deterministic, cudnn.benchmark) == (True, False)
        raise RuntimeError
    assert (cudnn.deterministic, cudnn.benchmark) == before
    with deterministic(torch.device("cpu")):
        assert (cudnn.deterministic, cudnn.benchmark) == before


def test_settings_of_cudnn_last_as_long_as_any_thread_needs_them(monkeypatch):
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, "deterministic", False)
    first, second = (deterministic(torch.device("cuda")) for _ in range(2))
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert cudnn.deterministic
    second.__exit__(None, None, None)
    assert not cudnn.deterministic


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("stop", [after_an_epoch, after_a_file])
@pytest.mark.parametrize(("name", "device"), FITS_ELSEWHERE)
def test_a_stopped_fit_goes_on_on_its_device(name, stop, device, tmp_path):
    model, arguments = NETWORKS[name]()
    model.set_params(device=device)
    expected = result(clone(model).fit(*arguments))
    model, n_stops = fitted_with_stops(
        model.set_params(checkpoint=tmp_path / "folder"), arguments, stop, []
    )
    assert n_stops > 0
    found = result(model)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value, key)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("name", "device"), FITS_ELSEWHERE)
def test_a_loaded_fit_goes_on_on_its_device(name, device):
    one, arguments = NETWORKS[name]()
    one.set_params(device=device, warm_start=True).fit(*arguments)
    other = pickle.loads(pickle.dumps(one))
    for model in (one, other):
        model.set_params(max_epochs=1).fit(*arguments)
    assert_same_weights(one, other)


def test_a_loaded_state_is_on_the_device_that_the_network_was_on():
    for name in ("tagnet", "classifier"):
        model = fitted(name)
        model.module_.to("meta")
        for each in model.regularizers_:
            each.to("meta")
        state = nn.ModuleList([model.module_, *model.regularizers_]).state_dict()
        model.regularizers_ = model._own_regularizers()
        attach(model.regularizers_, model.module_, model._input)
        whole = nn.ModuleList([model.module_, *model.regularizers_])
        whole.load_state_dict(state)
        kept = whole.state_dict().values()
        assert {each.device.type for each in kept if isinstance(each, torch.Tensor)} == {"meta"}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("name", "device"), FITS_ELSEWHERE)
def test_another_device_gives_the_same_answers(name, device):
    """What was fitted on a CPU answers as it does there, in double precision, elsewhere."""
    model, arguments = NETWORKS[name]()
    model.set_params(device="cpu", dtype="float64").fit(*arguments)
    elsewhere = pickle.loads(pickle.dumps(model.set_params(device=device)))
    assert next(elsewhere.module_.parameters()).device.type == device
    for here, there in zip(outputs(model), outputs(elsewhere), strict=True):
        if here.dtype.kind == "f":
            np.testing.assert_allclose(there, here, rtol=1e-9, atol=1e-9)
        else:
            np.testing.assert_array_equal(there, here)
