"""What regularisers refuse, and what they say to do instead."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from helpers.watched import clustering, normal, penalty
from torch import Tensor, nn

from skdeepclust.regularizers import (
    ActivationRegularizer,
    ClusteringRegularizer,
    DeCovRegularizer,
    Regularizer,
)


def mlp(inplace: bool = False) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace), nn.Linear(5, 2))


def lstm() -> nn.Sequential:
    return nn.Sequential(nn.LSTM(4, 3))


def run_mlp(regularizer: Regularizer, network: nn.Module | None = None) -> Tensor:
    network = network or mlp()
    with regularizer.watch(network):
        network(torch.rand(6, 4))
    return regularizer.penalty()


def change_size(kind: str, *sizes: tuple[int, ...], reload: bool = False) -> None:
    regularizer = clustering(clustering=kind)
    for size in sizes:
        penalty(regularizer, normal(6, *size))
        if reload:
            regularizer = copy.deepcopy(regularizer)


def penalty_twice() -> None:
    regularizer = ActivationRegularizer(["0"])
    run_mlp(regularizer)
    regularizer.penalty()


def skip_a_layer() -> None:
    penalty(ActivationRegularizer(["a", "b"]), normal(6, 2))


def assign_without_centers() -> None:
    regularizer = ClusteringRegularizer(["0"])
    regularizer.attach(mlp(), (4,))
    regularizer.assign(torch.rand(6, 4), "0")


REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "no centres yet": (assign_without_centers, RuntimeError, "no centres of layer '0' yet"),
    "unknown layer": (
        lambda: run_mlp(DeCovRegularizer(["fc9"])),
        ValueError,
        r"no layer 'fc9' in Sequential; its layers are: 0, 1, 2",
    ),
    "the network itself": (lambda: run_mlp(DeCovRegularizer([""])), ValueError, "no layer ''"),
    "in place": (
        lambda: run_mlp(ActivationRegularizer(["0"]), mlp(inplace=True)),
        RuntimeError,
        r"'0' was overwritten.*ReLU\(inplace=True\).*Use inplace=False",
    ),
    "tuple": (
        lambda: run_mlp(ActivationRegularizer(["0"]), lstm()),
        TypeError,
        r"'0' returns tuple, not one tensor",
    ),
    "integers": (
        lambda: penalty(ActivationRegularizer(["a"]), torch.ones(3, 2, dtype=torch.int64)),
        TypeError,
        r"'a' returns torch.int64, not one tensor of floats",
    ),
    "auto without hidden": (
        lambda: run_mlp(ClusteringRegularizer(), nn.Sequential(nn.Tanh(), nn.Linear(4, 1))),
        ValueError,
        r"layers='auto'.*Sequential has none. Name layers; there are: 0, 1",
    ),
    "no watch": (
        lambda: ClusteringRegularizer(["0"]).penalty(),
        RuntimeError,
        r"penalty\(\) needs .*with regularizer.watch\(module\)",
    ),
    "second penalty": (penalty_twice, RuntimeError, r"one for each penalty"),
    "skipped layer": (skip_a_layer, RuntimeError, r"'b' did not run inside of `watch`"),
    "channels of a matrix": (
        lambda: penalty(clustering(clustering="channel"), normal(6, 2)),
        ValueError,
        r"channel clustering needs .*\(6, 2\).*Use 'sample'",
    ),
    "units": (lambda: change_size("sample", (4,), (5,)), ValueError, r"sample .*\(6, 5\)"),
    "channels": (
        lambda: change_size("spatial", (4, 2, 2), (5, 2, 2)),
        ValueError,
        r"spatial clustering has centres of 4 .*\(6, 5, 2, 2\)",
    ),
    "positions": (
        lambda: change_size("channel", (1, 2, 6), (1, 3, 4)),
        ValueError,
        r"channel .*\(2, 6\) positions.*\(6, 1, 3, 4\).*one size, or use 'spatial'",
    ),
    "positions after a copy": (
        lambda: change_size("sample", (1, 2, 6), (1, 3, 4), reload=True),
        ValueError,
        r"sample .*\(2, 6\) positions",
    ),
    "views of several sizes": (
        lambda: penalty(clustering(), normal(6, 2, 3), normal(6, 2, 4)),
        ValueError,
        r"'a' ran several times.*\(2, 3\), \(2, 4\)",
    ),
    "number of weights": (
        lambda: penalty(clustering(), normal(6, 2), sample_weight=torch.ones(4)),
        ValueError,
        r"sample_weight .* 6 samples.*got the shape \(4,\)",
    ),
    "matrix of weights": (
        lambda: penalty(clustering(), normal(6, 2), sample_weight=torch.ones(6, 1)),
        ValueError,
        r"sample_weight .*\(6, 1\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_misuse_is_refused_with_advice(name: str) -> None:
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


WRONG_LAYERS = [
    ("0", "layers must be 'auto', names or a dict, got '0'"),
    (3, r"layers must be .*got 3"),
    (None, r"layers must be .*got None"),
    ([], r"layers is empty: name at least one layer, or give 'auto'"),
    ({}, r"layers is empty"),
    (["0", "1", "0"], r"names a layer twice: \['0', '1', '0'\]"),
]
WRONG_WEIGHTS = [
    ({"0": {"weight": 1}}, r"option 'lam' only, got \['weight'\]"),
    ({"0": -1}, r"lam must be .*got -1"),
    ({"0": "high"}, r"lam must be .*got 'high'"),
]
WRONG_CLUSTERINGS = [
    ({"0": {"smooth": 1}}, r"options n_clusters.*got \['smooth'\]"),
    ({"0": ["sample", "sample"]}, r"'0' needs .* each of them once, got \['sample', 'sample'\]"),
    ({"0": ["sample", {"clustering": ["spatial", "sample"]}]}, r"'0' needs .*once"),
    ({"0": []}, r"'0' needs one or more clusterings"),
    ({"0": 5}, r"options of a layer are None.*got 5"),
    ({"0": "pixel"}, r"clustering must be .*got 'pixel'"),
]


@pytest.mark.parametrize(("layers", "message"), WRONG_LAYERS + WRONG_WEIGHTS, ids=repr)
@pytest.mark.parametrize("cls", [DeCovRegularizer, ActivationRegularizer])
def test_wrong_layers_of_simple_regularizers(cls: type, layers: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cls(layers)


@pytest.mark.parametrize(("layers", "message"), WRONG_LAYERS + WRONG_CLUSTERINGS, ids=repr)
def test_wrong_layers_to_cluster(layers: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClusteringRegularizer(layers)


VALUES = {
    "n_clusters": [0, -1, 2.0, True, "8", None],
    "lam": [-0.1, float("nan"), float("inf"), "1", True, None],
    "clustering": ["pixel", None, 3, ["sample", "pixel"], []],
    "smoothing": [0, 1.1, -1, float("nan"), "1", True],
    "center_gradient": ["eq4", None, True],
    "starved_below": [-0.1, 1, "0", float("nan"), False],
    "row_fraction": [0, 1.5, None],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in VALUES for value in VALUES[name]], ids=repr
)
def test_wrong_options_are_named_at_once(name: str, value: object) -> None:
    message = rf"{name} must be .*, got {'.*' if isinstance(value, list) else repr(value)}"
    with pytest.raises(ValueError, match=message):
        ClusteringRegularizer(**{name: value})
    with pytest.raises(ValueError, match=message):
        ClusteringRegularizer({"0": "sample", "2": {name: value}})
