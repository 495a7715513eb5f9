"""Fits that are stopped in the middle, and what has to be the same after they have gone on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from scipy.spatial.distance import cdist
from skorch.callbacks import (
    Callback,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
    LRScheduler,
)

from helpers.small_fits import DIGIT, GRAPH, KNOWN, NETWORKS, QUICK, outputs
from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
)
from skdeepclust._storage import checkpoint
from skdeepclust._training.listeners import CallbackTask


class RecordScaler(Callback):
    """Records what would else be seen in the first step that overflows, or the 2000th."""

    def on_epoch_end(self, net, **kwargs):
        net.history.record("n_steps", net.bound_.scaler.state_dict()["_growth_tracker"])


class Modes(TripletDECClusterer):
    """Keeps the mode in which each phase leaves the network."""

    @contextmanager
    def _fit_scope(self, *args, **options):
        with super()._fit_scope(*args, **options) as session:
            train = session.train

            def train_and_look(phase, *args, **options):
                train(phase, *args, **options)
                self.history_[-1]["mode"] = self.module_.training
                self.module_.eval()

            session.train = train_and_look
            yield session


def first_rows(codes: np.ndarray, n_clusters: int, random_state: int) -> np.ndarray:
    return codes[:n_clusters]


SLOW_STEPS = {"policy": "MultiStepLR", "milestones": [1, 3]}
# Beside the small fits of all estimators, those that keep something of a kind of its own.
FITS = {
    **NETWORKS,
    "early stopping": lambda: (
        ParsimoniousClassifier(
            n_clusters=3,
            early_stopping=True,
            validation_fraction=0.25,
            callbacks=[("freezer", Freezer("fc1.*"))],  # in the first epoch, for all
            n_iter_no_change=2,
            lr=0.05,
            **{**QUICK, "max_epochs": 12},
        ),
        (KNOWN, DIGIT[:60]),
    ),
    "callbacks": lambda: (
        ForcedApartEmbedder(
            batch_size=16,
            callbacks=[
                ("scheduler", LRScheduler(**SLOW_STEPS)),
                ("accuracy", EpochScoring("accuracy", lower_is_better=False, on_train=True)),
                ("stopping", EarlyStopping("train_loss", patience=1, threshold=0.1)),
                ("clipping", GradientNormClipping(1.0)),
            ],
            **{**QUICK, "max_epochs": 8},
        ),
        (KNOWN, DIGIT[:60] > 4),
    ),
    "scaled gradients": lambda: (
        ForcedApartEmbedder(
            precision="fp16", callbacks=[RecordScaler()], **{**QUICK, "max_epochs": 3}
        ),
        (KNOWN,),
    ),
    "attempts and radius": lambda: (
        TripletDECClusterer(
            3, contrast="triplet", negatives="radius", pretrain_epochs=2, warmup_epochs=2,
            batch_size=16, n_init=3, n_starts=3, module__hidden=(24,),
            **{**QUICK, "max_epochs": 3},
        ),
        (KNOWN,),
    ),
    "modes": lambda: (
        Modes(3, pretrain_epochs=1, warmup_epochs=1, n_init=1, module__hidden=(16,), **QUICK),
        (KNOWN,),
    ),
    "functions": lambda: (
        TAGnetClusterer(3, affinity=lambda a, b: np.exp(-cdist(a, b)), init=first_rows, **GRAPH),
        (KNOWN,),
    ),
    "targets and messages": lambda: (
        TAGnetClusterer(3, loss="target", batch_size=16, dtype="float64", **GRAPH),
        (KNOWN,),
    ),
}  # fmt: skip


class Stopped(Exception):
    """The fit was stopped from outside."""


@contextmanager
def after_an_epoch(counted: list[str]) -> Iterator[None]:
    """Stop each fit in its second epoch; `counted` gets the phase of each epoch that begins."""
    n_before = len(counted)

    def stops(phase: str) -> bool:
        counted.append(phase)
        return len(counted) - n_before == 2

    with stopped_epoch(stops):
        yield


@contextmanager
def after_epochs_of(phase: str, number: int) -> Iterator[None]:
    """Stop when so many epochs of a phase have begun, in whatever fits."""
    begun = []

    def stops(phase_of_epoch: str) -> bool:
        begun.append(phase_of_epoch)
        return begun.count(phase) == number

    with stopped_epoch(stops):
        yield


@contextmanager
def stopped_epoch(stops: Callable[[str], bool]) -> Iterator[None]:
    begin = CallbackTask.begin_epoch

    def stopping(task, net, epoch):
        if stops(net.phase_):
            raise Stopped
        begin(task, net, epoch)

    CallbackTask.begin_epoch = stopping
    try:
        yield
    finally:
        CallbackTask.begin_epoch = begin


@contextmanager
def after_a_file(counted: list[str]) -> Iterator[None]:
    """Stop each fit when it has written its second file; `counted` gets their names."""
    write, n_before = checkpoint.write_file, len(counted)

    def stopping(path, *args):
        write(path, *args)
        counted.append(path.name)
        if len(counted) - n_before == 2:
            raise Stopped

    checkpoint.write_file = stopping
    try:
        yield
    finally:
        checkpoint.write_file = write


def fitted_with_stops(model, arguments, stop: Callable, counted: list[str]):
    """Fit a model that is stopped again and again; return it and the number of stops."""
    for n_stops in range(1000):
        try:
            with stop(counted):
                return model.fit(*arguments), n_stops
        except Stopped:
            assert not hasattr(model, "module_")
    raise AssertionError("the fit makes no progress")


def result(model) -> dict[str, np.ndarray]:
    """Return, by names, all that a fit came to: what the next warm start goes on from included."""
    found = {f"output {i}": value for i, value in enumerate(outputs(model))}
    found |= {f"weight {name}": value.cpu().numpy() for name, value in weights(model).items()}
    for name in ("labels_", "cluster_centers_", "attempt_", "n_iter_", "reconstruction_err_"):
        if isinstance(value := getattr(model, name, None), (np.ndarray, int, float)):
            found[name] = np.asarray(value)
    for i, row in enumerate(model.history_):
        found |= {f"history {i} {k}": np.asarray(v) for k, v in row.items() if k != "seconds"}
    for name, state in model._resume.generators.items():
        found[f"generator {name}"] = state.numpy()
    for i, of_weight in (model._resume.optimizer or {"moments": {}})["moments"].items():
        found |= {f"moment {i} {name}": value.cpu().numpy() for name, value in of_weight.items()}
    rates = [group["lr"] for group in model.net_.optimizer_.param_groups]
    return {**found, "learning rates": np.asarray(rates)}


def weights(model) -> dict[str, torch.Tensor]:
    trained = torch.nn.ModuleList([model.module_, *model.regularizers_])
    return {k: v for k, v in trained.state_dict().items() if isinstance(v, torch.Tensor)}


def assert_same_result(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    """Assert that two fits came to the same, bit for bit."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name, strict=True)
